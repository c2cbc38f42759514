//! Antithetic pairs whose noise lies in one random subspace for some steps: what `lozo` and `subzero` have in common.
//!
//! ```text
//! p̂_k as in `slopes`, of z_k from a law that shares its bases in steps i · interval .. (i + 1) · interval
//! ĝ_t = (1 − β) Σ_s β^(t − s) mean_k p̂_sk z_sk          s: the steps of the interval up to t; with β = 0, step t alone
//! ```
//!
//! The sum is held as the seeds and weights it is made of. A step in which all failed is none of them, and no weight falls in it.

use moths_core::{
    CowTensor, Key, Objective, Result, Sampler, Schedule, Space,
    noise::{Gradient, Perturbation},
    optimizer::{Antithetic, DataDraws, Estimate},
    persist,
    persist::Clock,
    rng::Seed,
};

use crate::slopes::{self, Unit};

/// Steps whose share of the sum has fallen to less are forgotten, so that a long interval costs no more than it must.
const FORGOTTEN: f64 = 1e-6;

/// What such an estimator is told.
pub(crate) struct LazySettings {
    pub(crate) sampler: Sampler,
    pub(crate) c: Schedule,
    pub(crate) pairs: usize,
    pub(crate) interval: u64,
    /// β.
    pub(crate) momentum: f64,
    pub(crate) draws: DataDraws,
}

/// The estimator.
pub(crate) struct Lazy {
    settings: LazySettings,
    space: Space,
    clock: Clock,
    unit: Unit,
    past: Past,
    /// That of the last step: it holds the bases. It follows from the clock.
    noise: Option<Perturbation>,
}

impl Lazy {
    pub(crate) fn new(settings: LazySettings, unit: Unit, space: &Space, key: Key) -> Self {
        let of_a_step = unit.pairs(settings.pairs).max(settings.pairs);
        let most = if settings.momentum > 0.0 { of_a_step.saturating_mul(settings.interval as usize) } else { 0 };
        let past = Past { most, steps: vec![], members: vec![], weights: vec![] };
        Self { settings, space: space.clone(), clock: Clock::new(key), unit, past, noise: None }
    }

    pub(crate) fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
        let noise = self.noise();
        let LazySettings { sampler, draws, momentum, .. } = self.settings;
        let scale = self.settings.c.at(self.clock.step);
        let pairs = Antithetic { key: self.clock.key(), pairs: self.unit.pairs(self.settings.pairs), scale, sampler, draws };
        let losses = objective.losses(&pairs.batch_from(noise.clone(), at))?;
        let slopes = slopes::of_pairs(&losses, scale);
        let unit = self.unit.after(&slopes);
        let fresh = slopes::terms(&slopes, &unit, pairs.key, 1.0 - momentum);
        let past = self.past.and(self.clock.step, self.first_step(), &fresh, momentum);
        let gradient = if fresh.is_empty() {
            None
        } else {
            let terms = if momentum > 0.0 { past.terms(&self.clock) } else { fresh };
            Some(Gradient::drawn(noise, terms, &self.space)?)
        };
        (self.unit, self.past) = (unit, past);
        self.clock.tick();
        Ok(Estimate::new(losses.lowest(), gradient, losses.len() as u64))
    }

    #[cfg(test)]
    pub(crate) fn past_len(&self) -> usize {
        self.past.weights.len()
    }

    /// The first step of the interval.
    fn first_step(&self) -> u64 {
        self.clock.step - self.clock.step % self.settings.interval.max(1)
    }

    /// The noise of the interval, with the bases that were made of it already.
    fn noise(&mut self) -> Perturbation {
        // Members of a step's key are numbered from 0.
        let key = self.clock.key_of(self.first_step()).fold(u64::MAX);
        let held = self.noise.take().filter(|noise| noise.shared_key() == Some(key));
        let noise = held.unwrap_or_else(|| self.settings.sampler.over(&self.space).sharing(key));
        self.noise.insert(noise).clone()
    }
}

persist!(Lazy { clock, unit, past });

/// Seeds of the interval's steps, and the weights they have by now.
#[derive(Clone)]
struct Past {
    most: usize,
    steps: Vec<u64>,
    members: Vec<u64>,
    weights: Vec<f64>,
}

impl Past {
    /// With the terms of `step`; without those of steps before `first`, and of which nothing is left.
    fn and(&self, step: u64, first: u64, fresh: &[(Seed, f64)], momentum: f64) -> Self {
        let mut next = Self { most: self.most, steps: vec![], members: vec![], weights: vec![] };
        let mut push = |step, member, weight| {
            next.steps.push(step);
            next.members.push(member);
            next.weights.push(weight);
        };
        if momentum > 0.0 {
            let decay = if fresh.is_empty() { 1.0 } else { momentum };
            let share = |then: u64| libm::pow(momentum, step.saturating_sub(then) as f64);
            self.each().filter(|(then, ..)| *then >= first && share(*then) >= FORGOTTEN).for_each(|(then, member, weight)| {
                push(then, member, decay * weight);
            });
            fresh.iter().for_each(|(seed, weight)| push(step, seed.number(), *weight));
        }
        next
    }

    fn each(&self) -> impl Iterator<Item = (u64, u64, f64)> + '_ {
        let seeds = self.steps.iter().zip(&self.members);
        seeds.zip(&self.weights).map(|((step, member), weight)| (*step, *member, *weight))
    }

    fn terms(&self, clock: &Clock) -> Vec<(Seed, f64)> {
        self.each().map(|(step, member, weight)| (clock.key_of(step).member(member), weight)).collect()
    }
}

persist!(Past {
    steps in |past| 0..=past.most,
    members in |past| past.steps.len()..=past.steps.len(),
    weights in |past| past.steps.len()..=past.steps.len()
});
