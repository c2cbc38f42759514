//! The update of another optimizer as a gradient, which any update rule follows.
//!
//! ```text
//! δ = the step of the wrapped optimizer from x on f
//! x ← descent(x, −δ)
//! ```
//!
//! x, δ: \[d\]. The wrapped optimizer is moved to the point that the descent led to ([`Optimizer::move_to`]) before its next step, unless that is
//! where it is; what it has learned stays. With `sgd` of rate 1 and without momentum nothing changes but rounding. An update that is zero,
//! or not finite, is no gradient: x stays.
//! Source: the founding notes of this project (torchzero's `UpdateToGrad`).
//! Differs from the notes: what the wrapped optimizer keeps beside the point is its own, and is not reset.
//! The point that the descent leads to is not evaluated, as little as that of any method that follows a gradient.
//! Cost per step: the wrapped step's evaluations, and one more where the descent remembers a point and the objective is stochastic; the state of
//! the wrapped optimizer and of the descent, and 1 number per parameter; scratch of the wrapped step, of a copy of the state it overwrites, and 3
//! numbers per parameter.
//!
//! Take it when steps of a search should have what descents have: momentum (the default), a rate of their own for each coordinate, a limit,
//! a schedule. `chain` does the same with whole optimizers behind each other.
//!
//! Tune first: `descent`: with momentum μ a rate of 1 − μ keeps the length of steps that agree; then `inner`.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_ensemble as _; // the facade `moths` does this, for all families
//! use moths_random as _;
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let spec: Spec = r#"{"name": "update-to-gradient", "inner": "one-plus-one-es"}"#.parse()?;
//! let mut optimizer = registry::build(&spec, &space, Key::new(1))?;
//! for _ in 0..1000 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 1.0);
//! # Ok::<(), moths_core::Error>(())
//! ```
//!
//! From Rust [`UpdateToGradientEstimator`] is an [`Estimator`] like any other.
#![doc = include_str!("settings/update-to-gradient.md")]

use moths_core::{
    CowTensor, Key, Objective, Optimizer, Report, Result, Space, Spec,
    fuse::same_bits,
    optimizer::{Algorithm, Capabilities, Descent, Estimate, Estimator, Family, GradientDescent, Meta, descent},
    persist,
    persist::atomically,
    register, registry,
    space::Walls,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{committee::cost_when_moved, stride::Stride};

/// Settings of [`UpdateToGradient`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UpdateToGradientConfig {
    /// The optimizer whose updates are the gradients.
    pub inner: Spec,
    /// The update rule that follows them.
    #[schemars(extend("x-names" = "descent"))]
    pub descent: Spec,
}

impl Default for UpdateToGradientConfig {
    fn default() -> Self {
        let rate = serde_json::json!(0.1);
        let descent = Spec { name: "heavy-ball".into(), settings: [("rate".to_owned(), rate)].into_iter().collect() };
        Self { inner: Spec::new("spsa"), descent }
    }
}

/// −δ of the steps of an optimizer, whatever it is.
///
/// ```
/// use moths_core::{Function, Key, Space, Spec, optimizer::Estimator, registry};
/// use moths_ensemble::UpdateToGradientEstimator;
/// use moths_random as _;
///
/// let space = Space::real(2)?;
/// let inner = registry::build(&Spec::new("spsa"), &space, Key::new(1))?;
/// let mut estimator = UpdateToGradientEstimator::new(inner);
/// let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
/// assert!(estimator.estimate(&space.start(), &mut objective)?.gradient.is_some());
/// # Ok::<(), moths_core::Error>(())
/// ```
pub struct UpdateToGradientEstimator {
    inner: Box<dyn Optimizer>,
}

impl UpdateToGradientEstimator {
    /// Of this optimizer, wherever it is.
    pub fn new(inner: Box<dyn Optimizer>) -> Self {
        Self { inner }
    }

    fn attempt(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
        if !same_bits(&*self.inner.answer()?, at)? {
            self.inner.move_to(at)?;
        }
        let stride = Stride::of(&mut *self.inner, objective)?;
        let gradient = stride.descended(objective.space())?.map(Into::into);
        Ok(Estimate::new(stride.report.loss, gradient, stride.report.evaluations))
    }
}

impl Estimator for UpdateToGradientEstimator {
    fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
        atomically(self, |this| this.attempt(at, objective))
    }
}

persist!(UpdateToGradientEstimator { inner });

/// The updates of another optimizer, followed by an update rule. See the [module documentation](self).
pub struct UpdateToGradient {
    whole: GradientDescent<UpdateToGradientEstimator, Box<dyn Descent>>,
}

impl Algorithm for UpdateToGradient {
    const META: Meta = Meta::new(
        "update-to-gradient",
        Family::Ensemble,
        "The update of another optimizer is the gradient that an update rule follows: momentum, or rates a coordinate, for any search.",
        "the founding notes of moths",
    )
    .capabilities(Capabilities::NONE.seeds_only(true).translation(true).state_per_parameter(2.0));
    type Config = UpdateToGradientConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        let inner = registry::build_part("inner", &config.inner, space, key)?;
        let descent = descent::build(&config.descent, space)?;
        Ok(Self { whole: GradientDescent::new(UpdateToGradientEstimator::new(inner), descent, space) })
    }

    fn capabilities(config: &Self::Config) -> Result<Capabilities> {
        let inner = registry::capabilities(&config.inner)?;
        let state = inner.state_per_parameter + 1.0 + descent::state_per_parameter(&config.descent)?;
        // A descent goes coordinate by coordinate, beyond what was evaluated, and has no criterion for its end.
        Ok(inner
            .rotation(false)
            .monotone(false)
            .beats_random(false)
            .walls(Walls::Clamp)
            .at_walls(false)
            .converges(false)
            .escapes(false)
            .discrete(false)
            .suggestible(false)
            .state_per_parameter(state))
    }

    fn evaluations_per_step(config: &Self::Config, space: &Space, stochastic: bool) -> Result<Option<u64>> {
        let recalled = u64::from(stochastic && descent::remembers("descent", &config.descent)?);
        let inner = cost_when_moved("inner", &config.inner, space)?;
        Ok(inner.map(|inner| inner + recalled))
    }
}

impl Optimizer for UpdateToGradient {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        atomically(self, |this| this.whole.step(objective))
    }

    fn answer(&self) -> Result<CowTensor> {
        self.whole.answer()
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.whole.move_to(at)
    }
}

persist!(UpdateToGradient { whole });
register!(UpdateToGradient);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::committee::script::{built, is_exact, moving, path};
    use moths_random as _;
    use serde_json::json;

    fn around(inner: Spec, descent: serde_json::Value) -> Spec {
        Spec::new("update-to-gradient").with("inner", json!(inner)).unwrap().with("descent", descent).unwrap()
    }

    /// v = 0.5 v + g of the updates 4, 0, −2: of an update that is zero nothing is followed, nor the velocity.
    #[test]
    fn updates_are_followed_with_momentum() {
        let rule = json!({ "name": "sgd", "rate": 0.5, "momentum": 0.5 });
        let taken = path(&mut *built(&around(moving(&[4.0, 0.0, -2.0]), rule)), |x| x, 4);
        // v: 4; as it was; 0.5 · 4 − 2 = 0; 4.
        assert_eq!(taken, [(2.0, 1), (2.0, 1), (2.0, 1), (4.0, 1)]);
    }

    /// Asked at where the descent led, not at where its own step did.
    #[test]
    fn what_is_wrapped_goes_on_from_where_the_descent_led() {
        let mut wrapped = built(&around(moving(&[4.0]), json!({ "name": "sgd", "rate": 0.25 })));
        let mut objective = moths_core::Function::new(Space::real(1).unwrap(), |x: &[f64]| x[0]);
        let losses: Vec<f64> = (0..3).map(|_| wrapped.step(&mut objective).unwrap().loss).collect();
        assert_eq!(losses, [0.0, 1.0, 2.0]);
    }

    #[test]
    fn it_is_exact_and_a_rate_of_one_changes_nothing() {
        for inner in ["spsa", "one-plus-one-es", "random-grad"] {
            is_exact(&around(Spec::new(inner), json!("adamw")));
            is_exact(&Spec::new("update-to-gradient").with("inner", inner).unwrap());
        }
        let moves = [1.0, -3.0, 0.5];
        let plain = path(&mut *built(&moving(&moves)), |x| x, 9);
        assert_eq!(path(&mut *built(&around(moving(&moves), json!({ "name": "sgd", "rate": 1.0 }))), |x| x, 9), plain);
    }
}
