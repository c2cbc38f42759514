//! A weighted sum of noise that is drawn where it is read.

use candle_core::{DType, Tensor};

use super::{
    Perturbation,
    prepared::{Prepared, accumulate},
};
use crate::{
    Result,
    fuse::Drawn,
    noise::shaped::{Noise, Shape},
    rng::{Element, Seed},
    space::Space,
};

impl Perturbation {
    /// `sum_k weight_k noise(seed_k)` over a space as something that is drawn where it is read: bit for bit what
    /// [`Perturbation::add_weighted`] makes of zeros. For noise that follows from seeds.
    pub(crate) fn summed<'a>(&'a self, terms: &'a [(Seed, f64)], space: &'a Space) -> impl Drawn + 'a {
        let (seeds, len) = (terms.iter().map(|(seed, _)| *seed).collect(), space.dim());
        Summed { noise: Prepared::new(self, seeds, len), terms, space }
    }
}

/// A weighted sum of noise that is drawn where it is read.
struct Summed<'a> {
    noise: Prepared<'a>,
    terms: &'a [(Seed, f64)],
    space: &'a Space,
}

impl Drawn for Summed<'_> {
    fn len(&self) -> usize {
        self.noise.len
    }

    fn dtype(&self) -> DType {
        self.space.dtype()
    }

    fn stored(&self) -> Result<Tensor> {
        let mut sum = self.space.zeros()?;
        self.noise.of.add_weighted(self.terms, &mut sum)?;
        Ok((*sum).clone())
    }

    fn weight(&self) -> usize {
        self.terms.len()
    }

    fn f32(&self, at: usize, out: &mut [f32]) {
        self.draw(self.noise.single(), at, out);
    }

    fn f64(&self, at: usize, out: &mut [f64]) {
        self.draw(self.noise.double(), at, out);
    }
}

impl Summed<'_> {
    fn draw<T: Element>(&self, noise: &[Noise<T>], at: usize, out: &mut [T]) {
        out.fill(T::ZERO);
        accumulate(noise, self.terms, Shape::NONE, at, out);
    }
}
