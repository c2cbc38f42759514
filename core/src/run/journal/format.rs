//! The bytes of a journal.
//!
//! ```text
//! magic · len u32 · head [len] · check u64 · records
//! record: n u32 · check of n u32 · digest of the candidates u64 · losses [n] f64 · check of all these u64
//! ```

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::Origin;
use crate::{durable::seal::Check, space::Space};

const MAGIC: &[u8; 8] = b"moths-j2";
/// What the magic numbers of all formats begin with.
const FAMILY: &[u8] = b"moths-j";

/// What stands before the records.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Head {
    written_by: String,
    origin: Origin,
    space: Json,
    stochastic: bool,
}

/// One batch: a digest of its candidates, and their losses.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) digest: u64,
    pub(super) losses: Vec<f64>,
}

/// A journal that was read.
pub(super) struct Contents {
    head: Head,
    pub(super) records: Vec<Record>,
    /// Where the last whole one ends.
    pub(super) end: u64,
}

/// The bytes before the records.
pub(super) fn head(origin: &Origin, space: &Space, stochastic: bool) -> Vec<u8> {
    let written_by = env!("CARGO_PKG_VERSION").into();
    let head = Head { written_by, origin: origin.clone(), space: space.fingerprint(), stochastic };
    let text = serde_json::json!(head).to_string();
    let len = (text.len() as u32).to_le_bytes();
    let check = check(u64::MAX, text.as_bytes()).to_le_bytes();
    [MAGIC.as_slice(), &len, text.as_bytes(), &check].concat()
}

fn check(seed: u64, part: &[u8]) -> u64 {
    let mut check = Check::new(seed);
    check.add(part);
    check.word()
}

impl Record {
    /// As the record of this number.
    pub(super) fn bytes(&self, number: usize) -> Vec<u8> {
        let count = (self.losses.len() as u32).to_le_bytes();
        let mut bytes = [count, count_check(number, count)].concat();
        bytes.extend(self.digest.to_le_bytes());
        bytes.extend(self.losses.iter().flat_map(|loss| loss.to_le_bytes()));
        bytes.extend(check(number as u64, &bytes).to_le_bytes());
        bytes
    }

    /// The record of this number at the beginning of some bytes, and what comes after it; `None` where it was cut off.
    fn read(bytes: &[u8], number: usize) -> std::result::Result<Option<(Self, &[u8])>, String> {
        let damaged = || format!("is damaged: its record {number} is not what was written");
        let Some((head, rest)) = bytes.split_first_chunk::<8>() else { return Ok(None) };
        let [count, sum] = [0, 4].map(|at| [head[at], head[at + 1], head[at + 2], head[at + 3]]);
        if sum != count_check(number, count) {
            // A file may have grown before what was written to it had come, when the power failed.
            return if bytes.iter().all(|byte| *byte == 0) { Ok(None) } else { Err(damaged()) };
        }
        let len = 16 + u32::from_le_bytes(count) as usize * 8;
        let Some((whole, after)) = bytes.split_at_checked(len) else { return Ok(None) };
        let Some((sum, after)) = after.split_first_chunk::<8>() else { return Ok(None) };
        if u64::from_le_bytes(*sum) != check(number as u64, whole) {
            return if after.is_empty() { Ok(None) } else { Err(damaged()) };
        }
        let words = rest[..len - 8].as_chunks::<8>().0;
        let losses = words[1..].iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
        Ok(Some((Self { digest: u64::from_le_bytes(words[0]), losses }, after)))
    }
}

fn count_check(number: usize, count: [u8; 4]) -> [u8; 4] {
    (check(number as u64, &count) as u32).to_le_bytes()
}

impl Contents {
    /// What whole records there are.
    pub(super) fn read(bytes: &[u8]) -> std::result::Result<Self, String> {
        let head_damaged = || "is damaged: its head is not what was written".to_owned();
        let Some(rest) = bytes.strip_prefix(MAGIC) else {
            let old = bytes.starts_with(FAMILY) && bytes.len() >= MAGIC.len();
            let other = || format!("has the format `{}`; this program reads `moths-j2`", bytes[..8].escape_ascii());
            return Err(if old { other() } else { "is no journal of moths".into() });
        };
        let (len, rest) = rest.split_first_chunk::<4>().ok_or_else(head_damaged)?;
        let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize).ok_or_else(head_damaged)?;
        let (sum, mut rest) = rest.split_first_chunk::<8>().ok_or_else(head_damaged)?;
        if u64::from_le_bytes(*sum) != check(u64::MAX, text) {
            return Err(head_damaged());
        }
        let head = serde_json::from_slice(text).map_err(|e| format!("has a head that this program does not read ({e})"))?;
        let mut records = vec![];
        while let Some((record, after)) = Record::read(rest, records.len())? {
            records.push(record);
            rest = after;
        }
        Ok(Self { head, records, end: (bytes.len() - rest.len()) as u64 })
    }

    /// Is it of this space?
    pub(super) fn check_space(&self, space: &Space) -> std::result::Result<(), String> {
        if self.head.space == space.fingerprint() {
            return Ok(());
        }
        Err("was taken of another model or space (names, shapes, domains, bounds or scales differ)".into())
    }

    /// Is it of this run?
    pub(super) fn check(&self, origin: &Origin, space: &Space, stochastic: bool) -> std::result::Result<(), String> {
        self.check_space(space)?;
        if let Some(difference) = self.head.origin.difference(origin) {
            return Err(format!("was taken of another run: {difference}"));
        }
        if self.head.stochastic != stochastic {
            let kind = |stochastic| if stochastic { "stochastic" } else { "deterministic" };
            return Err(format!("was taken of a {} objective; this one is {}", kind(self.head.stochastic), kind(stochastic)));
        }
        Ok(())
    }

    pub(super) fn origin(&self) -> &Origin {
        &self.head.origin
    }

    pub(super) fn is_stochastic(&self) -> bool {
        self.head.stochastic
    }
}
