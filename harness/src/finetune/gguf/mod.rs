//! A quantised language model in a GGUF file, as a classifier: it is asked by a prompt, and answers with a label's first token.
//!
//! | file | what it answers |
//! |---|---|
//! | `file` | which file, and is it one that candle's quantised LLaMA loads |
//! | `words` | text as tokens, from what the file says of them |
//! | `prompt` | what the model is asked, and which tokens are its answers |
//! | `quantised` | the model as an objective, in a working copy |
//! | `times` | what of a loss is loading the model |

mod file;
mod prompt;
mod quantised;
mod times;
mod words;

pub use file::Gguf;
pub use quantised::Coordinates;

pub(super) use prompt::Prompts;
pub(super) use quantised::{Quantised, check};
