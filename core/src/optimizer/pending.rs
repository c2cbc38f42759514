//! Candidates that are being evaluated elsewhere while further ones are proposed.

use crate::{
    Error, Result,
    persist::{Fields, Persist},
    space::Space,
    tensor::{CowTensor, host},
};

/// How many candidates wait at the most.
const MOST: usize = 1 << 12;
/// And how many numbers these are.
const MOST_NUMBERS: usize = 1 << 23;
/// A state counts no further.
const ENDLESS: u64 = 1 << 53;

/// A candidate that somebody evaluates, and the number by which its loss is told.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// Counts from 0; never given twice.
    pub number: u64,
    /// The candidate \[d\], in search coordinates.
    pub point: CowTensor,
}

/// What [`propose`](crate::Optimizer::propose) gave away and [`learn`](crate::Optimizer::learn) has not heard of yet: part of the state, so that a run that
/// is resumed knows what it waits for.
///
/// ```
/// use moths_core::{Space, optimizer::Pending};
///
/// let space = Space::bounded([(0.0, 1.0); 2])?;
/// let mut pending = Pending::none(&space);
/// let first = pending.add(space.start())?;
/// let second = pending.add(space.start())?;
/// pending.get(first.number, &space)?;
/// pending.remove(first.number);
/// assert!(pending.rows().len() == 1 && pending.get(first.number, &space).is_err());
/// # Ok::<(), moths_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Pending {
    dim: usize,
    most: usize,
    next: u64,
    /// Ascending.
    numbers: Vec<u64>,
    /// d numbers each.
    points: Vec<f64>,
}

impl Pending {
    /// None yet; at most 4096 at a time, nor more than 64 MiB hold.
    pub fn none(space: &Space) -> Self {
        Self { dim: space.dim(), most: MOST.min(MOST_NUMBERS / space.dim()).max(1), next: 0, numbers: vec![], points: vec![] }
    }

    /// This candidate waits from now on.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where as many wait as can; nothing has then changed.
    pub fn add(&mut self, point: CowTensor) -> Result<Proposal> {
        if self.numbers.len() >= self.most {
            let what = format!("waits for the losses of {} candidates, and proposes no more before it learns of one", self.most);
            return Err(Error::unsupported("this optimizer", what));
        }
        let number = self.next;
        let all = || Error::unsupported("this optimizer", "has given away all numbers of candidates that there are");
        let next = number.checked_add(1).filter(|next| *next < ENDLESS).ok_or_else(all)?;
        self.points.extend(host::to_f64s(&point)?);
        self.numbers.push(number);
        self.next = next;
        Ok(Proposal { number, point })
    }

    /// The candidate \[d\] that waits under this number.
    ///
    /// # Errors
    /// [`Error::Invalid`] where none does.
    pub fn get(&self, number: u64, space: &Space) -> Result<CowTensor> {
        let none = || Error::invalid("number", number, "that of a proposal whose loss has not been told");
        let at = self.numbers.binary_search(&number).map_err(|_| none())?;
        let point = &self.points[at * self.dim..(at + 1) * self.dim];
        // What was restored may lie outside.
        let mut point = CowTensor::new(space.numbers(point, self.dim)?);
        space.confine(&mut point)?;
        Ok(point)
    }

    /// The loss of this one is known now.
    pub fn remove(&mut self, number: u64) {
        if let Ok(at) = self.numbers.binary_search(&number) {
            self.numbers.remove(at);
            self.points.drain(at * self.dim..(at + 1) * self.dim);
        }
    }

    /// Nobody waits for them any more.
    pub fn clear(&mut self) {
        self.numbers.clear();
        self.points.clear();
    }

    /// The points \[d\], those first that were proposed first.
    pub fn rows(&self) -> std::slice::ChunksExact<'_, f64> {
        self.points.chunks_exact(self.dim)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Does none wait?
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }
}

impl Persist for Pending {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        let mut restored = self.clone();
        fields.field("next", &mut restored.next)?;
        fields.within("numbers", &mut restored.numbers, ..=self.most)?;
        let len = restored.numbers.len() * self.dim;
        fields.within("points", &mut restored.points, len..=len)?;
        let ascend = restored.numbers.windows(2).all(|pair| pair[0] < pair[1]);
        let given = restored.numbers.last().is_none_or(|last| *last < restored.next);
        if !ascend || !given || restored.next >= ENDLESS || restored.points.iter().any(|x| !x.is_finite()) {
            return Err(fields.refusal("waits for what was never proposed".into()));
        }
        *self = restored;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persist::{Keep, State};

    #[test]
    fn numbers_that_come_to_an_end_are_refused() -> Result<()> {
        let space = Space::bounded([(0.0, 1.0); 2])?;
        let none = || Pending::none(&space);
        let at = |next| Pending { next, ..none() };
        let refused = State::of(&mut at(ENDLESS)).and_then(|state| state.restore(&mut none(), Keep::Nothing));
        assert!(matches!(refused, Err(Error::State { .. })), "{refused:?}");
        let mut last = at(ENDLESS - 2);
        assert_eq!(last.add(space.start())?.number, ENDLESS - 2);
        assert!(matches!(last.add(space.start()), Err(Error::Unsupported { .. })) && last.len() == 1);
        State::of(&mut last)?.restore(&mut none(), Keep::Nothing)
    }
}
