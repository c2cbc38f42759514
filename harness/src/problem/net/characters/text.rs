//! The text, which is part of this program. See `data/alice/README.md` for where it comes from.

use std::sync::Arc;

use candle_core::{Device, Tensor};

use crate::Result;

static ALICE: &str = include_str!("../../../../data/alice/alice.txt");

/// The last of so many parts is the test text, and the one before it is held out for validation.
const PARTS: usize = 10;

/// A text as numbers of an alphabet.
#[derive(Clone)]
pub(super) struct Text {
    characters: Arc<[u8]>,
    alphabet: usize,
}

/// The text to train on and the one to be judged by. Letters are small; the alphabet is what occurs anywhere, in the order of ASCII.
pub(super) fn parts(validate: bool) -> (Text, Text) {
    let text = ALICE.to_ascii_lowercase().into_bytes();
    let mut alphabet = text.clone();
    alphabet.sort_unstable();
    alphabet.dedup();
    let number = |character: &u8| alphabet.partition_point(|known| known < character) as u8;
    let part = |characters: &[u8]| Text { characters: characters.iter().map(number).collect(), alphabet: alphabet.len() };
    let end = |parts: usize| text.len() * parts / PARTS;
    let [train, judged] = if validate { [0..end(8), end(8)..end(9)] } else { [0..end(9), end(9)..text.len()] };
    (part(&text[train]), part(&text[judged]))
}

impl Text {
    /// How many characters.
    pub(super) fn len(&self) -> usize {
        self.characters.len()
    }

    /// How many different characters there may be.
    pub(super) fn alphabet(&self) -> usize {
        self.alphabet
    }

    /// Windows of so many characters as \[n, context\], and the characters one on.
    pub(super) fn tensors(&self, starts: &[usize], context: usize) -> Result<(Tensor, Tensor)> {
        let windows = |ahead: usize| {
            let characters = starts.iter().flat_map(|start| &self.characters[start + ahead..][..context]);
            Tensor::from_iter(characters.map(|c| u32::from(*c)), &Device::Cpu)?.reshape((starts.len(), context))
        };
        Ok((windows(0)?, windows(1)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_overlap() {
        let (train, test) = parts(false);
        assert_eq!((train.len(), test.len(), train.alphabet()), (19_845, 2_205, 39));
        let (fewer, held) = parts(true);
        assert_eq!((fewer.len(), held.len()), (17_640, 2_205));
        assert_eq!([&*fewer.characters, &*held.characters].concat(), &*train.characters);
        assert!(test.characters.iter().all(|c| usize::from(*c) < 39));
    }
}
