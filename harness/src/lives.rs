//! The tree of life of an ensemble whose members begin and end: who was born of whom, when, with what settings, and who lives.

mod kin;

use std::collections::HashSet;

use moths::{
    optimizer::Birth,
    persist::{Fields, Persist},
    run::Tally,
};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};
pub use kin::Kin;

/// A member that began in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Life {
    /// Loss evaluations used when it began.
    pub evaluations: u64,
    /// Which life it is, where, of whom, and what.
    #[serde(flatten)]
    pub birth: Birth,
}

/// All that began in a run, in the order of their births; none, if it was no ensemble that reports them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lives(Vec<Life>);

impl Lives {
    /// Adds what was born in the step that brought the tally to where it is, and gives it back. What an ensemble began with was there before its
    /// first step; all else is born at the end of one.
    pub fn add(&mut self, births: &[Birth], tally: &Tally) -> &[Life] {
        let before = self.0.len();
        let mut places: HashSet<u64> = HashSet::new();
        for birth in births {
            let begun = tally.steps == 1 && birth.parents.is_empty() && places.insert(birth.place);
            let at = if begun { 0 } else { tally.evaluations };
            // Whatever the order in which a step tells of them, time goes on.
            let at = at.max(self.0.last().map_or(0, |last| last.evaluations));
            self.0.push(Life { evaluations: at, birth: birth.clone() });
        }
        &self.0[before..]
    }

    /// Was nobody born?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Everyone, in the order of their births.
    pub fn all(&self) -> &[Life] {
        &self.0
    }

    /// Who is whose, and who is dead.
    pub fn kin(&self) -> Kin {
        Kin::of(&self.0)
    }

    /// One birth a line, as JSON.
    ///
    /// # Errors
    /// When a birth has no JSON; all have.
    pub fn lines(&self) -> Result<String> {
        let line = |life: &Life| serde_json::to_string(life).map(|line| line + "\n");
        self.0
            .iter()
            .map(line)
            .collect::<serde_json::Result<_>>()
            .map_err(|e| Error::unsupported("a birth", format!("is no JSON: {e}")))
    }

    /// Does this text begin with a birth, as [`Lives::lines`] does?
    pub fn are_in(text: &str) -> bool {
        text.lines().next().is_some_and(|line| serde_json::from_str::<Life>(line).is_ok())
    }

    fn of_lines(bytes: Vec<u8>) -> std::result::Result<Self, String> {
        let text = String::from_utf8(bytes).map_err(|e| e.to_string())?;
        let lives: Vec<Life> =
            text.lines().map(serde_json::from_str).collect::<serde_json::Result<_>>().map_err(|e| e.to_string())?;
        if lives.is_sorted_by_key(|life| life.evaluations) { Ok(Self(lives)) } else { Err("births are not in order".into()) }
    }
}

/// Bytes of a word.
const WORD: usize = size_of::<u64>();

/// A checkpoint holds the [lines](Lives::lines), eight bytes a word: names and settings of any kind are text.
impl Persist for Lives {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        let held = self.lines()?.into_bytes();
        let mut bytes = held.len();
        fields.within("bytes", &mut bytes, ..)?;
        let padded = |chunk: &[u8]| {
            let mut word = [0; WORD];
            word[..chunk.len()].copy_from_slice(chunk);
            u64::from_le_bytes(word)
        };
        let mut words: Vec<u64> = held.chunks(WORD).map(padded).collect();
        let len = bytes.div_ceil(WORD);
        fields.within("lines", &mut words, len..=len)?;
        let mut text: Vec<u8> = words.into_iter().flat_map(u64::to_le_bytes).collect();
        text.truncate(bytes);
        if text != held {
            *self = Self::of_lines(text).map_err(|why| fields.refusal(format!("`lines` are no births: {why}")))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
