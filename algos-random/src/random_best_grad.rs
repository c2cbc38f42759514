//! The best of k random directions as the gradient: only which one, not how much.
//!
//! ```text
//! L_0 = f(x),  L_i = f(x + c z_i)            i = 1..k;  good: L_i ≤ L_0
//! ĝ = −z_b, b the best                       when one is good
//! ĝ = −mean of all good z_i                  the same, with `average`
//! ĝ = +z_w, w the worst                      when none is, with `opposite`; otherwise the step is left out
//! x ← descent(x, ĝ)
//! ```
//!
//! x, z_i, ĝ: \[d\]. No loss enters ĝ but by its order: every element is of size 1, and what the length of a step is, the descent
//! decides. A plateau (L_b = L_0) is crossed.
//!
//! **Judged after the step** (`judge: "step"`): the perturbation is no more than a guess of where the descent will lead, which has
//! its own step length and its momentum. Then every −z_i goes through the descent itself, from the same snapshot of its state, and
//! L_i is the loss of the point it leads to; the best of these points is where the search goes on, with the state the descent had
//! there. When none is good the descent is given +z_w instead. c plays no part. (The point that an average, or an opposite, leads to
//! is not looked at.)
//!
//! Source: an idea of this project.
//! Minima on a wall are not promised: nothing nearer to it than the length of a perturbation is resolved.
//! Cost per step: k + 1 evaluations, in one round; judged after the step in two, and k + 1 steps of the descent. No state of size d beside
//! the point and the descent's; no scratch of size d, but d numbers with `clip-up` or a smoothed sampler; while it judges after the step, k
//! points and a copy of what the descent overwrites.
//!
//! Take it when only the order of losses can be trusted, and k + 1 candidates can be evaluated at a time; `random-grad` needs two, and
//! `gaussian-smoothing` also uses how much each direction gains.
//!
//! Tune first: `descent.rate`, the length of a step; `k`, more for a better direction; `judge`, "step" where momentum leads astray.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_random as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("random-best-grad").with("judge", "step")?, &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..300 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/random-best-grad.md")]

use moths_core::{
    Batch, CowTensor, Key, Objective, Report, Result, Sampler, Schedule, Space, Spec,
    objective::Probe,
    optimizer::{Capabilities, Descent, Estimate, Estimator, Family, GradientDescent, Meta, NamedEstimator, settings},
    persist,
    persist::Clock,
    register,
    rng::Seed,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    rehearsal::{Judge, rehearse},
    slopes,
};

/// Settings of [`RandomBestGrad`], beside its `descent`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RandomBestGradConfig {
    /// k, random directions a step.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub k: usize,
    /// c, the length of the perturbation in every search coordinate.
    pub c: Schedule,
    /// Go against the worst direction when none is good.
    pub opposite: bool,
    /// Take the mean of all good directions, not the best one.
    pub average: bool,
    /// Which loss says whether a direction is good.
    pub judge: Judge,
    /// The distribution of z.
    pub sampler: Sampler,
}

impl Default for RandomBestGradConfig {
    fn default() -> Self {
        Self { k: 10, c: 0.01.into(), opposite: true, average: false, judge: Judge::Perturbation, sampler: Sampler::Normal }
    }
}

/// Random-best-grad as an optimizer. See the [module documentation](self) for equations.
pub type RandomBestGrad = GradientDescent<RandomBestGradEstimator, Box<dyn Descent>>;

/// The best of several random directions. As an [`Estimator`] alone, which knows no descent, it judges by perturbation.
pub struct RandomBestGradEstimator {
    config: RandomBestGradConfig,
    space: Space,
    clock: Clock,
}

impl NamedEstimator for RandomBestGradEstimator {
    const META: Meta = Meta::new(
        "random-best-grad",
        Family::Random,
        "The best of several random directions as the gradient, the worst reversed when none is good.",
        "an idea of this project",
    )
    .capabilities(
        Capabilities::NONE.seeds_only(true).rank_based(true).translation(true).beats_random(true).state_per_parameter(0.0),
    );
    type Config = RandomBestGradConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        Ok(Self { config, space: space.clone(), clock: Clock::new(key) })
    }

    fn evaluations_per_step(config: &Self::Config, _space: &Space) -> Option<u64> {
        Some(config.k as u64 + 1)
    }

    fn default_descent() -> Spec {
        Spec::new("adamw")
    }

    fn capabilities(config: &Self::Config) -> Capabilities {
        // The points where a descent leads are no seeds.
        Self::META.capabilities.seeds_only(config.judge == Judge::Perturbation || config.k == 1)
    }
}

impl Estimator for RandomBestGradEstimator {
    fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
        let (key, c) = (self.clock.key(), self.config.c.at(self.clock.step));
        let unmoved = Probe::new(key, 0.0);
        let moved = (0..self.config.k).map(|i| Probe::new(key.member(i as u64), c));
        let probes: Vec<Probe> = std::iter::once(unmoved).chain(moved).collect();
        let losses = objective.losses(&Batch::seeded(at, self.config.sampler.over(&self.space), probes))?;
        let gradient = slopes::sum(self.chosen(losses[0], &losses[1..]), self.config.sampler, &self.space)?;
        self.clock.tick();
        Ok(Estimate::new(losses.lowest(), gradient, losses.len() as u64))
    }

    fn advance(
        &mut self,
        at: &mut CowTensor,
        descent: &mut dyn Descent,
        space: &Space,
        objective: &mut dyn Objective,
    ) -> Result<Report> {
        if self.config.judge == Judge::Step {
            return self.advance_judged_by_step(at, descent, space, objective);
        }
        let estimate = self.estimate(at, objective)?;
        estimate.follow(at, descent, space)?;
        Ok(Report::new(estimate.loss, estimate.evaluations))
    }
}

impl RandomBestGradEstimator {
    /// The members of the step's key that make ĝ, and their weights, from L_0 and L_1..L_k; none when nothing can be said.
    fn chosen(&self, before: f64, losses: &[f64]) -> Vec<(Seed, f64)> {
        let member = |i: usize| self.clock.key().member(i as u64);
        let good: Vec<usize> = (0..losses.len()).filter(|&i| losses[i].is_finite() && losses[i] <= before).collect();
        if self.config.average && !good.is_empty() {
            return good.iter().map(|&i| (member(i), -1.0 / good.len() as f64)).collect();
        }
        if let Some(&best) = good.iter().min_by(|a, b| losses[**a].total_cmp(&losses[**b])) {
            return vec![(member(best), -1.0)];
        }
        let worst = (0..losses.len()).rev().max_by(|a, b| losses[*a].total_cmp(&losses[*b]));
        worst.filter(|_| self.config.opposite && before.is_finite()).map(|i| (member(i), 1.0)).into_iter().collect()
    }

    fn advance_judged_by_step(
        &mut self,
        at: &mut CowTensor,
        descent: &mut dyn Descent,
        space: &Space,
        objective: &mut dyn Objective,
    ) -> Result<Report> {
        // The descent is told L_0 before it descends, here as in the step that is taken in the end: that step is then the one rehearsed.
        let before = objective.losses(&Batch::one(at)?)?[0];
        let along = |gradient| Estimate::new(before, gradient, 1);
        let points: Vec<Batch> = (0..self.config.k as u64)
            .map(|i| {
                let down = along(slopes::sum(vec![(self.clock.key().member(i), -1.0)], self.config.sampler, &self.space)?);
                Batch::one(&rehearse(&down, at, &mut *descent, space)?)
            })
            .collect::<Result<_>>()?;
        let losses = objective.losses(&Batch::Joined(points.into()))?;
        along(slopes::sum(self.chosen(before, &losses), self.config.sampler, &self.space)?).follow(at, descent, space)?;
        self.clock.tick();
        Ok(Report::new(losses.lowest().min(before), 1 + losses.len() as u64))
    }
}

persist!(RandomBestGradEstimator { clock });
register!(RandomBestGrad);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Function, Optimizer};

    fn bowl(x: &[f64]) -> f64 {
        x.iter().enumerate().map(|(i, x)| (i as f64 + 1.0) * (x - 1.0).powi(2)).sum()
    }

    /// z_0..z_{k−1} of a step.
    fn noise(space: &Space, key: Key, step: u64, k: u64) -> Vec<Vec<f64>> {
        let draw = |i| {
            let mut z = space.zeros().unwrap();
            Sampler::Normal.fill(key.fold(step).fold(i), &mut z).unwrap();
            z.to_vec1().unwrap()
        };
        (0..k).map(draw).collect()
    }

    fn moved(x: &[f64], by: f64, z: &[f64]) -> Vec<f64> {
        x.iter().zip(z).map(|(x, z)| x + by * z).collect()
    }

    #[test]
    fn the_gradient_is_the_best_direction_the_mean_of_the_good_or_the_worst_reversed() {
        let (space, key) = (Space::real(4).unwrap(), Key::new(5));
        let estimate = |config: RandomBestGradConfig, f: fn(&[f64]) -> f64| -> Option<Vec<f64>> {
            let mut estimator = RandomBestGradEstimator::new(config, &space, key).unwrap();
            let found = estimator.estimate(&space.start(), &mut Function::new(space.clone(), f)).unwrap();
            assert_eq!(found.evaluations, 7);
            found.gradient.map(|g| g.dense().unwrap().to_vec1().unwrap())
        };
        let config = RandomBestGradConfig { k: 6, c: 0.1.into(), ..Default::default() };
        let (z, start) = (noise(&space, key, 0, 6), [0.0; 4]);
        let mut order: Vec<usize> = (0..6).collect();
        order.sort_by(|a, b| bowl(&moved(&start, 0.1, &z[*a])).total_cmp(&bowl(&moved(&start, 0.1, &z[*b]))));
        let negated = |z: &[f64]| moved(&[0.0; 4], -1.0, z);
        assert_eq!(estimate(config.clone(), bowl).unwrap(), negated(&z[order[0]]));
        assert_eq!(estimate(config.clone(), |x| -bowl(x)).unwrap(), negated(&z[order[5]]));

        let good: Vec<usize> = (0..6).filter(|&i| bowl(&moved(&start, 0.1, &z[i])) <= bowl(&start)).collect();
        let mean = estimate(RandomBestGradConfig { average: true, ..config.clone() }, bowl).unwrap();
        for (j, mean) in mean.iter().enumerate() {
            let expected = good.iter().map(|&i| -z[i][j]).sum::<f64>() / good.len() as f64;
            assert!((mean - expected).abs() < 1e-14);
        }

        let peak = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>();
        let worst = z.iter().max_by(|a, b| peak(a).total_cmp(&peak(b))).unwrap();
        assert_eq!(&estimate(config.clone(), |x| x.iter().map(|x| x * x).sum()).unwrap(), worst);
        assert!(
            estimate(RandomBestGradConfig { opposite: false, ..config.clone() }, |x| x.iter().map(|x| x * x).sum()).is_none()
        );
        assert!(estimate(config, |_| f64::NAN).is_none());
    }

    /// With momentum the best perturbation and the best step differ: every step is checked against the descent, taken by hand.
    #[test]
    fn judged_by_step_it_goes_where_the_best_of_all_steps_leads() {
        let (space, key) = (Space::real(4).unwrap(), Key::new(5));
        let rule = Spec::new("heavy-ball").with("rate", 0.05).unwrap();
        let config = RandomBestGradConfig { k: 3, judge: Judge::Step, ..Default::default() };
        let settings = moths_core::optimizer::GradientDescentConfig { estimator: config, descent: rule };
        let mut optimizer = <RandomBestGrad as moths_core::optimizer::Algorithm>::new(settings, &space, key).unwrap();
        let (mut x, mut v, mut reversed) = (vec![0.0; 4], vec![0.0; 4], 0);
        for step in 0..40 {
            let z = noise(&space, key, step, 3);
            let after = |sign: f64, z: &[f64]| {
                let v: Vec<f64> = v.iter().zip(z).map(|(v, z)| 0.9 * v + sign * z).collect();
                (moved(&x, -0.05, &v), v)
            };
            let mut steps: Vec<_> = z.iter().map(|z| (after(-1.0, z), z)).collect();
            steps.sort_by(|a, b| bowl(&a.0.0).total_cmp(&bowl(&b.0.0)));
            let taken = if bowl(&steps[0].0.0) <= bowl(&x) {
                steps[0].0.clone()
            } else {
                reversed += 1;
                after(1.0, steps[2].1)
            };
            (x, v) = taken;
            let report = optimizer.step(&mut Function::new(space.clone(), bowl)).unwrap();
            assert_eq!(report.evaluations, 4);
            let got: Vec<f64> = optimizer.answer().unwrap().to_vec1().unwrap();
            assert!(got.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-12), "step {step}: {got:?} {x:?}");
        }
        assert!(reversed > 0, "the test is to see both cases");
    }
}
