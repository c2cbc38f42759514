//! Hands a search over to another optimizer when the first stalls: a global one finds the valley, a local one goes to its bottom.
//!
//! ```text
//! x ← the answer of the first;  every p steps:  g = f(x⁻) − f(x),  G = f(x⁰) − f(x);   x⁻ ← x
//! it has stalled where g ≤ 0 or g ≤ tolerance · G, and where it says `converged`
//! the second begins at the lower of x⁻ and x, and says when all is done
//! ```
//!
//! x, x⁻, x⁰: \[d\], the answers now, p steps ago, and when it began. p: `patience`. What the last p steps gained is held against all that was gained,
//! and not against the loss: a number added to all losses, or another unit, changes nothing. On a stochastic objective all three are evaluated
//! on the same data; on a deterministic one those that are known are not asked for. The second ([`Optimizer::move_to`]) is built when its time
//! has come, from a key of its own, and the first is dropped then: there is one of them at a time, in memory and in what is saved. After
//! `move_to` the one that is at work goes on, and what was gained counts anew.
//!
//! Neither knows when the change comes: a schedule as long as the run is as long as the whole of it in both. What the second is told of its
//! start is a point; a first step size of its own, such as `sigma`, should be small.
//! Source: the founding notes of this project; memetic algorithms (Moscato 1989, Caltech C3P report 826) are relatives.
//! Cost per step: that of the optimizer at work; every p steps of the first 1 to 3 evaluations more; of its state 2 numbers per parameter
//! more; scratch of the wrapped step, and of a copy of the state it overwrites.
//!
//! Take it when the first finds good valleys and then takes for ever, as populations do: `de` or `pso`, and then `cma-es`. Where it only
//! begins anew elsewhere, take `restart`.
//!
//! Tune first: `inner` and `then`; `patience`, more where the first evaluates few candidates a step; `tolerance`, larger where it should give
//! up earlier.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, Stop, minimize, registry};
//! use moths_ensemble as _; // the facade `moths` does this, for all families
//! use moths_evolution as _;
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let rosenbrock = |x: &[f64]| x.windows(2).map(|x| 100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2)).sum();
//! let spec: Spec = r#"{"name": "polish", "inner": "de", "then": {"name": "cma-es", "sigma": 0.1}}"#.parse()?;
//! let mut optimizer = registry::build(&spec, &space, Key::new(1))?;
//! let end = minimize(&mut *optimizer, &mut Function::new(space, rosenbrock), &Stop::evaluations(30_000).or_target(1e-9))?;
//! assert!(end.tally.lowest < 1e-9);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/polish.md")]

#[cfg(test)]
mod tests;

use moths_core::{
    CowTensor, Key, Objective, Optimizer, Report, Result, Space, Spec,
    optimizer::{Algorithm, Capabilities, Family, Members, Meta, settings},
    persist,
    persist::{Clock, Fields, Persist, atomically},
    register, registry,
    space::Walls,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{contest::Contest, stride::Stride};

/// Settings of [`Polish`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PolishConfig {
    /// The optimizer that begins.
    pub inner: Spec,
    /// The one that takes over.
    pub then: Spec,
    /// p, steps of the first after which is asked what they have gained.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub patience: u64,
    /// The share of all that was gained that these steps must have gained.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub tolerance: f64,
}

impl Default for PolishConfig {
    fn default() -> Self {
        let then = Spec { name: "cma-es".into(), settings: [("sigma".to_owned(), 0.1.into())].into_iter().collect() };
        Self { inner: Spec::new("de"), then, patience: 10, tolerance: 0.01 }
    }
}

/// Hands a search over to another optimizer when the first stalls. See the [module documentation](self).
pub struct Polish {
    config: PolishConfig,
    space: Space,
    /// Its step is 0 while the first is at work, and 1 from then on: they have different keys.
    clock: Clock,
    /// The one that is at work.
    inner: Members,
    /// What the first is judged by; `None` when the second is at work.
    trial: Option<Trial>,
}

/// What the first optimizer has gained so far.
struct Trial {
    /// Steps since was asked.
    steps: u64,
    /// x⁰.
    origin: CowTensor,
    /// f(x⁰); +∞ when it is not known.
    origin_loss: f64,
    /// x⁻.
    old: CowTensor,
    /// f(x⁻); +∞ when it is not known.
    old_loss: f64,
}

persist!(Trial { steps, origin, origin_loss, old, old_loss });

impl Trial {
    /// From this point on.
    fn from(at: &CowTensor) -> Self {
        let unknown = f64::INFINITY;
        Self { steps: 0, origin: at.clone(), origin_loss: unknown, old: at.clone(), old_loss: unknown }
    }

    /// Evaluates x⁰, x⁻ and x on the same data.
    fn compare(&self, stride: &Stride, objective: &mut dyn Objective) -> Result<Contest> {
        let points = [&self.origin, &self.old, &stride.after];
        let remembered = [self.origin_loss, self.old_loss, f64::INFINITY];
        Contest::of(&points, &remembered, &stride.seen, objective)
    }
}

impl Algorithm for Polish {
    const META: Meta = Meta::new(
        "polish",
        Family::Ensemble,
        "Another optimizer takes over, from the better point, when the wrapped one has stalled.",
        "the founding notes of moths",
    )
    .capabilities(Capabilities::NONE.beats_random(true));
    type Config = PolishConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        // What is wrong with it is said now, and not when the first has run for a day.
        drop(registry::build_part("then", &config.then, space, key)?);
        let clock = Clock::new(key);
        let (one, other) = (config.inner.clone(), config.then.clone());
        let mut inner = Members::new("inner", space, 1..=1).restricted_to(move |spec| *spec == one || *spec == other);
        inner.push(config.inner.clone(), clock.key())?;
        let trial = Some(Trial::from(&inner[0].optimizer.answer()?));
        Ok(Self { config, space: space.clone(), clock, inner, trial })
    }

    fn capabilities(config: &Self::Config) -> Result<Capabilities> {
        let (one, other) = (registry::capabilities(&config.inner)?, registry::capabilities(&config.then)?);
        let walls = if other.walls == Walls::Smooth { Walls::Smooth } else { one.walls };
        Ok(both(one, other)
            .walls(walls)
            // What was gained is compared with what was gained.
            .rank_based(one.rank_based && other.rank_based && config.tolerance == 0.0)
            // The first stalls sooner or later, and the second has the last word.
            .converges(other.converges)
            .escapes(other.escapes)
            .state_per_parameter((one.state_per_parameter + 2.0).max(other.state_per_parameter)))
    }
}

/// What two optimizers can do one after the other.
fn both(one: Capabilities, other: Capabilities) -> Capabilities {
    one.needs_gradient(one.needs_gradient || other.needs_gradient)
        .needs_outputs(one.needs_outputs || other.needs_outputs)
        .compares_steps(one.compares_steps || other.compares_steps)
        .seeds_only(one.seeds_only && other.seeds_only)
        .translation(one.translation && other.translation)
        .rotation(one.rotation && other.rotation)
        .monotone(one.monotone && other.monotone)
        .beats_random(one.beats_random && other.beats_random)
        .at_walls(one.at_walls && other.at_walls)
        .discrete(one.discrete && other.discrete)
        .suggestible(false)
        .deterministic(one.deterministic && other.deterministic)
        .state_fixed(one.state_fixed.max(other.state_fixed))
        .state_per_candidate(one.state_per_candidate.max(other.state_per_candidate))
        .state_per_pair(one.state_per_pair.max(other.state_per_pair))
}

impl Polish {
    fn attempt(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let Some(trial) = &mut self.trial else { return self.second(objective) };
        let stride = Stride::of(&mut *self.inner[0].optimizer, objective)?;
        trial.steps += 1;
        if trial.steps < self.config.patience && stride.report.converged.is_none() {
            return Ok(stride.report);
        }
        trial.steps = 0;
        let contest = trial.compare(&stride, objective)?;
        let &[origin, old, new] = &contest.losses[..] else { return Ok(stride.report) };
        if old.is_infinite() && new.is_infinite() {
            // Nothing can be said, and what failed is not the answer. Who will not go on hands over where it began, if that is any better.
            match stride.report.converged {
                Some(_) => {
                    let start = if origin.is_finite() { trial.origin.clone() } else { stride.before };
                    self.hand_over(&start)?;
                }
                None => self.inner[0].optimizer.move_to(&stride.before)?,
            }
        } else if stride.report.converged.is_some() || stalls(origin, old, new, self.config.tolerance) {
            let better = if new <= old { stride.after } else { trial.old.clone() };
            self.hand_over(&better)?;
        } else {
            (trial.origin_loss, trial.old, trial.old_loss) = (origin, stride.after, new);
        }
        Ok(contest.added_to(stride.report).converged(None))
    }

    /// A step of the second, which is all there is to do, and atomic by itself.
    fn second(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        self.inner[0].optimizer.step(objective)
    }

    /// The second begins at this point.
    fn hand_over(&mut self, at: &CowTensor) -> Result<()> {
        self.clock.tick();
        self.inner.replace(0, self.config.then.clone(), self.clock.key())?;
        self.trial = None;
        self.inner[0].optimizer.move_to(at)
    }
}

/// Have the last steps, from a loss `old` to `new`, gained no more than this share of what was gained from `origin` on?
fn stalls(origin: f64, old: f64, new: f64, tolerance: f64) -> bool {
    let (gain, all) = (old - new, origin - new);
    // From a beginning that failed all is gained.
    !(gain > 0.0 && (all.is_infinite() || gain > tolerance * all))
}

impl Optimizer for Polish {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        if self.trial.is_none() {
            return self.second(objective);
        }
        atomically(self, |this| this.attempt(objective))
    }

    fn answer(&self) -> Result<CowTensor> {
        self.inner[0].optimizer.answer()
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.inner[0].optimizer.move_to(at)?;
        if self.trial.is_some() {
            self.trial = Some(Trial::from(&self.inner[0].optimizer.answer()?));
        }
        Ok(())
    }
}

/// What the first is judged by is no part of the state of the second.
impl Persist for Polish {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        let mut first = self.trial.is_some();
        fields.field("clock", &mut self.clock)?;
        fields.field("first", &mut first)?;
        fields.field("inner", &mut self.inner)?;
        if !first {
            self.trial = None;
            return Ok(());
        }
        let trial = self.trial.get_or_insert_with(|| Trial::from(&self.space.start()));
        fields.field("trial", trial)
    }
}

register!(Polish);
