//! Fine-tuning of a pre-trained model on labelled text, from losses alone: what `moths finetune` does.
//!
//! | file | what it answers |
//! |---|---|
//! | `text` | which sentences, and what each of them is |
//! | `pretrained` | which model it begins with: |
//! | `base` | a BERT in a folder, or |
//! | `gguf` | a quantised language model in a file |
//! | `examples` | sentences as tokens, and batches of them |
//! | `classifier`, `plain` | the model: candle's own, or one that can be differentiated |
//! | `hidden` | what its frozen layers make of sentences, once |
//! | `tuner` | the model as an objective, in place or not, and how it is judged |
//! | `head` | how the new head begins, and how far one gets without touching the model |
//! | `finite` | where in a model the first number appears that is none |
//! | `plan`, `run` | one run: what it is, and how it goes |
//! | `memory` | how much memory it took |

mod base;
mod classifier;
mod examples;
mod finite;
mod gguf;
mod head;
mod hidden;
mod memory;
mod plain;
mod plan;
mod pretrained;
mod run;
mod text;
mod tuner;

pub use base::Base;
pub use examples::Examples;
pub use gguf::{Coordinates, Gguf};
pub use head::{Head, Start};
pub use plan::Plan;
pub use pretrained::Pretrained;
pub use run::{Before, Run, Set, Summary};
pub use text::Text;
pub use tuner::{Precision, Tuner, WORK, is_in_place};
