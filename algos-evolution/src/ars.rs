//! Augmented random search: finite differences along the best of some random directions, in units of the deviation of their losses.
//!
//! ```text
//! f_k± = f(x ± ν δ_k)                                            δ_k ~ N(0, I), k = 1..pairs
//! ĝ = 1 / (b s) · Σ_{k in top} (f_k+ − f_k−) δ_k                 top: the b pairs of the lowest min(f_k+, f_k−)
//! x ← descent(x, ĝ)                                              x − α ĝ by default
//! ```
//!
//! x, δ, ĝ: \[d\]; s is the standard deviation of the 2 b losses of those pairs. With b = pairs this is the paper's V1, with fewer V1-t. Its
//! V2 moreover feeds the policy observations that are whitened by their running moments: that is part of the policy, and so of the
//! objective, not of the search. The length of a step does not shrink near a minimum, where s does too: α has to, as a schedule.
//!
//! Source: Mania, Guy & Recht 2018, arXiv:1803.07055.
//! Differs from the paper: any descent takes the place of plain gradient descent, and a pair with a candidate that failed counts for nothing.
//! Minima on a wall are not promised: nothing nearer to it than the length of a perturbation is resolved.
//! Cost per step: 2 · pairs evaluations in one round; no state of size d beside the point and the descent's; no scratch of size d, but d
//! numbers with `clip-up` or a smoothed sampler.
//!
//! Take it when a policy is searched whose returns differ in scale from step to step, and steps of one length in that unit are wanted.
//! Otherwise take `open-es`, whose ranks and Adam need no schedule to settle.
//!
//! Tune first: `descent.rate`, as a schedule that falls, since steps do not shrink by themselves; `nu`, large enough that losses differ by
//! more than their noise; `top`, fewer than `pairs` where some directions are hopeless.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_evolution as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("ars").with("top", 8)?, &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..100 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/ars.md")]

use moths_core::{
    CowTensor, Key, Objective, Result, Sampler, Schedule, Space, Spec,
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

use crate::shaping::mean_and_deviation;

/// Settings of [`Ars`], beside its `descent`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ArsConfig {
    /// N, pairs of candidates a step: half the population.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub pairs: usize,
    /// b, how many of the pairs count, and no more than there are; null: all.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub top: Option<usize>,
    /// ν, the deviation of the perturbations in search coordinates.
    pub nu: Schedule,
    /// The distribution of δ.
    pub sampler: Sampler,
    /// Which candidates of a step see the same data of a stochastic objective.
    pub draws: DataDraws,
}

impl Default for ArsConfig {
    fn default() -> Self {
        Self { pairs: 16, top: None, nu: 0.03.into(), sampler: Sampler::Normal, draws: DataDraws::Shared }
    }
}

/// Augmented random search as an optimizer. See the [module documentation](self) for equations.
pub type Ars = GradientDescent<ArsEstimator, Box<dyn Descent>>;

/// The gradient estimate of augmented random search.
pub struct ArsEstimator {
    config: ArsConfig,
    space: Space,
    clock: Clock,
}

impl NamedEstimator for ArsEstimator {
    const META: Meta = Meta::new(
        "ars",
        Family::Evolution,
        "Differences along the best of some random directions, divided by the deviation of their losses. Only seeds are held.",
        "Mania, Guy & Recht 2018, arXiv:1803.07055",
    )
    .capabilities(
        Capabilities::NONE.seeds_only(true).in_place(true).translation(true).beats_random(true).state_per_parameter(0.0),
    )
    .size("pairs");
    type Config = ArsConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        Ok(Self { config, space: space.clone(), clock: Clock::new(key) })
    }

    fn evaluations_per_step(config: &Self::Config, _space: &Space) -> Option<u64> {
        Some(2 * config.pairs as u64)
    }

    fn default_descent() -> Spec {
        Spec { name: "sgd".into(), settings: [("rate".to_owned(), json!(0.02))].into_iter().collect() }
    }
}

/// (δ_k, (f₊ − f₋) / (b s)) of the pairs that count; none where their losses do not differ.
fn terms(key: Key, losses: &[f64], top: Option<usize>) -> Vec<(Seed, f64)> {
    let mut pairs: Vec<(u64, &[f64])> = (0..).zip(losses.chunks(2)).filter(|(_, f)| f.iter().all(|f| f.is_finite())).collect();
    pairs.sort_by(|(_, a), (_, b)| a[0].min(a[1]).total_cmp(&b[0].min(b[1])));
    pairs.truncate(top.unwrap_or(pairs.len()));
    let (_, s) = mean_and_deviation(pairs.iter().flat_map(|(_, f)| f.iter().copied()));
    if !(s > 0.0 && s.is_finite()) {
        return vec![];
    }
    pairs.sort_by_key(|(k, _)| *k);
    pairs.iter().map(|(k, f)| (key.member(*k), (f[0] - f[1]) / s / pairs.len() as f64)).collect()
}

impl Estimator for ArsEstimator {
    fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
        let ArsConfig { pairs, sampler, draws, .. } = self.config;
        let key = self.clock.key();
        let around = Antithetic { key, pairs, scale: self.config.nu.at(self.clock.step), sampler, draws };
        let losses = objective.losses(&around.batch(at, &self.space))?;
        let terms = terms(key, &losses, self.config.top);
        let known = !terms.is_empty();
        let gradient = known.then(|| Gradient::drawn(sampler.over(&self.space), terms, &self.space)).transpose()?;
        self.clock.tick();
        Ok(Estimate::new(losses.lowest(), gradient, losses.len() as u64))
    }
}

persist!(ArsEstimator { clock });
register!(Ars);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{
        Function, Optimizer,
        optimizer::{Algorithm, GradientDescentConfig},
    };

    /// Steps by the formula of the paper, in terms of rewards, which are losses with the other sign; one pair of the first step fails.
    #[test]
    fn steps_are_those_of_the_paper() {
        let (space, key, nu, alpha, n, b) = (Space::real(3).unwrap(), Key::new(7), 0.1, 0.02, 6, 2);
        let reward = |x: &[f64]| match x[0] > 0.12 {
            true => f64::NAN,
            false => -x.iter().enumerate().map(|(i, x)| (i + 1) as f64 * (x - 1.0).powi(2)).sum::<f64>(),
        };
        let estimator = ArsConfig { pairs: n, top: Some(b), nu: nu.into(), ..ArsConfig::default() };
        let descent = Spec::new("sgd").with("rate", alpha).unwrap();
        let mut ars = <Ars as Algorithm>::new(GradientDescentConfig { estimator, descent }, &space, key).unwrap();
        let (mut x, mut failed) = (vec![0.0; 3], 0);
        for t in 0..3 {
            let mut found: Vec<(f64, f64, Vec<f64>)> = vec![];
            for k in 0..n {
                let mut delta = space.zeros().unwrap();
                Sampler::Normal.fill(key.fold(t).fold(k as u64), &mut delta).unwrap();
                let delta: Vec<f64> = delta.to_vec1().unwrap();
                let at = |sign: f64| reward(&x.iter().zip(&delta).map(|(x, d)| x + sign * nu * d).collect::<Vec<_>>());
                let (up, down) = (at(1.0), at(-1.0));
                match up.is_nan() || down.is_nan() {
                    true => failed += 1,
                    false => found.push((up, down, delta)),
                }
            }
            found.sort_by(|a, b| b.0.max(b.1).total_cmp(&a.0.max(a.1)));
            found.truncate(b);
            let rewards: Vec<f64> = found.iter().flat_map(|(up, down, _)| [*up, *down]).collect();
            let mean = rewards.iter().sum::<f64>() / rewards.len() as f64;
            let deviation = (rewards.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / rewards.len() as f64).sqrt();
            for j in 0..3 {
                x[j] +=
                    alpha / (b as f64 * deviation) * found.iter().map(|(up, down, delta)| (up - down) * delta[j]).sum::<f64>();
            }
            ars.step(&mut Function::new(space.clone(), |x| -reward(x))).unwrap();
            let got: Vec<f64> = ars.answer().unwrap().to_vec1().unwrap();
            assert!(got.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-12), "step {t}: {got:?} {x:?}");
        }
        assert!(failed > 0);
    }
}
