//! Noise on slices, on the thread that asks for it.

use super::Perturbation;
use crate::{
    Error, Result,
    noise::{
        parts::Parts,
        shaped::{Noise, Shape},
    },
    rng::{Element, Seed},
    tensor::{CowTensor, host},
};

/// Elements `offset ..` of the noise of the k-th seed: `draw(k, offset, out)`.
pub(crate) type Draw<'a, T> = dyn Fn(usize, usize, &mut [T]) + Sync + 'a;

impl Perturbation {
    /// Elements `offset ..` of the noise of `seed` into `out`, on this thread, of the law alone; without leaves, the noise ends there.
    pub(crate) fn fill_slice<T: Element>(&self, seed: Seed, offset: usize, out: &mut [T]) {
        let noise = Noise::new(self.source(seed, offset + out.len()), None, seed);
        noise.fill(Shape::NONE, offset, out);
    }

    /// `out = centre + scale noise(seed)` for all elements of a point, on this thread.
    pub(crate) fn perturb_slice<T: Element>(&self, centre: &[T], scale: f64, seed: Seed, out: &mut [T]) -> Result<()> {
        if let Some(deviation) = &self.deviation
            && deviation.elem_count() != out.len()
        {
            return Err(Error::shape("deviation of noise", format!("[{}]", out.len()), format!("{:?}", deviation.dims())));
        }
        let basis = self.subspace.as_ref().map(|subspace| subspace.check(out.len()).map(|()| &subspace.basis)).transpose()?;
        let noise = self.noise(seed, out.len());
        read_if_there(self.deviation.as_ref(), |deviation| {
            read_if_there(basis, |basis| noise.perturb(centre, scale, Shape { deviation, basis }, 0, out))
        })??;
        self.walls.iter().for_each(|space| space.fold_slice(out));
        Ok(())
    }

    /// Gives `work` something that draws elements `offset ..` of the noise of the k-th seed, for points of `len` numbers, on whatever thread it is
    /// called: `draw(k, offset, out)`. Walls are nothing to it.
    ///
    /// # Errors
    /// [`Error::Shape`] where leaves, deviation or basis have another number of elements.
    pub(crate) fn with_noise<T: Element, R>(
        &self,
        seeds: &[Seed],
        len: usize,
        work: impl FnOnce(&Draw<'_, T>) -> R,
    ) -> Result<R> {
        self.prepare_for([], len)?;
        if let Some(deviation) = &self.deviation
            && deviation.elem_count() != len
        {
            return Err(Error::shape("deviation of noise", format!("[{len}]"), format!("{:?}", deviation.dims())));
        }
        let noise: Vec<Noise<T>> = seeds.iter().map(|seed| self.noise(*seed, len)).collect();
        read_if_there(self.deviation.as_ref(), |deviation| {
            read_if_there(self.subspace.as_ref().map(|subspace| &subspace.basis), |basis| {
                work(&|k, offset, out: &mut [T]| noise[k].fill(Shape { deviation, basis }, offset, out))
            })
        })?
    }

    /// The noise of a seed over points of `len` numbers, to be read part by part; `None` where elements are stored, walls are in the way, or
    /// tensors shape it.
    ///
    /// # Errors
    /// [`Error::Shape`] where the leaves have another number of elements.
    pub fn parts(&self, seed: Seed, len: usize) -> Result<Option<Parts>> {
        self.prepare_for([], len)?;
        Ok(self.has_parts().then(|| Parts::new(self.noise(seed, len))))
    }
}

/// Reads a tensor as a slice, which is empty where there is none.
fn read_if_there<T: Element, R>(tensor: Option<&CowTensor>, f: impl FnOnce(&[T]) -> R) -> Result<R> {
    match tensor {
        Some(tensor) => host::read(tensor, f),
        None => Ok(f(&[])),
    }
}
