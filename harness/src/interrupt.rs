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
    listen_for("the step that is being taken is finished first", || {});
}

/// [`listen`] for somebody who does something else first: `before` says what, and `at_once` is done when the second one ends the program.
pub fn listen_for(before: &'static str, at_once: fn()) {
    // It runs on a thread of its own, and may do what a signal handler may not.
    let handler = move || {
        if ASKED.swap(true, Ordering::Relaxed) {
            at_once();
            std::process::exit(i32::from(EXIT_CODE));
        }
        warn(format!("asked to end: {before}; asked again, it ends at once"));
    };
    if let Err(error) = ctrlc::set_handler(handler) {
        warn(format!("Ctrl-C will end this at once: the system lets nobody listen for it ({error})"));
    }
}

/// Set once the program was asked to end.
pub fn asked() -> &'static AtomicBool {
    &ASKED
}
