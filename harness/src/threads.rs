//! The threads of the program: as many as the system gives, and the results are the same.

use std::{
    sync::mpsc::{Sender, channel},
    thread::{self, Builder},
};

use rayon::{ThreadBuilder, ThreadPoolBuilder};

/// Makes the pool that candle and the kernels share, of as many threads as there are to be had, and of the calling thread if there are none.
///
/// Left to itself rayon makes it when it is first used, and panics where the system gives fewer threads than there are cores.
pub fn start_pool() {
    let wanted = std::env::var("RAYON_NUM_THREADS").ok().and_then(|number| number.parse().ok()).filter(|number| *number > 0);
    let seats: Vec<Sender<ThreadBuilder>> = (0..wanted.unwrap_or_else(cores)).map_while(seat).collect();
    let pool = ThreadPoolBuilder::new().num_threads(seats.len().max(1));
    // An error says that somebody has made it already.
    let _ = if seats.is_empty() {
        pool.use_current_thread().build_global()
    } else {
        let gone = |_| std::io::Error::other("the thread is gone");
        let hand_over = |thread: ThreadBuilder| seats[thread.index()].send(thread).map_err(gone);
        pool.spawn_handler(hand_over).build_global()
    };
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
