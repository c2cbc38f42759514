//! A GGUF file that candle's quantised LLaMA is loaded from.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufReader, Read},
    path::{Path, PathBuf},
};

use candle_core::{
    Shape,
    quantized::{
        GgmlDType,
        gguf_file::{Content, TensorInfo, VersionedMagic},
    },
};
use candle_transformers::models::quantized_llama::MAX_SEQ_LEN;
use moths::durable::checksum;

use super::words::Words;
use crate::{Error, Result};

/// Bytes of the file that are looked at together.
const PIECE: usize = 1 << 20;

/// A file with a model of the LLaMA architecture.
pub struct Gguf {
    path: PathBuf,
    header: Header,
    /// Rows of the embedding.
    pub(super) vocabulary: usize,
    /// The longest prompt.
    pub(in super::super) context: usize,
    pub(super) words: Words,
}

impl Gguf {
    /// Reads what the model is.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::File`] for a file that is no GGUF, is cut short or contradicts itself, and for an architecture and a tokenizer that
    /// are not known here.
    pub fn open(path: &Path) -> Result<Self> {
        let io = |source| Error::Io { path: path.into(), source };
        let refuse = |why: String| Error::File { path: path.into(), why };
        let file = File::open(path).map_err(io)?;
        let len = file.metadata().map_err(io)?.len();
        let content = Content::read(&mut BufReader::new(file))
            .map_err(|e| refuse(format!("is no GGUF file that candle reads: {}", first_line(&e))))?;
        let sizes = Sizes::of(&content).map_err(refuse)?;
        sizes.fit(&content, len).map_err(refuse)?;
        let vocabulary = sizes.vocabulary(&content).map_err(refuse)?;
        let words = Words::of(&content).map_err(refuse)?;
        let context = sizes.context.min(MAX_SEQ_LEN);
        Ok(Self { path: path.into(), header: Header::of(content), vocabulary, context, words })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A digest of all its bytes.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn digest(&self) -> Result<u64> {
        let io = |source| Error::Io { path: self.path.clone(), source };
        let mut file = File::open(&self.path).map_err(io)?;
        let (mut piece, mut words) = (vec![], vec![]);
        loop {
            piece.clear();
            file.by_ref().take(PIECE as u64).read_to_end(&mut piece).map_err(io)?;
            if piece.is_empty() {
                return Ok(checksum(&words));
            }
            words.extend(checksum(&piece).to_le_bytes());
        }
    }

    pub(super) fn header(&self) -> Header {
        self.header.clone()
    }
}

/// What the file says of the model's sizes.
struct Sizes {
    blocks: usize,
    width: usize,
    context: usize,
}

impl Sizes {
    /// Those of a file with the architecture that is known; what candle would divide by among them.
    fn of(content: &Content) -> std::result::Result<Self, String> {
        match content.metadata.get("general.architecture").map(|value| value.to_string()) {
            Some(Ok(name)) if name == "llama" => {}
            Some(Ok(name)) => return Err(format!("has general.architecture = {name:?}: \"llama\" is what is known here")),
            _ => return Err("has no general.architecture: \"llama\" is what is known here".into()),
        }
        let number = |name: &str| {
            let value = content.metadata.get(&format!("llama.{name}")).ok_or_else(|| format!("has no llama.{name}"))?;
            match value.to_u32() {
                Ok(number @ 1..) => Ok(number as usize),
                _ => Err(format!("has llama.{name} = {value:?}: a whole number > 0 of 32 bits is what it is to be")),
            }
        };
        let (heads, shared, width) =
            (number("attention.head_count")?, number("attention.head_count_kv")?, number("embedding_length")?);
        let turned = number("rope.dimension_count")?;
        if !width.is_multiple_of(heads) || !heads.is_multiple_of(shared) || turned != width / heads {
            return Err(format!(
                "has sizes that make no LLaMA: llama.embedding_length = {width} is to be a multiple of head_count = {heads}, this one of \
                 head_count_kv = {shared}, and rope.dimension_count = {turned} the width of a head"
            ));
        }
        Ok(Self { blocks: number("block_count")?, width, context: number("context_length")? })
    }

    /// Is the last block there, and does the file hold what its header says?
    fn fit(&self, content: &Content, len: u64) -> std::result::Result<(), String> {
        let last = format!("blk.{}.attn_q.weight", self.blocks - 1);
        if !content.tensor_infos.contains_key(&last) {
            return Err(format!("has no `{last}`, and {} blocks are to be there", self.blocks));
        }
        for (name, info) in &content.tensor_infos {
            let blocks = info.shape.elem_count().div_ceil(info.ggml_dtype.block_size());
            let end = blocks.saturating_mul(info.ggml_dtype.type_size()) as u64;
            let end = end.saturating_add(content.tensor_data_offset).saturating_add(info.offset);
            if end > len {
                return Err(format!("is cut short: `{name}` ends at byte {end}, and the file at {len}"));
            }
        }
        Ok(())
    }

    fn vocabulary(&self, content: &Content) -> std::result::Result<usize, String> {
        let width = self.width;
        match content.tensor_infos.get("token_embd.weight").map(|info| info.shape.dims()) {
            Some([rows, columns]) if *columns == width => Ok(*rows),
            Some(other) => Err(format!("has a token_embd.weight of {other:?}: [.., {width}] is what its header says")),
            None => Err("has no `token_embd.weight`".into()),
        }
    }
}

/// The header without its vocabulary: candle loads the model by it, and reads no header with each candidate.
#[derive(Clone)]
pub(super) struct Header {
    magic: VersionedMagic,
    metadata: HashMap<String, candle_core::quantized::gguf_file::Value>,
    tensors: Vec<(String, GgmlDType, Shape, u64)>,
    data: u64,
}

impl Header {
    fn of(content: Content) -> Self {
        let Content { magic, mut metadata, tensor_infos, tensor_data_offset: data } = content;
        metadata.retain(|name, _| !name.starts_with("tokenizer."));
        let tensors = tensor_infos.into_iter().map(|(name, info)| (name, info.ggml_dtype, info.shape, info.offset)).collect();
        Self { magic, metadata, tensors, data }
    }

    /// As candle takes it.
    pub(super) fn content(&self) -> Content {
        let info = |(name, ggml_dtype, shape, offset): &(String, GgmlDType, Shape, u64)| {
            (name.clone(), TensorInfo { ggml_dtype: *ggml_dtype, shape: shape.clone(), offset: *offset })
        };
        Content {
            magic: self.magic,
            metadata: self.metadata.clone(),
            tensor_infos: self.tensors.iter().map(info).collect(),
            tensor_data_offset: self.data,
        }
    }
}

/// Where candle traces an error, the rest is of programs.
pub(super) fn first_line(error: &candle_core::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}
