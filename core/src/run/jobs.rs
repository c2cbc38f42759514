//! Several jobs side by side, the next of which may depend on what came of those before.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, channel},
    },
    thread::{Builder, panicking, scope},
};

use crate::{Error, Result};

/// Who hands out jobs, one to whoever is free, and takes what comes of them.
pub trait Desk {
    /// What is to be done.
    type Job: Send;
    /// What came of it.
    type Done: Send;

    /// The next job; `None` where there is none before one that is under way is done. Where none is under way, it is over.
    ///
    /// # Errors
    /// Ends the work.
    fn next(&mut self) -> Result<Option<Self::Job>>;

    /// Something is done.
    ///
    /// # Errors
    /// Ends the work.
    fn done(&mut self, done: Self::Done) -> Result<()>;
}

/// Works at a desk until there is nothing left to do, so many jobs at a time. The first error ends it: no job is begun after it, and those that are
/// being worked on can see `halt`. So does a panic, of the work or of the desk, which is passed on when they have ended.
///
/// ```
/// use std::sync::atomic::AtomicBool;
/// use moths_core::{Result, run::{Desk, side_by_side}};
///
/// /// Squares, until their sum is large enough.
/// struct Squares { next: u64, sum: u64 }
///
/// impl Desk for Squares {
///     type Job = u64;
///     type Done = u64;
///
///     fn next(&mut self) -> Result<Option<u64>> {
///         self.next += 1;
///         Ok((self.sum < 100).then_some(self.next))
///     }
///
///     fn done(&mut self, square: u64) -> Result<()> {
///         self.sum += square;
///         Ok(())
///     }
/// }
///
/// let mut squares = Squares { next: 0, sum: 0 };
/// side_by_side(&mut squares, 3, &AtomicBool::new(false), |i| Ok(i * i))?;
/// assert!(squares.sum >= 100);
/// # Ok::<(), moths_core::Error>(())
/// ```
///
/// # Errors
/// What the desk or the work fails with; [`Error::Io`] where the system gives no thread.
pub fn side_by_side<D: Desk>(
    desk: &mut D,
    seats: usize,
    halt: &AtomicBool,
    work: impl Fn(D::Job) -> Result<D::Done> + Sync,
) -> Result<()> {
    let (jobs, queue) = channel::<D::Job>();
    let (queue, work) = (Mutex::new(queue), &work);
    let queue = &queue;
    scope(move |scope| {
        let _halting = Halting(halt);
        // Gone when this is left: whoever waits for a job then goes too.
        let jobs = jobs;
        let (sender, finished) = channel();
        let (mut seats, mut threads, mut running, mut outcome) = (seats.max(1), 0, 0, Ok(()));
        loop {
            while outcome.is_ok() && running < seats {
                if running == threads {
                    let sender = sender.clone();
                    let sit = move || {
                        while let Some(job) = taken(queue) {
                            // A panic is passed on to who waits for all.
                            if sender.send(catch_unwind(AssertUnwindSafe(|| work(job)))).is_err() {
                                return;
                            }
                        }
                    };
                    match Builder::new().name(format!("moths-job-{threads}")).spawn_scoped(scope, sit) {
                        Ok(_) => threads += 1,
                        Err(source) if threads == 0 => return Err(no_thread(source)),
                        // Those that there are do the work of the others.
                        Err(_) => {
                            seats = threads;
                            continue;
                        }
                    }
                }
                match desk.next() {
                    // Somebody listens, or there would be no thread.
                    Ok(Some(job)) => running += usize::from(jobs.send(job).is_ok()),
                    Ok(None) => break,
                    Err(error) => outcome = Err(error),
                }
            }
            if outcome.is_err() {
                halt.store(true, Ordering::Relaxed);
            }
            if running == 0 {
                return outcome;
            }
            let Ok(done) = finished.recv() else { return outcome };
            running -= 1;
            let told = done.unwrap_or_else(|panic| resume_unwind(panic));
            // What was under way when something failed may have ended well.
            let taken = told.and_then(|done| desk.done(done));
            outcome = outcome.and(taken);
        }
    })
}

/// Sets the flag where a panic ends what it is part of: whoever works on would be waited for.
struct Halting<'a>(&'a AtomicBool);

impl Drop for Halting<'_> {
    fn drop(&mut self) {
        if panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

/// The next job that is handed out; `None` when there will be none.
fn taken<J>(queue: &Mutex<Receiver<J>>) -> Option<J> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

fn no_thread(source: io::Error) -> Error {
    Error::Io { path: "a thread".into(), source }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    struct Numbers {
        next: u32,
        end: u32,
        done: Vec<u32>,
    }

    impl Desk for Numbers {
        type Job = u32;
        type Done = u32;

        fn next(&mut self) -> Result<Option<u32>> {
            self.next += 1;
            Ok((self.next <= self.end).then_some(self.next - 1))
        }

        fn done(&mut self, number: u32) -> Result<()> {
            self.done.push(number);
            Ok(())
        }
    }

    fn numbers(end: u32) -> Numbers {
        Numbers { next: 0, end, done: vec![] }
    }

    #[test]
    fn all_are_done_unless_one_fails() {
        let (mut all, halt) = (numbers(50), AtomicBool::new(false));
        side_by_side(&mut all, 4, &halt, |i| Ok(i * i)).expect("no failure");
        all.done.sort_unstable();
        assert_eq!(all.done, (0..50).map(|i| i * i).collect::<Vec<u32>>());
        let mut some = numbers(50);
        let outcome = side_by_side(&mut some, 1, &halt, |i| if i == 2 { Err(Error::Suspended) } else { Ok(i) });
        assert!(matches!(outcome, Err(Error::Suspended)) && some.done == [0, 1] && halt.into_inner());
    }

    #[test]
    fn whoever_is_free_gets_the_next_at_once() {
        // The first job ends when the tenth does: it could never, did anybody wait for it.
        let (mut all, both) = (numbers(10), Barrier::new(2));
        let work = |i| {
            if i == 0 || i == 9 {
                both.wait();
            }
            Ok(i)
        };
        side_by_side(&mut all, 2, &AtomicBool::new(false), work).expect("no failure");
        assert_eq!(all.done.len(), 10);
    }

    #[test]
    fn a_panic_is_passed_on() {
        let halt = AtomicBool::new(false);
        let run = || side_by_side(&mut numbers(9), 3, &halt, |i| if i == 4 { panic!("on purpose") } else { Ok(i) });
        assert!(catch_unwind(AssertUnwindSafe(run)).is_err() && halt.load(Ordering::Relaxed));
    }

    struct Stumbles;

    impl Desk for Stumbles {
        type Job = ();
        type Done = ();

        fn next(&mut self) -> Result<Option<()>> {
            Ok(Some(()))
        }

        fn done(&mut self, (): ()) -> Result<()> {
            panic!("on purpose")
        }
    }

    #[test]
    fn a_panic_of_the_desk_halts_what_is_under_way() {
        let (halt, first) = (AtomicBool::new(false), AtomicBool::new(true));
        // All but the first go on until they see that it is over.
        let work = |()| {
            while !first.swap(false, Ordering::Relaxed) && !halt.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            Ok(())
        };
        let run = || side_by_side(&mut Stumbles, 3, &halt, work);
        assert!(catch_unwind(AssertUnwindSafe(run)).is_err() && halt.load(Ordering::Relaxed));
    }
}
