//! What every law of perturbations is held to: [`LAWS`] over [`Sampler`]s, and over whatever else [draws](Draws) noise.
//!
//! | law | |
//! |---|---|
//! | `alike` | filled, added and laid around a centre, noise is the same |
//! | `pieces` | no bit depends on the number of threads, nor, unless the law knows shapes, on what comes behind |
//! | `moments` | mean 0, and the variance that is declared, in every leaf |
//! | `leaves` | leaves of equal shapes, and other seeds, have other noise |

mod alike;
mod leaves;
mod moments;
mod pieces;

use candle_core::{DType, Tensor};
use serde_json::Value;

use super::{
    Held, Law,
    broken::{Breach, Verdict},
    draws,
};
use moths_core::{CowTensor, Key, Leaf, Result, Sampler, Space, optimizer::settings, rng::Seed};

/// All laws of samplers.
pub const LAWS: &[Law<dyn Draws>] = &[alike::LAW, pieces::LAW, moments::LAW, leaves::LAW];

/// A source of noise over a space: a [`Sampler`], or what is meant to be one.
pub trait Draws: Sync {
    /// What it is called.
    fn name(&self) -> String;
    /// `out_i = noise(seed)_i`.
    ///
    /// # Errors
    /// As [`Sampler::fill`].
    fn fill(&self, space: &Space, seed: Seed, out: &mut CowTensor) -> Result<()>;
    /// `out = centre + scale noise(seed)`.
    ///
    /// # Errors
    /// As [`Sampler::perturb`].
    fn perturb(&self, space: &Space, centre: &Tensor, scale: f64, seed: Seed, out: &mut CowTensor) -> Result<()>;
    /// `onto += scale noise(seed)`.
    ///
    /// # Errors
    /// As [`Sampler::add`].
    fn add(&self, space: &Space, seed: Seed, scale: f64, onto: &mut CowTensor) -> Result<()>;
    /// The variance of an element; `None` where it has none, or one whose estimates do not settle.
    fn variance(&self) -> Option<f64>;
    /// Does an element depend on the shapes of the leaves, or on how many there are?
    fn knows_shapes(&self) -> bool;
}

impl Draws for Sampler {
    fn name(&self) -> String {
        format!("{self:?}")
    }

    fn fill(&self, space: &Space, seed: Seed, out: &mut CowTensor) -> Result<()> {
        self.over(space).fill(seed, out)
    }

    fn perturb(&self, space: &Space, centre: &Tensor, scale: f64, seed: Seed, out: &mut CowTensor) -> Result<()> {
        self.over(space).perturb(centre, scale, seed, out)
    }

    fn add(&self, space: &Space, seed: Seed, scale: f64, onto: &mut CowTensor) -> Result<()> {
        self.over(space).add(seed, scale, onto)
    }

    fn variance(&self) -> Option<f64> {
        match self {
            Self::Cauchy => None,
            Self::StudentT { dof } => (*dof > 4.5).then_some(dof / (dof - 2.0)),
            _ => Some(1.0),
        }
    }

    fn knows_shapes(&self) -> bool {
        !matches!(
            self,
            Self::Normal
                | Self::Uniform
                | Self::Rademacher
                | Self::Laplace
                | Self::StudentT { .. }
                | Self::Cauchy
                | Self::AsymmetricBernoulli { .. }
        )
    }
}

impl Held for dyn Draws {
    fn name(&self) -> String {
        Draws::name(self)
    }
}

/// Every law of perturbations: those without parameters, and of those with some `each` that are drawn from its schema, always the same.
pub fn samplers(each: u32) -> Vec<Sampler> {
    let schema = settings::schema::<Sampler>();
    let kinds = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array());
    let mut samplers: Vec<Sampler> = vec![];
    for drawn in kinds.into_iter().flatten().flat_map(|kind| draws::values(kind, each)) {
        if let Ok(sampler) = serde_json::from_value::<Sampler>(Value::clone(&drawn))
            && !samplers.contains(&sampler)
        {
            samplers.push(sampler);
        }
    }
    samplers
}

/// Leaves of one to three dimensions, two of them of one shape.
fn space(dtype: DType) -> Result<Space> {
    let leaf = |name: &str, shape: &[usize]| Leaf::real(name, shape).dtype(dtype);
    Space::with_dtype(vec![leaf("a", &[20, 15]), leaf("b", &[20, 15]), leaf("c", &[130]), leaf("d", &[4, 5, 6])], dtype)
}

/// The noise of a seed, over a space.
fn noise(source: &dyn Draws, space: &Space, seed: Seed) -> Result<Vec<f64>> {
    let mut out = space.zeros()?;
    source.fill(space, seed, &mut out)?;
    moths_core::tensor::host::to_f64s(&out)
}

/// The seeds that laws look at: some alone, and some of one family.
fn seeds(n: u64) -> impl Iterator<Item = Seed> {
    (0..n).map(|k| if k % 2 == 0 { Key::new(k).into() } else { Key::new(1).member(k) })
}

/// Is the mean of numbers that know nothing of each other what it should be, but for chance?
fn is_about(expected: f64, numbers: &[f64]) -> Verdict {
    let n = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / n;
    let deviation = (numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt();
    // Six deviations: a fair law is this far off once in 500 million times.
    if (mean - expected).abs() <= 6.0 * deviation + 1e-4 {
        return Ok(());
    }
    Err(Breach::new(format!("{mean:.4} ± {deviation:.4} instead of {expected}")))
}
