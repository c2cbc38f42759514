//! `--save`: the weights of the answer, as a safetensors file.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use candle_core::Tensor;
use moths::{
    CowTensor,
    durable::{Claim, check_file},
};
use serde_json::{Value, json};

use crate::{
    Error, Result, files,
    plan::Plan,
    problem::{Entry, Examiner},
};

/// Under this name our files say what they hold.
const OURS: &str = "moths";
/// No header of ours is longer.
const LONGEST: u64 = 100_000_000;

/// Where the weights go, who has them, and what they are said to be.
pub(super) struct Weights {
    path: PathBuf,
    examiner: Box<dyn Examiner>,
    origin: String,
    _claim: Claim,
}

impl Weights {
    /// Makes sure, before the run, that there will be weights and that they can be written without another file being lost.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::File`] for a place where they cannot go; [`Error::Unsupported`] for a problem without weights.
    pub(super) fn prepare(path: &Path, overwrite: bool, entry: &Entry, plan: &Plan) -> Result<Self> {
        check_file(path)?;
        let claim = Claim::take(path)?;
        if !overwrite && fs::symlink_metadata(path).is_ok() && !is_ours(path) {
            let why = "holds no weights that this program wrote; name another file, or replace it with --overwrite";
            return Err(Error::File { path: path.into(), why: why.into() });
        }
        let problem = entry.build(&plan.options)?;
        let mut examiner = problem.examiner(plan.seed)?;
        if examiner.tensors(&problem.objective(plan.seed)?.space().start())?.is_none() {
            return Err(Error::unsupported(plan.address(), "has no weights that --save could keep"));
        }
        let Plan { optimizer, seed, evaluations, .. } = plan;
        let origin = json!({ "problem": plan.address(), "optimizer": optimizer, "seed": seed, "evaluations": evaluations });
        Ok(Self { path: path.into(), examiner, origin: origin.to_string(), _claim: claim })
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the weights that the model has at this point \[d\].
    pub(super) fn write(mut self, answer: &CowTensor) -> Result<()> {
        let tensors = self.examiner.tensors(answer)?.unwrap_or_default();
        let bytes = serialized(tensors, self.origin).map_err(|why| Error::File { path: self.path.clone(), why })?;
        files::replace_file(&self.path, bytes)
    }
}

fn serialized(tensors: HashMap<String, Tensor>, origin: String) -> std::result::Result<Vec<u8>, String> {
    let entries = HashMap::from([(OURS.to_owned(), origin)]);
    safetensors::serialize(tensors, Some(entries)).map_err(|e| format!("cannot be written: {e}"))
}

/// Does its header say that this program wrote it? What cannot be read was not.
fn is_ours(path: &Path) -> bool {
    header(path).is_ok_and(|header| header["__metadata__"][OURS].is_string())
}

/// The header of a safetensors file: its length in eight bytes, then JSON.
fn header(path: &Path) -> io::Result<Value> {
    let mut file = File::open(path)?;
    let mut length = [0; 8];
    file.read_exact(&mut length)?;
    let mut text = vec![];
    file.take(u64::from_le_bytes(length).min(LONGEST)).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}
