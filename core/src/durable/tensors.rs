//! Safetensors, written as they come.

use std::{collections::HashMap, io::Write, path::Path};

use safetensors::{
    Dtype, View,
    tensor::{Metadata, TensorInfo},
};

use crate::{Error, Result};

/// A tensor that can write itself, a part at a time if it is large.
pub(crate) trait Piece {
    fn dtype(&self) -> Dtype;
    fn shape(&self) -> Vec<usize>;
    /// Bytes, little endian.
    fn len(&self) -> usize;
    /// Hands all of them over, in order.
    fn write(&self, out: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()>;
}

impl<V: View> Piece for V {
    fn dtype(&self) -> Dtype {
        View::dtype(self)
    }

    fn shape(&self) -> Vec<usize> {
        View::shape(self).to_vec()
    }

    fn len(&self) -> usize {
        self.data_len()
    }

    fn write(&self, out: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        out(&self.data())
    }
}

/// Writes a safetensors file: what `safetensors::serialize` gives, with the names of its header in order, so that equal contents are equal files.
///
/// That one makes the whole file in memory, as large as the model; `serialize_to_file` replaces the file it is given by a private one.
pub(crate) fn write_tensors<P: Piece>(
    out: &mut dyn Write,
    mut tensors: Vec<(String, P)>,
    entries: Option<HashMap<String, String>>,
    path: &Path,
) -> Result<()> {
    // Largest elements first, so that all are aligned; then by name.
    tensors.sort_by(|(a, left), (b, right)| right.dtype().cmp(&left.dtype()).then(a.cmp(b)));
    let header = header(&tensors, entries).map_err(|why| Error::File { path: path.into(), why })?;
    let length = (header.len() as u64).to_le_bytes();
    let head = [&length[..], &header[..]].concat();
    let mut write = |bytes: &[u8]| out.write_all(bytes).map_err(|source| Error::Io { path: path.into(), source });
    write(&head)?;
    tensors.iter().try_for_each(|(_, tensor)| tensor.write(&mut write))
}

/// JSON, padded to whole words.
fn header<P: Piece>(tensors: &[(String, P)], entries: Option<HashMap<String, String>>) -> std::result::Result<Vec<u8>, String> {
    let mut end = 0;
    let places = tensors.iter().map(|(name, tensor)| {
        let begin = end;
        end += tensor.len();
        let place = TensorInfo { dtype: tensor.dtype(), shape: tensor.shape(), data_offsets: (begin, end) };
        (name.clone(), place)
    });
    let metadata = Metadata::new(entries, places.collect()).map_err(|e| format!("cannot be written: {e}"))?;
    let metadata = serde_json::to_value(&metadata).map_err(|e| format!("cannot be written: {e}"))?;
    let mut header = metadata.to_string().into_bytes();
    header.resize(header.len().next_multiple_of(size_of::<u64>()), b' ');
    Ok(header)
}
