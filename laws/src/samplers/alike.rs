//! The same noise, however it is asked for.

use candle_core::DType;

use super::{
    super::{Law, broken::Verdict, path},
    Draws, noise, seeds, space,
};
use moths_core::{CowTensor, tensor::host};

pub(super) const LAW: Law<dyn Draws> =
    Law { name: "alike", statement: "filled, added to zeros and laid around a centre, the noise of a seed is the same", holds };

fn holds(source: &dyn Draws) -> Verdict {
    for dtype in [DType::F32, DType::F64] {
        let space = space(dtype)?;
        for seed in seeds(4) {
            let expected = noise(source, &space, seed)?;
            let again = noise(source, &space, seed)?;
            path::same_point("filled once more, the noise", &expected, &again)?;
            let mut sum = space.zeros()?;
            source.add(&space, seed, 1.0, &mut sum)?;
            let plain = |numbers: &[f64]| numbers.iter().map(|x| x + 0.0).collect::<Vec<_>>();
            path::same_point("added to zeros, the noise", &plain(&expected), &plain(&host::to_f64s(&sum)?))?;

            let (centre, mut out) = (CowTensor::new((space.zeros()?.ones_like()? * 0.75)?), space.zeros()?);
            source.perturb(&space, &centre, 0.5, seed, &mut out)?;
            source.add(&space, seed, -0.5, &mut out)?;
            let epsilon = if dtype == DType::F32 { 1e-6 } else { 1e-14 };
            for (i, (left, z)) in host::to_f64s(&out)?.into_iter().zip(&expected).enumerate() {
                let back = (left - 0.75).abs() <= epsilon * (1.0 + z.abs());
                ensure!(back, "element {i}: laid around 0.75 and taken away, the noise {z} leaves {left}");
            }
            let mut out = space.zeros()?;
            source.perturb(&space, &*space.zeros()?, 0.5, seed, &mut out)?;
            let halves: Vec<f64> = expected.iter().map(|z| 0.5 * z + 0.0).collect();
            path::same_point("half of it around zero, the noise", &halves, &plain(&host::to_f64s(&out)?))?;
        }
    }
    Ok(())
}
