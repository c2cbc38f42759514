//! Particle swarm optimisation with constriction coefficients.
//!
//! ```text
//! v_i ← w v_i + c₁ r₁ ⊙ (p_i − x_i) + c₂ r₂ ⊙ (p_l − x_i)          r₁, r₂ ~ U[0, 1)ᵈ, fresh for every particle
//! x_i ← x_i + v_i
//! p_i ← x_i where f(x_i) < f(p_i);   l = argmin_k f(p_k) over i and those who inform it
//! global        all of them inform i: p_l is the best of all, p_g
//! ring          k on either side;  von-neumann: the four next on a grid, closed to a torus
//! random        each informs K, drawn anew after every step that has not improved p_g
//! ```
//!
//! x, v, p: \[n, d\], r₁, r₂: \[n, d\]. Source: Kennedy & Eberhart 1995, doi:10.1109/ICNN.1995.488968; the coefficients are those of Clerc
//! & Kennedy 2002, doi:10.1109/4235.985692 (φ = c₁ + c₂ = 4.1 before constriction by χ = 2/(φ − 2 + √(φ² − 4φ)): w = χ = 0.7298, c₁ = c₂ =
//! 1.49618); the neighbourhoods are those of Kennedy & Mendes 2002, doi:10.1109/CEC.2002.1004493, and of the standard PSO of 2006 (random),
//! of which n = 10 + ⌊2 √d⌋ is too (40 at least with integers or flags; a fixed 40 reaches fewer targets of COCO's functions in 2 and 5
//! dimensions, and as many in 10 and 20).
//! Differs from the papers: velocities begin at zero, and a particle that is stopped at a bound turns back: in the coordinates where x_i
//! was clamped, v_i ← −v_i/2. (With the velocity that was left, none, whole swarms sat on faces and corners.)
//! A grid need not be full: its last row is as long as n leaves it.
//! With `restart = agree`, once all p_i are within 10⁻⁹ of each other (and of rounding), the swarm is scattered anew, at rest; the best
//! point stays the p of one particle, which informs nobody until another one has found better: the answer never becomes worse, and does not
//! call the others back.
//! **Suggestions** are where the particles with the worst p fly, and rest.
//! Cost per step: n evaluations in one round; of a stochastic objective 2 n, as the p_i are evaluated beside the x_i on the same data; 3
//! numbers of state per parameter and particle; no scratch of size d, but 2 numbers per parameter, held throughout, for the box (5 with a
//! velocity limit). Topologies other than `global` take a scratch of n numbers per parameter.
//!
//! Take it when a function of few bounded parameters has several basins, its minimum may lie on a bound, and a swarm can be evaluated at
//! once. `jade` reaches more of BBOB in 2 to 20 dimensions (1,000 d evaluations, 2 and 5-D: .893 and .736 of the targets, here .677 and
//! .370); `bare-bones-pso` does in runs of 100 d.
//!
//! Tune first: `particles`, more in long runs and where there are many minima; `topology`, `von-neumann` from 1,000 d evaluations on (BBOB in
//! 5/10/20-D: .389/.292/.252, `global` .370/.287/.247; after 100 d .161/.110/.085 and .158/.120/.090); `inertia`, higher for a longer search, or
//! falling from .9 to .4 over the run; `social` below `cognitive` where the swarm settles too early.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_swarm as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("pso").with("particles", 20)?, &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..50 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/pso.md")]

#[cfg(test)]
mod tests;

use candle_core::Tensor;
use moths_core::{
    Batch, CowTensor, Key, Objective, Optimizer, Report, Result, Schedule, Space, fuse,
    optimizer::{Algorithm, Capabilities, Family, Init, Meta, Size, Suggestions, settings},
    persist,
    persist::Clock,
    register,
    space::Walls,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    flight::{Room, flight},
    inertia,
    swarm::Swarm,
    topology::Topology,
};

/// Settings of [`Pso`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PsoConfig {
    /// n, the number of particles, at least 2; null: 10 + ⌊2 √d⌋, 40 at least with integers or flags. A curve is one of the step: newcomers begin around
    /// the best point, and who has the worst p leaves.
    pub particles: Option<Size>,
    /// Where the particles begin.
    pub init: Init,
    /// Who informs whom.
    pub topology: Topology,
    /// `ring`: k, the neighbours on either side; null: 1. `random`: K, how many each particle informs; null: 3. Others do not ask.
    #[schemars(range(min = 1, max = 1000))]
    pub neighbours: Option<usize>,
    /// w, how much of a velocity stays, 1 at most.
    pub inertia: Schedule,
    /// c₁, the pull towards a particle's own best point.
    #[schemars(range(min = 0.0, max = 4.0))]
    pub cognitive: f64,
    /// c₂, the pull towards the best point of those that inform a particle.
    #[schemars(range(min = 0.0, max = 4.0))]
    pub social: f64,
    /// The largest |v_j|, in halves of the width of the box, in units of the search where there are no bounds; null: none.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub velocity_limit: Option<f64>,
    /// When the swarm is scattered anew.
    pub restart: Restart,
}

/// When a swarm is scattered anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Restart {
    /// Never.
    Never,
    /// Once all best points agree.
    Agree,
}

impl Default for PsoConfig {
    fn default() -> Self {
        Self {
            particles: None,
            init: Init::Around,
            topology: Topology::Global,
            neighbours: None,
            inertia: 0.7298.into(),
            cognitive: 1.49618,
            social: 1.49618,
            velocity_limit: None,
            restart: Restart::Never,
        }
    }
}

/// Particle swarm optimisation. See the [module documentation](self) for equations.
pub struct Pso {
    config: PsoConfig,
    size: Size,
    space: Space,
    clock: Clock,
    room: Room,
    swarm: Swarm,
    /// When the graph was drawn: it follows from the key of then.
    graph: Clock,
    /// Who keeps the best point of the searches before, so long as this one has none better; n: nobody.
    keeper: usize,
    suggestions: Suggestions,
}

flight! { fn fly(v, x, p: mat, p_g: row, w: num, c1: num, c2: num, r1: uniform, r2: uniform) {
    w * v + c1 * r1 * (p - x) + c2 * r2 * (p_g - x)
} }
flight! { fn fly_with(v, x, p: mat, p_l: mat, w: num, c1: num, c2: num, r1: uniform, r2: uniform) {
    w * v + c1 * r1 * (p - x) + c2 * r2 * (p_l - x)
} }

impl Algorithm for Pso {
    const META: Meta = Meta::new(
        "pso",
        Family::Swarm,
        "Particles drawn to the best point each has seen and to the best that its informants have seen.",
        "Kennedy & Eberhart 1995, doi:10.1109/ICNN.1995.488968; Clerc & Kennedy 2002, doi:10.1109/4235.985692",
    )
    .capabilities(
        Capabilities::NONE
            .rank_based(true)
            .translation(true)
            .monotone(true)
            .beats_random(true)
            .walls(Walls::Reflect)
            .at_walls(true)
            .suggestible(true)
            .state_per_parameter(0.0)
            .state_per_candidate(3.0),
    )
    .size("particles");
    type Config = PsoConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        config.init.apart("init")?;
        inertia::check("inertia", &config.inertia)?;
        let size = Size::or(&config.particles, particles(space));
        // One particle keeps the best point and may wait: two that search are the fewest that can agree.
        size.least("particles", if config.restart == Restart::Agree { 3 } else { 2 })?;
        let swarm = Swarm::new(space, key.fold(u64::MAX), &size, config.init)?;
        Ok(Self {
            room: Room::limited(space, config.velocity_limit)?,
            space: space.clone(),
            clock: Clock::new(key),
            graph: Clock::new(key),
            keeper: swarm.best.len(),
            suggestions: Suggestions::at_most(*size.range().end(), space),
            config,
            size,
            swarm,
        })
    }

    /// While w falls nothing settles, and where a run is as long as nobody knows it falls late.
    fn capabilities(config: &PsoConfig) -> Result<Capabilities> {
        let settles = matches!(config.inertia, Schedule::Constant(_));
        Ok(Self::META.capabilities.at_walls(settles))
    }

    fn evaluations_per_step(config: &PsoConfig, space: &Space, stochastic: bool) -> Result<Option<u64>> {
        Ok(Size::or(&config.particles, particles(space)).constant().map(|n| n as u64 * (1 + u64::from(stochastic))))
    }
}

/// n where nobody says. Rounded coordinates soon agree: with integers or flags, few particles settle on a wrong one.
pub(crate) fn particles(space: &Space) -> usize {
    let n = 10 + (2.0 * (space.dim() as f64).sqrt()) as usize;
    if space.is_discrete() { n.max(40) } else { n }
}

impl Pso {
    /// As many particles as the schedule says, and who then keeps the best point of the searches before.
    fn sized(&self) -> Result<(Swarm, usize)> {
        let mut swarm = self.swarm.sized(self.size.at(self.clock.step), &self.space, self.clock.key().fold(3))?;
        let kept = self.keeper < self.swarm.best.len();
        let keeper = if kept { swarm.best.best() } else { swarm.best.len() };
        swarm.send(&self.suggestions, &self.space)?;
        Ok((swarm, keeper))
    }

    fn fly(&mut self) -> Result<()> {
        let PsoConfig { topology, neighbours, cognitive: c1, social: c2, .. } = self.config;
        let w = self.config.inertia.at(self.clock.step);
        let (r1, r2) = (self.clock.key().fold(1), self.clock.key().fold(2));
        let Swarm { best, x, v } = &mut self.swarm;
        let leaders = topology.leaders(best.losses(), Some(self.keeper), neighbours, self.graph.key().fold(5));
        let p: &Tensor = best.points();
        match topology {
            Topology::Global => fly(v, x, &self.room, p, &p.get(leaders[0])?, w, c1, c2, r1, r2),
            _ => fly_with(v, x, &self.room, p, &*fuse::gather(p, &leaders)?, w, c1, c2, r1, r2),
        }
    }

    /// Scatters the swarm anew where all best points agree, but for that of the searches before; did it?
    fn begin_anew(&mut self) -> Result<bool> {
        let anew = self.config.restart == Restart::Agree && self.swarm.agrees(self.keeper)?;
        if anew {
            self.keeper = self.swarm.scatter(self.config.init, &self.space, self.clock.key().fold(6))?;
        }
        Ok(anew)
    }
}

impl Optimizer for Pso {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let (swarm, keeper) = self.sized()?;
        let seen = swarm.look(objective)?;
        (self.swarm, self.keeper) = (swarm, keeper);
        self.swarm.learn(&seen)?;
        if !seen.improved {
            self.graph = self.clock;
        }
        if seen.improved || self.swarm.best.best() != self.keeper {
            self.keeper = self.swarm.best.len();
        }
        if !self.begin_anew()? {
            self.fly()?;
        }
        self.suggestions.clear();
        self.clock.tick();
        Ok(seen.report)
    }

    fn answer(&self) -> Result<CowTensor> {
        self.swarm.best.answer()
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        let at = self.space.point(at)?;
        (self.swarm, _) = self.swarm.moved(&at, &self.space, self.clock.key().fold(4))?;
        self.keeper = self.swarm.best.len();
        self.suggestions.clear();
        Ok(())
    }

    fn suggest(&mut self, points: &Batch) -> Result<()> {
        self.suggestions.add(points, &self.space)
    }
}

persist!(Pso { clock, swarm, graph, keeper in |pso| 0..=pso.swarm.best.len(), suggestions });
register!(Pso);
