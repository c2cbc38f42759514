//! An ensemble that is new in every step: a point, and seeds.

use std::sync::Arc;

use moths_core::{
    Batch, CowTensor, Objective, Report, Result, Space, kernel,
    objective::Probe,
    persist::{Clock, Fields, Persist},
    rng::Seed,
};

use super::{EnsembleKalmanConfig, gain::Gain, seen};

/// The point, and where it was before.
pub(super) struct Fresh {
    /// m, \[d\].
    pub(super) at: CowTensor,
    /// m of the step before, where there is momentum.
    before: Option<CowTensor>,
}

kernel! { fn look_ahead(x: inout, before: mat, beta: num) {
    x = x + beta * (x - before);
} }

impl Fresh {
    pub(super) fn new(config: &EnsembleKalmanConfig, space: &Space) -> Result<Self> {
        let at = space.start();
        Ok(Self { before: config.remembers().then(|| at.clone()), at })
    }

    pub(super) fn step(
        &mut self,
        config: &EnsembleKalmanConfig,
        space: &Space,
        clock: &Clock,
        objective: &mut dyn Objective,
    ) -> Result<Report> {
        let (t, sigma) = (clock.step, config.sigma.at(clock.step));
        let mut at = ahead(&self.at, self.before.as_ref(), config.momentum(t), space)?;
        let noise = config.sampler.over(space);
        let seeds: Vec<Seed> = (0..config.particles.at(t)).map(|k| clock.key().member(k as u64)).collect();
        let probes: Arc<[Probe]> = seeds.iter().map(|seed| Probe::new(*seed, sigma)).collect();
        let outputs = seen(objective, &Batch::seeded(&at, noise.clone(), probes))?;
        if let Some(gain) = Gain::of(&outputs)? {
            let (w, rate) = (gain.of_mean(config.solver(t), config.reach)?, config.rate.at(t));
            // What was seen is what there is around the mean of the particles. Where they span the space the step is taken from there; where they do not,
            // that would be a random step in all the directions of which nothing is known.
            let known = gain.valid.len() > space.dim() && w.iter().any(|w| *w != 0.0);
            let to_mean = if known { 1.0 / gain.valid.len() as f64 } else { 0.0 };
            let terms: Vec<(Seed, f64)> =
                gain.valid.iter().zip(w).map(|(k, w)| (seeds[*k], sigma * (rate * w + to_mean))).collect();
            noise.add_weighted(&terms, &mut at)?;
            space.confine(&mut at)?;
            let before = std::mem::replace(&mut self.at, at);
            self.before = self.before.as_ref().map(|_| before);
        } else {
            // Where all failed momentum led astray: it is forgotten.
            self.before = self.before.as_ref().map(|_| self.at.clone());
        }
        Ok(Report::of(&outputs.losses))
    }

    pub(super) fn move_to(&mut self, at: CowTensor) -> Result<()> {
        self.before = self.before.as_ref().map(|_| at.clone());
        self.at = at;
        Ok(())
    }
}

/// x + β (x − before), inside the bounds.
pub(super) fn ahead(x: &CowTensor, before: Option<&CowTensor>, beta: f64, space: &Space) -> Result<CowTensor> {
    let mut ahead = x.clone();
    if let Some(before) = before.filter(|_| beta != 0.0) {
        look_ahead(&mut ahead, before, beta)?;
        space.confine(&mut ahead)?;
    }
    Ok(ahead)
}

impl Persist for Fresh {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        fields.field("at", &mut self.at)?;
        match &mut self.before {
            Some(before) => fields.field("before", before),
            None => Ok(()),
        }
    }
}
