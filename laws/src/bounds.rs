//! Nothing outside the problem is ever looked at.

use super::{
    Law, Subject,
    broken::Verdict,
    path::KEY,
    problem::Problem,
    tap::{Round, Tap},
};
use moths_core::{CowTensor, Error, Leaf, Optimizer, Result, Space, space::Domain, tensor::host};

pub(super) const LAW: Law = Law {
    name: "bounds",
    statement: "no candidate, and no answer, is outside bounds and domains, and leaves that are off have the values they start with; decoding \
                what was decoded changes nothing",
    holds,
};

const STEPS: usize = 12;

fn holds(subject: &Subject) -> Verdict {
    for (name, mut problem) in Problem::all()? {
        let Some(mut optimizer) = subject.build_if_able(problem.space(), KEY)? else { continue };
        for k in 0..STEPS {
            step(&mut *optimizer, &mut problem)
                .and_then(|()| Ok(answers(&*optimizer, problem.space())?))
                .map_err(|b| b.under(format_args!("{name}, in step {k}")))?;
        }
    }
    Ok(())
}

fn step(optimizer: &mut dyn Optimizer, problem: &mut Problem) -> Verdict {
    let space = problem.space().clone();
    let listen = |round: Round<'_>| {
        if round.losses.is_some() {
            return Ok(());
        }
        (0..round.batch.len()).try_for_each(|i| valid(&format!("candidate {i}"), &round.batch.row(i, &space)?, &space))
    };
    optimizer.step(&mut Tap::new(problem, listen))?;
    Ok(())
}

/// The answer is also inside in search coordinates: what drifts outside, unseen, is late to come back.
fn answers(optimizer: &dyn Optimizer, space: &Space) -> Result<()> {
    let answer = optimizer.answer()?;
    let mut confined = answer.clone();
    space.confine(&mut confined)?;
    let (confined, coordinates) = (host::to_f64s(&confined)?, host::to_f64s(&answer)?);
    if let Some(i) = coordinates.iter().zip(&confined).position(|(x, inside)| x != inside) {
        let (lo, hi) = space.intervals().nth(i).unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
        let what = format!("the answer: coordinate {i}, which is {}", element(space, i));
        return Err(Error::invalid(what, coordinates[i], format!("in [{lo}, {hi}], in search coordinates")));
    }
    valid("the answer", &answer, space)
}

/// What coordinate i is called: `weights[3]`.
fn element(space: &Space, i: usize) -> String {
    let free = space.leaves().iter().filter(|leaf| !leaf.is_frozen());
    let mut elements = free.flat_map(|leaf| (0..leaf.len()).map(move |k| format!("{}[{k}]", leaf.name())));
    elements.nth(i).unwrap_or_default()
}

/// Are the parameter values of this point what their leaves allow, and the same when they are encoded and decoded again?
fn valid(what: &str, point: &CowTensor, space: &Space) -> Result<()> {
    let decoded = space.decode(point)?;
    let values = host::to_f64s(&decoded)?;
    let again = host::to_f64s(&*space.decode(&*space.encode(&decoded)?)?)?;
    off(what, &values, space)?;
    let elements =
        space.leaves().iter().filter(|leaf| !leaf.is_frozen()).flat_map(|leaf| (0..leaf.len()).map(move |i| (leaf, i)));
    for ((leaf, i), (value, again)) in elements.zip(values.into_iter().zip(again)) {
        // A logarithm, and a scale, are rounded on the way there and back.
        let rounding = if leaf.domain() == Domain::Real { 1e-5 * value.abs().max(1.0) } else { 0.0 };
        if (value - again).abs() > rounding {
            let field = format!("{what}: {}[{i}], encoded and decoded", leaf.name());
            return Err(Error::invalid(field, again, format!("what it was, {value}")));
        }
        if !allowed(leaf, i, value) {
            let ((lo, hi), name) = (leaf.interval(i), leaf.name());
            return Err(Error::invalid(format!("{what}: {name}[{i}]"), value, format!("in [{lo}, {hi}] of {:?}", leaf.domain())));
        }
    }
    Ok(())
}

fn allowed(leaf: &Leaf, i: usize, value: f64) -> bool {
    let (lo, hi) = leaf.interval(i);
    match leaf.domain() {
        // The bounds as f32s hold for a search in f32.
        Domain::Real => value.is_finite() && value >= lo.min(f64::from(lo as f32)) && value <= hi.max(f64::from(hi as f32)),
        // As a number of the leaf's dtype.
        Domain::Levels { .. } => leaf.level_values().iter().any(|level| (level - value).abs() <= 1e-2 * level.abs()),
        _ => value.fract() == 0.0 && (lo..=hi).contains(&value),
    }
}

/// Leaves whose condition does not hold have the values they start with.
fn off(what: &str, values: &[f64], space: &Space) -> Result<()> {
    let start = host::to_f64s(&*space.decode(&space.start())?)?;
    let (mut at, mut seen): (usize, Vec<(&str, usize, bool)>) = (0, vec![]);
    for leaf in space.leaves().iter().filter(|leaf| !leaf.is_frozen()) {
        let on = leaf.condition().is_none_or(|(other, with)| {
            let other = seen.iter().find(|(name, ..)| *name == other);
            other.is_some_and(|(_, at, on)| *on && with.contains(&values[*at]))
        });
        let place = at..at + leaf.len();
        if !on && values[place.clone()] != start[place.clone()] {
            let (values, start) = (&values[place.clone()], &start[place]);
            return Err(Error::invalid(
                format!("{what}: {}, which is off", leaf.name()),
                format!("{values:?}"),
                format!("{start:?}"),
            ));
        }
        seen.push((leaf.name(), at, on));
        at += leaf.len();
    }
    Ok(())
}
