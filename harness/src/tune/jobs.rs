//! Several jobs side by side.

use std::{
    collections::VecDeque,
    io,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::channel,
    },
    thread::{Builder, scope},
};

use crate::{Error, Result};

/// Works on all jobs, so many at a time; what comes of each is taken as it comes. The first error ends it: no job is begun after it, and those
/// that are being worked on can see `halt`.
///
/// # Errors
/// What work or taking fails with; [`Error::Io`] where the system gives no thread.
pub(super) fn side_by_side<J: Send, R: Send>(
    jobs: Vec<J>,
    seats: usize,
    halt: &AtomicBool,
    work: impl Fn(J) -> Result<R> + Sync,
    mut take: impl FnMut(R) -> Result<()>,
) -> Result<()> {
    let seats = seats.min(jobs.len());
    let queue = Mutex::new(VecDeque::from(jobs));
    let next = || {
        let halted = halt.load(Ordering::Relaxed);
        if halted { None } else { queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front() }
    };
    let (work, next) = (&work, &next);
    scope(|scope| {
        let (sender, receiver) = channel();
        for seat in 0..seats {
            let sender = sender.clone();
            let sit = move || {
                while let Some(job) = next() {
                    if sender.send(work(job)).is_err() {
                        return;
                    }
                }
            };
            match Builder::new().name(format!("moths-job-{seat}")).spawn_scoped(scope, sit) {
                Ok(_) => {}
                Err(source) if seat == 0 => return Err(no_thread(source)),
                // Those that there are do the work of the others.
                Err(_) => break,
            }
        }
        drop(sender);
        let mut outcome = Ok(());
        for done in receiver {
            if let Err(error) = done.and_then(&mut take) {
                halt.store(true, Ordering::Relaxed);
                outcome = outcome.and(Err(error));
            }
        }
        outcome
    })
}

fn no_thread(source: io::Error) -> Error {
    Error::Io { path: "a thread".into(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_done_unless_one_fails() -> Result<()> {
        let mut done = vec![];
        let halt = AtomicBool::new(false);
        side_by_side(
            (0..50).collect(),
            4,
            &halt,
            |i: u32| Ok(i * i),
            |square| {
                done.push(square);
                Ok(())
            },
        )?;
        done.sort_unstable();
        assert_eq!(done, (0..50).map(|i| i * i).collect::<Vec<u32>>());
        let mut begun = 0;
        let fails = |i: u32| if i == 2 { Err(Error::Suspended) } else { Ok(i) };
        let outcome = side_by_side((0..50).collect(), 1, &halt, fails, |_| {
            begun += 1;
            Ok(())
        });
        assert!(matches!(outcome, Err(Error::Suspended)) && begun < 50 && halt.into_inner());
        Ok(())
    }
}
