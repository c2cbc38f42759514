//! Labelled examples.

use std::{ops::Range, sync::Arc};

use candle_core::{Device, Tensor};
use moths::Key;

use super::lanes::{LANES, Lanes};
use crate::{Error, Result, problem::Options};

/// No minibatch has more examples.
const MOST: u16 = 10_000;

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

    /// The inputs of the examples of these numbers, \[n, width\].
    pub(super) fn inputs(&self, rows: &[usize]) -> candle_core::Result<Tensor> {
        let picked = self.pick(rows.iter().copied());
        let inputs = match picked.inputs {
            Inputs::Reals(values) => Tensor::new(&*values, &Device::Cpu)?,
            Inputs::Bytes(values) => Tensor::new(values.iter().map(|v| real(*v)).collect::<Vec<_>>(), &Device::Cpu)?,
        };
        inputs.reshape((rows.len(), self.width))
    }

    /// What the examples of these numbers are, \[n\].
    pub(super) fn labels(&self, rows: &[usize]) -> candle_core::Result<Tensor> {
        let labels: Vec<u32> = rows.iter().map(|row| u32::from(self.labels[*row])).collect();
        Tensor::new(labels, &Device::Cpu)
    }

    /// Writes these examples side by side; lanes beyond them keep what they have.
    fn write(&self, rows: &[usize], lanes: &mut [Lanes]) {
        match &self.inputs {
            Inputs::Reals(all) => transpose(all, self.width, rows, lanes, |value| value),
            Inputs::Bytes(all) => transpose(all, self.width, rows, lanes, real),
        }
    }
}

fn real(byte: u8) -> f32 {
    f32::from(byte) / 255.0
}

/// Value by value, so that each is written once and whole.
fn transpose<T: Copy>(all: &[T], width: usize, rows: &[usize], lanes: &mut [Lanes], real: impl Fn(T) -> f32) {
    let starts: Vec<&[T]> = rows.iter().map(|row| &all[row * width..(row + 1) * width]).collect();
    for (i, Lanes(values)) in lanes.iter_mut().enumerate() {
        values.iter_mut().zip(&starts).for_each(|(value, row)| *value = real(row[i]));
    }
}

/// Some examples side by side.
#[derive(Clone)]
pub(super) struct Block {
    /// Value by value.
    pub(super) inputs: Vec<Lanes>,
    /// At most [`LANES`].
    pub(super) labels: Vec<u8>,
}

impl Block {
    fn of(examples: &Examples) -> Self {
        Self { inputs: Lanes::zeros(examples.width), labels: vec![] }
    }

    /// Makes it these examples.
    fn take(&mut self, examples: &Examples, rows: &[usize]) {
        examples.write(rows, &mut self.inputs);
        self.labels.clear();
        self.labels.extend(rows.iter().map(|row| examples.labels[*row]));
    }
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
            None => Ok(Self::Minibatch(LANES)),
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

/// The examples losses are of, in blocks.
pub(super) enum Blocks {
    /// All of them.
    All(Vec<Block>),
    /// Those that were drawn last: candidates of one step mostly share them.
    Drawn { examples: Examples, share: Share, key: Option<Key>, blocks: Vec<Block> },
}

impl Blocks {
    pub(super) fn new(examples: &Examples, share: Share) -> Self {
        match share {
            Share::All => Self::All(blocks(examples, 0..examples.len()).collect()),
            Share::Minibatch(size) => {
                let blocks = vec![Block::of(examples); size.div_ceil(LANES)];
                Self::Drawn { examples: examples.clone(), share, key: None, blocks }
            }
        }
    }

    /// The blocks of a key.
    pub(super) fn of(&mut self, wanted: Key) -> &[Block] {
        match self {
            Self::All(blocks) => blocks,
            Self::Drawn { examples, share, key, blocks } => {
                if *key != Some(wanted) {
                    let rows = share.rows(examples.len(), wanted);
                    blocks.iter_mut().zip(rows.chunks(LANES)).for_each(|(block, rows)| block.take(examples, rows));
                    *key = Some(wanted);
                }
                blocks
            }
        }
    }
}

/// Neighbouring examples, in blocks.
pub(super) fn blocks(examples: &Examples, range: Range<usize>) -> impl Iterator<Item = Block> {
    range.clone().step_by(LANES).map(move |from| {
        let rows: Vec<usize> = (from..range.end.min(from + LANES)).collect();
        let mut block = Block::of(examples);
        block.take(examples, &rows);
        block
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seventy() -> Examples {
        Examples::bytes(2, (0..140).collect(), (0..70).collect())
    }

    #[test]
    fn blocks_hold_every_example_once() {
        let examples = seventy();
        let blocks: Vec<Block> = blocks(&examples, 0..70).collect();
        assert_eq!(blocks.iter().map(|b| b.labels.len()).collect::<Vec<_>>(), [32, 32, 6]);
        for (i, label) in blocks.iter().flat_map(|b| &b.labels).enumerate() {
            let inputs = &blocks[i / LANES].inputs;
            assert_eq!(usize::from(*label), i);
            assert_eq!([0, 1].map(|v| inputs[v].0[i % LANES]), [2 * i, 2 * i + 1].map(|v| v as f32 / 255.0));
        }
    }

    #[test]
    fn minibatches_follow_from_their_key() -> candle_core::Result<()> {
        let examples = seventy();
        let mut drawn = Blocks::new(&examples, Share::Minibatch(LANES));
        let labels = |drawn: &mut Blocks, seed| drawn.of(Key::new(seed))[0].labels.clone();
        let first = labels(&mut drawn, 1);
        assert_ne!(labels(&mut drawn, 2), first);
        assert_eq!(labels(&mut drawn, 1), first);
        // candle's path sees the same examples.
        let rows = Share::Minibatch(LANES).rows(70, Key::new(1));
        let (inputs, numbers) = (examples.inputs(&rows)?, examples.labels(&rows)?);
        assert_eq!(numbers.to_vec1::<u32>()?, first.iter().map(|l| u32::from(*l)).collect::<Vec<_>>());
        let lanes: Vec<Vec<f32>> = (0..LANES).map(|l| drawn.of(Key::new(1))[0].inputs.iter().map(|v| v.0[l]).collect()).collect();
        assert_eq!(inputs.to_vec2::<f32>()?, lanes);
        Ok(())
    }

    #[test]
    fn every_example_is_drawn_as_often_as_any_other() {
        let mut counts = [0u32; 10];
        (0..1000).flat_map(|seed| Share::Minibatch(LANES).rows(10, Key::new(seed))).for_each(|row| counts[row] += 1);
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
