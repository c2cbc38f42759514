//! The gradient from differences between particles: of their losses, or of what a model answers at them.
//!
//! ```text
//! θ_k = θ + σ z_k,  k = 1..n                       z_k ~ N(0, I) unless `sampler` says otherwise
//! u_k = f(θ_k), or with `outputs` ⟨Y_k, s⟩          Y_k: the outputs at θ_k;  s: the mean over k of ∂f/∂Y
//! moment, outputs   ĝ = 1/((n − 1) σ²) Σ_k (u_k − ū)(θ_k − θ̄)
//! least-squares     ĝ = argmin_g Σ_k (u_k − ū − g·(θ_k − θ̄))² + ρ tr(K)/n ‖g‖²,   K_kl = (θ_k − θ̄)·(θ_l − θ̄)
//!                     = Σ_k a_k (θ_k − θ̄),  (K + ρ tr(K)/n I) a = u − ū
//! x ← descent(x, ĝ)
//! ```
//!
//! θ, z, ĝ: \[d\], a, u: \[n\], K: \[n, n\], Y, s: \[examples, outputs\]. With more particles than dimensions the least squares are those of a plane
//! through all of them, and exact where f is one; with fewer, ĝ is the shortest that explains the losses, and in many dimensions, where K is
//! nearly diagonal, the moment in another unit. Of `outputs`, u − ū is what the losses would do if they were linear in what the model answers,
//! which hides how the loss bends, but not the model. Source: the simplex gradient, Bortz & Kelley 1998, doi:10.1007/978-1-4612-1780-0_5;
//! the products of differences of outputs and parameters are those of ensemble Kalman inversion, Kovachki & Stuart 2019, arXiv:1808.03620,
//! and AdaSwarm's gradient by outputs, Mohapatra et al. 2020, arXiv:2006.09875.
//! Differs from the papers: particles are drawn anew around the point in every step, AdaSwarm's follow a swarm; slopes of the loss by the outputs
//! are those of the objective, where AdaSwarm approximates them by distances of particles.
//! Cost per step: n evaluations in one round; no state of size d beside the point and the descent's; of least squares n²/2 · d multiplications
//! and n²/16 · d random numbers, and 16 d numbers of scratch.
//!
//! Take it when there are more particles than parameters: least squares then see the slope exactly that single differences blur. On networks take
//! `open-es`, whose pairs do better at equal evaluations (digits, 20,000 evaluations, Adam from 0.1 to 0.002, median of 5 seeds: moment 96.7 and
//! least squares 96.4 % of the test data with 16 particles, `spsa` with 8 pairs 97.2 %), or `form` outputs, where the model shows them.
//!
//! Tune first: `descent.rate`, falling over the run; `sigma`; `particles`, more where losses are noisy.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_swarm as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("particle-gradient"), &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..100 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/particle-gradient.md")]

use moths_core::{
    Batch, CowTensor, Error, Key, Objective, Result, Sampler, Schedule, Space, Spec, fuse,
    noise::Gradient,
    objective::{Outputs, Probe},
    optimizer::{Capabilities, Descent, Estimate, Estimator, Family, GradientDescent, Meta, NamedEstimator, settings},
    persist,
    persist::Clock,
    register,
    rng::Seed,
    tensor::{cholesky::Cholesky, host},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Particles whose noise is drawn at once to be multiplied.
const TILE: usize = 8;
/// What is added to the diagonal of K at least, in units of its mean: less is lost in rounding.
const LEAST_RIDGE: f64 = 1e-10;

/// What the gradient is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// The plane that fits the losses best.
    LeastSquares,
    /// Losses times differences.
    Moment,
    /// Outputs of a model, and the slopes of its loss by these, times differences.
    Outputs,
}

/// Settings of [`ParticleGradient`], beside its `descent`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ParticleGradientConfig {
    /// What the gradient is made of.
    pub form: Form,
    /// n, the number of particles.
    #[schemars(range(min = 2, max = 2_000))]
    pub particles: usize,
    /// σ, how far particles are from the point, in every search coordinate.
    pub sigma: Schedule,
    /// ρ, what is added to K of least squares, in units of its mean diagonal.
    #[schemars(range(min = 0.0, max = 1e6))]
    pub ridge: f64,
    /// The distribution of z.
    pub sampler: Sampler,
}

impl Default for ParticleGradientConfig {
    fn default() -> Self {
        Self { form: Form::LeastSquares, particles: 20, sigma: 0.1.into(), ridge: 0.01, sampler: Sampler::Normal }
    }
}

/// The gradient from particles as an optimizer. See the [module documentation](self) for equations.
pub type ParticleGradient = GradientDescent<ParticleGradientEstimator, Box<dyn Descent>>;

/// The gradient from differences between particles.
pub struct ParticleGradientEstimator {
    config: ParticleGradientConfig,
    space: Space,
    clock: Clock,
}

impl NamedEstimator for ParticleGradientEstimator {
    const META: Meta = Meta::new(
        "particle-gradient",
        Family::Swarm,
        "The gradient that differences between particles explain the losses, or a model's outputs, by.",
        "Bortz & Kelley 1998, doi:10.1007/978-1-4612-1780-0_5; Kovachki & Stuart 2019, arXiv:1808.03620; Mohapatra et al. 2020, arXiv:2006.09875",
    )
    .capabilities(Capabilities::NONE.seeds_only(true).translation(true).beats_random(true).state_per_parameter(0.0))
    .size("particles");
    type Config = ParticleGradientConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        Ok(Self { config, space: space.clone(), clock: Clock::new(key) })
    }

    fn capabilities(config: &Self::Config) -> Capabilities {
        Self::META.capabilities.needs_outputs(config.form == Form::Outputs)
    }

    fn evaluations_per_step(config: &Self::Config, _space: &Space) -> Option<u64> {
        Some(config.particles as u64)
    }

    fn default_descent() -> Spec {
        Spec::new("adamw")
    }
}

/// What is known of the particles that did not fail.
struct Seen {
    /// Which they are.
    members: Vec<usize>,
    /// u − ū of each.
    apart: Vec<f64>,
}

impl Seen {
    /// Of values of which some are not finite; `None` unless two are.
    fn of(values: &[f64]) -> Option<Self> {
        let members: Vec<usize> = (0..values.len()).filter(|&k| values[k].is_finite()).collect();
        let n = members.len() as f64;
        let mean: f64 = members.iter().map(|&k| values[k] / n).sum();
        let apart = members.iter().map(|&k| values[k] - mean).collect();
        (members.len() > 1).then_some(Self { members, apart })
    }
}

/// ⟨Y_k, s⟩ of each candidate, with the slopes s of those that did not fail; NaN for those that did.
fn along_slopes(outputs: &Outputs) -> Result<Vec<f64>> {
    let (values, slopes) = (host::to_f64s(&outputs.values)?, host::to_f64s(&outputs.slopes)?);
    let n = outputs.losses.len();
    let size = values.len() / n.max(1);
    let failed: Vec<bool> = outputs.losses.iter().map(|loss| loss.is_infinite()).collect();
    let mut mean = vec![0.0; size];
    for (slopes, _) in slopes.chunks(size.max(1)).zip(&failed).filter(|(_, failed)| !**failed) {
        mean.iter_mut().zip(slopes).for_each(|(m, s)| *m += s);
    }
    let seen = failed.iter().filter(|failed| !**failed).count().max(1) as f64;
    let along = |y: &[f64]| y.iter().zip(&mean).map(|(y, s)| y * s).sum::<f64>() / seen;
    Ok(values.chunks(size.max(1)).zip(failed).map(|(y, failed)| if failed { f64::NAN } else { along(y) }).collect())
}

impl ParticleGradientEstimator {
    /// z_k·z_l of these members of a key: noise of a few of them at a time, drawn again for each few of the others.
    fn products(&self, key: Key, members: &[usize]) -> Result<Vec<f64>> {
        let (noise, n) = (self.config.sampler.over(&self.space), members.len());
        let origin = self.space.zeros()?;
        let drawn = |tile: &[usize]| {
            let mut z = self.space.zeros_for(tile.len())?;
            let rows: Vec<(Seed, f64)> = tile.iter().map(|&k| (key.member(k as u64), 1.0)).collect();
            noise.perturb_rows(&origin, &rows, &mut z)?;
            Ok::<_, Error>(z)
        };
        let mut products = vec![0.0; n * n];
        for (a, tile) in members.chunks(TILE).enumerate() {
            let these = drawn(tile)?;
            for (b, other) in members.chunks(TILE).enumerate().take(a + 1) {
                let those = if a == b { these.clone() } else { drawn(other)? };
                for i in 0..tile.len() {
                    for j in 0..other.len() {
                        let (k, l) = (a * TILE + i, b * TILE + j);
                        if l <= k {
                            let product = fuse::dot(&these.get(i)?, &those.get(j)?)?;
                            (products[k * n + l], products[l * n + k]) = (product, product);
                        }
                    }
                }
            }
        }
        Ok(products)
    }

    /// The weights a of the particles in their least squares; `None` where they do not differ.
    fn least_squares(&self, key: Key, sigma: f64, seen: &Seen) -> Result<Option<Vec<f64>>> {
        let n = seen.members.len();
        let mut k = centred(self.products(key, &seen.members)?, n);
        k.iter_mut().for_each(|k| *k *= sigma * sigma);
        let mean = (0..n).map(|i| k[i * n + i]).sum::<f64>() / n as f64;
        let ridge = mean * self.config.ridge.max(LEAST_RIDGE);
        (0..n).for_each(|i| k[i * n + i] += ridge);
        let Some(factor) = Cholesky::of(k, n)? else { return Ok(None) };
        let mut a = seen.apart.clone();
        factor.solve(&mut a)?;
        Ok(Some(a))
    }

    /// Σ_k a_k (θ_k − θ̄), as the noise it is a sum of.
    fn gradient(&self, key: Key, sigma: f64, seen: &Seen, weights: &[f64]) -> Result<Option<Gradient>> {
        let mean = weights.iter().sum::<f64>() / weights.len() as f64;
        let term = |(&k, a): (&usize, &f64)| (key.member(k as u64), sigma * (a - mean));
        let terms: Vec<(Seed, f64)> = seen.members.iter().zip(weights).map(term).collect();
        Gradient::drawn(self.config.sampler.over(&self.space), terms, &self.space).map(Some)
    }
}

/// (I − 11ᵀ/n) K (I − 11ᵀ/n).
fn centred(k: Vec<f64>, n: usize) -> Vec<f64> {
    let means: Vec<f64> = k.chunks(n).map(|row| row.iter().sum::<f64>() / n as f64).collect();
    let all = means.iter().sum::<f64>() / n as f64;
    k.iter().enumerate().map(|(at, k)| k - means[at / n] - means[at % n] + all).collect()
}

impl Estimator for ParticleGradientEstimator {
    fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
        let (key, sigma, n) = (self.clock.key(), self.config.sigma.at(self.clock.step), self.config.particles);
        let probes: Vec<Probe> = (0..n).map(|k| Probe::new(key.member(k as u64), sigma)).collect();
        let batch = Batch::seeded(at, self.config.sampler.over(&self.space), probes);
        let (losses, values) = match self.config.form {
            Form::Outputs => {
                let none =
                    || Error::unsupported("particle-gradient", "form = outputs: the objective shows no outputs of a model");
                let outputs = objective.outputs_of(&batch)?.ok_or_else(none)?;
                let values = along_slopes(&outputs)?;
                (outputs.losses, values)
            }
            Form::LeastSquares | Form::Moment => {
                let losses = objective.losses(&batch)?;
                let values = losses.to_vec();
                (losses, values)
            }
        };
        let gradient = match Seen::of(&values) {
            None => None,
            Some(seen) => {
                let weights = match self.config.form {
                    Form::LeastSquares => self.least_squares(key, sigma, &seen)?,
                    Form::Moment | Form::Outputs => {
                        let divisor = (seen.members.len() - 1) as f64 * sigma * sigma;
                        Some(seen.apart.iter().map(|u| u / divisor).collect())
                    }
                };
                weights.map_or(Ok(None), |weights| self.gradient(key, sigma, &seen, &weights))?
            }
        };
        self.clock.tick();
        Ok(Estimate::new(losses.lowest(), gradient, n as u64))
    }
}

persist!(ParticleGradientEstimator { clock });
register!(ParticleGradient);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::Function;

    fn estimated(config: ParticleGradientConfig, space: &Space, f: impl FnMut(&[f64]) -> f64) -> Vec<f64> {
        let mut estimator = ParticleGradientEstimator::new(config, space, Key::new(8)).unwrap();
        let estimate = estimator.estimate(&space.start(), &mut Function::new(space.clone(), f)).unwrap();
        estimate.gradient.unwrap().dense().unwrap().to_vec1().unwrap()
    }

    fn cubic(x: &[f64]) -> f64 {
        x.iter().enumerate().map(|(i, x)| (i + 1) as f64 * x * x + x * x * x - x).sum()
    }

    /// z_k − z̄ of the first step.
    fn apart(space: &Space, n: usize) -> Vec<Vec<f64>> {
        let d = space.dim();
        let z: Vec<Vec<f64>> = (0..n)
            .map(|k| {
                let mut z = space.zeros().unwrap();
                Sampler::Normal.fill(Key::new(8).fold(0).member(k as u64), &mut z).unwrap();
                z.to_vec1().unwrap()
            })
            .collect();
        let mean: Vec<f64> = (0..d).map(|j| z.iter().map(|z| z[j]).sum::<f64>() / n as f64).collect();
        z.iter().map(|z| z.iter().zip(&mean).map(|(z, m)| z - m).collect()).collect()
    }

    #[test]
    fn the_moment_is_that_of_the_header() {
        let (space, n, sigma) = (Space::real(4).unwrap(), 3, 0.3);
        let config =
            ParticleGradientConfig { form: Form::Moment, particles: n, sigma: sigma.into(), ..ParticleGradientConfig::default() };
        let got = estimated(config, &space, cubic);
        let z: Vec<Vec<f64>> = (0..n)
            .map(|k| {
                let mut z = space.zeros().unwrap();
                Sampler::Normal.fill(Key::new(8).fold(0).member(k as u64), &mut z).unwrap();
                z.to_vec1().unwrap()
            })
            .collect();
        let f: Vec<f64> = z.iter().map(|z| cubic(&z.iter().map(|z| sigma * z).collect::<Vec<_>>())).collect();
        let mean = f.iter().sum::<f64>() / n as f64;
        let apart = apart(&space, n);
        for j in 0..4 {
            let expected: f64 = (0..n).map(|k| (f[k] - mean) * sigma * apart[k][j]).sum::<f64>() / (2.0 * sigma * sigma);
            assert!((got[j] - expected).abs() < 1e-12, "{got:?} {expected}");
        }
    }

    /// With more particles than dimensions, the gradient of what is linear; with fewer, what lies of it in the span of their differences.
    #[test]
    fn least_squares_are_exact_where_the_loss_is_linear() {
        let (space, slope) = (Space::real(20).unwrap(), |j: usize| j as f64 - 7.0);
        for n in [40, 9] {
            let config = ParticleGradientConfig { particles: n, ridge: 0.0, ..ParticleGradientConfig::default() };
            let got = estimated(config, &space, |x| 5.0 + x.iter().enumerate().map(|(j, x)| slope(j) * x).sum::<f64>());
            let missing: Vec<f64> = got.iter().enumerate().map(|(j, g)| slope(j) - g).collect();
            if n > 20 {
                assert!(missing.iter().all(|m| m.abs() < 1e-6), "{missing:?}");
            }
            for z in apart(&space, n) {
                assert!(z.iter().zip(&missing).map(|(z, m)| z * m).sum::<f64>().abs() < 1e-5);
            }
        }
    }

    #[test]
    fn who_fails_counts_for_nothing() {
        let space = Space::real(3).unwrap();
        for form in [Form::Moment, Form::LeastSquares] {
            let config = ParticleGradientConfig { form, ..ParticleGradientConfig::default() };
            let mut calls = 0;
            let got = estimated(config, &space, |x| {
                calls += 1;
                if calls % 3 == 0 { f64::NAN } else { x[0] }
            });
            assert!(got.iter().all(|g| g.is_finite()) && got[0] > 0.0, "{got:?}");
        }
    }

    #[test]
    fn a_function_has_no_outputs() {
        let space = Space::real(3).unwrap();
        let config = ParticleGradientConfig { form: Form::Outputs, ..ParticleGradientConfig::default() };
        let mut estimator = ParticleGradientEstimator::new(config, &space, Key::new(1)).unwrap();
        let refused = estimator.estimate(&space.start(), &mut Function::new(space.clone(), cubic)).unwrap_err();
        assert!(matches!(refused, Error::Unsupported { .. }), "{refused}");
    }

    /// Outputs linear in the parameters, and a loss linear in the outputs: the same as the moment of the losses.
    #[test]
    fn outputs_are_weighed_by_the_slopes() {
        use candle_core::{Device, Tensor};
        let values = Tensor::new(&[[[1f64, 2.0]], [[3.0, -1.0]], [[9.0, 9.0]]], &Device::Cpu).unwrap();
        let slopes = Tensor::new(&[[[1f64, 1.0]], [[3.0, 0.0]], [[0.0, 0.0]]], &Device::Cpu).unwrap();
        let outputs = Outputs { losses: vec![1.0, 2.0, f64::NAN].into(), values, slopes };
        let along = along_slopes(&outputs).unwrap();
        assert!(along[..2] == [3.0, 5.5] && along[2].is_nan(), "{along:?}");
    }
}
