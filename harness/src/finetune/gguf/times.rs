//! What of the time that losses take is loading the model, and what is running it.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// Nanoseconds. A model that is loaded for something else than a loss counts for nothing.
#[derive(Default)]
pub(super) struct Times {
    /// Of the model that was loaded last.
    last: AtomicU64,
    loading: AtomicU64,
    running: AtomicU64,
}

impl Times {
    /// Loads a model.
    pub(super) fn load<T>(&self, load: impl FnOnce() -> T) -> T {
        let (loaded, took) = timed(load);
        self.last.store(took, Relaxed);
        loaded
    }

    /// Takes the loss of the model that was loaded last.
    pub(super) fn run<T>(&self, run: impl FnOnce() -> T) -> T {
        let (loss, took) = timed(run);
        self.loading.fetch_add(self.last.swap(0, Relaxed), Relaxed);
        self.running.fetch_add(took, Relaxed);
        loss
    }

    /// Of loading, and of running.
    pub(super) fn taken(&self) -> [Duration; 2] {
        [&self.loading, &self.running].map(|nanoseconds| Duration::from_nanos(nanoseconds.load(Relaxed)))
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let begin = Instant::now();
    let done = work();
    (done, u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX))
}
