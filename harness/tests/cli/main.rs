//! The built binary, from outside: every command, every kind of refusal, and a run that is killed.

mod apply;
mod files;
mod finetune;
mod gguf;
mod list;
mod names;
mod output;
mod problem;
mod race;
mod refusals;
mod resume;
mod single;
mod study;
#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "shared by several tests: each takes what it needs")]
mod support;
#[cfg(unix)]
mod tune;
mod weights;
