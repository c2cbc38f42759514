//! Consensus-based optimisation: particles drift to a mean weighted by their losses, and diffuse as far as they are from it.
//!
//! ```text
//! w_j ∝ e^{−α f(y_j)},  Σ w_j = 1                 over the particles drawn;  y_j = x_j, or with `memory` the best point that j has seen
//! c   = Σ_j w_j y_j                               α: a number, or so that 1 / Σ w_j² = η n
//! d_i = x_i − c,  e_i = x_i − y_i
//! x_i ← x_i − λ Δt u(d_i) − λ_m Δt e_i + √Δt (σ ‖d_i‖/√d z + λ_m σ ‖e_i‖/√d z′ + σ_j z″)        isotropic
//!                                      + √Δt (σ d_i ⊙ z + λ_m σ e_i ⊙ z′ + σ_j z″)              component-wise
//! u(d) = d, or with Adam m̂ / (√v̂ + 10⁻⁸) of the moments m ← .9 m + .1 d, v ← .99 v + .01 d²
//! polarised: c_i = Σ_j k_ij w_j y_j / Σ_j k_ij w_j in the place of c,  k_ij = e^{−‖x_i − y_j‖² / (2 κ²)}
//! ```
//!
//! x, y, d, e, m, v: \[n, d\], c: \[d\], z, z′, z″ ~ N(0, 1), fresh for every coordinate of every particle; they are drawn as one normal number
//! of the same variance. The answer is c. Source: Pinnau, Totzeck, Tse & Martin 2017, doi:10.1142/S0218202517400061; component-wise noise and
//! batches of particles: Carrillo, Jin, Li & Zhu 2021, arXiv:1909.09249; memory: Riedl 2023, arXiv:2301.13242; Adam:
//! Chen, Jin & Lyu 2020, arXiv:2012.04827; polarised: Bungert, Roith & Wacker 2022, arXiv:2211.05238.
//! Differs from the papers: isotropic noise is ‖d‖/√d, so that σ means the same in every dimension (the paper's σ is σ/√d). Defaults are not
//! theirs (component-wise, Δt = 0.01 or 0.1, σ = 5.1 or 0.1), with which a swarm of networks collapses, but what did best on digits and BBOB:
//! λ Δt = 1, every particle drawn anew around c as far as it was from c, and σ so that the mean of these distances neither grows nor shrinks
//! where the losses say nothing: σ √Δt = (1 + 1/(4 d)) √(1/(1 − 2/n + Σ w²) − (1 − λ Δt)²). A swarm that moves on then grows, one that turns
//! back and forth shrinks. After `resample` steps without a better point than ever, noise of deviation `scatter` √Δt is added once.
//! Cost per step: `batch` evaluations in one round, and of a stochastic objective as many again with memory, and one more with `resample`; 1
//! number of state per parameter and particle, 1 more with memory and 2 with Adam, and 2 per parameter; polarised, n² d multiplications.
//!
//! Take it when a network is trained from its losses alone, without a learning rate to choose: 96.7 % of the test digits in 50,000 evaluations,
//! and with a million parameters and minibatches of 32 (`mlp-1m`) 75 % in 190 steps of 21. With a tuned rate `open-es` reaches a little more. In
//! bounded problems of few parameters the swarm settles early: take `jade` or `pso`.
//!
//! Tune first: `effective`, lower for a faster and riskier search; `particles`, where losses are noisy; `jitter`, falling to 0 over the run, where
//! the swarm settles too early (cosine from 0.5 to 0.02 on digits). The σ that is taken where none is said knows nothing of `memory`, of
//! `polarised` and of Adam: say one with them. The component-wise noise of the papers needs a jitter to train a network.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_swarm as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("consensus"), &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..50 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/consensus.md")]

#[cfg(test)]
mod tests;
mod weights;

use std::ops::RangeInclusive;

use candle_core::Tensor;
use moths_core::{
    Batch, CowTensor, Error, Key, Objective, Optimizer, Report, Result, Schedule, Space, fuse, kernel,
    objective::Losses,
    optimizer::{
        Algorithm, Capabilities, Comparison, Family, Init, Meta, Population, Size,
        population::{Joining, shifted},
        settings,
    },
    persist,
    persist::{Clock, Fields, Persist},
    register,
    space::Walls,
};
use rand::seq::SliceRandom;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// More particles have more weights for each other than anybody waits for.
const MOST_POLARISED: usize = 5_000;

/// How particles diffuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Diffusion {
    /// Every coordinate as far as it is from the consensus: how many there are does not matter.
    ComponentWise,
    /// All coordinates as far as the particle is from the consensus.
    Isotropic,
}

/// What particles drift with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Drift {
    /// The difference from the consensus.
    Plain,
    /// The moments of that difference, as Adam has them of a gradient.
    Adam,
}

/// Who moves in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Update {
    /// The particles that were drawn.
    Partial,
    /// All.
    Full,
}

/// Settings of [`Consensus`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ConsensusConfig {
    /// n, the number of particles, at least 2. A curve is one of the step: newcomers begin around the mean, and who has the highest loss leaves.
    pub particles: Size,
    /// Where the particles begin.
    pub init: Init,
    /// How many particles are drawn in a step, evaluated, and share a consensus; null: all.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub batch: Option<usize>,
    /// Who moves, where not all are drawn.
    pub update: Update,
    /// α, how much lower losses count for more; null: as `effective` says.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub alpha: Option<f64>,
    /// η: α is such that this share of the particles counts, in every step.
    #[schemars(range(max = 1.0), extend("exclusiveMinimum" = 0.0))]
    pub effective: f64,
    /// Δt, the length of a step.
    #[schemars(range(max = 1.0), extend("exclusiveMinimum" = 0.0))]
    pub dt: f64,
    /// λ, the drift to the consensus.
    #[schemars(range(min = 0.0, max = 1e6))]
    pub lambda: f64,
    /// What particles drift with.
    pub drift: Drift,
    /// σ, the diffusion in units of the distance from the consensus; null: with which the swarm neither grows nor shrinks where losses say nothing.
    pub sigma: Option<Schedule>,
    /// How particles diffuse.
    pub noise: Diffusion,
    /// σ_j, diffusion that does not depend on any distance, in units of the search; null: none.
    pub jitter: Option<Schedule>,
    /// λ_m, the drift to the best point a particle has seen, of which the consensus is then made; null: particles remember nothing.
    #[schemars(range(min = 0.0, max = 1e6))]
    pub memory: Option<f64>,
    /// κ, how near particles are whose consensus is another one; null: all share one.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub polarised: Option<f64>,
    /// After how many steps without a better particle than ever the swarm is scattered; 0: never.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub resample: u64,
    /// How far it is then scattered: the deviation in every coordinate, in units of √Δt.
    #[schemars(range(min = 0.0, max = 1e6))]
    pub scatter: f64,
}

impl Default for ConsensusConfig {
    fn default() -> Self {
        Self {
            particles: Size::from(20),
            init: Init::Around,
            batch: None,
            update: Update::Full,
            alpha: None,
            effective: 0.25,
            dt: 1.0,
            lambda: 1.0,
            drift: Drift::Plain,
            sigma: None,
            noise: Diffusion::Isotropic,
            jitter: None,
            memory: None,
            polarised: None,
            resample: 40,
            scatter: 0.3,
        }
    }
}

/// Consensus-based optimisation. See the [module documentation](self) for equations.
pub struct Consensus {
    config: ConsensusConfig,
    space: Space,
    clock: Clock,
    swarm: Swarm,
    /// c.
    consensus: CowTensor,
    watch: Watch,
}

#[derive(Clone)]
struct Swarm {
    /// The points x, and the losses they had where they were evaluated last.
    x: Population,
    /// The points y, and f(y_j), where particles remember.
    y: Option<Population>,
    /// m and v, where the drift has moments.
    moments: Option<(CowTensor, CowTensor)>,
}

/// The best point ever, where somebody must know that there is no better one.
#[derive(Clone)]
struct Watch {
    point: Option<CowTensor>,
    loss: f64,
    /// Steps since it was found.
    stagnant: u64,
}

/// The update of the header, in all that it can be made of. `on` is 0 for who stays; `r` is what does not depend on the coordinate, squared.
macro_rules! moves {
    ($($name:ident($($moment:ident)*; $c:ident; $($y:ident)?);)*) => {$(
        moves! { @kernel $name [$($moment)*] $c [$($y)?] }
    )*};
    (@kernel $name:ident [] $c:ident []) => {
        kernel! { fn $name(x: inout, c: $c, on: col, r: col, l: num, s: num, z: normal) {
            let d = x - c;
            x = x + on * (sqrt(square(s * d) + r) * z - l * d);
        } }
    };
    (@kernel $name:ident [] $c:ident [y]) => {
        kernel! { fn $name(x: inout, c: $c, y: mat, on: col, r: col, l: num, s: num, lm: num, sm: num, z: normal) {
            let d = x - c;
            let e = x - y;
            x = x + on * (sqrt(square(s * d) + square(sm * e) + r) * z - l * d - lm * e);
        } }
    };
    (@kernel $name:ident [m v] $c:ident []) => {
        kernel! { fn $name(
            x: inout, m: inout, v: inout, c: $c, on: col, r: col, l: num, s: num, b1: num, b2: num, z: normal
        ) {
            let d = x - c;
            let nm = select(on > 0.0, 0.9 * m + 0.1 * d, m);
            let nv = select(on > 0.0, 0.99 * v + 0.01 * square(d), v);
            m = nm;
            v = nv;
            x = x + on * (sqrt(square(s * d) + r) * z - l * (nm / b1) / (sqrt(nv / b2) + 0.00000001));
        } }
    };
    (@kernel $name:ident [m v] $c:ident [y]) => {
        kernel! { fn $name(
            x: inout, m: inout, v: inout, c: $c, y: mat, on: col, r: col, l: num, s: num, lm: num, sm: num, b1: num, b2: num, z: normal
        ) {
            let d = x - c;
            let e = x - y;
            let nm = select(on > 0.0, 0.9 * m + 0.1 * d, m);
            let nv = select(on > 0.0, 0.99 * v + 0.01 * square(d), v);
            m = nm;
            v = nv;
            x = x + on * (sqrt(square(s * d) + square(sm * e) + r) * z - l * (nm / b1) / (sqrt(nv / b2) + 0.00000001) - lm * e);
        } }
    };
}
moves! {
    drift(; row; );
    drift_remembered(; row; y);
    drift_polarised(; mat; );
    drift_polarised_remembered(; mat; y);
    adam(m v; row; );
    adam_remembered(m v; row; y);
    adam_polarised(m v; mat; );
    adam_polarised_remembered(m v; mat; y);
}

impl ConsensusConfig {
    /// How many of n particles a step draws.
    fn drawn(&self, n: usize) -> usize {
        self.batch.unwrap_or(n).min(n)
    }
}

impl Algorithm for Consensus {
    const META: Meta = Meta::new(
        "consensus",
        Family::Swarm,
        "Particles drift to a mean weighted by their losses, and diffuse as far as they are from it.",
        "Carrillo, Jin, Li & Zhu 2021, arXiv:1909.09249; Pinnau, Totzeck, Tse & Martin 2017, doi:10.1142/S0218202517400061",
    )
    .capabilities(
        Capabilities::NONE
            .translation(true)
            .rotation(true)
            .beats_random(true)
            .walls(Walls::Clamp)
            .state_per_parameter(2.0)
            .state_per_candidate(1.01),
    )
    .size("particles");
    type Config = ConsensusConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        config.init.apart("init")?;
        config.particles.least("particles", 2)?;
        match *config.particles.range().end() {
            most if config.polarised.is_some() && most > MOST_POLARISED => {
                let valid = format!("at most {MOST_POLARISED} where they are polarised: each counts for each other");
                return Err(Error::invalid("particles", most, valid));
            }
            _ => {}
        }
        let start = space.start();
        let x = Population::new(space, &start, key.fold(u64::MAX), &config.particles, config.init)?;
        let moments = match config.drift {
            Drift::Plain => None,
            Drift::Adam => Some((space.zeros_for(x.len())?, space.zeros_for(x.len())?)),
        };
        let point = (config.resample > 0).then(|| start.clone());
        Ok(Self {
            swarm: Swarm { y: config.memory.map(|_| x.clone()), x, moments },
            watch: Watch { point, loss: f64::INFINITY, stagnant: 0 },
            space: space.clone(),
            clock: Clock::new(key),
            consensus: start,
            config,
        })
    }

    fn capabilities(config: &ConsensusConfig) -> Result<Capabilities> {
        let moments = if config.drift == Drift::Adam { 2.0 } else { 0.0 };
        let remembered = if config.memory.is_some() { 1.01 } else { 0.0 };
        let watched = if config.resample > 0 { 1.0 } else { 0.0 };
        // Particles a candidate: not all of them are drawn.
        let (fewest, most) = config.particles.range().into_inner();
        let held = (most as f64 / config.drawn(fewest).max(1) as f64).max(1.0);
        let turned = config.noise == Diffusion::Isotropic && config.drift == Drift::Plain;
        let turned = turned && config.init.is_isotropic();
        Ok(Self::META
            .capabilities
            .rotation(turned)
            .state_per_parameter(1.0 + watched)
            .state_per_candidate((1.01 + moments + remembered) * held))
    }

    fn evaluations_per_step(config: &ConsensusConfig, _: &Space, stochastic: bool) -> Result<Option<u64>> {
        let beside = |drawn: u64| if config.memory.is_some() { drawn } else { 0 } + u64::from(config.resample > 0);
        let drawn = config.particles.constant().map(|n| config.drawn(n) as u64);
        Ok(drawn.map(|drawn| drawn + if stochastic { beside(drawn) } else { 0 }))
    }
}

impl Swarm {
    fn count(&self) -> RangeInclusive<usize> {
        self.x.len()..=self.x.len()
    }

    /// The same with n particles: whose loss is highest leaves, or whom the lot falls on where losses are of different steps; who joins begins around the
    /// mean.
    fn of(&self, n: usize, by_lot: bool, space: &Space, key: Key) -> Result<Self> {
        let mut swarm = self.clone();
        let old = swarm.x.len();
        if n < old {
            let mut kept = swarm.y.as_ref().unwrap_or(&swarm.x).fittest(if by_lot { old } else { n });
            if by_lot {
                kept.shuffle(&mut key.stream());
                kept.truncate(n);
                kept.sort_unstable();
            }
            swarm.x.retain(&kept)?;
            swarm.y.as_mut().map_or(Ok(()), |y| y.retain(&kept))?;
            if let Some((m, v)) = &mut swarm.moments {
                (*m, *v) = (fuse::gather(m, &kept)?, fuse::gather(v, &kept)?);
            }
        } else if n > old {
            swarm.x.join(n, Joining::Mean, space, key)?;
            // Nothing is known of what they remember, so that the first point they are evaluated at takes its place.
            swarm.y.as_mut().map_or(Ok(()), |y| y.join(n, Joining::Mean, space, key))?;
            if let Some((m, v)) = &mut swarm.moments {
                let none = space.zeros_for(n - old)?;
                (*m, *v) = (Tensor::cat(&[&**m, &*none], 0)?.into(), Tensor::cat(&[&**v, &*none], 0)?.into());
            }
        }
        Ok(swarm)
    }

    /// Some of these points.
    fn rows(of: &Population, drawn: &[usize]) -> Result<CowTensor> {
        if drawn.len() == of.len() { Ok(of.points().clone()) } else { fuse::gather(of.points(), drawn) }
    }

    /// Evaluates these particles beside what they, and the watch, remember.
    fn evaluate(&self, drawn: &[usize], watch: &Watch, objective: &mut dyn Objective) -> Result<Comparison> {
        let (mut points, mut remembered) = (vec![], vec![]);
        if let Some(point) = &watch.point {
            points.push(Batch::one(point)?);
            remembered.push(watch.loss);
        }
        if let Some(y) = &self.y {
            points.push(Batch::Dense(Self::rows(y, drawn)?));
            remembered.extend(drawn.iter().map(|&j| y.losses()[j]));
        }
        let candidates = Batch::Dense(Self::rows(&self.x, drawn)?);
        objective.losses_beside(&candidates, &Batch::Joined(points.into()), Some(&remembered))
    }

    /// What the particles that were drawn have seen: who is better than what it remembers remembers that.
    fn learn(&mut self, drawn: &[usize], before: &[f64], losses: &Losses) -> Result<()> {
        let among = |all: &[f64], values: &[f64]| {
            let mut all = all.to_vec();
            drawn.iter().zip(values).for_each(|(&j, loss)| all[j] = *loss);
            all
        };
        self.x.judge(&among(self.x.losses(), losses))?;
        if let Some(y) = &mut self.y {
            y.recall(among(y.losses(), before))?;
            let better: Vec<usize> = drawn.iter().copied().filter(|&j| self.x.losses()[j] < y.losses()[j]).collect();
            y.replace(&better, self.x.points(), self.x.losses())?;
        }
        Ok(())
    }

    /// y, of which the consensus is made.
    fn remembered(&self) -> &Population {
        self.y.as_ref().unwrap_or(&self.x)
    }
}

impl Watch {
    /// A step had these candidates \[m, d\], and the best point ever this loss on the same data. Is the swarm to be scattered?
    fn look(&mut self, loss: f64, candidates: &CowTensor, losses: &Losses, patience: u64) -> Result<bool> {
        let Some(point) = &mut self.point else { return Ok(false) };
        (self.loss, self.stagnant) = (loss, self.stagnant + 1);
        if let Some((i, lowest)) = losses.best()
            && lowest < loss
        {
            (*point, self.loss, self.stagnant) = (candidates.get(i)?.copy()?.into(), lowest, 0);
        }
        let scattered = self.stagnant >= patience;
        if scattered {
            self.stagnant = 0;
        }
        Ok(scattered)
    }
}

/// ln w_j of all particles, up to a sum: −∞ for who was not drawn, or failed.
fn logarithms(config: &ConsensusConfig, losses: &[f64], drawn: &[usize]) -> Vec<f64> {
    let shown: Vec<f64> = drawn.iter().map(|&j| losses[j]).collect();
    let alpha = config.alpha.unwrap_or_else(|| weights::alpha(&shown, config.effective));
    let mut all = vec![f64::NEG_INFINITY; losses.len()];
    drawn.iter().zip(weights::logarithms(&shown, alpha)).for_each(|(&j, l)| all[j] = l);
    all
}

impl Consensus {
    /// Who is drawn in this step, in order.
    fn drawn(&self, n: usize) -> Vec<usize> {
        let mut drawn: Vec<usize> = (0..n).collect();
        if self.config.drawn(n) < n {
            drawn.shuffle(&mut self.clock.key().fold(1).stream());
            drawn.truncate(self.config.drawn(n));
            drawn.sort_unstable();
        }
        drawn
    }

    /// c_i \[n, d\]: to whom each particle drifts, where near ones count for more.
    fn polarised(&self, logarithms: &[f64], kappa: f64) -> Result<CowTensor> {
        let swarm = &self.swarm;
        let (x, y) = (swarm.x.points(), swarm.remembered().points());
        let mut all = Vec::with_capacity(swarm.x.len());
        for i in 0..swarm.x.len() {
            let near = fuse::distances(y, &x.get(i)?)?;
            let of_i: Vec<f64> = near.iter().zip(logarithms).map(|(r, l)| l - (r / kappa).powi(2) / 2.0).collect();
            let alone = || (0..swarm.x.len()).map(|j| f64::from(u8::from(i == j))).collect();
            all.push(weights::normalised(&of_i).unwrap_or_else(alone));
        }
        let mut centres = self.space.zeros_for(swarm.x.len())?;
        fuse::weighted_sums(y, &all, &mut centres)?;
        Ok(centres)
    }

    /// σ √Δt, where the consensus has these weights.
    fn diffusion(&self, weights: &[f64]) -> f64 {
        let ConsensusConfig { dt, lambda, sigma, .. } = &self.config;
        if let Some(sigma) = sigma {
            return sigma.at(self.clock.step) * dt.sqrt();
        }
        // By how much Σ ‖x_i − c‖² grows when c becomes the weighted mean of x_i that are independent of the losses. Of a normal vector the
        // mean length is 1 − 1/(4 d) times the root of its mean square.
        let squares = weights.iter().map(|w| w * w).sum::<f64>();
        // Without weights the consensus stays where it is, and so does the extent.
        let growth = if squares > 0.0 { 1.0 - 2.0 / self.config.drawn(weights.len()) as f64 + squares } else { 1.0 };
        (1.0 + 0.25 / self.space.dim() as f64) * (1.0 / growth - (1.0 - lambda * dt).powi(2)).max(0.0).sqrt()
    }

    /// What of the diffusion is the same in all coordinates, squared: of each particle. `s` is σ √Δt.
    fn radii(&self, centres: &CowTensor, s: f64, scattered: bool) -> Result<Vec<f64>> {
        let swarm = &self.swarm;
        let ConsensusConfig { dt, noise, memory, scatter, .. } = &self.config;
        let n = swarm.x.len();
        let mut radii = vec![0.0; n];
        if *noise == Diffusion::Isotropic {
            let variance = s * s / self.space.dim() as f64;
            let mut add = |to: &CowTensor, share: f64| {
                let apart = fuse::distances(swarm.x.points(), to)?;
                radii.iter_mut().zip(apart).for_each(|(r, apart)| *r += share * variance * apart * apart);
                Ok::<_, Error>(())
            };
            add(centres, 1.0)?;
            if let (Some(y), Some(memory)) = (&swarm.y, memory) {
                add(y.points(), memory * memory)?;
            }
        }
        let jitter = self.config.jitter.as_ref().map_or(0.0, |jitter| jitter.at(self.clock.step));
        let anew = if scattered { *scatter } else { 0.0 };
        Ok(radii.into_iter().map(|r| r + dt * (jitter * jitter + anew * anew)).collect())
    }

    /// The particles after a step to their consensus.
    fn drift(&mut self, centres: &CowTensor, drawn: &[usize], s: f64, scattered: bool) -> Result<()> {
        let ConsensusConfig { dt, lambda, noise, memory, update, .. } = &self.config;
        let r = self.radii(centres, s, scattered)?;
        let mut on = vec![if *update == Update::Full { 1.0 } else { 0.0 }; r.len()];
        drawn.iter().for_each(|&j| on[j] = 1.0);
        let column = |values: Vec<f64>| -> Result<Tensor> {
            let n = values.len();
            self.space.numbers(values, n)
        };
        let (on, r) = (&column(on)?, &column(r)?);
        let s = if *noise == Diffusion::ComponentWise { s } else { 0.0 };
        let (l, lm, sm) = (lambda * dt, memory.unwrap_or(0.0) * dt, memory.unwrap_or(0.0) * s);
        let steps = (self.clock.step + 1).min(100_000) as f64;
        let (b1, b2) = (1.0 - libm::pow(0.9, steps), 1.0 - libm::pow(0.99, steps));
        let (c, z, polarised) = (centres, self.clock.key().fold(2), centres.rank() == 2);
        let Swarm { x, y, moments } = &mut self.swarm;
        let y = y.as_ref().map(Population::points);
        x.moving(|x| {
            match (moments, polarised, y) {
                (None, false, None) => drift(x, c, on, r, l, s, z),
                (None, true, None) => drift_polarised(x, c, on, r, l, s, z),
                (None, false, Some(y)) => drift_remembered(x, c, y, on, r, l, s, lm, sm, z),
                (None, true, Some(y)) => drift_polarised_remembered(x, c, y, on, r, l, s, lm, sm, z),
                (Some((m, v)), false, None) => adam(x, m, v, c, on, r, l, s, b1, b2, z),
                (Some((m, v)), true, None) => adam_polarised(x, m, v, c, on, r, l, s, b1, b2, z),
                (Some((m, v)), false, Some(y)) => adam_remembered(x, m, v, c, y, on, r, l, s, lm, sm, b1, b2, z),
                (Some((m, v)), true, Some(y)) => adam_polarised_remembered(x, m, v, c, y, on, r, l, s, lm, sm, b1, b2, z),
            }?;
            self.space.confine(x)
        })
    }
}

impl Optimizer for Consensus {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let n = self.config.particles.at(self.clock.step);
        let swarm = self.swarm.of(
            n,
            self.config.drawn(self.swarm.x.len()) < self.swarm.x.len(),
            &self.space,
            self.clock.key().fold(3),
        )?;
        let drawn = self.drawn(n);
        let Comparison { before, losses, report } = swarm.evaluate(&drawn, &self.watch, objective)?;
        let (watched, before) = before.split_at(usize::from(self.watch.point.is_some()));
        self.swarm = swarm;
        let scattered = match watched {
            [loss] => self.watch.look(*loss, &Swarm::rows(&self.swarm.x, &drawn)?, &losses, self.config.resample)?,
            _ => false,
        };
        self.swarm.learn(&drawn, before, &losses)?;
        let logarithms = logarithms(&self.config, self.swarm.remembered().losses(), &drawn);
        // Where all have failed the consensus stays what it was.
        let weights = weights::normalised(&logarithms);
        if let Some(weights) = &weights {
            fuse::weighted_sum(self.swarm.remembered().points(), weights, &mut self.consensus)?;
        }
        let s = self.diffusion(&weights.unwrap_or_else(|| vec![0.0; n]));
        let centres = match self.config.polarised {
            Some(kappa) => self.polarised(&logarithms, kappa)?,
            None => self.consensus.clone(),
        };
        self.drift(&centres, &drawn, s, scattered)?;
        self.clock.tick();
        Ok(report)
    }

    fn answer(&self) -> Result<CowTensor> {
        Ok(self.consensus.clone())
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        let at = self.space.point(at)?;
        let mut swarm = self.swarm.clone();
        let n = swarm.x.len();
        let none = vec![f64::INFINITY; n];
        let mut x = match swarm.x.is_one_point()? {
            true => Init::Around.points(&self.space, &at, self.clock.key().fold(4), n)?,
            false => shifted(swarm.x.points(), &self.consensus, &at, &self.space)?,
        };
        x.set_row(0, &at)?;
        if let Some(y) = &mut swarm.y {
            y.succeed(&mut x.clone(), none.clone())?;
        }
        swarm.x.succeed(&mut x, none)?;
        if let Some((m, v)) = &mut swarm.moments {
            (*m, *v) = (m.zeros_like()?.into(), v.zeros_like()?.into());
        }
        let point = self.watch.point.as_ref().map(|_| at.clone());
        (self.swarm, self.watch) = (swarm, Watch { point, loss: f64::INFINITY, stagnant: 0 });
        self.consensus = at;
        Ok(())
    }
}

impl Persist for Swarm {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        fields.field("x", &mut self.x)?;
        let rows = self.count();
        if let Some(y) = &mut self.y {
            fields.field("y", y)?;
            if y.len() != *rows.start() {
                return Err(fields.refusal("has not as many rows as x".into()));
            }
        }
        if let Some((m, v)) = &mut self.moments {
            fields.within("m", m, rows.clone())?;
            fields.within("v", v, rows)?;
        }
        Ok(())
    }
}

impl Persist for Watch {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        if let Some(point) = &mut self.point {
            fields.field("point", point)?;
            fields.field("loss", &mut self.loss)?;
            fields.field("stagnant", &mut self.stagnant)?;
        }
        Ok(())
    }
}

persist!(Consensus { clock, swarm, consensus, watch });
register!(Consensus);
