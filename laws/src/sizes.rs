//! A population is as large as its size says at every step, and begins where it may.

use candle_core::DType;
use serde_json::{Value, json};

use super::{
    Law, Subject, atomic,
    broken::{Breach, Verdict, is_refusal},
    draws::is_size,
    monotone,
    path::{self, KEY},
    problem::Problem,
    resume::{self, Stations},
};
use moths_core::{
    Error, Objective, Result,
    optimizer::{Size, population::Init, settings},
    registry,
};

pub(super) const LAW: Law = Law {
    name: "sizes",
    statement: "a size that changes with the step is followed, and no law of the step ends where members join or leave; \
                every beginning of a population that the schema allows is taken, or refused with a typed error",
    holds,
};

/// Longer than any curve.
const STEPS: u64 = 14;
/// Evaluations that a wrapper may ask for beside the steps it wraps: of a point before and after. Who asks for more declares it.
const ASKED: u64 = 2;
/// Before members join, while they do, and after.
const STATIONS: &Stations = &[(0, 4), (2, 6), (5, 3), (12, 2)];
/// Steps before one that fails: members join or leave in all of them by one of the curves.
const FAILING: &[usize] = &[1, 2, 3, 4];

/// Sizes that grow and shrink, in every way there is. The first four never end in too few members.
fn curves() -> Vec<(&'static str, Value)> {
    vec![
        ("growing by a ramp", json!({ "linear": { "from": 8, "to": 20, "steps": 6 } })),
        ("shrinking by a ramp", json!({ "linear": { "from": 20, "to": 8, "steps": 6 } })),
        ("growing by a factor", json!({ "exponential": { "from": 8, "to": 21, "steps": 5 } })),
        ("shrinking by a factor", json!({ "exponential": { "from": 21, "to": 8, "steps": 5 } })),
        ("growing by steps", json!({ "steps": { "from": 8, "factor": 1.5, "every": 3 } })),
        ("shrinking by steps", json!({ "steps": { "from": 40, "factor": 0.7, "every": 3 } })),
        ("shrinking by a power", json!({ "power": { "from": 30, "offset": 3, "exponent": 0.5 } })),
    ]
}
/// How many of [`curves`] no population can refuse.
const TAKEN: usize = 4;

fn holds(subject: &Subject) -> Verdict {
    // Where members are optimizers of several kinds, the kind of a newcomer is not known, nor what it takes.
    let kinds = subject.parts()?;
    let is_of_one_kind = subject.inner()?.is_some() || kinds.windows(2).all(|pair| pair[0].spec() == pair[1].spec());
    for (name, _) in settings_like(subject, is_size)? {
        for (k, (how, curve)) in curves().into_iter().enumerate() {
            let sized = subject.with_inner(&name, &curve)?;
            let Some(size) = size(&sized, &curve, k < TAKEN)? else { continue };
            let followed = if is_of_one_kind { follows(subject, &name, &sized, &size) } else { Ok(()) };
            followed.and_then(|()| goes_on(&sized)).map_err(|b| b.under(format_args!("`{name}` {how}")))?;
        }
    }
    for (name, property) in settings_like(subject, is_init)? {
        let all: Vec<Value> =
            settings::choices(&property).into_iter().filter_map(|choice| choice.get("const").cloned()).collect();
        begins(subject, &name, &all).map_err(|b| b.under(format_args!("`{name}`")))?;
    }
    Ok(())
}

/// The settings of a subject, or of what it wraps, whose schemas are like this, and these schemas.
fn settings_like(subject: &Subject, is_like: fn(&Value) -> bool) -> Result<Vec<(String, Value)>> {
    let innermost = subject.inner()?.unwrap_or_else(|| subject.clone());
    let schema = registry::find(&innermost.spec().name)?.schema();
    let properties = schema["properties"].as_object().cloned().unwrap_or_default();
    Ok(properties.into_iter().filter(|(_, property)| is_like(property)).collect())
}

/// What an [`Init`] may be.
fn is_init(property: &Value) -> bool {
    let all = [Init::Around, Init::Same, Init::LikeWeights].map(|init| json!(init));
    let choices = settings::choices(property);
    all.iter().all(|init| choices.iter().any(|choice| choice["const"] == *init))
}

/// The curve as a size, unless the subject refuses it, which it must not where it is one of those that must be `taken`.
fn size(sized: &Subject, curve: &Value, taken: bool) -> std::result::Result<Option<Size>, Breach> {
    let problem = Problem::boxed(3, DType::F64)?;
    match sized.build(problem.space(), KEY) {
        Err(error) if is_refusal(&error) && !taken => return Ok(None),
        built => drop(built?),
    }
    Ok(Some(serde_json::from_value(curve.clone()).map_err(|e| Breach::new(format!("{curve} is no size: {e}")))?))
}

/// Every step takes the evaluations that one of an unchanging size takes, and at most one more for each who joins.
fn follows(subject: &Subject, name: &str, sized: &Subject, size: &Size) -> Verdict {
    for problem in [Problem::boxed(3, DType::F64)?, Problem::free(3, DType::F32)?.noisy()] {
        if takes_what_it_likes(subject, &problem)? {
            continue;
        }
        let asked = asked(subject, &problem)?;
        let usual = |n: usize| usual(&subject.with_inner(name, &json!(n))?, &problem);
        let (mut optimizer, mut there) = (sized.build(problem.space(), KEY)?, problem.clone());
        for t in 0..STEPS {
            let (n, before) = (size.at(t), size.at(t.saturating_sub(1)));
            let used = path::step(&mut *optimizer, &mut there)?.report.evaluations;
            let usual = usual(n)?;
            let usual = if t == 0 { &usual[..1] } else { &usual[1..] };
            let (least, most) = (usual.iter().min().copied().unwrap_or(0), usual.iter().max().copied().unwrap_or(0));
            let most = most + n.saturating_sub(before) as u64 + asked;
            ensure!(
                (least.saturating_sub(asked)..=most).contains(&used),
                "step {t} of {n} members took {used} evaluations, where {n} that stay take {least} to {most}"
            );
        }
    }
    Ok(())
}

/// Does a wrapper, by what it declares and by what it does, take no fixed number of evaluations where what it wraps does? Then nothing can be counted.
fn takes_what_it_likes(subject: &Subject, problem: &Problem) -> Result<bool> {
    let Some(inner) = subject.inner()? else { return Ok(false) };
    let declared = |of: &Subject| registry::evaluations_per_step(of.spec(), problem.space(), problem.stochastic());
    let varies = |of: &Subject| Ok::<_, Error>(usual(of, problem)?[1..].windows(2).any(|pair| pair[0] != pair[1]));
    Ok(declared(subject)?.is_none() && declared(&inner)?.is_some() && varies(subject)? && !varies(&inner)?)
}

/// What a wrapper asks for at most, beside the steps it wraps.
fn asked(subject: &Subject, problem: &Problem) -> Result<u64> {
    let Some(mut inner) = subject.inner()? else { return Ok(if subject.wraps()? { ASKED } else { 0 }) };
    while let Some(deeper) = inner.inner()? {
        inner = deeper;
    }
    let declared = |of: &Subject| registry::evaluations_per_step(of.spec(), problem.space(), problem.stochastic());
    let beside = declared(subject)?.zip(declared(&inner)?).map_or(0, |(whole, part)| whole.saturating_sub(part));
    Ok(beside.max(ASKED))
}

/// What the first steps take where the size never changes. Who is moved now and then, as by a wrapper, evaluates its members again.
fn usual(subject: &Subject, problem: &Problem) -> Result<Vec<u64>> {
    let mut optimizer = subject.build(problem.space(), KEY)?;
    let steps = if subject.wraps()? { 12 } else { 3 };
    Ok(path::run(&mut *optimizer, &mut problem.clone(), steps)?.iter().map(|moment| moment.report.evaluations).collect())
}

/// Resumed in the midst of it, failing in the midst of it, and losing nothing that was found.
fn goes_on(sized: &Subject) -> Verdict {
    let (boxed, noisy) = (Problem::boxed(3, DType::F64)?, Problem::free(3, DType::F32)?.noisy());
    for problem in [boxed.clone(), noisy] {
        resume::through_state(sized, problem.clone(), STATIONS)?;
        atomic::after(sized, &problem, FAILING)?;
    }
    if sized.capabilities()?.monotone {
        monotone::falls(sized, boxed.clone())?;
        monotone::falls(sized, boxed.failing()).map_err(|b| b.under("of which a third fails"))?;
    }
    Ok(())
}

/// In all of these ways, with and without bounds, and over integers and flags.
fn begins(subject: &Subject, name: &str, choices: &[Value]) -> Verdict {
    for (space, problem) in Problem::all()? {
        let mut built = 0;
        for init in choices {
            let begun = subject.with_inner(name, init)?;
            let refused = |error: &Error| is_refusal(error) && !matches!(error, Error::Unknown { .. });
            let mut optimizer = match begun.build(problem.space(), KEY) {
                Err(error) if refused(&error) => continue,
                other => other.map_err(|e| Breach::from(e).under(format_args!("{space}, {init}")))?,
            };
            path::run(&mut *optimizer, &mut problem.clone(), 3)
                .map_err(|e| Breach::from(e).under(format_args!("{space}, {init}")))?;
            built += 1;
        }
        let able = subject.build_if_able(problem.space(), KEY)?.is_some();
        ensure!(built > 1 || !able, "{space}: of {} beginnings {built} is taken", choices.len());
    }
    Ok(())
}
