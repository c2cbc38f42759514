//! Save, load, go on: the same bits.

use candle_core::DType;

use super::{
    super::{Law, broken::Verdict, path},
    Rule, gradient, seen, space, step,
};
use moths_core::persist::{Keep, State};

pub(super) const LAW: Law<Rule> =
    Law { name: "resume", statement: "after any step, saving the state and loading it elsewhere goes on bit for bit", holds };

const STATIONS: [u64; 4] = [0, 1, 5, 50];
const AFTER: u64 = 12;

fn holds(rule: &Rule) -> Verdict {
    for dtype in [DType::F32, DType::F64] {
        let space = space(dtype, 2)?;
        let (mut whole, mut at) = (rule.build(&space)?, space.start());
        let (mut stations, mut path) = (vec![], vec![]);
        for k in 0..STATIONS[3] + AFTER {
            if STATIONS.contains(&k) {
                stations.push((k, State::of(&mut whole)?, at.clone()));
            }
            step(&mut *whole, &mut at, &gradient(&space, k)?, loss(k))?;
            path.push(seen(&mut whole, &at)?);
        }
        for (from, state, mut at) in stations {
            let mut resumed = rule.build(&space)?;
            state.restore(&mut resumed, Keep::Nothing)?;
            for k in from..from + AFTER {
                step(&mut *resumed, &mut at, &gradient(&space, k)?, loss(k))?;
                let (expected, found) = (&path[k as usize], seen(&mut resumed, &at)?);
                path::same_point("the point", &expected.0, &found.0)
                    .and_then(|()| path::same_state(&expected.1, &found.1))
                    .map_err(|b| b.under(format_args!("given the state after {from} steps, in step {k}")))?;
            }
        }
    }
    Ok(())
}

/// What is seen gets better, and now and then not.
fn loss(k: u64) -> f64 {
    10.0 / (1 + k) as f64 + (k % 3) as f64
}
