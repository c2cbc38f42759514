//! Episodes: a policy and a machine from a random start to the end.

use std::marker::PhantomData;

use moths::{Batch, Key, Objective, Space, persist::Clock, tensor::host};
use rayon::prelude::*;

use super::{policy::Policy, task::Task};

/// What an episode came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Episode {
    /// The sum of its rewards; NaN where the policy or the simulator gave NaN.
    pub(super) total: f64,
    /// Did it end before its time?
    pub(super) ended: bool,
}

/// Plays the episode of a key.
pub(super) fn play<T: Task>(policy: &Policy, key: Key) -> Episode {
    let mut machine = T::start(&mut key.stream());
    let mut outputs = vec![0.0; T::OUTPUTS];
    let mut total = 0.0;
    for _ in 0..T::STEPS {
        policy.decide(machine.observe().as_ref(), &mut outputs);
        // A choice between outputs would hide it.
        if outputs.iter().any(|output| output.is_nan()) {
            return Episode { total: f64::NAN, ended: false };
        }
        let step = machine.step(&outputs);
        total += step.reward;
        if step.ends {
            return Episode { total, ended: true };
        }
    }
    Episode { total, ended: false }
}

/// So many episodes of every policy, of the folds of its key, policy by policy.
pub(super) fn play_all<T: Task>(policies: &[(Policy, Key)], episodes: usize) -> Vec<Episode> {
    let play = |i: usize| {
        let (policy, key) = &policies[i / episodes];
        play::<T>(policy, key.fold((i % episodes) as u64))
    };
    (0..policies.len() * episodes).into_par_iter().map(play).collect()
}

/// Minus the mean return of [`Task::EPISODES`] episodes: new ones after every refresh, the same for all candidates of one draw.
pub(super) struct Episodes<T> {
    space: Space,
    clock: Clock,
    task: PhantomData<fn() -> T>,
}

impl<T: Task> Episodes<T> {
    /// The episodes of a key.
    pub(super) fn new(space: Space, key: Key) -> Self {
        Self { space, clock: Clock::new(key), task: PhantomData }
    }

    fn candidate(&self, batch: &Batch, i: usize) -> moths::Result<(Policy, Key)> {
        let values = host::to_f64s(&*self.space.decode(&*batch.row(i, &self.space)?)?)?;
        Ok((Policy::new(&values, T::INPUTS, T::OUTPUTS), self.clock.key().fold(u64::from(batch.draw(i)))))
    }
}

impl<T: Task> Objective for Episodes<T> {
    fn space(&self) -> &Space {
        &self.space
    }

    fn evaluate(&mut self, batch: &Batch) -> moths::Result<Vec<f64>> {
        let policies = (0..batch.len()).map(|i| self.candidate(batch, i)).collect::<moths::Result<Vec<_>>>()?;
        let mean = |episodes: &[Episode]| episodes.iter().map(|e| e.total).sum::<f64>() / episodes.len() as f64;
        Ok(play_all::<T>(&policies, T::EPISODES).chunks(T::EPISODES).map(|episodes| -mean(episodes)).collect())
    }

    fn stochastic(&self) -> bool {
        true
    }

    fn refresh(&mut self) -> moths::Result<()> {
        self.clock.tick();
        Ok(())
    }

    fn skip(&mut self, steps: u64) -> moths::Result<()> {
        self.clock.step = self.clock.step.saturating_add(steps);
        Ok(())
    }
}
