//! `moths apply`.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use moths::{
    durable::{Claim, check_file},
    objective::model::{Weights, apply, gguf},
};
use serde_json::json;

use super::Ending;
use crate::{
    Error, Result, files,
    output::{Console, grouped},
};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The model that was fine-tuned: a safetensors or GGUF file
    base: PathBuf,
    /// The log of its fine-tune: the `tune.journal`, or of a GGUF file the `work.gguf.log`, that `moths finetune` wrote
    log: PathBuf,
    /// The file that the tuned model goes to
    #[arg(short, long, value_name = "PATH")]
    out: PathBuf,
    /// Let --out replace a file
    #[arg(long)]
    overwrite: bool,
}

pub(super) fn run(args: &Args, console: Console) -> Result<Ending> {
    check_file(&args.out)?;
    for read in [&args.base, &args.log] {
        if is_same(read, &args.out) {
            return Err(Error::invalid("--out", files::words(&args.out), "another file than those that are read"));
        }
    }
    let _claim = Claim::take(&args.out)?;
    if !args.overwrite && fs::symlink_metadata(&args.out).is_ok() {
        return Err(Error::File { path: args.out.clone(), why: "is there already; replace it with --overwrite".into() });
    }
    let applied = match is_gguf(&args.base)? {
        true => gguf::apply(&args.base, &args.log, &args.out)?,
        false => apply(&Weights::open(&args.base)?, &args.log, &args.out)?,
    };
    console
        .object(&json!({ "event": "end", "steps": applied.steps, "weights": applied.weights, "out": files::json(&args.out) }))?;
    console.line(format!(
        "{} steps over {} weights: {}",
        grouped(applied.steps),
        grouped(applied.weights as u64),
        files::words(&args.out)
    ))?;
    Ok(Ending::Done)
}

/// Does it begin as a GGUF file does?
fn is_gguf(path: &Path) -> Result<bool> {
    let io = |source| Error::Io { path: path.into(), source };
    let mut magic = vec![];
    fs::File::open(path).map_err(io)?.take(4).read_to_end(&mut magic).map_err(io)?;
    Ok(magic == b"GGUF")
}

fn is_same(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}
