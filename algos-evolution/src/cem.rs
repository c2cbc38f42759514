//! The cross-entropy method: a normal distribution is drawn, again and again, to the best of its own samples.
//!
//! ```text
//! x_k = m + s ⊙ z_k                          z_k ~ N(0, I), k = 1..n
//! m ← m + α (⟨x⟩ − m)                        ⟨·⟩: the mean over the ⌈ρ n⌉ best
//! s ← (1 − α) s + α √(⟨x²⟩ − ⟨x⟩² + v_t)      v_t = v max(0, 1 − t/T)
//! ```
//!
//! m, s: \[d\]; x, z: \[n, d\]; products and roots go element by element. Sources: de Boer, Kroese, Mannor & Rubinstein 2005,
//! doi:10.1007/s10479-005-5724-z (continuous optimisation, smoothing α from 0.7 to 0.9); Szita & Lőrincz 2006, doi:10.1162/neco.2006.18.12.2936 (the extra
//! variance v_t, which keeps s from vanishing early; 0 unless asked for). Differs from the papers: candidates that failed are never among the best;
//! coordinates with bounds are moved to the nearest point inside; s_j of a discrete coordinate stays above a tenth of a level.
//! `converged` is said by the criteria that all share, [`convergence`](moths_core::optimizer::convergence).
//! Minima on a wall are not promised: the elite's deviations collapse on a slope before its corner is reached.
//! Convergence is not promised: the elite of 100 samples collapses short of the minimum of a bowl in 10 dimensions, and then says so.
//! Cost per step: n evaluations in one round; 2 numbers of state per parameter; scratch of n + 2 numbers per parameter, and 1 with integers
//! or flags, held throughout.
//!
//! Take it when many candidates can be evaluated at once, and some of the parameters may be integers or flags. `sep-cma-es` needs far fewer
//! candidates a step, and promises to converge.
//!
//! Tune first: `population`, more where the answer stops short of the minimum; `noise` and `noise_steps`, against the same;
//! `elite_fraction`, larger for a slower, safer search.
//!
//! ```
//! use moths_core::{Function, Key, Space, Stop, minimize, registry};
//! use moths_evolution as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&"cem".parse()?, &space, Key::new(1))?;
//! let end = minimize(&mut *optimizer, &mut objective, &Stop::evaluations(5_000))?;
//! assert!(end.tally.lowest < 1e-6);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/cem.md")]

use candle_core::Tensor;
use moths_core::{
    Batch, CowTensor, Key, Objective, Optimizer, Report, Result, Space, fuse, kernel,
    objective::Losses,
    optimizer::{Algorithm, Capabilities, Family, Meta, convergence::History, settings, shaping},
    persist,
    persist::Clock,
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    deviation::{self, Floor},
    population_size,
};

/// Settings of [`Cem`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CemConfig {
    /// n, candidates a step; null: 100.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub population: Option<usize>,
    /// ρ, the part of the candidates that is followed; two at least.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1.0))]
    pub elite_fraction: f64,
    /// s, the deviation at first, in search coordinates.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1e6))]
    pub sigma: f64,
    /// α, how far m and s are drawn.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1.0))]
    pub smoothing: f64,
    /// v, the extra variance at first.
    #[schemars(range(min = 0.0, max = 1e6))]
    pub noise: f64,
    /// T, the steps after which there is no extra variance any more.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub noise_steps: u64,
}

impl Default for CemConfig {
    fn default() -> Self {
        Self { population: None, elite_fraction: 0.1, sigma: 1.0, smoothing: 0.7, noise: 0.0, noise_steps: 100 }
    }
}

/// The cross-entropy method. See the [module documentation](self) for equations.
pub struct Cem {
    config: CemConfig,
    space: Space,
    clock: Clock,
    m: CowTensor,
    s: CowTensor,
    floor: Floor,
    history: History,
    /// Overwritten in every step: candidates, and the moments of the best around m.
    x: CowTensor,
    first: CowTensor,
    second: CowTensor,
}

kernel! { fn sample(x: out, m: row, s: row, z: normal) {
    x = m + s * z;
} }
kernel! { fn adapt(m: inout, s: inout, first: mat, second: mat, alpha: num, noise: num) {
    s = (1.0 - alpha) * s + alpha * sqrt(max(second - first * first, 0.0) + noise);
    m = m + alpha * first;
} }

impl Algorithm for Cem {
    const META: Meta = Meta::new(
        "cem",
        Family::Evolution,
        "A normal distribution drawn to the best of its own samples.",
        "de Boer, Kroese, Mannor & Rubinstein 2005, doi:10.1007/s10479-005-5724-z",
    )
    .capabilities(Capabilities::NONE.rank_based(true).translation(true).discrete(true).state_per_parameter(2.0))
    .size("population");
    type Config = CemConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        let n = population_size::or_of_the_paper(config.population, 100.0, space.dim());
        let s = (Tensor::ones(space.dim(), space.dtype(), space.device())? * config.sigma)?;
        Ok(Self {
            config,
            clock: Clock::new(key),
            m: space.start(),
            s: s.into(),
            floor: Floor::of(space)?,
            history: History::new(space.dim(), n).clamped(space),
            x: space.zeros_for(n)?,
            first: space.zeros()?,
            second: space.zeros()?,
            space: space.clone(),
        })
    }
}

impl Cem {
    /// One weight a candidate: equal for the best that did not fail. `None` when fewer than two are left.
    fn weights(&self, losses: &Losses) -> Option<Vec<f64>> {
        let wanted = ((self.config.elite_fraction * losses.len() as f64).ceil() as usize).max(2);
        let best: Vec<usize> = shaping::order(losses).into_iter().take(wanted).filter(|&i| losses[i].is_finite()).collect();
        let mut weights = vec![0.0; losses.len()];
        best.iter().for_each(|&i| weights[i] = 1.0 / best.len() as f64);
        (best.len() > 1).then_some(weights)
    }
}

impl Optimizer for Cem {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        sample(&mut self.x, &self.m, &self.s, self.clock.key())?;
        self.space.confine(&mut self.x)?;
        let losses = objective.losses(&Batch::Dense(self.x.clone()))?;
        if let Some(weights) = self.weights(&losses) {
            let Self { config, clock, x, m, s, floor, first, second, .. } = self;
            fuse::weighted_moments(x, m, &weights, first, second)?;
            let noise = config.noise * (1.0 - clock.step as f64 / config.noise_steps as f64).max(0.0);
            adapt(m, s, first, second, config.smoothing, noise)?;
            floor.raise(s, 1.0)?;
            self.space.confine(&mut self.m)?;
        }
        self.clock.tick();
        let spread = deviation::spread(&self.space, &self.s, 1.0)?;
        let by_losses = self.history.judge(&losses, objective.stochastic(), self.clock.step);
        Ok(Report::of(&losses).converged(spread.judge(self.config.sigma).or(by_losses)))
    }

    fn answer(&self) -> Result<CowTensor> {
        Ok(self.m.clone())
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.m = self.space.point(at)?;
        self.history.clear();
        Ok(())
    }
}

persist!(Cem { clock, m, s, history });
register!(Cem);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Function, Sampler, Stop, minimize};

    fn bowl(x: &[f64]) -> f64 {
        x.iter().enumerate().map(|(j, x)| (j + 1) as f64 * (x - 1.0).powi(2)).sum()
    }

    #[test]
    fn steps_are_those_of_the_equations() {
        let (space, key) = (Space::real(3).unwrap(), Key::new(5));
        let config = CemConfig { population: Some(10), elite_fraction: 0.4, noise: 0.5, noise_steps: 4, ..CemConfig::default() };
        let mut ours = Cem::new(config, &space, key).unwrap();
        let (mut m, mut s) = ([0.0; 3], [1.0f64; 3]);
        for t in 0..6 {
            let mut z = space.zeros_for(10).unwrap();
            Sampler::Normal.fill(key.fold(t), &mut z).unwrap();
            let z: Vec<Vec<f64>> = z.to_vec2().unwrap();
            let mut x: Vec<Vec<f64>> = z.iter().map(|z| (0..3).map(|j| m[j] + s[j] * z[j]).collect()).collect();
            x.sort_by(|a, b| bowl(a).total_cmp(&bowl(b)));
            for j in 0..3 {
                let mean = x[..4].iter().map(|x| x[j]).sum::<f64>() / 4.0;
                let variance = x[..4].iter().map(|x| (x[j] - mean).powi(2)).sum::<f64>() / 4.0;
                let extra = [0.5, 0.375, 0.25, 0.125, 0.0, 0.0][t as usize];
                s[j] = 0.3 * s[j] + 0.7 * (variance + extra).sqrt();
                m[j] = 0.3 * m[j] + 0.7 * mean;
            }
            ours.step(&mut Function::new(space.clone(), bowl)).unwrap();
            let close = |a: &Tensor, b: &[f64; 3]| a.to_vec1::<f64>().unwrap().iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
            assert!(close(&ours.m, &m) && close(&ours.s, &s), "step {t}");
        }
    }

    #[test]
    fn it_finds_the_optimum_of_a_bowl() {
        let space = Space::real(10).unwrap();
        for seed in 0..11 {
            let mut cem =
                Cem::new(CemConfig { sigma: 2.0, elite_fraction: 0.3, ..CemConfig::default() }, &space, Key::new(seed)).unwrap();
            let stop = Stop::evaluations(20_000).or_target(1e-9);
            let end = minimize(&mut cem, &mut Function::new(space.clone(), bowl), &stop).unwrap();
            assert!(end.tally.lowest <= 1e-9, "{}", end.tally.lowest);
        }
    }
}
