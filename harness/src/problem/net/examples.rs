//! Labelled examples.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use moths::Key;

use crate::{Error, Result, problem::Options};

/// No minibatch has more examples.
const MOST: u16 = 10_000;
/// Examples of a minibatch where nobody says.
const USUAL: usize = 32;

/// Inputs of equal length, and what each of them is. Cloning copies no data.
#[derive(Clone)]
pub(super) struct Examples {
    inputs: Inputs,
    width: usize,
    labels: Arc<[u8]>,
}

/// All inputs, one after another.
#[derive(Clone)]
enum Inputs {
    Reals(Arc<[f32]>),
    /// Numbers from 0 to 255 for 0 to 1: a quarter of the memory.
    Bytes(Arc<[u8]>),
}

impl Examples {
    /// Examples of `width` numbers each.
    pub(super) fn reals(width: usize, inputs: Vec<f32>, labels: Vec<u8>) -> Self {
        debug_assert_eq!(inputs.len(), width * labels.len());
        Self { inputs: Inputs::Reals(inputs.into()), width, labels: labels.into() }
    }

    /// Examples of `width` bytes each, which stand for 0 to 1.
    pub(super) fn bytes(width: usize, inputs: Vec<u8>, labels: Vec<u8>) -> Self {
        debug_assert_eq!(inputs.len(), width * labels.len());
        Self { inputs: Inputs::Bytes(inputs.into()), width, labels: labels.into() }
    }

    /// How many examples.
    pub(super) fn len(&self) -> usize {
        self.labels.len()
    }

    /// The examples of these numbers.
    pub(super) fn pick(&self, rows: impl Iterator<Item = usize> + Clone) -> Self {
        fn values<T: Copy>(all: &[T], width: usize, rows: impl Iterator<Item = usize>) -> Arc<[T]> {
            rows.flat_map(|row| &all[row * width..(row + 1) * width]).copied().collect()
        }
        let inputs = match &self.inputs {
            Inputs::Reals(all) => Inputs::Reals(values(all, self.width, rows.clone())),
            Inputs::Bytes(all) => Inputs::Bytes(values(all, self.width, rows.clone())),
        };
        Self { inputs, width: self.width, labels: values(&self.labels, 1, rows) }
    }

    /// Every `nth` example, and the others.
    pub(super) fn split(&self, nth: usize) -> (Self, Self) {
        let rows = |is_nth: bool| (0..self.len()).filter(move |i| (i % nth == 0) == is_nth);
        (self.pick(rows(true)), self.pick(rows(false)))
    }

    /// The inputs of the examples of these numbers, \[n, width\], and what they are, \[n\].
    pub(super) fn tensors(&self, rows: &[usize]) -> Result<(Tensor, Tensor)> {
        let picked = self.pick(rows.iter().copied());
        let inputs = match picked.inputs {
            Inputs::Reals(values) => Tensor::new(&*values, &Device::Cpu)?,
            Inputs::Bytes(values) => Tensor::new(values.iter().map(|v| real(*v)).collect::<Vec<_>>(), &Device::Cpu)?,
        };
        let labels: Vec<u32> = picked.labels.iter().map(|label| u32::from(*label)).collect();
        Ok((inputs.reshape((rows.len(), self.width))?, Tensor::new(labels, &Device::Cpu)?))
    }
}

fn real(byte: u8) -> f32 {
    f32::from(byte) / 255.0
}

/// Which examples a loss is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    /// All of them, always.
    All,
    /// A minibatch of so many, drawn with replacement by the key of the loss.
    Minibatch(usize),
}

impl Share {
    /// Minibatches as large as the options say.
    ///
    /// # Errors
    /// [`Error::Invalid`] for none, or for too many.
    pub(super) fn minibatch(options: &Options) -> Result<Self> {
        match options.minibatch {
            None => Ok(Self::Minibatch(USUAL)),
            Some(examples) if (1..=MOST).contains(&examples) => Ok(Self::Minibatch(examples.into())),
            Some(examples) => Err(Error::invalid("--minibatch", examples, format!("1 to {MOST} examples"))),
        }
    }

    /// Minibatches where the options say how large, else all examples.
    ///
    /// # Errors
    /// As [`minibatch`](Self::minibatch).
    pub(super) fn or_all(options: &Options) -> Result<Self> {
        if options.minibatch.is_some() { Self::minibatch(options) } else { Ok(Self::All) }
    }

    /// The numbers of the examples that a key names, of `all`.
    pub(super) fn rows(self, all: usize, key: Key) -> Vec<usize> {
        match self {
            Self::All => (0..all).collect(),
            Self::Minibatch(examples) => (0..examples as u64).map(|i| below(all, key.fold(i))).collect(),
        }
    }
}

/// A number below `n` that follows from the key: its bits as a fraction of n.
pub(crate) fn below(n: usize, key: Key) -> usize {
    ((u128::from(key.to_bits()) * n as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seventy() -> Examples {
        Examples::bytes(2, (0..140).collect(), (0..70).collect())
    }

    #[test]
    fn bytes_are_shares_of_255() -> Result<()> {
        let (inputs, labels) = seventy().tensors(&[69, 0])?;
        let expected = [[138, 139], [0, 1]].map(|row| row.map(|byte| byte as f32 / 255.0));
        assert_eq!(inputs.to_vec2::<f32>()?, expected);
        assert_eq!(labels.to_vec1::<u32>()?, [69, 0]);
        Ok(())
    }

    #[test]
    fn minibatches_follow_from_their_key() {
        let rows = |seed| Share::Minibatch(USUAL).rows(70, Key::new(seed));
        assert_ne!(rows(2), rows(1));
        assert_eq!(rows(1), rows(1));
        assert_eq!(rows(1).len(), USUAL);
    }

    #[test]
    fn every_example_is_drawn_as_often_as_any_other() {
        let mut counts = [0u32; 10];
        (0..1000).flat_map(|seed| Share::Minibatch(USUAL).rows(10, Key::new(seed))).for_each(|row| counts[row] += 1);
        // 3,200 expected each, with a deviation of 54.
        assert!(counts.iter().all(|count| count.abs_diff(3200) < 5 * 54), "{counts:?}");
    }

    #[test]
    fn splits_part_the_examples() {
        let (every, others) = seventy().split(5);
        assert_eq!((every.len(), others.len()), (14, 56));
        assert!(every.labels.iter().all(|l| l % 5 == 0) && others.labels.iter().all(|l| l % 5 != 0));
    }
}
