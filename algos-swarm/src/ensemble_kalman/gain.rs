//! What the outputs of an ensemble say: how much of every particle goes into every step.

use candle_core::Tensor;
use moths_core::{Result, fuse, objective::Outputs, tensor::cholesky::Cholesky};

/// No damping is less: the sum of all rows of M is nothing.
const LEAST_DAMPING: f64 = 1e-9;
/// Damping is doubled until the equations can be solved, so often at most.
const TRIALS: usize = 60;

/// How the coefficients of a step follow from P.
#[derive(Clone, Copy, Debug)]
pub(super) enum Solver {
    /// (M + λ I)⁻¹, λ in units of the mean of M's diagonal.
    Implicit { damping: f64 },
    /// Δt / J.
    Explicit,
}

/// P_kj = ⟨G_k − Ḡ, S_j⟩ over the particles that did not fail.
pub(super) struct Gain {
    /// Who did not fail, in order.
    pub(super) valid: Vec<usize>,
    /// \[J, J\] by rows.
    products: Vec<f64>,
}

impl Gain {
    /// `None` where fewer than two particles have finite outputs: nothing can then be said.
    pub(super) fn of(outputs: &Outputs) -> Result<Option<Self>> {
        let valid: Vec<usize> = (0..outputs.losses.len()).filter(|i| outputs.losses[*i].is_finite()).collect();
        if valid.len() < 2 {
            return Ok(None);
        }
        let rows = |all: &Tensor| fuse::gather(&all.flatten_from(1)?.contiguous()?, &valid);
        let (values, slopes) = (rows(&outputs.values)?, rows(&outputs.slopes)?);
        let centred = values.broadcast_sub(&values.mean_keepdim(0)?)?;
        let products = fuse::products(&centred, &slopes)?;
        Ok(products.iter().all(|p| p.is_finite()).then_some(Self { valid, products }))
    }

    /// J.
    fn len(&self) -> usize {
        self.valid.len()
    }

    /// g_k = ⟨G_k − Ḡ, S̄⟩.
    fn slopes(&self) -> Vec<f64> {
        self.products.chunks(self.len()).map(|row| row.iter().sum::<f64>() / self.len() as f64).collect()
    }

    /// M = ½ (B + Bᵀ), B_kl = ⟨G_k − Ḡ, S_l − S̄⟩.
    fn curvature(&self) -> Vec<f64> {
        let (n, g) = (self.len(), self.slopes());
        let b = |k: usize, l: usize| self.products[k * n + l] - g[k];
        (0..n * n).map(|at| 0.5 * (b(at / n, at % n) + b(at % n, at / n))).collect()
    }

    /// The step of the mean: one coefficient a particle that did not fail, no longer than `reach`.
    pub(super) fn of_mean(&self, solver: Solver, reach: f64) -> Result<Vec<f64>> {
        let mut w = self.slopes();
        let scale = self.solve(solver, &mut w)?;
        cut(&mut w, -scale, reach);
        Ok(w)
    }

    /// The steps of all particles that did not fail, \[J, J\] by rows: how much of particle k goes into the step of particle j.
    pub(super) fn of_each(&self, solver: Solver, reach: f64) -> Result<Vec<f64>> {
        let n = self.len();
        let mut w: Vec<f64> = (0..n * n).map(|at| self.products[at % n * n + at / n]).collect();
        let scale = self.solve(solver, &mut w)?;
        w.chunks_mut(n).for_each(|w| cut(w, -scale, reach));
        Ok(w)
    }

    /// Solves in place for every row of right-hand sides; gives what is left to multiply them by.
    fn solve(&self, solver: Solver, sides: &mut [f64]) -> Result<f64> {
        let n = self.len();
        let Solver::Implicit { damping } = solver else {
            let frobenius = self.products.iter().map(|p| p * p).sum::<f64>().sqrt();
            // Δt / J with Δt = 1 / ‖D‖, D = P / J.
            return Ok(if frobenius > 0.0 { 1.0 / frobenius } else { 0.0 });
        };
        match damped(&self.curvature(), n, damping)? {
            Some(factor) => sides.chunks_mut(n).try_for_each(|side| factor.solve(side))?,
            None => sides.fill(0.0),
        }
        Ok(1.0)
    }
}

/// Multiplies coefficients, and makes them no longer than `reach`: outputs are known as far as particles are from their mean, and a step of length 1 is as
/// long as that.
fn cut(w: &mut [f64], factor: f64, reach: f64) {
    let length = factor.abs() * w.iter().map(|w| w * w).sum::<f64>().sqrt();
    let factor = if length > reach { factor * reach / length } else { factor };
    w.iter_mut().for_each(|w| *w *= factor);
}

/// The factor of M + λ I. λ is doubled while half of it does not make M positive definite, which M need not be where losses are not quadratic: were M + λ I
/// only just so, the step would be of any length.
fn damped(curvature: &[f64], n: usize, damping: f64) -> Result<Option<Cholesky>> {
    let mean = curvature.iter().step_by(n + 1).sum::<f64>() / n as f64;
    if !(mean > 0.0 && mean.is_finite()) {
        return Ok(None);
    }
    for trial in 0..TRIALS {
        let lambda = mean * damping.max(LEAST_DAMPING) * f64::powi(2.0, trial as i32);
        let with = |share: f64| {
            let mut matrix = curvature.to_vec();
            matrix.iter_mut().step_by(n + 1).for_each(|x| *x += share * lambda);
            Cholesky::of(matrix, n)
        };
        if with(0.5)?.is_some() {
            return with(1.0);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::*;

    /// Of a quadratic loss ½ |G|², S = G: three particles in two outputs.
    fn outputs(losses: [f64; 3]) -> Outputs {
        let values = Tensor::new(&[[[2f64, 0.0]], [[0.0, 2.0]], [[1.0, 4.0]]], &Device::Cpu).unwrap();
        Outputs { losses: losses.to_vec().into(), slopes: values.clone(), values }
    }

    #[test]
    fn nearly_undamped_the_step_of_the_mean_ends_where_outputs_are_zero() {
        let gain = Gain::of(&outputs([2.0, 2.0, 8.5])).unwrap().unwrap();
        let w = gain.of_mean(Solver::Implicit { damping: 1e-9 }, 1e9).unwrap();
        // Ḡ + Σ w_k (G_k − Ḡ) = 0, for the three outputs span the plane.
        let sum =
            |j: usize| 1.0 + j as f64 + w.iter().zip([[1.0, -2.0], [-1.0, 0.0], [0.0, 2.0]]).map(|(w, g)| w * g[j]).sum::<f64>();
        assert!((0..2).all(|j| sum(j).abs() < 1e-6), "{w:?}");
        assert!(w.iter().sum::<f64>().abs() < 1e-6, "and it is a sum of differences");
    }

    #[test]
    fn a_step_reaches_no_further_than_it_is_told() {
        let gain = Gain::of(&outputs([2.0, 2.0, 8.5])).unwrap().unwrap();
        let [free, held] = [1e9, 0.25].map(|reach| gain.of_mean(Solver::Implicit { damping: 1e-9 }, reach).unwrap());
        let length = |w: &[f64]| w.iter().map(|w| w * w).sum::<f64>().sqrt();
        assert!((length(&held) - 0.25).abs() < 1e-12 && length(&free) > 0.5);
        assert!(free.iter().zip(&held).all(|(a, b)| (a / length(&free) - b / 0.25).abs() < 1e-9), "in the same direction");
    }

    #[test]
    fn the_explicit_step_is_that_of_the_paper() {
        let gain = Gain::of(&outputs([2.0, 2.0, 8.5])).unwrap().unwrap();
        let (g, centred) = ([[2.0f64, 0.0], [0.0, 2.0], [1.0, 4.0]], [[1.0, -2.0], [-1.0, 0.0], [0.0, 2.0]]);
        let product = |k: usize, j: usize| centred[k][0] * g[j][0] + centred[k][1] * g[j][1];
        let norm = (0..9).map(|at: usize| product(at / 3, at % 3).powi(2)).sum::<f64>().sqrt();
        let w = gain.of_each(Solver::Explicit, 1e9).unwrap();
        for (at, w) in w.iter().enumerate() {
            assert!((w + product(at % 3, at / 3) / norm).abs() < 1e-12, "particle {} in the step of {}", at % 3, at / 3);
        }
    }

    #[test]
    fn who_failed_has_no_say() {
        let gain = Gain::of(&outputs([2.0, f64::NAN, 8.5])).unwrap().unwrap();
        assert_eq!((gain.valid.clone(), gain.products.len()), (vec![0, 2], 4));
        assert!(Gain::of(&outputs([2.0, f64::NAN, f64::NAN])).unwrap().is_none());
    }
}
