//! The loop around steps: when to stop, what to show on the way, and what is kept of it.

mod ask_tell;
mod checkpoint;
mod jobs;
mod journal;
mod one_by_one;
mod stop;
mod tally;
mod tune;

use std::{ops::ControlFlow, time::Instant};

pub use crate::reason::Reason;
use crate::{
    Error, Result,
    objective::{Objective, layer::Best},
    optimizer::{Optimizer, Report},
    space::{Space, Warning},
    tensor::{CowTensor, host},
};
pub use ask_tell::{Ask, AskTell};
pub use checkpoint::{Checkpoint, Parts};
pub use jobs::{Desk, side_by_side};
pub use journal::{Journal, Origin, Replay};
pub use one_by_one::{One, OneByOne};
pub use stop::Stop;
pub use tally::Tally;
pub use tune::{Trial, Tune, Tuned};

/// What an observer is shown after every step.
pub struct Progress<'a> {
    /// What the step did.
    pub report: &'a Report,
    /// What the run has used and seen so far.
    pub tally: &'a mut Tally,
    /// The optimizer, to ask for its answer or to save its state. Observers must not step it.
    pub optimizer: &'a mut dyn Optimizer,
    /// The objective, beyond the budget: what is evaluated here is not counted.
    pub objective: &'a mut dyn Objective,
}

/// How a run ended.
///
/// Three things are not the same. The *answer* is the point that the optimizer would deploy; it may never have been evaluated. The *best* is
/// the evaluated point of the lowest loss. The *lowest loss* of the tally is a number that some candidate had, on data of its own if the
/// objective is stochastic. Of a deterministic function take the best; of a stochastic objective, and of a model that must do well on
/// other data, the answer.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Why it ended.
    pub reason: Reason,
    /// The optimizer's answer \[d\], in search coordinates.
    pub answer: CowTensor,
    /// The loss of the answer, where it is known without another evaluation: of a deterministic objective, if the answer is the best point.
    pub loss: Option<f64>,
    /// The best point this run has seen. Of a stochastic objective, and [without](Stop::without_best) keeping it: only the point that
    /// reached the target, whose loss is that of its own step's data.
    pub best: Option<Evaluated>,
    /// What it used, and the lowest loss any candidate had.
    pub tally: Tally,
    space: Space,
}

/// A point that was evaluated.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// The point \[d\], in search coordinates.
    pub point: CowTensor,
    /// The loss it had.
    pub loss: f64,
}

impl Outcome {
    /// The answer as parameter values \[d\]: scaled, rounded, inside the bounds. Made when asked for, as it costs as much memory as
    /// the answer.
    ///
    /// # Errors
    /// [`Error::Tensor`] where candle cannot make them.
    pub fn values(&self) -> Result<CowTensor> {
        self.space.decode(&self.answer)
    }

    /// The best point seen as parameter values \[d\], and its loss.
    ///
    /// # Errors
    /// [`Error::Tensor`] where candle cannot make them.
    pub fn best_values(&self) -> Result<Option<(CowTensor, f64)>> {
        self.best.as_ref().map(|best| Ok((self.space.decode(&best.point)?, best.loss))).transpose()
    }

    /// What about the problem hindered the search: bounds that hold only a few numbers of their leaf's dtype.
    pub fn warnings(&self) -> Vec<Warning> {
        self.space.warnings()
    }
}

/// Are these two points the same to an objective?
fn same(one: &CowTensor, other: &CowTensor, space: &Space) -> Result<bool> {
    let values = |point: &CowTensor| host::to_f64s(point);
    Ok(values(one)? == values(other)? || !space.is_identity() && values(&space.decode(one)?)? == values(&space.decode(other)?)?)
}

/// Steps until a stopping condition holds.
///
/// ```
/// use moths_core::{Function, run::Reason, Space, Stop, minimize};
/// # use moths_core::{optimizer::{Antithetic, DataDraws, Estimate, Estimator}, persist, persist::Clock, CowTensor, Objective, Result, Sampler};
/// # struct TwoPoint { clock: Clock, space: Space }
/// # persist!(TwoPoint { clock });
/// # impl Estimator for TwoPoint {
/// #     fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
/// #         let (key, sampler, draws) = (self.clock.key(), Sampler::Normal, DataDraws::Shared);
/// #         let pairs = Antithetic { key, pairs: 1, scale: 0.01, sampler, draws };
/// #         let losses = objective.losses(&pairs.batch(at, &self.space))?;
/// #         self.clock.tick();
/// #         Ok(Estimate::new(losses.lowest(), pairs.combine(&losses, &self.space)?, 2))
/// #     }
/// # }
/// # fn some_optimizer(space: &Space) -> Result<impl moths_core::Optimizer + use<>> {
/// #     let estimator = TwoPoint { clock: Clock::new(moths_core::Key::new(1)), space: space.clone() };
/// #     let descent = moths_core::optimizer::descent::build(&moths_core::Spec::new("adamw"), space)?;
/// #     Ok(moths_core::optimizer::GradientDescent::new(estimator, descent, space))
/// # }
///
/// let space = Space::real(5)?;
/// let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
/// let mut optimizer = some_optimizer(&space)?;
/// let outcome = minimize(&mut optimizer, &mut objective, &Stop::evaluations(10_000).or_target(1e-3))?;
/// assert_eq!(outcome.reason, Reason::Target);
/// let (values, loss) = outcome.best_values()?.expect("a point that was evaluated");
/// assert!(loss == outcome.tally.lowest && loss <= 1e-3 && outcome.tally.evaluations < 10_000);
/// assert!(values.to_vec1::<f64>()?.iter().all(|x| (x - 1.0).abs() < 0.1));
/// # Ok::<(), moths_core::Error>(())
/// ```
///
/// # Errors
/// What a step fails with, other than the budget being spent. The optimizer is then as it was before that step. [`Error::Budget`] if not a
/// single step can be paid for; [`Error::AllFailed`] if the run ends and every candidate has failed.
pub fn minimize(optimizer: &mut dyn Optimizer, objective: &mut dyn Objective, stop: &Stop) -> Result<Outcome> {
    minimize_from(Tally::default(), optimizer, objective, stop, |_| Ok(ControlFlow::Continue(())))
}

/// [`minimize`] that goes on from an earlier tally and shows every step to an observer, which may end the run.
///
/// ```
/// use std::ops::ControlFlow;
/// use moths_core::{Function, run::{Reason, Tally, minimize_from}, Space, Stop};
/// # use moths_core::{optimizer::{Antithetic, DataDraws, Estimate, Estimator}, persist, persist::Clock, CowTensor, Objective, Result, Sampler};
/// # struct TwoPoint { clock: Clock, space: Space }
/// # persist!(TwoPoint { clock });
/// # impl Estimator for TwoPoint {
/// #     fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
/// #         let (key, sampler, draws) = (self.clock.key(), Sampler::Normal, DataDraws::Shared);
/// #         let pairs = Antithetic { key, pairs: 1, scale: 0.01, sampler, draws };
/// #         let losses = objective.losses(&pairs.batch(at, &self.space))?;
/// #         self.clock.tick();
/// #         Ok(Estimate::new(losses.lowest(), pairs.combine(&losses, &self.space)?, 2))
/// #     }
/// # }
/// # fn some_optimizer(space: &Space) -> Result<impl moths_core::Optimizer + use<>> {
/// #     let estimator = TwoPoint { clock: Clock::new(moths_core::Key::new(1)), space: space.clone() };
/// #     let descent = moths_core::optimizer::descent::build(&moths_core::Spec::new("adamw"), space)?;
/// #     Ok(moths_core::optimizer::GradientDescent::new(estimator, descent, space))
/// # }
///
/// let space = Space::real(5)?;
/// let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
/// let mut optimizer = some_optimizer(&space)?;
/// let mut curve = vec![];
/// let outcome = minimize_from(Tally::default(), &mut optimizer, &mut objective, &Stop::evaluations(10_000), |progress| {
///     curve.push((progress.tally.evaluations, progress.report.loss));
///     Ok(if curve.len() == 100 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
/// })?;
/// assert_eq!((outcome.reason, curve[99].0), (Reason::Observer, 200));
///
/// // Later, or in another process: the tally goes on where it was.
/// let more = minimize_from(outcome.tally, &mut optimizer, &mut objective, &Stop::evaluations(400), |_| Ok(ControlFlow::Continue(())))?;
/// assert_eq!((more.reason, more.tally.steps), (Reason::Evaluations, 200));
/// # Ok::<(), moths_core::Error>(())
/// ```
///
/// # Errors
/// As [`minimize`], and what the observer fails with. A run that the observer ends may go on: it is no error that all candidates have failed.
pub fn minimize_from(
    mut tally: Tally,
    optimizer: &mut dyn Optimizer,
    objective: &mut dyn Objective,
    stop: &Stop,
    mut observe: impl FnMut(&mut Progress<'_>) -> Result<ControlFlow<()>>,
) -> Result<Outcome> {
    let (began, before) = (Instant::now(), tally.seconds);
    let limit = stop.kept(objective.stochastic());
    let mut seen = Best::at_most(objective, limit);
    let reason = loop {
        if let Some(reason) = tally.reason(stop) {
            break reason;
        }
        let Some(report) = tally.step(optimizer, &mut seen, stop)? else { break Reason::Evaluations };
        tally.seconds = before + began.elapsed().as_secs_f64();
        if seen.stochastic() {
            seen.refresh()?;
        }
        let mut progress =
            Progress { report: &report, tally: &mut tally, optimizer: &mut *optimizer, objective: &mut **seen.inner() };
        if observe(&mut progress)?.is_break() {
            break Reason::Observer;
        }
    };
    if reason != Reason::Observer && tally.evaluations > 0 && tally.lowest == f64::INFINITY {
        return Err(Error::AllFailed { evaluations: tally.evaluations, reason });
    }
    conclude(reason, tally, optimizer, seen)
}

fn conclude(reason: Reason, tally: Tally, optimizer: &dyn Optimizer, seen: Best<&mut dyn Objective>) -> Result<Outcome> {
    let (answer, space) = (optimizer.answer()?, seen.space().clone());
    let best = seen.best().map(|(loss, point)| Evaluated { point: point.clone(), loss: *loss });
    let loss = match &best {
        Some(best) if !seen.stochastic() && same(&answer, &best.point, &space)? => Some(best.loss),
        _ => None,
    };
    Ok(Outcome { reason, answer, loss, best, tally, space })
}
