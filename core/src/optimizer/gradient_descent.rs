//! A gradient estimator and an update rule: an optimizer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    Error, Result,
    noise::Gradient,
    objective::{Batch, Objective},
    optimizer::{Algorithm, Capabilities, Descent, Estimator, Meta, Optimizer, Point, Report, Spec, descent},
    persist::{Fields, Keep, Persist, State},
    rng::Key,
    space::Space,
    tensor::{CowTensor, place},
};

/// Gradient estimate, then update rule: x ← descent(x, estimator(x)).
///
/// Most methods of stochastic approximation are of this form: SPSA is a two-point estimator with gradient descent, OpenES
/// an antithetic estimator with Adam. From Rust any pair goes together:
///
/// ```
/// use moths_core::{CowTensor, optimizer::{GradientDescent, descent}, Function, Space, Spec};
/// # use moths_core::{optimizer::{Estimate, Estimator}, Objective, Result, persist, CowTensor as C};
/// # struct MyEstimator; persist!(MyEstimator {});
/// # impl Estimator for MyEstimator { fn estimate(&mut self, at: &C, _: &mut dyn Objective) -> Result<Estimate> {
/// #   Ok(Estimate::new(0.0, Some(at.clone().into()), 0)) } }
/// let space = Space::real(10)?;
/// let optimizer = GradientDescent::new(MyEstimator, descent::build(&Spec::new("adamw"), &space)?, &space);
/// # Ok::<(), moths_core::Error>(())
/// ```
pub struct GradientDescent<E, D> {
    estimator: E,
    descent: D,
    space: Space,
    point: Point,
}

impl<E: Estimator, D: Descent> GradientDescent<E, D> {
    /// An optimizer that starts where the space says.
    pub fn new(estimator: E, descent: D, space: &Space) -> Self {
        Self { estimator, descent, space: space.clone(), point: Point::new(space) }
    }
}

impl<E: Estimator, D: Descent> Optimizer for GradientDescent<E, D> {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        if self.point.is_in_place() {
            return self.step_in_place(objective);
        }
        // Elsewhere the update rule's kernel may be one that does not compile, with the estimator a step ahead.
        let before = (!place::is_near(self.point.at())).then(|| State::of(&mut self.estimator)).transpose()?;
        let stepped = self.step_here(objective);
        if let (Err(_), Some(before)) = (&stepped, before) {
            before.restore(&mut self.estimator, Keep::Nothing)?;
        }
        stepped
    }

    fn answer(&self) -> Result<CowTensor> {
        Ok(self.point.at().clone())
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.point.move_to(at)
    }
}

impl<E: Estimator, D: Descent> GradientDescent<E, D> {
    fn step_here(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let Self { estimator, descent, space, point } = self;
        let at = point.at_mut();
        let remembered = descent.remembered().filter(|_| objective.stochastic()).map(Batch::one).transpose()?;
        let Some(remembered) = remembered else { return estimator.advance(at, descent, space, objective) };
        let loss = objective.losses(&remembered)?[0];
        let report = estimator.advance(at, &mut Reminded { descent, loss }, space, objective)?;
        Ok(report.and(loss, 1))
    }

    /// The same where the model holds the point: what the descent makes of the gradient is told to the model.
    fn step_in_place(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let Self { estimator, descent, point, .. } = self;
        point.check(objective)?;
        // The estimator is a step ahead of a model that cannot be moved.
        let before = State::of(estimator)?;
        let estimate = estimator.estimate(point.at(), objective)?;
        if let Some(gradient) = estimate.gradient.filter(|gradient| gradient.is_finite().unwrap_or(false)) {
            let moved = point.told(objective, |home| descent.steer(home, &gradient));
            if moved.is_err() {
                before.restore(estimator, Keep::Nothing)?;
            }
            moved?;
        }
        Ok(Report::new(estimate.loss, estimate.evaluations))
    }
}

/// A descent that is reminded, when it is told what a step saw, of the loss of the point it remembers on the same data. Not before: a step
/// that fails changes nothing.
struct Reminded<'a> {
    descent: &'a mut dyn Descent,
    loss: f64,
}

impl Descent for Reminded<'_> {
    fn descend(&mut self, at: &mut CowTensor, gradient: &Gradient) -> Result<()> {
        self.descent.descend(at, gradient)
    }

    fn witness(&mut self, at: &CowTensor, loss: f64) {
        self.descent.recall(self.loss);
        self.descent.witness(at, loss);
    }
}

impl Persist for Reminded<'_> {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        self.descent.visit(fields)
    }
}

impl<E: Estimator, D: Descent> Persist for GradientDescent<E, D> {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        fields.field("at", &mut self.point)?;
        fields.field("estimator", &mut self.estimator)?;
        fields.field("descent", &mut self.descent)
    }
}

/// An [`Estimator`] that can be built from settings: with any descent, it is an [`Algorithm`]. One that is another with
/// other settings is a [`Preset`](crate::optimizer::Preset) of that.
pub trait NamedEstimator: Estimator + Sized + 'static {
    /// What it is. State sizes are those of the estimator alone, beside the point \[d\] that is moved.
    const META: Meta;
    /// Its settings, to which a `descent` is added.
    type Config: Serialize + DeserializeOwned + JsonSchema + Default + 'static;
    /// A fresh estimator.
    ///
    /// # Errors
    /// [`Error::Invalid`], naming field, value and what is valid.
    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self>;
    /// The descent it has when none is named.
    fn default_descent() -> Spec;

    /// What it can do with these settings.
    fn capabilities(_config: &Self::Config) -> Capabilities {
        Self::META.capabilities
    }

    /// How many evaluations an ordinary step takes with these settings: see [`Algorithm::evaluations_per_step`].
    fn evaluations_per_step(_config: &Self::Config, _space: &Space) -> Option<u64> {
        None
    }
}

/// The settings of an estimator and the descent it feeds.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, bound(serialize = "", deserialize = ""))]
#[schemars(bound = "E: NamedEstimator", rename = "GradientDescent")]
pub struct GradientDescentConfig<E: NamedEstimator> {
    /// The estimator's own settings.
    #[serde(flatten)]
    pub estimator: E::Config,
    /// The update rule that the gradient goes to.
    #[schemars(extend("x-names" = "descent"))]
    pub descent: Spec,
}

impl<E: NamedEstimator> Default for GradientDescentConfig<E> {
    fn default() -> Self {
        Self { estimator: E::Config::default(), descent: E::default_descent() }
    }
}

impl<E: NamedEstimator> Algorithm for GradientDescent<E, Box<dyn Descent>> {
    const META: Meta = E::META;
    type Config = GradientDescentConfig<E>;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        if space.is_discrete() && E::META.capabilities.needs_gradient {
            return Err(Error::unsupported(E::META.id, "needs gradients, which integer and boolean leaves do not have"));
        }
        let descent = descent::build(&config.descent, space)?;
        Ok(Self::new(E::new(config.estimator, space, key)?, descent, space))
    }

    fn capabilities(config: &Self::Config) -> Result<Capabilities> {
        let estimator = E::capabilities(&config.estimator);
        let state = estimator.state_per_parameter + 1.0 + descent::state_per_parameter(&config.descent)?;
        let in_place = estimator.in_place && descent::in_place(&config.descent)?;
        Ok(estimator.state_per_parameter(state).in_place(in_place))
    }

    fn evaluations_per_step(config: &Self::Config, space: &Space, stochastic: bool) -> Result<Option<u64>> {
        let recalled = u64::from(stochastic && descent::remembers("descent", &config.descent)?);
        Ok(E::evaluations_per_step(&config.estimator, space).map(|evaluations| evaluations + recalled))
    }
}
