//! What going away and back leaves behind.
//!
//! x + d − d, rounded twice, is x for nearly all weights. Of the others, 0.2 to 7 % for displacements of 0.1 to 5 % of their size, this keeps where they are
//! among all numbers of their dtype, counted from where the way back ends. Nearly all of them are one place up or down, and not
//! far from the one before: a byte each.
//!
//! | byte | means |
//! |---|---|
//! | g, 0 to 126 | the weight g further is one place up |
//! | 128 + g | the weight g further is one place down |
//! | 127 | 127 further stands no such weight |
//! | 255, g, a | the weight g further is a places up, as an `i8` |

use crate::objective::model::number::Number;

/// Weights that are worked on at a time: their places fit in 16 bits.
pub(super) const CHUNK: usize = 1 << 14;

/// Is added to a way to a weight that is one place down.
const DOWN: u8 = 0x80;
/// A way without a weight at its end, and its length.
const FURTHER: u8 = 0x7f;
/// A weight that is more than a place away.
const APART: u8 = 0xff;
/// Bytes that are made at a time.
const MORE: usize = 64;

/// Of one chunk of a tensor, the weights that do not come back by themselves.
#[derive(Debug, Default)]
pub(super) struct Residue {
    steps: Vec<u8>,
    /// Where the last of them is.
    last: usize,
    /// Those that end further away than a byte tells: which, and their own place.
    far: Vec<(u16, i32)>,
}

impl Residue {
    pub(super) fn clear(&mut self) {
        self.steps.clear();
        self.far.clear();
        self.last = 0;
    }

    /// Remembers weight `at`, none before the last, if it is not where the way back ends.
    #[inline(always)]
    pub(super) fn note<T: Number>(&mut self, at: usize, weight: T, back: T) {
        let (place, end) = (weight.place(), back.place());
        if place == end {
            return;
        }
        match i8::try_from(place.wrapping_sub(end)) {
            // Places of opposite signs are so far apart that their difference wraps; no byte holds it then, or it is right all the same.
            Ok(apart) => {
                while at - self.last >= usize::from(FURTHER) {
                    self.push(&[FURTHER]);
                    self.last += usize::from(FURTHER);
                }
                let further = (at - self.last) as u8;
                match apart {
                    1 => self.push(&[further]),
                    -1 => self.push(&[DOWN | further]),
                    _ => self.push(&[APART, further, apart.cast_unsigned()]),
                }
                self.last = at;
            }
            Err(_) => self.far.push((at as u16, place)),
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        // Doubled, as vectors grow, half of them would be empty.
        if self.steps.capacity() - self.steps.len() < bytes.len() {
            self.steps.reserve_exact(MORE);
        }
        self.steps.extend_from_slice(bytes);
    }

    /// Puts the weights of a chunk that came back where they belong.
    pub(super) fn mend<T: Number>(&self, weights: &mut [T]) {
        let (mut at, mut steps) = (0, self.steps.iter());
        while let Some(step) = steps.next() {
            let (further, apart) = match *step {
                FURTHER => (FURTHER, 0),
                APART => match (steps.next(), steps.next()) {
                    (Some(further), Some(apart)) => (*further, apart.cast_signed()),
                    _ => break,
                },
                step if step >= DOWN => (step - DOWN, -1),
                step => (step, 1),
            };
            at += usize::from(further);
            // At the end of a way without one the weight stays: it is 0 apart.
            let weight = &mut weights[at];
            *weight = T::at_place(weight.place().wrapping_add(i32::from(apart)));
        }
        for (at, place) in &self.far {
            weights[usize::from(*at)] = T::at_place(*place);
        }
    }

    /// Bytes that it holds.
    pub(super) fn bytes(&self) -> usize {
        self.steps.capacity() + self.far.capacity() * size_of::<(u16, i32)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use half::{bf16, f16};

    /// Whatever stands at the other end: the weight comes back, to the bit.
    fn everything_comes_back<T: Number>(name: &str) {
        let ends =
            [0.0, -0.0, 1e-45, -1e-45, 1e-3, -1e-3, 1.0, 1.0 + f32::EPSILON, 1.0 + 7.0 * f32::EPSILON, -1.0, 3.4e38, -3.4e38];
        let numbers: Vec<T> = ends.into_iter().map(T::narrowed).collect();
        for weight in &numbers {
            for back in &numbers {
                let (mut residue, mut there) = (Residue::default(), vec![*back; CHUNK]);
                let moved = [0, 1, 127, 253, 254, 509, 510, 1021, CHUNK - 1];
                moved.iter().for_each(|at| residue.note(*at, *weight, *back));
                residue.mend(&mut there);
                for (at, found) in there.iter().enumerate() {
                    let expected = if moved.contains(&at) { weight } else { back };
                    assert_eq!(found.place(), expected.place(), "{name}: {} from {} at {at}", weight.widened(), back.widened());
                }
            }
        }
    }

    #[test]
    fn every_weight_comes_back_from_anywhere() {
        everything_comes_back::<f32>("f32");
        everything_comes_back::<bf16>("bf16");
        everything_comes_back::<f16>("f16");
    }
}
