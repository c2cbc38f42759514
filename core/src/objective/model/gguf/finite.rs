//! Are the numbers of a file such that a model can be made of them?
//!
//! candle rounds what goes into a quantised matrix to eight bits, and a NaN among it to 0: a model with NaN in its weights answers with finite
//! numbers, and a search would go on without a word.

use candle_core::quantized::{
    GgmlDType,
    gguf_file::{Content, TensorInfo},
};
use half::{bf16, f16};

use super::{
    block::Block,
    opened::{BYTES, Opened},
};
use crate::{Error, Result};

/// Looks at all tensors, those too that are not trained: at floats, and at the factors of blocks. Types without a layout are passed over.
///
/// # Errors
/// [`Error::Invalid`], naming the tensor that lies first; [`Error::Io`].
pub(super) fn check(content: &Content, file: &Opened) -> Result<()> {
    let mut tensors: Vec<(&String, &TensorInfo)> = content.tensor_infos.iter().collect();
    tensors.sort_by_key(|(name, info)| (info.offset, *name));
    for (name, info) in tensors {
        let Some(unit) = Unit::of(info.ggml_dtype) else { continue };
        let start = content.tensor_data_offset.saturating_add(info.offset);
        let len = (info.shape.elem_count() / info.ggml_dtype.block_size()).saturating_mul(unit.bytes()) as u64;
        let end = start.saturating_add(len);
        // One that goes beyond the end is refused by whoever reads it.
        if end <= file.len && !unit.all_finite(file, start, end)? {
            return Err(Error::invalid(format!("weights: {name}"), "NaN or infinite", "weights that are finite numbers"));
        }
    }
    Ok(())
}

/// What a tensor is made of.
enum Unit {
    Single,
    Half,
    Brain,
    Block(&'static Block),
}

impl Unit {
    fn of(dtype: GgmlDType) -> Option<Self> {
        match dtype {
            GgmlDType::F32 => Some(Self::Single),
            GgmlDType::F16 => Some(Self::Half),
            GgmlDType::BF16 => Some(Self::Brain),
            other => Block::of(other).map(Self::Block),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Single => 4,
            Self::Half | Self::Brain => 2,
            Self::Block(block) => block.bytes,
        }
    }

    fn all_finite(&self, file: &Opened, start: u64, end: u64) -> Result<bool> {
        let together = (BYTES / self.bytes()).max(1) * self.bytes();
        let (mut at, mut piece) = (start, vec![]);
        while at < end {
            piece.resize(together.min((end - at) as usize), 0);
            file.read(at, &mut piece)?;
            if !piece.chunks_exact(self.bytes()).all(|unit| self.is_finite(unit)) {
                return Ok(false);
            }
            at += piece.len() as u64;
        }
        Ok(true)
    }

    fn is_finite(&self, unit: &[u8]) -> bool {
        match (self, unit) {
            (Self::Single, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]).is_finite(),
            (Self::Half, &[a, b]) => f16::from_le_bytes([a, b]).is_finite(),
            (Self::Brain, &[a, b]) => bf16::from_le_bytes([a, b]).is_finite(),
            (Self::Block(block), unit) => (0..block.factors()).all(|j| block.factor(unit, j).is_finite()),
            _ => true,
        }
    }
}
