//! Ensemble Kalman inversion: a network learns from differences between what the particles of an ensemble answer; nothing goes back through it.
//!
//! ```text
//! P_kj = ⟨G_k − Ḡ, S_j⟩                        G_j: outputs of particle j;  S_j = ∂f/∂G at G_j;  bars: means over the ensemble
//! carried    W_·j = −(M + λ I)⁻¹ P_·j          θ_j ← θ_j + ρ Σ_k W_kj (θ_k − θ̄)                            answer: θ̄
//! fresh      w = −(M + λ I)⁻¹ P̄                m ← m + ρ σ Σ_k w_k z_k,   θ_k = m + σ z_k, z_k new in every step     answer: m
//! M = ½ (B + Bᵀ),  B_kl = ⟨G_k − Ḡ, S_l − S̄⟩;  λ = damping · tr M / J          step = implicit
//! W = −h P / ‖P‖_F,  w its mean                                                 step = explicit: Δt = h / ‖D‖_F, D = P / J
//! reach      w, or a column of W, that is longer than this is made as long: |w| = 1 is a step as long as particles are far from their mean
//! momentum   the step is taken from, and outputs are those of, θ + β (θ − θ of the step before);  β, or 1 − 3/(t + 3)
//! jitter     θ_j ← θ_j + ζ z after every step        redraw    θ_j ← θ̄ + ζ z at the end of every epoch
//! ```
//!
//! θ: \[J, d\]; m, z: \[d\]; G, S: \[J, examples · outputs\]; P, M: \[J, J\]. Source: Kovachki & Stuart 2019, doi:10.1088/1361-6420/ab1c3a,
//! arXiv:1808.03620, of which the explicit step with its Δt, Nesterov's momentum and both ways of keeping an ensemble from collapsing are; the implicit step
//! is Iglesias, Law & Stuart 2013, doi:10.1088/0266-5611/29/4/045001, with Γ/Δt in place of Γ, written in the span of the ensemble: λ = J/Δt. `fresh` is a
//! Gauss-Newton step in J random directions, whose outputs are seen at a distance; with J > d it is taken from θ̄, as Kalman's is, and not from m, for then θ̄ − m is no step in
//! directions of which nothing is known.
//! Differs from the papers: for any loss, S takes the place of Γ⁻¹(G − y), and B that of ⟨G_k − Ḡ, Γ⁻¹(G_l − Ḡ)⟩, which it is where the loss is a square: differences of slopes
//! hold the loss's own curvature, so that none has to be known. (On the digits, 10,000 evaluations, the curvature of cross-entropy at Ḡ in its place is no better, and none, B of
//! outputs alone, far worse.) Where M + λ/2 I is not positive definite, λ, which is 10⁻⁹ tr M / J at least, is doubled until
//! it is; where tr M is not positive, nothing is learnt. A particle that failed has no say, and a carried one goes half
//! way to the mean of the others. Points are kept inside bounds by moving each to the nearest inside.
//! Cost per step: J evaluations of outputs in one round, J² · examples · outputs multiplications for P, J³/3 for the implicit step, and J² d for moving a
//! carried ensemble, J d for a fresh one. State: `fresh` 1 number a parameter, 2 with momentum, and seeds, never J × d; `carried` 1 number a parameter, and 1 a
//! parameter and particle, 2 with momentum. Scratch: outputs and slopes, four times.
//!
//! Take it when a model shows its outputs (`Objective::outputs`) and cannot be differentiated, or should not be: it learns from all outputs of a
//! step what others learn from one loss, and takes a tenth of their evaluations or less. `fresh` is better at equal cost wherever J is less than d. Where
//! there is a gradient through the model, `backprop` is better still; where only losses are seen, `open-es`.
//!
//! Tune first: `particles`, as many as there is time for; `sigma`, larger where training examples are few or activations are steps; `damping`, higher where
//! the loss jumps or data are few in a step; with minibatches of hundreds, not of tens.
//!
//! ```
//! use candle_core::{Device, Tensor};
//! use moths_core::candle_nn::{Linear, Module, VarBuilder, linear};
//! use moths_core::{Batch, FlatModel, Key, ModelOptions, Objective, Spec, objective::OutputLoss, registry};
//! use moths_swarm as _; // the facade `moths` does this
//!
//! let x = Tensor::new(&[[1f32, 2.0], [3.0, -1.0], [0.0, 1.0]], &Device::Cpu)?;
//! let y = Tensor::new(&[[3f32], [2.0], [1.0]], &Device::Cpu)?; // the sum of both
//! let forward = move |model: &mut Linear, _| Ok((model.forward(&x)?, y.clone()));
//! let build = |vb: VarBuilder<'_>| linear(2, 1, vb.pp("out"));
//! let mut model = FlatModel::with_outputs(ModelOptions::default(), build, forward, OutputLoss::MeanSquaredError)?;
//! let spec = Spec::new("ensemble-kalman").with("particles", 8)?.with("damping", 0.01)?;
//! let mut optimizer = registry::build(&spec, model.space(), Key::new(1))?;
//! let before = model.evaluate(&Batch::one(&optimizer.answer()?)?)?[0];
//! for _ in 0..50 {
//!     optimizer.step(&mut model)?;
//! }
//! let after = model.evaluate(&Batch::one(&optimizer.answer()?)?)?[0];
//! assert!(after < 0.1 * before, "{before} {after}");
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("../settings/ensemble-kalman.md")]

mod carried;
mod fresh;
mod gain;

use moths_core::{
    CowTensor, Error, Key, Objective, Optimizer, Report, Result, Sampler, Schedule, Space,
    objective::Outputs,
    optimizer::{Algorithm, Capabilities, Family, Init, Meta, Size, settings},
    persist::{Clock, Fields, Persist},
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use carried::Carried;
use fresh::Fresh;
use gain::Solver;

/// No ensemble has more particles: what is known of them are matrices of J × J numbers.
const MOST: usize = 5_000;

/// Which ensemble is evaluated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Ensemble {
    /// New random directions around the point in every step.
    #[default]
    Fresh,
    /// Particles that move, each by itself, in the span of where they began.
    Carried,
}

/// How far a step goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StepRule {
    /// Where the damped quadratic model of the loss is lowest.
    #[default]
    Implicit,
    /// Along the preconditioned gradient, for a time that falls as products of outputs and slopes rise.
    Explicit,
}

/// What keeps a carried ensemble from collapsing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Rejuvenate {
    /// Nothing: it stays in the span of its first particles.
    #[default]
    None,
    /// Noise on every particle after every step.
    Jitter,
    /// All particles anew around their mean, at the end of every epoch.
    Redraw,
}

/// Settings of [`EnsembleKalman`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EnsembleKalmanConfig {
    /// J, the number of particles, 2 to 5,000. A curve is one of the step: carried newcomers begin around the mean, and whose loss is highest leaves.
    pub particles: Size,
    /// Which particles a step evaluates.
    pub ensemble: Ensemble,
    /// σ, how far fresh particles are from the point, in units of the search.
    pub sigma: Schedule,
    /// The distribution of fresh directions z.
    pub sampler: Sampler,
    /// Where carried particles begin.
    pub init: Init,
    /// How the step follows from outputs and slopes.
    pub step: StepRule,
    /// The damping λ of the implicit step, in units of the mean of M's diagonal.
    pub damping: Schedule,
    /// ρ, the share of the implicit step that is taken; h of the explicit step.
    pub rate: Schedule,
    /// The longest step, in units of how far particles are from their mean, as far as outputs are known.
    #[schemars(range(min = 0.01, max = 1e9))]
    pub reach: f64,
    /// β; null: Nesterov's 1 − 3/(t + 3).
    #[schemars(range(min = 0.0, max = 0.999))]
    pub momentum: Option<f64>,
    /// What keeps a carried ensemble from collapsing.
    pub rejuvenate: Rejuvenate,
    /// ζ, the deviation of the noise of `rejuvenate`, in units of the search.
    pub noise: Schedule,
    /// Steps from one redraw to the next.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub epoch: u64,
}

impl Default for EnsembleKalmanConfig {
    fn default() -> Self {
        Self {
            particles: Size::from(50),
            ensemble: Ensemble::Fresh,
            sigma: Schedule::from(0.6),
            sampler: Sampler::Normal,
            init: Init::Around,
            step: StepRule::Implicit,
            damping: Schedule::from(1.0),
            rate: Schedule::from(1.0),
            reach: 10.0,
            momentum: Some(0.0),
            rejuvenate: Rejuvenate::None,
            noise: Schedule::from(0.1),
            epoch: 20,
        }
    }
}

impl EnsembleKalmanConfig {
    /// β at step t.
    fn momentum(&self, t: u64) -> f64 {
        self.momentum.unwrap_or(1.0 - 3.0 / (t as f64 + 3.0))
    }

    /// Is the point of the step before needed?
    fn remembers(&self) -> bool {
        self.momentum != Some(0.0)
    }

    fn solver(&self, t: u64) -> Solver {
        match self.step {
            StepRule::Implicit => Solver::Implicit { damping: self.damping.at(t) },
            StepRule::Explicit => Solver::Explicit,
        }
    }

    /// Settings that fit each other.
    fn check(&self) -> Result<()> {
        settings::check(self)?;
        self.particles.least("particles", 2)?;
        if let Some(most) = Some(*self.particles.range().end()).filter(|most| *most > MOST) {
            return Err(Error::invalid("particles", most, format!("at most {MOST}: all are multiplied with all")));
        }
        match (self.ensemble, self.rejuvenate) {
            (Ensemble::Carried, _) => self.init.apart("init"),
            (Ensemble::Fresh, Rejuvenate::None) => Ok(()),
            (Ensemble::Fresh, rejuvenate) => {
                let word = if rejuvenate == Rejuvenate::Jitter { "jitter" } else { "redraw" };
                Err(Error::invalid("rejuvenate", word, "none with `ensemble` = fresh, which is new in every step"))
            }
        }
    }
}

/// Ensemble Kalman inversion. See the [module documentation](self) for equations.
pub struct EnsembleKalman {
    config: EnsembleKalmanConfig,
    space: Space,
    clock: Clock,
    particles: Particles,
}

enum Particles {
    Fresh(Fresh),
    Carried(Carried),
}

impl Algorithm for EnsembleKalman {
    const META: Meta = Meta::new(
        "ensemble-kalman",
        Family::Swarm,
        "Particles whose differences say how a model's outputs change with its parameters; no gradient goes through the model.",
        "Kovachki & Stuart 2019, doi:10.1088/1361-6420/ab1c3a; Iglesias, Law & Stuart 2013, doi:10.1088/0266-5611/29/4/045001",
    )
    .capabilities(
        Capabilities::NONE.needs_outputs(true).seeds_only(true).translation(true).beats_random(true).state_per_parameter(1.0),
    )
    .size("particles");
    type Config = EnsembleKalmanConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        config.check()?;
        let particles = match config.ensemble {
            Ensemble::Fresh => Particles::Fresh(Fresh::new(&config, space)?),
            Ensemble::Carried => Particles::Carried(Carried::new(&config, space, key.fold(u64::MAX))?),
        };
        Ok(Self { particles, config, space: space.clone(), clock: Clock::new(key) })
    }

    fn capabilities(config: &EnsembleKalmanConfig) -> Result<Capabilities> {
        let (all, remembered) = (Self::META.capabilities, f64::from(u8::from(config.remembers())));
        Ok(match config.ensemble {
            Ensemble::Fresh => all.state_per_parameter(1.0 + remembered),
            Ensemble::Carried => all.seeds_only(false).beats_random(false).state_per_candidate(1.01 + remembered),
        })
    }

    fn evaluations_per_step(config: &EnsembleKalmanConfig, _: &Space, _: bool) -> Result<Option<u64>> {
        Ok(config.particles.constant().map(|n| n as u64))
    }
}

/// The outputs of these candidates, which a method such as this cannot do without.
fn seen(objective: &mut dyn Objective, batch: &moths_core::Batch) -> Result<Outputs> {
    let missing = || Error::unsupported("ensemble-kalman", "needs a model's outputs, which this objective does not show");
    objective.outputs_of(batch)?.ok_or_else(missing)
}

impl Optimizer for EnsembleKalman {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let Self { config, space, clock, particles } = self;
        let report = match particles {
            Particles::Fresh(fresh) => fresh.step(config, space, clock, objective)?,
            Particles::Carried(carried) => carried.step(config, space, clock, objective)?,
        };
        clock.tick();
        Ok(report)
    }

    fn answer(&self) -> Result<CowTensor> {
        Ok(match &self.particles {
            Particles::Fresh(fresh) => fresh.at.clone(),
            Particles::Carried(carried) => carried.mean.clone(),
        })
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        let at = self.space.point(at)?;
        match &mut self.particles {
            Particles::Fresh(fresh) => fresh.move_to(at),
            Particles::Carried(carried) => carried.move_to(at, self.config.init, &self.space, self.clock.key().fold(3)),
        }
    }
}

impl Persist for EnsembleKalman {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        fields.field("clock", &mut self.clock)?;
        match &mut self.particles {
            Particles::Fresh(fresh) => fields.field("fresh", fresh),
            Particles::Carried(carried) => fields.field("carried", carried),
        }
    }
}
register!(EnsembleKalman);

#[cfg(test)]
mod tests;
