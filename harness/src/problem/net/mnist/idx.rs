//! IDX files: unsigned bytes in so many dimensions. The format is described on the page of MNIST.
//!
//! Two zero bytes, 8 for unsigned bytes, the number of dimensions, then each dimension as a big-endian u32, then the values.

use std::{
    fs::File,
    io::{self, BufReader, ErrorKind, Read},
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;

use crate::{Error, Result};

/// More values than any file that is meant has: what a header may ask for.
const MOST: usize = 1 << 30;

/// What an IDX file of `RANK` dimensions holds.
#[derive(Debug)]
pub(super) struct Idx<const RANK: usize> {
    pub(super) path: PathBuf,
    pub(super) dims: [usize; RANK],
    /// As many as the product of the dimensions.
    pub(super) values: Vec<u8>,
}

impl<const RANK: usize> Idx<RANK> {
    /// Reads the file of this name, or that name with `.gz`.
    ///
    /// # Errors
    /// [`Error::Io`] for a file that is not there or cannot be read; [`Error::File`] for one that is something else, or is damaged.
    pub(super) fn open(folder: &Path, name: &str) -> Result<Self> {
        let plain = folder.join(name);
        if plain.exists() {
            let file = open(&plain)?;
            return Self::read(plain, BufReader::new(file));
        }
        let zipped = folder.join(format!("{name}.gz"));
        let file = open(&zipped)?;
        Self::read(zipped, GzDecoder::new(BufReader::new(file)))
    }

    fn read(path: PathBuf, mut from: impl Read) -> Result<Self> {
        let dims = match header(&mut from) {
            Ok(Ok(dims)) => dims,
            Ok(Err(why)) => return Err(refused(&path, why)),
            Err(error) => return Err(failed(&path, error)),
        };
        let len = dims.iter().try_fold(1usize, |len, dim| len.checked_mul(*dim)).filter(|len| *len <= MOST);
        let len = len.ok_or_else(|| refused(&path, format!("its header says {dims:?}: at most {MOST} values are read")))?;
        let mut values = Vec::with_capacity(len.min(1 << 26));
        // One byte more, to see whether there is one.
        from.take(len as u64 + 1).read_to_end(&mut values).map_err(|error| failed(&path, error))?;
        match values.len() {
            got if got < len => Err(refused(&path, format!("is cut off: {got} of the {len} values that its header says"))),
            got if got > len => Err(refused(&path, format!("goes on after the {len} values that its header says"))),
            _ => Ok(Self { path, dims, values }),
        }
    }

    /// An error about this file.
    pub(super) fn refused(&self, why: String) -> Error {
        refused(&self.path, why)
    }
}

fn open(path: &Path) -> Result<File> {
    // A pipe would be waited for.
    if std::fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
        return Err(refused(path, "is no regular file".into()));
    }
    File::open(path).map_err(|source| Error::Io { path: path.to_owned(), source })
}

/// The dimensions, or why this is no IDX file of so many.
fn header<const RANK: usize>(from: &mut impl Read) -> io::Result<std::result::Result<[usize; RANK], String>> {
    let mut word = [0; 4];
    from.read_exact(&mut word)?;
    let magic = [0, 0, 8, RANK as u8];
    if word != magic {
        let hex = |bytes: [u8; 4]| bytes.map(|byte| format!("{byte:02x}")).concat();
        let wanted = format!("an IDX file of unsigned bytes in {RANK} dimensions begins with {}", hex(magic));
        return Ok(Err(format!("begins with {}; {wanted}", hex(word))));
    }
    let mut dims = [0; RANK];
    for dim in &mut dims {
        from.read_exact(&mut word)?;
        *dim = u32::from_be_bytes(word) as usize;
    }
    Ok(Ok(dims))
}

/// What is wrong with a file that could be opened.
fn failed(path: &Path, error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::UnexpectedEof => refused(path, "is cut off".into()),
        ErrorKind::InvalidInput | ErrorKind::InvalidData => refused(path, format!("is no gzip file, or a damaged one: {error}")),
        _ => Error::Io { path: path.to_owned(), source: error },
    }
}

fn refused(path: &Path, why: String) -> Error {
    Error::File { path: path.to_owned(), why }
}
