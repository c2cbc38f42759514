//! Replicas of an objective, each on a thread of its own.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread::{self, Builder},
};

use rayon::ThreadPool;

use crate::{
    Error, Result,
    objective::{Batch, Home, Objective, Outputs},
    space::Space,
    tensor::CowTensor,
};
use candle_core::Tensor;

/// Evaluates a batch by several replicas of an objective at once, or by as many of them as the system gives threads for: one at least.
///
/// The replicas must give equal losses for equal candidates; which one evaluates which then changes nothing. Each runs
/// serially inside: replicas in parallel beat parallel operations inside one replica, since small matrix products run slower on two
/// threads than on one.
///
/// ```
/// use moths_core::{Batch, Function, Key, Objective, objective::layer::Pool, Space};
///
/// let space = Space::bounded([(-1.0, 1.0); 3])?;
/// let replica = || Function::new(space.clone(), |x| x.iter().map(|x| x * x).sum());
/// let mut pool = Pool::new(vec![replica(), replica()])?;
/// let batch = Batch::Dense(space.scatter(&space.start(), Key::new(1), 100)?);
/// assert_eq!(pool.evaluate(&batch)?, replica().evaluate(&batch)?);
/// # Ok::<(), moths_core::Error>(())
/// ```
pub struct Pool<O> {
    replicas: Vec<O>,
    /// Where replicas are confined to one thread; fewer where the system gives no more.
    threads: Vec<ThreadPool>,
}

impl<O: Objective + Send> Pool<O> {
    /// One thread a replica.
    ///
    /// # Errors
    /// [`Error::Invalid`] without a replica.
    pub fn new(replicas: Vec<O>) -> Result<Self> {
        if replicas.is_empty() {
            return Err(Error::invalid("replicas", 0, "at least one"));
        }
        let serial = || rayon::ThreadPoolBuilder::new().num_threads(1).build().ok();
        let threads = replicas.iter().map_while(|_| serial()).collect();
        Ok(Self { replicas, threads })
    }

    /// What the replicas make of the parts of a batch, in order.
    fn shared<T: Send>(&mut self, batch: &Batch, of: impl Fn(&mut O, &Batch) -> Result<T> + Sync) -> Result<Vec<T>> {
        let (replicas, next) = (self.replicas.len(), AtomicUsize::new(0));
        // Small shares, taken as threads become free: candidates may differ in cost.
        let share = batch.len().div_ceil(4 * replicas).max(1);
        let work = |replica: &mut O| -> Result<Vec<(usize, T)>> {
            let mut done = vec![];
            loop {
                let from = next.fetch_add(1, Ordering::Relaxed) * share;
                if from >= batch.len() {
                    return Ok(done);
                }
                let part = batch.part(from..batch.len().min(from + share));
                done.push((from, of(replica, &part)?));
            }
        };
        let finished = side_by_side(&mut self.replicas, &self.threads, &work);
        let mut parts: Vec<(usize, T)> = finished.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
        parts.sort_by_key(|(from, _)| *from);
        Ok(parts.into_iter().map(|(_, part)| part).collect())
    }

    /// The replicas.
    pub fn replicas(&mut self) -> &mut [O] {
        &mut self.replicas
    }
}

impl<O: Objective + Send> Objective for Pool<O> {
    fn space(&self) -> &Space {
        self.replicas[0].space()
    }

    fn stochastic(&self) -> bool {
        self.replicas[0].stochastic()
    }

    fn refresh(&mut self) -> Result<()> {
        self.replicas.iter_mut().try_for_each(Objective::refresh)
    }

    fn skip(&mut self, steps: u64) -> Result<()> {
        self.replicas.iter_mut().try_for_each(|replica| replica.skip(steps))
    }

    fn gradient(&mut self, at: &CowTensor) -> Result<Option<(f64, Tensor)>> {
        self.replicas[0].gradient(at)
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        Ok(self.shared(batch, |replica, part| replica.evaluate(part))?.concat())
    }

    /// Several models would have to move together: a pool of one is what a model in place goes into.
    fn home(&mut self) -> Option<&mut dyn Home> {
        if let [only] = &mut self.replicas[..] { only.home() } else { None }
    }

    fn shows_outputs(&self) -> bool {
        self.replicas[0].shows_outputs()
    }

    fn outputs(&mut self, batch: &Batch) -> Result<Option<Outputs>> {
        let parts = self.shared(batch, |replica, part| replica.outputs(part))?;
        parts.into_iter().collect::<Option<Vec<_>>>().filter(|parts| !parts.is_empty()).map(Outputs::joined).transpose()
    }
}

/// Work of the first replica on this thread, and of the others on threads of their own, as far as there are any.
fn side_by_side<O: Send, T: Send>(replicas: &mut [O], threads: &[ThreadPool], work: &(impl Fn(&mut O) -> T + Sync)) -> Vec<T> {
    let confined = |replica: &mut O, thread: Option<&ThreadPool>| match thread {
        Some(thread) => thread.install(|| work(replica)),
        None => work(replica),
    };
    let Some((first, others)) = replicas.split_first_mut() else { return vec![] };
    thread::scope(|scope| {
        let spawn = |(replica, thread)| Builder::new().spawn_scoped(scope, move || confined(replica, Some(thread))).ok();
        let running: Vec<_> = others.iter_mut().zip(threads.iter().skip(1)).map_while(spawn).collect();
        let mut finished = vec![confined(first, threads.first())];
        let joined = running.into_iter().map(|r| r.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        finished.extend(joined);
        finished
    })
}
