//! How the specimen asks: the noise of its step, as seeds or as rows.

use std::sync::atomic::{AtomicU64, Ordering};

use candle_core::Tensor;

use super::{super::flaw::Flaw, Asks, Specimen};
use moths_core::{Batch, CowTensor, Key, Result, Sampler, noise::Perturbation, objective::Probe};

static SHARED: AtomicU64 = AtomicU64::new(0);

impl Specimen {
    /// The key of this step's noise.
    fn key(&self) -> Key {
        match self.config.flaw {
            Flaw::HiddenGenerator => self.clock.key().fold(self.hidden),
            Flaw::KeyBesideClock => self.built_with.fold(self.clock.step),
            Flaw::SharedGenerator => self.clock.key().fold(SHARED.fetch_add(1, Ordering::Relaxed)),
            Flaw::LosesTrackLate if self.clock.step >= 45 => self.clock.key().fold(SHARED.fetch_add(1, Ordering::Relaxed)),
            Flaw::Stumbles if self.stumbled => self.clock.key().fold(1),
            Flaw::CountsThreads => self.clock.key().fold(rayon::current_num_threads() as u64),
            _ => self.clock.key(),
        }
    }

    fn probes(&self) -> Vec<Probe> {
        let (key, last) = (self.key(), self.config.lambda - 1);
        let stands = self.has(Flaw::StandsWithFixed) && self.space.has_fixed();
        let wide = if self.has(Flaw::NeedsTwo) { 1.0 / (self.space.dim() as f64 - 1.0).sqrt() } else { 1.0 };
        let sigma = if stands { 1e-9 } else { self.sigma.min(self.most()) * wide };
        let scale = |i| if i == last && self.has(Flaw::AsksNan) { f64::NAN } else { sigma };
        (0..self.config.lambda).map(|i| Probe::new(key.fold(i as u64), scale(i))).collect()
    }

    /// The longest steps that are still useful, where the length of the run is known.
    pub(super) fn most(&self) -> f64 {
        match self.config.length {
            Some(length) if !self.has(Flaw::IgnoresHorizon) && !self.has(Flaw::NeverShrinks) => {
                let progress = (self.clock.step as f64 * self.config.lambda as f64 / length as f64).min(1.0);
                self.config.sigma * libm::pow(10.0, 2.0 - 8.0 * progress)
            }
            _ => f64::INFINITY,
        }
    }

    /// Normal numbers; those of discrete coordinates so large that steps have four times their least deviations: who takes no equals
    /// does not drift towards the next level, and must reach it at once.
    fn noise(&self) -> Result<Perturbation> {
        let sampler = if self.has(Flaw::AsksCorners) { Sampler::Rademacher } else { Sampler::Normal };
        let noise = sampler.over(&self.space);
        if self.has(Flaw::NeverMovesSome) {
            let (d, least) = (self.space.dim(), self.space.least_deviations());
            let moved = |(i, least): (usize, f64)| if least > 0.0 || (d > 2 && i + 2 >= d) { 0.0 } else { 1.0 };
            let deviation: Vec<f64> = least.enumerate().map(moved).collect();
            let deviation = Tensor::from_vec(deviation, d, self.space.device())?.to_dtype(self.space.dtype())?;
            return Ok(noise.scaled_by(&CowTensor::new(deviation)));
        }
        match self.space.floor_tensor()? {
            Some(floor) if !self.has(Flaw::FreezesSwitches) => {
                let deviation = CowTensor::new(floor.affine(4.0 / self.sigma, 0.0)?.maximum(1.0)?);
                Ok(noise.scaled_by(&deviation))
            }
            _ => Ok(noise),
        }
    }

    /// The rows of the next step, for a kind that holds them.
    pub(super) fn propose(&mut self) -> Result<()> {
        if self.config.asks == Asks::Rows {
            let mut rows = self.rows.take().map_or_else(|| self.space.zeros_for(self.config.lambda), Ok)?;
            let terms: Vec<_> = self.probes().iter().map(|p| (p.seed, p.scale)).collect();
            if self.has(Flaw::OverwritesBatch) {
                rows = CowTensor::new((*rows).clone());
            }
            self.noise()?.perturb_rows(&self.at, &terms, &mut rows)?;
            self.rows = Some(rows);
        }
        Ok(())
    }

    pub(super) fn batch(&self) -> Result<Batch> {
        if let Some(rows) = &self.rows {
            return Ok(Batch::Dense(rows.clone()));
        }
        let seeded = Batch::seeded(&self.at, self.noise()?, self.probes());
        if !self.has(Flaw::KnowsAxes) {
            return Ok(seeded);
        }
        // The square roots of the inverse weights of the law's problem.
        let last = (self.space.dim() - 1).max(1) as f64;
        let axes: Vec<f64> = (0..self.space.dim()).map(|i| 1e-2f64.powf(i as f64 / last)).collect();
        let axes = Tensor::from_vec(axes, self.space.dim(), self.space.device())?.to_dtype(self.space.dtype())?;
        let offsets = seeded.dense(&self.space)?.broadcast_sub(&self.at)?.broadcast_mul(&axes)?;
        Ok(Batch::Dense(CowTensor::new(offsets.broadcast_add(&self.at)?)))
    }
}
