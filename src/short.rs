//! The two-line ways: a function, or a model, and a budget.

use moths_core::{
    Error, Function, Horizon, Key, Objective, Outcome, Result, Space, Spec, Stop, minimize, objective::model::Model, registry,
};

/// What [`fmin`] found.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Minimum {
    /// The point of the lowest value.
    pub x: Vec<f64>,
    /// Its value.
    pub value: f64,
    /// How often the function was called.
    pub evaluations: u64,
    /// Who searched, and why.
    pub explanation: String,
}

/// The lowest value of a function within bounds, in at most so many calls: [`auto`](crate::ensemble::auto) chooses who searches.
///
/// NaN and infinite values say that a point failed. The same call finds the same point. Whoever wants to resume, watch, or choose takes
/// [`registry::build_for`] and [`minimize`].
///
#[cfg_attr(all(feature = "evolution", feature = "local"), doc = "```")]
#[cfg_attr(not(all(feature = "evolution", feature = "local")), doc = "```no_run")]
/// let rosenbrock = |x: &[f64]| 100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2);
/// let found = moths::fmin(rosenbrock, [(-5.0, 5.0), (-5.0, 5.0)], 500)?;
/// assert!(found.value < 1e-8 && (found.x[0] - 1.0).abs() < 1e-3);
/// # Ok::<(), moths::Error>(())
/// ```
///
/// # Errors
/// [`Error::Invalid`] for bounds that are none, and a budget of 0; [`Error::Budget`] for one of less than two; [`Error::AllFailed`] where no call gave a number; [`Error::Unknown`] where none
/// of the families that search is built in.
pub fn fmin(f: impl FnMut(&[f64]) -> f64, bounds: impl Into<Vec<(f64, f64)>>, budget: u64) -> Result<Minimum> {
    let mut objective = Function::new(Space::bounded(bounds)?, f);
    let (outcome, explanation) = run(&mut objective, budget)?;
    let Some((values, value)) = outcome.best_values()? else {
        return Err(Error::AllFailed { evaluations: outcome.tally.evaluations, reason: outcome.reason });
    };
    Ok(Minimum { x: moths_core::tensor::host::to_f64s(&values)?, value, evaluations: outcome.tally.evaluations, explanation })
}

/// Trains a model in so many evaluations of its loss, and leaves it trained: [`auto`](crate::ensemble::auto) chooses who searches.
///
/// A model in place ([`InPlaceModel`](crate::InPlaceModel)) is searched by `fzoo`, and is its own answer. Of others, a model whose loss stays gets the best parameters that were seen, one on minibatches the answer of the search.
///
#[cfg_attr(feature = "evolution", doc = "```")]
#[cfg_attr(not(feature = "evolution"), doc = "```no_run")]
/// use candle_core::{Device, Tensor};
/// use candle_nn::{Module, linear, loss::mse};
/// use moths::FlatModel;
///
/// # fn main() -> moths::Result<()> {
/// let x = Tensor::new(&[[0f32], [1.0], [2.0], [3.0]], &Device::Cpu)?;
/// let y = ((&x * 2.0)? + 1.0)?;
/// let mut model = FlatModel::new(|vb| linear(1, 1, vb), move |line, _| mse(&line.forward(&x)?, &y))?;
/// let outcome = moths::train(&mut model, 400)?;
/// assert!(outcome.tally.lowest < 1e-6);
/// # Ok(()) }
/// ```
///
/// # Errors
/// As [`fmin`], and what the loss fails with.
pub fn train(model: &mut impl Model, budget: u64) -> Result<Outcome> {
    let (outcome, _) = run(model, budget)?;
    match (&outcome.best, model.stochastic()) {
        (Some(best), false) => model.load(&best.point)?,
        _ => model.load(&outcome.answer)?,
    }
    Ok(outcome)
}

/// Who searches a model in place.
const IN_PLACE: &str = "fzoo";

fn run(objective: &mut dyn Objective, budget: u64) -> Result<(Outcome, String)> {
    let horizon = Horizon::evaluations(budget).on(objective);
    // What `auto` chooses from holds points of its own.
    let who = if objective.space().is_in_place() { IN_PLACE } else { "auto" };
    let mut optimizer = registry::build_for(&Spec::new(who), objective.space(), Key::new(1), horizon)?;
    let outcome = minimize(&mut *optimizer, objective, &Stop::evaluations(budget))?;
    Ok((outcome, optimizer.explain().unwrap_or_default()))
}
