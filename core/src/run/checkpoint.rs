//! The file a run goes on from.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
};

use candle_core::{DType, Device, Tensor, WithDType};
use safetensors::{Dtype, SafeTensors, View, tensor::TensorView};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{
    Error, Result,
    durable::{check_readable, replace_file, seal::Seal, write_tensors},
    optimizer::{Spec, registry},
    persist::{Fields, Keep, Persist, State, Value},
    space::Space,
    tensor::{CowTensor, host},
    with_scalar,
};

/// The version of the format this crate writes and reads.
const VERSION: u32 = 2;
/// The metadata entry that tells a checkpoint from any other safetensors file.
const ENTRY: &str = "moths";
/// The metadata entry with the digest of that entry and of all tensors.
const DIGEST: &str = "digest";

/// Everything a run needs to go on bit for bit: what was built, over which space, and the state of its parts.
///
/// A safetensors file: tensors as they are, scalars as 64-bit words, the rest as metadata. Writing is atomic: a temporary file beside
/// the target is written, synced and renamed over it, so that at every moment either the old or the new checkpoint is there, whole. A file is
/// trusted only after it is checked: it holds a digest of all that is in it, and its state must fit what the optimizer was built with.
///
/// The metadata: `moths`, a JSON object with the version of the format, the spec and the space; and `digest`, the XXH3-128 in hexadecimal of that text
/// and, in the order of their names, of every tensor's name, of its dtype and shape as in `F32 [2, 3]`, and of its bytes, each with its length before
/// it as a little-endian u64.
///
/// ```
/// use moths_core::{Checkpoint, Space, Spec, run::Tally};
/// let (spec, space) = (Spec::new("pso"), Space::real(3)?);
/// let mut tally = Tally::default();
/// let path = tempfile::tempdir().unwrap().keep().join("run.safetensors");
///
/// Checkpoint::take(&spec, &space, &mut [("tally", &mut tally)])?.save(&path)?;
/// Checkpoint::open(&path)?.restore(&spec, &space, &mut [("tally", &mut tally)])?;
/// # Ok::<(), moths_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Checkpoint {
    header: Header,
    state: State,
    path: PathBuf,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Header {
    version: u32,
    written_by: String,
    spec: Spec,
    space: Json,
    #[serde(default)]
    note: Json,
}

/// Parts of a run, by name: the optimizer, the tally, a stochastic objective, ...
pub type Parts<'a, 'b> = [(&'a str, &'b mut dyn Persist)];

impl Checkpoint {
    /// The state of these parts, now. No tensor is copied.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a part that keeps its state private, such as a [`CandleDescent`](crate::optimizer::descent::CandleDescent).
    pub fn take(spec: &Spec, space: &Space, parts: &mut Parts<'_, '_>) -> Result<Self> {
        let header = Header {
            version: VERSION,
            written_by: env!("CARGO_PKG_VERSION").into(),
            spec: spec.clone(),
            space: space.fingerprint(),
            note: Json::Null,
        };
        Ok(Self { header, state: State::of(&mut Whole(parts))?, path: PathBuf::new() })
    }

    /// The same checkpoint with anything else one wants to find in it again.
    pub fn with_note(mut self, note: impl Into<Json>) -> Self {
        self.header.note = note.into();
        self
    }

    /// The optimizer it was taken of.
    pub fn spec(&self) -> &Spec {
        &self.header.spec
    }

    /// What was noted in it.
    pub fn note(&self) -> &Json {
        &self.header.note
    }

    /// Writes the file; what was there before is replaced only when the new one is safe on disk.
    ///
    /// # Errors
    /// [`Error::File`] when the target exists and is no regular file; [`Error::Io`] when writing fails. The old file is then untouched.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let (entry, views) = (serde_json::json!(self.header).to_string(), views(&self.state)?);
        let digest = digest(&entry, views.iter().map(|(name, tensor)| (name.as_str(), tensor)));
        let metadata = HashMap::from([(ENTRY.to_owned(), entry), (DIGEST.to_owned(), digest)]);
        replace_file(path, |out| write_tensors(out, views, Some(metadata), path))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::File`] for what is no regular file, is truncated or damaged anywhere, is no checkpoint of moths, or has another
    /// format.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let io = |source| Error::Io { path: path.into(), source };
        let refuse = |why: String| Error::File { path: path.into(), why };
        check_readable(path)?;
        let bytes = fs::read(path).map_err(io)?;
        let damaged = |e: safetensors::SafeTensorError| refuse(format!("is no checkpoint, or is truncated ({e})"));
        let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(damaged)?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(damaged)?;
        let tensors: BTreeMap<&str, TensorView<'_>> = tensors.iter().collect();
        let entry = |name: &str| metadata.metadata().as_ref().and_then(|entries| entries.get(name));
        let text = entry(ENTRY).ok_or_else(|| refuse("is a safetensors file, but no checkpoint of moths".into()))?;
        let header = header(text).map_err(refuse)?;
        if entry(DIGEST) != Some(&digest(text, tensors.iter().map(|(name, tensor)| (*name, tensor)))) {
            return Err(refuse("is damaged: its content is not what was written".into()));
        }
        let values: Result<BTreeMap<_, _>> = tensors
            .into_iter()
            .map(|(name, view)| {
                Ok((name.to_owned(), value(&view).map_err(|e| refuse(format!("holds the tensor `{name}`: {e}")))?))
            })
            .collect();
        Ok(Self { header, state: State::from_values(values?), path: path.into() })
    }

    /// Gives the parts the state of this checkpoint. On failure they are as they were.
    ///
    /// `spec`: what the optimizer among them was built from. Settings that are not said are those by default.
    ///
    /// # Errors
    /// [`Error::File`] when it was taken of another optimizer, of one with other settings, or over another space, or when the state does not fit
    /// the parts.
    pub fn restore(&self, spec: &Spec, space: &Space, parts: &mut Parts<'_, '_>) -> Result<()> {
        let refuse = |why: String| Error::File { path: self.path.clone(), why };
        if let Some((setting, was, is)) = registry::difference(&self.header.spec, spec) {
            return Err(refuse(format!("was taken of an optimizer whose `{setting}` is {was}, where this one's is {is}")));
        }
        if self.header.space != space.fingerprint() {
            return Err(refuse("was taken of another model or space (names, shapes, domains, bounds or scales differ)".into()));
        }
        self.state.restore(&mut Whole(parts), Keep::Nothing).map_err(|e| refuse(format!("does not fit this optimizer: {e}")))
    }
}

/// The header, if this program reads its format.
fn header(text: &str) -> std::result::Result<Header, String> {
    let damaged = |e: serde_json::Error| format!("has a damaged header ({e})");
    let json: Json = serde_json::from_str(text).map_err(damaged)?;
    match json["version"].as_u64() {
        Some(version) if version == u64::from(VERSION) => serde_json::from_value(json).map_err(damaged),
        Some(version) => {
            Err(format!("has format {version}, written by moths {}; this program reads format {VERSION}", json["written_by"]))
        }
        None => Err("has a damaged header (no version)".into()),
    }
}

/// Of all that a file says; the tensors in the order of their names.
fn digest<'a, V: View + 'a>(entry: &str, tensors: impl Iterator<Item = (&'a str, &'a V)>) -> String {
    let mut seal = Seal::new();
    seal.add(entry.as_bytes());
    for (name, tensor) in tensors {
        seal.add(name.as_bytes());
        seal.add(format!("{:?} {:?}", tensor.dtype(), tensor.shape()).as_bytes());
        seal.add(&tensor.data());
    }
    seal.digits()
}

struct Whole<'a, 'b, 'c>(&'c mut Parts<'a, 'b>);

impl Persist for Whole<'_, '_, '_> {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        self.0.iter_mut().try_for_each(|(name, part)| fields.field(name, *part))
    }
}

/// One tensor of the file, whose bytes are made when they are asked for: all of them would be as large as the model.
struct Stored {
    dtype: Dtype,
    shape: Vec<usize>,
    held: Held,
}

enum Held {
    Words(Vec<u64>),
    /// Contiguous.
    Tensor(Tensor),
}

impl View for Stored {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let bytes = match &self.held {
            Held::Words(words) => Ok(words.iter().flat_map(|word| word.to_le_bytes()).collect()),
            Held::Tensor(tensor) => bytes(tensor),
        };
        bytes.expect("a contiguous tensor of a search, which was looked at before").into()
    }

    fn data_len(&self) -> usize {
        self.shape.iter().product::<usize>() * if self.dtype == Dtype::F32 { 4 } else { 8 }
    }
}

fn views(state: &State) -> Result<Vec<(String, Stored)>> {
    state.values().iter().map(|(name, value)| Ok((name.clone(), stored(value)?))).collect()
}

fn stored(value: &Value) -> Result<Stored> {
    let tensor = match value {
        Value::Words(words) => {
            return Ok(Stored { dtype: Dtype::U64, shape: vec![words.len()], held: Held::Words(words.clone()) });
        }
        Value::Tensor(tensor) => tensor,
    };
    let dtype = match tensor.dtype() {
        DType::F32 => Dtype::F32,
        DType::F64 => Dtype::F64,
        other => return Err(host::not_a_search_dtype(other)),
    };
    let plain = tensor.contiguous()?;
    with_scalar!(plain.dtype(), T => host::read::<T, _>(&plain, |_| ()))?;
    Ok(Stored { dtype, shape: tensor.dims().to_vec(), held: Held::Tensor(plain) })
}

/// The numbers of a contiguous tensor, little endian.
fn bytes(tensor: &Tensor) -> Result<Vec<u8>> {
    match tensor.dtype() {
        DType::F32 => host::read::<f32, _>(tensor, |v| v.iter().flat_map(|x| x.to_le_bytes()).collect()),
        _ => host::read::<f64, _>(tensor, |v| v.iter().flat_map(|x| x.to_le_bytes()).collect()),
    }
}

fn value(view: &TensorView<'_>) -> Result<Value> {
    fn tensor<T: WithDType>(view: &TensorView<'_>, of: fn([u8; 8]) -> T, size: usize) -> Result<Value> {
        let numbers: Vec<T> = view
            .data()
            .chunks_exact(size)
            .map(|chunk| {
                let mut bytes = [0; 8];
                bytes[..size].copy_from_slice(chunk);
                of(bytes)
            })
            .collect();
        Ok(Value::Tensor(CowTensor::new(Tensor::from_vec(numbers, view.shape(), &Device::Cpu)?)))
    }
    match view.dtype() {
        Dtype::U64 => Ok(Value::Words(view.data().as_chunks::<8>().0.iter().map(|b| u64::from_le_bytes(*b)).collect())),
        Dtype::F32 => tensor(view, |b| f32::from_bits(u64::from_le_bytes(b) as u32), 4),
        Dtype::F64 => tensor(view, f64::from_le_bytes, 8),
        other => Err(Error::invalid("dtype", format!("{other:?}"), "F32, F64 or U64")),
    }
}
