//! The update of the mean, of the path and of v and D, from sums over candidates.

use moths_core::{CowTensor, Result, rng::Element, tensor::host};

use super::CrFmNesDistribution;
use crate::{
    directed::{self, Moments, store, volume},
    paths,
};

impl CrFmNesDistribution {
    /// The new m, p_c, v and D from the sums in the scratch, Σ p (v̄·z) and Σ q (v̄·z)².
    pub(super) fn shape(&mut self, mean: &mut CowTensor, ip: f64, ip2: f64, valid: f64) -> Result<()> {
        let k = &self.constants;
        let [mut m, mut p_c, z] = [host::to_f64s(mean)?, host::to_f64s(&self.p_c)?, host::to_f64s(&self.scratch.sums.z)?];
        let [v, d] = [host::to_f64s(&self.v)?, host::to_f64s(&self.d)?];
        let length = f64::dot(&v, &v).sqrt();
        let unit: Vec<f64> = v.iter().map(|v| v / length).collect();
        let root = (1.0 + length * length).sqrt();
        let gain = paths::gain(k.c_c, k.mu_eff);
        for j in 0..z.len() {
            let step = d[j] * (z[j] + (root - 1.0) * ip * unit[j]);
            m[j] += self.sigma * step;
            p_c[j] = (1.0 - k.c_c) * p_c[j] + gain * step;
        }
        store(&m, mean)?;
        store(&p_c, &mut self.p_c)?;
        let path: Vec<f64> = p_c.iter().zip(&d).map(|(p, d)| p / d).collect();
        let moments = self.moments(&path, &unit, root, ip2, valid)?;
        self.climb(moments, v, d)
    }

    /// ⟨·⟩ over y_k = z_k + (√γ − 1) (v̄·z_k) v̄, whose product with v̄ is √γ v̄·z_k, and over the path p_c/D.
    fn moments(&self, path: &[f64], unit: &[f64], root: f64, ip2: f64, valid: f64) -> Result<Moments> {
        let (c_1, eta_b) = (self.constants.c_1 * valid / self.constants.lambda as f64, self.constants.shape_rate(valid));
        let [z2, ip_z] = [host::to_f64s(&self.scratch.sums.z2)?, host::to_f64s(&self.scratch.sums.ip_z)?];
        let stretch = root - 1.0;
        let ip_path = f64::dot(unit, path);
        let ip_y = |j: usize| eta_b * root * (ip_z[j] + stretch * ip2 * unit[j]) + c_1 * ip_path * path[j];
        let y2 = |j: usize| {
            let along = stretch * unit[j];
            eta_b * (z2[j] + 2.0 * along * ip_z[j] + along * along * ip2) + c_1 * path[j] * path[j]
        };
        Ok(Moments {
            one: c_1,
            ip2: eta_b * root * root * ip2 + c_1 * ip_path * ip_path,
            ip_y: (0..unit.len()).map(ip_y).collect(),
            y2: (0..unit.len()).map(y2).collect(),
        })
    }

    /// Deviations σ D_j above their floor; the volume that D gains goes to σ, so that no other deviation changes.
    pub(super) fn keep_discrete_moving(&mut self) -> Result<()> {
        if self.floor.tensor().is_none() {
            return Ok(());
        }
        self.floor.raise(&mut self.d, self.sigma)?;
        let [v, mut d] = [host::to_f64s(&self.v)?, host::to_f64s(&self.d)?];
        let volume = volume(&d, &v);
        d.iter_mut().for_each(|d| *d /= volume);
        self.sigma *= volume;
        store(&d, &mut self.d)
    }

    /// One step along the natural gradient, from these v and D.
    fn climb(&mut self, moments: Moments, mut v: Vec<f64>, mut d: Vec<f64>) -> Result<()> {
        let (t, s) = moments.natural_gradient(&v);
        let length = f64::dot(&v, &v).sqrt();
        let least = s.iter().copied().fold(0.0, f64::min);
        let part = if least < -0.9 { -0.9 / least } else { 1.0 };
        v.iter_mut().zip(&t).for_each(|(v, t)| *v += part * t / length);
        d.iter_mut().zip(&s).for_each(|(d, s)| *d += part * s * *d);
        let volume = volume(&d, &v);
        d.iter_mut().for_each(|d| *d /= volume);
        directed::store_shape(&v, &d, [&mut self.v, &mut self.d])
    }
}
