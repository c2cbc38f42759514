//! The state is as big as was said.

use candle_core::DType;

use super::{
    super::{Law, broken::Verdict},
    Rule, gradient, space, step,
};
use moths_core::{optimizer::descent, persist::State};

pub(super) const LAW: Law<Rule> = Law {
    name: "state",
    statement: "the state takes no more bytes than declared: so many numbers per parameter, and 1024",
    holds,
};

const SLACK: usize = 1024;

fn holds(rule: &Rule) -> Verdict {
    for (dtype, rows) in [(DType::F32, 1000), (DType::F64, 300)] {
        let space = space(dtype, rows)?;
        let (mut descent, mut at) = (rule.build(&space)?, space.start());
        for k in 0..3 {
            step(&mut *descent, &mut at, &gradient(&space, k)?, 1.0)?;
        }
        let declared = descent::state_per_parameter(&rule.spec)?;
        let allowed = (declared * (space.dim() * dtype.size_in_bytes()) as f64) as usize + SLACK;
        let bytes = State::of(&mut descent)?.bytes();
        ensure!(
            bytes <= allowed,
            "the state takes {bytes} bytes, where {allowed} are declared: {declared} numbers per parameter"
        );
    }
    Ok(())
}
