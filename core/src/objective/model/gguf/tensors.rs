//! Which tensors of a file are trained, where they lie, and the space of their coordinates.

use std::ops::Range;

use candle_core::quantized::{
    GgmlDType,
    gguf_file::{Content, TensorInfo},
};

use super::{Trained, block::Block};
use crate::{
    Error, Result,
    objective::model::glob,
    space::{Leaf, Space},
};

/// The embedding of tokens is looked up and not multiplied: a candidate would be seen by the tokens of its data alone.
const LOOKED_UP: &str = "token_embd";

/// A trained tensor of a file.
#[derive(Debug)]
pub(super) struct Tensor {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) block: &'static Block,
    /// Where its first block begins in the file.
    pub(super) start: u64,
    pub(super) blocks: usize,
    /// Its first search coordinate.
    pub(super) first: usize,
}

impl Tensor {
    /// Where its bytes are in the file.
    pub(super) fn place(&self) -> Range<u64> {
        self.start..self.start + (self.blocks * self.block.bytes) as u64
    }

    fn leaf(&self, what: Trained) -> Leaf {
        let mut shape = self.shape.clone();
        match (what, shape.last_mut()) {
            (Trained::Scales, Some(columns)) if *columns % self.block.weights == 0 => *columns /= self.block.weights,
            // Blocks that go over the ends of rows.
            (Trained::Scales, _) => shape = vec![self.blocks],
            (Trained::Codes, _) => {}
        }
        Leaf::real(&self.name, shape)
    }
}

/// The trained tensors of a file, in the order in which they lie there, which is that of their coordinates.
///
/// # Errors
/// [`Error::Unknown`] for a pattern that means no tensor; [`Error::Unsupported`] for a tensor of a type without a layout, for
/// patterns that mean no quantised tensor at all; [`Error::Shape`] for tensors that lie over each other or beyond the end.
pub(super) fn chosen(content: &Content, len: u64, patterns: &[String], what: Trained) -> Result<Vec<Tensor>> {
    let names = || content.tensor_infos.keys().map(String::as_str);
    if let Some(unknown) = patterns.iter().find(|p| !names().any(|name| glob::means(p, name))) {
        return Err(Error::unknown("tensor of the file", unknown, names()));
    }
    let meant = |name: &str, info: &TensorInfo| match patterns {
        [] => is_quantised(info) && info.shape.rank() > 1 && !glob::means(LOOKED_UP, name),
        some => some.iter().any(|p| glob::means(p, name)),
    };
    let mut meant: Vec<(&String, &TensorInfo)> = content.tensor_infos.iter().filter(|(name, info)| meant(name, info)).collect();
    meant.sort_by_key(|(name, info)| (info.offset, *name));
    refuse_floats_alone(&meant, patterns)?;
    let mut tensors: Vec<Tensor> = vec![];
    for (name, info) in meant.into_iter().filter(|(_, info)| is_quantised(info)) {
        let first = tensors.last().map_or(0, |before| before.first + before.blocks * what.coordinates(before.block));
        let tensor = placed(name, info, content.tensor_data_offset, first)?;
        let free = tensors.last().map_or(content.tensor_data_offset, |before| before.place().end);
        if tensor.start < free || tensor.place().end > len {
            let at = format!("{name} at {:?}", tensor.place());
            return Err(Error::shape("tensors of the file", format!("bytes within {free}..{len}"), at));
        }
        tensors.push(tensor);
    }
    Ok(tensors)
}

/// Norms and biases that a pattern means beside matrices stay as they are; a pattern that means nothing else would be without
/// effect.
fn refuse_floats_alone(meant: &[(&String, &TensorInfo)], patterns: &[String]) -> Result<()> {
    for pattern in patterns {
        let mut of_it = meant.iter().filter(|(name, _)| glob::means(pattern, name));
        let first = of_it.clone().next();
        if let Some((name, info)) = first
            && !of_it.any(|(_, info)| is_quantised(info))
        {
            let what = format!("has no quantised blocks to be trained: it is {:?} (pattern `{pattern}`)", info.ggml_dtype);
            return Err(Error::unsupported(format!("tensor `{name}`"), what));
        }
    }
    if meant.is_empty() {
        return Err(Error::unsupported("the file", "has no quantised matrices to be trained, embeddings apart"));
    }
    Ok(())
}

fn is_quantised(info: &TensorInfo) -> bool {
    !matches!(info.ggml_dtype, GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16)
}

fn placed(name: &str, info: &TensorInfo, data: u64, first: usize) -> Result<Tensor> {
    let Some(block) = Block::of(info.ggml_dtype) else {
        let what = format!("is {:?}, of which no blocks can be trained: leave it out, or requantise the file", info.ggml_dtype);
        return Err(Error::unsupported(format!("tensor `{name}`"), what));
    };
    let weights = info.shape.elem_count();
    if weights == 0 || !weights.is_multiple_of(block.weights) {
        let expected = format!("a multiple of {} weights", block.weights);
        return Err(Error::shape(format!("tensor `{name}`"), expected, format!("{:?}", info.shape.dims())));
    }
    let start = data.saturating_add(info.offset);
    Ok(Tensor { name: name.into(), shape: info.shape.dims().into(), block, start, blocks: weights / block.weights, first })
}

/// The space of the coordinates of these tensors: one a block, or one a weight.
///
/// # Errors
/// As [`Space::new`].
pub(super) fn space(tensors: &[Tensor], what: Trained) -> Result<Space> {
    Space::of_model(tensors.iter().map(|tensor| tensor.leaf(what)).collect())
}
