//! Questions answered by measurement: optimizers side by side at equal evaluations, and a page of what came of it.
//!
//! A study is a file of JSON: questions, each with its arms and with the sentence that is concluded, which is written by hand once the
//! figures are there. Its arms are run as [races](crate::race), one for each problem and length, so that an arm of two questions is run once.

mod grid;
mod page;

use std::{fs, path::Path};

use moths::Spec;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result, files, names,
    problem::{self, Options},
    race::Race,
};
pub use page::{drawn, tables};

/// The studies that are part of this program.
const STUDIES: [(&str, &str); 2] = [
    ("founding-questions", include_str!("../../data/studies/founding-questions.json")),
    ("ensembles", include_str!("../../data/studies/ensembles.json")),
];

/// Questions, and how they are answered.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Study {
    /// What its page is called.
    pub title: String,
    /// Every arm is run with the seeds 1 to this.
    pub seeds: u64,
    /// What is asked.
    pub questions: Vec<Question>,
}

/// A question, and who is measured to answer it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The question, in words.
    pub question: String,
    /// The problem of all arms that name no other; or several, of which each is a column of the table.
    pub problem: Problems,
    /// What it is built with.
    #[serde(default)]
    pub options: Options,
    /// The budget of all arms that name no other.
    pub evaluations: u64,
    /// What is compared.
    pub arms: Vec<Arm>,
    /// What is concluded.
    #[serde(default)]
    pub conclusion: String,
}

/// What is searched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Problems {
    /// A problem.
    One(String),
    /// Problems beside each other.
    Several(Vec<String>),
}

impl Problems {
    /// Their addresses.
    pub fn all(&self) -> &[String] {
        match self {
            Self::One(problem) => std::slice::from_ref(problem),
            Self::Several(problems) => problems,
        }
    }
}

/// One of the things that are compared.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// What it is called.
    pub label: String,
    /// Who runs.
    pub optimizer: Spec,
    /// Its problem, if it is another than that of the question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// What that is built with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Options>,
    /// Its budget, if it is another than that of the question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluations: Option<u64>,
}

impl Study {
    /// The study of this name, or that of a file of JSON. Gives its name, too.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a name that no study has; [`Error::Io`]; [`Error::File`] for a file that is no study.
    pub fn find(name: &str) -> Result<(String, Self)> {
        let path = Path::new(name);
        if path.extension().is_some_and(|extension| extension == "json") {
            let text = fs::read_to_string(path).map_err(|source| Error::Io { path: path.into(), source })?;
            let stem = path.file_stem().map_or_else(|| name.to_owned(), |stem| stem.to_string_lossy().into_owned());
            return Ok((stem, Self::read(path, &text)?));
        }
        let known = STUDIES.iter().map(|(name, _)| *name);
        let (name, text) = STUDIES.iter().find(|(one, _)| *one == name).ok_or_else(|| Error::unknown("study", name, known))?;
        Ok(((*name).to_owned(), Self::read(Path::new(name), text)?))
    }

    fn read(path: &Path, text: &str) -> Result<Self> {
        let refused = |why: String| Error::File { path: path.into(), why };
        let mut study: Self = serde_json::from_str(text).map_err(|e| refused(format!("is no study: {e}")))?;
        let is_empty = |question: &Question| question.arms.is_empty() || question.problem.all().is_empty();
        if study.seeds == 0 || study.questions.iter().any(is_empty) {
            return Err(refused("is no study: it needs one seed at least, and one problem and one arm a question".into()));
        }
        let alone = |question: &Question| question.arms.iter().all(|arm| arm.problem.is_none());
        if let Some(question) = study.questions.iter().find(|question| question.is_grid() && !alone(question)) {
            let why = format!("`{}` has several problems, and an arm with another", question.question);
            return Err(refused(why));
        }
        for arm in study.questions.iter_mut().flat_map(|question| &mut question.arms) {
            arm.optimizer = names::settled(arm.optimizer.clone());
        }
        Ok(study)
    }

    /// What is to be run: a race for each problem and budget, with everybody who runs there.
    ///
    /// # Errors
    /// As [`Race::check`].
    pub fn races(&self) -> Result<Vec<Race>> {
        let mut races: Vec<Race> = vec![];
        for question in &self.questions {
            for arm in &question.arms {
                for course in question.courses(arm, self.seeds)? {
                    let at = races.iter().position(|race| same_course(race, &course)).unwrap_or(races.len());
                    if at == races.len() {
                        races.push(course);
                    }
                    if !races[at].racers.contains(&arm.optimizer) {
                        races[at].racers.push(arm.optimizer.clone());
                    }
                }
            }
        }
        races.iter().try_for_each(|race| race.check().map(drop))?;
        Ok(races)
    }
}

impl Question {
    /// Has it a column a problem?
    fn is_grid(&self) -> bool {
        matches!(self.problem, Problems::Several(_))
    }

    /// The races that an arm runs in, one a problem, without anybody in them.
    fn courses(&self, arm: &Arm, seeds: u64) -> Result<Vec<Race>> {
        let (own, options) = (arm.problem.as_ref().map(std::slice::from_ref), arm.options.as_ref().unwrap_or(&self.options));
        let course = |problem: &String| {
            let (entry, options) = problem::resolve(problem, options)?;
            let evaluations = arm.evaluations.unwrap_or(self.evaluations);
            Ok(Race { problem: entry.name, options, racers: vec![], seeds, evaluations })
        };
        own.unwrap_or_else(|| self.problem.all()).iter().map(course).collect()
    }
}

/// Do two races differ in nothing but who runs?
fn same_course(one: &Race, other: &Race) -> bool {
    one.problem == other.problem && one.options == other.options && one.evaluations == other.evaluations
}

/// The folder of a race among those of a study: what its runs must have in common.
pub fn folder(race: &Race) -> String {
    let options = Options { dim: None, instance: None, data: None, ..race.options.clone() };
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let said: String = serde_json::to_string(&options).unwrap_or_default().chars().map(plain).collect();
    let said: Vec<&str> = said.split('-').filter(|word| !word.is_empty()).collect();
    let parts = [files::file_name(&race.address()), race.evaluations.to_string(), said.join("-")];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn study(arms: &str) -> Result<Study> {
        let text = format!(
            r#"{{"title": "T", "seeds": 2, "questions": [
                {{"question": "Q?", "problem": "sphere", "options": {{"dim": 3}}, "evaluations": 200, "arms": {arms}, "conclusion": "C."}}
            ]}}"#
        );
        Study::read(Path::new("a.json"), &text)
    }

    #[test]
    fn the_studies_of_the_program_can_be_run() -> Result<()> {
        for (name, _) in STUDIES {
            let (found, study) = Study::find(name)?;
            assert!(found == name && !study.races()?.is_empty());
        }
        assert!(matches!(Study::find("founding-question"), Err(Error::Unknown { .. })));
        Ok(())
    }

    #[test]
    fn who_runs_twice_on_a_course_is_run_once() -> Result<()> {
        let arms = r#"[{"label": "a", "optimizer": "pso"}, {"label": "b", "optimizer": {"name": "pso"}},
            {"label": "c", "optimizer": "jade"}, {"label": "d", "optimizer": "pso", "evaluations": 100}]"#;
        let races = study(arms)?.races()?;
        let racers = |race: &Race| race.racers.iter().map(|spec| spec.name.clone()).collect::<Vec<_>>();
        assert_eq!(races.iter().map(racers).collect::<Vec<_>>(), [vec!["pso", "jade"], vec!["pso"]]);
        assert_eq!(races.iter().map(folder).collect::<Vec<_>>(), ["classic-sphere-d3-200", "classic-sphere-d3-100"]);
        Ok(())
    }

    #[test]
    fn what_is_no_study_is_refused() {
        let why = |arms| study(arms).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(why("[]").contains("one arm a question"), "{}", why("[]"));
        let stranger = why(r#"[{"label": "a", "optimizer": "pso", "seed": 1}]"#);
        assert!(stranger.contains("unknown field `seed`"), "{stranger}");
        let unknown = study(r#"[{"label": "a", "optimizer": "psoo"}]"#).and_then(|study| study.races());
        assert!(matches!(unknown, Err(Error::Unknown { .. })), "{unknown:?}");
    }
}
