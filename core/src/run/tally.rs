//! What a run counts.

use std::borrow::Cow;

use super::{Reason, Stop};
use crate::{
    Error, Result,
    objective::{Objective, layer::Budget},
    optimizer::{Optimizer, Report},
    persist::{Fields, Persist},
};

/// What a run has used and seen so far, and what it must not do again. Part of a checkpoint: a resumed run goes on counting, and one that has
/// ended by itself has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Tally {
    /// Steps done.
    pub steps: u64,
    /// Loss evaluations used.
    pub evaluations: u64,
    /// The lowest loss that any candidate of any step had; on a stochastic objective the luckiest, and no promise. Of the answer nothing
    /// is said: see [`Outcome`](super::Outcome).
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
    pub(super) fn step(
        &mut self,
        optimizer: &mut dyn Optimizer,
        objective: &mut dyn Objective,
        stop: &Stop,
    ) -> Result<Option<Report>> {
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
    pub(super) fn reason(&self, stop: &Stop) -> Option<Reason> {
        if let Some(why) = &self.converged {
            return Some(Reason::Converged(why.clone()));
        }
        if self.short_of.is_some() && self.short_of == stop.evaluations {
            return Some(Reason::Evaluations);
        }
        stop.reason(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persist::{Keep, State};

    /// Whatever an optimizer gives as its reason: it is saved, it comes back, and it ends the run.
    #[test]
    fn every_reason_can_be_saved() -> Result<()> {
        let long: &'static str = "é".repeat(LONGEST_REASON).leak();
        for (why, kept) in [("flat", "flat"), ("two\nlines", "two lines"), ("", "converged"), (long, &long[..LONGEST_REASON / 2])]
        {
            let mut tally = Tally::default();
            tally.add(&Report::new(1.0, 1).converged(Some(why)));
            let mut again = Tally::default();
            State::of(&mut tally)?.restore(&mut again, Keep::Nothing)?;
            assert_eq!(again, tally);
            assert_eq!(again.reason(&Stop::never()), Some(Reason::Converged(kept.to_owned().into())));
        }
        Ok(())
    }
}
