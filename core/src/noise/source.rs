//! The noise of one seed, made ready: from here on every element can be drawn by itself.

use super::{
    Sampler,
    low_rank::LowRank,
    orthogonal::Orthogonal,
    smooth::{self, Smoothing},
    sobol::Sobol,
    sparse::Sparse,
    subspace::{Bases, Shared},
};
use crate::rng::{BLOCK, Element, Key, Seed, law::START};

type Block<T> = [T; BLOCK];

/// The noise of one seed over leaves of known shapes.
pub(super) enum Source<T> {
    /// Elements that are independent of each other.
    Law(Sampler, Seed),
    /// Normal elements times a factor that only all of them together determine.
    Sphere(Seed, T),
    Sparse(Sparse),
    LowRank(LowRank<T>),
    Orthogonal(Orthogonal),
    Sobol(Sobol),
    /// All elements: what is smoothed is made whole.
    Stored(Vec<T>),
}

/// What the noise of several seeds has in common.
#[derive(Clone, Debug)]
pub(super) struct Sharing {
    pub(super) key: Key,
    bases: Shared,
}

impl Sharing {
    pub(super) fn new(key: Key) -> Self {
        Self { key, bases: Shared::default() }
    }
}

impl Sampler {
    /// Does a prepared source hold all its elements?
    pub(crate) fn is_stored(self) -> bool {
        matches!(self, Self::GaussianFilter { .. } | Self::RandomKernel { .. } | Self::Median { .. })
    }
}

impl<T: Element> Source<T> {
    pub(super) fn new(sampler: Sampler, shapes: &[Box<[usize]>], seed: Seed, sharing: Option<&Sharing>) -> Self {
        let len = || shapes.iter().map(|shape| shape.iter().product::<usize>()).sum::<usize>();
        let stored = |smoothing| Self::Stored(smooth::noise(smoothing, shapes, seed.key()));
        match sampler {
            Sampler::Sphere => Self::Sphere(seed, to_sphere(seed, len())),
            Sampler::Sparse { fraction, block } => Self::Sparse(Sparse::new(fraction, block, len(), seed.key())),
            Sampler::LowRank { rank } => Self::LowRank(LowRank::new(rank, shapes, seed.key(), sharing.map(|s| s.key))),
            Sampler::Subspace { rank } => {
                let bases = |key| Bases::new(rank, shapes, key);
                Self::LowRank(match sharing {
                    Some(sharing) => sharing.bases.get(|| bases(sharing.key)).noise(shapes, seed.key()),
                    None => bases(seed.key()).noise(shapes, seed.key()),
                })
            }
            Sampler::Orthogonal => Self::Orthogonal(Orthogonal::new(len(), seed)),
            Sampler::Sobol => Self::Sobol(Sobol::new(seed)),
            Sampler::GaussianFilter { sigma } => stored(Smoothing::Gaussian(sigma)),
            Sampler::RandomKernel { size } => stored(Smoothing::RandomKernel(size)),
            Sampler::Median { size } => stored(Smoothing::Median(size)),
            law => Self::Law(law, seed),
        }
    }

    /// The noise from `offset` on, both of whole blocks. What lies behind the last element, and behind the first `wanted` ones, means nothing.
    pub(super) fn draw(&self, offset: usize, wanted: usize, out: &mut [T]) {
        let first = (offset / BLOCK) as u64;
        match self {
            Self::Law(Sampler::Normal, seed) if wanted <= START => {
                if let Some(start) = out.first_chunk_mut() {
                    T::normal_start(seed.key(), first, start);
                }
            }
            Self::Law(law, seed) => independent(*law, *seed, first, out),
            Self::Sphere(seed, factor) => {
                T::normal(seed.key(), first, out.as_chunks_mut().0);
                out.iter_mut().for_each(|z| *z *= *factor);
            }
            Self::Sparse(sparse) => sparse.draw(offset, out),
            Self::LowRank(factors) => factors.draw(offset, out),
            Self::Orthogonal(rows) => rows.draw(offset, out),
            Self::Sobol(net) => net.draw(offset, out),
            Self::Stored(all) => {
                let rest = all.get(offset..).unwrap_or_default();
                let there = rest.len().min(out.len());
                out[..there].copy_from_slice(&rest[..there]);
            }
        }
    }
}

/// Blocks `first ..` of a law whose elements are independent.
fn independent<T: Element>(law: Sampler, seed: Seed, first: u64, out: &mut [T]) {
    let key = seed.key();
    let blocks: &mut [Block<T>] = out.as_chunks_mut().0;
    match law {
        Sampler::Uniform => {
            T::uniform(key, first, blocks);
            T::spread(T::of(12f64.sqrt()), out);
        }
        Sampler::Rademacher => T::sign(key, first, blocks),
        Sampler::Laplace => each_with(blocks, first, |at, block, other| {
            T::uniform(key, at, block);
            T::sign(key, at, other);
            T::laplace(&mut block[0], &other[0]);
        }),
        Sampler::StudentT { dof } => student(key, dof, first, blocks),
        Sampler::Cauchy => student(key, 1.0, first, blocks),
        Sampler::AsymmetricBernoulli { epsilon } => {
            T::uniform(key, first, blocks);
            asymmetric(epsilon.max(0.0), out);
        }
        _ => T::normal(key, first, blocks),
    }
}

/// From [0, 1) to the two values of the law.
fn asymmetric<T: Element>(epsilon: f64, out: &mut [T]) {
    let up = (1.0 + epsilon).sqrt();
    let (share, down, up) = (T::of((1.0 + epsilon) / (2.0 + epsilon)), T::of(-1.0 / up), T::of(up));
    out.iter_mut().for_each(|z| *z = if *z < share { down } else { up });
}

/// Student's t from two independent normals z, w and r² = z² + w²: z √(dof (e^{r²/dof} − 1) / r²) (Bailey 1994,
/// doi:10.1090/S0025-5718-1994-1219702-8).
fn student<T: Element>(key: Key, dof: f64, first: u64, blocks: &mut [Block<T>]) {
    let dof = T::of(dof.max(1.0));
    let beside = key.fold(0);
    each_with(blocks, first, |at, block, other| {
        T::normal(key, at, block);
        T::normal(beside, at, other);
        T::student(dof, &mut block[0], &other[0]);
    });
}

/// Each block by itself, with another to draw into.
fn each_with<T: Element>(blocks: &mut [Block<T>], first: u64, work: impl Fn(u64, &mut [Block<T>], &mut [Block<T>])) {
    let mut other = [[T::ZERO; BLOCK]];
    for (at, block) in (first..).zip(blocks) {
        work(at, std::slice::from_mut(block), &mut other);
    }
}

/// What the first `len` normals of a seed have to be multiplied by for their length to be √len.
fn to_sphere<T: Element>(seed: Seed, len: usize) -> T {
    let mut block = [[T::ZERO; BLOCK]];
    let mut square = 0.0;
    for at in 0..len.div_ceil(BLOCK) {
        T::normal(seed.key(), at as u64, &mut block);
        let there = &block[0][..(len - at * BLOCK).min(BLOCK)];
        square += T::dot(there, there);
    }
    T::of((len as f64 / square.max(f64::MIN_POSITIVE)).sqrt())
}
