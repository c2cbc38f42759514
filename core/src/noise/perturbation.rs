//! Noise on tensors: what estimators and seeded batches are made of.

mod prepared;
mod slices;
mod summed;
mod tensors;

use serde::{Deserialize, Serialize};

use super::{
    Sampler,
    shaped::{Noise, Subspace},
    source::{Sharing, Source},
};
use crate::{
    rng::{Element, Key, Seed},
    space::{Shapes, Space},
    tensor::CowTensor,
};
pub(crate) use slices::Draw;

/// A [`Sampler`] that knows the tensors it perturbs: noise of shape \[d\], in place, in parallel where it is big.
///
/// ```
/// use moths_core::{Key, Leaf, Sampler, Space};
///
/// let space = Space::new(vec![Leaf::real("weight", [30, 20]), Leaf::real("bias", [30])])?;
/// let noise = Sampler::LowRank { rank: 1 }.over(&space);
/// let mut x = space.zeros()?;
/// noise.add(Key::new(1), 0.1, &mut x)?;
/// let weight = x.narrow(0, 0, 600)?.reshape((30, 20))?.to_vec2::<f32>()?;
/// let minor = weight[0][0] * weight[1][1] - weight[0][1] * weight[1][0]; // zero for every matrix of rank 1
/// assert!(minor.abs() < 1e-8);
/// # Ok::<(), moths_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Perturbation {
    sampler: Sampler,
    /// One shape a leaf; `None`: one leaf without shape, as long as the tensor.
    shapes: Option<Shapes>,
    /// What seeds have in common; `None`: nothing.
    sharing: Option<Sharing>,
    /// What every element is multiplied by; `None`: 1.
    deviation: Option<CowTensor>,
    /// What the noise is mixed with; `None`: nothing.
    pub(super) subspace: Option<Subspace>,
    /// At whose walls the candidates of a batch are mirrored; `None`: they stay where they are.
    walls: Option<Space>,
}

impl From<Sampler> for Perturbation {
    fn from(sampler: Sampler) -> Self {
        Self::new(sampler, None)
    }
}

impl Perturbation {
    pub(super) fn new(sampler: Sampler, shapes: Option<Shapes>) -> Self {
        Self { sampler, shapes, sharing: None, deviation: None, subspace: None, walls: None }
    }

    /// The same noise, element `i` of it times element `i` of `deviation`, which has as many elements as what is perturbed.
    pub fn scaled_by(self, deviation: &CowTensor) -> Self {
        Self { deviation: Some(deviation.clone()), ..self }
    }

    /// `everywhere · noise + inside · Σ_j w_j basis_j` in place of the noise: `basis` is `[k, d]`, one direction a row, and the w_j are
    /// standard normal numbers of the seed. For rows that are orthonormal, and noise of variance 1, the covariance is
    /// `everywhere² I + inside² basisᵀ basis`. A deviation multiplies the whole.
    ///
    /// Nothing of it is stored beside the basis, which is shared, not copied; an element costs k multiplications more.
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use moths_core::{CowTensor, Key, noise::Perturbation, Sampler};
    ///
    /// let basis = CowTensor::new(Tensor::new(&[[0.6f64, 0.8, 0.0]], &Device::Cpu)?);
    /// let mut x = CowTensor::new(Tensor::zeros(3, basis.dtype(), &Device::Cpu)?);
    /// Perturbation::from(Sampler::Normal).within(&basis, 0.0, 1.0).fill(Key::new(1), &mut x)?;
    /// let x = x.to_vec1::<f64>()?;
    /// assert!((x[0] / 0.6 - x[1] / 0.8).abs() < 1e-15 && x[2] == 0.0);
    /// # Ok::<(), moths_core::Error>(())
    /// ```
    pub fn within(self, basis: &CowTensor, everywhere: f64, inside: f64) -> Self {
        Self { subspace: Some(Subspace { basis: basis.clone(), everywhere, inside }), ..self }
    }

    /// The same noise, but candidates of a seeded batch that would lie outside the bounds of this space are at their mirror images inside
    /// ([`Space::fold`]). For searches that compare losses; an antithetic pair at a wall would be the same point twice. What is filled,
    /// added or summed is the noise itself.
    pub fn folded_into(self, space: &Space) -> Self {
        Self { walls: space.is_bounded().then(|| space.clone()), ..self }
    }

    /// The same law, of which a part follows from `key` in place of each seed: B of [`Sampler::LowRank`], both bases of [`Sampler::Subspace`]. All
    /// noise of a matrix then lies in one random subspace, whatever the seed. Other laws have no such part, and are as they were.
    ///
    /// Bases are made when the first noise is drawn, and held by all copies of this perturbation: keep it while the key stays.
    ///
    /// ```
    /// use moths_core::{Key, Leaf, Sampler, Space};
    ///
    /// let space = Space::new(vec![Leaf::real("weight", [3, 4])])?;
    /// let noise = Sampler::LowRank { rank: 1 }.over(&space).sharing(Key::new(9));
    /// let (mut x, mut y) = (space.zeros()?, space.zeros()?);
    /// noise.fill(Key::new(1), &mut x)?;
    /// noise.fill(Key::new(2), &mut y)?;
    /// let (x, y) = (x.to_vec1::<f32>()?, y.to_vec1::<f32>()?);
    /// assert!((x[0] / x[1] - y[0] / y[1]).abs() < 1e-4); // all rows are multiples of the one column of B
    /// # Ok::<(), moths_core::Error>(())
    /// ```
    pub fn sharing(self, key: Key) -> Self {
        Self { sharing: Some(Sharing::new(key)), ..self }
    }

    /// The key of [`Perturbation::sharing`].
    pub fn shared_key(&self) -> Option<Key> {
        self.sharing.as_ref().map(|sharing| sharing.key)
    }

    /// The law.
    pub fn sampler(&self) -> Sampler {
        self.sampler
    }

    /// The law and nothing else, where that and the shapes of the leaves say all of it.
    pub(crate) fn described(&self) -> Option<Described> {
        let shaped = self.deviation.is_some() || self.subspace.is_some() || self.walls.is_some();
        (!shaped).then(|| Described { sampler: self.sampler, sharing: self.shared_key() })
    }

    /// Do equal seeds give equal noise, as far as can be told without looking at tensors?
    pub(crate) fn draws_as(&self, other: &Self) -> bool {
        self.described().is_some() && self.described() == other.described()
    }

    /// Are there [parts](Self::parts) of its noise?
    pub fn has_parts(&self) -> bool {
        self.follows_from_seeds() && self.walls.is_none()
    }

    /// Are there [factors](super::Parts::factors) of its noise, of every matrix that is large enough?
    pub fn has_factors(&self) -> bool {
        let low_rank = matches!(self.sampler, Sampler::LowRank { .. } | Sampler::Subspace { .. });
        low_rank && self.shapes.is_some() && self.has_parts()
    }

    /// Does every element follow from the law, a seed and its place, without tensors beside them?
    pub(crate) fn follows_from_seeds(&self) -> bool {
        self.deviation.is_none() && self.subspace.is_none() && !self.sampler.is_stored()
    }

    fn noise<T: Element>(&self, seed: Seed, len: usize) -> Noise<T> {
        Noise::new(self.source(seed, len), self.subspace.as_ref(), seed)
    }

    fn source<T: Element>(&self, seed: Seed, len: usize) -> Source<T> {
        Source::new(self.sampler, self.shapes.as_deref().unwrap_or(&[[len].into()]), seed, self.sharing.as_ref())
    }
}

/// A perturbation over some space, as it can be written down.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Described {
    sampler: Sampler,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sharing: Option<Key>,
}

impl Described {
    pub(crate) fn over(self, space: &Space) -> Perturbation {
        let noise = self.sampler.over(space);
        self.sharing.into_iter().fold(noise, Perturbation::sharing)
    }
}
