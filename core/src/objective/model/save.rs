//! A model as a file: the base's tensors under their names and in their dtypes, those that were trained as they are now.

use std::{collections::HashMap, path::Path};

use candle_core::{DType, Device, Tensor};
use safetensors::{Dtype, View};

use crate::{
    Result,
    durable::{Piece, replace_file, write_tensors},
    objective::model::{
        number::{Number, edit, is_number, with_number},
        weights::{Stored, Weights},
    },
};

/// Numbers that are handed over at a time.
const PART: usize = 1 << 16;

/// A tensor on its way to a file.
enum Saved<'a> {
    /// As it is in the weights.
    Base(&'a Stored),
    /// As it is now, in another dtype if need be.
    Now { tensor: Tensor, dtype: DType },
}

/// Writes these tensors over those of the weights.
pub(super) fn save(path: &Path, weights: Option<&Weights>, now: Vec<(String, Tensor)>) -> Result<()> {
    let mut saved: HashMap<String, Saved<'_>> = HashMap::new();
    for (name, stored) in weights.iter().flat_map(|weights| weights.all()) {
        saved.insert(name.into(), Saved::Base(stored));
    }
    for (name, tensor) in now {
        let kept =
            weights.and_then(|weights| weights.dtype(&name)).filter(|dtype| is_number(*dtype) && is_number(tensor.dtype()));
        let tensor = tensor.to_device(&Device::Cpu)?;
        let dtype = kept.unwrap_or(tensor.dtype());
        saved.insert(name, Saved::Now { tensor, dtype });
    }
    let metadata: HashMap<String, String> =
        weights.iter().flat_map(|weights| weights.metadata()).map(|(key, value)| (key.into(), value.into())).collect();
    let entries = (!metadata.is_empty()).then_some(metadata);
    replace_file(path, |out| write_tensors(out, saved.into_iter().collect(), entries, path))
}

impl Piece for Saved<'_> {
    fn dtype(&self) -> Dtype {
        let dtype = match self {
            Self::Base(stored) => return stored.kept.dtype,
            Self::Now { dtype, .. } => dtype,
        };
        match dtype {
            DType::U8 => Dtype::U8,
            DType::U32 => Dtype::U32,
            DType::I16 => Dtype::I16,
            DType::I32 => Dtype::I32,
            DType::I64 => Dtype::I64,
            DType::BF16 => Dtype::BF16,
            DType::F16 => Dtype::F16,
            DType::F64 => Dtype::F64,
            DType::F8E4M3 => Dtype::F8_E4M3,
            _ => Dtype::F32,
        }
    }

    fn shape(&self) -> Vec<usize> {
        match self {
            Self::Base(stored) => stored.shape.clone(),
            Self::Now { tensor, .. } => tensor.dims().to_vec(),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Base(stored) => stored.kept.bytes,
            Self::Now { tensor, dtype } => tensor.elem_count() * dtype.size_in_bytes(),
        }
    }

    fn write(&self, out: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        match self {
            Self::Base(stored) => stored.each(out),
            Self::Now { tensor, dtype } if is_number(*dtype) && is_number(tensor.dtype()) => {
                with_number!(tensor.dtype(), From => with_number!(*dtype, To => converted::<From, To>(tensor, out)))
            }
            // Of those few that are trained otherwise than they are kept, or counted: whole.
            Self::Now { tensor, dtype } => out(&View::data(&tensor.to_dtype(*dtype)?)),
        }
    }
}

fn converted<From: Number, To: Number>(tensor: &Tensor, out: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    edit::<From, _>(tensor, |weights| {
        let (mut wide, mut to, mut bytes) = (vec![0.0; PART], vec![To::default(); PART], vec![]);
        weights.chunks(PART).try_for_each(|weights| {
            let (wide, to) = (&mut wide[..weights.len()], &mut to[..weights.len()]);
            From::widen(weights, wide);
            To::narrow(wide, to);
            bytes.clear();
            To::to_bytes(to, &mut bytes);
            out(&bytes)
        })
    })?
}
