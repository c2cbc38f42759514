//! The evolution strategy of OpenAI: a gradient from antithetic Gaussian perturbations of one point.
//!
//! ```text
//! ĝ = 1 / (2 σ pairs) · Σ_k (u(x + σ ε_k) − u(x − σ ε_k)) ε_k          ε_k ~ N(0, I)
//! x ← descent(x, ĝ)                                                    Adam by default
//! ```
//!
//! with u the centred rank of a candidate's loss among all of the step, in [−½, ½], or what `shaping` says. x, ε_k, ĝ: \[d\]. Source: Salimans et al.
//! 2017, arXiv:1703.03864. Differs from the paper: no table of noise is shared, since every ε_k follows from its key alone and is
//! never stored; weight decay is a setting of the descent.
//! Minima on a wall are not promised: nothing nearer to it than the length of a perturbation is resolved.
//! Cost per step: 2 · pairs evaluations in one round; no state beside the point and the descent's; no scratch of size d, but d numbers with
//! `clip-up` or a smoothed sampler.
//!
//! Take it when a network is trained on whole data or large batches: of the populations measured on the digits it is the one to take
//! (docs/how-to-choose.md). On minibatches take `gaussian-smoothing`; where deviations of single coordinates should adapt, `pgpe`.
//!
//! Tune first: `descent.rate`, falling towards the end; `sigma`, large enough that losses differ by more than their noise; `pairs`, more
//! where ĝ is too noisy.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_evolution as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("open-es").with("pairs", 8)?, &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..100 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/open-es.md")]

use moths_core::{
    CowTensor, Key, Objective, Result, Sampler, Schedule, Space, Spec,
    optimizer::{
        Antithetic, Capabilities, DataDraws, Descent, Estimate, Estimator, Family, GradientDescent, Meta, NamedEstimator,
        settings,
    },
    persist,
    persist::Clock,
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shaping;

/// Settings of [`OpenEs`], beside its `descent`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct OpenEsConfig {
    /// Pairs of candidates a step: half the population.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub pairs: usize,
    /// σ, the deviation of the perturbations in search coordinates.
    pub sigma: Schedule,
    /// What weighs the perturbations.
    pub shaping: Shaping,
    /// The distribution of ε.
    pub sampler: Sampler,
    /// Which candidates of a step see the same data of a stochastic objective.
    pub draws: DataDraws,
}

impl Default for OpenEsConfig {
    fn default() -> Self {
        Self { pairs: 16, sigma: 0.1.into(), shaping: Shaping::Ranks, sampler: Sampler::Normal, draws: DataDraws::Shared }
    }
}

/// OpenES as an optimizer. See the [module documentation](self) for equations.
pub type OpenEs = GradientDescent<OpenEsEstimator, Box<dyn Descent>>;

/// The gradient estimate of OpenES.
pub struct OpenEsEstimator {
    config: OpenEsConfig,
    space: Space,
    clock: Clock,
}

impl NamedEstimator for OpenEsEstimator {
    const META: Meta = Meta::new(
        "open-es",
        Family::Evolution,
        "A gradient from the ranks of antithetic Gaussian perturbations, fed to Adam. Only seeds are held.",
        "Salimans et al. 2017, arXiv:1703.03864",
    )
    .capabilities(
        Capabilities::NONE.seeds_only(true).rank_based(true).translation(true).beats_random(true).state_per_parameter(0.0),
    )
    .size("pairs");
    type Config = OpenEsConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        Ok(Self { config, space: space.clone(), clock: Clock::new(key) })
    }

    fn evaluations_per_step(config: &Self::Config, _space: &Space) -> Option<u64> {
        Some(2 * config.pairs as u64)
    }

    fn default_descent() -> Spec {
        Spec::new("adamw")
    }

    fn capabilities(config: &Self::Config) -> Capabilities {
        // In place with `sgd`; the default descent holds moments.
        Self::META.capabilities.rank_based(config.shaping == Shaping::Ranks).in_place(true)
    }
}

impl Estimator for OpenEsEstimator {
    fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
        let pairs = Antithetic {
            key: self.clock.key(),
            pairs: self.config.pairs,
            scale: self.config.sigma.at(self.clock.step),
            sampler: self.config.sampler,
            draws: self.config.draws,
        };
        let losses = objective.losses(&pairs.batch(at, &self.space))?;
        let gradient = pairs.combine(&self.config.shaping.of(&losses), &self.space)?;
        self.clock.tick();
        Ok(Estimate::new(losses.lowest(), gradient, losses.len() as u64))
    }
}

persist!(OpenEsEstimator { clock });
register!(OpenEs);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Function, Optimizer};

    fn bowl(x: &[f64]) -> f64 {
        x.iter().enumerate().map(|(i, x)| (i as f64 + 1.0) * (x - 1.0).powi(2)).sum()
    }

    /// The estimate of the paper on the same noise, and Adam's first step, which is η · sign(ĝ) but for ε.
    #[test]
    fn one_step_is_that_of_the_paper() {
        let (space, key, sigma) = (Space::real(4).unwrap(), Key::new(9), 0.2);
        let config = OpenEsConfig { pairs: 3, sigma: sigma.into(), ..OpenEsConfig::default() };
        let noise: Vec<Vec<f64>> = (0..3)
            .map(|k| {
                let mut z = space.zeros().unwrap();
                Sampler::Normal.fill(key.fold(0).fold(k), &mut z).unwrap();
                z.to_vec1().unwrap()
            })
            .collect();
        let losses: Vec<f64> =
            noise.iter().flat_map(|z| [sigma, -sigma].map(|s| bowl(&z.iter().map(|z| s * z).collect::<Vec<_>>()))).collect();
        let ranks: Vec<f64> =
            losses.iter().map(|l| losses.iter().filter(|other| *other < l).count() as f64 / 5.0 - 0.5).collect();
        let expected: Vec<f64> = (0..4)
            .map(|j| (0..3).map(|k| (ranks[2 * k] - ranks[2 * k + 1]) * noise[k][j]).sum::<f64>() / (2.0 * sigma * 3.0))
            .collect();

        let mut objective = Function::new(space.clone(), bowl);
        let mut estimator = OpenEsEstimator::new(config.clone(), &space, key).unwrap();
        let estimate = estimator.estimate(&space.start(), &mut objective).unwrap();
        let got: Vec<f64> = estimate.gradient.unwrap().dense().unwrap().to_vec1().unwrap();
        assert!(got.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-13), "{got:?} {expected:?}");

        let settings = moths_core::optimizer::GradientDescentConfig { estimator: config, descent: Spec::new("adamw") };
        let mut es = <OpenEs as moths_core::optimizer::Algorithm>::new(settings, &space, key).unwrap();
        es.step(&mut objective).unwrap();
        let moved: Vec<f64> = es.answer().unwrap().to_vec1().unwrap();
        assert!(moved.iter().zip(&expected).all(|(x, g)| (x + 0.05 * g.signum()).abs() < 1e-7), "{moved:?}");
    }
}
