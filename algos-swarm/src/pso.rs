//! Particle swarm optimisation with constriction coefficients.
//!
//! ```text
//! v_i ← w v_i + c₁ r₁ ⊙ (p_i − x_i) + c₂ r₂ ⊙ (p_g − x_i)          r₁, r₂ ~ U[0, 1)ᵈ, fresh for every particle
//! x_i ← x_i + v_i
//! p_i ← x_i where f(x_i) < f(p_i);   g = argmin_i f(p_i)
//! ```
//!
//! x, v, p: \[n, d\], r₁, r₂: \[n, d\]. Source: Kennedy & Eberhart 1995, doi:10.1109/ICNN.1995.488968; the coefficients are those
//! of Clerc & Kennedy 2002, doi:10.1109/4235.985692 (φ = 4.1: w = χ = 0.7298, c₁ = c₂ = 1.49618); n = 10 + ⌊2 √d⌋ (40 at least with integers or flags) is that of the standard
//! PSO of 2006 (a fixed 40 reaches fewer targets of COCO's functions in 2 and 5 dimensions, and as many in 10 and 20).
//! Differs from the papers: velocities begin at zero, there is no velocity limit, and a particle that is stopped at a bound turns back:
//! in the coordinates where x_i was clamped, v_i ← −v_i/2. (With the velocity that was left, none, whole swarms sat on faces and corners.)
//! Cost per step: n evaluations in one round; of a stochastic objective 2 n, as the p_i are evaluated beside the x_i on the same data; 3
//! numbers of state per parameter and particle; no scratch of size d, but 2 numbers per parameter, held throughout, for the box.
//!
//! Take it when a function of few bounded parameters has several basins, its minimum may lie on a bound, and a swarm can be evaluated at
//! once. `jade` reaches more of BBOB in 2 to 20 dimensions (1,000 d evaluations, 2 and 5-D: .893 and .736 of the targets, here .677 and
//! .370).
//!
//! Tune first: `particles`, more in long runs and where there are many minima; `inertia`, higher for a longer search; `social` below
//! `cognitive` where the swarm settles too early.
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

use std::ops::RangeInclusive;

use candle_core::Tensor;
use moths_core::{
    CowTensor, Key, Objective, Optimizer, Report, Result, Space, fuse, kernel,
    optimizer::{
        Algorithm, Capabilities, Comparison, Family, Init, Meta, Population, Size,
        population::{Joining, shifted},
        settings,
    },
    persist,
    persist::Clock,
    register,
    space::Walls,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of [`Pso`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PsoConfig {
    /// n, the number of particles, at least 2; null: 10 + ⌊2 √d⌋, 40 at least with integers or flags. A curve is one of the step: newcomers begin around
    /// the best point, and who has the worst p leaves.
    pub particles: Option<Size>,
    /// Where the particles begin.
    pub init: Init,
    /// w, how much of a velocity stays.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub inertia: f64,
    /// c₁, the pull towards a particle's own best point.
    #[schemars(range(min = 0.0, max = 4.0))]
    pub cognitive: f64,
    /// c₂, the pull towards the best point of all.
    #[schemars(range(min = 0.0, max = 4.0))]
    pub social: f64,
}

impl Default for PsoConfig {
    fn default() -> Self {
        Self { particles: None, init: Init::Around, inertia: 0.7298, cognitive: 1.49618, social: 1.49618 }
    }
}

/// Particle swarm optimisation. See the [module documentation](self) for equations.
pub struct Pso {
    config: PsoConfig,
    size: Size,
    space: Space,
    clock: Clock,
    /// The ends of the search coordinates' intervals, \[d\] each, where there are bounds.
    box_: Option<(Tensor, Tensor)>,
    swarm: Swarm,
}

#[derive(Clone)]
struct Swarm {
    /// The points p, and f(p_i).
    best: Population,
    /// The positions the next step evaluates.
    x: CowTensor,
    v: CowTensor,
}

persist!(Swarm { best, x in |swarm| swarm.rows(), v in |swarm| swarm.rows() });

kernel! { fn fly(v: inout, x: inout, p: mat, p_g: row, w: num, c1: num, c2: num, r1: uniform, r2: uniform) {
    let nv = w * v + c1 * r1 * (p - x) + c2 * r2 * (p_g - x);
    v = nv;
    x = x + nv;
} }
kernel! { fn fly_inside(v: inout, x: inout, p: mat, p_g: row, lower: row, upper: row, w: num, c1: num, c2: num, r1: uniform, r2: uniform) {
    let nv = w * v + c1 * r1 * (p - x) + c2 * r2 * (p_g - x);
    let nx = clamp(x + nv, lower, upper);
    v = select(nx == x + nv, nv, 0.0 - 0.5 * nv);
    x = nx;
} }
impl Algorithm for Pso {
    const META: Meta = Meta::new(
        "pso",
        Family::Swarm,
        "Particles drawn to the best point each has seen and to the best that any has seen.",
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
            .state_per_parameter(0.0)
            .state_per_candidate(3.0),
    )
    .size("particles");
    type Config = PsoConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        config.init.apart("init")?;
        let size = Size::or(&config.particles, particles(space));
        size.least("particles", 2)?;
        let best = Population::new(space, &space.start(), key.fold(u64::MAX), &size, config.init)?;
        let swarm = Swarm { x: best.points().clone(), v: space.zeros_for(best.len())?, best };
        Ok(Self { box_: space.box_tensors()?, space: space.clone(), clock: Clock::new(key), config, size, swarm })
    }

    fn evaluations_per_step(config: &PsoConfig, space: &Space, stochastic: bool) -> Result<Option<u64>> {
        Ok(Size::or(&config.particles, particles(space)).constant().map(|n| n as u64 * (1 + u64::from(stochastic))))
    }
}

/// n where nobody says. Rounded coordinates soon agree: with integers or flags, few particles settle on a wrong one.
fn particles(space: &Space) -> usize {
    let n = 10 + (2.0 * (space.dim() as f64).sqrt()) as usize;
    if space.is_discrete() { n.max(40) } else { n }
}

impl Swarm {
    fn rows(&self) -> RangeInclusive<usize> {
        self.best.len()..=self.best.len()
    }

    /// The same with n particles: whose p is worst leaves, and who joins begins at rest, around the best.
    fn of(&self, n: usize, space: &Space, key: Key) -> Result<Self> {
        let mut swarm = self.clone();
        if n < swarm.best.len() {
            let kept = swarm.best.fittest(n);
            swarm.best.retain(&kept)?;
            (swarm.x, swarm.v) = (fuse::gather(&self.x, &kept)?, fuse::gather(&self.v, &kept)?);
        } else if n > swarm.best.len() {
            let old = swarm.best.len();
            swarm.best.join(n, Joining::Best, space, key)?;
            let newcomers = swarm.best.points().narrow(0, old, n - old)?;
            swarm.x = Tensor::cat(&[&*self.x, &newcomers], 0)?.into();
            swarm.v = Tensor::cat(&[&*self.v, &newcomers.zeros_like()?], 0)?.into();
        }
        Ok(swarm)
    }
}

impl Pso {
    fn fly(&mut self) -> Result<()> {
        let PsoConfig { inertia: w, cognitive: c1, social: c2, .. } = self.config;
        let (r1, r2) = (self.clock.key().fold(1), self.clock.key().fold(2));
        let Swarm { best, x, v } = &mut self.swarm;
        let (p, p_g) = (best.points(), best.points().get(best.order()[0])?);
        match &self.box_ {
            None => fly(v, x, p, &p_g, w, c1, c2, r1, r2),
            Some((lower, upper)) => fly_inside(v, x, p, &p_g, lower, upper, w, c1, c2, r1, r2),
        }
    }
}

impl Optimizer for Pso {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let mut swarm = self.swarm.of(self.size.at(self.clock.step), &self.space, self.clock.key().fold(3))?;
        let Comparison { before, losses, report } = swarm.best.against(swarm.x.clone(), objective)?;
        swarm.best.recall(before)?;
        let better = swarm.best.better(&losses);
        self.swarm = swarm;
        let Swarm { best, x, .. } = &mut self.swarm;
        best.replace(&better, x, &losses)?;
        self.fly()?;
        self.clock.tick();
        Ok(report)
    }

    fn answer(&self) -> Result<CowTensor> {
        self.swarm.best.answer()
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        let at = self.space.point(at)?;
        let Swarm { best, x, v } = &self.swarm;
        let moved = best.moved(&at, &self.space, self.clock.key().fold(4))?;
        let mut swarm = match best.is_one_point()? {
            true => Swarm { x: moved.points().clone(), v: v.zeros_like()?.into(), best: moved },
            false => {
                let order = best.best_first();
                let x = shifted(&fuse::gather(x, &order)?, &*best.answer()?, &at, &self.space)?;
                Swarm { x, v: fuse::gather(v, &order)?, best: moved }
            }
        };
        swarm.x.set_row(0, &at)?;
        swarm.v.set_row(0, &at.zeros_like()?)?;
        self.swarm = swarm;
        Ok(())
    }
}

persist!(Pso { clock, swarm });
register!(Pso);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::Function;

    kernel! { fn uniforms(x: out, u: uniform) { x = u; } }

    fn rows(x: &Tensor) -> Vec<Vec<f64>> {
        x.to_vec2().unwrap()
    }

    fn ridge(x: &[f64]) -> f64 {
        x.iter().enumerate().map(|(i, x)| (1 + i) as f64 * (x - 1.0).powi(2)).sum()
    }

    /// Three steps against the equations of the module, particle by particle, on the same random numbers.
    #[test]
    fn steps_are_those_of_the_paper() {
        let (space, key) = (Space::real(3).unwrap(), Key::new(5));
        let config = PsoConfig { particles: Some(Size::from(4)), ..PsoConfig::default() };
        let mut pso = Pso::new(config.clone(), &space, key).unwrap();
        let (mut x, mut v, mut p) = (rows(&pso.swarm.x), rows(&pso.swarm.v), rows(&pso.swarm.x));
        let mut p_loss = [f64::INFINITY; 4];
        for step in 0..3 {
            for i in 0..4 {
                if ridge(&x[i]) < p_loss[i] {
                    (p[i], p_loss[i]) = (x[i].clone(), ridge(&x[i]));
                }
            }
            let g = (0..4).min_by(|&a, &b| p_loss[a].total_cmp(&p_loss[b])).unwrap();
            let [r1, r2] = [1, 2].map(|n| {
                let mut r = space.zeros_for(4).unwrap();
                uniforms(&mut r, key.fold(step).fold(n)).unwrap();
                rows(&r)
            });
            for i in 0..4 {
                for j in 0..3 {
                    v[i][j] = config.inertia * v[i][j]
                        + config.cognitive * r1[i][j] * (p[i][j] - x[i][j])
                        + config.social * r2[i][j] * (p[g][j] - x[i][j]);
                    x[i][j] += v[i][j];
                }
            }
            pso.step(&mut Function::new(space.clone(), ridge)).unwrap();
            assert_eq!(
                (rows(&pso.swarm.x), rows(&pso.swarm.v), rows(pso.swarm.best.points())),
                (x.clone(), v.clone(), p.clone())
            );
            assert_eq!(pso.answer().unwrap().to_vec1::<f64>().unwrap(), p[g]);
        }
    }

    #[test]
    fn at_a_bound_a_particle_turns_back() {
        let space = Space::bounded([(0.0, 1.0); 2]).unwrap();
        let mut pso =
            Pso::new(PsoConfig { particles: Some(Size::from(3)), ..PsoConfig::default() }, &space, Key::new(1)).unwrap();
        let mut turned = 0;
        for _ in 0..20 {
            let before = rows(&pso.swarm.x);
            // The lowest point is a corner outside the box.
            pso.step(&mut Function::new(space.clone(), |x| -x[0] - x[1])).unwrap();
            let moves = rows(&pso.swarm.x).into_iter().zip(before).zip(rows(&pso.swarm.v));
            for ((now, before), v) in moves.flat_map(|((now, before), v)| now.into_iter().zip(before).zip(v).collect::<Vec<_>>())
            {
                let stopped = now == 0.0 || now == 4.0;
                assert!(if stopped { v * (now - 2.0) <= 0.0 } else { (now - before - v).abs() < 1e-12 }, "{before} {now} {v}");
                turned += usize::from(stopped && v != 0.0);
            }
        }
        assert!(turned > 0);
        assert_eq!(space.decode(&pso.answer().unwrap()).unwrap().to_vec1::<f64>().unwrap(), [1.0, 1.0]);
    }

    #[test]
    fn one_particle_is_no_swarm() {
        for alone in [r#"1"#, r#"{"linear": {"from": 9, "to": 1, "steps": 8}}"#] {
            let particles = moths_core::Spec::new("pso").with_text(&format!("particles={alone}")).unwrap();
            let refused =
                moths_core::registry::build(&particles, &Space::real(2).unwrap(), Key::new(1)).err().unwrap().to_string();
            assert_eq!(refused, "particles = 1: at least 2 at every step");
        }
    }

    /// Members join and leave as the schedule says, and a run that is resumed in between is the same run.
    #[test]
    fn the_swarm_is_as_large_as_its_schedule_says() -> Result<()> {
        use moths_core::{
            optimizer::schedule::{Curve, Ramp},
            persist::{Keep, State},
        };
        let space = Space::bounded([(-5.0, 5.0); 3])?;
        for (from, to) in [(4.0, 12.0), (12.0, 4.0)] {
            let size = Size::Curve(Curve::Linear(Ramp { from, to, steps: Some(8) }));
            let new = || Pso::new(PsoConfig { particles: Some(size.clone()), ..PsoConfig::default() }, &space, Key::new(5));
            let mut objective = Function::new(space.clone(), ridge);
            let (mut whole, mut resumed) = (new()?, new()?);
            let mut lowest = f64::INFINITY;
            for t in 0..12 {
                if t == 5 {
                    State::of(&mut whole)?.restore(&mut resumed, Keep::Nothing)?;
                }
                let report = whole.step(&mut objective)?;
                assert_eq!(report.evaluations, size.at(t) as u64, "step {t}");
                lowest = lowest.min(report.loss);
                let answer = ridge(&space.decode(&*whole.answer()?)?.to_vec1::<f64>()?);
                assert!((answer - lowest).abs() < 1e-9, "the best left: {answer} {lowest}");
                if t >= 5 {
                    assert_eq!(resumed.step(&mut objective)?, report);
                    assert_eq!(State::of(&mut whole)?.digest()?, State::of(&mut resumed)?.digest()?);
                }
            }
        }
        Ok(())
    }
}
