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

mod config;
mod motion;
mod swarm;
#[cfg(test)]
mod tests;
mod watch;
mod weights;

use moths_core::{
    CowTensor, Error, Key, Objective, Optimizer, Report, Result, Space, fuse,
    optimizer::{Algorithm, Capabilities, Comparison, Family, Init, Meta, Population, population::shifted, settings},
    persist,
    persist::Clock,
    register,
    space::Walls,
};
use rand::seq::SliceRandom;

pub use config::{ConsensusConfig, Diffusion, Drift, Update};
use swarm::Swarm;
use watch::Watch;

/// More particles have more weights for each other than anybody waits for.
const MOST_POLARISED: usize = 5_000;

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

persist!(Consensus { clock, swarm, consensus, watch });
register!(Consensus);
