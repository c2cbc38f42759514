//! A swarm of gradient followers that are drawn together: gravity on their parameters, or on the gradients that they follow.
//!
//! ```text
//! s_ik = (f(x_i + c z_ik) − f(x_i − c z_ik)) / (2 c),  k = 1..m              z ~ N(0, I);  ŝ = s / √(mean of all s²)
//! ĝ_i  = 1/m Σ_k ŝ_ik z_ik
//! f_i  = the mean loss of the 2 m candidates around x_i
//! d_i  = x_i − x_b, b = argmin_i f_i, or x_i − the mean of all x;   p_i = γ sign(d_i) |d_i|^q
//! gradients    x_i ← descent_i(x_i, ĝ_i + p_i)
//! parameters   x_i ← descent_i(x_i − p_i, ĝ_i)
//! ```
//!
//! x, d, p, ĝ: \[n, d\], s: \[n, m\]. Each particle has a descent of its own, with its own momentum; all see the same data. The answer is x_b of
//! the last step. Written into the gradient, a pull goes through what the descent does with gradients: its momentum remembers it, and Adam
//! divides it by the sizes of gradients. Source: the swarm of optimizers of torchzero (inikishev), whose d^p loses the sign of d for even powers
//! and is no number for broken ones. Differs from it: gradients are estimated, in a unit of their own, and whose loss is lowest is told on equal
//! data, where a member's loss is measured and not before it moves.
//! Cost per step: 2 m n evaluations in one round, and n more of a stochastic objective where the descent remembers a point; per parameter and
//! particle 1 number of state and those of the descent; 4 numbers of scratch per parameter.
//!
//! Take it when several searches should end in one place: where there are several basins, and one follower might end in a wrong one. Where there
//! is one, the same evaluations spent on one particle do better. On digits, 20,000 evaluations, Adam from 0.1 to 0.002, median of 5 seeds: four
//! particles of four pairs 95.0 % of the test data without gravity, with γ = 0.1 and 0.3 on parameters 95.8 and 96.4 %, on gradients 96.4 and
//! 96.1 %; the losses of the training data are .12, .08 and .07, .10 and .10. One particle of 16 pairs: 97.2 %, and .01.
//!
//! Tune first: `descent.rate`, falling over the run; `strength`; then `particles`, which share the budget.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_swarm as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("gravity-descent"), &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..100 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/gravity-descent.md")]

mod seen;
#[cfg(test)]
mod tests;

use moths_core::{
    Batch, CowTensor, Error, Key, Objective, Optimizer, Report, Result, Sampler, Schedule, Space, Spec, fuse, kernel,
    noise::Gradient,
    objective::Losses,
    optimizer::{
        Algorithm, Antithetic, Capabilities, DataDraws, Descent, Family, Init, Meta, Population, Size, descent,
        population::Joining, settings,
    },
    persist::{Clock, Fields, Persist},
    register,
    rng::Seed,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use seen::Seen;

/// No step has more pairs of candidates.
const MOST_PAIRS: usize = 100_000;

/// Where particles are drawn to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Centre {
    /// The particle of the lowest loss.
    Best,
    /// The mean of all.
    Mean,
}

/// What the pull acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum On {
    /// The particles themselves.
    Parameters,
    /// The gradients that they follow, so that the momentum of a descent sees it.
    Gradients,
}

/// Settings of [`GravityDescent`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GravityDescentConfig {
    /// n, the number of particles; n m is 100,000 at most. A curve is one of the step: newcomers begin around the best, and who has the highest loss leaves.
    pub particles: Size,
    /// Where the particles begin.
    pub init: Init,
    /// m, the pairs of candidates around each particle.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub pairs: usize,
    /// c, how far candidates are from their particle, in every search coordinate.
    pub sigma: Schedule,
    /// γ, the pull on a particle that is one unit away in a coordinate, in units of the parameters or of gradients.
    #[schemars(range(min = 0.0, max = 1e6))]
    pub strength: f64,
    /// q: how the pull grows with the distance.
    #[schemars(range(max = 10.0), extend("exclusiveMinimum" = 0.0))]
    pub power: f64,
    /// Where particles are drawn to.
    pub centre: Centre,
    /// What the pull acts on.
    pub on: On,
    /// The update rule that each particle follows its gradients by.
    #[schemars(extend("x-names" = "descent"))]
    pub descent: Spec,
}

impl Default for GravityDescentConfig {
    fn default() -> Self {
        Self {
            particles: Size::from(4),
            init: Init::Around,
            pairs: 4,
            sigma: 0.1.into(),
            strength: 0.1,
            power: 1.0,
            centre: Centre::Best,
            on: On::Parameters,
            descent: Spec::new("adamw"),
        }
    }
}

/// A swarm of gradient followers. See the [module documentation](self) for equations.
pub struct GravityDescent {
    config: GravityDescentConfig,
    space: Space,
    clock: Clock,
    /// The points x, and f_i where they were before they moved last.
    x: Population,
    descents: Vec<Box<dyn Descent>>,
}

kernel! { fn draw(onto: inout, x: mat, c: mat, strength: num, q: num) {
    let d = x - c;
    onto = onto + strength * select(d == 0.0, 0.0, signum(d) * exp(q * ln(abs(d))));
} }

impl Algorithm for GravityDescent {
    const META: Meta = Meta::new(
        "gravity-descent",
        Family::Swarm,
        "Particles follow gradients of their own, and gravity draws them together: on parameters, or on gradients.",
        "torchzero's SwarmOfOptimizers (inikishev); Spall 1992, doi:10.1109/9.119632",
    )
    .capabilities(
        // Of four pairs, and of adamw.
        Capabilities::NONE.translation(true).beats_random(true).state_per_parameter(0.0).state_per_candidate((1.01 + 2.0) / 8.0),
    )
    .size("particles");
    type Config = GravityDescentConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        match *config.particles.range().end() {
            most if most.saturating_mul(config.pairs) > MOST_PAIRS => {
                let valid = format!("at most {MOST_PAIRS} pairs in all, of {} for each particle", config.pairs);
                return Err(Error::invalid("particles", most, valid));
            }
            _ => {}
        }
        let x = Population::new(space, &space.start(), key.fold(u64::MAX), &config.particles, config.init)?;
        let descents = (0..x.len()).map(|_| descent::build(&config.descent, space)).collect::<Result<_>>()?;
        Ok(Self { config, space: space.clone(), clock: Clock::new(key), x, descents })
    }

    fn capabilities(config: &GravityDescentConfig) -> Result<Capabilities> {
        let of_descent = descent::state_per_parameter(&config.descent)?;
        // A number of state is that of a particle, of which there are as many as candidates over 2 m.
        Ok(Self::META.capabilities.state_per_candidate((1.01 + of_descent) / (2 * config.pairs) as f64))
    }

    fn evaluations_per_step(config: &GravityDescentConfig, _: &Space, stochastic: bool) -> Result<Option<u64>> {
        let recalled = u64::from(stochastic && descent::remembers("descent", &config.descent)?);
        Ok(config.particles.constant().map(|n| n as u64 * (2 * config.pairs as u64 + recalled)))
    }
}

impl GravityDescent {
    /// The points of a step with n particles, and who of the old ones stays, where some leave.
    fn resized(&self, n: usize) -> Result<(Population, Option<Vec<usize>>)> {
        let mut x = self.x.clone();
        if n < x.len() {
            let kept = x.fittest(n);
            x.retain(&kept)?;
            return Ok((x, Some(kept)));
        }
        x.join(n, Joining::Best, &self.space, self.clock.key().fold(2))?;
        Ok((x, None))
    }

    /// The pairs around particle i.
    fn pairs(&self, i: usize) -> Antithetic {
        Antithetic {
            key: self.clock.key().fold(1).fold(i as u64),
            pairs: self.config.pairs,
            scale: self.config.sigma.at(self.clock.step),
            sampler: Sampler::Normal,
            draws: DataDraws::Shared,
        }
    }

    /// ĝ_i; `None` where nothing is known of it.
    fn gradient(&self, i: usize, slopes: &[f64], unit: f64) -> Result<Option<Gradient>> {
        let key = self.pairs(i).key;
        let valid = slopes.iter().filter(|s| s.is_finite()).count() as f64;
        let finite = slopes.iter().enumerate().filter(|(_, s)| s.is_finite());
        let terms: Vec<(Seed, f64)> = finite.map(|(k, s)| (key.member(k as u64), s / unit / valid)).collect();
        if terms.is_empty() || unit <= 0.0 {
            return Ok(None);
        }
        Gradient::drawn(Sampler::Normal.over(&self.space), terms, &self.space).map(Some)
    }

    /// Where particles are drawn to \[d\].
    fn centre(&self) -> Result<CowTensor> {
        if self.config.centre == Centre::Best {
            return self.x.answer();
        }
        let mut mean = self.space.zeros()?;
        fuse::weighted_sum(self.x.points(), &vec![1.0 / self.x.len() as f64; self.x.len()], &mut mean)?;
        Ok(mean)
    }

    /// Particle i after its step.
    fn moved(&mut self, i: usize, seen: &Seen, unit: f64, centre: &CowTensor) -> Result<CowTensor> {
        let GravityDescentConfig { strength, power, on, .. } = self.config;
        let mut gradient = self.gradient(i, &seen.slopes, unit)?;
        let from: CowTensor = self.x.points().get(i)?.copy()?.into();
        let mut at = from.clone();
        match on {
            On::Parameters if strength > 0.0 => draw(&mut at, &from, centre, -strength, power)?,
            On::Gradients if strength > 0.0 => {
                let mut pulled = gradient.map_or_else(|| self.space.zeros(), |gradient| gradient.dense())?;
                draw(&mut pulled, &from, centre, strength, power)?;
                gradient = Some(pulled.into());
            }
            _ => {}
        }
        self.descents[i].witness(&from, seen.lowest);
        if let Some(gradient) = gradient
            && gradient.is_finite()?
        {
            self.descents[i].descend(&mut at, &gradient)?;
        }
        self.space.confine(&mut at)?;
        // A pull that grows with the distance may throw a particle out of all bounds: it then stays.
        Ok(if Gradient::from(at.clone()).is_finite()? { at } else { from })
    }

    /// As many descents as particles: of those that stay their own, of newcomers fresh ones.
    fn fit(&mut self, kept: Option<Vec<usize>>) -> Result<()> {
        if let Some(kept) = kept {
            let mut stays = vec![false; self.descents.len()];
            kept.into_iter().for_each(|i| stays[i] = true);
            let mut stays = stays.into_iter();
            self.descents.retain(|_| stays.next().unwrap_or(false));
        }
        self.descents.truncate(self.x.len());
        while self.descents.len() < self.x.len() {
            self.descents.push(descent::build(&self.config.descent, &self.space)?);
        }
        Ok(())
    }

    /// The candidates of a step, and behind them the points that the descents of those who stay remember, and whose they are.
    fn candidates(&self, x: &Population, kept: Option<&[usize]>, stochastic: bool) -> Result<(Batch, Vec<usize>)> {
        let mut parts = vec![];
        for i in 0..x.len() {
            let at: CowTensor = x.points().get(i)?.copy()?.into();
            parts.push(self.pairs(i).batch(&at, &self.space));
        }
        let mut whose = vec![];
        if stochastic {
            let all: Vec<usize> = (0..self.descents.len()).collect();
            for (i, old) in kept.unwrap_or(&all).iter().enumerate() {
                if let Some(point) = self.descents[*old].remembered() {
                    parts.push(Batch::one(point)?);
                    whose.push(i);
                }
            }
        }
        Ok((Batch::Joined(parts.into()), whose))
    }
}

impl Optimizer for GravityDescent {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let (x, kept) = self.resized(self.config.particles.at(self.clock.step))?;
        let (batch, whose) = self.candidates(&x, kept.as_deref(), objective.stochastic())?;
        let losses: Losses = objective.losses(&batch)?;
        let (around, remembered) = losses.split_at(2 * self.config.pairs * x.len());
        let c = self.config.sigma.at(self.clock.step);
        let seen: Vec<Seen> = around.chunks(2 * self.config.pairs).map(|losses| Seen::of(losses, c)).collect();
        self.x = x;
        self.fit(kept)?;
        self.x.judge(&seen.iter().map(|seen| seen.mean).collect::<Vec<_>>())?;
        whose.into_iter().zip(remembered).for_each(|(i, loss)| self.descents[i].recall(*loss));
        let (unit, centre) = (Seen::unit(&seen), self.centre()?);
        for (i, seen) in seen.iter().enumerate() {
            let at = self.moved(i, seen, unit, &centre)?;
            self.x.moving(|x| x.set_row(i, &at))?;
        }
        self.clock.tick();
        Ok(Report::of(&losses))
    }

    fn answer(&self) -> Result<CowTensor> {
        self.x.answer()
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        let at = self.space.point(at)?;
        let best = self.x.best();
        self.x = match self.x.is_one_point()? {
            true => {
                let key = self.clock.key().fold(3);
                let mut x = self.x.clone();
                let mut points = self.config.init.points(&self.space, &at, key, x.len())?;
                x.succeed(&mut points, vec![f64::INFINITY; x.len()])?;
                x
            }
            false => self.x.moved(&at, &self.space, self.clock.key().fold(3))?,
        };
        self.descents.swap(0, best);
        Ok(())
    }
}

impl Persist for GravityDescent {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        fields.field("clock", &mut self.clock)?;
        fields.field("x", &mut self.x)?;
        self.fit(None)?;
        for (i, descent) in self.descents.iter_mut().enumerate() {
            fields.field(&format!("descent{i}"), descent)?;
        }
        Ok(())
    }
}

register!(GravityDescent);
