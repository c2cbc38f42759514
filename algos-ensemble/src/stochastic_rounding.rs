//! Integers and flags of candidates are rounded at random, so that a continuous search sees losses that its steps change smoothly.
//!
//! ```text
//! t_j = (x_j − the first level) / (the width of a level)               of a coordinate that is rounded
//! x'_j = ⌊t_j⌋ or ⌊t_j⌋ + 1, the latter where t_j − ⌊t_j⌋ > u_j        u_j uniform on [0, 1), one for all candidates of a step
//! f is evaluated at x'; the wrapped optimizer is told its loss as that of x
//! ```
//!
//! x, x', u: \[d\]. The mean of x' is x; E\[f(x')\] is continuous in x where f(x) jumps: for flags it is the multilinear extension of f, whose
//! minima are those of f. What is searched is therefore a stochastic objective, whose data are the thresholds u: candidates of one step meet the same
//! ones (and those of one `draw`, where a step has several), so that their losses may be compared. The answer is x, and rounded to the nearest
//! value. Reals, integers on a logarithmic scale, and categories, between which there is
//! nothing, are left as they are; in a space of nothing else this is the wrapped optimizer.
//! Sources: Gupta et al. 2015, arXiv:1502.02551 (stochastic rounding); Courbariaux et al. 2015, arXiv:1511.00363 (binary weights).
//! Differs from them: numbers are rounded to be evaluated, not stored; thresholds are shared.
//! Cost per step: that of the wrapped optimizer on a stochastic objective; its candidates written out, 1 number per parameter each, and 4 more numbers
//! per parameter.
//!
//! Take it around a search of means, such as `open-es`, `snes` or `spsa`, where many weights are integers of few values or flags. A search that keeps its best
//! candidate keeps a lucky one. For flags alone `disarm` needs fewer evaluations.
//!
//! Tune first: what is wrapped; its deviation may be smaller than a level.
//!
//! ```
//! use candle_core::DType;
//! use moths_core::{Function, Key, Leaf, Space, registry};
//! use moths_ensemble as _; // the facade `moths` does this, for all families
//! use moths_random as _;
//!
//! let space = Space::with_dtype(vec![Leaf::integer("n", [20], 0, 10)], DType::F64)?;
//! let mut objective = Function::new(space.clone(), |n| n.iter().map(|n| (n - 7.0).powi(2)).sum());
//! let spec = r#"{"name": "stochastic-rounding", "inner": "spsa"}"#.parse()?;
//! let mut optimizer = registry::build(&spec, &space, Key::new(1))?;
//! for _ in 0..400 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|n| (n - 7.0).powi(2)).sum::<f64>() < 40.0, "{answer:?}");
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/stochastic-rounding.md")]

#[cfg(test)]
mod tests;

use candle_core::Tensor;
use moths_core::{
    Batch, CowTensor, Key, Objective, Optimizer, Report, Result, Space, Spec, kernel,
    objective::Outputs,
    optimizer::{Algorithm, Capabilities, Family, Meta},
    passes_on, persist,
    persist::{Clock, atomically},
    register, registry,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of [`StochasticRounding`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StochasticRoundingConfig {
    /// The optimizer whose candidates are rounded.
    pub inner: Spec,
}

impl Default for StochasticRoundingConfig {
    fn default() -> Self {
        Self { inner: Spec::new("spsa") }
    }
}

/// Rounds the candidates of another optimizer at random. See the [module documentation](self).
pub struct StochasticRounding {
    inner: Box<dyn Optimizer>,
    clock: Clock,
    /// `None` where nothing is rounded.
    levels: Option<Levels>,
}

/// Where the levels of every coordinate are, \[d\] each.
struct Levels {
    /// The middle of the first level.
    first: Tensor,
    /// The width of a level; 0 where nothing is rounded.
    width: Tensor,
    /// The number of the last level.
    last: Tensor,
}

kernel! { fn thresholds(out: out, u: uniform) {
    out = u;
} }
kernel! { fn decide(x: inout, u: row, first: row, width: row, last: row) {
    let t = (x - first) / width;
    let below = floor(t);
    let level = clamp(below + select(t - below > u, 1.0, 0.0), 0.0, last);
    x = select(width > 0.0, first + width * level, x);
} }

/// A coordinate that is rounded at random: which, how many values it has, and its interval.
type Rounding = (usize, (u64, (f64, f64)));

/// All of them.
fn rounded(space: &Space) -> impl Iterator<Item = Rounding> {
    let searched = space.leaves().iter().filter(|leaf| !leaf.is_frozen());
    let ordered = searched.flat_map(|leaf| std::iter::repeat_n(leaf.domain().is_ordered(), leaf.len()));
    let stepped = space.steps().zip(space.least_deviations()).map(|(steps, least)| steps > 1 && least > 0.0);
    let all = space.steps().zip(space.intervals()).enumerate().zip(ordered.zip(stepped));
    all.filter(|(_, (ordered, stepped))| *ordered && *stepped).map(|(coordinate, _)| coordinate)
}

impl Levels {
    fn of(space: &Space) -> Result<Option<Self>> {
        let mut columns = [vec![0.0; space.dim()], vec![0.0; space.dim()], vec![0.0; space.dim()]];
        for (j, (steps, (lower, upper))) in rounded(space) {
            let width = (upper - lower) / steps as f64;
            let [first, widths, last] = &mut columns;
            (first[j], widths[j], last[j]) = (lower + 0.5 * width, width, steps as f64 - 1.0);
        }
        if columns[1].iter().all(|width| *width == 0.0) {
            return Ok(None);
        }
        let [first, width, last] = columns.map(|column| space.numbers(column, space.dim()));
        Ok(Some(Self { first: first?, width: width?, last: last? }))
    }

    /// Rounds points \[n, d\] by the thresholds of this key.
    fn round(&self, points: &mut CowTensor, key: Key, space: &Space) -> Result<()> {
        let mut u = space.zeros()?;
        thresholds(&mut u, key)?;
        decide(points, &u, &self.first, &self.width, &self.last)
    }
}

/// The objective, at rounded points.
struct Rounded<'a> {
    inner: &'a mut dyn Objective,
    levels: &'a Levels,
    key: Key,
}

impl Rounded<'_> {
    fn round(&self, batch: &Batch) -> Result<Batch> {
        let (space, mut points) = (self.inner.space(), Vec::with_capacity(batch.len()));
        for i in 0..batch.len() {
            let (mut point, draw) = (batch.row(i, space)?, batch.draw(i));
            self.levels.round(&mut point, self.key.fold(u64::from(draw)), space)?;
            points.push((point, draw));
        }
        Ok(Batch::points(points.iter().map(|(point, draw)| (point, *draw))))
    }
}

impl Objective for Rounded<'_> {
    passes_on!(inner: space, refresh);

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        let rounded = self.round(batch)?;
        self.inner.evaluate(&rounded)
    }

    fn stochastic(&self) -> bool {
        true
    }

    fn shows_outputs(&self) -> bool {
        self.inner.shows_outputs()
    }

    fn outputs(&mut self, batch: &Batch) -> Result<Option<Outputs>> {
        let rounded = self.round(batch)?;
        self.inner.outputs(&rounded)
    }
}

impl Algorithm for StochasticRounding {
    const META: Meta = Meta::new(
        "stochastic-rounding",
        Family::Ensemble,
        "Rounds integers and flags of the wrapped optimizer's candidates at random: it sees losses that its steps change smoothly.",
        "Gupta et al. 2015, arXiv:1502.02551",
    )
    .capabilities(Capabilities::NONE);
    type Config = StochasticRoundingConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        let inner = registry::build_part("inner", &config.inner, space, key.fold(1))?;
        Ok(Self { inner, clock: Clock::new(key.fold(0)), levels: Levels::of(space)? })
    }

    fn capabilities(config: &Self::Config) -> Result<Capabilities> {
        let inner = registry::capabilities(&config.inner)?;
        let same = inner.seeds_only(false).in_place(false).monotone(false).discrete(false).deterministic(false);
        Ok(same.converges(false).suggestible(false).state_per_parameter(inner.state_per_parameter + 3.0))
    }

    fn evaluations_per_step(config: &Self::Config, space: &Space, stochastic: bool) -> Result<Option<u64>> {
        let stochastic = stochastic || rounded(space).next().is_some();
        registry::evaluations_per_step_of_part("inner", &config.inner, space, stochastic)
    }
}

impl StochasticRounding {
    fn attempt(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let Some(levels) = &self.levels else { return self.inner.step(objective) };
        let report = self.inner.step(&mut Rounded { inner: objective, levels, key: self.clock.key() })?;
        self.clock.tick();
        Ok(report)
    }
}

impl Optimizer for StochasticRounding {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        atomically(self, |this| this.attempt(objective))
    }

    fn answer(&self) -> Result<CowTensor> {
        self.inner.answer()
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.inner.move_to(at)
    }
}

persist!(StochasticRounding { inner, clock });
register!(StochasticRounding);
