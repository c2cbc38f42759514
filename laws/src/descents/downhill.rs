//! It descends.

use candle_core::{DType, Tensor};

use super::{
    super::{Law, broken::Verdict},
    Rule, step,
};
use moths_core::{CowTensor, Result, Space, tensor::host};

pub(super) const LAW: Law<Rule> =
    Law { name: "downhill", statement: "in a bowl, given its exact gradients, it ends much lower than it began", holds };

const STEPS: usize = 3000;
/// What may be left of the first loss.
const LEFT: f64 = 0.5;

fn holds(rule: &Rule) -> Verdict {
    for dim in [1, 10] {
        for dtype in [DType::F32, DType::F64] {
            let left = left(rule, dim, dtype)?;
            ensure!(left <= LEFT, "in {dim} dimensions, {dtype:?}: after {STEPS} steps {left:e} of the first loss is left");
        }
    }
    Ok(())
}

/// Of ½ Σ x², from 1 everywhere: the share of the first loss that is left.
fn left(rule: &Rule, dim: usize, dtype: DType) -> Result<f64> {
    let leaf = moths_core::Leaf::real("x", [dim]).dtype(dtype);
    let space = Space::with_dtype(vec![leaf], dtype)?;
    let mut descent = rule.build(&space)?;
    let mut at = CowTensor::new(Tensor::ones(dim, dtype, space.device())?);
    let loss = |at: &CowTensor| Ok::<_, moths_core::Error>(host::to_f64s(at)?.iter().map(|x| 0.5 * x * x).sum::<f64>());
    let first = loss(&at)?;
    for _ in 0..STEPS {
        let now = loss(&at)?;
        let gradient = CowTensor::new(at.copy()?);
        step(&mut *descent, &mut at, &gradient.into(), now)?;
    }
    Ok(loss(&at)? / first)
}
