//! What is known of the second derivatives of a function, from what one number a measurement says: q ≈ Δ₁ᵀ H Δ₂.
//!
//! ```text
//! M = (Δ₁ Δ₂ᵀ + Δ₂ Δ₁ᵀ)/2                                  the whole matrix;  M = diag(Δ₁ ⊙ Δ₂): its diagonal alone
//! Ĥ = q M                                                  E Ĥ = H for independent Δ₁, Δ₂ of mean 0 and variance 1
//! H̄ ← (1 − w) H̄ + w · the mean of Ĥ                        without feedback: w_k, at most 1
//! H̄ ← H̄ + w (q − ⟨M, H̄⟩) M,  one q after another           with feedback: w = min(w_k, 1/⟨M, M⟩)
//! p = (|H̄| + δ r I)⁻¹ g,  |H̄| = √(H̄ᵀ H̄),  r = ‖H̄‖/√d      the Newton direction
//! ```
//!
//! H, M: \[d, d\]; ⟨A, B⟩ = Σ a_ij b_ij; |H̄| has the eigenvectors of H̄, and the absolute values of its eigenvalues: p leads downhill.

use candle_core::{DType, Tensor};
use moths_core::{CowTensor, Fields, Persist, Result, Space, eigen::eigen, fuse, host, kernel};

/// One measurement: two perturbations \[d\], and q.
pub(crate) struct Measured {
    pub(crate) first: CowTensor,
    pub(crate) second: CowTensor,
    pub(crate) q: f64,
}

/// How new measurements join H̄.
pub(crate) struct Learning {
    pub(crate) feedback: bool,
    /// w_k.
    pub(crate) weight: f64,
}

/// H̄.
#[derive(Clone)]
pub(crate) struct Curvature {
    /// \[d, d\], f64; or its diagonal \[d\], in the dtype of the space.
    h: CowTensor,
}

impl Curvature {
    /// I.
    pub(crate) fn identity(space: &Space, full: bool) -> Result<Self> {
        let (d, device) = (space.dim(), space.device());
        let h = if full { Tensor::eye(d, DType::F64, device)? } else { Tensor::ones(d, space.dtype(), device)? };
        Ok(Self { h: h.into() })
    }

    fn is_full(&self) -> bool {
        self.h.rank() == 2
    }

    pub(crate) fn is_finite(&self) -> Result<bool> {
        Ok(fuse::norm(&self.h)?.is_finite())
    }

    /// What was measured in another unit.
    pub(crate) fn scale(&mut self, by: f64) -> Result<()> {
        scaled(&mut self.h, by)
    }

    pub(crate) fn learn(&mut self, measured: &[Measured], how: &Learning) -> Result<()> {
        let weight = how.weight.min(1.0);
        if !how.feedback && !measured.is_empty() {
            scaled(&mut self.h, 1.0 - weight)?;
        }
        for Measured { first, second, q } in measured {
            let join = |along: f64, square: f64| match how.feedback {
                true if square > 0.0 => how.weight.min(1.0 / square) * (q - along),
                true => 0.0,
                false => weight * q / measured.len() as f64,
            };
            if self.is_full() {
                let (first, second) = (host::to_f64s(first)?, host::to_f64s(second)?);
                host::edit::<f64, _>(&mut self.h, |h| add_full(h, &first, &second, join))?;
            } else {
                let mut m = first.clone();
                times(&mut m, second)?;
                let by = join(fuse::dot(&self.h, &m)?, fuse::dot(&m, &m)?);
                plus(&mut self.h, &m, by)?;
            }
        }
        Ok(())
    }

    /// p for the gradient g \[d\].
    pub(crate) fn newton(&self, gradient: &CowTensor, delta: f64) -> Result<CowTensor> {
        let d = gradient.elem_count();
        let floor = delta * fuse::norm(&self.h)? / (d as f64).sqrt();
        let mut p = gradient.clone();
        if !self.is_full() {
            divided(&mut p, &self.h, floor)?;
            return Ok(p);
        }
        let p = divided_full(host::read::<f64, _>(&self.h, <[f64]>::to_vec)?, &host::to_f64s(gradient)?, floor)?;
        Ok(Tensor::from_vec(p, d, gradient.device())?.to_dtype(gradient.dtype())?.into())
    }
}

/// The numbers are all there is to save.
impl Persist for Curvature {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        self.h.visit(fields)
    }
}

kernel! { fn scaled(h: inout, by: num) { h = by * h; } }
kernel! { fn times(m: inout, z: mat) { m = m * z; } }
kernel! { fn plus(h: inout, m: mat, by: num) { h = h + by * m; } }
kernel! { fn divided(p: inout, h: mat, least: num) { p = p / (abs(h) + least); } }

/// H̄ ← H̄ + `join`(⟨M, H̄⟩, ⟨M, M⟩) M.
fn add_full(h: &mut [f64], first: &[f64], second: &[f64], join: impl Fn(f64, f64) -> f64) {
    let along = first.iter().zip(h.chunks_exact(second.len())).map(|(a, row)| a * dot(row, second)).sum();
    let both = dot(first, second);
    let by = join(along, 0.5 * (dot(first, first) * dot(second, second) + both * both));
    for ((row, a), b) in h.chunks_exact_mut(second.len()).zip(first).zip(second) {
        for ((h, c), e) in row.iter_mut().zip(first).zip(second) {
            *h += 0.5 * by * (a * e + b * c);
        }
    }
}

/// (|H̄| + floor I)⁻¹ g.
fn divided_full(mut h: Vec<f64>, gradient: &[f64], floor: f64) -> Result<Vec<f64>> {
    let (mut values, mut p) = (vec![0.0; gradient.len()], vec![0.0; gradient.len()]);
    eigen(&mut h, &mut values)?;
    for (vector, value) in h.chunks_exact(gradient.len()).zip(&values) {
        let along = dot(vector, gradient) / (value.abs() + floor);
        p.iter_mut().zip(vector).for_each(|(p, v)| *p += along * v);
    }
    Ok(p)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Key, Sampler};

    /// H = [[2, -1, 0], [-1, 3, 0.5], [0, 0.5, -1]] as q of perturbations.
    fn measured(count: u64, noise: f64) -> Vec<Measured> {
        let space = Space::real(3).unwrap();
        let one = |k: u64| {
            let key = Key::new(4).fold(k);
            let (mut first, mut second, mut error) = (space.zeros().unwrap(), space.zeros().unwrap(), [0.0]);
            Sampler::Rademacher.fill(key.fold(0), &mut first).unwrap();
            Sampler::Rademacher.fill(key.fold(1), &mut second).unwrap();
            Sampler::Normal.fill_slice(key.fold(2), &mut error);
            let (a, b) = (first.to_vec1::<f64>().unwrap(), second.to_vec1::<f64>().unwrap());
            let q: f64 = H.iter().zip(&a).map(|(row, a)| a * dot(row, &b)).sum();
            Measured { first, second, q: q + noise * error[0] }
        };
        (0..count).map(one).collect()
    }

    const H: [[f64; 3]; 3] = [[2.0, -1.0, 0.0], [-1.0, 3.0, 0.5], [0.0, 0.5, -1.0]];

    fn error(curvature: &Curvature) -> f64 {
        let h = host::to_f64s(&curvature.h).unwrap();
        h.iter().zip(H.iter().flatten()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn the_mean_of_many_measurements_is_the_matrix() {
        let mut h = Curvature::identity(&Space::real(3).unwrap(), true).unwrap();
        h.learn(&measured(20_000, 0.0), &Learning { feedback: false, weight: 1.0 }).unwrap();
        assert!(error(&h) < 0.1, "{h:?}", h = h.h);
        let mut diagonal = Curvature::identity(&Space::real(3).unwrap(), false).unwrap();
        diagonal.learn(&measured(20_000, 0.0), &Learning { feedback: false, weight: 1.0 }).unwrap();
        let diagonal = diagonal.h.to_vec1::<f64>().unwrap();
        assert!(diagonal.iter().zip([2.0, 3.0, -1.0]).all(|(a, b)| (a - b).abs() < 0.1), "{diagonal:?}");
    }

    #[test]
    fn feedback_is_exact_after_few_measurements_and_averages_noise() {
        let mut h = Curvature::identity(&Space::real(3).unwrap(), true).unwrap();
        h.learn(&measured(300, 0.0), &Learning { feedback: true, weight: 1.0 }).unwrap();
        assert!(error(&h) < 1e-9, "{h:?}", h = h.h);
        h.learn(&measured(20_000, 1.0), &Learning { feedback: true, weight: 1e-3 }).unwrap();
        assert!(error(&h) < 0.1, "{h:?}", h = h.h);
    }

    #[test]
    fn newtons_direction_leads_downhill_where_the_curvature_is_negative() {
        let mut h = Curvature::identity(&Space::real(3).unwrap(), true).unwrap();
        h.learn(&measured(300, 0.0), &Learning { feedback: true, weight: 1.0 }).unwrap();
        let g = CowTensor::new(Tensor::new(&[0.3, -2.0, 1.0], &candle_core::Device::Cpu).unwrap());
        let p = h.newton(&g, 0.0).unwrap();
        // |H|² = H², so that |H| |H| p is H (H p); and |H| p = g.
        let times = |x: &[f64]| -> Vec<f64> { H.iter().map(|row| dot(row, x)).collect() };
        let twice = times(&times(&p.to_vec1::<f64>().unwrap()));
        let twice = CowTensor::new(Tensor::from_vec(twice, 3, g.device()).unwrap());
        let along = h.newton(&twice, 0.0).unwrap().to_vec1::<f64>().unwrap();
        assert!(along.iter().zip([0.3, -2.0, 1.0]).all(|(a, b)| (a - b).abs() < 1e-6), "{along:?}");
        assert!(dot(&p.to_vec1::<f64>().unwrap(), &[0.3, -2.0, 1.0]) > 0.0);
        let damped = h.newton(&g, 1e9).unwrap().to_vec1::<f64>().unwrap();
        assert!((damped[1] / damped[0] + 2.0 / 0.3).abs() < 1e-6, "steepest descent under a large δ: {damped:?}");
    }
}
