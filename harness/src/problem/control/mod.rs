//! Control: a policy network sees the state of a simulated machine and chooses what to do.
//!
//! A candidate is the parameters of a [`policy`]. Its loss is minus the mean return of a few episodes, whose initial states are
//! drawn anew in every step of the optimizer and are the same for all candidates of the step. An answer is judged on a hundred other
//! episodes, the same for every run.

mod acrobot;
mod cart_pole;
mod episodes;
mod pendulum;
mod policy;
mod task;

use std::{collections::HashMap, marker::PhantomData};

use candle_core::Tensor;
use moths::{CowTensor, Key, Objective, Space, Spec, tensor::host};

use super::{Answer, Entry, Examiner, Figure, Has, Kind, Measure, Options, Problem};
use crate::Result;
use acrobot::Acrobot;
use cart_pole::CartPole;
use episodes::{Episodes, play_all};
use pendulum::Pendulum;
use policy::Policy;
use task::{Ending, Task};

/// Episodes that an answer is judged on.
const JUDGED: usize = 100;

/// A [`Task`], and which episodes answers are judged on.
struct Control<T> {
    judged: Key,
    task: PhantomData<fn() -> T>,
}

impl<T: Task> Control<T> {
    /// The episodes of the judge are those of the test, or with [`Options::validate`] others.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) for options it does not have.
    fn new(options: &Options) -> Result<Self> {
        options.only(T::NAME, &[Has::HeldOut])?;
        // Candidates play the episodes of branch 3 of their seed's key: never these, whatever the seed.
        let judged = Key::new(u64::MAX).fold(u64::from(options.validate));
        Ok(Self { judged, task: PhantomData })
    }

    fn space(seed: u64) -> Result<Space> {
        policy::space(T::INPUTS, T::OUTPUTS, Key::new(seed).fold(2))
    }
}

impl<T: Task> Problem for Control<T> {
    fn objective(&self, seed: u64) -> Result<Box<dyn Objective + Send>> {
        Ok(Box::new(Episodes::<T>::new(Self::space(seed)?, Key::new(seed).fold(3))))
    }

    fn examiner(&self, seed: u64) -> Result<Box<dyn Examiner>> {
        Ok(Box::new(Judge::<T> { space: Self::space(seed)?, key: self.judged, task: PhantomData }))
    }

    fn measures(&self) -> &[Measure] {
        const SOLVED: Measure = Measure { name: "solved", kind: Figure::Share };
        const RETURN: Measure = Measure { name: "mean_return", kind: Figure::Score };
        if T::ENDING.is_some() { &[Measure::LOSS, SOLVED, RETURN] } else { &[Measure::LOSS, RETURN] }
    }

    fn answer(&self) -> Answer {
        Answer::Optimizers
    }

    fn minimum(&self) -> Option<f64> {
        T::HIGHEST.map(|highest| -highest)
    }

    /// Chosen with `--validate` and 6 to 12 seeds, against the others with several settings: the only one that learned to swing the
    /// pendulum up every time, and level with the best on the other tasks.
    fn default_optimizer(&self) -> Spec {
        Spec::new("sep-cma-es")
    }

    fn default_evaluations(&self) -> u64 {
        T::EVALUATIONS
    }

    fn default_threads(&self) -> usize {
        std::thread::available_parallelism().map_or(1, usize::from)
    }
}

/// Plays the same episodes with every answer.
struct Judge<T> {
    space: Space,
    key: Key,
    task: PhantomData<fn() -> T>,
}

impl<T: Task> Examiner for Judge<T> {
    fn examine(&mut self, answer: &CowTensor) -> Result<Vec<f64>> {
        let values = host::to_f64s(&*self.space.decode(answer)?)?;
        let episodes = play_all::<T>(&[(Policy::new(&values, T::INPUTS, T::OUTPUTS), self.key)], JUDGED);
        let share = |holds: &dyn Fn(bool) -> bool| episodes.iter().filter(|e| holds(e.ended)).count() as f64 / JUDGED as f64;
        let mean = episodes.iter().map(|e| e.total).sum::<f64>() / JUDGED as f64;
        Ok(match T::ENDING {
            Some(Ending::Success) => vec![-mean, share(&|ended| ended), mean],
            Some(Ending::Failure) => vec![-mean, share(&|ended| !ended), mean],
            None => vec![-mean, mean],
        })
    }

    fn tensors(&mut self, answer: &CowTensor) -> Result<Option<HashMap<String, Tensor>>> {
        let values = self.space.decode(answer)?;
        Ok(Some(self.space.tensors(&values)?.into_iter().collect()))
    }
}

fn entry<T: Task>() -> Entry {
    Entry {
        name: format!("control/{}", T::NAME),
        kind: Kind::Model,
        summary: T::SUMMARY.into(),
        group: String::new(),
        citation: T::CITATION.into(),
        hidden: false,
        reads_files: false,
        defaults: Options::default(),
        build: Box::new(|options| Ok(Box::new(Control::<T>::new(options)?))),
    }
}

/// All tasks.
pub(super) fn entries() -> Vec<Entry> {
    vec![entry::<CartPole>(), entry::<Acrobot>(), entry::<Pendulum>()]
}

#[cfg(test)]
mod tests;
