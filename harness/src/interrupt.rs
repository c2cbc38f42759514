//! Ctrl-C: the first one asks for an end, the second one does not ask.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::{Error, Result};

/// What a shell calls a program that Ctrl-C ended.
pub const EXIT_CODE: u8 = 130;

static ASKED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C (and SIGTERM, where there is one) only sets the flag that [`asked`] shows; a second one ends the program.
///
/// # Errors
/// When the system refuses the handler.
pub fn listen() -> Result<()> {
    let handler = || {
        if ASKED.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(EXIT_CODE));
        }
    };
    ctrlc::set_handler(handler).map_err(|e| Error::unsupported("the system", format!("lets nobody listen for Ctrl-C: {e}")))
}

/// Set once the program was asked to end.
pub fn asked() -> &'static AtomicBool {
    &ASKED
}
