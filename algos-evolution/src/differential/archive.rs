//! Parents that were replaced: they show where the population comes from, and keep differences alive.

use candle_core::Tensor;
use moths_core::{CowTensor, Result, Space, fuse, persist, rng::Stream, tensor::host, with_scalar};
use rand::RngExt;

/// At most so many replaced parents; when it is full, a newcomer takes the place of a random one.
#[derive(Clone)]
pub(crate) struct Archive {
    /// As many rows as fit.
    pub(crate) x: CowTensor,
    /// How many of them are taken.
    pub(crate) len: usize,
    /// The largest capacity there may be.
    most: usize,
}

persist!(Archive { x in |archive| 0..=archive.most, len in |archive| 0..=archive.capacity() });

impl Archive {
    pub(crate) fn new(space: &Space, capacity: usize, most: usize) -> Result<Self> {
        Ok(Self { x: space.zeros_for(capacity)?, len: 0, most })
    }

    fn capacity(&self) -> usize {
        self.x.dims()[0]
    }

    /// These rows of a population, which are about to be replaced.
    pub(crate) fn take(&mut self, population: &Tensor, parents: &[usize], stream: &mut Stream) -> Result<()> {
        let (capacity, d) = (self.capacity(), population.dims()[1]);
        if capacity == 0 || parents.is_empty() {
            return Ok(());
        }
        let mut len = self.len;
        let mut place = || {
            len += 1;
            if len <= capacity { len - 1 } else { stream.random_range(0..capacity) }
        };
        with_scalar!(population.dtype(), T => {
            host::read::<T, _>(population, |from| host::edit::<T, _>(&mut self.x, |onto| {
                for parent in parents {
                    onto[place() * d..][..d].copy_from_slice(&from[parent * d..(parent + 1) * d]);
                }
            }))?
        })?;
        self.len = len.min(capacity);
        Ok(())
    }

    /// Room for more.
    pub(crate) fn grow(&mut self, capacity: usize, space: &Space) -> Result<()> {
        let more = capacity.saturating_sub(self.capacity());
        if more > 0 {
            self.x = Tensor::cat(&[&*self.x, &*space.zeros_for(more)?], 0)?.into();
        }
        Ok(())
    }

    /// Room for fewer; who has none any more is drawn by lot.
    pub(crate) fn shrink(&mut self, capacity: usize, stream: &mut Stream) -> Result<()> {
        if capacity >= self.capacity() {
            return Ok(());
        }
        let mut kept: Vec<usize> = (0..self.len).collect();
        while kept.len() > capacity {
            kept.swap_remove(stream.random_range(0..kept.len()));
        }
        let len = kept.len();
        // What is not taken yet may hold anything: the first row again.
        kept.resize(capacity, 0);
        (self.x, self.len) = (fuse::gather(&self.x, &kept)?, len);
        Ok(())
    }
}
