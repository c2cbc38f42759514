//! The loop around steps: when to stop, and what to show on the way.

use std::{borrow::Cow, ops::ControlFlow, time::Instant};

use crate::{Best, Budget, CowTensor, Error, Fields, Objective, Optimizer, Persist, Report, Result, Space, Warning, host};

/// When to stop; whichever comes first. Without any condition only the optimizer's own criterion ends a run.
///
/// ```
/// use moths_core::Stop;
/// let stop = Stop::evaluations(10_000).or_target(1e-8).or_seconds(60.0);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stop {
    evaluations: Option<u64>,
    steps: Option<u64>,
    seconds: Option<f64>,
    target: Option<f64>,
    stagnation: Option<u64>,
    forgets: bool,
}

impl Stop {
    /// No condition.
    pub fn never() -> Self {
        Self::default()
    }

    /// After this many loss evaluations. A step that would need more is not taken; if it is the very first, the run is refused with
    /// [`Error::Budget`].
    pub fn evaluations(evaluations: u64) -> Self {
        Self::never().or_evaluations(evaluations)
    }

    /// After this many steps.
    pub fn steps(steps: u64) -> Self {
        Self::never().or_steps(steps)
    }

    /// Or after this many loss evaluations.
    pub fn or_evaluations(self, evaluations: u64) -> Self {
        Self { evaluations: Some(evaluations), ..self }
    }

    /// Or after this many steps.
    pub fn or_steps(self, steps: u64) -> Self {
        Self { steps: Some(steps), ..self }
    }

    /// Or after the first step that ends later than this.
    pub fn or_seconds(self, seconds: f64) -> Self {
        Self { seconds: Some(seconds), ..self }
    }

    /// Or when a loss is at most this: that of the best point seen, which is handed out as [`Outcome::best`] and need not be the answer.
    pub fn or_target(self, loss: f64) -> Self {
        Self { target: Some(loss), ..self }
    }

    /// Or when the lowest loss has not fallen for this many evaluations.
    pub fn or_stagnation(self, evaluations: u64) -> Self {
        Self { stagnation: Some(evaluations), ..self }
    }

    /// Does not keep the best point seen, which takes the memory of one more point \[d\]: for models that fill it. A point that reaches
    /// the target is kept even so, as the run ends with it.
    pub fn without_best(self) -> Self {
        Self { forgets: true, ..self }
    }

    /// The highest loss whose point is kept. Of a stochastic objective no loss says which point is best: only the target counts.
    fn kept(&self, stochastic: bool) -> f64 {
        if self.forgets || stochastic { self.target.unwrap_or(f64::NEG_INFINITY) } else { f64::INFINITY }
    }

    /// How many evaluations are allowed.
    pub fn evaluation_limit(&self) -> Option<u64> {
        self.evaluations
    }

    fn reason(&self, tally: &Tally) -> Option<Reason> {
        let reached = |limit: Option<u64>, value: u64| limit.is_some_and(|limit| value >= limit);
        let rules = [
            (self.target.is_some_and(|target| tally.lowest <= target), Reason::Target),
            (reached(self.evaluations, tally.evaluations), Reason::Evaluations),
            (reached(self.steps, tally.steps), Reason::Steps),
            (self.seconds.is_some_and(|limit| tally.seconds >= limit), Reason::Seconds),
            (reached(self.stagnation, tally.evaluations - tally.improved_at), Reason::Stagnation),
        ];
        rules.into_iter().find_map(|(holds, reason)| holds.then_some(reason))
    }
}

/// Why a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The target loss was reached, by the point that is handed out as [`Outcome::best`]. (By one of an earlier run, if the tally that this
    /// one began with had reached it already.)
    Target,
    /// The evaluations are used up.
    Evaluations,
    /// The steps are used up.
    Steps,
    /// The time is up.
    Seconds,
    /// No lower loss for too long.
    Stagnation,
    /// The optimizer's own criterion.
    Converged(Cow<'static, str>),
    /// An observer said so.
    Observer,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Target => "target reached",
            Self::Evaluations => "evaluations used up",
            Self::Steps => "steps done",
            Self::Seconds => "time is up",
            Self::Stagnation => "stagnation",
            Self::Converged(why) => why,
            Self::Observer => "stopped",
        })
    }
}

/// What a run has used and seen so far, and what it must not do again. Part of a checkpoint: a resumed run goes on counting, and one that has
/// ended by itself has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Tally {
    /// Steps done.
    pub steps: u64,
    /// Loss evaluations used.
    pub evaluations: u64,
    /// The lowest loss that any candidate of any step had; on a stochastic objective the luckiest, and no promise. Of the answer nothing
    /// is said: see [`Outcome`].
    pub lowest: f64,
    /// How many evaluations had been used when the lowest loss fell last.
    pub improved_at: u64,
    /// Seconds spent, checkpoints before this one included.
    pub seconds: f64,
    /// Why the optimizer converged, if it has: it would say so again after a step more. Without it a run goes on all the same.
    pub converged: Option<Cow<'static, str>>,
    /// The limit of evaluations that could not pay for the next step: its first rounds would be evaluated once more in vain.
    pub short_of: Option<u64>,
}

impl Default for Tally {
    fn default() -> Self {
        let lowest = f64::INFINITY;
        Self { steps: 0, evaluations: 0, lowest, improved_at: 0, seconds: 0.0, converged: None, short_of: None }
    }
}

impl Persist for Tally {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        fields.field("steps", &mut self.steps)?;
        fields.field("evaluations", &mut self.evaluations)?;
        fields.within("lowest", &mut self.lowest, f64::NEG_INFINITY..=f64::INFINITY)?;
        fields.within("improved_at", &mut self.improved_at, ..=self.evaluations)?;
        fields.within("seconds", &mut self.seconds, 0.0..=f64::MAX)?;
        let mut limit: Vec<u64> = self.short_of.into_iter().collect();
        fields.within("short_of", &mut limit, ..=1)?;
        self.short_of = limit.first().copied();
        let mut text = self.converged.take().map_or_else(Vec::new, |why| why.bytes().map(u64::from).collect());
        fields.within("converged", &mut text, ..=LONGEST_REASON)?;
        self.converged = Some(reason_of(&text, fields)?).filter(|why| !why.is_empty());
        Ok(())
    }
}

/// Bytes of the reason that an optimizer gives.
const LONGEST_REASON: usize = 1000;

/// A reason as a line of text that can be saved.
fn line_of(why: &'static str) -> Cow<'static, str> {
    if (1..=LONGEST_REASON).contains(&why.len()) && !why.contains(char::is_control) {
        return Cow::Borrowed(why);
    }
    let plain: String = why.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_REASON / 4).collect();
    Cow::Owned(if plain.is_empty() { "converged".into() } else { plain })
}

/// A line of text from its bytes.
fn reason_of(bytes: &[u64], fields: &dyn Fields) -> Result<Cow<'static, str>> {
    let bytes: Option<Vec<u8>> = bytes.iter().map(|byte| u8::try_from(*byte).ok()).collect();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).filter(|text| !text.contains(char::is_control));
    text.map(Cow::Owned).ok_or_else(|| fields.refusal("`converged` holds something else than a line of text".into()))
}

impl Tally {
    fn add(&mut self, report: &Report) {
        self.steps = self.steps.saturating_add(1);
        self.evaluations = self.evaluations.saturating_add(report.evaluations);
        self.short_of = None;
        self.converged = report.converged.map(line_of);
        if report.loss < self.lowest {
            (self.lowest, self.improved_at) = (report.loss, self.evaluations);
        }
    }

    /// Counts a step; `None` where there is no budget for it.
    fn step(&mut self, optimizer: &mut dyn Optimizer, objective: &mut dyn Objective, stop: &Stop) -> Result<Option<Report>> {
        let left = stop.evaluations.map_or(u64::MAX, |limit| limit.saturating_sub(self.evaluations));
        let mut budget = Budget::new(objective, left);
        match optimizer.step(&mut budget) {
            Err(Error::Budget { asked, .. }) if self.steps == 0 && asked > left - budget.used() => {
                Err(Error::Budget { limit: left + self.evaluations, used: self.evaluations + budget.used(), asked })
            }
            Err(Error::Budget { .. }) => {
                // The step's earlier rounds were evaluated, though nothing came of them.
                self.evaluations += budget.used();
                self.short_of = stop.evaluations;
                Ok(None)
            }
            report => {
                let report = report?;
                self.add(&report);
                Ok(Some(report))
            }
        }
    }

    /// Why no step is to be taken, if none is.
    fn reason(&self, stop: &Stop) -> Option<Reason> {
        if let Some(why) = &self.converged {
            return Some(Reason::Converged(why.clone()));
        }
        if self.short_of.is_some() && self.short_of == stop.evaluations {
            return Some(Reason::Evaluations);
        }
        stop.reason(self)
    }
}

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
    pub fn values(&self) -> Result<CowTensor> {
        self.space.decode(&self.answer)
    }

    /// The best point seen as parameter values \[d\], and its loss.
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
/// use moths_core::{Function, Reason, Space, Stop, minimize};
/// # use moths_core::{Antithetic, Clock, CowTensor, Draws, Estimate, Estimator, Objective, Result, Sampler, persist};
/// # struct TwoPoint { clock: Clock, space: Space }
/// # persist!(TwoPoint { clock });
/// # impl Estimator for TwoPoint {
/// #     fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
/// #         let (key, sampler, draws) = (self.clock.key(), Sampler::Normal, Draws::Shared);
/// #         let pairs = Antithetic { key, pairs: 1, scale: 0.01, sampler, draws };
/// #         let losses = objective.losses(&pairs.batch(at, &self.space))?;
/// #         self.clock.tick();
/// #         Ok(Estimate { loss: losses.lowest(), gradient: pairs.combine(&losses, &self.space)?, evaluations: 2 })
/// #     }
/// # }
/// # fn some_optimizer(space: &Space) -> Result<impl moths_core::Optimizer + use<>> {
/// #     let estimator = TwoPoint { clock: Clock::new(moths_core::Key::new(1)), space: space.clone() };
/// #     let descent = moths_core::descent::build(&moths_core::Spec::new("adamw"), space)?;
/// #     Ok(moths_core::Descend::new(estimator, descent, space))
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
/// use moths_core::{Function, Reason, Space, Stop, Tally, minimize_from};
/// # use moths_core::{Antithetic, Clock, CowTensor, Draws, Estimate, Estimator, Objective, Result, Sampler, persist};
/// # struct TwoPoint { clock: Clock, space: Space }
/// # persist!(TwoPoint { clock });
/// # impl Estimator for TwoPoint {
/// #     fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
/// #         let (key, sampler, draws) = (self.clock.key(), Sampler::Normal, Draws::Shared);
/// #         let pairs = Antithetic { key, pairs: 1, scale: 0.01, sampler, draws };
/// #         let losses = objective.losses(&pairs.batch(at, &self.space))?;
/// #         self.clock.tick();
/// #         Ok(Estimate { loss: losses.lowest(), gradient: pairs.combine(&losses, &self.space)?, evaluations: 2 })
/// #     }
/// # }
/// # fn some_optimizer(space: &Space) -> Result<impl moths_core::Optimizer + use<>> {
/// #     let estimator = TwoPoint { clock: Clock::new(moths_core::Key::new(1)), space: space.clone() };
/// #     let descent = moths_core::descent::build(&moths_core::Spec::new("adamw"), space)?;
/// #     Ok(moths_core::Descend::new(estimator, descent, space))
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
