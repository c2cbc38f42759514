//! Competitive swarm optimisation: of two particles that meet, the worse learns from the better and from the middle of the swarm.
//!
//! ```text
//! the swarm is paired at random; of a pair, w has the lower loss and l the other; of an odd n, one particle sits out
//! v_l ← r₁ ⊙ v_l + r₂ ⊙ (x_w − x_l) + φ r₃ ⊙ (x̄ − x_l)          r₁, r₂, r₃ ~ U[0, 1)ᵈ, fresh for every loser
//! x_l ← x_l + v_l;   x_w, v_w stay                              x̄ = Σ_i x_i / n, before anybody moves
//! ```
//!
//! x, v: \[n, d\], x̄: \[d\], r₁, r₂, r₃: \[⌊n/2⌋, d\]. Source: Cheng & Jin 2015, "A Competitive Swarm Optimizer for Large Scale
//! Optimization", doi:10.1109/TCYB.2014.2322602. The paper's rule for φ is an interval: φ = 0 for n ≤ 100, else
//! 0.14 lg n − 0.30 ≤ φ ≤ 0.27 lg n − 0.51; the default is its middle, φ = 0.205 lg n − 0.405 (0.09 for n = 250, 0.15 for n = 500, 0.21 for
//! n = 1000; lg is the decimal logarithm). The default n = d/2, 100 at least and 1000 at most, goes through the sizes that the paper
//! recommends: 100 in 100 dimensions, 250 in 500, 500 in 1000 and 1000 in 2000.
//! Differs from the paper: a particle that is stopped at a bound turns back: in the coordinates where x_l was clamped, v_l ← −v_l/2. Of a tie
//! the particle that is drawn later is the loser, and n may be odd. The first step evaluates the swarm and moves nobody. It ends by the
//! criterion tol-fun of [`convergence`](moths_core::optimizer::convergence). After a step the swarm is in another order, losers last, which
//! changes nothing, as pairs are drawn. n may change with the step: newcomers begin at rest around the best, and as nothing is known of them
//! they lose against whoever is known, and are evaluated when they have learned; the worst leave.
//! Cost per step: ⌊n/2⌋ evaluations in one round, n in the first; of a stochastic objective always n, as those that have not moved are
//! evaluated beside the losers on the same data; 2 numbers of state per parameter and particle; 4 numbers of scratch per parameter and
//! particle; 2 numbers per parameter, held throughout, for the box.
//!
//! Take it when a function has hundreds of parameters or more, more basins than one, and thousands of evaluations for every particle: the
//! swarm has no common best, so that it settles late, and far better than `pso` does there. In fewer dimensions, or with a smaller budget, take
//! `jade`, which may also do better in many dimensions where coordinates do not depend on each other; where there is one basin `cr-fm-nes` or
//! `sep-cma-es`.
//!
//! Tune first: `particles`, fewer where the budget ends while the swarm is still apart (40, say), more where it settles too early; then
//! `phi`: the higher, the sooner the swarm settles.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_swarm as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("cso").with("particles", 20)?, &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..100 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/cso.md")]

#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;

use candle_core::Tensor;
use moths_core::{
    Batch, CowTensor, Key, Objective, Optimizer, Report, Result, Space, fuse,
    optimizer::{
        Algorithm, Capabilities, Comparison, Family, Init, Meta, Population, Size, convergence::History, population::Joining,
        settings,
    },
    persist,
    persist::Clock,
    register,
    space::Walls,
};
use rand::seq::SliceRandom;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::flight::{Room, flight};

/// Settings of [`Cso`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CsoConfig {
    /// n, the number of particles, at least 2; null: d/2, 100 at least and 1000 at most. A curve is one of the step: newcomers begin around the
    /// best point, and the worst leave.
    pub particles: Option<Size>,
    /// Where the particles begin.
    pub init: Init,
    /// φ, the pull of a loser towards the middle of the swarm; null: 0 for n ≤ 100, else 0.205 lg n − 0.405.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub phi: Option<f64>,
}

impl Default for CsoConfig {
    fn default() -> Self {
        Self { particles: None, init: Init::Around, phi: None }
    }
}

impl CsoConfig {
    /// n, at every step.
    fn size(&self, space: &Space) -> Size {
        Size::or(&self.particles, (space.dim() / 2).clamp(100, 1000))
    }

    /// φ of a swarm of n.
    fn phi(&self, n: usize) -> f64 {
        let middle = if n <= 100 { 0.0 } else { 0.205 * (n as f64).log10() - 0.405 };
        self.phi.unwrap_or(middle.min(1.0))
    }
}

/// Competitive swarm optimisation. See the [module documentation](self) for equations.
pub struct Cso {
    config: CsoConfig,
    size: Size,
    space: Space,
    clock: Clock,
    room: Room,
    swarm: Swarm,
    history: History,
}

#[derive(Clone)]
struct Swarm {
    /// The points x, and f(x_i).
    members: Population,
    v: CowTensor,
}

persist!(Swarm { members, v in |swarm| swarm.rows() });

flight! { fn learn(v, x, x_w: mat, mean: row, phi: num, r1: uniform, r2: uniform, r3: uniform) {
    r1 * v + r2 * (x_w - x) + phi * r3 * (mean - x)
} }

impl Algorithm for Cso {
    const META: Meta = Meta::new(
        "cso",
        Family::Swarm,
        "Of two particles that meet, the worse learns from the better and from the middle of the swarm.",
        "Cheng & Jin 2015, doi:10.1109/TCYB.2014.2322602",
    )
    .capabilities(
        Capabilities::NONE
            .rank_based(true)
            .translation(true)
            .monotone(true)
            .beats_random(true)
            .walls(Walls::Reflect)
            .at_walls(true)
            .converges(true)
            .discrete(true)
            .state_per_parameter(0.0)
            // x and v; and f(x), one number a particle, which is little beside d of them.
            .state_per_candidate(2.01),
    )
    .size("particles");
    type Config = CsoConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        config.init.apart("init")?;
        let size = config.size(space);
        size.least("particles", 2)?;
        let members = Population::new(space, &space.start(), key.fold(u64::MAX), &size, config.init)?;
        Ok(Self {
            room: Room::of(space)?,
            history: History::of_population(space.dim(), members.len() / 2),
            swarm: Swarm { v: space.zeros_for(members.len())?, members },
            space: space.clone(),
            clock: Clock::new(key),
            size,
            config,
        })
    }

    fn capabilities(config: &CsoConfig) -> Result<Capabilities> {
        let promised = Self::META.capabilities;
        Ok(match &config.particles {
            // Only the first step evaluates all: of a swarm that grows, a step has half as many candidates as there are particles.
            Some(Size::Curve(_)) => promised.state_per_candidate(4.02).state_per_parameter(2.0),
            _ => promised,
        })
    }

    fn evaluations_per_step(config: &CsoConfig, space: &Space, stochastic: bool) -> Result<Option<u64>> {
        Ok(config.size(space).constant().map(|n| if stochastic { n } else { n / 2 } as u64))
    }
}

impl Swarm {
    fn rows(&self) -> RangeInclusive<usize> {
        self.members.len()..=self.members.len()
    }

    /// The same with n particles: the worst leave, and who joins begins at rest, around the best.
    fn of(&self, n: usize, space: &Space, key: Key) -> Result<Self> {
        let (mut swarm, old) = (self.clone(), self.members.len());
        if n < old {
            let kept = swarm.members.fittest(n);
            swarm.members.retain(&kept)?;
            swarm.v = fuse::gather(&self.v, &kept)?;
        } else if n > old {
            swarm.members.join(n, Joining::Best, space, key)?;
            let rest = swarm.members.points().narrow(0, old, n - old)?.zeros_like()?;
            swarm.v = Tensor::cat(&[&*self.v, &rest], 0)?.into();
        }
        Ok(swarm)
    }
}

/// Who stays and who moves: winners first, in the order of their losers; then whoever sits out.
struct Meeting {
    stay: Vec<usize>,
    losers: Vec<usize>,
}

impl Meeting {
    /// Of the members with these losses, all of the same data, paired by chance.
    fn of(losses: &[f64], key: Key) -> Self {
        let mut order: Vec<usize> = (0..losses.len()).collect();
        order.shuffle(&mut key.stream());
        let pairs = order.chunks_exact(2);
        let alone = pairs.remainder().to_vec();
        let winner_first =
            |pair: &[usize]| if losses[pair[1]] < losses[pair[0]] { (pair[1], pair[0]) } else { (pair[0], pair[1]) };
        let (mut stay, losers): (Vec<usize>, Vec<usize>) = pairs.map(winner_first).unzip();
        stay.extend(alone);
        Self { stay, losers }
    }
}

impl Cso {
    /// Velocities and positions of the losers, after they have learned from the winners x_w.
    fn learned(&self, swarm: &Swarm, losers: &[usize], x_w: &Tensor) -> Result<(CowTensor, CowTensor)> {
        let (x, n) = (swarm.members.points(), swarm.members.len());
        let mut mean = self.space.zeros()?;
        fuse::weighted_sum(x, &vec![1.0 / n as f64; n], &mut mean)?;
        let [r1, r2, r3] = [1, 2, 3].map(|n| self.clock.key().fold(n));
        let (mut v, mut x, phi) = (fuse::gather(&swarm.v, losers)?, fuse::gather(x, losers)?, self.config.phi(n));
        learn(&mut v, &mut x, &self.room, x_w, &mean, phi, r1, r2, r3)?;
        Ok((v, x))
    }

    /// The first step, and the first after `move_to`: nobody knows yet who wins.
    fn begin(&mut self, mut swarm: Swarm, objective: &mut dyn Objective) -> Result<Report> {
        let losses = objective.losses(&Batch::Dense(swarm.members.points().clone()))?;
        swarm.members.judge(&losses)?;
        self.swarm = swarm;
        self.clock.tick();
        Ok(Report::of(&losses))
    }
}

impl Optimizer for Cso {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let mut swarm = self.swarm.of(self.size.at(self.clock.step), &self.space, self.clock.key().fold(6))?;
        if !swarm.members.is_judged() {
            return self.begin(swarm, objective);
        }
        let Meeting { stay, losers } = Meeting::of(swarm.members.losses(), self.clock.key().fold(4));
        let x_w = fuse::gather(swarm.members.points(), &stay)?;
        let (v, x) = self.learned(&swarm, &losers, &x_w.narrow(0, 0, losers.len())?)?;
        let remembered: Vec<f64> = stay.iter().map(|&i| swarm.members.losses()[i]).collect();
        let Comparison { before, losses, report } =
            objective.losses_beside(&Batch::Dense(x.clone()), &Batch::Dense(x_w.clone()), Some(&remembered))?;
        let mut next = Tensor::cat(&[&*x_w, &*x], 0)?.into();
        swarm.v = Tensor::cat(&[&*fuse::gather(&swarm.v, &stay)?, &*v], 0)?.into();
        swarm.members.succeed(&mut next, before.into_iter().chain(losses.iter().copied()).collect())?;
        self.swarm = swarm;
        let converged = self.history.judge(&losses, objective.stochastic(), self.clock.step);
        self.clock.tick();
        Ok(report.converged(converged))
    }

    fn answer(&self) -> Result<CowTensor> {
        self.swarm.members.answer()
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        let at = self.space.point(at)?;
        let Swarm { members, v } = &self.swarm;
        let moved = members.moved(&at, &self.space, self.clock.key().fold(5))?;
        let mut v = match members.is_one_point()? {
            true => v.zeros_like()?.into(),
            false => fuse::gather(v, &members.best_first())?,
        };
        v.set_row(0, &at.zeros_like()?)?;
        self.swarm = Swarm { members: moved, v };
        self.history.clear();
        Ok(())
    }
}

persist!(Cso { clock, swarm, history });
register!(Cso);
