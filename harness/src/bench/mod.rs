//! Benchmarks: every optimizer on every problem of a suite, kept in a folder that can be resumed, exported and compared.
//!
//! | module | what it answers |
//! |---|---|
//! | [`manifest`] | what a results folder is about: optimizers, problems, budget |
//! | [`plan`] | all runs that are wanted |
//! | [`run`] | one of them |
//! | [`record`] | what is kept of one run |
//! | [`trace`] | how the lowest loss fell |
//! | [`standing`] | who did how well |
//! | [`targets`] | which gaps were reached, and when |
//! | [`statistics`] | what is chance, and what is not |
//! | [`store`] | the folder: appended to, never overwritten, safe to kill |
//! | [`results`] | folders read back, to be shown or compared |
//! | [`coco`], [`tidy`] | results for other programs |
//!
//! A folder holds `bench.json` (the [`Manifest`]) and `runs.jsonl` (one [`Record`] a line, in the order in which runs ended).
//! Everything else in it is made from these two and can be made again, but for `runs.damaged.jsonl`: lines that were found to be no runs.

pub mod coco;
pub mod compare;
pub mod manifest;
pub mod plan;
pub mod record;
pub mod results;
pub mod run;
pub mod standing;
pub mod statistics;
pub mod store;
pub mod targets;
pub mod tidy;
pub mod trace;

pub use compare::Comparison;
pub use manifest::{Budget, Contestant, Judged, Manifest, Subject};
pub use plan::Bench;
pub use record::Record;
pub use results::Results;
pub use store::Store;
