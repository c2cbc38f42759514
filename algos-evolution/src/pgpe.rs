//! Policy gradients with parameter-based exploration: a centre and a deviation for every coordinate follow the gradient of the mean loss
//! of what is drawn from them. Only seeds are held.
//!
//! ```text
//! x_k± = μ ± σ ⊙ z_k                                                   z_k ~ N(0, I), k = 1..pairs
//! ĝ = 1 / pairs · Σ_k (u(x_k+) − u(x_k−)) / 2 · σ ⊙ z_k                of the centre
//! ĥ = 1 / pairs · Σ_k ((u(x_k+) + u(x_k−)) / 2 − ū) σ ⊙ (z_k² − 1)     of the deviations
//! μ ← descent(μ, ĝ)                                                    ClipUp by default
//! σ ← σ − η_σ ĥ, but by no more than the share `max_change` of itself
//! ```
//!
//! μ, σ, z, ĝ, ĥ: \[d\]; products and squares go element by element. u is the centred rank of a candidate's loss among all of the step,
//! or what `shaping` says; ū is its mean. ĝ and ĥ are the likelihood-ratio gradients times σ², which Sehnke et al. put in the step size.
//!
//! Source: Sehnke, Osendorfer, Rückstieß, Graves, Peters & Schmidhuber 2010, doi:10.1016/j.neunet.2009.12.004 (symmetric sampling);
//! ranks, the limit on σ and ClipUp: Toklu, Liskowski & Srivastava 2020, arXiv:2008.02387.
//! Differs from the papers: losses are not divided by the distance from the best reward that is possible, which ranks and z-scores make
//! unnecessary; ū is the mean of this step and not a running one; a pair with a candidate that counts for nothing is left out; σ stays
//! within 10⁻¹⁸ and 10⁹ of its start.
//! Minima on a wall are not promised: nothing nearer to it than the length of a perturbation is resolved.
//! Cost per step: 2 · pairs evaluations in one round; 1 number of state per parameter beside the point and the descent's. Noise is drawn
//! once a pair to move, and is never stored; 2 numbers of scratch per parameter.
//!
//! Take it when the parameters of a network or policy are of different sensitivity, so that each should have a deviation that adapts, at
//! the price of one number of state. On the digits `open-es`, which has one for all, did as well.
//!
//! Tune first: `sigma` together with `descent.rate`, a thirtieth of it; `sigma_rate`, lower where deviations vanish early; `pairs`, more
//! where gradients are noisy.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_evolution as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("pgpe").with("pairs", 8)?, &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..100 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/pgpe.md")]

use moths_core::{
    Batch, CowTensor, Key, Objective, Result, Sampler, Space, Spec, fuse, kernel,
    noise::Gradient,
    optimizer::{
        Antithetic, Capabilities, DataDraws, Descent, Estimate, Estimator, Family, GradientDescent, Meta, NamedEstimator,
        settings,
    },
    persist,
    persist::Clock,
    register,
    rng::Seed,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Shaping, deviation};

/// Settings of [`Pgpe`], beside its `descent`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PgpeConfig {
    /// Pairs of candidates a step: half the population.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub pairs: usize,
    /// Initial value of every σ, in search coordinates.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1e6))]
    pub sigma: f64,
    /// η_σ, the learning rate of the deviations; 0: they stay as they are.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub sigma_rate: f64,
    /// The largest change of a deviation in one step, as a share of it.
    #[schemars(range(min = 0.0), extend("exclusiveMaximum" = 1.0))]
    pub max_change: f64,
    /// What weighs the perturbations.
    pub shaping: Shaping,
    /// The distribution of z.
    pub sampler: Sampler,
    /// Which candidates of a step see the same data of a stochastic objective.
    pub draws: DataDraws,
}

impl Default for PgpeConfig {
    fn default() -> Self {
        Self {
            pairs: 16,
            sigma: 0.5,
            sigma_rate: 0.1,
            max_change: 0.2,
            shaping: Shaping::Ranks,
            sampler: Sampler::Normal,
            draws: DataDraws::Shared,
        }
    }
}

/// PGPE as an optimizer. See the [module documentation](self) for equations.
pub type Pgpe = GradientDescent<PgpeEstimator, Box<dyn Descent>>;

/// The gradient estimate of PGPE, and the deviations that go with it.
pub struct PgpeEstimator {
    config: PgpeConfig,
    space: Space,
    clock: Clock,
    sigma: CowTensor,
}

// In: g = Σ a z, second = Σ b z², and total = Σ b.
kernel! { fn adapt(g: inout, sigma: inout, second: mat, total: num, rate: num, most: num, least: num, largest: num) {
    g = g * sigma;
    sigma = clamp(sigma * (1.0 - clamp(rate * (second - total), -most, most)), least, largest);
} }

impl NamedEstimator for PgpeEstimator {
    const META: Meta = Meta::new(
        "pgpe",
        Family::Evolution,
        "A centre and a deviation for every coordinate follow the gradient of ranks; the centre by ClipUp. Only seeds are held.",
        "Sehnke et al. 2010, doi:10.1016/j.neunet.2009.12.004",
    )
    .capabilities(
        Capabilities::NONE.seeds_only(true).rank_based(true).translation(true).beats_random(true).state_per_parameter(1.0),
    )
    .size("pairs");
    type Config = PgpeConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        let sigma = CowTensor::new(space.zeros()?.affine(0.0, config.sigma)?);
        Ok(Self { config, space: space.clone(), clock: Clock::new(key), sigma })
    }

    fn evaluations_per_step(config: &Self::Config, _space: &Space) -> Option<u64> {
        Some(2 * config.pairs as u64)
    }

    fn default_descent() -> Spec {
        // σ is 15 of the highest speeds, which are two rates: small enough that ranks still speak of the new centre.
        Spec { name: "clip-up".into(), settings: [("rate".to_owned(), json!(0.5 / 30.0))].into_iter().collect() }
    }

    fn capabilities(config: &Self::Config) -> Capabilities {
        Self::META.capabilities.rank_based(config.shaping == Shaping::Ranks)
    }
}

impl PgpeEstimator {
    fn batch(&self, centre: &CowTensor, key: Key) -> Batch {
        let &PgpeConfig { pairs, sampler, draws, .. } = &self.config;
        let noise = sampler.over(&self.space).scaled_by(&self.sigma);
        Antithetic { key, pairs, scale: 1.0, sampler, draws }.batch_from(noise, centre)
    }

    /// ĝ, and the step of σ; `None` when no pair says anything.
    fn follow(&mut self, terms: &[(Seed, f64, f64)]) -> Result<Option<CowTensor>> {
        if terms.is_empty() {
            return Ok(None);
        }
        let (mut g, mut second) = (self.space.zeros()?, self.space.zeros()?);
        self.config.sampler.over(&self.space).add_moments(terms, &mut g, &mut second)?;
        if !fuse::norm(&g)?.is_finite() || !fuse::norm(&second)?.is_finite() {
            return Ok(None);
        }
        let &PgpeConfig { sigma_rate, max_change, sigma, .. } = &self.config;
        let total = terms.iter().map(|(.., b)| b).sum();
        let (least, most) = deviation::range(sigma);
        adapt(&mut g, &mut self.sigma, &second, total, sigma_rate, max_change, least, most)?;
        Ok(Some(g))
    }
}

/// (seed_k, (u₊ − u₋) / 2 / n, ((u₊ + u₋) / 2 − ū) / n) of the n pairs whose values are finite; `u` holds one value a candidate.
fn terms(key: Key, u: &[f64]) -> Vec<(Seed, f64, f64)> {
    let pairs = || (0..).zip(u.chunks(2)).filter(|(_, pair)| pair.iter().all(|u| u.is_finite()));
    let n = pairs().count() as f64;
    let mean = pairs().map(|(_, pair)| (pair[0] + pair[1]) / 2.0).sum::<f64>() / n;
    pairs().map(|(k, pair)| (key.member(k), (pair[0] - pair[1]) / 2.0 / n, ((pair[0] + pair[1]) / 2.0 - mean) / n)).collect()
}

impl Estimator for PgpeEstimator {
    fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
        let key = self.clock.key();
        let losses = objective.losses(&self.batch(at, key))?;
        let gradient = self.follow(&terms(key, &self.config.shaping.of(&losses)))?;
        self.clock.tick();
        Ok(Estimate::new(losses.lowest(), gradient.map(Gradient::from), losses.len() as u64))
    }
}

persist!(PgpeEstimator { clock, sigma });
register!(Pgpe);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Function, Optimizer, registry};

    fn valley(x: &[f64]) -> f64 {
        x.iter().enumerate().map(|(i, x)| 10f64.powi(i as i32) * (x - 0.5).powi(2)).sum()
    }

    /// The equations of the papers in plain loops, from the likelihood ratios ε / σ² and (ε² − σ²) / σ³ times σ²; with raw losses, so that
    /// the mean counts, and a rate at which the limit is met.
    #[test]
    fn steps_are_those_of_the_papers() {
        let (space, key, n) = (Space::real(3).unwrap(), Key::new(4), 5);
        for (sigma_rate, max_change, limited) in [(0.001, 0.9, false), (0.1, 0.2, true)] {
            let config = PgpeConfig { pairs: n, sigma_rate, max_change, shaping: Shaping::Raw, ..PgpeConfig::default() };
            let mut estimator = PgpeEstimator::new(config, &space, key).unwrap();
            let (mu, mut sigma, mut met) = ([0.1, -0.2, 0.3], [0.5; 3], false);
            let at = CowTensor::new(candle_core::Tensor::new(&mu, space.device()).unwrap());
            for t in 0..4 {
                let mut draws = vec![];
                for k in 0..n {
                    let mut z = space.zeros().unwrap();
                    Sampler::Normal.fill(key.fold(t).fold(k as u64), &mut z).unwrap();
                    let eps: Vec<f64> = z.to_vec1::<f64>().unwrap().iter().zip(sigma).map(|(z, s)| z * s).collect();
                    let loss = |sign: f64| valley(&[0, 1, 2].map(|j| mu[j] + sign * eps[j]));
                    draws.push((loss(1.0), loss(-1.0), eps));
                }
                let baseline = draws.iter().map(|(up, down, _)| up + down).sum::<f64>() / (2 * n) as f64;
                let mut gradient = [0.0; 3];
                for j in 0..3 {
                    let mut h = 0.0;
                    for (up, down, eps) in &draws {
                        gradient[j] += (up - down) / 2.0 * eps[j] / sigma[j].powi(2) * sigma[j].powi(2) / n as f64;
                        let score = (eps[j].powi(2) - sigma[j].powi(2)) / sigma[j].powi(3);
                        h += ((up + down) / 2.0 - baseline) * score * sigma[j].powi(2) / n as f64;
                    }
                    let change = sigma_rate * h;
                    met |= change.abs() > max_change * sigma[j];
                    sigma[j] -= change.clamp(-max_change * sigma[j], max_change * sigma[j]);
                }
                let got = estimator
                    .estimate(&at, &mut Function::new(space.clone(), valley))
                    .unwrap()
                    .gradient
                    .unwrap()
                    .dense()
                    .unwrap();
                let close = |got: &CowTensor, expected: [f64; 3]| {
                    let got: Vec<f64> = got.to_vec1().unwrap();
                    assert!(
                        got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12 * b.abs().max(1.0)),
                        "{got:?} {expected:?}"
                    );
                };
                close(&got, gradient);
                close(&estimator.sigma, sigma);
            }
            assert_eq!(met, limited);
        }
    }

    /// Every σ finds the width of its own coordinate: that of the steep one is the smallest.
    #[test]
    fn deviations_follow_the_shape_of_the_function() {
        let space = Space::real(3).unwrap();
        let mut pgpe = registry::build(&Spec::new("pgpe"), &space, Key::new(1)).unwrap();
        for _ in 0..300 {
            pgpe.step(&mut Function::new(space.clone(), valley)).unwrap();
        }
        let state = moths_core::persist::State::of(&mut pgpe).unwrap().digest().unwrap();
        let (_, sigma) = state.iter().find(|(name, _)| name == "estimator.sigma").unwrap();
        let sigma: Vec<f64> = sigma.iter().map(|bits| f64::from_bits(*bits)).collect();
        assert!(sigma[2] < 0.5 * sigma[1] && sigma[1] < 0.5 * sigma[0], "{sigma:?}");
        let x: Vec<f64> = pgpe.answer().unwrap().to_vec1().unwrap();
        assert!(valley(&x) < 0.1, "{x:?}");
    }
}
