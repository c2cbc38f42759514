//! The header of a safetensors file.

use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use candle_core::DType;
use safetensors::{Dtype, SafeTensors, tensor::Metadata};

use super::{Base, Kept, Stored};
use crate::{
    Error, Result,
    durable::{check_readable, positioned::read_at},
};

/// One file, open.
pub(in crate::objective::model) struct Shard {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) metadata: BTreeMap<String, String>,
    header: Metadata,
    /// Where the first tensor begins.
    data: u64,
}

/// No header is longer: what says so is no such file.
const LONGEST: u64 = 100_000_000;
const WORD: usize = size_of::<u64>();

impl Shard {
    pub(super) fn open(path: &Path) -> Result<Arc<Self>> {
        let io = |source| Error::Io { path: path.into(), source };
        let refuse = |why: String| Error::File { path: path.into(), why };
        check_readable(path)?;
        let file = File::open(path).map_err(io)?;
        let whole = file.metadata().map_err(io)?.len();
        let mut word = [0; WORD];
        read_at(&file, 0, &mut word).map_err(|_| refuse("is no safetensors file: it is too short".into()))?;
        let length = u64::from_le_bytes(word);
        if length > LONGEST.min(whole) {
            return Err(refuse("is no safetensors file: it has no header of a sensible length".into()));
        }
        let mut head = vec![0; WORD + length as usize];
        read_at(&file, 0, &mut head).map_err(|_| refuse("ends within its header".into()))?;
        let (_, header) = SafeTensors::read_metadata(&head).or_else(|_| header(&head[WORD..])).map_err(refuse)?;
        let data = (WORD as u64) + length;
        let end = header.tensors().values().map(|info| info.data_offsets.1 as u64).max().unwrap_or(0);
        if data + end != whole {
            return Err(refuse(format!("holds {whole} bytes, and its header tells of {}", data + end)));
        }
        let metadata = header.metadata().iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect();
        Ok(Arc::new(Self { path: path.into(), file, metadata, header, data }))
    }

    /// All tensors.
    pub(super) fn tensors(self: &Arc<Self>) -> Result<Vec<(String, Stored)>> {
        let stored = |(name, info): (String, &safetensors::tensor::TensorInfo)| {
            let (dtype, (from, to)) = (dtype(info.dtype), info.data_offsets);
            let base = Base::File { shard: self.clone(), at: self.data + from as u64, dtype: dtype.unwrap_or(DType::U8) };
            let kept = Kept { dtype: info.dtype, bytes: to - from };
            Ok((name, Stored { shape: info.shape.clone(), dtype, kept, base }))
        };
        self.header.tensors().into_iter().map(stored).collect()
    }
}

/// A header by itself, without the tensors behind it.
fn header(bytes: &[u8]) -> std::result::Result<(usize, Metadata), String> {
    let header = serde_json::from_slice(bytes).map_err(|e| format!("is no safetensors file: {e}"))?;
    Ok((bytes.len(), header))
}

fn dtype(of: Dtype) -> Option<DType> {
    Some(match of {
        Dtype::U8 | Dtype::BOOL => DType::U8,
        Dtype::U32 => DType::U32,
        Dtype::I16 => DType::I16,
        Dtype::I32 => DType::I32,
        Dtype::I64 => DType::I64,
        Dtype::BF16 => DType::BF16,
        Dtype::F16 => DType::F16,
        Dtype::F32 => DType::F32,
        Dtype::F64 => DType::F64,
        Dtype::F8_E4M3 => DType::F8E4M3,
        _ => return None,
    })
}
