//! What is lost when a program is killed, a disk is full, or a system gives nothing: nothing.
//!
//! `MOTHS_KILLS` is how many kills there are in all; the default is small enough for every day.

#![cfg(unix)]

mod kills;
#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "shared by several tests: each takes what it needs")]
mod support;
mod threads;
mod writes;
