//! What goes wrong when the result is known: it is said, the rest is still tried, and the shell is told at the end.

use super::{Ending, one_line};
use crate::{Result, output::warn};

/// Has anything gone wrong?
#[derive(Default)]
pub(super) struct Mishaps(bool);

impl Mishaps {
    /// Says what went wrong, if anything did.
    pub(super) fn note<T>(&mut self, outcome: Result<T>) -> Option<T> {
        outcome.inspect_err(|error| warn(one_line(error))).map_err(|_| self.said()).ok()
    }

    /// Something went wrong that has been said already.
    pub(super) fn said(&mut self) {
        self.0 = true;
    }

    /// How the command ends that otherwise would end so.
    pub(super) fn ending(self, otherwise: Ending) -> Ending {
        if self.0 { Ending::Unwritten } else { otherwise }
    }
}
