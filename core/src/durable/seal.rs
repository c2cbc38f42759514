//! Digests of what is in a file, so that a file is trusted only after it is checked.
//!
//! XXH3 (Collet, <https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md>): it finds damage, whatever did it, and proves nothing about who
//! wrote a file.

use std::hash::Hasher;

use twox_hash::{XxHash3_64, XxHash3_128};

/// A digest of parts, each told apart from its neighbours by its length.
pub(crate) struct Seal(XxHash3_128);

impl Seal {
    pub(crate) fn new() -> Self {
        Self(XxHash3_128::new())
    }

    pub(crate) fn add(&mut self, part: &[u8]) {
        self.0.write(&(part.len() as u64).to_le_bytes());
        self.0.write(part);
    }

    /// In 32 hexadecimal digits.
    pub(crate) fn digits(&self) -> String {
        format!("{:032x}", self.0.finish_128())
    }
}

/// A digest of something small, or that is there only once.
pub(crate) struct Check(XxHash3_64);

impl Check {
    /// Equal parts have another digest under another seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(XxHash3_64::with_seed(seed))
    }

    pub(crate) fn add(&mut self, part: &[u8]) {
        self.0.write(part);
    }

    pub(crate) fn word(&self) -> u64 {
        self.0.finish()
    }
}
