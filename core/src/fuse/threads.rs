//! Many threads for big tensors, without ever running somebody else's work under a lock.
//!
//! **The hazard.** A kernel holds candle's storage locks while it runs. A rayon thread that waits in `join` takes other
//! jobs meanwhile: on the global pool that may be another replica's forward pass, or a whole other step, which may want a
//! lock that the waiting frame below it holds. It would wait for itself, forever. `ThreadPool::install` does not help by
//! itself: called from a thread of another pool it steals from that pool while it waits.
//!
//! **The rule.** Kernels have a pool of their own, and
//!
//! 1. locks are taken *inside* the job that is installed in the pool, so that the caller, who may steal while it waits,
//!    holds none of them;
//! 2. one kernel at a time is in the pool ([`Claim`]); whoever finds it taken does not wait but runs on its own thread.
//!    So the jobs that a pool thread can find while it waits in `join` are pieces of its own kernel;
//! 3. a piece sees plain slices, calls no user code that could lock, and is finished by whoever runs it.
//!
//! Nobody waits for a thread while holding a lock except for pieces, and pieces wait for nothing: no cycle through threads.
//! Among locks there is none either, because every kernel takes its own in one global order ([`super::cpu`]).
//!
//! How the work is split changes no bit of a result: elements are independent, and reductions split at fixed places.

use std::sync::{
    OnceLock,
    atomic::{AtomicBool, Ordering},
};

use rayon::{ThreadPool, ThreadPoolBuilder};

/// Fewer element updates stay on the calling thread: waking another costs more than it saves.
const SMALLEST_SHARED: usize = 1 << 15;
/// No piece is less work.
const SMALLEST_PIECE: usize = 1 << 13;
/// Pieces a thread, so that a thread that was held up can be helped.
const PIECES_A_THREAD: usize = 4;

/// The right to be split into so many pieces; only [`enter`] gives more than one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pieces(usize);

/// Runs `work`, about `amount` element updates, on the pool where that pays; `work` takes whatever locks it needs itself.
pub(crate) fn enter<R: Send>(amount: usize, work: impl FnOnce(Pieces) -> R + Send) -> R {
    if amount > SMALLEST_SHARED
        && rayon::current_num_threads() > 1 // a caller confined to one thread stays on it
        && let Some(pool) = pool()
        && let Some(claim) = Claim::take()
    {
        let pieces = (pool.current_num_threads() * PIECES_A_THREAD).min(amount / SMALLEST_PIECE);
        return pool.install(move || {
            let _held = claim;
            work(Pieces(pieces))
        });
    }
    work(Pieces(1))
}

impl Pieces {
    /// Runs `work` over all of `parts`, which are as long as the first or empty, cut at the same multiples of `unit`.
    ///
    /// `work` is given the pieces and the place of their first element, `at` for the whole.
    pub(crate) fn split<T, W, const N: usize>(self, parts: [&mut [T]; N], at: usize, unit: usize, work: &W)
    where
        T: Send,
        W: Fn([&mut [T]; N], usize) + Sync,
    {
        let len = parts[0].len();
        let left = self.0.div_ceil(2);
        let cut = (len * left / self.0).next_multiple_of(unit);
        if self.0 <= 1 || cut >= len {
            return work(parts, at);
        }
        let mut first = [(); N].map(|()| &mut [][..]);
        let mut rest = [(); N].map(|()| &mut [][..]);
        for (k, part) in parts.into_iter().enumerate() {
            (first[k], rest[k]) = part.split_at_mut(cut.min(part.len()));
        }
        rayon::join(|| Self(left).split(first, at, unit, work), || Self(self.0 - left).split(rest, at + cut, unit, work));
    }
}

fn pool() -> Option<&'static ThreadPool> {
    static POOL: OnceLock<Option<ThreadPool>> = OnceLock::new();
    // A machine that gives no threads is not an error: everything also runs on one.
    POOL.get_or_init(|| ThreadPoolBuilder::new().thread_name(|k| format!("moths-fuse-{k}")).build().ok()).as_ref()
}

/// The one place in the pool; given back when dropped, also by a panic.
struct Claim(());

static CLAIMED: AtomicBool = AtomicBool::new(false);

impl Claim {
    fn take() -> Option<Self> {
        (!CLAIMED.swap(true, Ordering::Acquire)).then_some(Self(()))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        CLAIMED.store(false, Ordering::Release);
    }
}
