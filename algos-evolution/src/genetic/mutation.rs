//! What is new in a child.

use moths_core::{
    Key, Sampler,
    rng::{BLOCK, Element, Stream},
};
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{GeneticConfig, Layout};
use crate::differential::{gaps::Gaps, whole::Whole};

/// What mutation adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mutation {
    /// σ z, z ~ N(0, 1).
    Gaussian,
    /// 4 δ, mostly small and at most the interval of a coordinate with bounds.
    Polynomial,
    /// σ_i z, with a σ_i that is inherited and mutates first.
    SelfAdaptive,
}

/// What mutation makes of an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Integers {
    /// As far away as a real number would go, and one at least.
    Step,
    /// Any other, all equally likely: of names rather than numbers.
    Redraw,
}

/// The interval of a coordinate with bounds, unless it has a scale of its own: a unit of the search is a quarter of it.
const REACH: f64 = 4.0;
/// A σ_i below this could not be seen, and would never come back.
const LEAST: f64 = 1e-12;

/// Mutates one child after another.
pub(super) struct Mutator<'a> {
    config: &'a GeneticConfig,
    layout: &'a Layout,
    wholes: &'a [Whole],
    rate: f64,
    /// 1/√d.
    learning: f64,
    gaps: Gaps,
    key: Key,
    /// Children so far.
    count: u64,
}

impl<'a> Mutator<'a> {
    pub(super) fn new(config: &'a GeneticConfig, layout: &'a Layout, wholes: &'a [Whole], key: Key) -> Self {
        let genes = layout.count();
        let d = layout.range(genes - 1).end as f64;
        let rate = config.mutation_rate.unwrap_or(1.0 / genes as f64);
        Self { config, layout, wholes, rate, learning: 1.0 / d.sqrt(), gaps: Gaps::new(key.fold(0)), key: key.fold(1), count: 0 }
    }

    /// Mutates a child with the σ of its parent, and gives its own.
    pub(super) fn mutate<T: Element>(&mut self, child: &mut [T], sigma: f64) -> f64 {
        let key = self.key.fold(self.count);
        self.count += 1;
        let sigma = match self.config.mutation {
            Mutation::SelfAdaptive => {
                let mut z = [0.0];
                Sampler::Normal.fill_slice(key.fold(1), &mut z);
                (sigma * libm::exp(self.learning * z[0])).clamp(LEAST, 1e6)
            }
            Mutation::Gaussian | Mutation::Polynomial => self.config.sigma,
        };
        let mut steps = Steps { config: self.config, sigma, key: key.fold(0), at: usize::MAX, noise: [0.0; BLOCK] };
        let (layout, wholes, genes) = (self.layout, self.wholes, self.layout.count());
        let mut others = key.fold(2).stream();
        let mut change = |gene: usize| {
            for j in layout.range(gene) {
                let step = steps.of(j);
                let now = child[j].to_f64();
                let whole = wholes.binary_search_by_key(&j, |whole| whole.at).ok().map(|k| &wholes[k]);
                child[j] = T::of(match (whole, self.config.integers) {
                    (None, _) => now + step,
                    (Some(whole), Integers::Step) if !whole.is_category() => whole.stepped(now, step),
                    (Some(whole), _) => whole.redrawn(now, others.random()),
                });
            }
        };
        if self.rate < 1.0 {
            self.gaps.each(self.rate, genes, change);
        } else {
            (0..genes).for_each(&mut change);
        }
        swap(child, wholes, self.config.swap_rate, &mut key.fold(3).stream());
        sigma
    }
}

/// Two flags, or two integers, of one leaf exchange their values, with the probability `rate`: how many are set stays what it was.
fn swap<T: Element>(child: &mut [T], wholes: &[Whole], rate: f64, stream: &mut Stream) {
    if wholes.is_empty() || stream.random::<f64>() >= rate {
        return;
    }
    let one = &wholes[stream.random_range(0..wholes.len())];
    let first = wholes.partition_point(|whole| whole.leaf < one.leaf);
    let last = wholes.partition_point(|whole| whole.leaf <= one.leaf);
    child.swap(one.at, wholes[stream.random_range(first..last)].at);
}

/// The steps of one child's coordinates, in order of the coordinates.
struct Steps<'a> {
    config: &'a GeneticConfig,
    sigma: f64,
    key: Key,
    /// The block of coordinates whose noise there is.
    at: usize,
    noise: [f64; BLOCK],
}

impl Steps<'_> {
    fn of(&mut self, j: usize) -> f64 {
        let polynomial = self.config.mutation == Mutation::Polynomial;
        if self.at != j / BLOCK {
            self.at = j / BLOCK;
            let draw = if polynomial { f64::uniform } else { f64::normal };
            draw(self.key, self.at as u64, std::slice::from_mut(&mut self.noise));
        }
        let noise = self.noise[j % BLOCK];
        if !polynomial {
            return self.sigma * noise;
        }
        REACH * offset(noise, self.config.mutation_index)
    }
}

/// δ.
pub(super) fn offset(u: f64, index: f64) -> f64 {
    let power = 1.0 / (index + 1.0);
    if u < 0.5 { libm::pow(2.0 * u, power) - 1.0 } else { 1.0 - libm::pow(2.0 - 2.0 * u, power) }
}
