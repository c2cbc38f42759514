//! Random points of a space.

use super::Sampler;
use crate::{
    Result,
    rng::{Key, Seed},
    space::Space,
    tensor::CowTensor,
};

impl Space {
    /// n random points \[n, d\] in search coordinates: uniform inside bounds, and normal with deviation 1 around
    /// the point `around` \[d\] where there are none.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) where there is no room for so many; [`Error::Shape`](crate::Error::Shape) for an `around` of another length.
    pub fn scatter(&self, around: &CowTensor, key: Key, n: usize) -> Result<CowTensor> {
        let mut points = self.zeros_for(n)?;
        let terms: Vec<(Seed, f64)> = (0..n).map(|i| (key.member(i as u64), 1.0)).collect();
        Sampler::Normal.over(self).perturb_rows(around, &terms, &mut points)?;
        if self.is_bounded() {
            self.place_scattered(key, &mut points)?;
        }
        Ok(points)
    }

    /// Overwrites the bounded coordinates of all rows by points uniform in their intervals.
    pub(crate) fn place_scattered(&self, key: Key, points: &mut CowTensor) -> Result<()> {
        let mut uniform = self.zeros()?;
        for i in 0..points.dims()[0] {
            Sampler::Uniform.fill(key.member(i as u64).key().fold(0), &mut uniform)?;
            self.place_uniform(&uniform, i, points)?;
        }
        Ok(())
    }
}
