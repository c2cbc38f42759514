//! Steps of several optimizers at once, whose candidates are evaluated in one joined batch a round.
//!
//! A step is deterministic and atomic, so it is simply run against the answers it has had so far; when they run out it is suspended, having
//! changed nothing, and what it asked is answered together with what the others asked. A step of R rounds is so begun R + 1 times, which costs
//! nothing beside its evaluations as long as R is one or two.

use moths_core::{Batch, CowTensor, Error, Objective, Optimizer, Report, Result, Space, candle_core::Tensor, objective::Outputs};

/// What an optimizer asks in the middle of its step.
#[derive(Clone)]
enum Asked {
    Losses(Batch),
    Gradient(CowTensor),
    Outputs(Batch),
}

/// What it was told.
#[derive(Clone)]
enum Told {
    Losses(Vec<f64>),
    Gradient(Option<(f64, Tensor)>),
    Outputs(Option<Outputs>),
}

/// The step of one of them, as far as it has come.
#[derive(Default)]
struct Turn {
    told: Vec<Told>,
    asked: Option<Asked>,
    report: Option<Report>,
}

/// A change of what a member sees of the losses and gradients: those of another objective.
pub(crate) trait View {
    /// Changes the losses of a batch.
    fn losses(&self, batch: &Batch, losses: &mut [f64]) -> Result<()>;
    /// Changes a loss and a gradient \[d\] at a point.
    fn gradient(&self, at: &CowTensor, seen: (f64, Tensor)) -> Result<(f64, Tensor)>;
}

/// One step of each. The reports are theirs, with the losses as they are whatever their view of them.
///
/// # Errors
/// What a step or the objective fails with. Steps that had ended are then done: for owners that step [`atomically`](moths_core::persist::atomically).
pub(crate) fn step_together<'a>(
    members: impl Iterator<Item = &'a mut Box<dyn Optimizer>>,
    objective: &mut dyn Objective,
    view: Option<&dyn View>,
) -> Result<Vec<Report>> {
    let mut members: Vec<&mut Box<dyn Optimizer>> = members.collect();
    let mut turns: Vec<Turn> = members.iter().map(|_| Turn::default()).collect();
    // Another view in the next step is another objective.
    let (space, stochastic) = (objective.space().clone(), objective.stochastic() || view.is_some());
    while turns.iter().any(|turn| turn.report.is_none()) {
        for (member, turn) in members.iter_mut().zip(&mut turns).filter(|(_, turn)| turn.report.is_none()) {
            turn.go_on(&mut ***member, &space, stochastic, view)?;
        }
        answer(&mut turns, objective)?;
    }
    Ok(turns.into_iter().filter_map(|turn| Some(turn.seen(turn.report.clone()?))).collect())
}

/// Answers what is asked: all losses in one go.
fn answer(turns: &mut [Turn], objective: &mut dyn Objective) -> Result<()> {
    let batches: Vec<Batch> = turns.iter().filter_map(Turn::batch).collect();
    let losses = if batches.is_empty() { vec![] } else { objective.losses(&Batch::Joined(batches.into()))?.to_vec() };
    let mut rest = losses.as_slice();
    for turn in turns {
        let told = match turn.asked.take() {
            None => continue,
            Some(Asked::Losses(batch)) => {
                let (own, others) = rest.split_at(batch.len());
                rest = others;
                Told::Losses(own.to_vec())
            }
            Some(Asked::Gradient(at)) => Told::Gradient(objective.gradient(&at)?),
            Some(Asked::Outputs(batch)) => Told::Outputs(objective.outputs_of(&batch)?),
        };
        turn.told.push(told);
    }
    Ok(())
}

impl Turn {
    /// Runs the step against what was told so far.
    fn go_on(&mut self, member: &mut dyn Optimizer, space: &Space, stochastic: bool, view: Option<&dyn View>) -> Result<()> {
        let mut listener = Listener { space, stochastic, view, told: &self.told, next: 0, asked: None };
        let outcome = member.step(&mut listener);
        let asked = listener.asked.take();
        match outcome {
            Ok(report) => self.report = Some(report),
            Err(Error::Suspended) if asked.is_some() => self.asked = asked,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn batch(&self) -> Option<Batch> {
        match &self.asked {
            Some(Asked::Losses(batch)) => Some(batch.clone()),
            _ => None,
        }
    }

    /// The report with the lowest loss that it was really told.
    fn seen(&self, report: Report) -> Report {
        let lowest = |told: &Told| match told {
            Told::Losses(losses) => losses.iter().copied().fold(f64::INFINITY, f64::min),
            Told::Gradient(Some((loss, _))) if loss.is_finite() => *loss,
            Told::Outputs(Some(outputs)) => outputs.losses.lowest(),
            Told::Gradient(_) | Told::Outputs(None) => f64::INFINITY,
        };
        report.with_loss(self.told.iter().map(lowest).fold(f64::INFINITY, f64::min))
    }
}

/// An objective that repeats what was told, and is then out of answers.
struct Listener<'a> {
    space: &'a Space,
    stochastic: bool,
    view: Option<&'a dyn View>,
    told: &'a [Told],
    next: usize,
    asked: Option<Asked>,
}

impl Listener<'_> {
    fn next(&mut self, asked: Asked) -> Result<Told> {
        let Some(told) = self.told.get(self.next) else {
            self.asked = Some(asked);
            return Err(Error::Suspended);
        };
        self.next += 1;
        Ok(told.clone())
    }
}

/// The same step asks the same again, or is not the pure function that it has to be.
fn astray<T>() -> Result<T> {
    Err(Error::Objective("a step that was repeated asked for something else than before".into()))
}

impl Objective for Listener<'_> {
    fn space(&self) -> &Space {
        self.space
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        let Told::Losses(mut losses) = self.next(Asked::Losses(batch.clone()))? else { return astray() };
        if losses.len() != batch.len() {
            return astray();
        }
        self.view.map_or(Ok(()), |view| view.losses(batch, &mut losses))?;
        Ok(losses)
    }

    fn stochastic(&self) -> bool {
        self.stochastic
    }

    fn gradient(&mut self, at: &CowTensor) -> Result<Option<(f64, Tensor)>> {
        let Told::Gradient(seen) = self.next(Asked::Gradient(at.clone()))? else { return astray() };
        // What is told again must be what it was, whatever is done with it.
        let seen = seen.map(|(loss, gradient)| Ok::<_, Error>((loss, gradient.copy()?))).transpose()?;
        match (self.view, seen) {
            (Some(view), Some(seen)) => view.gradient(at, seen).map(Some),
            (_, seen) => Ok(seen),
        }
    }

    fn outputs(&mut self, batch: &Batch) -> Result<Option<Outputs>> {
        let Told::Outputs(outputs) = self.next(Asked::Outputs(batch.clone()))? else { return astray() };
        Ok(outputs)
    }
}
