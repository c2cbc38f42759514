//! What is said of an optimizer before it is built is so.

use candle_core::DType;
use serde_json::json;

use super::{
    Law, Subject,
    broken::Verdict,
    path::{self, KEY},
    problem::Problem,
};
use moths_core::{
    Result, Spec,
    optimizer::{
        descent,
        settings::{self, Named, named},
    },
    registry,
};

pub(super) const LAW: Law = Law {
    name: "declared",
    statement: "the capabilities of its meta are those of its default settings, wrappers and the state of what they name apart, and the setting that its meta calls its size \
                says how many evaluations a step takes: the more the larger it is",
    holds,
};

/// Sizes that are tried, as far as they are taken.
const SIZES: [usize; 6] = [2, 4, 8, 12, 16, 24];
/// Steps of each; the last is an ordinary one.
const STEPS: usize = 3;

fn holds(subject: &Subject) -> Verdict {
    let meta = registry::find(&subject.spec().name)?.meta;
    // The meta is said of the default settings.
    let subject = &Subject::new(Spec::new(meta.id))?;
    // What a wrapper can do is a matter of what it wraps.
    if !subject.wraps()? {
        let (promised, default) = (meta.capabilities, subject.capabilities()?);
        let alone = if names_parts(subject)? { promised.state_per_parameter(default.state_per_parameter) } else { promised };
        ensure!(alone == default, "its meta promises {promised:?}, its default settings {default:?}");
        let (least, all) = (promised.state_per_parameter, default.state_per_parameter);
        ensure!(least <= all, "its meta has {least} numbers of state per parameter, its default settings {all}");
    }
    parts_are_there(subject)?;
    meta.size.map_or(Ok(()), |name| counts(subject, name))
}

/// What it names by default is registered as what its schema says that is named, or not linked.
fn parts_are_there(subject: &Subject) -> Verdict {
    let schema = registry::find(&subject.spec().name)?.schema();
    let defaults = schema["properties"].as_object().into_iter().flatten();
    let defaults = defaults.filter_map(|(name, property)| Some((name.clone(), property.get("default")?.clone()))).collect();
    for (path, named, value) in settings::parts(&defaults, &schema) {
        let name = value.as_str().or_else(|| value["name"].as_str()).unwrap_or_default();
        let (optimizer, descent) = (registry::find(name).is_ok(), descent::find(name).is_ok());
        let (wanted, other) = if named == Named::Optimizer { (optimizer, descent) } else { (descent, optimizer) };
        ensure!(wanted || !other, "its setting `{path}` asks for {named:?}, and is {name} by default, which is none");
    }
    Ok(())
}

/// Does a setting name an update rule, whose state comes to its own?
fn names_parts(subject: &Subject) -> Result<bool> {
    let schema = registry::find(&subject.spec().name)?.schema();
    Ok(schema["properties"].as_object().into_iter().flatten().any(|(_, property)| named(property).is_some()))
}

/// The larger the size, the more evaluations.
fn counts(subject: &Subject, name: &str) -> Verdict {
    let schema = registry::find(&subject.spec().name)?.schema();
    ensure!(schema["properties"].get(name).is_some(), "its meta calls `{name}` its size, and there is no such setting");
    let mut counts = vec![];
    for n in SIZES {
        counts.extend(most(subject, name, n)?.map(|used| (n, used)));
    }
    let grow = counts.windows(2).all(|pair| pair[0].1 <= pair[1].1);
    let differ = counts.first().zip(counts.last()).is_some_and(|(first, last)| first.1 < last.1);
    ensure!(grow && differ, "steps with `{name}` = 2, 4, .. took these evaluations: {counts:?}");
    Ok(())
}

/// The most evaluations of the first steps, where this size is taken: later ones may need fewer.
fn most(subject: &Subject, name: &str, n: usize) -> Result<Option<u64>> {
    let (sized, problem) = (subject.with(name, json!(n)), Problem::free(30, DType::F64)?);
    let Some(mut optimizer) = sized.build_if_taken(problem.space(), KEY)? else { return Ok(None) };
    let moments = path::run(&mut *optimizer, &mut problem.clone(), STEPS)?;
    Ok(moments.iter().map(|moment| moment.report.evaluations).max())
}
