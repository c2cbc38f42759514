//! One fine-tune: steps, the curve of it, checkpoints, and an orderly end.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use moths::{
    Checkpoint, Horizon, Key, Optimizer, Spec, Stop,
    persist::Persist,
    registry,
    run::{Reason, Tally, minimize_from},
};
use serde::{Deserialize, Serialize};

use super::{
    base::Base,
    examples::Examples,
    finite,
    head::{Head, Start},
    hidden::HiddenStates,
    memory,
    plan::Plan,
    pretrained::Pretrained,
    tuner::Tuner,
};
use crate::{
    Error, Result,
    curve::{Curve, Row},
    problem::{Figure, Measure},
    session::{Saving, Surroundings},
};

/// One in so many losses of a run may go into looking for tensors without effect.
const LOOK: u64 = 30;

/// Sentences that the model is judged by.
pub struct Set {
    /// What it is called.
    pub name: String,
    /// The sentences.
    pub examples: Examples,
}

/// What is known before the first step, and noted in checkpoints.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Before {
    /// Accuracy and mean loss on every set.
    pub figures: Vec<[f64; 2]>,
    /// The peak of memory while they were taken, in bytes, without what is kept of the training data: that of inference alone.
    pub memory: Option<u64>,
    /// The head, where it was fitted.
    pub head: Option<Head>,
}

impl Before {
    /// What is noted in a checkpoint.
    ///
    /// # Errors
    /// [`Error::Invalid`] when nothing is.
    pub fn of(checkpoint: &Checkpoint) -> Result<Self> {
        serde_json::from_value(checkpoint.note()["before"].clone())
            .map_err(|e| Error::invalid("checkpoint", "its note", format!("must hold figures from before the run ({e})")))
    }
}

/// How a run ended.
pub struct Summary {
    /// Why; `None` when it was interrupted.
    pub reason: Option<Reason>,
    /// What it used.
    pub tally: Tally,
    /// The curve, with a last row.
    pub curve: Curve,
    /// What was known before.
    pub before: Before,
    /// Accuracy and mean loss on every set; `None` of a run that was interrupted, whose last row of the curve is that of its last checkpoint.
    pub after: Option<Vec<[f64; 2]>>,
    /// The peak of memory of steps, in bytes.
    pub memory: Option<u64>,
    /// Bytes of it that are hidden states of frozen layers, kept so that they need not be computed again.
    pub hidden: u64,
    /// Why the last checkpoint could not be written.
    pub unsaved: Option<Error>,
}

/// A run of a [`Plan`].
pub struct Run {
    plan: Plan,
    /// The BERT that it began with.
    base: Option<Base>,
    /// The file of what it began with.
    file: PathBuf,
    sets: Vec<Set>,
    head: Option<Head>,
    hidden: HiddenStates,
    tuner: Tuner,
    optimizer: Box<dyn Optimizer>,
    /// The optimizer with what the length of the run decides.
    planned: Spec,
    tally: Tally,
    curve: Curve,
}

impl Run {
    /// The beginning of a run, whose working copy, where it has one, is in this folder; with a head that is known already, or is yet to
    /// be fitted.
    ///
    /// # Errors
    /// As [`Tuner::of`], and [`Error::Unknown`] and [`Error::Invalid`] for an optimizer that cannot be had.
    pub fn new(
        plan: Plan,
        base: &Pretrained,
        data: Examples,
        sets: Vec<Set>,
        folder: &Path,
        known: Option<Head>,
    ) -> Result<Self> {
        let (mut tuner, head, hidden) = match base {
            Pretrained::Bert(base) => headed(base, &plan, data.seen_again(), known)?,
            base => (Tuner::of(base, &plan, &data, folder)?, None, HiddenStates::within(0)),
        };
        let objective = tuner.objective();
        let space = objective.space().clone();
        let planned = registry::planned(&plan.optimizer, &space, Horizon::from(Some(plan.horizon)).on(objective))?;
        // The head and the minibatches follow from the seed itself: noise takes another branch.
        let optimizer = registry::build(&planned, &space, Key::new(plan.seed).fold(1))?;
        let curve = Curve::at_every(&measures(&sets), plan.every);
        let (file, base) = (base.file(), if let Pretrained::Bert(base) = base { Some(base.clone()) } else { None });
        Ok(Self { plan, base, file, sets, head, hidden, tuner, optimizer, planned, tally: Tally::default(), curve })
    }

    /// The plan it follows.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The curve so far.
    pub fn curve(&self) -> &Curve {
        &self.curve
    }

    /// What it has used and seen so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// What it is judged by.
    pub fn sets(&self) -> &[Set] {
        &self.sets
    }

    /// The model.
    pub fn tuner(&self) -> &Tuner {
        &self.tuner
    }

    /// How many weights are trained.
    pub fn dim(&mut self) -> usize {
        self.tuner.objective().space().dim()
    }

    /// Writes every step down in this file from now on.
    ///
    /// # Errors
    /// As [`Tuner::log_to`].
    pub fn log_to(&mut self, path: &Path) -> Result<()> {
        self.tuner.log_to(path)
    }

    /// Judges the model as it is before the first step; `None` where it was interrupted in that.
    ///
    /// # Errors
    /// [`Error::File`] for a base that answers no finite numbers.
    pub fn begin(&mut self, interrupted: &AtomicBool) -> Result<Option<Before>> {
        memory::forget();
        let Some(figures) = self.judged(usize::MAX, interrupted)? else { return Ok(None) };
        if let Some(set) = self.sets.iter().zip(&figures).find_map(|(set, [_, loss])| (!loss.is_finite()).then_some(set)) {
            return Err(finite::complaint(self.base.as_ref(), &self.file, &set.examples));
        }
        // They are there by now where a head was fitted, and else only later.
        let peak = memory::peak().map(|peak| peak.saturating_sub(self.hidden.bytes() as u64));
        Ok(Some(Before { figures, memory: peak, head: self.head.clone() }))
    }

    /// The names of tensors that are trained and that the loss does not read: nothing can come of them. Looked for where that is cheap beside the run.
    ///
    /// # Errors
    /// As [`Tuner::unread`].
    pub fn unread(&mut self) -> Result<Vec<String>> {
        self.tuner.unread(self.plan.evaluations / LOOK)
    }

    /// Goes on where a checkpoint of the same plan was taken; gives what was known before.
    ///
    /// # Errors
    /// [`Error::File`] when it does not fit; [`Error::Invalid`] when it has used more than the budget, or is of no run of this command.
    pub fn restore(&mut self, checkpoint: &Checkpoint) -> Result<Before> {
        let before = Before::of(checkpoint)?;
        let (planned, space) = (self.planned.clone(), self.tuner.objective().space().clone());
        checkpoint.restore(&planned, &space, &mut self.parts())?;
        let (used, budget) = (self.tally.evaluations, self.plan.evaluations);
        if used > budget {
            return Err(Error::invalid("--evaluations", budget, format!("at least {used}: so many the run has used already")));
        }
        Ok(before)
    }

    fn parts(&mut self) -> Vec<(&'static str, &mut dyn Persist)> {
        vec![
            // First the model: a search in place asks whether it is where the last step left it.
            ("model", &mut self.tuner),
            ("optimizer", &mut self.optimizer),
            ("tally", &mut self.tally),
            ("curve", &mut self.curve),
        ]
    }

    /// Runs to the end. The steps depend on nothing but the plan.
    ///
    /// # Errors
    /// What a step fails with. A checkpoint that cannot be written ends no run; see [`Summary::unsaved`].
    pub fn run(&mut self, before: Before, mut around: Surroundings<'_>) -> Result<Summary> {
        memory::forget();
        let note = self.plan.note(&serde_json::json!(before));
        self.mark(&note, &mut around)?;
        let reason = loop {
            let reason = self.advance(&mut around)?;
            self.mark(&note, &mut around)?;
            if reason != Reason::Observer {
                break Some(reason);
            }
            if around.interrupted.load(Ordering::Relaxed) {
                break None;
            }
        };
        let unsaved = self.save(&note, &mut around)?;
        let memory = memory::peak();
        self.place()?;
        let after = self.judged(usize::MAX, around.interrupted)?;
        let curve = self.curve.clone();
        let curve = match &after {
            Some(after) => curve.ending_with(Row::of(&self.tally, row(after))),
            None => curve,
        };
        Ok(Summary {
            reason: reason.filter(|_| after.is_some()),
            tally: self.tally.clone(),
            curve,
            before,
            after,
            memory,
            hidden: self.hidden.bytes() as u64,
            unsaved,
        })
    }

    /// Steps until something is due.
    fn advance(&mut self, around: &mut Surroundings<'_>) -> Result<Reason> {
        let stop = Stop::evaluations(self.plan.evaluations).without_best();
        let stop = around.seconds.into_iter().fold(stop, Stop::or_seconds);
        let (curve, audience, interrupted) = (&self.curve, &mut around.audience, around.interrupted);
        let (optimizer, objective) = (&mut *self.optimizer, self.tuner.objective());
        let outcome = minimize_from(self.tally.clone(), optimizer, objective, &stop, |progress| {
            audience.step(progress.tally);
            let due = curve.is_due(progress.tally.evaluations) || interrupted.load(Ordering::Relaxed);
            Ok(if due { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        self.tally = outcome.tally;
        Ok(outcome.reason)
    }

    /// A row of the curve and a checkpoint, where they are due.
    fn mark(&mut self, note: &serde_json::Value, around: &mut Surroundings<'_>) -> Result<()> {
        if !self.curve.is_due(self.tally.evaluations) {
            return Ok(());
        }
        self.place()?;
        // Of a run that is interrupted the row is missing, and the next checkpoint is that of its end.
        let Some(figures) = self.judged(self.plan.glanced_at(), around.interrupted)? else { return Ok(()) };
        let row = Row::of(&self.tally, row(&figures));
        around.audience.row(&row);
        self.curve.push(row);
        self.save(note, around).map(drop)
    }

    /// Gives the model the answer.
    fn place(&mut self) -> Result<()> {
        let answer = self.optimizer.answer()?;
        self.tuner.take(&answer)
    }

    /// Accuracy and mean loss on at most so many sentences of every set; `None` where it was interrupted.
    fn judged(&mut self, most: usize, interrupted: &AtomicBool) -> Result<Option<Vec<[f64; 2]>>> {
        self.sets.iter().map(|set| self.tuner.judge(&set.examples, most, interrupted)).collect()
    }

    /// Writes a checkpoint, if any are wanted; gives the reason when that fails.
    fn save(&mut self, note: &serde_json::Value, around: &mut Surroundings<'_>) -> Result<Option<Error>> {
        let Some(saving): &Option<Saving> = &around.saving else { return Ok(None) };
        let (planned, space) = (self.planned.clone(), self.tuner.objective().space().clone());
        let outcome = Checkpoint::take(&planned, &space, &mut self.parts())?.with_note(note.clone()).save(&saving.path);
        around.audience.saved(saving, &self.tally, &outcome);
        Ok(outcome.err())
    }

    /// Writes the tuned model.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Io`].
    pub fn write(&mut self, path: &Path) -> Result<()> {
        self.tuner.save(path)
    }
}

/// A BERT with its head, and what its frozen layers made of the data on the way.
fn headed(base: &Base, plan: &Plan, data: Examples, known: Option<Head>) -> Result<(Tuner, Option<Head>, HiddenStates)> {
    // As much again as the model takes.
    let hidden = HiddenStates::within(base.weights() * plan.dtype.dtype().size_in_bytes());
    let head = match (plan.head, known) {
        (None | Some(Start::Drawn), _) => None,
        _ if base.has_head() => None,
        (Some(Start::Fitted), Some(head)) => Some(head),
        (Some(Start::Fitted), None) => {
            let features = Tuner::keeping(base, plan, &data, None, &hidden)?.features(&data)?;
            if !finite::is_finite(&features)? {
                return Err(finite::complaint(Some(base), &base.file(), &data));
            }
            Some(Head::fitted(features, &data, plan.classes.len())?)
        }
    };
    Ok((Tuner::keeping(base, plan, &data, head.as_ref(), &hidden)?, head, hidden))
}

/// The loss on the first set, and the accuracies on all.
fn row(figures: &[[f64; 2]]) -> Vec<f64> {
    figures.first().map(|[_, loss]| *loss).into_iter().chain(figures.iter().map(|[accuracy, _]| *accuracy)).collect()
}

fn measures(sets: &[Set]) -> Vec<Measure> {
    let accuracy = |set: &Set| {
        // Measures have names that live as long as the program, and these are as few as its files.
        let name: &'static str = Box::leak(format!("{}_accuracy", set.name.replace('-', "_")).into_boxed_str());
        Measure { name, kind: Figure::Share }
    };
    std::iter::once(Measure::LOSS).chain(sets.iter().map(accuracy)).collect()
}
