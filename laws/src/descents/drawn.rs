//! A sum of noise is a gradient like any other.

use candle_core::DType;

use super::{
    super::{Law, broken::Verdict, path},
    Rule, gradient, seen, space, step,
};

pub(super) const LAW: Law<Rule> = Law {
    name: "drawn",
    statement: "given noise that is summed where it is read, or its sum, it takes the same step to the bit",
    holds,
};

fn holds(rule: &Rule) -> Verdict {
    // Lengths on both sides of a block, a chunk, and what threads share.
    for (dtype, rows) in [(DType::F64, 1), (DType::F32, 18), (DType::F64, 292), (DType::F32, 5800)] {
        let space = space(dtype, rows)?;
        let [mut one, mut other] = [rule.build(&space)?, rule.build(&space)?];
        let [mut here, mut there] = [space.start(), space.start()];
        for k in 0..3 {
            let drawn = gradient(&space, k)?;
            step(&mut *one, &mut here, &drawn.dense()?.into(), 1.0)?;
            step(&mut *other, &mut there, &drawn, 1.0)?;
            let (expected, found) = (seen(&mut one, &here)?, seen(&mut other, &there)?);
            path::same_point("the point", &expected.0, &found.0)
                .and_then(|()| path::same_state(&expected.1, &found.1))
                .map_err(|b| b.under(format_args!("in {} dimensions, in step {k}", space.dim())))?;
        }
    }
    Ok(())
}
