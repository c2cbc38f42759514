//! The values that a tensor began with, in pieces, as often as somebody wants them.

use std::{fmt, sync::Arc};

use candle_core::{DType, Device, Storage, Tensor};
use half::{bf16, f16};
use serde::{Deserialize, Serialize};

use super::file::Shard;
use crate::{
    Error, Result,
    durable::positioned::read_at,
    noise::{Perturbation, Sampler},
    objective::model::number::{self, Number, is_number, with_number},
    rng::Key,
};

/// Where the first values of a tensor are. Cheap to clone.
#[derive(Clone)]
pub(in crate::objective::model) enum Base {
    /// In a file, from a byte on.
    File { shard: Arc<Shard>, at: u64, dtype: DType },
    /// In memory.
    Held(Tensor),
    /// There, of a tensor that the weights do not have.
    Beside(Box<Base>),
    /// Nowhere: they follow from a key.
    Drawn(Initial),
}

/// mean + deviation · noise(key).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::objective::model) struct Initial {
    pub(in crate::objective::model) mean: f64,
    pub(in crate::objective::model) deviation: f64,
    pub(in crate::objective::model) sampler: Sampler,
    pub(in crate::objective::model) key: Key,
}

/// Numbers that are read at a time.
const PIECE: usize = 1 << 14;

impl Base {
    /// The dtype they are kept in; `None` where they are drawn.
    pub(in crate::objective::model) fn dtype(&self) -> Option<DType> {
        match self {
            Self::File { dtype, .. } => Some(*dtype),
            Self::Held(tensor) => Some(tensor.dtype()),
            Self::Beside(base) => base.dtype(),
            Self::Drawn(_) => None,
        }
    }

    /// Elements `offset ..` in f32: of floating-point numbers alone.
    pub(in crate::objective::model) fn read(&self, offset: usize, out: &mut [f32]) -> Result<()> {
        match self {
            Self::File { dtype: DType::F64, .. } => {
                let mut bytes = vec![0; out.len() * size_of::<f64>()];
                self.bytes(offset * size_of::<f64>(), &mut bytes)?;
                let numbers = bytes.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes) as f32);
                out.iter_mut().zip(numbers).for_each(|(out, x)| *out = x);
                Ok(())
            }
            Self::File { dtype, .. } => with_number!(*dtype, T => {
                let mut bytes = vec![0; dtype.size_in_bytes() * out.len()];
                self.bytes(offset * dtype.size_in_bytes(), &mut bytes)?;
                T::from_bytes(&bytes, out);
                Ok(())
            }),
            Self::Held(tensor) => held(tensor, offset, out),
            Self::Beside(base) => base.read(offset, out),
            Self::Drawn(Initial { mean, deviation, sampler, key }) => {
                let len = offset + out.len();
                Perturbation::from(*sampler).with_noise::<f32, _>(&[(*key).into()], len, |draw| draw(0, offset, out))?;
                let (mean, deviation) = (*mean as f32, *deviation as f32);
                out.iter_mut().for_each(|x| *x = mean + deviation * *x);
                Ok(())
            }
        }
    }

    /// Is it of a tensor that the weights do not have?
    pub(in crate::objective::model) fn is_new(&self) -> bool {
        matches!(self, Self::Beside(_) | Self::Drawn(_))
    }

    /// These values as those of a tensor that the weights do not have.
    pub(in crate::objective::model) fn beside(self) -> Self {
        Self::Beside(Box::new(self))
    }

    /// The tensor in memory that has them, if one has.
    pub(in crate::objective::model) fn held(&self) -> Option<&Tensor> {
        match self {
            Self::Held(tensor) => Some(tensor),
            Self::Beside(base) => base.held(),
            Self::File { .. } | Self::Drawn(_) => None,
        }
    }

    /// The root of the mean of the squares of all `len` elements.
    pub(in crate::objective::model) fn root_mean_square(&self, len: usize) -> Result<f64> {
        let mut piece = vec![0.0; PIECE.min(len)];
        let mut sum = 0.0;
        for offset in (0..len).step_by(PIECE) {
            let piece = &mut piece[..PIECE.min(len - offset)];
            self.read(offset, piece)?;
            sum += piece.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
        }
        Ok((sum / len.max(1) as f64).sqrt())
    }

    /// Bytes `offset ..` of a tensor in a file.
    pub(in crate::objective::model) fn bytes(&self, offset: usize, out: &mut [u8]) -> Result<()> {
        let Self::File { shard, at, .. } = self else {
            return Err(Error::unsupported("a tensor in memory", "has no place in a file"));
        };
        read_at(&shard.file, at + offset as u64, out).map_err(|source| Error::Io { path: shard.path.clone(), source })
    }

    /// A new tensor of these values.
    pub(in crate::objective::model) fn tensor(&self, shape: &[usize], dtype: DType) -> Result<Tensor> {
        let own = self.dtype().unwrap_or(DType::F32);
        if is_number(own) && is_number(dtype) {
            let tensor = Tensor::zeros(shape, dtype, &Device::Cpu)?;
            self.write_over(&tensor)?;
            return Ok(tensor);
        }
        let len = shape.iter().product::<usize>();
        let as_kept = match self {
            Self::Held(tensor) => tensor.copy()?,
            Self::Beside(base) => return base.tensor(shape, dtype),
            Self::File { dtype, .. } => {
                let mut bytes = vec![0; len * dtype.size_in_bytes()];
                self.bytes(0, &mut bytes)?;
                Tensor::from_raw_buffer(&bytes, *dtype, shape, &Device::Cpu)?
            }
            Self::Drawn(_) => {
                let mut values = vec![0.0; len];
                self.read(0, &mut values)?;
                Tensor::from_vec(values, shape, &Device::Cpu)?
            }
        };
        Ok(as_kept.to_dtype(dtype)?)
    }

    /// A tensor becomes what it was in the beginning, in its own dtype.
    pub(in crate::objective::model) fn write_over(&self, tensor: &Tensor) -> Result<()> {
        with_number!(tensor.dtype(), T => number::edit::<T, _>(tensor, |values| {
            let mut wide = vec![0.0; PIECE.min(values.len())];
            for (k, values) in values.chunks_mut(PIECE).enumerate() {
                let wide = &mut wide[..values.len()];
                self.read(k * PIECE, wide)?;
                T::narrow(wide, values);
            }
            Ok(())
        })?)
    }
}

/// Elements of a contiguous tensor in memory.
fn held(tensor: &Tensor, offset: usize, out: &mut [f32]) -> Result<()> {
    let (storage, layout) = tensor.storage_and_layout();
    let (Storage::Cpu(storage), Some((from, _))) = (&*storage, layout.contiguous_offsets()) else {
        return Err(Error::unsupported("weights in memory", "must be contiguous and on the CPU"));
    };
    let at = from + offset..from + offset + out.len();
    match storage {
        candle_core::CpuStorage::F64(values) => out.iter_mut().zip(&values[at]).for_each(|(out, x)| *out = *x as f32),
        candle_core::CpuStorage::F32(values) => f32::widen(&values[at], out),
        candle_core::CpuStorage::BF16(values) => bf16::widen(&values[at], out),
        candle_core::CpuStorage::F16(values) => f16::widen(&values[at], out),
        _ => return Err(number::not_a_number(tensor.dtype())),
    }
    Ok(())
}

impl fmt::Debug for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { shard, at, .. } => write!(f, "{} from byte {at}", shard.path.display()),
            Self::Held(tensor) => write!(f, "{:?} in memory", tensor.dims()),
            Self::Beside(base) => write!(f, "{base:?}, beside"),
            Self::Drawn(initial) => initial.fmt(f),
        }
    }
}
