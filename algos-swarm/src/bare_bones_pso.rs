//! Bare bones particle swarm optimisation: no velocities, particles are drawn around the middle of two points.
//!
//! ```text
//! x_ij ~ N((p_ij + p_lj)/2, |p_ij − p_lj|)          with the probability q; else x_ij = p_ij
//! p_i ← x_i where f(x_i) < f(p_i);   l = argmin_k f(p_k) over i and those who inform it
//! ```
//!
//! x, p: \[n, d\]; the second number of N is a standard deviation. Source: Kennedy 2003, "Bare bones particle swarms",
//! doi:10.1109/SIS.2003.1202251; q = 1 is its first form, q = 0.5 its "interaction probability" (BBExp). Who informs whom: as in
//! [`pso`](crate::pso).
//! Differs from the paper: where i leads itself the two points are one, and x_i would be p_i again: it then takes the point of another
//! particle k, drawn for the step, for the deviation only: x_ij ~ N(p_ij, |p_ij − p_kj|). A coordinate outside the bounds is moved halfway
//! between p_ij and the bound.
//! The first step evaluates the start and moves nobody.
//! Cost per step: n evaluations in one round; of a stochastic objective 2 n, as the p_i are evaluated beside the x_i on the same data; 1
//! number of state per parameter and particle; 2 numbers of scratch per parameter and particle, and 2 per parameter, held throughout, for
//! the box.
//!
//! Take it when a swarm shall have nothing to tune, or the run is short: after 100 d evaluations it reaches .200/.137/.093 of BBOB's targets in
//! 5/10/20-D, where `pso` reaches .158/.120/.090, and after 1,000 d .387/.285/.246 (`pso`: .370/.287/.247).
//!
//! Tune first: `particles`; `interaction`, 0.5 where coordinates do not depend on each other (BBOB: .390/.300/.247); `topology`, `von-neumann` in
//! longer runs.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_swarm as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let spec = Spec::new("bare-bones-pso").with("particles", 20)?;
//! let mut optimizer = registry::build(&spec, &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..50 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/bare-bones-pso.md")]

use candle_core::Tensor;
use moths_core::{
    CowTensor, Key, Objective, Optimizer, Report, Result, Space, fuse, kernel,
    optimizer::{Algorithm, Capabilities, Comparison, Family, Init, Meta, Population, Size, settings},
    persist,
    persist::Clock,
    register,
};
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{pso::particles, topology::Topology};

/// Settings of [`BareBonesPso`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BareBonesPsoConfig {
    /// n, the number of particles; null: 10 + ⌊2 √d⌋, 40 at least with integers or flags.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub particles: Option<usize>,
    /// Where the particles begin.
    pub init: Init,
    /// Who informs whom.
    pub topology: Topology,
    /// `ring`: k, the neighbours on either side; null: 1. `random`: K, how many each particle informs; null: 3. Others do not ask.
    #[schemars(range(min = 1, max = 1000))]
    pub neighbours: Option<usize>,
    /// q, the probability with which a coordinate is drawn anew.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1.0))]
    pub interaction: f64,
}

impl Default for BareBonesPsoConfig {
    fn default() -> Self {
        Self { particles: None, init: Init::Around, topology: Topology::Global, neighbours: None, interaction: 1.0 }
    }
}

impl BareBonesPsoConfig {
    /// n.
    fn particles(&self, space: &Space) -> usize {
        self.particles.unwrap_or_else(|| particles(space))
    }
}

/// Bare bones particle swarm optimisation. See the [module documentation](self) for equations.
pub struct BareBonesPso {
    config: BareBonesPsoConfig,
    space: Space,
    clock: Clock,
    /// The ends of the search coordinates' intervals, \[d\] each, where there are bounds.
    box_: Option<(Tensor, Tensor)>,
    /// The points p, and f(p_i).
    best: Population,
    /// When the graph was drawn: it follows from the key of then.
    graph: Clock,
}

// p_k is p_l for all but those that lead themselves.
kernel! { fn draw(x: out, p: mat, p_l: mat, p_k: mat, q: num, u: uniform, z: normal) {
    x = select(u < q, 0.5 * (p + p_l) + abs(p - p_k) * z, p);
} }
kernel! { fn draw_inside(x: out, p: mat, p_l: mat, p_k: mat, lower: row, upper: row, q: num, u: uniform, z: normal) {
    let drawn = select(u < q, 0.5 * (p + p_l) + abs(p - p_k) * z, p);
    x = select(drawn < lower, 0.5 * (p + lower), select(drawn > upper, 0.5 * (p + upper), drawn));
} }

impl Algorithm for BareBonesPso {
    const META: Meta = Meta::new(
        "bare-bones-pso",
        Family::Swarm,
        "Particles without velocities, drawn from normal distributions around the middle of two best points.",
        "Kennedy 2003, doi:10.1109/SIS.2003.1202251",
    )
    .capabilities(
        Capabilities::NONE
            .rank_based(true)
            .translation(true)
            .monotone(true)
            .beats_random(true)
            .at_walls(true)
            .state_per_parameter(0.0)
            .state_per_candidate(1.01),
    )
    .size("particles");
    type Config = BareBonesPsoConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        config.init.apart("init")?;
        let size = Size::from(config.particles(space));
        Ok(Self {
            best: Population::new(space, &space.start(), key.fold(u64::MAX), &size, config.init)?,
            box_: space.box_tensors()?,
            space: space.clone(),
            clock: Clock::new(key),
            graph: Clock::new(key),
            config,
        })
    }

    fn evaluations_per_step(config: &BareBonesPsoConfig, space: &Space, stochastic: bool) -> Result<Option<u64>> {
        Ok(Some(config.particles(space) as u64 * (1 + u64::from(stochastic))))
    }
}

impl BareBonesPso {
    /// The points of this step.
    fn drawn(&self) -> Result<CowTensor> {
        let (key, p, n) = (self.clock.key(), self.best.points(), self.best.len());
        let BareBonesPsoConfig { topology, neighbours, interaction: q, .. } = self.config;
        let leaders = topology.leaders(self.best.losses(), None, neighbours, self.graph.key().fold(5));
        let mut draws = key.fold(3).stream();
        let others: Vec<usize> =
            leaders.iter().enumerate().map(|(i, &l)| if l == i { (i + draws.random_range(1..n)) % n } else { l }).collect();
        let (p_l, p_k) = (fuse::gather(p, &leaders)?, fuse::gather(p, &others)?);
        let (mut x, u, z) = (self.space.zeros_for(n)?, key.fold(1), key.fold(2));
        match &self.box_ {
            None => draw(&mut x, p, &p_l, &p_k, q, u, z)?,
            Some((lower, upper)) => draw_inside(&mut x, p, &p_l, &p_k, lower, upper, q, u, z)?,
        }
        Ok(x)
    }
}

impl Optimizer for BareBonesPso {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let x = if self.best.is_judged() { self.drawn()? } else { self.best.points().clone() };
        let Comparison { before, losses, report } = self.best.against(x.clone(), objective)?;
        let lowest = before.iter().copied().fold(f64::INFINITY, f64::min);
        if !self.best.is_judged() {
            self.best.judge(&losses)?;
        } else {
            self.best.recall(before)?;
            self.best.replace(&self.best.better(&losses), &x, &losses)?;
        }
        if losses.lowest() >= lowest {
            self.graph = self.clock;
        }
        self.clock.tick();
        Ok(report)
    }

    fn answer(&self) -> Result<CowTensor> {
        self.best.answer()
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        let at = self.space.point(at)?;
        self.best = self.best.moved(&at, &self.space, self.clock.key().fold(4))?;
        Ok(())
    }
}

persist!(BareBonesPso { clock, best, graph });
register!(BareBonesPso);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::Function;

    kernel! { fn uniforms(x: out, u: uniform) { x = u; } }
    kernel! { fn normals(x: out, z: normal) { x = z; } }

    fn rows(x: &Tensor) -> Vec<Vec<f64>> {
        x.to_vec2().unwrap()
    }

    fn ridge(x: &[f64]) -> f64 {
        x.iter().enumerate().map(|(i, x)| (1 + i) as f64 * (x - 1.0).powi(2)).sum()
    }

    /// Steps against the equations of the module, coordinate by coordinate, on the same random numbers.
    #[test]
    fn steps_are_those_of_the_paper() {
        let (space, key, n) = (Space::real(3).unwrap(), Key::new(5), 5);
        for interaction in [1.0, 0.5] {
            let config = BareBonesPsoConfig { particles: Some(n), interaction, ..BareBonesPsoConfig::default() };
            let mut swarm = BareBonesPso::new(config, &space, key).unwrap();
            let mut p = rows(swarm.best.points());
            swarm.step(&mut Function::new(space.clone(), ridge)).unwrap();
            assert_eq!(rows(swarm.best.points()), p, "the first step moves nobody");
            for step in 1..5 {
                let key = key.fold(step);
                let g = (0..n).min_by(|&a, &b| ridge(&p[a]).total_cmp(&ridge(&p[b]))).unwrap();
                let other = (g + key.fold(3).stream().random_range(1..n)) % n;
                let (mut u, mut z) = (space.zeros_for(n).unwrap(), space.zeros_for(n).unwrap());
                uniforms(&mut u, key.fold(1)).unwrap();
                normals(&mut z, key.fold(2)).unwrap();
                let (u, z) = (rows(&u), rows(&z));
                let before = p.clone();
                for i in 0..n {
                    let k = if i == g { other } else { g };
                    let drawn = |j: usize| {
                        let deviation = (before[i][j] - before[k][j]).abs();
                        if u[i][j] < interaction {
                            0.5 * (before[i][j] + before[g][j]) + deviation * z[i][j]
                        } else {
                            before[i][j]
                        }
                    };
                    let x: Vec<f64> = (0..3).map(drawn).collect();
                    if ridge(&x) < ridge(&p[i]) {
                        p[i] = x;
                    }
                }
                swarm.step(&mut Function::new(space.clone(), ridge)).unwrap();
                assert_eq!(rows(swarm.best.points()), p, "step {step}");
            }
        }
    }

    #[test]
    fn points_are_inside_and_come_to_a_corner() {
        let space = Space::bounded([(0.0, 1.0); 2]).unwrap();
        let mut swarm = BareBonesPso::new(BareBonesPsoConfig::default(), &space, Key::new(1)).unwrap();
        for _ in 0..200 {
            swarm.step(&mut Function::new(space.clone(), |x| -x[0] - x[1])).unwrap();
        }
        let answer = space.decode(&swarm.answer().unwrap()).unwrap().to_vec1::<f64>().unwrap();
        assert!(answer.iter().all(|x| (1.0 - 1e-6..=1.0).contains(x)), "{answer:?}");
    }
}
