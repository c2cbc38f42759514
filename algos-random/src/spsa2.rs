//! Second-order simultaneous perturbation (2SPSA): Newton's method from four evaluations a step, whatever the dimension.
//!
//! ```text
//! s   = (f(x + c Δ₁) − f(x − c Δ₁)) / (2 c),  s' the same at x + c Δ₂          Δ₁, Δ₂ ∈ {−1, +1}ᵈ
//! ĝ   = mean over `pairs` of s Δ₁
//! q   = (s' − s) / c = (f(x + cΔ₁ + cΔ₂) − f(x + cΔ₁) − f(x − cΔ₁ + cΔ₂) + f(x − cΔ₁)) / (2 c²) ≈ Δ₁ᵀ H Δ₂
//! Ĥ   = q M,  M = (Δ₁ Δ₂ᵀ + Δ₂ Δ₁ᵀ)/2
//! H̄   ← H̄ + w (q − ⟨M, H̄⟩) M,  w = min(w_k, 1/⟨M, M⟩)           with `feedback`;  H̄ ← (1 − w_k) H̄ + w_k Ĥ  without; H̄₀ = I
//! p   = (√(H̄ᵀH̄) + δ_k r I)⁻¹ ĝ,  r = ‖H̄‖/√d
//! x   ← x − a_k ρ p,  ρ = n/(n + d − 1) for n pairs;  ‖a_k ρ p‖ ≤ longest · √d
//! c_k = c/(k + 1)^γ,  a_k = a ((A + 1)/(A + k + 1))^α,  δ_k = δ/√(k + 1);  γ = 0.101, α = 0.602, a = 1, A = a tenth of the steps, 100 where nobody knows them
//! ```
//!
//! x, Δ₁, Δ₂, ĝ, p: \[d\]; H, Ĥ, H̄, M: \[d, d\]; ⟨A, B⟩ = Σ a_ij b_ij, ‖H̄‖² = ⟨H̄, H̄⟩. E Ĥ is the Hessian of a quadratic. √(H̄ᵀH̄) has the
//! eigenvectors of H̄ and the absolute values of its eigenvalues, so that no step climbs where H̄ is indefinite, as it is early and by noise.
//!
//! Feedback (Spall 2009): what H̄ already explains is taken off a measurement before it joins. Then H̄ comes to the Hessian of a quadratic as
//! fast as the losses allow, where the mean has the error of chance, ‖H‖/√k, for ever; w_k = 1 here, and 1/⟨M, M⟩ is the weight that makes H̄
//! agree with a measurement. With noisy losses a `weight` that falls averages more. Without feedback w_k = 1/(k + 2), the mean of all Ĥ
//! and I. A mean wants many steps: its error is below the smallest eigenvalue after some (d · condition)² of them.
//!
//! Losses are in units of the median |s| of the first step, which has at least `calibration` pairs, so that H̄₀ = I is no worse for one unit
//! than for another. **Diagonal** (`hessian: "diagonal"`, and with `"auto"` where d is above `full_below`): M = diag(Δ₁ ⊙ Δ₂), all else as
//! above, with d numbers for H̄. **Tensors** (`hessian: "tensors"`): M has a block for every tensor of up to `full_below` parameters, the
//! diagonal of larger ones, and zeros elsewhere. A full H̄ of more than 2,000 parameters is refused. Blocking (off by default), as in `spsa`: with b > 0 the
//! point that a step leads to is evaluated too, and the step refused when its loss is above f̄ + b σ.
//!
//! Source: Spall 2000, doi:10.1109/TAC.2000.880982; feedback: Spall 2009, doi:10.1109/TAC.2009.2019793.
//! Differs from the papers: ρ, without which a = 1 throws quadratics of many dimensions out (along one random direction of length √d, n
//! gradients make the error least with a_k ρ = ρ); δ_k is relative to H̄; a step that is too long is shortened, not refused;
//! both perturbations have the length c; Δ may have another law; the weights of feedback are not fitted to the noise; a measurement with a
//! candidate that failed counts for nothing.
//! Minima on a wall are not promised: nothing nearer to it than the length of a perturbation is resolved.
//! Cost per step: 4 · pairs evaluations in one round, 2 · max(pairs, calibration) + 2 · pairs in the first, one more in a round of its own
//! with blocking. Full: d² numbers of state (f64) and some 10 d³ operations; diagonal: 2 numbers of state per parameter. Scratch of some 2
//! · pairs + 4 numbers per parameter, and of H̄ twice.
//!
//! Take it when up to some hundred parameters differ in scale or depend on each other, losses have little noise, and `spsa` creeps; where
//! nothing is known of the function, take `cma-es`, which has no c.
//!
//! Tune first: `c`, larger where losses are noisier, since q divides their noise by c²; `delta`, larger where steps swing; with noise
//! `weight`, falling.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_random as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let valley = |x: &[f64]| x.iter().enumerate().map(|(i, x)| 10f64.powi(i as i32) * (x - 1.0).powi(2)).sum();
//! let mut objective = Function::new(space.clone(), valley);
//! let mut optimizer = registry::build(&Spec::new("spsa2"), &space, Key::new(1))?;
//! for _ in 0..1000 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().all(|x| (x - 1.0).abs() < 1e-3), "{answer:?}");
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/spsa2.md")]

use moths_core::{
    Batch, CowTensor, Error, Key, Objective, Optimizer, Report, Result, Sampler, Schedule, Space, fuse, kernel,
    objective::Losses,
    optimizer::{Algorithm, Antithetic, Capabilities, DataDraws, Family, Meta, settings},
    persist,
    persist::Clock,
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    blocking::Blocking,
    curvature::{Curvature, Learning, Measured},
    slopes::{self, Unit},
};

/// What is kept of the second derivatives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Hessian {
    /// The whole matrix up to `full_below` parameters, the diagonal above.
    #[default]
    Auto,
    /// The whole matrix, up to 2,000 parameters.
    Full,
    /// A whole matrix for every tensor of up to `full_below` parameters, of others the diagonal; nothing between tensors.
    Tensors,
    /// The diagonal.
    Diagonal,
}

/// The most parameters that a whole matrix is kept of.
const MOST: usize = 2000;

/// Settings of [`Spsa2`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Spsa2Config {
    /// a_k, the share of Newton's step that is taken.
    pub a: Schedule,
    /// c_k, the length of the perturbations in every search coordinate.
    pub c: Schedule,
    /// n, measurements of four candidates a step. While it lasts a step holds as many points.
    #[schemars(range(min = 1, max = 10_000))]
    pub pairs: usize,
    /// Pairs of the first step, from which the unit of losses is taken; 0: they stay in their own.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub calibration: usize,
    /// What is kept of the second derivatives.
    pub hessian: Hessian,
    /// The most parameters with a whole matrix, where `hessian` is "auto" (all of them together) or "tensors" (each tensor's).
    #[schemars(range(min = 0, max = 2000))]
    pub full_below: usize,
    /// Take off a measurement what is known already.
    pub feedback: bool,
    /// w_k, the most a measurement counts; null: 1 with feedback, 1/(k + 2) without.
    pub weight: Option<Schedule>,
    /// δ_k, what is added to all curvatures, in units of their root mean square.
    pub delta: Schedule,
    /// The longest step: its root mean square over all search coordinates; 0: any.
    #[schemars(range(min = 0.0, max = 1e12))]
    pub longest: f64,
    /// b: a step that raises the loss by more than so many of its recent deviations is refused; 0: none is.
    #[schemars(range(min = 0.0, max = 1e12))]
    pub blocking: f64,
    /// The distribution of Δ₁ and Δ₂.
    pub sampler: Sampler,
    /// Which candidates of a step see the same data of a stochastic objective; the four of a measurement always do.
    pub draws: DataDraws,
}

impl Default for Spsa2Config {
    fn default() -> Self {
        Self {
            a: Schedule::power(1.0, None, 0.602),
            c: Schedule::power(0.1, 0.0, 0.101),
            pairs: 1,
            calibration: 10,
            hessian: Hessian::Auto,
            full_below: 100,
            feedback: true,
            weight: None,
            delta: Schedule::power(0.1, 0.0, 0.5),
            longest: 0.2,
            blocking: 0.0,
            sampler: Sampler::Rademacher,
            draws: DataDraws::Shared,
        }
    }
}

/// 2SPSA. See the [module documentation](self) for equations.
pub struct Spsa2 {
    config: Spsa2Config,
    space: Space,
    clock: Clock,
    x: CowTensor,
    unit: Unit,
    hessian: Curvature,
    blocking: Blocking,
}

impl Algorithm for Spsa2 {
    const META: Meta = Meta::new(
        "spsa2",
        Family::Random,
        "Newton's method on gradients and second derivatives from four evaluations along two random directions of signs.",
        "Spall 2000, doi:10.1109/TAC.2000.880982",
    )
    .capabilities(
        Capabilities::NONE.seeds_only(true).translation(true).beats_random(true).state_per_parameter(2.0).state_per_pair(2.0),
    )
    .size("pairs");
    type Config = Spsa2Config;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        if config.hessian == Hessian::Full && space.dim() > MOST {
            let valid = format!("`diagonal` or `auto` for {} parameters; `full` up to {MOST}", space.dim());
            return Err(Error::invalid("hessian", "full", valid));
        }
        let hessian = match config.hessian {
            Hessian::Auto => Curvature::identity(space, space.dim() <= config.full_below),
            Hessian::Tensors => Curvature::by_tensor(space, config.full_below),
            kept => Curvature::identity(space, kept == Hessian::Full),
        }?;
        Ok(Self {
            space: space.clone(),
            clock: Clock::new(key),
            x: space.start(),
            unit: Unit::new(config.calibration, 0.0),
            hessian,
            blocking: Blocking::new(config.blocking),
            config,
        })
    }

    fn capabilities(config: &Self::Config) -> Result<Capabilities> {
        let state_per_pair = if config.hessian == Hessian::Diagonal { 0.0 } else { 2.0 };
        Ok(Self::META.capabilities.seeds_only(config.pairs == 1).state_per_pair(state_per_pair))
    }

    fn evaluations_per_step(config: &Self::Config, _space: &Space, _stochastic: bool) -> Result<Option<u64>> {
        Ok(Some(4 * config.pairs as u64 + u64::from(config.blocking > 0.0)))
    }
}

kernel! { fn walk(x: inout, p: mat, by: num) { x = x - by * p; } }

impl Optimizer for Spsa2 {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let losses = objective.losses(&self.batch()?)?;
        let mut report = Report::of(&losses);
        let (unit, hessian, mut next) = self.learnt(&losses)?;
        if let Some(x) = &next
            && self.blocking.is_on()
        {
            let after = objective.losses(&Batch::one(x)?)?[0];
            report.evaluations += 1;
            report.loss = report.loss.min(after);
            if self.blocking.refuses(after, &losses) {
                next = None;
            }
        }
        if let Some(next) = next {
            self.x = next;
        }
        (self.unit, self.hessian) = (unit, hessian);
        self.blocking.remember(&losses);
        self.clock.tick();
        Ok(report)
    }

    fn answer(&self) -> Result<CowTensor> {
        Ok(self.x.clone())
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.x = self.space.point(at)?;
        Ok(())
    }
}

impl Spsa2 {
    fn c(&self) -> f64 {
        self.config.c.at(self.clock.step)
    }

    /// Of Δ₁; that of Δ₂ is `key(2)`.
    fn key(&self, which: u64) -> Key {
        self.clock.key().fold(which)
    }

    /// x ± c Δ₁ for all pairs, then x + c Δ₂ ± c Δ₁ for all measurements: of these the points x + c Δ₂ are held.
    fn batch(&self) -> Result<Batch> {
        let (c, noise) = (self.c(), self.config.sampler.over(&self.space));
        let &Spsa2Config { sampler, draws, .. } = &self.config;
        let around = Antithetic { key: self.key(1), pairs: self.unit.pairs(self.config.pairs), scale: c, sampler, draws };
        let mut parts = vec![around.batch_from(noise.clone(), &self.x)];
        for k in 0..self.config.pairs {
            let mut centre = self.space.zeros()?;
            noise.perturb(&self.x, c, self.key(2).member(k as u64), &mut centre)?;
            parts.push(Batch::seeded(&centre, noise.clone(), around.pair(k)));
        }
        Ok(Batch::Joined(parts.into()))
    }

    /// What will be known after these losses, and where that leads; `None`: nowhere.
    fn learnt(&self, losses: &Losses) -> Result<(Unit, Curvature, Option<CowTensor>)> {
        let (around, beyond) = losses.split_at(losses.len() - 2 * self.config.pairs);
        let (slopes, beyond) = (slopes::of_pairs(around, self.c()), slopes::of_pairs(beyond, self.c()));
        let unit = self.unit.after(&slopes);
        let mut hessian = self.hessian.clone();
        let change = unit.of(1.0) / self.unit.of(1.0);
        if change.is_finite() && change != 1.0 {
            hessian.scale(change)?;
        }
        let step = self.clock.step;
        let weight = match &self.config.weight {
            Some(weight) => weight.at(step),
            None if self.config.feedback => 1.0,
            None => 1.0 / (step as f64 + 2.0),
        };
        hessian.learn(&self.measured(&slopes, &beyond, &unit)?, &Learning { feedback: self.config.feedback, weight })?;
        if !hessian.is_finite()? {
            hessian = self.hessian.clone();
        }
        let terms = slopes::terms(&slopes, &unit, self.key(1), 1.0);
        let pairs = terms.len();
        let next = match slopes::sum(terms, self.config.sampler, &self.space)? {
            Some(gradient) => self.after(&hessian.newton(&gradient.dense()?, self.config.delta.at(step))?, pairs)?,
            None => None,
        };
        Ok((unit, hessian, next))
    }

    /// q of all measurements that did not fail, from the slopes at x and at x + c Δ₂.
    fn measured(&self, slopes: &[f64], beyond: &[f64], unit: &Unit) -> Result<Vec<Measured>> {
        let noise = self.config.sampler.over(&self.space);
        let one = |(k, (s, t)): (usize, (&f64, &f64))| {
            let q = unit.of((t - s) / self.c());
            if !q.is_finite() {
                return Ok(None);
            }
            let (mut first, mut second) = (self.space.zeros()?, self.space.zeros()?);
            noise.fill(self.key(1).member(k as u64), &mut first)?;
            noise.fill(self.key(2).member(k as u64), &mut second)?;
            Ok(Some(Measured { first, second, q }))
        };
        slopes.iter().zip(beyond).enumerate().filter_map(|pair| one(pair).transpose()).collect()
    }

    /// x − a_k ρ p, p from `n` pairs; `None` when that is no point.
    fn after(&self, p: &CowTensor, n: usize) -> Result<Option<CowTensor>> {
        let (n, d) = (n as f64, self.space.dim() as f64);
        let mut by = self.config.a.at(self.clock.step) * n / (n + d - 1.0);
        let length = by * fuse::norm(p)? / d.sqrt();
        if self.config.longest > 0.0 && length > self.config.longest {
            by *= self.config.longest / length;
        }
        let mut x = self.x.clone();
        walk(&mut x, p, by)?;
        self.space.confine(&mut x)?;
        Ok(fuse::norm(&x)?.is_finite().then_some(x))
    }
}

persist!(Spsa2 { clock, x, unit, hessian, blocking });
register!(Spsa2);

#[cfg(test)]
mod tests;
