//! DisARM: the gradient of the mean loss over flags that are drawn by their logits, from antithetic pairs; beside them OpenES for the rest.
//!
//! ```text
//! p_j = 1 / (1 + exp(−θ_j))                            of flag j; θ_j: how far x_j is from the middle between 0 and 1, times κ
//! b_kj = [u_kj < p_j],  b̃_kj = [1 − u_kj < p_j]        u_kj uniform on [0, 1), k = 1..pairs
//! c_kj = x_j + σ_j z_kj,  c̃_kj = x_j − σ_j z_kj        of every other coordinate; z_kj ~ N(0, 1)
//! ∂/∂θ_j ≈ 1 / (2 pairs) Σ_k (L_k − L̃_k) (b_kj − b̃_kj) / (1 + exp(−|θ_j|))
//! ∂/∂x_j ≈ 1 / (2 pairs) Σ_k (L_k − L̃_k) z_kj / σ_j
//! x ← descent(x, ∂/∂x)                                 ∂/∂x_j = κ ∂/∂θ_j of a flag; Adam by default
//! ```
//!
//! L_k, L̃_k: the losses of both candidates of a pair, or what `shaping` makes of them; x: \[d\] in search coordinates. κ is such that a flag at 0 or at 1 is drawn otherwise with the
//! probability `doubt`; where x_j ends, half a level beyond, the odds are squared. Integers, levels, and categories of more than two
//! values are rounded from Gaussian perturbations, with σ_j no less than `levels` widths of a level; reals have `sigma`. The answer
//! is x: every flag the likelier of its values.
//!
//! The estimate is that of the gradient of E\[L(b)\], without bias for flags; that b and b̃ are antithetic makes differences of losses large, and the last
//! factor is what the mean over all u that give the same pair leaves of ARM, u − ½. No loss is differentiated. Source: Dong, Mnih & Tucker 2020, arXiv:2006.10680; ARM: Yin &
//! Zhou 2019, arXiv:1807.11143. Differs from the papers: losses are ranked by default, which nothing but their order changes; logits end
//! where their coordinates do, so that every value stays alive; other coordinates, of which candidates are moved inside the bounds, so that z_kj is
//! half of what is between both, over σ_j.
//!
//! Minima on a wall, and right values of the last flag, are not promised: a flag is drawn otherwise now and then to the end.
//! Cost per step: 2 · pairs evaluations in one round; 4 numbers per parameter that follow from the space, 2 of scratch and the
//! 2 · pairs candidates, and the state of the descent.
//!
//! Take it when thousands of flags are learnt together, weights or gates of a network, of which each matters a little; `open-es`, to which a flag is a
//! real number that crosses a threshold, is its rival there ([figures](https://github.com/moths-rs/moths/blob/main/docs/discrete.md)). Where some hundred flags are to be all right, take `pbil` or
//! `compact-genetic`.
//!
//! Tune first: `descent.rate`, falling towards the end; `pairs`, few with long steps; `doubt`, higher for a longer search.
//!
//! ```
//! use candle_core::DType;
//! use moths_core::{Function, Key, Leaf, Space, registry};
//! use moths_evolution as _; // the facade `moths` does this
//!
//! let space = Space::with_dtype(vec![Leaf::bool("on", [200])], DType::F64)?;
//! let mut ones = Function::new(space.clone(), |x| x.iter().sum());
//! let mut optimizer = registry::build(&"disarm".parse()?, &space, Key::new(1))?;
//! for _ in 0..200 {
//!     optimizer.step(&mut ones)?;
//! }
//! let on: f64 = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?.iter().sum();
//! assert!(on < 10.0, "{on} of 200");
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/disarm.md")]

use candle_core::Tensor;
use moths_core::{
    Batch, CowTensor, Key, Objective, Result, Space, Spec, kernel,
    optimizer::{Capabilities, DataDraws, Descent, Estimate, Estimator, Family, GradientDescent, Meta, NamedEstimator, settings},
    persist,
    persist::Clock,
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shaping;

/// Settings of [`Disarm`], beside its `descent`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct DisarmConfig {
    /// Pairs of candidates a step: half the population.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub pairs: usize,
    /// The probability that a flag is drawn otherwise whose coordinate is at 0 or at 1; it gives κ.
    #[schemars(range(min = 1e-12), extend("exclusiveMaximum" = 0.5))]
    pub doubt: f64,
    /// σ of real coordinates, in search coordinates.
    #[schemars(range(min = 1e-12, max = 1e6))]
    pub sigma: f64,
    /// The least σ of integers, levels and categories, in widths of a level.
    #[schemars(range(min = 1e-12, max = 1e6))]
    pub levels: f64,
    /// What weighs the pairs.
    pub shaping: Shaping,
    /// Which candidates of a step see the same data of a stochastic objective.
    pub draws: DataDraws,
}

impl Default for DisarmConfig {
    fn default() -> Self {
        Self { pairs: 16, doubt: 0.1, sigma: 0.1, levels: 0.5, shaping: Shaping::Ranks, draws: DataDraws::Shared }
    }
}

/// DisARM as an optimizer. See the [module documentation](self) for equations.
pub type Disarm = GradientDescent<DisarmEstimator, Box<dyn Descent>>;

/// The gradient estimate of DisARM.
pub struct DisarmEstimator {
    config: DisarmConfig,
    space: Space,
    clock: Clock,
    columns: Columns,
}

/// What every coordinate is, \[d\] each.
struct Columns {
    /// Where 0 is of a flag, and 1; both 0 of every other coordinate.
    low: Tensor,
    high: Tensor,
    /// κ per search coordinate.
    slope: Tensor,
    /// σ; 0 of a flag, and where nothing may move.
    sigma: Tensor,
}

kernel! { fn probabilities(p: out, x: mat, low: mat, high: mat, slope: mat) {
    p = 1.0 / (1.0 + exp(slope * (0.5 * (low + high) - x)));
} }
kernel! { fn draw(up: out, down: out, x: mat, p: mat, low: mat, high: mat, sigma: mat, u: uniform, z: normal) {
    let away = sigma * z;
    up = select(high > low, select(u < p, high, low), x + away);
    down = select(high > low, select(1.0 - u < p, high, low), x - away);
} }
kernel! { fn add(g: inout, up: mat, down: mat, weight: num) {
    g = g + weight * (up - down);
} }
// In: g = Σ weight (c − c̃).
kernel! { fn chain(g: inout, p: mat, low: mat, high: mat, slope: mat, sigma: mat) {
    let flag = slope * max(p, 1.0 - p) / (high - low);
    let real = select(sigma > 0.0, 0.5 / (sigma * sigma), 0.0);
    g = g * select(high > low, flag, real);
} }

impl Columns {
    fn of(space: &Space, config: &DisarmConfig) -> Result<Self> {
        let (d, odds) = (space.dim(), (1.0 / config.doubt - 1.0).ln());
        let mut columns = [vec![0.0; d], vec![0.0; d], vec![0.0; d], vec![0.0; d]];
        let whole = space.steps().zip(space.intervals()).zip(space.least_deviations().zip(space.fixed()));
        for (j, ((steps, (lower, upper)), (least, fixed))) in whole.enumerate() {
            let [low, high, slope, sigma] = &mut columns;
            let width = upper - lower;
            match steps {
                _ if fixed => {}
                2 => (low[j], high[j], slope[j]) = (lower + 0.25 * width, lower + 0.75 * width, 4.0 * odds / width),
                steps if least > 0.0 && steps > 0 => sigma[j] = config.sigma.max(config.levels * width / steps as f64),
                _ => sigma[j] = config.sigma.max(least),
            }
        }
        let [low, high, slope, sigma] = columns.map(|column| space.numbers(column, d));
        Ok(Self { low: low?, high: high?, slope: slope?, sigma: sigma? })
    }
}

/// The candidates of a pair.
struct Pair {
    up: CowTensor,
    down: CowTensor,
}

impl NamedEstimator for DisarmEstimator {
    const META: Meta = Meta::new(
        "disarm",
        Family::Evolution,
        "The gradient of the mean loss over flags drawn by their logits, from antithetic pairs, fed to Adam.",
        "Dong, Mnih & Tucker 2020, arXiv:2006.10680",
    )
    .capabilities(Capabilities::NONE.rank_based(true).beats_random(true).state_per_parameter(0.0))
    .size("pairs");
    type Config = DisarmConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        space.zeros_for(config.pairs.saturating_mul(2))?;
        Ok(Self { columns: Columns::of(space, &config)?, config, space: space.clone(), clock: Clock::new(key) })
    }

    fn evaluations_per_step(config: &Self::Config, _space: &Space) -> Option<u64> {
        Some(2 * config.pairs as u64)
    }

    fn default_descent() -> Spec {
        Spec::new("adamw")
    }

    fn capabilities(config: &Self::Config) -> Capabilities {
        Self::META.capabilities.rank_based(config.shaping == Shaping::Ranks)
    }
}

impl DisarmEstimator {
    fn pair(&self, at: &CowTensor, p: &CowTensor, k: usize) -> Result<Pair> {
        let Columns { low, high, sigma, .. } = &self.columns;
        let key = self.clock.key().fold(k as u64);
        let (mut up, mut down) = (self.space.zeros()?, self.space.zeros()?);
        draw(&mut up, &mut down, at, p, low, high, sigma, key.fold(0), key.fold(1))?;
        self.space.confine(&mut up)?;
        self.space.confine(&mut down)?;
        Ok(Pair { up, down })
    }

    fn batch(&self, pairs: &[Pair]) -> Batch {
        let draw = |k: usize| if self.config.draws == DataDraws::PerPair { k as u32 } else { 0 };
        Batch::points(pairs.iter().enumerate().flat_map(|(k, pair)| [(&pair.up, draw(k)), (&pair.down, draw(k))]))
    }

    /// The gradient of what pairs say by the values `u`, one a candidate; `None` when no pair says anything.
    fn gradient(&self, p: &CowTensor, pairs: &[Pair], u: &[f64]) -> Result<Option<CowTensor>> {
        let says = |pair: &[f64]| pair[0].is_finite() && pair[1].is_finite();
        let count = u.chunks(2).filter(|pair| says(pair)).count();
        if count == 0 {
            return Ok(None);
        }
        let mut g = self.space.zeros()?;
        for (Pair { up, down }, u) in pairs.iter().zip(u.chunks(2)).filter(|(_, u)| says(u)) {
            add(&mut g, up, down, (u[0] - u[1]) / (2.0 * count as f64))?;
        }
        let Columns { low, high, slope, sigma } = &self.columns;
        chain(&mut g, p, low, high, slope, sigma)?;
        Ok(Some(g))
    }
}

impl Estimator for DisarmEstimator {
    fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
        let Columns { low, high, slope, .. } = &self.columns;
        let mut p = self.space.zeros()?;
        probabilities(&mut p, at, low, high, slope)?;
        let pairs = (0..self.config.pairs).map(|k| self.pair(at, &p, k)).collect::<Result<Vec<_>>>()?;
        let losses = objective.losses(&self.batch(&pairs))?;
        let gradient = self.gradient(&p, &pairs, &self.config.shaping.of(&losses))?;
        self.clock.tick();
        Ok(Estimate::new(losses.lowest(), gradient.map(Into::into), losses.len() as u64))
    }
}

persist!(DisarmEstimator { clock });
register!(Disarm);

#[cfg(test)]
mod tests;
