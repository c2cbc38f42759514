//! Settings of any program, tuned from the number it prints: what `moths tune` does.
//!
//! | file | what it answers |
//! |---|---|
//! | `kind` | what values a setting may take, and how the search sees them |
//! | `template` | where settings stand in a command |
//! | `tries` | points of somebody's own |
//! | `loss` | which of the numbers that a program prints is its loss |
//! | `search` | any optimizer, asked for settings and told losses |
//! | `group`, `tail`, `program` | a command in a process group of its own, and how it ended |
//! | `meter`, `stop` | the losses that a command prints while it runs, and whether it is worth its while |
//! | `watchdog` | who ends commands when moths is killed |
//! | `desk` | which command is next |
//! | `plan`, `log` | what a run is, and what of it is done |
//! | `run` | one run, to its end |

mod desk;
mod group;
mod kind;
mod log;
mod loss;
mod meter;
mod plan;
mod program;
mod run;
mod search;
mod stop;
mod tail;
mod template;
mod tries;
#[cfg(unix)]
mod watchdog;

pub use group::end_all_at_once;
pub use kind::Kind;
pub use log::{Log, Trial, best};
pub use loss::LossFrom;
pub use plan::Plan;
pub use run::{Around, Run, Summary};
pub use stop::Rule;
pub use template::{Setting, Template};
