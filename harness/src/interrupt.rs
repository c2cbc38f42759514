//! Ctrl-C: the first one asks for an end, the second one does not ask.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::output::warn;

/// What a shell calls a program that Ctrl-C ended.
pub const EXIT_CODE: u8 = 130;

static ASKED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C (and SIGTERM, where there is one) only says so and sets the flag that [`asked`] shows; a second one ends the program.
///
/// Where the system refuses that, Ctrl-C ends the program at once, as it ends any other.
pub fn listen() {
    // It runs on a thread of its own, and may do what a signal handler may not.
    let handler = || {
        if ASKED.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(EXIT_CODE));
        }
        warn("asked to end: the step that is being taken is finished first; asked again, it ends at once");
    };
    if let Err(error) = ctrlc::set_handler(handler) {
        warn(format!("Ctrl-C will end this at once: the system lets nobody listen for it ({error})"));
    }
}

/// Set once the program was asked to end.
pub fn asked() -> &'static AtomicBool {
    &ASKED
}
