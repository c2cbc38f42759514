//! Mean and variance are what is said.

use candle_core::DType;

use super::{
    super::{Law, broken::Verdict},
    Draws, is_about, noise, space,
};
use moths_core::{Key, Result};

pub(super) const LAW: Law<dyn Draws> =
    Law { name: "moments", statement: "mean 0, and the variance that is declared, in every leaf, in f32 and in f64", holds };

const SEEDS: u64 = 300;

fn holds(source: &dyn Draws) -> Verdict {
    let Some(variance) = source.variance() else { return Ok(()) };
    for dtype in [DType::F32, DType::F64] {
        let space = space(dtype)?;
        let drawn = (0..SEEDS).map(|k| noise(source, &space, Key::new(k).into())).collect::<Result<Vec<_>>>()?;
        let mut from = 0;
        for leaf in space.leaves() {
            let place = from..from + leaf.len();
            from = place.end;
            let mean_of = |part: fn(&f64) -> f64| {
                let of_one = |z: &Vec<f64>| z[place.clone()].iter().map(part).sum::<f64>() / place.len() as f64;
                drawn.iter().map(of_one).collect::<Vec<_>>()
            };
            let under = |what: &str| format!("{what} in the leaf `{}` in {dtype:?}", leaf.name());
            is_about(0.0, &mean_of(|z| *z)).map_err(|b| b.under(under("the mean")))?;
            is_about(variance, &mean_of(|z| z * z)).map_err(|b| b.under(under("the variance")))?;
        }
    }
    Ok(())
}
