//! The state is as big as was said.

use candle_core::DType;

use super::{
    Law, Subject,
    broken::{Breach, Verdict},
    draws,
    path::KEY,
    problem::Problem,
};
use moths_core::{Result, Space, optimizer::Capabilities, persist::State, registry};

pub(super) const LAW: Law = Law {
    name: "state_size",
    statement: "the state takes no more bytes than declared: (per parameter · d + per candidate · n · d + per pair · d²) elements, those declared however many parameters there are, \
                and 4096",
    holds,
};

/// What scalars, lists of losses and the like may take.
const SLACK: usize = 4096;
const STEPS: usize = 3;
/// Of one that is made of others, which may take turns.
const TURNS: usize = 12;
/// Numbers that were evaluated, after which no further step is taken: of one whose steps look along every axis a few fill their state.
const ENOUGH: u64 = 100_000_000;
const DRAWS: u32 = 8;

fn holds(subject: &Subject) -> Verdict {
    // Those that step several together begin a step anew for every loss of one that asks for them singly: the cube of this. A number of
    // each parameter is more than the slack still.
    let many = if subject.wraps()? { 750 } else { 1500 };
    for problem in [Problem::free(10, DType::F64)?, Problem::free(2 * many, DType::F32)?, Problem::boxed(many, DType::F64)?] {
        is_within(subject, &problem)?;
    }
    let problem = Problem::free(if subject.wraps()? { 500 } else { 1000 }, DType::F32)?;
    draws::each(subject, DRAWS, |drawn| is_within(drawn, &problem))
}

fn is_within(subject: &Subject, problem: &Problem) -> Verdict {
    let Some(mut optimizer) = subject.build_if_taken(problem.space(), KEY)? else { return Ok(()) };
    let mut most = largest_part(subject, problem)?;
    let mut numbers = 0;
    for _ in 0..if subject.wraps()? { TURNS } else { STEPS } {
        let evaluations = optimizer.step(&mut problem.clone())?.evaluations;
        most = most.max(evaluations);
        numbers += evaluations * problem.space().dim() as u64;
        if numbers > ENOUGH {
            break;
        }
    }
    within(&subject.capabilities()?, &State::of(&mut optimizer)?, problem.space(), most)
}

/// The most candidates that an optimizer of which it is made has, by what it declares and by its first steps: the turn of one may come late.
fn largest_part(subject: &Subject, problem: &Problem) -> Result<u64> {
    let mut most = 0;
    for part in subject.parts()? {
        let declared = registry::evaluations_per_step(part.spec(), problem.space(), false).ok().flatten().unwrap_or(0);
        most = most.max(declared).max(largest_part(&part, problem)?);
        if let Some(mut optimizer) = part.build_if_taken(problem.space(), KEY)? {
            for _ in 0..STEPS {
                most = most.max(optimizer.step(&mut problem.clone())?.evaluations);
            }
        }
    }
    Ok(most)
}

/// `candidates`: how many a step has.
pub(super) fn within(declared: &Capabilities, state: &State, space: &Space, candidates: u64) -> Verdict {
    let d = space.dim() as f64;
    let numbers = (declared.state_per_parameter + declared.state_per_candidate * candidates as f64 + declared.state_per_pair * d)
        * d
        + declared.state_fixed;
    let allowed = (numbers * space.dtype().size_in_bytes() as f64) as usize + SLACK;
    let bytes = state.bytes();
    if bytes <= allowed {
        return Ok(());
    }
    let &Capabilities { state_fixed, state_per_parameter, state_per_candidate, state_per_pair, .. } = declared;
    Err(Breach::new(format!(
        "the state takes {bytes} bytes, where {allowed} are declared: {state_fixed} numbers, {state_per_parameter} per parameter, \
         {state_per_candidate} per parameter and candidate, {state_per_pair} per pair of parameters, for {d} parameters and \
         {candidates} candidates"
    )))
}
