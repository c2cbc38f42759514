//! The threads of the program: as many as the system gives, and the results are the same.

use std::{
    sync::mpsc::{Sender, channel},
    thread::{self, Builder},
};

use rayon::{ThreadBuilder, ThreadPoolBuilder};

use crate::{Error, Result};

/// Who asks for more threads than this, by a flag or otherwise, is refused: few systems have them, and none would have any left.
const MOST: usize = 1024;
/// The variable by which rayon, candle and the kernels are told how many threads to take; each reads it itself.
const VARIABLE: &str = "RAYON_NUM_THREADS";

/// Makes the pool that candle and the kernels share, of as many threads as there are to be had, and of the calling thread if there are none.
///
/// Left to itself rayon makes it when it is first used, and panics where the system gives fewer threads than there are cores.
///
/// # Errors
/// [`Error::Invalid`] when the environment asks for more threads than a flag may.
pub fn start_pool() -> Result<()> {
    let seats: Vec<Sender<ThreadBuilder>> = (0..wanted()?).map_while(seat).collect();
    let pool = ThreadPoolBuilder::new().num_threads(seats.len().max(1));
    // An error says that somebody has made it already.
    let _ = if seats.is_empty() {
        pool.use_current_thread().build_global()
    } else {
        let gone = |_| std::io::Error::other("the thread is gone");
        let hand_over = |thread: ThreadBuilder| seats[thread.index()].send(thread).map_err(gone);
        pool.spawn_handler(hand_over).build_global()
    };
    Ok(())
}

/// As many as the environment says, or as there are cores where it says nothing that rayon would understand.
fn wanted() -> Result<usize> {
    let said = std::env::var(VARIABLE).ok().and_then(|number| number.parse().ok()).filter(|number| *number > 0);
    match said {
        Some(number) if number > MOST => {
            Err(Error::invalid(VARIABLE, number, format!("a number from 1 to {MOST}, or 0 for as many as there are cores")))
        }
        Some(number) => Ok(number),
        None => Ok(cores()),
    }
}

/// How many runs, or replicas, go side by side where nobody says.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// A thread that waits to become one of the pool; `None` where the system gives no more.
fn seat(number: usize) -> Option<Sender<ThreadBuilder>> {
    let (sender, receiver) = channel::<ThreadBuilder>();
    let wait = move || receiver.recv().into_iter().for_each(ThreadBuilder::run);
    Builder::new().name(format!("moths-pool-{number}")).spawn(wait).ok().map(|_| sender)
}
