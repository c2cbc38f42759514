//! One random direction as the gradient, up or down: the sign of the change of the loss, and nothing else of it.
//!
//! ```text
//! L_0 = f(x),  L_1 = f(x + c z)
//! ĝ = −z    when L_1 ≤ L_0
//! ĝ = +z    otherwise, with `opposite`; without it the step is left out
//! x ← descent(x, ĝ)
//! ```
//!
//! x, z, ĝ: \[d\]. Compared with [`spsa`](crate::spsa) no slope multiplies z: every step is as long as the descent says, and no unit
//! of the loss has to be known. It is [`random_best_grad`](crate::random_best_grad) with one direction (k = 1), and a preset of it.
//!
//! **Judged after the step** (`judge: "step"`): L_1 is the loss of the point where the descent leads when it is given −z. When that is
//! worse than L_0 the descent's state and the point are put back, and it is given +z instead; so momentum that led astray is found out,
//! and a descent that keeps momentum keeps only that of steps that were good, or reversed. c plays no part.
//!
//! Source: an idea of this project.
//! Minima on a wall are not promised: nothing nearer to it than the length of a perturbation is resolved.
//! Cost per step: 2 evaluations, in one round; judged after the step in two. No state of size d beside the point and the descent's; no
//! scratch of size d, but d numbers with `clip-up` or a smoothed sampler; while it judges after the step, a point and a copy of what the
//! descent overwrites.
//!
//! Take it when a step can have two evaluations, and only the sign of a change of the loss can be trusted. Where its size can, `spsa`
//! learns more (on MNIST 85.9 %, here 80.2 %).
//!
//! Tune first: `descent.rate`, falling towards the end; `c`, large enough that losses differ by more than their noise; `judge`, "step"
//! where momentum leads astray.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_random as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("random-grad"), &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..1000 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/random-grad.md")]

use moths_core::{
    Sampler, Schedule,
    optimizer::{Descent, GradientDescent, Meta, NamedEstimator, Preset, PresetEstimator},
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{RandomBestGradConfig, RandomBestGradEstimator, rehearsal::Judge};

/// Settings of [`RandomGrad`], beside its `descent`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RandomGradConfig {
    /// c, the length of the perturbation in every search coordinate.
    pub c: Schedule,
    /// Go the other way when the loss rose.
    pub opposite: bool,
    /// Which loss says whether the direction is good.
    pub judge: Judge,
    /// The distribution of z.
    pub sampler: Sampler,
}

impl Default for RandomGradConfig {
    fn default() -> Self {
        Self { c: 0.01.into(), opposite: true, judge: Judge::Perturbation, sampler: Sampler::Normal }
    }
}

/// Random-grad as an optimizer. See the [module documentation](self) for equations.
pub type RandomGrad = GradientDescent<RandomGradEstimator, Box<dyn Descent>>;

/// One random direction and a sign. As an [`Estimator`](moths_core::optimizer::Estimator) alone, which knows no descent, it judges by
/// perturbation.
pub type RandomGradEstimator = PresetEstimator<RandomGradConfig>;

impl Preset for RandomGradConfig {
    const META: Meta = RandomBestGradEstimator::META
        .id("random-grad")
        .summary("A random direction as the gradient, reversed when it raises the loss: nothing but the sign.");
    type Of = RandomBestGradEstimator;

    fn settings(self) -> RandomBestGradConfig {
        let Self { c, opposite, judge, sampler } = self;
        RandomBestGradConfig { k: 1, c, opposite, average: false, judge, sampler }
    }
}

register!(RandomGrad);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{
        Function, Key, Optimizer, Space, Spec,
        optimizer::{Algorithm, Estimator, GradientDescentConfig},
    };
    use serde_json::json;

    fn bowl(x: &[f64]) -> f64 {
        x.iter().map(|x| (x - 1.0).powi(2)).sum()
    }

    #[test]
    fn the_gradient_is_the_direction_with_the_sign_of_the_change_of_the_loss() {
        let (space, key) = (Space::real(3).unwrap(), Key::new(11));
        let mut estimator = RandomGradEstimator::new(RandomGradConfig::default(), &space, key).unwrap();
        let mut signs = vec![];
        for step in 0..20 {
            let mut z = space.zeros().unwrap();
            Sampler::Normal.fill(key.fold(step).fold(0), &mut z).unwrap();
            let z: Vec<f64> = z.to_vec1().unwrap();
            let sign = if bowl(&z.iter().map(|z| 0.01 * z).collect::<Vec<_>>()) > 3.0 { 1.0 } else { -1.0 };
            let estimate = estimator.estimate(&space.start(), &mut Function::new(space.clone(), bowl)).unwrap();
            let expected: Vec<f64> = z.iter().map(|z| sign * z).collect();
            assert_eq!(estimate.gradient.unwrap().dense().unwrap().to_vec1::<f64>().unwrap(), expected);
            signs.push(sign);
        }
        assert!(signs.contains(&1.0) && signs.contains(&-1.0));
    }

    /// Judged by where it leads, plain gradient descent that may not reverse never goes up; and it gets there.
    #[test]
    fn judged_by_step_and_never_reversed_it_only_goes_down() {
        let space = Space::real(5).unwrap();
        let rule: Spec =
            Spec::new("sgd").with("rate", json!({ "power": { "from": 0.3, "offset": 0.0, "exponent": 0.5 } })).unwrap();
        let estimator = RandomGradConfig { opposite: false, judge: Judge::Step, ..Default::default() };
        let mut optimizer =
            <RandomGrad as Algorithm>::new(GradientDescentConfig { estimator, descent: rule }, &space, Key::new(3)).unwrap();
        let mut objective = Function::new(space.clone(), bowl);
        let mut last = 5.0;
        for _ in 0..2000 {
            optimizer.step(&mut objective).unwrap();
            let now = bowl(&optimizer.answer().unwrap().to_vec1::<f64>().unwrap());
            assert!(now <= last);
            last = now;
        }
        assert!(last < 0.01, "{last}");
    }
}
