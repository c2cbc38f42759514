//! A GGUF file as it would be read if a candidate were written in it.

use std::{
    fs::File,
    io::{Error, ErrorKind, Read, Result, Seek, SeekFrom},
};

use super::{change::Candidate, tensors::Tensor};
use crate::durable::positioned::read_at;

/// Bytes of the header that are read ahead: it is asked for word by word.
const AHEAD: usize = 1 << 16;

/// A GGUF file with other numbers in its trained blocks, to be given to `gguf_file::Content::read` and `ModelWeights::from_gguf`.
///
/// The file is never written, and no bytes of it are kept: blocks are changed in the buffer of whoever reads them. Reads may
/// begin and end anywhere, also within a block.
pub struct GgufReader<'a> {
    file: &'a File,
    len: u64,
    at: u64,
    /// In order of their places.
    tensors: &'a [Tensor],
    /// `None`: the file as it is.
    candidate: Option<Candidate<'a>>,
    /// Bytes before the first trained block, and where they begin.
    ahead: (u64, Vec<u8>),
}

impl<'a> GgufReader<'a> {
    pub(super) fn new(file: &'a File, len: u64, tensors: &'a [Tensor], candidate: Option<Candidate<'a>>) -> Self {
        Self { file, len, at: 0, tensors, candidate, ahead: (0, vec![]) }
    }

    /// Small reads before the trained blocks, from what was read ahead; how many bytes.
    fn read_header(&mut self, out: &mut [u8]) -> Result<Option<usize>> {
        let end = self.tensors.first().map_or(self.len, |tensor| tensor.start);
        if out.len() >= AHEAD || self.at >= end {
            return Ok(None);
        }
        let (begin, bytes) = &mut self.ahead;
        if self.at < *begin || self.at >= *begin + bytes.len() as u64 {
            let mut next = vec![0; AHEAD.min((end - self.at) as usize)];
            read_at(self.file, self.at, &mut next)?;
            (*begin, *bytes) = (self.at, next);
        }
        let rest = &bytes[(self.at - *begin) as usize..];
        let n = out.len().min(rest.len());
        out[..n].copy_from_slice(&rest[..n]);
        Ok(Some(n))
    }

    /// Makes the bytes of the file from `from` on those of the candidate.
    fn change(&self, candidate: &Candidate<'_>, from: u64, out: &mut [u8]) -> Result<()> {
        let to = from + out.len() as u64;
        let first = self.tensors.partition_point(|tensor| tensor.place().end <= from);
        for tensor in self.tensors[first..].iter().take_while(|tensor| tensor.start < to) {
            let size = tensor.block.bytes as u64;
            let (begin, end) = (from.max(tensor.start) - tensor.start, to.min(tensor.place().end) - tensor.start);
            let whole = begin.div_ceil(size)..(end / size).max(begin.div_ceil(size));
            let at = |block: u64| (tensor.start + block * size).saturating_sub(from) as usize;
            if !whole.is_empty() {
                candidate.apply(tensor, whole.start as usize, &mut out[at(whole.start)..at(whole.end)]);
            }
            // At the ends, blocks of which only a part is wanted.
            let parts = [begin / size, end / size];
            let distinct = if parts[0] == parts[1] { &parts[..1] } else { &parts[..] };
            for block in distinct.iter().filter(|block| !whole.contains(*block) && **block * size < end) {
                self.change_part(candidate, tensor, *block, from, out)?;
            }
        }
        Ok(())
    }

    /// The bytes of one block that lie in `out`.
    fn change_part(&self, candidate: &Candidate<'_>, tensor: &Tensor, block: u64, from: u64, out: &mut [u8]) -> Result<()> {
        let mut bytes = vec![0; tensor.block.bytes];
        let start = tensor.start + block * tensor.block.bytes as u64;
        read_at(self.file, start, &mut bytes)?;
        candidate.apply(tensor, block as usize, &mut bytes);
        let (begin, end) = (start.max(from), (start + bytes.len() as u64).min(from + out.len() as u64));
        let within = &bytes[(begin - start) as usize..(end - start) as usize];
        out[(begin - from) as usize..(end - from) as usize].copy_from_slice(within);
        Ok(())
    }
}

impl Read for GgufReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        let left = usize::try_from(self.len.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let n = out.len().min(left);
        let out = &mut out[..n];
        if n == 0 {
            return Ok(0);
        }
        let n = match self.read_header(out)? {
            Some(n) => n,
            None => {
                read_at(self.file, self.at, out)?;
                if let Some(candidate) = self.candidate {
                    self.change(&candidate, self.at, out)?;
                }
                n
            }
        };
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for GgufReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| Error::new(ErrorKind::InvalidInput, "a place before the beginning of the file"))?;
        Ok(self.at)
    }
}
