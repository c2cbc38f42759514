//! The laws of distribution, and that noise depends on key and index alone.

mod laws;
mod stability;
mod structure;
mod tensors;

use candle_core::{DType, Device, Tensor};

use super::{Perturbation, Sampler};
use crate::{
    Error, Result,
    rng::{Element, Key, Seed},
    tensor::CowTensor,
};

const ALL: [Sampler; 16] = [
    Sampler::Normal,
    Sampler::Uniform,
    Sampler::Rademacher,
    Sampler::Laplace,
    Sampler::StudentT { dof: 5.0 },
    Sampler::Cauchy,
    Sampler::AsymmetricBernoulli { epsilon: 0.5 },
    Sampler::Sphere,
    Sampler::Sparse { fraction: 0.1, block: 3 },
    Sampler::LowRank { rank: 2 },
    Sampler::Subspace { rank: 2 },
    Sampler::Orthogonal,
    Sampler::Sobol,
    Sampler::GaussianFilter { sigma: 1.5 },
    Sampler::RandomKernel { size: 3 },
    Sampler::Median { size: 3 },
];

fn draw<T: Element>(sampler: Sampler, key: u64, offset: usize, len: usize) -> Vec<T> {
    drawn(&sampler.into(), Key::new(key), offset, len)
}

fn drawn<T: Element>(noise: &Perturbation, seed: impl Into<Seed>, offset: usize, len: usize) -> Vec<T> {
    let mut out = vec![T::ZERO; len];
    noise.fill_slice(seed.into(), offset, &mut out);
    out
}

/// Over leaves of these shapes.
fn over(sampler: Sampler, shapes: &[&[usize]]) -> Perturbation {
    Perturbation::new(sampler, Some(shapes.iter().map(|shape| (*shape).into()).collect()))
}

fn zeros(dims: &[usize], dtype: DType) -> Result<CowTensor> {
    Ok(CowTensor::new(Tensor::zeros(dims, dtype, &Device::Cpu)?))
}

/// The normal distribution function, by integrating the density: exact enough to compare with.
fn normal_cdf(x: f64) -> f64 {
    let steps = 400;
    let h = x / steps as f64;
    let density = |t: f64| (-0.5 * t * t).exp() / std::f64::consts::TAU.sqrt();
    let inner: f64 = (1..steps).map(|k| density(k as f64 * h) * if k % 2 == 1 { 4.0 } else { 2.0 }).sum();
    0.5 + h / 3.0 * (density(0.0) + inner + density(x))
}
