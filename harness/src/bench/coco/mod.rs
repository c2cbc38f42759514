//! Results in the data format of COCO, so that its `cocopp` reads them and draws its pages.
//!
//! One folder an optimizer, and in it what the observer of `cocoex` 2.8.2 writes for the suite `bbob`:
//!
//! | file | what it holds |
//! |---|---|
//! | `bbobexp_f8.info` | for each dimension, what was run and how each trial ended |
//! | `data_f8/bbobexp_f8_DIM10.dat` | trial by trial, the evaluations at which the gap fell to a power of 10^(1/10), and the last one |
//! | `data_f8/bbobexp_f8_DIM10.tdat` | trial by trial, the lowest gap at ⌊10^(k/20)⌋ evaluations, and at the last one |
//!
//! It differs from the observer's in what a results folder does not know or does not need. Rows name no point, as COCO's own above 22
//! dimensions. The lowest loss stands for the loss of the very evaluation. In `.tdat` the evaluations D, 2 D, 5 D, 10 D, ...
//! are no triggers, because traces are exact at the others only. The files `.rdat` and `.mdat`, of restarts and recommendations, hold
//! nothing but headers there and are left out.
//!
//! Source: Hansen et al. 2021, "COCO: a platform for comparing continuous optimizers in a black-box setting",
//! doi:10.1080/10556788.2020.1808977.

mod folder;
mod number;
mod ours;
mod trial;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{Contestant, Record, Results, Subject};
use crate::{
    Result,
    problem::{self, Options},
};
use trial::Trial;

/// The dimensions of COCO's suite.
const DIMS: [usize; 6] = [2, 3, 5, 10, 20, 40];

/// A problem of COCO's suite.
#[derive(Debug)]
struct Course<'a> {
    subject: &'a Subject,
    function: u32,
    instance: u32,
    minimum: f64,
}

/// The trials of one optimizer, by function and dimension; those of a group in the order of their instances, then seeds.
type Groups<'a> = BTreeMap<u32, BTreeMap<usize, Vec<Trial<'a>>>>;

/// Writes a folder for each optimizer into this one, and gives their paths. Whoever looks sees a folder's old files or its new ones,
/// never a mixture.
///
/// Only runs on `bbob` in COCO's dimensions are exported; an optimizer without any gets no folder. Seeds of one instance are trials
/// of their own. A run that ended before its first evaluation is left out: the format has no place for it.
///
/// # Errors
/// [`Error::File`](crate::Error::File) when something that no export wrote is where such a folder goes, and nothing is written then;
/// [`Error::Io`](crate::Error::Io).
pub fn export(results: &Results, folder: &Path) -> Result<Vec<PathBuf>> {
    clean(folder);
    let courses = courses(results)?;
    let whose = results.optimizers.iter().map(|who| (who, groups(&courses, |on| results.runs(&who.label, &on.address))));
    let whose: Vec<(&Contestant, Groups<'_>)> = whose.filter(|(_, groups)| !groups.is_empty()).collect();
    let mut paths: Vec<PathBuf> = vec![];
    for (contestant, _) in &whose {
        let path = folder::unused(folder, &contestant.label, &paths);
        ours::check(&path)?;
        paths.push(path);
    }
    for (path, (contestant, groups)) in paths.iter().zip(&whose) {
        folder::write(path, contestant, groups)?;
    }
    Ok(paths)
}

/// Removes what an export to this folder left in it that was killed.
pub fn clean(folder: &Path) {
    folder::clean(folder);
}

fn courses(results: &Results) -> Result<Vec<Course<'_>>> {
    let mut courses: Vec<_> =
        results.problems.iter().filter_map(|subject| Course::of(subject).transpose()).collect::<Result<_>>()?;
    courses.sort_by_key(|course| course.instance);
    Ok(courses)
}

fn groups<'a>(courses: &[Course<'a>], runs: impl Fn(&Subject) -> &'a [Record]) -> Groups<'a> {
    let mut groups = Groups::new();
    for course in courses {
        for run in runs(course.subject).iter().filter(|run| run.evaluations > 0) {
            let trials = groups.entry(course.function).or_default().entry(course.subject.dim).or_default();
            trials.push(Trial { run, instance: course.instance, minimum: course.minimum });
        }
    }
    groups
}

impl<'a> Course<'a> {
    /// None of what is not in COCO's suite.
    fn of(subject: &'a Subject) -> Result<Option<Self>> {
        let Some(function) = subject.name.strip_prefix("bbob/f").and_then(|number| number.parse().ok()) else { return Ok(None) };
        let (entry, options) = problem::resolve(&subject.address, &Options::default())?;
        // An address that says more than this is of a function with noise, or changed in another way.
        let plain = Options { dim: options.dim, instance: options.instance, ..Options::default() };
        let (Some(instance), true) = (options.instance, entry.address(&plain) == subject.address) else { return Ok(None) };
        if !DIMS.contains(&subject.dim) {
            return Ok(None);
        }
        let minimum = entry.build(&plain)?.minimum();
        Ok(minimum.map(|minimum| Self { subject, function, instance, minimum }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(address: &str) -> Option<(u32, u32, f64)> {
        let (name, rest) = address.rsplit_once("/d").expect("a dimension");
        let dim = rest.split('/').next().and_then(|dim| dim.parse().ok()).expect("a number");
        let (summary, group, measures) = (String::new(), String::new(), vec![]);
        let subject = Subject { address: address.into(), name: name.into(), summary, group, dim, gaps: true, measures };
        Course::of(&subject).expect("known").map(|c| (c.function, c.instance, c.minimum))
    }

    #[test]
    fn problems_of_the_suite_are_told_from_others() {
        // The minima are those in headers that cocoex wrote.
        assert_eq!(course("bbob/f08/d2/i1"), Some((8, 1, 149.15)));
        assert_eq!(course("bbob/f12/d40/i3"), Some((12, 3, 56.61)));
        assert_eq!(["bbob/f08/d4/i1", "bbob/f08/d2/i1/cauchy", "classic/sphere/d2"].map(course), [None, None, None]);
    }
}
