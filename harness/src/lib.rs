//! What is behind the binary `moths`: problems that can be looked up by name, runs that can be watched, saved and resumed, races
//! between optimizers, and the pictures of both.
//!
//! | module | what it answers |
//! |---|---|
//! | [`problem`] | what is minimised, and how well an answer does |
//! | [`session`] | one run: steps, curve, checkpoints, Ctrl-C |
//! | [`race`] | many runs: who is better? |
//! | [`mod@bench`] | every optimizer on a whole suite |
//! | [`heats`] | runs side by side, and who looks on |
//! | [`curve`], [`plot`], [`report`] | what is left of runs: CSV, SVG, HTML |
//! | [`cli`] | the commands |

pub mod bench;
pub mod cli;
pub mod curve;
pub mod heats;
pub mod interrupt;
pub mod label;
pub mod output;
pub mod plan;
pub mod plot;
pub mod problem;
pub mod race;
pub mod report;
pub mod session;

pub use moths::{Error, Result};
