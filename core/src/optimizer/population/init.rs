//! Where the members of a population begin.

use candle_core::{DType, Tensor};
use rand::{RngExt, seq::SliceRandom};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result, memory,
    noise::{Sampler, normal_quantile},
    rng::{Key, Seed},
    space::{Space, fold},
    tensor::{CowTensor, host},
};

/// How the first points of a population are drawn, in search coordinates. The first of them is always the start itself.
///
/// ```text
/// around            uniform in the bounds; s + z where there are none                    s: the start, z ~ N(0, I)
/// same              s
/// gaussian          s + z, mirrored at the bounds
/// like-weights      uniform in the bounds; m_l + σ_l z elsewhere                         m_l, σ_l: mean and deviation of the leaf's start
/// latin-hypercube   s + Φ⁻¹(u), or lo + (hi − lo) u;  u_ij = (π_j(i) + U) / n            π_j: a permutation a coordinate, U ~ U[0, 1)
/// sobol             the same with the points u_i of a scrambled Sobol net
/// ```
///
/// `around` draws all members of a network around one shared start, so that each is √2 as wide as the start itself, and all of them agree in
/// part; members like weights are independent of each other, as if each network had been initialised by itself. (A leaf whose start is
/// constant, as biases are, has no deviation of its own: there σ_l is 1, the unit of the search.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Init {
    /// Uniform in the bounds; around the start where there are none.
    #[default]
    Around,
    /// All at the start: for methods that move them apart themselves.
    Same,
    /// Normal around the start, with bounds too.
    Gaussian,
    /// Each by itself, each leaf from a normal distribution of its own start's mean and deviation.
    LikeWeights,
    /// Every coordinate stratified: one member in each of n intervals of equal probability (but for the first member, which is the start).
    LatinHypercube,
    /// A scrambled Sobol net: every group of 256 coordinates is filled evenly.
    Sobol,
}

impl Init {
    /// For methods whose steps are differences between members: they must not begin as one.
    ///
    /// # Errors
    /// [`Error::Invalid`] for [`Init::Same`], naming the setting.
    pub fn apart(self, setting: &str) -> Result<()> {
        match self {
            Self::Same => {
                Err(Error::invalid(setting, "same", "members that differ: this method moves by the differences between them"))
            }
            _ => Ok(()),
        }
    }

    /// Is no direction special where there are no bounds? Stratified points know the axes, and weights their leaf.
    pub fn is_isotropic(self) -> bool {
        matches!(self, Self::Around | Self::Same | Self::Gaussian)
    }

    /// n points \[n, d\] around a point, which is the first of them.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) where there is no room for so many; [`Error::Shape`](crate::Error::Shape) for a point of another length, and as
    /// [`Space::point`].
    pub fn points(self, space: &Space, start: &CowTensor, key: Key, n: usize) -> Result<CowTensor> {
        let start = &space.point(start)?;
        let mut points = match self {
            Self::Around => space.scatter(start, key, n)?,
            Self::Same => rows(Sampler::Normal, None, space, start, key, n, 0.0)?,
            Self::Gaussian => {
                let mut points = rows(Sampler::Normal, None, space, start, key, n, 1.0)?;
                space.fold(&mut points)?;
                points
            }
            Self::LikeWeights => like_weights(space, start, key, n)?,
            Self::LatinHypercube => {
                room(space, n)?;
                stratified(space, start, &latin(space.dim(), key, n), n)?
            }
            Self::Sobol => {
                room(space, n)?;
                let net = host::to_f64s(&*rows(Sampler::Sobol, None, space, &space.zeros()?, key, n, 1.0)?)?;
                let shares: Vec<f64> = net.into_iter().map(normal_share).collect();
                stratified(space, start, &shares, n)?
            }
        };
        points.set_row(0, start)?;
        Ok(points)
    }
}

/// Shares and points of every member stand side by side, in f64.
fn room(space: &Space, n: usize) -> Result<()> {
    memory::check(|| format!("{n} points"), space.dim(), 24.0 * n as f64 * space.dim() as f64)
}

/// centre + scale · deviation ⊙ noise, a row a member of the key.
pub(super) fn rows(
    sampler: Sampler,
    deviation: Option<&CowTensor>,
    space: &Space,
    centre: &CowTensor,
    key: Key,
    n: usize,
    scale: f64,
) -> Result<CowTensor> {
    let (mut points, noise) = (space.zeros_for(n)?, sampler.over(space));
    let noise = match deviation {
        Some(deviation) => noise.scaled_by(deviation),
        None => noise,
    };
    let terms: Vec<(Seed, f64)> = (0..n).map(|i| (key.member(i as u64), scale)).collect();
    noise.perturb_rows(centre, &terms, &mut points)?;
    Ok(points)
}

fn like_weights(space: &Space, start: &CowTensor, key: Key, n: usize) -> Result<CowTensor> {
    let values = host::to_f64s(start)?;
    let (mut mean, mut deviation) = (vec![0.0; values.len()], vec![0.0; values.len()]);
    for (_, place) in space.places() {
        let (m, s) = moments(&values[place.clone()]);
        mean[place.clone()].fill(m);
        deviation[place].fill(if s > 0.0 { s } else { 1.0 });
    }
    let mut points = rows(Sampler::Normal, Some(&point(deviation, space)?), space, &point(mean, space)?, key, n, 1.0)?;
    if space.is_bounded() {
        space.place_scattered(key, &mut points)?;
    }
    Ok(points)
}

/// Mean and deviation of a leaf's numbers; no deviation but rounding is none.
fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let deviation = (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
    (mean, if deviation > 1e-6 * mean.abs() { deviation } else { 0.0 })
}

/// Points \[n, d\] from shares of probability, strictly between 0 and 1.
fn stratified(space: &Space, start: &CowTensor, shares: &[f64], n: usize) -> Result<CowTensor> {
    let ends: Vec<((f64, f64), f64)> = space.intervals().zip(host::to_f64s(start)?).collect();
    let place = |(u, ((lo, hi), start)): (&f64, &((f64, f64), f64))| match lo.is_finite() && hi.is_finite() {
        true => lo + (hi - lo) * u,
        // Where there is one end, a point beyond it has a mirror image inside.
        false => fold(start + normal_quantile(*u), (*lo, *hi)),
    };
    let values: Vec<f64> = shares.iter().zip(ends.iter().cycle()).map(place).collect();
    Ok(space.numbers(values, (n, space.dim()))?.into())
}

/// A Latin hypercube: u_ij = (π_j(i) + U) / n.
fn latin(d: usize, key: Key, n: usize) -> Vec<f64> {
    // The largest number below 1: rounding must not end there.
    const MOST: f64 = 1.0 - f64::EPSILON / 2.0;
    let mut shares = vec![0.0; n * d];
    let mut order: Vec<usize> = (0..n).collect();
    for j in 0..d {
        let mut draws = key.fold(j as u64).stream();
        order.shuffle(&mut draws);
        for (i, stratum) in order.iter().enumerate() {
            // The middle of a cell of 2^-53: never 0.
            let within = draws.random::<f64>() + 0.25 * f64::EPSILON;
            shares[i * d + j] = ((*stratum as f64 + within) / n as f64).min(MOST);
        }
    }
    shares
}

/// Φ(z).
fn normal_share(z: f64) -> f64 {
    0.5 * libm::erfc(-z / std::f64::consts::SQRT_2)
}

fn point(values: Vec<f64>, space: &Space) -> Result<CowTensor> {
    let (d, dtype): (usize, DType) = (space.dim(), space.dtype());
    Ok(Tensor::from_vec(values, d, space.device())?.to_dtype(dtype)?.into())
}
