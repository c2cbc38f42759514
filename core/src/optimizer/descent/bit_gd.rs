//! Flags that are set, not moved.

use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Descent, NamedDescent};
use crate::{
    Result,
    noise::Gradient,
    optimizer::{Spec, schedule::Schedule, settings},
    persist, register_descent,
    rng::Key,
    space::Space,
    tensor::{CowTensor, host},
    with_scalar,
};

/// Settings of [`BitGd`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BitGdConfig {
    /// η, the probability with which a flag is set, from 0 to 1.
    pub rate: Schedule,
    /// What numbers the draws follow from.
    pub seed: u64,
    /// The update rule of all that is real, or a category.
    #[schemars(extend("x-names" = "descent"))]
    pub rest: Spec,
}

impl Default for BitGdConfig {
    fn default() -> Self {
        Self { rate: 0.01.into(), seed: 0, rest: Spec::new("adamw") }
    }
}

/// Gradient descent of flags: each is set to what the sign of its gradient says, with a probability that is the learning rate.
///
/// ```text
/// b ← (1 − sign(g))/2      with the probability η;  where g = 0, b stays       of flags
/// k ← k − sign(g)          with the probability η, within its bounds           of integers and levels
/// x ← rest(x, g)                                                               of all else
/// ```
///
/// A flag has nothing that a step could be added to: a rule that moves the number behind it does nothing at all until that crosses the
/// threshold, and then the flag goes to and fro. Here it stands in the middle of its value after every step. The gradient is that by the
/// number behind the flag, as an estimator gives it whose perturbations are long enough to cross thresholds: those of a flag are one unit of the
/// search away.
///
/// Source: an idea of this project (`BitGD`), whose first version set a flag with the probability 1 − η. Helwegen et al. 2019, arXiv:1906.02107
/// (Bop), flip a weight where a running mean of its gradients exceeds a threshold: for something like that put `accumulate` around this.
///
/// Take it when a network has flags or signs for weights, and an estimator gives gradients that many evaluations stand behind. Searches that
/// know flags, as `pbil`, need no gradients.
///
/// Tune first: `rate`, about the part of the flags that may be set on one gradient, falling towards the end: at the minimum every wrong sign
/// sets a flag wrong; then the estimator's perturbations, of the order of one unit.
#[doc = include_str!("settings/bit-gd.md")]
pub struct BitGd {
    config: BitGdConfig,
    step: u64,
    rest: Box<dyn Descent>,
    bits: Vec<Bit>,
}

/// A coordinate whose values have an order, and equal room.
struct Bit {
    at: usize,
    lower: f64,
    width: f64,
    most: f64,
}

impl Bit {
    fn all(space: &Space) -> Vec<Self> {
        let leaves = space.leaves().iter().filter(|leaf| !leaf.is_frozen());
        let ordered = leaves.flat_map(|leaf| std::iter::repeat_n(leaf.domain().is_ordered(), leaf.len()));
        let each = space.steps().zip(space.intervals()).zip(ordered).enumerate();
        each.filter(|(_, ((steps, _), ordered))| *steps > 1 && *ordered)
            .map(|(at, ((steps, (lower, upper)), _))| Self {
                at,
                lower,
                width: (upper - lower) / steps as f64,
                most: (steps - 1) as f64,
            })
            .collect()
    }

    /// The coordinate of the value that `x` stands for, or of that `by` beside it.
    fn beside(&self, x: f64, by: f64) -> f64 {
        let value = ((x - self.lower) / self.width - 0.5).round().clamp(0.0, self.most);
        self.lower + self.width * ((value + by).clamp(0.0, self.most) + 0.5)
    }
}

impl NamedDescent for BitGd {
    const ID: &'static str = "bit-gd";
    const SUMMARY: &'static str = "Flags are set to what the signs of their gradients say, with a probability that is the rate.";
    type Config = BitGdConfig;

    fn new(config: BitGdConfig, space: &Space) -> Result<Self> {
        settings::check(&config)?;
        let rest = super::build_part("rest", &config.rest, space)?;
        Ok(Self { config, step: 0, rest, bits: Bit::all(space) })
    }

    fn state_per_parameter(config: &BitGdConfig) -> Result<f64> {
        super::state_of_part("rest", &config.rest)
    }

    fn remembers(config: &BitGdConfig) -> Result<bool> {
        super::remembers("rest", &config.rest)
    }
}

impl Descent for BitGd {
    fn descend(&mut self, at: &mut CowTensor, g: &Gradient) -> Result<()> {
        if self.bits.is_empty() {
            self.rest.descend(at, g)?;
        } else {
            g.check(at)?;
            let set = self.set(&host::to_f64s(at)?, &host::to_f64s(&*g.dense()?)?);
            self.rest.descend(at, g)?;
            with_scalar!(at.dtype(), T => host::edit::<T, _>(at, |x| {
                self.bits.iter().zip(set).for_each(|(bit, to)| x[bit.at] = to as T);
            }))?;
        }
        self.step += 1;
        Ok(())
    }

    fn witness(&mut self, at: &CowTensor, loss: f64) {
        self.rest.witness(at, loss);
    }

    fn remembered(&self) -> Option<&CowTensor> {
        self.rest.remembered()
    }

    fn recall(&mut self, loss: f64) {
        self.rest.recall(loss);
    }
}

impl BitGd {
    /// What all flags are set to, from the point `x` and its gradient.
    fn set(&self, x: &[f64], slopes: &[f64]) -> Vec<f64> {
        let rate = self.config.rate.at(self.step);
        let mut stream = Key::new(self.config.seed).fold(self.step).stream();
        let each = self.bits.iter().map(|bit| {
            let (now, slope, taken) = (x[bit.at], slopes[bit.at], stream.random::<f64>() < rate);
            bit.beside(now, if taken && slope != 0.0 { -slope.signum() } else { 0.0 })
        });
        each.collect()
    }
}

persist!(BitGd { step, rest });
register_descent!(BitGd);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Leaf;

    fn rule(rate: f64, space: &Space) -> BitGd {
        BitGd::new(BitGdConfig { rate: rate.into(), rest: Spec::new("sgd"), ..BitGdConfig::default() }, space).unwrap()
    }

    fn values(space: &Space, at: &CowTensor) -> Vec<f64> {
        host::to_f64s(&space.decode(at).unwrap()).unwrap()
    }

    #[test]
    fn flags_go_against_the_sign_integers_a_step_and_reals_as_they_would() {
        let leaves = vec![Leaf::bool("b", [4]), Leaf::integer("i", [3], 0, 5), Leaf::real("x", [1])];
        let space = Space::new(leaves).unwrap();
        let at = |values: &[f64]| CowTensor::new(space.numbers(values, values.len()).unwrap());
        let mut x = space.starting_at(&at(&[0.0, 1.0, 1.0, 0.0, 0.0, 3.0, 3.0, 2.0])).unwrap().start();
        let gradient = at(&[-9.0, 1e-6, 0.0, 5.0, 1.0, -1.0, 0.0, 1.0]);
        rule(1.0, &space).descend(&mut x, &gradient.into()).unwrap();
        let after = values(&space, &x);
        assert_eq!(after[..7], [1.0, 0.0, 1.0, 0.0, 0.0, 4.0, 3.0]);
        assert!((after[7] - 1.99).abs() < 1e-6);
    }

    #[test]
    fn the_rate_is_the_probability_of_setting_and_not_of_keeping() {
        let space = Space::new(vec![Leaf::bool("b", [2000])]).unwrap();
        let (zeros, down) = (vec![0.0; 2000], vec![-1.0; 2000]);
        let mut x = space.starting_at(&space.numbers(zeros, 2000).unwrap()).unwrap().start();
        let (mut rule, gradient) = (rule(0.1, &space), CowTensor::new(space.numbers(down, 2000).unwrap()));
        for set in [0.1, 0.19] {
            rule.descend(&mut x, &gradient.clone().into()).unwrap();
            let share = values(&space, &x).iter().sum::<f64>() / 2000.0;
            assert!((share - set).abs() < 0.03, "{share}");
        }
    }
}
