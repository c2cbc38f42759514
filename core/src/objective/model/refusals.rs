//! Errors that go through candle and come out as what they were.

use std::sync::{Arc, Mutex};

use crate::Error;

/// What was refused while a model was built. candle's errors are texts: which of these one is shows by its text. A model may get over an
/// error, and try another name.
#[derive(Clone, Debug, Default)]
pub(super) struct Refusals(Arc<Mutex<Vec<Error>>>);

impl Refusals {
    /// The error as candle takes it.
    pub(super) fn refuse(&self, why: Error) -> candle_core::Error {
        let said = candle_core::Error::msg(why.to_string());
        if let Ok(mut all) = self.0.lock() {
            all.push(why);
        }
        said
    }

    /// The error that candle gives, as what it was.
    pub(super) fn typed(&self, why: candle_core::Error) -> Error {
        let text = why.to_string();
        let known = |all: &mut Vec<Error>| all.iter().position(|one| text.contains(&one.to_string())).map(|i| all.swap_remove(i));
        self.0.lock().ok().and_then(|mut all| known(&mut all)).unwrap_or(why.into())
    }
}
