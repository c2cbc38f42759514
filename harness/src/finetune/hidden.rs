//! What the layers below the first trained one make of a sentence: the same in every candidate, so that it is computed once and
//! kept.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use candle_core::{DType, Device, Result, Tensor};

use super::examples::Batch;

/// Hidden states by the tokens of their sentence, of one model, as many as there is room for. Cheap to clone.
#[derive(Clone)]
pub(super) struct HiddenStates(Arc<Mutex<Held>>);

struct Held {
    by_tokens: HashMap<Arc<[u32]>, Tensor>,
    /// Bytes that are taken, and the most that may be.
    bytes: usize,
    room: usize,
}

impl HiddenStates {
    /// None yet, and at most so many bytes of them.
    pub(super) fn within(room: usize) -> Self {
        Self(Arc::new(Mutex::new(Held { by_tokens: HashMap::new(), bytes: 0, room })))
    }

    /// Bytes that are taken.
    pub(super) fn bytes(&self) -> usize {
        self.held().bytes
    }

    /// The hidden states of the sentences of a batch, \[n, t, h\]; `compute` makes them of tokens and mask \[n, t\].
    ///
    /// Of a batch that comes again, every sentence is computed by itself, also where there is no room for it: the same bits
    /// whether it was kept, and whatever stands beside it. They are zero where there is no token.
    pub(super) fn of(&self, batch: &Batch, compute: impl Fn(&Tensor, &Tensor) -> Result<Tensor>) -> Result<Tensor> {
        if !batch.comes_again {
            return compute(&batch.ids, &batch.mask);
        }
        let longest = batch.ids.dim(1)?;
        let padded = |tokens: &Arc<[u32]>| {
            let known = self.held().by_tokens.get(tokens).cloned();
            let state = match known {
                Some(state) => state,
                None => {
                    let ids = Tensor::new(&tokens[..], &Device::Cpu)?.unsqueeze(0)?;
                    let state = compute(&ids, &ids.ones_like()?.to_dtype(DType::F32)?)?.detach();
                    self.keep(tokens, &state);
                    state
                }
            };
            state.pad_with_zeros(1, 0, longest - tokens.len())
        };
        Tensor::cat(&batch.sentences.iter().map(padded).collect::<Result<Vec<_>>>()?, 0)
    }

    fn keep(&self, tokens: &Arc<[u32]>, state: &Tensor) {
        let mut held = self.held();
        let bytes = held.bytes + state.elem_count() * state.dtype().size_in_bytes();
        if bytes <= held.room && held.by_tokens.insert(Arc::clone(tokens), state.clone()).is_none() {
            held.bytes = bytes;
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn batch(sentences: &[&[u32]], comes_again: bool) -> Batch {
        let longest = sentences.iter().map(|tokens| tokens.len()).max().unwrap();
        let padded = |tokens: &&[u32], fill: u32| -> Vec<u32> {
            (0..longest).map(|i| tokens.get(i).map_or(0, |token| if fill > 0 { fill } else { *token })).collect()
        };
        let rows = |fill: u32| sentences.iter().map(|tokens| padded(tokens, fill)).collect::<Vec<_>>();
        Batch {
            comes_again,
            sentences: sentences.iter().map(|tokens| Arc::from(*tokens)).collect(),
            ids: Tensor::new(rows(0), &Device::Cpu).unwrap(),
            mask: Tensor::new(rows(1), &Device::Cpu).unwrap().to_dtype(DType::F32).unwrap(),
            labels: Tensor::zeros(sentences.len(), DType::U32, &Device::Cpu).unwrap(),
        }
    }

    /// Twice the token, and how often somebody asked: [n, t, 1].
    fn ask(states: &HiddenStates, batch: &Batch, asked: &Cell<usize>) -> Vec<Vec<f32>> {
        let compute = |ids: &Tensor, _: &Tensor| {
            asked.set(asked.get() + ids.dim(0)?);
            (ids.to_dtype(DType::F32)? * 2.0)?.unsqueeze(2)
        };
        states.of(batch, compute).unwrap().squeeze(2).unwrap().to_vec2().unwrap()
    }

    #[test]
    fn a_sentence_is_computed_once_while_there_is_room() {
        let (states, asked) = (HiddenStates::within(5 * 4), Cell::new(0));
        let batch = batch(&[&[1, 2, 3], &[4, 5], &[6, 7], &[4, 5]], true);
        let expected = [[2.0, 4.0, 6.0], [8.0, 10.0, 0.0], [12.0, 14.0, 0.0], [8.0, 10.0, 0.0]];
        for asks in [3, 4, 5] {
            assert_eq!(ask(&states, &batch, &asked), expected);
            assert_eq!((asked.get(), states.bytes()), (asks, 20), "the third sentence has no room");
        }
    }

    #[test]
    fn what_does_not_come_again_is_computed_together_and_not_kept() {
        let (states, asked) = (HiddenStates::within(1000), Cell::new(0));
        let batch = batch(&[&[1, 2], &[3]], false);
        ask(&states, &batch, &asked);
        ask(&states, &batch, &asked);
        assert_eq!((asked.get(), states.bytes()), (4, 0));
    }
}
