//! Gravitational search: particles have masses by their losses, and pull each other.
//!
//! ```text
//! m_i = (worst − f_i) / (worst − best),  M_i = m_i / Σ m                       over the particles of this step; m_i = 1 where all are equal
//! a_i = G(t) Σ_{j ∈ K best, j ≠ i} r_ij M_j (x_j − x_i) / (R_ij + ε)           R_ij = ‖x_i − x_j‖ / √d,  r_ij ~ U[0, 1)
//! v_i ← r_i ⊙ v_i + a_i                                                        r_i ~ U[0, 1)ᵈ
//! x_i ← x_i + v_i
//! ```
//!
//! x, v, a: \[n, d\], m: \[n\], R: \[n, n\]; ε = 10⁻¹⁶. G falls over the run, K from n to 1. The answer is the best point that was evaluated.
//! Source: Rashedi, Nezamabadi-pour & Saryazdi 2009, doi:10.1016/j.ins.2009.03.004.
//! Differs from the paper: distances are root mean squares over coordinates, so that G is the length of a pull in every coordinate whatever d
//! (the paper's G₀ = 100 in a box of width 200 and 30 dimensions is 0.37 here, where boxes are 4 wide). G falls from 10 to 10⁻⁵, where the paper
//! has a factor of e^{−20}, and n is 20 and not 50: with the paper's values the swarm is still before it has found anything (BBOB, 1,000 d
//! evaluations, 5 and 10-D: some .08 and .06 of the targets, and .3 here). Velocities begin at zero; a particle that is stopped at a bound turns
//! back, v_i ← −v_i/2 in those coordinates, as in [`pso`](crate::pso).
//! Cost per step: n evaluations in one round, and one more of a stochastic objective, where the best point is evaluated beside the particles;
//! 2 numbers of state per parameter and particle, 1 per parameter; 1 number of scratch per parameter and particle; about 2 K n d
//! multiplications; 2 numbers per parameter, held throughout, for the box.
//!
//! Take it when a function has few bounded parameters and the length of the run is known: it reaches what `pso` does in 10 dimensions, less in 5.
//! On digits it reaches 71 to 75 % in 20,000 evaluations, where `consensus` has 96.
//!
//! Tune first: `strength`, whose end says how finely the run ends; then `particles`.
//!
//! ```
//! use moths_core::{Function, Horizon, Key, Space, Spec, registry};
//! use moths_swarm as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let spec = Spec::new("gravity").with("particles", 20)?;
//! let mut optimizer = registry::build_for(&spec, &space, Key::new(1), Horizon::evaluations(2000))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 1..100 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/gravity.md")]

use std::ops::RangeInclusive;

use candle_core::{DType, Tensor};
use moths_core::{
    Batch, CowTensor, Error, Key, Objective, Optimizer, Report, Result, Schedule, Space, fuse,
    optimizer::{
        Algorithm, Capabilities, Comparison, Family, Init, Meta, Population, Size,
        population::{Joining, shifted},
        schedule::{Curve, Ramp},
        settings, shaping,
    },
    persist,
    persist::Clock,
    register,
    space::Walls,
};
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::flight::{Room, flight};

/// No particle is nearer to another than this: ε.
const NEAREST: f64 = 1e-16;
/// More particles have more pulls between them than anybody waits for.
const MOST: usize = 5_000;

/// Settings of [`Gravity`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GravityConfig {
    /// n, the number of particles, 2 to 5,000. A curve is one of the step: newcomers begin around the mean, and who has the highest loss leaves.
    pub particles: Size,
    /// Where the particles begin.
    pub init: Init,
    /// G, the length of a pull by all the mass there is, in every search coordinate.
    pub strength: Schedule,
    /// K/n, which share of the particles pull, the best ones; one at least.
    pub elite: Schedule,
}

impl Default for GravityConfig {
    fn default() -> Self {
        Self {
            particles: Size::from(20),
            init: Init::Around,
            strength: Schedule::exponential(10.0, 1e-5, None),
            elite: Schedule::Curve(Curve::Linear(Ramp { from: 1.0, to: 0.0, steps: None })),
        }
    }
}

/// Gravitational search. See the [module documentation](self) for equations.
pub struct Gravity {
    config: GravityConfig,
    space: Space,
    clock: Clock,
    room: Room,
    swarm: Swarm,
    best: CowTensor,
    /// +∞ until `best` has been evaluated.
    best_loss: f64,
}

#[derive(Clone)]
struct Swarm {
    /// The positions, and the losses they had where they were evaluated last.
    x: Population,
    v: CowTensor,
}

persist!(Swarm { x, v in |swarm| swarm.rows() });

flight! { fn fall(v, x, p: mat, q: col, r: uniform) { r * v + (p - q * x) } }

impl Algorithm for Gravity {
    const META: Meta = Meta::new(
        "gravity",
        Family::Swarm,
        "Particles that pull each other, the heavier the lower their losses.",
        "Rashedi, Nezamabadi-pour & Saryazdi 2009, doi:10.1016/j.ins.2009.03.004",
    )
    .capabilities(
        Capabilities::NONE
            .translation(true)
            .monotone(true)
            .beats_random(true)
            .walls(Walls::Reflect)
            .state_per_parameter(1.0)
            .state_per_candidate(2.01),
    )
    .size("particles");
    type Config = GravityConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        config.init.apart("init")?;
        config.particles.least("particles", 2)?;
        match *config.particles.range().end() {
            most if most > MOST => {
                return Err(Error::invalid("particles", most, format!("at most {MOST}: each pulls each other")));
            }
            _ => {}
        }
        let x = Population::new(space, &space.start(), key.fold(u64::MAX), &config.particles, config.init)?;
        Ok(Self {
            swarm: Swarm { v: space.zeros_for(x.len())?, x },
            room: Room::of(space)?,
            space: space.clone(),
            clock: Clock::new(key),
            best: space.start(),
            best_loss: f64::INFINITY,
            config,
        })
    }

    fn evaluations_per_step(config: &GravityConfig, _: &Space, stochastic: bool) -> Result<Option<u64>> {
        Ok(config.particles.constant().map(|n| n as u64 + u64::from(stochastic)))
    }
}

/// M of these losses: 0 for the worst, and for who failed; 1/n where all are equal.
fn masses(losses: &[f64]) -> Vec<f64> {
    let finite = || losses.iter().copied().filter(|loss| loss.is_finite());
    let (best, worst) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), loss| (a.min(loss), b.max(loss)));
    // Halves, as the difference of two numbers may be larger than any number.
    let extent = worst / 2.0 - best / 2.0;
    let mass = |loss: f64| match loss.is_finite() {
        false => 0.0,
        true if extent > 0.0 => (worst / 2.0 - loss / 2.0) / extent,
        true => 1.0,
    };
    let masses: Vec<f64> = losses.iter().map(|loss| mass(*loss)).collect();
    let sum: f64 = masses.iter().sum();
    if sum > 0.0 { masses.into_iter().map(|m| m / sum).collect() } else { masses }
}

impl Swarm {
    fn rows(&self) -> RangeInclusive<usize> {
        self.x.len()..=self.x.len()
    }

    /// The same with n particles: whose loss is highest leaves, and who joins begins at rest, around the mean.
    fn of(&self, n: usize, space: &Space, key: Key) -> Result<Self> {
        let mut swarm = self.clone();
        let old = swarm.x.len();
        if n < old {
            let kept = swarm.x.fittest(n);
            swarm.x.retain(&kept)?;
            swarm.v = fuse::gather(&self.v, &kept)?;
        } else if n > old {
            swarm.x.join(n, Joining::Mean, space, key)?;
            swarm.v = Tensor::cat(&[&*self.v, &*space.zeros_for(n - old)?], 0)?.into();
        }
        Ok(swarm)
    }

    /// How hard each particle is pulled to each other: a_i = Σ_j W_ij (x_j − x_i).
    fn pulls(&self, strength: f64, pulling: usize, key: Key) -> Result<Vec<Vec<f64>>> {
        let (x, n) = (self.x.points(), self.x.len());
        let root = (x.dims()[1] as f64).sqrt();
        let masses = masses(self.x.losses());
        let epsilon = if x.dtype() == DType::F32 { f64::from(f32::EPSILON) } else { f64::EPSILON };
        let mut draws = key.stream();
        let mut pulls = vec![vec![0.0; n]; n];
        for &j in shaping::order(self.x.losses()).iter().take(pulling) {
            let at = x.get(j)?;
            let nearest = 16.0 * epsilon * fuse::norm(&at)?;
            for (i, apart) in fuse::distances(x, &at)?.into_iter().enumerate() {
                let r: f64 = draws.random();
                // Two in one place do not pull each other, and what rounding leaves of a distance is no direction.
                if apart > nearest {
                    pulls[i][j] = strength * r * masses[j] / (apart / root + NEAREST);
                }
            }
        }
        Ok(pulls)
    }
}

impl Gravity {
    fn fall(&mut self) -> Result<()> {
        let (key, t, n) = (self.clock.key(), self.clock.step, self.swarm.x.len());
        let pulling = ((self.config.elite.at(t) * n as f64).round() as usize).clamp(1, n);
        let pulls = self.swarm.pulls(self.config.strength.at(t), pulling, key.fold(1))?;
        let mut p = self.space.zeros_for(n)?;
        fuse::weighted_sums(self.swarm.x.points(), &pulls, &mut p)?;
        let q: Vec<f64> = pulls.iter().map(|pulls| pulls.iter().sum()).collect();
        let q = &self.space.numbers(q, n)?;
        let Swarm { x, v } = &mut self.swarm;
        x.moving(|x| fall(v, x, &self.room, &p, q, key.fold(2)))
    }
}

impl Optimizer for Gravity {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let n = self.config.particles.at(self.clock.step);
        let mut swarm = self.swarm.of(n, &self.space, self.clock.key().fold(3))?;
        let remembered = [self.best_loss];
        let candidates = Batch::Dense(swarm.x.points().clone());
        let Comparison { before, losses, report } =
            objective.losses_beside(&candidates, &Batch::one(&self.best)?, Some(&remembered))?;
        drop(candidates);
        swarm.x.judge(&losses)?;
        self.best_loss = before[0];
        if let Some((i, loss)) = losses.best()
            && loss < self.best_loss
        {
            (self.best, self.best_loss) = (swarm.x.points().get(i)?.copy()?.into(), loss);
        }
        self.swarm = swarm;
        self.fall()?;
        self.clock.tick();
        Ok(report)
    }

    fn answer(&self) -> Result<CowTensor> {
        Ok(self.best.clone())
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        let at = self.space.point(at)?;
        let Swarm { x, v } = &self.swarm;
        let mut moved = match x.is_one_point()? {
            true => Init::Around.points(&self.space, &at, self.clock.key().fold(4), x.len())?,
            false => shifted(x.points(), &self.best, &at, &self.space)?,
        };
        moved.set_row(0, &at)?;
        let mut swarm = Swarm { x: x.clone(), v: v.clone() };
        swarm.v.set_row(0, &at.zeros_like()?)?;
        swarm.x.succeed(&mut moved, vec![f64::INFINITY; x.len()])?;
        (self.swarm, self.best, self.best_loss) = (swarm, at, f64::INFINITY);
        Ok(())
    }
}

persist!(Gravity { clock, swarm, best, best_loss });
register!(Gravity);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Function, kernel};

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
        let config = GravityConfig {
            particles: Size::from(n),
            strength: 0.3.into(),
            elite: Schedule::Curve(Curve::Linear(Ramp { from: 1.0, to: 0.0, steps: Some(4) })),
            ..GravityConfig::default()
        };
        let mut gravity = Gravity::new(config, &space, key).unwrap();
        let (mut x, mut v) = (rows(gravity.swarm.x.points()), vec![vec![0.0; 3]; n]);
        for (t, pulling) in [4, 3, 2, 1, 1].into_iter().enumerate() {
            let key = key.fold(t as u64);
            let f: Vec<f64> = x.iter().map(|x| ridge(x)).collect();
            let order = shaping::order(&f);
            let (best, worst) = (f[order[0]], f[order[n - 1]]);
            let m: Vec<f64> = f.iter().map(|f| (worst - f) / (worst - best)).collect();
            let mut draws = key.fold(1).stream();
            let mut a = vec![[0.0; 3]; n];
            for &j in &order[..pulling] {
                for i in 0..n {
                    let r: f64 = draws.random();
                    let apart = (x[i].iter().zip(&x[j]).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / 3.0).sqrt();
                    for k in 0..3 {
                        a[i][k] += 0.3 * r * m[j] / m.iter().sum::<f64>() * (x[j][k] - x[i][k]) / (apart + 1e-16);
                    }
                }
            }
            let mut r = space.zeros_for(n).unwrap();
            uniforms(&mut r, key.fold(2)).unwrap();
            let r = rows(&r);
            for i in 0..n {
                for k in 0..3 {
                    v[i][k] = r[i][k] * v[i][k] + a[i][k];
                    x[i][k] += v[i][k];
                }
            }
            gravity.step(&mut Function::new(space.clone(), ridge)).unwrap();
            for (ours, theirs) in [(rows(gravity.swarm.x.points()), &x), (rows(&gravity.swarm.v), &v)] {
                let differ = ours.iter().flatten().zip(theirs.iter().flatten()).map(|(a, b)| (a - b).abs());
                assert!(differ.fold(0.0, f64::max) < 1e-12, "step {t}: {ours:?} {theirs:?}");
            }
        }
    }

    #[test]
    fn masses_are_those_of_the_losses() {
        assert_eq!(masses(&[1.0, 3.0, 2.0, f64::INFINITY]), [2.0 / 3.0, 0.0, 1.0 / 3.0, 0.0]);
        assert_eq!(masses(&[7.0, 7.0]), [0.5, 0.5]);
        assert_eq!(masses(&[f64::INFINITY; 2]), [0.0, 0.0]);
        assert_eq!(masses(&[-f64::MAX, f64::MAX]), [1.0, 0.0]);
    }
}
