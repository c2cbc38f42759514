//! An ensemble whose particles move.

use candle_core::Tensor;
use moths_core::{
    Batch, CowTensor, Key, Objective, Report, Result, Sampler, Space, fuse,
    objective::Losses,
    optimizer::{
        Init, Population,
        population::{Joining, shifted},
    },
    persist::{Clock, Fields, Persist},
    rng::Seed,
};

use super::{EnsembleKalmanConfig, Rejuvenate, fresh::ahead, gain::Gain, seen};

/// The particles, and where they were before.
#[derive(Clone)]
pub(super) struct Carried {
    /// θ, \[J, d\].
    particles: Population,
    /// θ of the step before, where there is momentum.
    before: Option<CowTensor>,
    /// θ̄, \[d\].
    pub(super) mean: CowTensor,
}

impl Carried {
    pub(super) fn new(config: &EnsembleKalmanConfig, space: &Space, key: Key) -> Result<Self> {
        let particles = Population::new(space, &space.start(), key, &config.particles, config.init)?;
        Ok(Self { before: config.remembers().then(|| particles.points().clone()), mean: space.start(), particles })
    }

    /// The same with n particles: whose loss is highest leaves, and who joins begins at rest, around the mean.
    fn of(&self, n: usize, space: &Space, key: Key) -> Result<Self> {
        let mut ensemble = self.clone();
        let old = ensemble.particles.len();
        if n < old {
            let kept = ensemble.particles.fittest(n);
            ensemble.particles.retain(&kept)?;
            ensemble.before = self.before.as_ref().map(|before| fuse::gather(before, &kept)).transpose()?;
        } else if n > old {
            ensemble.particles.join(n, Joining::Mean, space, key)?;
            let newcomers = ensemble.particles.points().narrow(0, old, n - old)?;
            let with = |before: &CowTensor| Ok::<_, moths_core::Error>(Tensor::cat(&[&**before, &newcomers], 0)?.into());
            ensemble.before = self.before.as_ref().map(with).transpose()?;
        }
        Ok(ensemble)
    }

    pub(super) fn step(
        &mut self,
        config: &EnsembleKalmanConfig,
        space: &Space,
        clock: &Clock,
        objective: &mut dyn Objective,
    ) -> Result<Report> {
        let (t, key) = (clock.step, clock.key());
        let mut ensemble = self.of(config.particles.at(t), space, key.fold(1))?;
        let theta = ahead(ensemble.particles.points(), ensemble.before.as_ref(), config.momentum(t), space)?;
        let outputs = seen(objective, &Batch::Dense(theta.clone()))?;
        let moved = Gain::of(&outputs)?.map(|gain| ensemble.moved(&theta, &gain, config, t, space)).transpose()?;
        let losses = outputs.losses.to_vec();
        match moved {
            None => {
                // Where all failed momentum led astray: it is forgotten.
                ensemble.before = ensemble.before.map(|_| ensemble.particles.points().clone());
                ensemble.particles.judge(&losses)?;
            }
            Some(mut moved) => {
                let mean = mean_of(&moved, space)?;
                let mut before = ensemble.before.map(|_| ensemble.particles.points().clone());
                rejuvenate(&mut moved, before.as_mut(), &mean, config, t, key.fold(2), space)?;
                ensemble.before = before;
                ensemble.particles.succeed(&mut moved, losses)?;
                ensemble.mean = mean;
            }
        }
        *self = ensemble;
        Ok(Report::of(&outputs.losses))
    }

    #[cfg(test)]
    pub(super) fn points(&self) -> &CowTensor {
        self.particles.points()
    }

    /// The particles, at rest at these points.
    #[cfg(test)]
    pub(super) fn place(&mut self, mut points: CowTensor) {
        let unknown = vec![f64::INFINITY; self.particles.len()];
        self.before = self.before.as_ref().map(|_| points.clone());
        self.particles.succeed(&mut points, unknown).expect("as many points");
    }

    /// θ after the step: every particle is a sum of all that did not fail.
    fn moved(&self, theta: &CowTensor, gain: &Gain, config: &EnsembleKalmanConfig, t: u64, space: &Space) -> Result<CowTensor> {
        let mixture = mixture(gain, &gain.of_each(config.solver(t), config.reach)?, config.rate.at(t), self.particles.len());
        let mut moved = space.zeros_for(self.particles.len())?;
        fuse::weighted_sums(theta, &mixture, &mut moved)?;
        space.confine(&mut moved)?;
        Ok(moved)
    }

    pub(super) fn move_to(&mut self, at: CowTensor, init: Init, space: &Space, key: Key) -> Result<()> {
        let mut points = match self.particles.is_one_point()? {
            true => init.points(space, &at, key, self.particles.len())?,
            false => shifted(self.particles.points(), &self.mean, &at, space)?,
        };
        let before = self.before.as_ref().map(|_| points.clone());
        let unknown = Losses::from(vec![f64::INFINITY; self.particles.len()]);
        self.particles.succeed(&mut points, unknown.to_vec())?;
        (self.before, self.mean) = (before, at);
        Ok(())
    }
}

/// What of every particle goes into every one, n lists of n: I + ρ (Wᵀ − its mean) for those that did not fail; the others go half way to the mean of
/// these.
fn mixture(gain: &Gain, w: &[f64], rate: f64, n: usize) -> Vec<Vec<f64>> {
    let (valid, count) = (&gain.valid, gain.valid.len());
    let mut mixture = vec![vec![0.0; n]; n];
    let mut mean = vec![0.0; n];
    for (w, &j) in w.chunks(count).zip(valid) {
        let share = w.iter().sum::<f64>() / count as f64;
        let row = &mut mixture[j];
        valid.iter().zip(w).for_each(|(&k, w)| row[k] = rate * (w - share));
        row[j] += 1.0;
        mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += *x / count as f64);
    }
    for j in (0..n).filter(|j| valid.binary_search(j).is_err()) {
        mixture[j].iter_mut().zip(&mean).for_each(|(x, mean)| *x = 0.5 * mean);
        mixture[j][j] += 0.5;
    }
    mixture
}

fn mean_of(points: &Tensor, space: &Space) -> Result<CowTensor> {
    let (n, mut mean) = (points.dims()[0], space.zeros()?);
    fuse::weighted_sum(points, &vec![1.0 / n as f64; n], &mut mean)?;
    space.confine(&mut mean)?;
    Ok(mean)
}

/// Noise where the settings ask for it. It is no motion: `before` has the same.
fn rejuvenate(
    points: &mut CowTensor,
    before: Option<&mut CowTensor>,
    mean: &CowTensor,
    config: &EnsembleKalmanConfig,
    t: u64,
    key: Key,
    space: &Space,
) -> Result<()> {
    let zeta = config.noise.at(t);
    let seeds: Vec<(Seed, f64)> = (0..points.dims()[0]).map(|j| (key.member(j as u64), zeta)).collect();
    match config.rejuvenate {
        Rejuvenate::Jitter => {
            jitter(points, &seeds, space)?;
            before.map_or(Ok(()), |before| jitter(before, &seeds, space))
        }
        Rejuvenate::Redraw if (t + 1).is_multiple_of(config.epoch) => {
            Sampler::Normal.over(space).perturb_rows(mean, &seeds, points)?;
            space.confine(points)?;
            before.into_iter().for_each(|before| *before = points.clone());
            Ok(())
        }
        Rejuvenate::Redraw | Rejuvenate::None => Ok(()),
    }
}

fn jitter(points: &mut CowTensor, seeds: &[(Seed, f64)], space: &Space) -> Result<()> {
    let noise = Sampler::Normal.over(space);
    for (j, (seed, zeta)) in seeds.iter().enumerate() {
        let mut row = CowTensor::new(points.get(j)?.copy()?);
        noise.add(*seed, *zeta, &mut row)?;
        points.set_row(j, &row)?;
    }
    space.confine(points)
}

impl Persist for Carried {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        fields.field("particles", &mut self.particles)?;
        let rows = self.particles.len();
        if let Some(before) = &mut self.before {
            fields.within("before", before, rows..=rows)?;
        }
        fields.field("mean", &mut self.mean)
    }
}
