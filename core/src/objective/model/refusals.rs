//! Errors that go through candle and come out as what they were.

use std::sync::{Arc, Mutex};

use candle_core::DType;

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

/// Of a tensor that a model asks for once more, as another.
pub(super) fn another(name: &str, (was, of): (&[usize], DType), (is, now): (&[usize], DType)) -> Error {
    let valid = format!("{was:?} {}, as which the model has asked for it before", of.as_str());
    Error::invalid(format!("shape and dtype of `{name}`"), format!("{is:?} {}", now.as_str()), valid)
}

/// Of a tensor that a model asks for without a shape.
pub(super) fn shapeless(name: &str) -> Error {
    let why = "is asked for without its shape, which weights would tell: give weights that have it, or ask with a shape";
    Error::unsupported(format!("`{name}`"), why)
}
