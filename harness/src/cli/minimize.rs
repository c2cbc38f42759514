//! `moths minimize`.

use super::{Ending, run_flags::RunFlags, single};
use crate::{
    Result,
    output::Console,
    problem::{Kind, Options},
};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The function; `moths list problems` names them
    problem: Option<String>,
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    flags: RunFlags,
}

pub(super) fn run(args: Args, console: Console) -> Result<Ending> {
    single::run(Kind::Function, args.problem.as_deref(), args.options, args.flags, None, console)
}
