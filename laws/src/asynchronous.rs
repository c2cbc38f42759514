//! Candidates that are proposed while others are being evaluated.

use candle_core::DType;
use rand::{RngExt, seq::SliceRandom};

use super::{
    Law, Subject,
    broken::{Breach, Verdict},
    path::{self, KEY, OTHER_KEY},
    problem::Problem,
};
use moths_core::{
    Batch, CowTensor, Error, Key, Optimizer, Result, Space,
    optimizer::Proposal,
    persist::{Keep, State},
    registry,
    tensor::host,
};

pub(super) const LAW: Law = Law {
    name: "asynchronous",
    statement: "whoever promises it proposes while losses are outstanding and learns of them in any order, each exactly and atomically, loses none, \
                proposes nothing twice, looks next at what is suggested if it takes suggestions, changes nothing where as many wait as can, \
                and one at a time takes the path of steps of one candidate; others refuse",
    holds,
};

/// How many are evaluated at a time.
const JOBS: usize = 4;
/// How many candidates are proposed.
const CANDIDATES: usize = 40;
/// After so many the state is saved.
const SAVED: usize = 23;
/// Who lets as many wait as these is not looked at when it can have no more.
const MANY: usize = 5_000;

fn holds(subject: &Subject) -> Verdict {
    if !subject.capabilities()?.asynchronous {
        let problem = Problem::free(5, DType::F32)?;
        let mut optimizer = subject.build(problem.space(), KEY)?;
        let _ = path::run(&mut *optimizer, &mut problem.clone(), 1); // one that needs outputs fails here
        return refuses(&mut *optimizer);
    }
    for (name, problem) in Problem::all()? {
        let Some(optimizer) = subject.build_if_able(problem.space(), KEY)? else { continue };
        let crowd = Crowd { optimizer, problem, waiting: vec![], lowest: f64::INFINITY };
        crowd.works(subject).map_err(|b| b.under(name))?;
    }
    looks_at_suggestions(subject)?;
    refuses_when_full(subject)?;
    one_at_a_time(subject)
}

/// Some candidates under way.
struct Crowd {
    optimizer: Box<dyn Optimizer>,
    problem: Problem,
    waiting: Vec<Proposal>,
    /// The lowest loss that was told.
    lowest: f64,
}

impl Crowd {
    fn works(mut self, subject: &Subject) -> Verdict {
        let mut seen = self.proceed(0..SAVED)?;
        let mut resumed = subject.build(self.problem.space(), OTHER_KEY)?;
        State::of(&mut *self.optimizer)?.restore(&mut *resumed, Keep::Nothing)?;
        let mut other =
            Self { optimizer: resumed, problem: self.problem.clone(), waiting: self.waiting.clone(), lowest: self.lowest };
        let rest = self.proceed(SAVED..CANDIDATES)?;
        ensure!(rest == other.proceed(SAVED..CANDIDATES)?, "resumed, it proposes other candidates");
        path::same_state(&path::digest(&mut *self.optimizer)?, &path::digest(&mut *other.optimizer)?)
            .map_err(|b| b.under("resumed"))?;
        let space = self.problem.space();
        let continuous = !space.is_discrete() && space.fixed().all(|fixed| !fixed);
        seen.extend(rest);
        let all = seen.len();
        seen.sort_unstable();
        seen.dedup();
        ensure!(!continuous || seen.len() == all, "of {all} candidates, only {} are different ones", seen.len());
        self.keeps_to_the_rules()?;
        self.moves()
    }

    /// Proposes these, and tells losses of those that wait in an order of its own, some of them NaN; the hashes of what was proposed.
    fn proceed(&mut self, numbers: std::ops::Range<usize>) -> std::result::Result<Vec<u64>, Breach> {
        let mut seen = vec![];
        for i in numbers {
            let proposal = self.optimizer.propose()?;
            let mut inside = proposal.point.clone();
            self.problem.space().confine(&mut inside)?;
            path::same_point("a proposal, moved inside,", &numbers_of(&proposal.point)?, &numbers_of(&inside)?)?;
            seen.push(path::hash(&numbers_of(&proposal.point)?));
            self.waiting.push(proposal);
            let mut stream = Key::new(3).fold(i as u64).stream();
            // All but few, as jobs that take unlike times.
            let left = stream.random_range(0..=JOBS);
            self.waiting.shuffle(&mut stream);
            while self.waiting.len() > left {
                self.tell(i % 7 == 3)?;
            }
        }
        Ok(seen)
    }

    fn tell(&mut self, fails: bool) -> Verdict {
        let Some(proposal) = self.waiting.pop() else { return Ok(()) };
        let loss = if fails { f64::NAN } else { self.problem.loss_at(&proposal.point)? };
        let before = path::digest(&mut *self.optimizer)?;
        self.optimizer.learn(proposal.number, loss)?;
        ensure!(before != path::digest(&mut *self.optimizer)?, "a loss was told, and changed nothing");
        self.lowest = self.lowest.min(loss);
        Ok(())
    }

    /// What was never proposed, and what was told, is refused; the best of all is not lost, however late it comes.
    fn keeps_to_the_rules(&mut self) -> Verdict {
        // The second one still waits when the loss of the first is told.
        let (late, _) = (self.optimizer.propose()?, self.optimizer.propose()?);
        for _ in 0..2 * JOBS {
            let proposal = self.optimizer.propose()?;
            self.optimizer.learn(proposal.number, self.problem.loss_at(&proposal.point)?)?;
        }
        let loss = self.lowest.min(0.0) - 1.0;
        self.optimizer.learn(late.number, loss)?;
        let before = path::digest(&mut *self.optimizer)?;
        for (number, what) in [(late.number, "what was told already"), (u64::MAX >> 12, "what was never proposed")] {
            let answer = self.optimizer.learn(number, 1.0);
            ensure!(
                matches!(answer, Err(Error::Invalid { .. })),
                "{what} is told, and that gives {answer:?} instead of a refusal"
            );
            path::same_state(&before, &path::digest(&mut *self.optimizer)?).map_err(|b| b.under(what))?;
        }
        let answer = path::answer(&*self.optimizer)?;
        path::same_point("the answer, where the lowest loss came last,", &numbers_of(&late.point)?, &answer)
    }

    /// After a move nobody waits for what was proposed before.
    fn moves(&mut self) -> Verdict {
        let before = self.optimizer.propose()?;
        self.optimizer.move_to(&self.problem.space().start())?;
        let answer = self.optimizer.learn(before.number, 1.0);
        ensure!(
            matches!(answer, Err(Error::Invalid { .. })),
            "after a move, what waited before is told, and that gives {answer:?}"
        );
        // And both kinds of working go on, one after the other.
        let (proposal, mut problem) = (self.optimizer.propose()?, self.problem.clone());
        path::step(&mut *self.optimizer, &mut problem)?;
        self.optimizer.learn(proposal.number, problem.loss_at(&proposal.point)?)?;
        Ok(())
    }
}

fn numbers_of(point: &CowTensor) -> Result<Vec<f64>> {
    host::to_f64s(point)
}

/// Where the size can be one, proposing and learning in turns is stepping.
fn one_at_a_time(subject: &Subject) -> Verdict {
    let Some(size) = registry::find(&subject.spec().name)?.meta.size else { return Ok(()) };
    let single = subject.with(size, 1.into());
    for problem in [Problem::free(5, DType::F32)?, Problem::boxed(4, DType::F64)?] {
        let (mut steps, mut turns) = (single.build(problem.space(), KEY)?, single.build(problem.space(), KEY)?);
        for k in 0..CANDIDATES {
            let step = path::step(&mut *steps, &mut problem.clone())?;
            let proposal = turns.propose()?;
            let hash = path::hash(&numbers_of(&proposal.point)?);
            ensure!(step.candidates == [hash], "proposal {k}, of one at a time, is not the candidate of the step");
            turns.learn(proposal.number, problem.loss_at(&proposal.point)?)?;
            path::same_point("the answer, learning one at a time,", &step.answer, &path::answer(&*turns)?)?;
        }
    }
    Ok(())
}

/// What is suggested is proposed before anything else, but for the start, which is first of all.
fn looks_at_suggestions(subject: &Subject) -> Verdict {
    if !subject.capabilities()?.suggestible {
        return Ok(());
    }
    for (problem, told) in [(Problem::free(5, DType::F32)?, 0), (Problem::boxed(4, DType::F64)?, 3)] {
        let mut optimizer = subject.build(problem.space(), KEY)?;
        for _ in 0..told {
            let proposal = optimizer.propose()?;
            optimizer.learn(proposal.number, problem.loss_at(&proposal.point)?)?;
        }
        let point = away(problem.space())?;
        optimizer.suggest(&Batch::one(&point)?)?;
        let wanted = path::hash(&numbers_of(&problem.space().point(&point)?)?);
        let mut found = false;
        for _ in 0..2 {
            let proposal = optimizer.propose()?;
            found |= path::hash(&numbers_of(&proposal.point)?) == wanted;
        }
        ensure!(found, "what is suggested after {told} losses is not among the next two proposals");
    }
    Ok(())
}

/// A point outside, where there is an outside.
fn away(space: &Space) -> Result<CowTensor> {
    Ok(CowTensor::new((&*space.start() + 1e3)?))
}

/// Whoever waits for as many as it can refuses, which changes nothing, and proposes again when it has learnt of one. No loss is told before: what
/// knows of none has cheap proposals.
fn refuses_when_full(subject: &Subject) -> Verdict {
    let problem = Problem::boxed(4, DType::F64)?;
    let mut optimizer = subject.build(problem.space(), KEY)?;
    let first = optimizer.propose()?;
    if (1..MANY).all(|_| optimizer.propose().is_ok()) {
        return Ok(());
    }
    // What waits to be proposed must not be lost either.
    if subject.capabilities()?.suggestible {
        optimizer.suggest(&Batch::one(&away(problem.space())?)?)?;
    }
    let before = path::digest(&mut *optimizer)?;
    let answer = optimizer.propose().map(drop);
    ensure!(
        matches!(answer, Err(Error::Unsupported { .. })),
        "it waits for as many as it can, and answers {answer:?}, no refusal"
    );
    path::same_state(&before, &path::digest(&mut *optimizer)?).map_err(|b| b.under("as many wait as can"))?;
    optimizer.learn(first.number, problem.loss_at(&first.point)?)?;
    optimizer.propose()?;
    Ok(())
}

fn refuses(optimizer: &mut dyn Optimizer) -> Verdict {
    let before = path::digest(optimizer)?;
    let answers = [optimizer.propose().map(drop), optimizer.learn(0, 1.0)];
    for answer in answers {
        ensure!(matches!(answer, Err(Error::Unsupported { .. })), "it does not promise it, and answers {answer:?}, no refusal");
    }
    path::same_state(&before, &path::digest(optimizer)?).map_err(|b| b.under("a proposal was refused"))
}
