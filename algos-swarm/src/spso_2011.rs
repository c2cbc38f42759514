//! Standard particle swarm optimisation of 2011: the same whichever way space is turned.
//!
//! ```text
//! G_i = x_i + c (p_i − x_i)/3 + c (p_l − x_i)/3          with x_i + c (p_i − x_i)/2 where i leads itself
//! x'_i = G_i + U_i ‖G_i − x_i‖ z_i/‖z_i‖                 z_i ~ N(0, I), U_i ~ U[0, 1): a point of the sphere around G_i through x_i
//! v_i ← w v_i + x'_i − x_i;   x_i ← x_i + v_i
//! p_i ← x_i where f(x_i) < f(p_i);   l = argmin_k f(p_k) over i and those who inform it
//! ```
//!
//! x, v, p, G, z: \[n, d\], U: \[n\]; w = 1/(2 ln 2) = 0.721, c = 1/2 + ln 2 = 1.193. Each particle informs K = 3 that are drawn anew after
//! every step which has not improved the best point of all. Source: Zambrano-Bigiarini, Clerc & Rojas 2013, "Standard Particle Swarm
//! Optimisation 2011 at CEC-2013", doi:10.1109/CEC.2013.6557848; at a bound v_ij ← −v_ij/2, as there. The three points of which G_i is the
//! centre are x_i, x_i + c (p_i − x_i) and x_i + c (p_l − x_i).
//! A velocity begins as a point drawn as the first ones are, less x_i.
//! Differs from the paper: n = 10 + ⌊2 √d⌋, 20 at least (there: 40, which reaches no more of BBOB in 10 and 20 dimensions and less in 5); all
//! particles move at once; elements whose bounds have lo = hi take no part in a sphere.
//! Cost per step: n evaluations in one round; of a stochastic objective 2 n, as the p_i are evaluated beside the x_i on the same data; 3
//! numbers of state per parameter and particle; 3 numbers of scratch per parameter and particle, and 3 per parameter, held
//! throughout, 2 of them for the box.
//!
//! Take it when every direction shall be as good as any other, as for comparisons: from 10 dimensions on `pso` reaches more of BBOB (5/10/20-D, 1,000 d evaluations:
//! .370/.287/.247 of the targets, here .373/.239/.182), turned functions included, and `cma-es` or `jade` far more. Not where the minimum may lie
//! on a bound: swarms settle before they have come to a corner.
//!
//! Tune first: `particles`; `topology`, global where the run is short.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_swarm as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("spso-2011").with("particles", 20)?, &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..50 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/spso-2011.md")]

use candle_core::Tensor;
use moths_core::{
    CowTensor, Key, Objective, Optimizer, Report, Result, Schedule, Space, fuse, kernel,
    optimizer::{Algorithm, Capabilities, Family, Init, Meta, Size, settings},
    persist,
    persist::Clock,
    register,
    space::Walls,
};
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    flight::{Room, flight},
    inertia,
    pso::particles,
    swarm::Swarm,
    topology::Topology,
};

/// Settings of [`Spso2011`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Spso2011Config {
    /// n, the number of particles; null: 10 + ⌊2 √d⌋, 20 at least, 40 at least with integers or flags.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub particles: Option<usize>,
    /// Where the particles begin.
    pub init: Init,
    /// Who informs whom.
    pub topology: Topology,
    /// `ring`: k, the neighbours on either side; null: 1. `random`: K, how many each particle informs; null: 3. Others do not ask.
    #[schemars(range(min = 1, max = 1000))]
    pub neighbours: Option<usize>,
    /// w, how much of a velocity stays, 1 at most.
    pub inertia: Schedule,
    /// c, the pull towards both best points.
    #[schemars(range(min = 0.0, max = 4.0))]
    pub pull: f64,
}

impl Default for Spso2011Config {
    fn default() -> Self {
        Self {
            particles: None,
            init: Init::Around,
            topology: Topology::Random,
            neighbours: None,
            // 1/(2 ln 2).
            inertia: 0.721_347_520_444_481_7.into(),
            pull: 0.5 + std::f64::consts::LN_2,
        }
    }
}

impl Spso2011Config {
    /// n.
    fn particles(&self, space: &Space) -> usize {
        self.particles.unwrap_or_else(|| particles(space).max(20))
    }
}

/// Standard particle swarm optimisation of 2011. See the [module documentation](self) for equations.
pub struct Spso2011 {
    config: Spso2011Config,
    space: Space,
    clock: Clock,
    room: Room,
    /// 1, and 0 where an element has one value only: how far apart particles are there says nothing of how large a sphere should be.
    free: Tensor,
    swarm: Swarm,
    /// When the graph was drawn: it follows from the key of then.
    graph: Clock,
}

// a = c/3 and b = c/3, or c/2 and 0 for who leads itself: G − x.
kernel! { fn to_centre(g: out, x: mat, p: mat, p_l: mat, free: row, a: col, b: col) {
    g = free * (a * (p - x) + b * (p_l - x));
} }
kernel! { fn directions(z: out, free: row, noise: normal) { z = free * noise; } }
// s = U ‖G − x‖/‖z‖.
flight! { fn fly(v, x, g: mat, z: mat, s: col, w: num) { w * v + g + s * z } }

impl Algorithm for Spso2011 {
    const META: Meta = Meta::new(
        "spso-2011",
        Family::Swarm,
        "Particles drawn into spheres around the middle of where they are and what draws them: no axis is special.",
        "Zambrano-Bigiarini, Clerc & Rojas 2013, doi:10.1109/CEC.2013.6557848",
    )
    .capabilities(
        Capabilities::NONE
            .rank_based(true)
            .translation(true)
            .rotation(true)
            .monotone(true)
            .beats_random(true)
            .walls(Walls::Reflect)
            .state_per_parameter(0.0)
            .state_per_candidate(3.0),
    )
    .size("particles");
    type Config = Spso2011Config;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        config.init.apart("init")?;
        inertia::check("inertia", &config.inertia)?;
        let size = Size::from(config.particles(space));
        let mut swarm = Swarm::new(space, key.fold(u64::MAX), &size, config.init)?;
        let towards = config.init.points(space, &space.start(), key.fold(u64::MAX - 1), swarm.best.len())?;
        swarm.v = (&*towards - &*swarm.x)?.into();
        Ok(Self {
            swarm,
            room: Room::of(space)?,
            free: of_each(space, space.fixed().map(|fixed| f64::from(u8::from(!fixed))).collect())?,
            space: space.clone(),
            clock: Clock::new(key),
            graph: Clock::new(key),
            config,
        })
    }

    fn capabilities(config: &Spso2011Config) -> Result<Capabilities> {
        Ok(Self::META.capabilities.rotation(config.init.is_isotropic()))
    }

    fn evaluations_per_step(config: &Spso2011Config, space: &Space, stochastic: bool) -> Result<Option<u64>> {
        Ok(Some(config.particles(space) as u64 * (1 + u64::from(stochastic))))
    }
}

impl Spso2011 {
    fn fly(&mut self) -> Result<()> {
        let Spso2011Config { topology, neighbours, pull: c, .. } = self.config;
        let (w, key) = (self.config.inertia.at(self.clock.step), self.clock.key());
        let Swarm { best, x, v } = &mut self.swarm;
        let (p, n) = (best.points(), best.len());
        let leaders = topology.leaders(best.losses(), None, neighbours, self.graph.key().fold(5));
        let column = |of: &dyn Fn(usize) -> f64| of_each(&self.space, (0..n).map(of).collect());
        let a = column(&|i| if leaders[i] == i { c / 2.0 } else { c / 3.0 })?;
        let b = column(&|i| if leaders[i] == i { 0.0 } else { c / 3.0 })?;
        let (mut g, mut z) = (self.space.zeros_for(n)?, self.space.zeros_for(n)?);
        to_centre(&mut g, x, p, &*fuse::gather(p, &leaders)?, &self.free, &a, &b)?;
        directions(&mut z, &self.free, key.fold(1))?;
        let mut draws = key.fold(2).stream();
        let mut s = vec![];
        for i in 0..n {
            // No direction has no length but by chance, and then any is as good: none.
            let length = fuse::norm(&z.get(i)?)?.max(f64::MIN_POSITIVE);
            s.push(draws.random::<f64>() * fuse::norm(&g.get(i)?)? / length);
        }
        fly(v, x, &self.room, &g, &z, &of_each(&self.space, s)?, w)
    }
}

/// One number a particle, or a coordinate.
fn of_each(space: &Space, values: Vec<f64>) -> Result<Tensor> {
    let n = values.len();
    space.numbers(values, n)
}

impl Optimizer for Spso2011 {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let seen = self.swarm.look(objective)?;
        self.swarm.learn(&seen)?;
        if !seen.improved {
            self.graph = self.clock;
        }
        self.fly()?;
        self.clock.tick();
        Ok(seen.report)
    }

    fn answer(&self) -> Result<CowTensor> {
        self.swarm.best.answer()
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        let at = self.space.point(at)?;
        (self.swarm, _) = self.swarm.moved(&at, &self.space, self.clock.key().fold(4))?;
        Ok(())
    }
}

persist!(Spso2011 { clock, swarm, graph });
register!(Spso2011);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::Function;

    kernel! { fn normals(x: out, z: normal) { x = z; } }

    fn rows(x: &Tensor) -> Vec<Vec<f64>> {
        x.to_vec2().unwrap()
    }

    fn ridge(x: &[f64]) -> f64 {
        x.iter().enumerate().map(|(i, x)| (1 + i) as f64 * (x - 1.0).powi(2)).sum()
    }

    fn norm(x: &[f64]) -> f64 {
        x.iter().map(|x| x * x).sum::<f64>().sqrt()
    }

    /// Steps against the equations of the module, particle by particle, on the same graphs and the same random numbers.
    #[test]
    fn steps_are_those_of_the_paper() {
        let (space, key, n, d) = (Space::real(3).unwrap(), Key::new(5), 6, 3);
        let config = Spso2011Config { particles: Some(n), ..Spso2011Config::default() };
        let (w, c) = (0.5 / std::f64::consts::LN_2, 0.5 + std::f64::consts::LN_2);
        let mut pso = Spso2011::new(config, &space, key).unwrap();
        let (mut x, mut v, mut p) = (rows(&pso.swarm.x), rows(&pso.swarm.v), rows(&pso.swarm.x));
        let (mut loss, mut graph, mut alone) = (vec![f64::INFINITY; n], key.fold(0), 0);
        for step in 0..12 {
            let key = key.fold(step);
            let lowest = loss.iter().copied().fold(f64::INFINITY, f64::min);
            for i in 0..n {
                if ridge(&x[i]) < loss[i] {
                    (p[i], loss[i]) = (x[i].clone(), ridge(&x[i]));
                }
            }
            if loss.iter().all(|&loss| loss >= lowest) {
                graph = key;
            }
            let leaders = Topology::Random.leaders(&loss, None, None, graph.fold(5));
            let mut z = space.zeros_for(n).unwrap();
            normals(&mut z, key.fold(1)).unwrap();
            let (z, mut draws) = (rows(&z), key.fold(2).stream());
            for (i, &l) in leaders.iter().enumerate() {
                let [p_i, p_l] = [i, l].map(|k| (0..d).map(|j| x[i][j] + c * (p[k][j] - x[i][j])).collect::<Vec<_>>());
                let centre = |j: usize| if l == i { (x[i][j] + p_i[j]) / 2.0 } else { (x[i][j] + p_i[j] + p_l[j]) / 3.0 };
                alone += usize::from(l == i);
                let centre: Vec<f64> = (0..d).map(centre).collect();
                let radius = norm(&(0..d).map(|j| centre[j] - x[i][j]).collect::<Vec<_>>());
                let u: f64 = draws.random();
                for j in 0..d {
                    let drawn = centre[j] + u * radius * z[i][j] / norm(&z[i]);
                    v[i][j] = w * v[i][j] + drawn - x[i][j];
                }
                (0..d).for_each(|j| x[i][j] += v[i][j]);
            }
            pso.step(&mut Function::new(space.clone(), ridge)).unwrap();
            for (ours, theirs) in [(rows(&pso.swarm.x), &x), (rows(&pso.swarm.v), &v)] {
                let differ = ours.iter().flatten().zip(theirs.iter().flatten()).map(|(a, b)| (a - b).abs());
                assert!(differ.fold(0.0, f64::max) < 1e-12, "step {step}: {ours:?} {theirs:?}");
            }
        }
        assert!(alone > 0, "somebody led itself");
    }
}
