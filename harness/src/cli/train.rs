//! `moths train`.

use std::path::PathBuf;

use super::{Ending, run_flags::RunFlags, single};
use crate::{
    Result,
    output::Console,
    problem::{Kind, Options},
};

#[derive(clap::Args)]
pub(super) struct Args {
    /// What to train: digits, spirals, cart-pole, ...; `moths list problems` names all
    problem: Option<String>,
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    flags: RunFlags,
    /// Keep the weights of the answer in this file: safetensors, named as in the model
    #[arg(long, value_name = "PATH")]
    save: Option<PathBuf>,
}

pub(super) fn run(args: Args, console: Console) -> Result<Ending> {
    single::run(Kind::Model, args.problem.as_deref(), args.options, args.flags, args.save.as_deref(), console)
}
