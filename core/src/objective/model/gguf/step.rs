//! A step of the model as it is remembered: seeds and numbers.

use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    noise::{Described, Perturbation},
    rng::{Key, Seed},
};

/// x ← (1 − shrink) x, x ← x − anchor (x − x₀), x ← x − rate Σ_k weight_k noise(seed_k).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Step {
    noise: Described,
    terms: Vec<Term>,
    pub(super) rate: f64,
    pub(super) shrink: f64,
    pub(super) anchor: f64,
}

/// Key, family and number of a seed, and its weight.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Term(u64, u64, u64, f64);

impl Step {
    /// # Errors
    /// [`Error::Unsupported`] for noise that does not follow from seeds alone; [`Error::Invalid`] for numbers that are not
    /// finite, and shares outside of \[0, 1\].
    pub(super) fn new(noise: &Perturbation, terms: &[(Seed, f64)], [rate, shrink, anchor]: [f64; 3]) -> Result<Self> {
        let described = described(noise)?;
        if let Some((_, weight)) = terms.iter().find(|(_, weight)| !weight.is_finite()) {
            return Err(Error::invalid("weight of noise", weight, "a finite number"));
        }
        if !rate.is_finite() {
            return Err(Error::invalid("rate", rate, "a finite number"));
        }
        for (name, share) in [("shrink", shrink), ("anchor", anchor)] {
            if !(0.0..=1.0).contains(&share) {
                return Err(Error::invalid(name, share, "a share, from 0 to 1"));
            }
        }
        let term = |(seed, weight): &(Seed, f64)| Term(seed.key().to_bits(), seed.family().to_bits(), seed.number(), *weight);
        Ok(Self { noise: described, terms: terms.iter().map(term).collect(), rate, shrink, anchor })
    }

    pub(super) fn noise(&self) -> Described {
        self.noise
    }

    pub(super) fn terms(&self) -> impl Iterator<Item = (Seed, f64)> {
        self.terms
            .iter()
            .map(|Term(key, family, number, weight)| (Seed::of(Key::from_bits(*key), Key::from_bits(*family), *number), *weight))
    }
}

/// # Errors
/// [`Error::Unsupported`] for noise that does not follow from seeds alone.
pub(super) fn check_noise(noise: &Perturbation) -> Result<()> {
    described(noise).map(drop)
}

fn described(noise: &Perturbation) -> Result<Described> {
    if let Some(described) = noise.described().filter(|_| noise.follows_from_seeds()) {
        return Ok(described);
    }
    let what = format!("draws noise block by block: no deviations, no subspace, no smoothing (sampler {:?})", noise.sampler());
    Err(Error::unsupported("a GGUF model", what))
}
