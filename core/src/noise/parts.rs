//! The noise of one seed, part by part.

use super::{
    low_rank,
    shaped::{Noise, Shape},
};
use crate::rng::Element;

/// The noise of one seed, read part by part: what a model needs that computes with candidates it never writes.
///
/// ```
/// use moths_core::{Key, Leaf, Sampler, Space};
///
/// let space = Space::new(vec![Leaf::real("weight", [3, 4]), Leaf::real("bias", [3])])?;
/// let noise = Sampler::LowRank { rank: 1 }.over(&space);
/// let parts = noise.parts(Key::new(1).into(), space.dim())?.expect("it follows from the seed");
/// // Row 2 of the matrix as part of the whole, and as the product of its factors.
/// let (mut whole, mut row) = (space.zeros()?, [0.0; 4]);
/// noise.fill(Key::new(1), &mut whole)?;
/// parts.fill(8, &mut row);
/// assert_eq!(whole.to_vec1::<f32>()?[8..12], row);
/// let factors = parts.factors(0).expect("a matrix");
/// assert_eq!(row, [0, 1, 2, 3].map(|column| factors.a[2] * factors.b[column]));
/// # Ok::<(), moths_core::Error>(())
/// ```
pub struct Parts {
    noise: Noise<f32>,
}

/// The noise of a matrix \[rows, columns\] as a product: E = A B.
#[derive(Clone, Copy, Debug)]
pub struct Factors<'a> {
    /// Columns of A.
    pub rank: usize,
    /// A \[rows, rank\], by rows.
    pub a: &'a [f32],
    /// B \[rank, columns\], by rows.
    pub b: &'a [f32],
}

impl Parts {
    pub(super) fn new(noise: Noise<f32>) -> Self {
        Self { noise }
    }

    /// Elements `at ..` of the noise, as many as `out` has; what would lie behind the last means nothing.
    pub fn fill(&self, at: usize, out: &mut [f32]) {
        self.noise.fill(Shape::NONE, at, out);
    }

    /// `out = centre + scale noise`, element by element, with the bits that a candidate is made of; all four are parts of one length.
    pub fn moved(centre: &[f32], scale: f64, noise: &[f32], out: &mut [f32]) {
        f32::set_scaled(centre, f32::of(scale), noise, out);
    }

    /// The factors of the noise of the k-th free leaf, of a [law](crate::Sampler) of low rank; `None` where it is no matrix, or of another law.
    pub fn factors(&self, leaf: usize) -> Option<Factors<'_>> {
        let low_rank::Factors { rank, a, b, .. } = self.noise.factors(leaf)?;
        Some(Factors { rank: *rank, a, b })
    }
}
