//! Comprehensive learning particle swarm optimisation: in every coordinate a particle learns from somebody else.
//!
//! ```text
//! v_ij ← w v_ij + c r_ij (p_{e_ij, j} − x_ij),   within ±Vmax;   x_i ← x_i + v_i          r ~ U[0, 1), fresh
//! p_i ← x_i where f(x_i) < f(p_i)
//! exemplars e_i, when p_i has not become better in 7 steps, and at first: for every coordinate j
//!     with the probability Pc_i  the one of lower f(p) of two drawn from the others;   else i
//!     if all are i: one coordinate, drawn, learns from another particle, drawn
//! Pc_i = .05 + .45 (e^{10 (i − 1)/(n − 1)} − 1)/(e^10 − 1)          i = 1..n
//! ```
//!
//! x, v, p, e: \[n, d\]; w = .9 → .4, linear over the run. Source: Liang, Qin, Suganthan & Baskar 2006, doi:10.1109/TEVC.2005.857610 (c =
//! 1.49445, the gap of 7, Pc).
//! Differs from the paper: velocities begin at zero; Vmax is half the width of the box; a particle that is stopped at a bound turns back,
//! v_ij ← −v_ij/2 (there: who is outside is not evaluated); n = 10 + ⌊2 √d⌋ as in [`pso`](crate::pso).
//! Cost per step: n evaluations in one round; of a stochastic objective 2 n, as the p_i are evaluated beside the x_i on the same data; 4
//! numbers of state per parameter and particle, and one a particle; 1 number of scratch per parameter and particle; 5 per parameter, held
//! throughout.
//!
//! Take it when there are many minima, coordinates depend little on each other, and the run is long (10,000 d evaluations) and its length known:
//! it settles late, as w falls. In shorter runs `pso` reaches more (BBOB in 5/10/20-D, 1,000 d evaluations: .370/.287/.247 of the targets,
//! here .265/.189/.131), and `jade` reaches more in any.
//!
//! Tune first: `particles`, 40 in long runs; `gap`.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_swarm as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let horizon = moths_core::Horizon::evaluations(2000).on(&objective);
//! let mut optimizer = registry::build_for(&Spec::new("clpso").with("particles", 20)?, &space, Key::new(1), horizon)?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 1..100 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/clpso.md")]

#[cfg(test)]
mod tests;

use candle_core::{DType, Tensor};
use moths_core::{
    CowTensor, Key, Objective, Optimizer, Report, Result, Schedule, Space, kernel,
    optimizer::{Algorithm, Capabilities, Family, Init, Meta, Size, settings},
    persist,
    persist::Clock,
    register,
    space::Walls,
    tensor::host,
    with_scalar,
};
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    flight::{Room, flight},
    inertia,
    pso::particles,
    swarm::{Seen, Swarm},
};

/// Settings of [`Clpso`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClpsoConfig {
    /// n, the number of particles; null: 10 + ⌊2 √d⌋, 40 at least with integers or flags.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub particles: Option<usize>,
    /// Where the particles begin.
    pub init: Init,
    /// w, how much of a velocity stays, 1 at most.
    pub inertia: Schedule,
    /// c, the pull towards the exemplars.
    #[schemars(range(min = 0.0, max = 4.0))]
    pub pull: f64,
    /// After so many steps without a better point a particle takes other exemplars.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub gap: u64,
    /// Vmax, the largest |v_j|, in halves of the width of the box, in units of the search where there are no bounds; null: none.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub velocity_limit: Option<f64>,
}

impl Default for ClpsoConfig {
    fn default() -> Self {
        Self {
            particles: None,
            init: Init::Around,
            inertia: inertia::falling(0.9, 0.4),
            pull: 1.49445,
            gap: 7,
            velocity_limit: Some(1.0),
        }
    }
}

impl ClpsoConfig {
    /// n.
    fn particles(&self, space: &Space) -> usize {
        self.particles.unwrap_or_else(|| particles(space))
    }
}

/// Comprehensive learning particle swarm optimisation. See the [module documentation](self) for equations.
pub struct Clpso {
    config: ClpsoConfig,
    space: Space,
    clock: Clock,
    room: Room,
    swarm: Swarm,
    /// e, from whom a particle learns: numbers of particles, exact in f32 too, as there are a million at most.
    exemplars: CowTensor,
    /// For how many steps p_i has not become better.
    stale: Vec<u64>,
}

// The exemplars of some particles, as ranks among all n: of two others the better one is that of lower rank. `last`: n − 1.
kernel! { fn choose(e: out, own: col, pc: col, last: num, u: uniform, a: uniform, b: uniform) {
    let lower = min(min(floor(a * last), floor(b * last)), last - 1.0);
    let other = select(lower < own, lower, lower + 1.0);
    e = select(u < pc, other, own);
} }
flight! { fn fly(v, x, p_e: mat, w: num, c: num, r: uniform) { w * v + c * r * (p_e - x) } }

impl Algorithm for Clpso {
    const META: Meta = Meta::new(
        "clpso",
        Family::Swarm,
        "Particles that learn from another particle in every coordinate, so that the swarm settles late.",
        "Liang, Qin, Suganthan & Baskar 2006, doi:10.1109/TEVC.2005.857610",
    )
    .capabilities(
        Capabilities::NONE
            .rank_based(true)
            .translation(true)
            .monotone(true)
            .beats_random(true)
            .walls(Walls::Reflect)
            .state_per_parameter(0.0)
            .state_per_candidate(4.01),
    )
    .size("particles");
    type Config = ClpsoConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        config.init.apart("init")?;
        inertia::check("inertia", &config.inertia)?;
        let n = config.particles(space);
        Ok(Self {
            swarm: Swarm::new(space, key.fold(u64::MAX), &Size::from(n), config.init)?,
            room: Room::limited(space, config.velocity_limit)?,
            exemplars: space.zeros_for(n)?,
            stale: vec![config.gap; n],
            space: space.clone(),
            clock: Clock::new(key),
            config,
        })
    }

    fn evaluations_per_step(config: &ClpsoConfig, space: &Space, stochastic: bool) -> Result<Option<u64>> {
        Ok(Some(config.particles(space) as u64 * (1 + u64::from(stochastic))))
    }
}

/// Pc of particle i of n, the first being 0.
fn learning_probability(i: usize, n: usize) -> f64 {
    let share = i as f64 / (n.max(2) - 1) as f64;
    0.05 + 0.45 * libm::expm1(10.0 * share) / libm::expm1(10.0)
}

impl Clpso {
    /// Who has not become better for too long takes other exemplars.
    fn refresh(&mut self) -> Result<()> {
        let stale: Vec<usize> = (0..self.stale.len()).filter(|&i| self.stale[i] >= self.config.gap).collect();
        if stale.is_empty() {
            return Ok(());
        }
        let chosen = self.chosen(&stale)?;
        for (row, &i) in stale.iter().enumerate() {
            self.exemplars.set_row(i, &chosen.get(row)?)?;
            self.stale[i] = 0;
        }
        Ok(())
    }

    /// New exemplars of these particles, a row each.
    fn chosen(&self, of: &[usize]) -> Result<Tensor> {
        let (n, key, order) = (self.swarm.best.len(), self.clock.key(), self.swarm.best.order());
        let mut rank = vec![0; n];
        order.iter().enumerate().for_each(|(at, &i)| rank[i] = at);
        let column = |number: &dyn Fn(usize) -> f64| {
            let numbers: Vec<f64> = of.iter().map(|&i| number(i)).collect();
            self.space.numbers(numbers, of.len())
        };
        let (own, pc) = (column(&|i| rank[i] as f64)?, column(&|i| learning_probability(i, n))?);
        let mut e = self.space.zeros_for(of.len())?;
        choose(&mut e, &own, &pc, (n - 1) as f64, key.fold(2), key.fold(3), key.fold(4))?;
        let mut draws = key.fold(5).stream();
        let own: Vec<usize> = of.iter().map(|&i| rank[i]).collect();
        with_scalar!(self.space.dtype(), T => host::edit::<T, _>(&mut e, |e| {
            for (row, &own) in e.chunks_mut(self.space.dim()).zip(&own) {
                if row.iter().all(|&e| e == own as T) {
                    let another = (own + draws.random_range(1..n)) % n;
                    row[draws.random_range(0..row.len())] = another as T;
                }
            }
        }))?;
        let order = Tensor::from_vec(order.iter().map(|&i| i as u32).collect(), n, self.space.device())?;
        let of_ranks = order.index_select(&e.to_dtype(DType::U32)?.flatten_all()?, 0)?;
        Ok(of_ranks.reshape(e.dims())?.to_dtype(self.space.dtype())?)
    }

    /// p_{e_ij, j}. Numbers of particles may come from a file: whatever they are, there is such a particle.
    fn learned(&self) -> Result<CowTensor> {
        let (p, e) = (self.swarm.best.points(), &self.exemplars);
        let (d, last) = (self.space.dim(), self.swarm.best.len() - 1);
        let mut from = self.space.zeros_for(last + 1)?;
        with_scalar!(self.space.dtype(), T => host::edit::<T, _>(&mut from, |from| {
            host::read::<T, _>(p, |p| host::read::<T, _>(e, |e| {
                for (from, e) in from.chunks_mut(d).zip(e.chunks(d)) {
                    for (j, (from, e)) in from.iter_mut().zip(e).enumerate() {
                        *from = p[(*e as usize).min(last) * d + j];
                    }
                }
            }))
        }))???;
        Ok(from)
    }

    fn fly(&mut self) -> Result<()> {
        let (w, c) = (self.config.inertia.at(self.clock.step), self.config.pull);
        let p_e = self.learned()?;
        let Swarm { x, v, .. } = &mut self.swarm;
        fly(v, x, &self.room, &p_e, w, c, self.clock.key().fold(1))
    }

    /// Who has just begun is stale already, so that it takes exemplars.
    fn count(&mut self, seen: &Seen) {
        if seen.first {
            return;
        }
        self.stale.iter_mut().for_each(|stale| *stale = stale.saturating_add(1));
        seen.better.iter().for_each(|&i| self.stale[i] = 0);
    }
}

impl Optimizer for Clpso {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let seen = self.swarm.look(objective)?;
        self.swarm.learn(&seen)?;
        self.count(&seen);
        self.refresh()?;
        self.fly()?;
        self.clock.tick();
        Ok(seen.report)
    }

    fn answer(&self) -> Result<CowTensor> {
        self.swarm.best.answer()
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        let at = self.space.point(at)?;
        (self.swarm, _) = self.swarm.moved(&at, &self.space, self.clock.key().fold(6))?;
        self.stale.fill(self.config.gap);
        Ok(())
    }
}

persist!(Clpso { clock, swarm, exemplars, stale });
register!(Clpso);
