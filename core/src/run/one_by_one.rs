//! Candidates one by one, of any optimizer: for whoever evaluates several at a time, and gives the next to whoever is free.

use super::{Ask, AskTell};
use crate::{
    Error, Result,
    objective::Batch,
    optimizer::{Horizon, Optimizer, Proposal, Report, Spec, registry},
    rng::Key,
    space::Space,
};

/// An optimizer that is asked for one candidate at a time, and told one loss at a time, in any order.
///
/// One that is [`asynchronous`](crate::optimizer::Capabilities#structfield.asynchronous) has always another one, unless it waits for the losses of thousands, and learns at once. Any other hands out the candidates
/// of a batch, and learns when it has the losses of all: until then there may be nothing to do. What it asks does then not depend on the order in which
/// losses are told.
///
/// ```
/// use moths_core::{Horizon, Key, Space, run::{One, OneByOne}};
///
/// # fn main() -> moths_core::Result<()> {
/// let space = Space::bounded([(-1.0, 1.0); 2])?;
/// # if moths_core::registry::find("tpe").is_err() { return Ok(()) } // this crate alone registers nothing
/// let mut search = OneByOne::new(&"tpe".parse()?, &space, Key::new(1), Horizon::evaluations(20))?;
/// let (One::Evaluate(slow), One::Evaluate(fast)) = (search.ask()?, search.ask()?) else { unreachable!("it is asynchronous") };
/// search.tell(fast.number, 0.25)?;
/// search.tell(slow.number, f64::NAN)?; // it failed
/// # Ok(()) }
/// ```
pub struct OneByOne {
    search: AskTell,
    asynchronous: bool,
    /// How many losses it waits for, where it is asynchronous.
    waiting: u64,
    /// What is handed out, unless it is asynchronous.
    handed: Option<Handed>,
    /// The number of the next candidate that is handed out.
    next: u64,
}

/// A batch that is handed out.
struct Handed {
    batch: Batch,
    /// The number of its first candidate.
    first: u64,
    losses: Vec<Option<f64>>,
}

/// The answer to [`OneByOne::ask`].
#[derive(Clone, Debug)]
pub enum One {
    /// Evaluate this candidate, and tell its loss by its number.
    Evaluate(Proposal),
    /// There is nothing to evaluate before another loss is told: the batch is handed out, or as many candidates wait as can.
    Wait,
    /// A step is complete; asking again begins the next. Whoever is asynchronous has none.
    Step(Report),
}

impl OneByOne {
    /// The optimizer that a spec names, for a run of this length.
    ///
    /// # Errors
    /// As [`registry::build_for`].
    pub fn new(spec: &Spec, space: &Space, key: Key, horizon: Horizon) -> Result<Self> {
        let planned = registry::planned(spec, space, horizon)?;
        let asynchronous = registry::capabilities(&planned)?.asynchronous;
        let search = AskTell::new(registry::build(&planned, space, key)?, space);
        Ok(Self { search, asynchronous, waiting: 0, handed: None, next: 0 })
    }

    /// Fails as its first step would before it has evaluated anything: a method that needs gradients, say.
    ///
    /// # Errors
    /// As [`AskTell::ask`].
    pub fn check(&mut self) -> Result<()> {
        self.search.ask().map(drop)
    }

    /// Has it always another candidate, but for thousands that wait?
    pub fn is_asynchronous(&self) -> bool {
        self.asynchronous
    }

    /// The optimizer inside.
    pub fn optimizer(&mut self) -> &mut dyn Optimizer {
        self.search.optimizer()
    }

    /// What to do next. Every candidate is handed out once.
    ///
    /// # Errors
    /// As [`AskTell::ask`] and [`Optimizer::propose`].
    pub fn ask(&mut self) -> Result<One> {
        if self.asynchronous {
            return self.propose();
        }
        if self.handed.is_none() {
            let batch = match self.search.ask()? {
                Ask::Done(report) => return Ok(One::Step(report)),
                Ask::Evaluate(batch) => batch,
            };
            self.handed = Some(Handed { losses: vec![None; batch.len()], first: self.next, batch });
        }
        let Some(Handed { batch, first, losses }) = &self.handed else { return Ok(One::Wait) };
        let at = (self.next - first) as usize;
        if at >= losses.len() {
            return Ok(One::Wait);
        }
        let proposal = Proposal { number: self.next, point: batch.row(at, self.search.space())? };
        self.next += 1;
        Ok(One::Evaluate(proposal))
    }

    fn propose(&mut self) -> Result<One> {
        match self.search.optimizer().propose() {
            Ok(proposal) => {
                self.waiting += 1;
                Ok(One::Evaluate(proposal))
            }
            // As many wait as can: the next loss makes room.
            Err(Error::Unsupported { .. }) if self.waiting > 0 => Ok(One::Wait),
            Err(why) => Err(why),
        }
    }

    /// The loss of a candidate that was handed out; NaN where it failed.
    ///
    /// # Errors
    /// [`Error::Invalid`] for one that was not, or whose loss has been told; as [`Optimizer::learn`].
    pub fn tell(&mut self, number: u64, loss: f64) -> Result<()> {
        if self.asynchronous {
            self.search.optimizer().learn(number, loss)?;
            self.waiting = self.waiting.saturating_sub(1);
            return Ok(());
        }
        let given = self.next;
        let none = || Error::invalid("number", number, "that of a candidate whose loss has not been told");
        let Some(handed) = self.handed.as_mut().filter(|_| number < given) else { return Err(none()) };
        let at = number.checked_sub(handed.first).and_then(|at| handed.losses.get_mut(at as usize));
        match at {
            Some(known @ None) => *known = Some(loss),
            _ => return Err(none()),
        }
        if let Some(losses) = handed.losses.iter().copied().collect::<Option<Vec<f64>>>() {
            self.search.tell(losses)?;
            self.handed = None;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        objective::Objective,
        optimizer::Pending,
        persist::{Fields, Persist},
        tensor::CowTensor,
    };

    /// Proposes the start of its space, again and again.
    struct Start {
        space: Space,
        pending: Pending,
    }

    impl Optimizer for Start {
        fn step(&mut self, _objective: &mut dyn Objective) -> Result<Report> {
            Err(Error::Suspended)
        }

        fn answer(&self) -> Result<CowTensor> {
            Ok(self.space.start())
        }

        fn move_to(&mut self, _at: &CowTensor) -> Result<()> {
            Ok(())
        }

        fn propose(&mut self) -> Result<Proposal> {
            self.pending.add(self.space.start())
        }

        fn learn(&mut self, number: u64, _loss: f64) -> Result<()> {
            self.pending.get(number, &self.space)?;
            self.pending.remove(number);
            Ok(())
        }
    }

    impl Persist for Start {
        fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
            fields.field("pending", &mut self.pending)
        }
    }

    #[test]
    fn where_as_many_wait_as_can_there_is_nothing_to_do() -> Result<()> {
        let space = Space::bounded([(0.0, 1.0); 2])?;
        let optimizer = Start { pending: Pending::none(&space), space: space.clone() };
        let search = AskTell::new(Box::new(optimizer), &space);
        let mut search = OneByOne { search, asynchronous: true, waiting: 0, handed: None, next: 0 };
        let mut handed = 0;
        while let One::Evaluate(_) = search.ask()? {
            handed += 1;
        }
        assert!(handed > 1000 && matches!(search.ask()?, One::Wait));
        search.tell(7, 0.5)?;
        assert!(search.tell(7, 0.5).is_err(), "it has been told");
        assert!(matches!(search.ask()?, One::Evaluate(next) if next.number == handed));
        assert!(matches!(search.ask()?, One::Wait));
        Ok(())
    }
}
