//! Nothing is drawn twice.

use candle_core::DType;

use super::{
    super::{Law, broken::Verdict},
    Draws, is_about, noise, space,
};
use moths_core::{Key, Result};

pub(super) const LAW: Law<dyn Draws> = Law {
    name: "leaves",
    statement: "leaves of equal shapes, and other seeds, have other noise: the signs of two of them agree as often as not",
    holds,
};

const SEEDS: u64 = 300;

fn holds(source: &dyn Draws) -> Verdict {
    let space = space(DType::F64)?;
    let len = space.leaves()[0].len();
    let drawn = (0..=SEEDS).map(|k| noise(source, &space, Key::new(k).into())).collect::<Result<Vec<_>>>()?;
    let typical = typical(&drawn);
    // How often the signs agree less how often they do not; a skewed law has more of one sign.
    let agree = |a: &[f64], b: &[f64]| {
        let sign = |x: f64| if x == 0.0 { 0.0 } else { x.signum() - typical };
        a.iter().zip(b).map(|(a, b)| sign(*a) * sign(*b)).sum::<f64>() / a.len() as f64
    };
    let leaves: Vec<f64> = drawn.iter().map(|z| agree(&z[..len], &z[len..2 * len])).collect();
    is_about(0.0, &leaves).map_err(|b| b.under("how often the signs of two leaves agree"))?;
    let seeds: Vec<f64> = drawn.windows(2).step_by(2).map(|pair| agree(&pair[0][..len], &pair[1][..len])).collect();
    is_about(0.0, &seeds).map_err(|b| b.under("how often the signs of two seeds agree"))?;
    for (k, pair) in drawn.windows(2).enumerate() {
        // Of a sparse law two leaves may be zeros altogether.
        let zeros = pair[0][..len].iter().all(|z| *z == 0.0);
        ensure!(pair[0] != pair[1], "the seeds {k} and {} have the same noise", k + 1);
        ensure!(
            zeros || pair[0][..len] != pair[0][len..2 * len],
            "with the seed {k}, two leaves of one shape have the same noise"
        );
    }
    Ok(())
}

/// The mean sign of all that is not zero.
fn typical(drawn: &[Vec<f64>]) -> f64 {
    let signs: Vec<f64> = drawn.iter().flatten().filter(|x| **x != 0.0).map(|x| x.signum()).collect();
    signs.iter().sum::<f64>() / signs.len().max(1) as f64
}
