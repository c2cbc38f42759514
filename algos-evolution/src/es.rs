//! The evolution strategy (μ/ρ +, λ) with step sizes that evolve beside the point.
//!
//! ```text
//! of ρ random parents, for each child k = 1..λ:
//! ⟨x⟩, ⟨s⟩  the means over them                                  ρ = μ: over all
//! s_k = ⟨s⟩ exp(τ₀ z_k + τ z_kj)                                 one step size: no second term;  z ~ N(0, 1)
//! x_k = ⟨x⟩ + s_k ⊙ z'_k
//! parents ← the μ best of the children (comma), or of parents and children (plus)
//! ```
//!
//! x: parents \[μ, d\], children \[λ, d\]; s: a column of one step size a point, or one a coordinate. τ₀ = 1/√(2d), τ = 1/√(2√d). Source: Beyer &
//! Schwefel 2002, doi:10.1023/A:1015059928466 (λ = 7 μ: (15/15, 100)). Differs from the paper: step sizes are averaged as points are, and
//! never fall below 1e-30; children that failed are no parents; coordinates with bounds are moved to the nearest point inside; a discrete
//! one moves by a tenth of a level at least.
//! `converged` is said by the criteria that all share, [`convergence`](moths_core::optimizer::convergence). It is not promised: with
//! one step size, an ellipsoid of condition 1000 is not solved within 200,000 evaluations in 5 dimensions. Nor are right integers and flags
//! (wrong in 2 of 20 runs within `restart`).
//! Minima on a wall are not promised: children that were moved to it are as good as their parents, and step sizes learn from them.
//! Cost per step: λ evaluations in one round; with plus, of a stochastic objective μ more, as parents are evaluated beside their children
//! on the same data; μ numbers of state per parameter with one step size, 2 μ with one a coordinate; scratch of λ + μ numbers per
//! parameter, λ of them held throughout; both twice with a step size a coordinate.
//!
//! Take it when some hundred children can be evaluated at once and step sizes shall evolve beside the points, with parents that make way or
//! stay. `sep-cma-es` learns deviations from fewer candidates, and promises to converge.
//!
//! Tune first: `sigma`, about the way to the minimum over √d; `population` with `parents` at a seventh of it, larger where losses are
//! noisy; `step_sizes`, "each" where scales differ.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, Stop, minimize, registry};
//! use moths_evolution as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let spec = Spec::new("es").with("parents", 5)?.with("population", 35)?;
//! let mut optimizer = registry::build(&spec, &space, Key::new(1))?;
//! let end = minimize(&mut *optimizer, &mut objective, &Stop::evaluations(5_000))?;
//! assert!(end.tally.lowest < 1e-6);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/es.md")]

mod parents;
#[cfg(test)]
mod tests;

use candle_core::Tensor;
use moths_core::{
    Batch, CowTensor, Error, Key, Objective, Optimizer, Report, Result, Space, kernel,
    optimizer::{
        Algorithm, Capabilities, Comparison, Family, Meta,
        convergence::{History, Spread},
        settings, shaping,
    },
    persist,
    persist::Clock,
    register,
    tensor::host,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{deviation::Floor, population_size};
use parents::{choose, crowd, families, mix};

/// Settings of [`Es`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EsConfig {
    /// λ, children a step; null: 100.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub population: Option<usize>,
    /// μ, parents, at most λ; null: λ/7.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub parents: Option<usize>,
    /// ρ, parents of one child, at most μ; null: all.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub mixed: Option<usize>,
    /// Do parents compete with their children (plus), or make way for them (comma)?
    pub plus: bool,
    /// One step size a coordinate, or one for all?
    pub step_sizes: StepSizes,
    /// s at first, in search coordinates.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1e6))]
    pub sigma: f64,
}

/// How many step sizes a point has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepSizes {
    /// One.
    One,
    /// One for each coordinate.
    Each,
}

impl Default for EsConfig {
    fn default() -> Self {
        Self { population: None, parents: None, mixed: None, plus: false, step_sizes: StepSizes::One, sigma: 1.0 }
    }
}

/// The evolution strategy. See the [module documentation](self) for equations.
pub struct Es {
    /// ρ.
    mixed: usize,
    plus: bool,
    sigma: f64,
    space: Space,
    clock: Clock,
    /// The parents \[μ, d\], from best to worst.
    x: CowTensor,
    /// Their step sizes, \[μ, 1\] or \[μ, d\].
    s: CowTensor,
    /// Their losses; +∞ before there were any.
    loss: Vec<f64>,
    floor: Floor,
    history: History,
    /// The children, and their step sizes; overwritten in every step.
    children: CowTensor,
    child_s: CowTensor,
}

kernel! { fn mutate_one(s: inout, tau: num, z: normal) {
    s = max(s * exp(tau * z), 1e-30);
} }
kernel! { fn mutate_each(s: inout, common: col, tau: num, z: normal) {
    s = max(s * exp(common + tau * z), 1e-30);
} }
kernel! { fn step_one(x: inout, s: col, z: normal) {
    x = x + s * z;
} }
kernel! { fn step_each(x: inout, s: mat, z: normal) {
    x = x + s * z;
} }
kernel! { fn step_one_above(x: inout, s: col, least: row, z: normal) {
    x = x + max(s, least) * z;
} }
kernel! { fn step_each_above(x: inout, s: mat, least: row, z: normal) {
    x = x + max(s, least) * z;
} }
kernel! { fn normals(x: out, scale: num, z: normal) {
    x = scale * z;
} }

impl Algorithm for Es {
    const META: Meta = Meta::new(
        "es",
        Family::Evolution,
        "Means of parents, mutated with step sizes that are inherited and mutate too.",
        "Beyer & Schwefel 2002, doi:10.1023/A:1015059928466",
    )
    .capabilities(Capabilities::NONE.rank_based(true).translation(true).beats_random(true).state_per_candidate(1.0))
    .size("population");
    type Config = EsConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        let lambda = population_size::or_of_the_paper(config.population, 100.0, space.dim());
        let mu = config.parents.unwrap_or((lambda / 7).max(1));
        if mu > lambda {
            return Err(Error::invalid("parents", mu, format!("at most the population, which is {lambda}")));
        }
        let mixed = config.mixed.unwrap_or(mu);
        if mixed > mu {
            return Err(Error::invalid("mixed", mixed, format!("at most the parents, which are {mu}")));
        }
        let columns = if config.step_sizes == StepSizes::One { 1 } else { space.dim() };
        let sigmas =
            |n: usize| Ok::<_, Error>((Tensor::ones((n, columns), space.dtype(), space.device())? * config.sigma)?.into());
        Ok(Self {
            mixed,
            plus: config.plus,
            sigma: config.sigma,
            clock: Clock::new(key),
            x: crowd(space, &space.start(), mu)?,
            s: sigmas(mu)?,
            loss: vec![f64::INFINITY; mu],
            floor: Floor::of(space)?,
            history: History::new(space.dim(), lambda).clamped(space),
            children: space.zeros_for(lambda)?,
            child_s: sigmas(lambda)?,
            space: space.clone(),
        })
    }

    fn capabilities(config: &EsConfig) -> Result<Capabilities> {
        let each = if config.step_sizes == StepSizes::One { 1.0 } else { 2.0 };
        Ok(Self::META.capabilities.state_per_candidate(each))
    }
}

impl Es {
    fn propose(&mut self) -> Result<()> {
        let (d, lambda, mu, key) = (self.space.dim() as f64, self.children.dims()[0], self.loss.len(), self.clock.key());
        let families = families(lambda, mu, self.mixed, &mut key.fold(1).stream());
        mix(&self.x, &families, &mut self.children)?;
        mix(&self.s, &families, &mut self.child_s)?;
        let common = 1.0 / (2.0 * d).sqrt();
        if self.s.dims()[1] == 1 && self.space.dim() > 1 {
            mutate_one(&mut self.child_s, common, key.fold(2))?;
            match self.floor.tensor() {
                None => step_one(&mut self.children, &self.child_s, key.fold(3))?,
                Some(least) => step_one_above(&mut self.children, &self.child_s, least, key.fold(3))?,
            }
        } else {
            let mut z = CowTensor::new(Tensor::zeros(lambda, self.space.dtype(), self.space.device())?);
            normals(&mut z, common, key.fold(4))?;
            mutate_each(&mut self.child_s, &z, 1.0 / (2.0 * d.sqrt()).sqrt(), key.fold(2))?;
            match self.floor.tensor() {
                None => step_each(&mut self.children, &self.child_s, key.fold(3))?,
                Some(least) => step_each_above(&mut self.children, &self.child_s, least, key.fold(3))?,
            }
        }
        self.space.confine(&mut self.children)
    }

    /// What the largest step sizes say of convergence.
    fn spread(&self) -> Result<Spread> {
        let s = host::to_f64s(&self.s)?;
        let columns = self.s.dims()[1];
        let largest = |j: usize| s[j..].iter().step_by(columns).copied().fold(0.0, f64::max);
        Ok(if columns == 1 { Spread::same(largest(0)) } else { Spread::of(&self.space, (0..columns).map(largest)) })
    }

    /// Evaluates the children, and the parents where they compete with them.
    fn look(&self, objective: &mut dyn Objective) -> Result<Comparison> {
        let children = Batch::Dense(self.children.clone());
        if self.plus {
            return objective.losses_beside(&children, &Batch::Dense(self.x.clone()), Some(&self.loss));
        }
        let losses = objective.losses(&children)?;
        Ok(Comparison { before: self.loss.clone(), report: Report::of(&losses), losses })
    }

    /// The best become parents; if none has succeeded, the parents stay.
    fn select(&mut self, losses: &[f64]) -> Result<()> {
        let mu = self.loss.len();
        // Parents are named by 0..μ, children by the numbers from μ on; of equals, a child goes first.
        let mut all: Vec<f64> = self.loss.iter().map(|loss| if self.plus { *loss } else { f64::INFINITY }).collect();
        all.extend(losses);
        all.rotate_left(mu);
        let mut chosen: Vec<usize> = shaping::order(&all).into_iter().take(mu).filter(|&i| all[i].is_finite()).collect();
        if chosen.is_empty() {
            return Ok(());
        }
        // Too few that succeeded stand in for those that did not.
        let found = chosen.len();
        (found..mu).for_each(|k| chosen.push(chosen[k % found]));
        self.loss = chosen.iter().map(|&i| all[i]).collect();
        (self.x, self.s) = (choose(&self.children, &self.x, &chosen)?, choose(&self.child_s, &self.s, &chosen)?);
        Ok(())
    }
}

impl Optimizer for Es {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        self.propose()?;
        let Comparison { before, losses, report } = self.look(objective)?;
        self.loss = before;
        self.select(&losses)?;
        self.clock.tick();
        let by_losses = self.history.judge(&losses, objective.stochastic(), self.clock.step);
        Ok(report.converged(self.spread()?.judge(self.sigma).or(by_losses)))
    }

    fn answer(&self) -> Result<CowTensor> {
        Ok(self.x.get(0)?.copy()?.into())
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        let at = self.space.point(at)?;
        self.x = crowd(&self.space, &at, self.loss.len())?;
        self.loss.fill(f64::INFINITY);
        self.history.clear();
        Ok(())
    }
}

persist!(Es { clock, x, s, loss, history });
register!(Es);
