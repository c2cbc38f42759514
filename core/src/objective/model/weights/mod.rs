//! Where the values of a model come from.

mod base;
mod file;

use std::{collections::BTreeMap, fmt, path::Path, sync::Arc};

use candle_core::{DType, Tensor};
use candle_nn::VarMap;
use safetensors::{Dtype, View};

use crate::{Error, Result, durable::seal::Check};
pub(super) use base::{Base, Initial};
use file::Shard;

/// Values for the tensors of a model, by name: of safetensors files, or tensors in memory. Cheap to clone.
///
/// Of a file nothing is read but its header; a tensor is read when a model asks for it, chunk by chunk, into the place where the model has it.
///
/// ```
/// use std::collections::HashMap;
/// use candle_core::{DType, Device, Tensor};
/// use candle_nn::{Linear, Module, linear};
/// use moths_core::{FlatModel, ModelOptions, Objective, objective::model::Weights};
///
/// let weight = Tensor::new(&[[1f32, -2.0]], &Device::Cpu)?;
/// let weights = Weights::of(HashMap::from([("out.weight".to_owned(), weight)]))?;
/// assert_eq!(weights.shape("out.weight"), Some(&[1, 2][..]));
/// let options = ModelOptions::default().weights(&weights).fresh("out.bias"); // which is not there
/// let model = FlatModel::with(options, |vb| linear(2, 1, vb.pp("out")), |model: &mut Linear, _| model.weight().sum_all())?;
/// assert_eq!(model.tensors()?["out.weight"].to_vec2::<f32>()?, [[1.0, -2.0]]);
/// # Ok::<(), moths_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Weights(Arc<Source>);

struct Source {
    tensors: BTreeMap<String, Stored>,
    /// What stands beside the tensors of a file.
    metadata: BTreeMap<String, String>,
}

/// One tensor that is somewhere.
pub(super) struct Stored {
    pub(super) shape: Vec<usize>,
    /// `None`: one that candle has not. It can be copied, and not given to a model.
    pub(super) dtype: Option<DType>,
    pub(super) kept: Kept,
    pub(super) base: Base,
}

/// How a file keeps a tensor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    pub(super) dtype: Dtype,
    pub(super) bytes: usize,
}

impl Weights {
    /// The tensors of a safetensors file.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::File`] for what is no such file, or ends before its tensors do.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_all([path])
    }

    /// The tensors of several safetensors files, of which a large model is made.
    ///
    /// # Errors
    /// As [`Weights::open`]; [`Error::File`] for a name that is in two of them.
    pub fn open_all<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Result<Self> {
        let (mut tensors, mut metadata) = (BTreeMap::new(), BTreeMap::new());
        for path in paths {
            let path = path.as_ref();
            let shard = Shard::open(path)?;
            metadata.extend(shard.metadata.clone());
            for (name, stored) in shard.tensors()? {
                if tensors.insert(name.clone(), stored).is_some() {
                    return Err(Error::File { path: path.into(), why: format!("holds `{name}`, as another of the files does") });
                }
            }
        }
        Ok(Self(Arc::new(Source { tensors, metadata })))
    }

    /// Tensors in memory. They are never written to.
    ///
    /// # Errors
    /// [`Error::Tensor`] where candle cannot make one contiguous.
    pub fn of(tensors: impl IntoIterator<Item = (String, Tensor)>) -> Result<Self> {
        let stored = |(name, tensor): (String, Tensor)| {
            let (shape, dtype) = (tensor.dims().to_vec(), Some(tensor.dtype()));
            let kept = Kept { dtype: View::dtype(&tensor), bytes: View::data_len(&tensor) };
            Ok((name, Stored { shape, dtype, kept, base: Base::Held(tensor.detach().contiguous()?) }))
        };
        let tensors = tensors.into_iter().map(stored).collect::<Result<_>>()?;
        Ok(Self(Arc::new(Source { tensors, metadata: BTreeMap::new() })))
    }

    /// What the variables of a map hold now: copies.
    ///
    /// # Errors
    /// [`Error::Objective`] for a map whose lock is poisoned; [`Error::Tensor`] where candle cannot copy them.
    pub fn of_vars(vars: &VarMap) -> Result<Self> {
        let data = vars.data().lock().map_err(|e| Error::Objective(e.to_string()))?;
        let copies = data.iter().map(|(name, var)| Ok((name.clone(), var.as_detached_tensor().copy()?)));
        Self::of(copies.collect::<Result<Vec<_>>>()?)
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.tensors.keys().map(String::as_str)
    }

    /// Is there a tensor of this name?
    pub fn contains(&self, name: &str) -> bool {
        self.0.tensors.contains_key(name)
    }

    /// The shape of a tensor.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.0.tensors.get(name).map(|stored| &stored.shape[..])
    }

    /// The dtype it is kept in, where candle has it.
    pub fn dtype(&self, name: &str) -> Option<DType> {
        self.0.tensors.get(name).and_then(|stored| stored.dtype)
    }

    /// What stands beside the tensors in the header of a file.
    pub fn metadata(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.metadata.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// All tensors, by name.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &Stored)> {
        self.0.tensors.iter().map(|(name, stored)| (name.as_str(), stored))
    }

    /// Where the values of a tensor are, which is to have this shape; `None` where there is none of the name.
    pub(super) fn base(&self, name: &str, shape: &[usize]) -> Result<Option<&Base>> {
        match self.0.tensors.get(name) {
            Some(stored) if stored.shape != shape => Err(Error::shape(
                format!("`{name}` of the weights"),
                format!("{shape:?}, which the model asks for"),
                format!("{:?}", stored.shape),
            )),
            Some(Stored { dtype: None, kept, .. }) => {
                let valid = "a dtype that candle has";
                Err(Error::invalid(format!("dtype of `{name}` of the weights"), format!("{:?}", kept.dtype), valid))
            }
            found => Ok(found.map(|stored| &stored.base)),
        }
    }

    /// A digest of all names, shapes, dtypes and bits: equal for equal weights.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn digest(&self) -> Result<u64> {
        let mut check = Check::new(0);
        for (name, stored) in &self.0.tensors {
            check.add(format!("{name} {:?} {:?}", stored.shape, stored.kept.dtype).as_bytes());
            stored.each(|bytes| {
                check.add(bytes);
                Ok(())
            })?;
        }
        Ok(check.word())
    }
}

/// Bytes that are handed over at a time.
const PART: usize = 1 << 16;

impl Stored {
    /// All its bytes, as a file keeps them, in parts.
    pub(super) fn each(&self, mut show: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let Base::File { .. } = &self.base else {
            let Base::Held(tensor) = &self.base else { return Ok(()) };
            return show(&View::data(tensor));
        };
        let mut part = vec![0; PART.min(self.kept.bytes)];
        for at in (0..self.kept.bytes).step_by(PART) {
            let part = &mut part[..PART.min(self.kept.bytes - at)];
            self.base.bytes(at, part)?;
            show(part)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tensors", self.0.tensors.len())
    }
}
