//! Who is told the length of the run is built as one whose settings say all that follows from it, and schedules end when the run does.

use candle_core::DType;
use serde_json::Value;

use super::{
    Law, Subject,
    broken::Verdict,
    draws,
    path::{self, KEY},
    problem::Problem,
    tap::{Round, Tap},
};
use moths_core::{Horizon, Objective, Spec, registry};

pub(super) const LAW: Law = Law {
    name: "horizon",
    statement: "told the length of the run it is built as if its settings had said what follows, and an ordinary step takes the evaluations it declares",
    holds,
};

const STEPS: usize = 20;
/// Evaluations that an optimizer made of others may ask for beside the steps of each of these: of a point before and after.
const ASKED: u64 = 2;
/// Two lengths of a run.
const LENGTHS: [u64; 2] = [3_000, 70_000];
const DRAWS: u32 = 20;

fn holds(subject: &Subject) -> Verdict {
    let problems = [Problem::free(5, DType::F64)?, Problem::free(5, DType::F64)?.noisy()];
    length_matters(subject, &problems)?;
    for problem in problems {
        told_is_said(subject, &problem)?;
        charges_what_it_declares(subject, &problem)?;
        draws::each(subject, DRAWS, |drawn| {
            let settings = Value::Object(drawn.spec().settings.clone());
            if is_ordinary(&settings) { charges_what_it_declares(drawn, &problem) } else { Ok(()) }
        })?;
    }
    Ok(())
}

fn told_is_said(subject: &Subject, problem: &Problem) -> Verdict {
    let (spec, space) = (subject.spec(), problem.space());
    let planned = |spec: &Spec, length: u64| registry::planned(spec, space, Horizon::evaluations(length).on(problem));
    let [short, long] = LENGTHS.map(|length| planned(spec, length));
    let (short, long) = (short?, long?);
    let open = registry::left_to_the_horizon(spec)?;
    ensure!((short != long) != open.is_empty(), "the length fills {open:?}, and makes {short} and {long} of it");
    let again = planned(&short, LENGTHS[1])?;
    ensure!(again == short, "{short} was said, and another length made {again} of it");
    let still_open = registry::left_to_the_horizon(&short)?;
    ensure!(still_open.is_empty(), "{short} leaves {still_open:?} open still");
    let unknown = registry::planned(spec, space, Horizon::NONE)?;
    ensure!(unknown == *spec, "where the length is not known it became {unknown}");

    let mut told = registry::build_for(spec, space, KEY, Horizon::evaluations(LENGTHS[0]).on(problem))?;
    let mut said = Subject::new(short)?.build(space, KEY)?;
    let told = path::run(&mut *told, &mut problem.clone(), STEPS)?;
    let said = path::run(&mut *said, &mut problem.clone(), STEPS)?;
    path::same_path(&told, &said).map_err(|b| b.under("one was told the length, the other what follows from it"))
}

/// Who asks for the length takes another way in a short run than in a long one, sooner or later: who chooses by it, on one kind of losses at least.
fn length_matters(subject: &Subject, problems: &[Problem]) -> Verdict {
    if registry::left_to_the_horizon(subject.spec())?.is_empty() {
        return Ok(());
    }
    let mut parted = false;
    for problem in problems {
        parted |= parts_ways(subject, problem)?;
    }
    ensure!(parted, "told {LENGTHS:?} evaluations, it asks for the same candidates in all of the shorter run");
    Ok(())
}

fn parts_ways(subject: &Subject, problem: &Problem) -> moths_core::Result<bool> {
    let (spec, space) = (subject.spec(), problem.space());
    let build = |length| registry::build_for(spec, space, KEY, Horizon::evaluations(length).on(problem));
    let (mut short, mut long) = (build(LENGTHS[0])?, build(LENGTHS[1])?);
    let [mut here, mut there] = [problem.clone(), problem.clone()];
    let mut used = 0;
    while used < LENGTHS[0] {
        let [one, other] = [path::step(&mut *short, &mut here)?, path::step(&mut *long, &mut there)?];
        if path::same_candidates(&one, &other).is_err() {
            return Ok(true);
        }
        used += one.report.evaluations.max(1);
    }
    Ok(false)
}

/// Of steps in which nothing fails, the first apart, an ordinary one lies between the cheapest and the dearest: what is undone may be calibrated twice.
fn charges_what_it_declares(subject: &Subject, problem: &Problem) -> Verdict {
    let Some(mut optimizer) = subject.build_if_taken(problem.space(), KEY)? else { return Ok(()) };
    let Some(declared) = registry::evaluations_per_step(subject.spec(), problem.space(), problem.stochastic())? else {
        return Ok(());
    };
    let (mut problem, mut sound, mut later) = (problem.clone(), true, vec![]);
    for k in 0..STEPS {
        let listen = |round: Round<'_>| {
            sound &= round.losses.is_none_or(|losses| losses.iter().all(|loss| loss.is_finite()));
            Ok(())
        };
        let used = optimizer.step(&mut Tap::new(&mut problem, listen))?.evaluations;
        if !sound {
            return Ok(());
        }
        later.extend((k > 0).then_some(used));
        problem.refresh()?;
    }
    // A wrapper declares what it has to ask at most, and may know it already.
    let known = known(subject)?;
    let dearest = later.iter().max().map(|most| most + known);
    ensure!(
        later.iter().min() <= Some(&declared) && dearest >= Some(declared),
        "it declares {declared} evaluations a step, and its steps took {later:?}"
    );
    Ok(())
}

/// What all that are made of others may know, in each other.
fn known(subject: &Subject) -> moths_core::Result<u64> {
    subject.parts()?.iter().try_fold(0, |sum, part| Ok(sum + ASKED + known(part)?))
}

/// Numbers of no extreme size: with others losses overflow, or do not differ, and nothing is ordinary.
fn is_ordinary(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_f64().is_some_and(|x| x == 0.0 || (1e-3..=1e3).contains(&x.abs())),
        Value::Array(items) => items.iter().all(is_ordinary),
        Value::Object(parts) => parts.values().all(is_ordinary),
        _ => true,
    }
}
