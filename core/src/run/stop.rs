//! When a run ends, and why it has.

use super::Tally;
use crate::reason::Reason;

/// When to stop; whichever comes first. Without any condition only the optimizer's own criterion ends a run.
///
/// ```
/// use moths_core::Stop;
/// let stop = Stop::evaluations(10_000).or_target(1e-8).or_seconds(60.0);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stop {
    pub(super) evaluations: Option<u64>,
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
    /// [`Error::Budget`](crate::Error::Budget).
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

    /// Or when a loss is at most this: that of the best point seen, which is handed out as [`Outcome::best`](super::Outcome::best) and need not be the answer.
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
    pub(super) fn kept(&self, stochastic: bool) -> f64 {
        if self.forgets || stochastic { self.target.unwrap_or(f64::NEG_INFINITY) } else { f64::INFINITY }
    }

    /// How many evaluations are allowed.
    pub fn evaluation_limit(&self) -> Option<u64> {
        self.evaluations
    }

    pub(super) fn reason(&self, tally: &Tally) -> Option<Reason> {
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
