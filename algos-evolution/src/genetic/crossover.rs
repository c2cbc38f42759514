//! How two parents are mixed: every gene of one child is a + t (b − a), of the other b + t (a − b).

use moths_core::rng::{Element, Stream};
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{GeneticConfig, Layout};
use crate::differential::whole::Whole;

/// How parents are mixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Crossover {
    /// Each gene from either.
    Uniform,
    /// The genes from a random one on are exchanged.
    OnePoint,
    /// The genes between two random ones are exchanged.
    TwoPoint,
    /// Between the parents, at a random place for each gene.
    Arithmetic,
    /// Between the parents and beyond (BLX-α), at two random places for each gene.
    Blend,
    /// As far apart as one-point crossover of binary numbers would put them (simulated binary crossover).
    Sbx,
}

/// Two children; without settings, copies of their parents.
pub(super) fn cross<T: Element>(
    config: Option<&GeneticConfig>,
    layout: &Layout,
    wholes: &[Whole],
    [a, b]: [&[T]; 2],
    [first, second]: [&mut [T]; 2],
    stream: &mut Stream,
) {
    first.copy_from_slice(a);
    second.copy_from_slice(b);
    let Some(config) = config else { return };
    let genes = layout.count();
    let exchanged = exchanged(config.crossover, genes, stream);
    for gene in 0..genes {
        let ts = shares(config, exchanged.contains(&gene), stream);
        let range = layout.range(gene);
        mix(&a[range.clone()], &b[range.clone()], ts[0], &mut first[range.clone()]);
        mix(&b[range.clone()], &a[range.clone()], ts[1], &mut second[range]);
    }
    if matches!(config.crossover, Crossover::Arithmetic | Crossover::Blend | Crossover::Sbx) {
        for whole in wholes {
            for child in [&mut *first, &mut *second] {
                let (x, u) = (child[whole.at], stream.random());
                // Nothing is between two categories: it is that of either parent.
                child[whole.at] = match whole.is_category() {
                    true if u < 0.5 => a[whole.at],
                    true => b[whole.at],
                    false => T::of(whole.dithered(x.to_f64(), u)),
                };
            }
        }
    }
}

/// Which genes change sides, where neighbours stay together.
fn exchanged(crossover: Crossover, genes: usize, stream: &mut Stream) -> std::ops::Range<usize> {
    match crossover {
        Crossover::OnePoint if genes > 1 => stream.random_range(1..genes)..genes,
        Crossover::TwoPoint if genes > 1 => {
            let (one, other) = (stream.random_range(0..=genes), stream.random_range(0..=genes));
            one.min(other)..one.max(other)
        }
        _ => 0..0,
    }
}

/// t of a gene, for each child.
fn shares(config: &GeneticConfig, exchanged: bool, stream: &mut Stream) -> [f64; 2] {
    let same = |t: f64| [t, t];
    match config.crossover {
        Crossover::Uniform => same(f64::from(u8::from(stream.random::<bool>()))),
        Crossover::OnePoint | Crossover::TwoPoint => same(f64::from(u8::from(exchanged))),
        Crossover::Arithmetic => same(stream.random()),
        Crossover::Blend => [(); 2].map(|()| (1.0 + 2.0 * config.blend) * stream.random::<f64>() - config.blend),
        Crossover::Sbx if stream.random::<bool>() => same(0.5 - 0.5 * spread(stream.random(), config.crossover_index)),
        Crossover::Sbx => same(0.0),
    }
}

/// β: how far apart children are, in units of how far their parents are.
pub(super) fn spread(u: f64, index: f64) -> f64 {
    let power = 1.0 / (index + 1.0);
    if u < 0.5 { libm::pow(2.0 * u, power) } else { libm::pow(2.0 - 2.0 * u, -power) }
}

/// a + t (b − a); whole genes are exchanged bit for bit.
fn mix<T: Element>(a: &[T], b: &[T], t: f64, child: &mut [T]) {
    if t == 0.0 {
        return;
    }
    if t == 1.0 {
        return child.copy_from_slice(b);
    }
    let t = T::of(t);
    child.iter_mut().zip(a).zip(b).for_each(|((child, a), b)| *child = *a + t * (*b - *a));
}
