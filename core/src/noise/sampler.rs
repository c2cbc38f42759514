//! The laws of perturbations, by name.

use candle_core::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Perturbation;
use crate::{
    Result,
    rng::{Element, Key, Seed},
    space::Space,
    tensor::CowTensor,
};

/// The law of a perturbation of mean 0 and, unless it says otherwise, variance 1 in every coordinate.
///
/// Element `i` of the noise of a [`Seed`] is a pure function of the law, the seed, `i`, the shapes of the tensors that are perturbed and
/// their precision: it does not depend on the number of threads, or the machine. Laws that know shapes are bound to a space
/// by [`Sampler::over`]; what is drawn here on a tensor alone takes it for one leaf without shape.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use moths_core::{CowTensor, Key, Sampler};
///
/// let mut x = CowTensor::new(Tensor::zeros(4, DType::F32, &Device::Cpu)?);
/// Sampler::Rademacher.add(Key::new(1), 0.5, &mut x)?;
/// assert!(x.to_vec1::<f32>()?.iter().all(|x| x.abs() == 0.5));
/// # Ok::<(), moths_core::Error>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Sampler {
    /// Standard normal: density `exp(-z^2 / 2) / sqrt(2 pi)`. Values end at 6.6 in f32, 8.6 in f64.
    #[default]
    Normal,
    /// Uniform on `[-sqrt 3, sqrt 3]`: density `1 / (2 sqrt 3)`.
    ///
    /// (A kernel parameter of kind `uniform` is on `[0, 1)`; as a perturbation it is centred and scaled like the others.)
    Uniform,
    /// -1 or +1, each with probability 1/2: every moment finite. By far the cheapest to draw.
    Rademacher,
    /// Laplace: density `exp(-sqrt 2 |z|) / sqrt 2`.
    Laplace,
    /// Student's t: density proportional to `(1 + z^2 / dof)^(-(dof + 1) / 2)`, not rescaled: its variance is `dof / (dof - 2)` above
    /// two degrees of freedom, and infinite up to there.
    StudentT {
        /// Degrees of freedom.
        #[schemars(range(min = 1.0, max = 1000.0))]
        dof: f64,
    },
    /// Cauchy: density `1 / (pi (1 + z^2))`; no mean, no variance, now and then a very long step in a few coordinates.
    Cauchy,
    /// `-1 / sqrt(1 + epsilon)` with probability `(1 + epsilon) / (2 + epsilon)`, else `sqrt(1 + epsilon)`: mean 0 and variance 1, but not
    /// symmetric (Prashanth et al. 2017, arXiv:1502.05577, whose values are these times `sqrt(1 + epsilon)`). Kurtosis
    /// `1 + epsilon^2 / (1 + epsilon)`; with `epsilon` = 0 the law of `rademacher`.
    AsymmetricBernoulli {
        /// How far one side is from the other.
        #[schemars(range(min = 0.0, max = 1000.0))]
        epsilon: f64,
    },
    /// Uniform on the sphere of radius `sqrt d` in all d coordinates at once: a normal vector, rescaled.
    Sphere,
    /// Normal in a random choice of coordinates, larger there by the root of how rare they are, and 0 in all others.
    Sparse {
        /// The share of blocks that are perturbed; at least one block always is.
        #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1.0))]
        fraction: f64,
        /// Neighbouring coordinates that are chosen together.
        #[schemars(range(min = 1, max = 1_000_000_000))]
        block: usize,
    },
    /// `A B' / sqrt(rank)` for every leaf of two dimensions or more, seen as a matrix [first, all others]: A and B are standard normal of `rank`
    /// columns (Sarkar et al. 2025, arXiv:2511.16652). Other leaves, and matrices too narrow to have that rank, are normal.
    LowRank {
        /// Columns of A and B.
        #[schemars(range(min = 1, max = 1000))]
        rank: usize,
    },
    /// `sqrt(m n) / rank U Z V'` for every leaf of two dimensions or more, seen as a matrix `[m, n]` = [first, all others]: U `[m, rank]` and V
    /// `[n, rank]` are random with orthonormal columns, Z is standard normal (Yu et al. 2025, arXiv:2410.08989). Other leaves, and matrices with no
    /// more rows or columns than the rank, are normal. What it is for are bases that several seeds share: [`Perturbation::sharing`].
    Subspace {
        /// Columns of U and V.
        #[schemars(range(min = 1, max = 1000))]
        rank: usize,
    },
    /// -1 or +1, and the members of a family are orthogonal to each other in every block of 128 coordinates, as many at a time as
    /// the block has: rows of a Hadamard matrix under random signs (Choromanski et al. 2018, arXiv:1804.02395).
    /// What 128 does not divide ends in blocks of smaller powers of two, in which members repeat sooner.
    Orthogonal,
    /// The members of a family are points of one Sobol net (Owen-scrambled, Burley 2020, JCGT 9:4), made normal: they
    /// fill space more evenly than chance would, in every group of 256 coordinates.
    Sobol,
    /// Normal noise smoothed along every dimension of its leaf by a Gaussian filter, rescaled; the ends of a dimension meet.
    GaussianFilter {
        /// The filter's deviation, in elements.
        #[schemars(range(min = 0.0, max = 100.0))]
        sigma: f64,
    },
    /// Normal noise filtered along every dimension of its leaf by a random normal kernel, rescaled; the ends of a dimension meet.
    RandomKernel {
        /// Elements of the kernel.
        #[schemars(range(min = 1, max = 100))]
        size: usize,
    },
    /// Normal noise, along every dimension of its leaf in turn replaced by the median of its neighbours, rescaled to a mean square of 1
    /// in each leaf; the ends of a dimension meet.
    Median {
        /// How many neighbours, itself among them; even numbers count as the next odd one.
        #[schemars(range(min = 1, max = 99))]
        size: usize,
    },
}

impl Sampler {
    /// This law for the points of a space: it knows the shapes of the leaves.
    pub fn over(self, space: &Space) -> Perturbation {
        Perturbation::new(self, Some(space.shapes().clone()))
    }

    /// Is no direction of space special to it?
    pub fn is_isotropic(self) -> bool {
        matches!(self, Self::Normal | Self::Sphere)
    }

    /// `out_i = noise(seed)_i`; `out` is `[d]` or `[n, d]`, its old values are not looked at.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) for an `out` that is neither f32 nor f64; it is
    /// then as it was.
    pub fn fill(self, seed: impl Into<Seed>, out: &mut CowTensor) -> Result<()> {
        Perturbation::from(self).fill(seed, out)
    }

    /// `out = centre + scale noise(seed)`, in one pass; `centre` has `out`'s shape, `out`'s old values are not looked at.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) where `centre` is of another shape than `out`;
    /// [`Error::Unsupported`](crate::Error::Unsupported) as [`Sampler::fill`]. `out` is then as it was.
    pub fn perturb(self, centre: &Tensor, scale: f64, seed: impl Into<Seed>, out: &mut CowTensor) -> Result<()> {
        Perturbation::from(self).perturb(centre, scale, seed, out)
    }

    /// `onto += scale noise(seed)`.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) as [`Sampler::fill`]; `onto` is then as it was.
    pub fn add(self, seed: impl Into<Seed>, scale: f64, onto: &mut CowTensor) -> Result<()> {
        Perturbation::from(self).add(seed, scale, onto)
    }

    /// The first elements of the noise of `key` into `out`, on this thread: for objectives with buffers of their own.
    pub fn fill_slice<T: Element>(self, key: Key, out: &mut [T]) {
        Perturbation::from(self).fill_slice(key.into(), 0, out);
    }
}
