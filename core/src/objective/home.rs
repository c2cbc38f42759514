//! A model that holds the point itself.
//!
//! The point of a large model is as large as the model, and an optimizer that kept one would double the memory. So there are spaces [in
//! place](crate::space::Space::in_place): their search coordinates are displacements from where the model is *now*, and the only point that anybody holds is
//! "here", which takes no memory. Candidates are seeds around it; what a step commits is told to the model, as seeds and weights.

use crate::{Result, noise::Perturbation, rng::Seed};

/// A model that holds the point itself: candidates near it are evaluated by shifting its own weights and shifting them back, and a step is told
/// to it as the seeds and weights it consists of.
///
/// What an [`Objective`](crate::objective::Objective) over a space in place gives as its [`home`](crate::objective::Objective::home).
pub trait Home {
    /// Moves the model: see [`Advance`]. The first thing that the commit of a step does, as it may fail.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for noise over another space, [`Error::Invalid`](crate::Error::Invalid) for weights that are no finite numbers, and shares
    /// that are none; [`Error::Io`](crate::Error::Io) from models that write their steps down. The model is then where it was.
    fn advance(&mut self, step: &Advance<'_>) -> Result<()>;

    /// Which point it is: another after every advance, equal for equal histories of equal bases.
    fn version(&self) -> u64;
}

/// x ← (1 − shrink) x, then x ← x − anchor (x − x₀), then x ← x − rate · Σ_k weight_k noise(seed_k): in search units, x₀ being where the model began.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Advance<'a> {
    /// The law of the noise, over the model's space.
    pub noise: &'a Perturbation,
    /// (seed_k, weight_k), in order.
    pub terms: &'a [(Seed, f64)],
    /// What the sum is multiplied by.
    pub rate: f64,
    /// How much of the way to zero is gone first.
    pub shrink: f64,
    /// How much of the way back to the start is gone next.
    pub anchor: f64,
}

impl<'a> Advance<'a> {
    /// x ← x − rate · Σ_k weight_k noise(seed_k).
    pub fn new(noise: &'a Perturbation, terms: &'a [(Seed, f64)], rate: f64) -> Self {
        Self { noise, terms, rate, shrink: 0.0, anchor: 0.0 }
    }

    /// The same after so much of the way to zero.
    pub fn shrinking(self, shrink: f64) -> Self {
        Self { shrink, ..self }
    }

    /// The same after so much of the way back to the start.
    pub fn anchored(self, anchor: f64) -> Self {
        Self { anchor, ..self }
    }
}
