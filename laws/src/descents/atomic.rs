//! A step that fails changes nothing.

use candle_core::DType;

use super::{
    super::{Law, broken::Verdict, path},
    Rule, gradient, seen, space, step,
};
use moths_core::Error;

pub(super) const LAW: Law<Rule> = Law {
    name: "atomic",
    statement: "a gradient of another length or dtype is refused with a typed error, and nothing has changed",
    holds,
};

fn holds(rule: &Rule) -> Verdict {
    let space = space(DType::F64, 2)?;
    let (mut descent, mut at) = (rule.build(&space)?, space.start());
    for k in 0..4 {
        for (name, other) in [("longer", super::space(DType::F64, 3)?), ("of another dtype", super::space(DType::F32, 2)?)] {
            for dense in [false, true] {
                let before = seen(&mut descent, &at)?;
                let stranger = gradient(&other, k)?;
                let stranger = if dense { stranger.dense()?.into() } else { stranger };
                let refused = descent.descend(&mut at, &stranger);
                let typed = matches!(refused, Err(Error::Shape { .. } | Error::Invalid { .. }));
                ensure!(typed, "after {k} steps, a gradient that is {name} gave {refused:?}");
                let after = seen(&mut descent, &at)?;
                path::same_point("the point", &before.0, &after.0)
                    .and_then(|()| path::same_state(&before.1, &after.1))
                    .map_err(|b| b.under(format_args!("after {k} steps, a gradient that is {name} was refused")))?;
            }
        }
        step(&mut *descent, &mut at, &gradient(&space, k)?, 1.0)?;
    }
    Ok(())
}
