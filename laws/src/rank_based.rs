//! Only the order of losses counts.

use candle_core::DType;

use super::{
    Law, Subject,
    broken::Verdict,
    path::{self, KEY, Moment},
    problem::Problem,
    tap::{Round, Tap},
};
use moths_core::Result;

pub(super) const LAW: Law = Law {
    name: "rank_based",
    statement: "where it is promised, a strictly increasing transform of the loss changes no bit of the path",
    holds,
};

const STEPS: usize = 15;

type Transform = fn(f64) -> f64;

/// Strictly increasing on the losses of [`Problem`], which are ≥ 1, also as rounded: no two losses become one.
const TRANSFORMS: [(&str, Transform); 2] = [("8f", |f| 8.0 * f), ("about f², exactly one to one", square)];

/// Twice the bits, less those of 1: doubles the exponent, and is linear between powers of two.
fn square(f: f64) -> f64 {
    f64::from_bits(2 * f.to_bits() - 1f64.to_bits())
}

fn holds(subject: &Subject) -> Verdict {
    if !subject.capabilities()?.rank_based {
        return Ok(());
    }
    for problem in [Problem::free(5, DType::F32)?, Problem::boxed(4, DType::F64)?, Problem::free(4, DType::F64)?.noisy()] {
        let plain = run(subject, &mut problem.clone(), |f| f)?;
        for (name, transform) in TRANSFORMS {
            let transformed = run(subject, &mut problem.clone(), transform)?;
            for (k, (one, other)) in plain.iter().zip(&transformed).enumerate() {
                path::same_candidates(one, other)
                    .and_then(|()| path::same_point("the answer", &one.answer, &other.answer))
                    .map_err(|b| b.under(format_args!("with the losses {name}, in step {k}")))?;
            }
        }
    }
    Ok(())
}

fn run(subject: &Subject, problem: &mut Problem, transform: Transform) -> Result<Vec<Moment>> {
    let mut optimizer = subject.build(problem.space(), KEY)?;
    let listen = |round: Round<'_>| {
        round.losses.into_iter().flatten().for_each(|loss| *loss = transform(*loss));
        Ok(())
    };
    path::run(&mut *optimizer, &mut Tap::new(problem, listen), STEPS)
}
