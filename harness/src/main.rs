//! The binary `moths`.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    moths_harness::cli::run(std::env::args_os())
}
