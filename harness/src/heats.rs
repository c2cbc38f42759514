//! Many runs side by side, each on a thread of its own, while somebody looks on.

use std::{
    ops::ControlFlow,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread::{self, Builder},
};

/// Sees runs pass by, from all threads; `T` is what is left of a run.
pub trait Spectator<T>: Sync {
    /// Runs used so many more evaluations.
    fn used(&self, _evaluations: u64) {}
    /// A run is over.
    fn finished(&self, _run: &T) {}
}

/// Nobody looks on.
impl<T> Spectator<T> for () {}

/// Every worker takes the next heat whenever it is free: the first on this thread, the others on threads of their own, as far as the
/// system gives any. Once a heat breaks off, or somebody interrupts, none begins.
pub(crate) fn share_out<W: Sync, H: Sync>(
    workers: &[W],
    heats: &[H],
    interrupted: &AtomicBool,
    run: impl Fn(&W, &H) -> ControlFlow<()> + Sync,
) {
    let (next, broken) = (AtomicUsize::new(0), AtomicBool::new(false));
    let work = &|worker: &W| {
        while let Some(heat) = heats.get(next.fetch_add(1, Ordering::Relaxed)) {
            if interrupted.load(Ordering::Relaxed) || broken.load(Ordering::Relaxed) {
                return;
            }
            if run(worker, heat).is_break() {
                broken.store(true, Ordering::Relaxed);
            }
        }
    };
    let Some((first, others)) = workers.split_first() else { return };
    thread::scope(|scope| {
        let spawned = others.iter().take_while(|worker| Builder::new().spawn_scoped(scope, || work(worker)).is_ok());
        spawned.for_each(drop);
        work(first);
    });
}
