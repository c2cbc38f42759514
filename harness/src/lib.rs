//! What is behind the binary `moths`: problems that can be looked up by name, runs that can be watched, saved and resumed, races
//! between optimizers, and the pictures of both.
//!
//! | module | what it answers |
//! |---|---|
//! | [`problem`] | what is minimised, and how well an answer does |
//! | [`session`] | one run: steps, curve, checkpoints, Ctrl-C |
//! | [`finetune`] | a pre-trained model, text, and losses |
//! | [`tune`] | settings of any program, tuned from the number it prints |
//! | [`race`] | many runs: who is better? |
//! | [`study`] | questions, and who is measured to answer them |
//! | [`mod@bench`] | every optimizer on a whole suite |
//! | [`noisy`] | noise over losses that had none, as in the noisy suite of BBOB |
//! | [`heats`] | runs side by side, and who looks on |
//! | [`curve`], [`plot`], [`report`] | what is left of runs: CSV, SVG, HTML |
//! | [`lives`] | the tree of life of an ensemble whose members begin and end |
//! | [`store`] | folders of runs that can be killed and gone on with |
//! | [`equations`] | what optimizers and update rules do, in formulas |
//! | [`names`], [`mod@whole`] | names and numbers as people write them |
//! | [`files`], [`output`], [`shell`] | what is written, what is printed, and commands as they are typed |
//! | [`cli`] | the commands |

#![forbid(unsafe_code)]
// Both end the program when nobody can be written to: `output` does not.
#![deny(clippy::print_stderr, clippy::print_stdout)]

pub mod bench;
pub mod cli;
pub mod curve;
pub mod equations;
pub mod files;
pub mod finetune;
pub mod heats;
pub mod interrupt;
pub mod label;
pub mod lives;
pub mod names;
pub mod noisy;
pub mod output;
pub mod plan;
pub mod plot;
pub mod problem;
pub mod race;
pub mod report;
pub mod session;
pub mod shell;
pub mod store;
pub mod study;
pub mod threads;
pub mod tune;
pub mod whole;

pub use moths::{Error, Result};
