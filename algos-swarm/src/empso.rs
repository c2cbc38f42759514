//! Particle swarm optimisation with exponentially averaged momentum.
//!
//! ```text
//! M_i ← β M_i + (1 − β) v_i
//! v_i ← M_i + c₁ r₁ ⊙ (p_i − x_i) + c₂ r₂ ⊙ (p_g − x_i)          r₁, r₂ ~ U[0, 1)ᵈ, fresh for every particle
//! x_i ← x_i + v_i
//! p_i ← x_i where f(x_i) < f(p_i);   g = argmin_i f(p_i)
//! ```
//!
//! x, v, M, p: \[n, d\], r₁, r₂: \[n, d\]. Source: Mohapatra, Saha, Coello Coello, Bhattacharya, Dhavala & Saha 2020, "AdaSwarm: Augmenting
//! Gradient-Based optimizers in Deep Learning with Swarm Intelligence", arXiv:2006.09875 (β = .9, c₁ = .8, c₂ = .9).
//! Differs from the paper: velocities and momenta begin at zero, n is that of [`pso`](crate::pso) (there: 10), and who is stopped at a
//! bound turns back, v_ij ← −v_ij/2.
//! No factor damps v, and with these coefficients none is needed: where p does not move, x_t+1 = (2 − φ) x_t − (1 − β φ) x_t−1 with φ ≈ c₁
//! r₁ + c₂ r₂, so that averaging damps. The second moments of (x − p, v, M) become .78 times as large in a step; from β ≈ .1 down, which
//! the authors' code has, they grow, and nothing but bounds or a `velocity_limit` holds the swarm.
//! Cost per step: n evaluations in one round; of a stochastic objective 2 n, as the p_i are evaluated beside the x_i on the same data; 4
//! numbers of state per parameter and particle; no scratch of size d, but 2 numbers per parameter, held throughout, for the box (5 with a
//! velocity limit).
//!
//! Take it when results are compared with the paper's, and for nothing else: the swarm draws together before it has come to a minimum, from 10
//! dimensions on also on a sphere, where it is no better than random search. `pso` reaches .370/.287/.247 of BBOB's targets in 5/10/20-D
//! after 1,000 d evaluations, `empso` .151/.081/.037.
//!
//! Tune first: `momentum`, `particles`.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_swarm as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("empso").with("particles", 20)?, &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..50 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/empso.md")]

use moths_core::{
    CowTensor, Key, Objective, Optimizer, Report, Result, Space, fuse, kernel,
    optimizer::{Algorithm, Capabilities, Family, Init, Meta, Size, settings},
    persist,
    persist::Clock,
    register,
    space::Walls,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    flight::{Room, flight},
    pso::particles,
    swarm::Swarm,
};

/// Settings of [`Empso`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EmpsoConfig {
    /// n, the number of particles; null: 10 + ⌊2 √d⌋, 40 at least with integers or flags.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub particles: Option<usize>,
    /// Where the particles begin.
    pub init: Init,
    /// β, how much of the momentum stays.
    #[schemars(range(min = 0.0), extend("exclusiveMaximum" = 1.0))]
    pub momentum: f64,
    /// c₁, the pull towards a particle's own best point.
    #[schemars(range(min = 0.0, max = 4.0))]
    pub cognitive: f64,
    /// c₂, the pull towards the best point of all.
    #[schemars(range(min = 0.0, max = 4.0))]
    pub social: f64,
    /// The largest |v_j|, in halves of the width of the box, in units of the search where there are no bounds; null: none.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub velocity_limit: Option<f64>,
}

impl Default for EmpsoConfig {
    fn default() -> Self {
        Self { particles: None, init: Init::Around, momentum: 0.9, cognitive: 0.8, social: 0.9, velocity_limit: None }
    }
}

impl EmpsoConfig {
    /// n.
    fn particles(&self, space: &Space) -> usize {
        self.particles.unwrap_or_else(|| particles(space))
    }
}

/// Particle swarm optimisation with exponentially averaged momentum. See the [module documentation](self) for equations.
pub struct Empso {
    config: EmpsoConfig,
    space: Space,
    clock: Clock,
    room: Room,
    swarm: Swarm,
    /// M.
    m: CowTensor,
}

kernel! { fn average(m: inout, v: mat, beta: num) { m = beta * m + (1.0 - beta) * v; } }
flight! { fn fly(v, x, m: mat, p: mat, p_g: row, c1: num, c2: num, r1: uniform, r2: uniform) {
    m + c1 * r1 * (p - x) + c2 * r2 * (p_g - x)
} }

impl Algorithm for Empso {
    const META: Meta = Meta::new(
        "empso",
        Family::Swarm,
        "Particles whose velocities are averaged over the steps before they are drawn to the best points.",
        "Mohapatra et al. 2020, arXiv:2006.09875",
    )
    .capabilities(
        Capabilities::NONE
            .rank_based(true)
            .translation(true)
            .monotone(true)
            .walls(Walls::Reflect)
            .state_per_parameter(0.0)
            .state_per_candidate(4.0),
    )
    .size("particles");
    type Config = EmpsoConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        config.init.apart("init")?;
        let size = Size::from(config.particles(space));
        let swarm = Swarm::new(space, key.fold(u64::MAX), &size, config.init)?;
        Ok(Self {
            room: Room::limited(space, config.velocity_limit)?,
            m: space.zeros_for(swarm.best.len())?,
            space: space.clone(),
            clock: Clock::new(key),
            config,
            swarm,
        })
    }

    fn evaluations_per_step(config: &EmpsoConfig, space: &Space, stochastic: bool) -> Result<Option<u64>> {
        Ok(Some(config.particles(space) as u64 * (1 + u64::from(stochastic))))
    }
}

impl Empso {
    fn fly(&mut self) -> Result<()> {
        let EmpsoConfig { momentum: beta, cognitive: c1, social: c2, .. } = self.config;
        let (r1, r2) = (self.clock.key().fold(1), self.clock.key().fold(2));
        let Swarm { best, x, v } = &mut self.swarm;
        average(&mut self.m, v, beta)?;
        let p = best.points();
        fly(v, x, &self.room, &self.m, p, &p.get(best.best())?, c1, c2, r1, r2)
    }
}

impl Optimizer for Empso {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let seen = self.swarm.look(objective)?;
        self.swarm.learn(&seen)?;
        self.fly()?;
        self.clock.tick();
        Ok(seen.report)
    }

    fn answer(&self) -> Result<CowTensor> {
        self.swarm.best.answer()
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        let at = self.space.point(at)?;
        let (swarm, order) = self.swarm.moved(&at, &self.space, self.clock.key().fold(4))?;
        let mut m = match self.swarm.best.is_one_point()? {
            true => self.m.zeros_like()?.into(),
            false => fuse::gather(&self.m, &order)?,
        };
        m.set_row(0, &at.zeros_like()?)?;
        (self.swarm, self.m) = (swarm, m);
        Ok(())
    }
}

persist!(Empso { clock, swarm, m });
register!(Empso);

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Tensor;
    use moths_core::Function;

    kernel! { fn uniforms(x: out, u: uniform) { x = u; } }

    fn rows(x: &Tensor) -> Vec<Vec<f64>> {
        x.to_vec2().unwrap()
    }

    fn ridge(x: &[f64]) -> f64 {
        x.iter().enumerate().map(|(i, x)| (1 + i) as f64 * (x - 1.0).powi(2)).sum()
    }

    /// Steps against the equations of the module, particle by particle, on the same random numbers.
    #[test]
    fn steps_are_those_of_the_paper() {
        let (space, key, n) = (Space::real(3).unwrap(), Key::new(5), 4);
        let config = EmpsoConfig { particles: Some(n), ..EmpsoConfig::default() };
        let mut pso = Empso::new(config, &space, key).unwrap();
        let (mut x, mut v, mut p) = (rows(&pso.swarm.x), rows(&pso.swarm.v), rows(&pso.swarm.x));
        let (mut m, mut loss) = (v.clone(), vec![f64::INFINITY; n]);
        for step in 0..6 {
            for i in 0..n {
                if ridge(&x[i]) < loss[i] {
                    (p[i], loss[i]) = (x[i].clone(), ridge(&x[i]));
                }
            }
            let g = (0..n).min_by(|&a, &b| loss[a].total_cmp(&loss[b])).unwrap();
            let [r1, r2] = [1, 2].map(|purpose| {
                let mut r = space.zeros_for(n).unwrap();
                uniforms(&mut r, key.fold(step).fold(purpose)).unwrap();
                rows(&r)
            });
            for i in 0..n {
                for j in 0..3 {
                    m[i][j] = 0.9 * m[i][j] + (1.0 - 0.9) * v[i][j];
                    v[i][j] = m[i][j] + 0.8 * r1[i][j] * (p[i][j] - x[i][j]) + 0.9 * r2[i][j] * (p[g][j] - x[i][j]);
                    x[i][j] += v[i][j];
                }
            }
            pso.step(&mut Function::new(space.clone(), ridge)).unwrap();
            assert_eq!((rows(&pso.swarm.x), rows(&pso.swarm.v), rows(&pso.m)), (x.clone(), v.clone(), m.clone()), "step {step}");
        }
    }

    /// Without bounds and without a limit: stable at the paper's β, and not at 0.
    #[test]
    fn averaging_damps() {
        let space = Space::real(5).unwrap();
        let fastest = |momentum: f64| {
            let config = EmpsoConfig { momentum, ..EmpsoConfig::default() };
            let mut pso = Empso::new(config, &space, Key::new(1)).unwrap();
            for _ in 0..1000 {
                pso.step(&mut Function::new(space.clone(), ridge)).unwrap();
            }
            rows(&pso.swarm.v).into_iter().flatten().fold(0.0, |most: f64, v| most.max(v.abs()))
        };
        assert!(fastest(0.9) < 1e-3, "{}", fastest(0.9));
        assert!(fastest(0.0) > 1e3, "{}", fastest(0.0));
    }
}
