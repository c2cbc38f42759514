//! The noise of one seed, with what is done to its elements before they are used.

use std::ops::Range;

use super::{
    low_rank::{Factors, normals},
    source::Source,
};
use crate::{
    Error, Result,
    rng::{BLOCK, Element, Seed},
    tensor::CowTensor,
};

/// Elements that are drawn at a time where noise passes through a buffer.
pub(super) const CHUNK: usize = 4 * BLOCK;

/// Directions that noise prefers: everywhere · noise + inside · Σ_j w_j basis_j with w_j ~ N(0, 1).
#[derive(Clone, Debug)]
pub(super) struct Subspace {
    /// One direction a row.
    pub(super) basis: CowTensor,
    pub(super) everywhere: f64,
    pub(super) inside: f64,
}

impl Subspace {
    /// Has every direction `len` elements?
    pub(super) fn check(&self, len: usize) -> Result<()> {
        match self.basis.dims() {
            [_, columns] if *columns == len => Ok(()),
            other => Err(Error::shape("basis of noise", format!("[k, {len}]"), format!("{other:?}"))),
        }
    }
}

/// The tensors that shape noise, all of their elements; an empty one is not there.
#[derive(Clone, Copy)]
pub(super) struct Shape<'a, T> {
    /// What every element is multiplied by, last.
    pub(super) deviation: &'a [T],
    /// The directions of the subspace, one after another.
    pub(super) basis: &'a [T],
}

/// The noise of one seed.
pub(super) struct Noise<T> {
    source: Source<T>,
    mixture: Option<Mixture<T>>,
}

/// What a seed makes of a [`Subspace`].
struct Mixture<T> {
    everywhere: T,
    /// inside · w_j.
    weights: Vec<T>,
}

impl<'a, T> Shape<'a, T> {
    /// Of noise that nothing is done to.
    pub(super) const NONE: Self = Self { deviation: &[], basis: &[] };
}

impl<T: Element> Noise<T> {
    pub(super) fn new(source: Source<T>, subspace: Option<&Subspace>, seed: Seed) -> Self {
        let mixture = subspace.map(|Subspace { basis, everywhere, inside }| {
            // A key of its own: samplers fold small numbers.
            let mut weights = normals::<T>(basis.dims()[0], seed.key().fold(u64::MAX));
            weights.iter_mut().for_each(|w| *w *= T::of(*inside));
            Mixture { everywhere: T::of(*everywhere), weights }
        });
        Self { source, mixture }
    }

    /// The factors of the k-th leaf, where it has any and nothing is done to them.
    pub(super) fn factors(&self, leaf: usize) -> Option<&Factors<T>> {
        match &self.source {
            Source::LowRank(leaves) if self.mixture.is_none() => leaves.factors(leaf),
            _ => None,
        }
    }

    /// Elements `offset ..` into `out`.
    pub(super) fn fill(&self, shape: Shape<'_, T>, offset: usize, out: &mut [T]) {
        let (ahead, rest) = out.split_at_mut((offset.next_multiple_of(BLOCK) - offset).min(out.len()));
        let (blocks, behind) = rest.split_at_mut(rest.len() / BLOCK * BLOCK);
        let (start, end) = (offset + ahead.len(), offset + ahead.len() + blocks.len());
        let mut buffer = [T::ZERO; CHUNK];
        self.chunks(shape, offset, ahead.len(), &mut buffer, |at, drawn| ahead[at].copy_from_slice(drawn));
        self.source.draw(start, blocks.len(), blocks);
        self.apply(shape, start, blocks);
        self.chunks(shape, end, behind.len(), &mut buffer, |at, drawn| behind[at].copy_from_slice(drawn));
    }

    /// `out = centre + scale noise` for the elements `offset ..`.
    pub(super) fn perturb(&self, centre: &[T], scale: f64, shape: Shape<'_, T>, offset: usize, out: &mut [T]) {
        let set = |at: Range<usize>, drawn: &mut [T]| T::set_scaled(&centre[at.clone()], T::of(scale), drawn, &mut out[at]);
        // A small buffer is cleared in no time.
        if centre.len() <= BLOCK {
            self.chunks(shape, offset, centre.len(), &mut [T::ZERO; BLOCK], set);
        } else {
            self.chunks(shape, offset, centre.len(), &mut [T::ZERO; CHUNK], set);
        }
    }

    /// Draws elements `offset .. offset + len` chunk by chunk into `drawn`, which is of whole blocks; `then` is told which (counted from `offset`) and gets them.
    pub(super) fn chunks(
        &self,
        shape: Shape<'_, T>,
        offset: usize,
        len: usize,
        drawn: &mut [T],
        mut then: impl FnMut(Range<usize>, &mut [T]),
    ) {
        let mut at = 0;
        while at < len {
            let skipped = (offset + at) % BLOCK;
            let end = (skipped + len - at).min(drawn.len());
            self.source.draw(offset + at - skipped, end, &mut drawn[..end.next_multiple_of(BLOCK)]);
            let next = at + end - skipped;
            self.apply(shape, offset + at, &mut drawn[skipped..end]);
            then(at..next, &mut drawn[skipped..end]);
            at = next;
        }
    }

    /// What becomes of elements `offset ..` of the source.
    fn apply(&self, shape: Shape<'_, T>, offset: usize, noise: &mut [T]) {
        let here = offset..offset + noise.len();
        if let Some(Mixture { everywhere, weights }) = &self.mixture {
            noise.iter_mut().for_each(|z| *z *= *everywhere);
            let len = shape.basis.len() / weights.len().max(1);
            for (weight, direction) in weights.iter().zip(shape.basis.chunks_exact(len.max(1))) {
                T::add_scaled(*weight, &direction[here.clone()], noise);
            }
        }
        if let Some(deviation) = shape.deviation.get(here) {
            noise.iter_mut().zip(deviation).for_each(|(z, s)| *z *= *s);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Perturbation, Sampler};
    use super::*;
    use crate::rng::Key;
    use crate::{
        objective::{Batch, Probe},
        space::Space,
    };
    use candle_core::{DType, Device, Tensor};

    const D: usize = 1500;
    const K: usize = 3;

    fn zeros(dtype: DType) -> CowTensor {
        CowTensor::new(Tensor::zeros(D, dtype, &Device::Cpu).unwrap())
    }

    /// K rows of D numbers that are not zero; the first rows of the identity, where asked for.
    fn basis(dtype: DType, identity: bool) -> CowTensor {
        let at = |i: usize, j: usize| if identity { f64::from(u8::from(i == j)) } else { ((i * D + j) as f64).sin() };
        let rows: Vec<f64> = (0..K * D).map(|n| at(n / D, n % D)).collect();
        CowTensor::new(Tensor::from_vec(rows, (K, D), &Device::Cpu).unwrap().to_dtype(dtype).unwrap())
    }

    fn filled(noise: &Perturbation, seed: Seed, dtype: DType) -> Vec<f64> {
        let mut out = zeros(dtype);
        noise.fill(seed, &mut out).unwrap();
        crate::tensor::host::to_f64s(&out).unwrap()
    }

    /// The definition, with the weights read off the first rows of the identity.
    #[test]
    fn a_mixture_is_the_noise_and_a_sum_of_directions() {
        for (dtype, rounding) in [(DType::F32, 1e-6), (DType::F64, 1e-14)] {
            let seed = Key::new(4).member(2);
            let z = filled(&Sampler::Normal.into(), seed, dtype);
            let w = filled(&Perturbation::from(Sampler::Normal).within(&basis(dtype, true), 0.0, 1.0), seed, dtype);
            assert!(w[..K].iter().all(|w| w.abs() > 1e-6) && w[K..].iter().all(|w| *w == 0.0) && w[0] != z[0]);
            let (rows, deviation) = (basis(dtype, false), zeros(dtype));
            let deviation = CowTensor::new(deviation.affine(1.0, 0.5).unwrap());
            let got = filled(&Perturbation::from(Sampler::Normal).within(&rows, 0.3, 2.0).scaled_by(&deviation), seed, dtype);
            let rows = crate::tensor::host::to_f64s(&rows).unwrap();
            for j in 0..D {
                let expected = 0.5 * (0.3 * z[j] + 2.0 * (0..K).map(|i| w[i] * rows[i * D + j]).sum::<f64>());
                assert!((got[j] - expected).abs() < rounding * 10.0, "{j}: {} instead of {expected}", got[j]);
            }
        }
    }

    /// Over many seeds, the covariance is everywhere² I + inside² Uᵀ U.
    #[test]
    fn the_covariance_is_as_promised() {
        let u = CowTensor::new(Tensor::new(&[[0.6f64, 0.8, 0.0]], &Device::Cpu).unwrap());
        let noise = Perturbation::from(Sampler::Normal).within(&u, 0.5, 2.0);
        let (n, mut sums) = (20_000, [[0.0; 3]; 3]);
        for k in 0..n {
            let mut x = CowTensor::new(Tensor::zeros(3, DType::F64, &Device::Cpu).unwrap());
            noise.fill(Key::new(8).member(k), &mut x).unwrap();
            let x: Vec<f64> = x.to_vec1().unwrap();
            (0..9).for_each(|ij| sums[ij / 3][ij % 3] += x[ij / 3] * x[ij % 3] / n as f64);
        }
        let expected = [[0.25 + 4.0 * 0.36, 4.0 * 0.48, 0.0], [4.0 * 0.48, 0.25 + 4.0 * 0.64, 0.0], [0.0, 0.0, 0.25]];
        for (got, expected) in sums.iter().flatten().zip(expected.iter().flatten()) {
            assert!((got - expected).abs() < 0.12, "{sums:?}");
        }
    }

    /// Whatever draws it: the operations on tensors, a seeded batch, row by row or all at once.
    #[test]
    fn all_ways_to_it_give_the_same_bits() {
        let space = Space::real(D).unwrap();
        let rows = basis(DType::F64, false);
        for noise in [Sampler::Normal.over(&space), Sampler::Orthogonal.over(&space), Sampler::Median { size: 3 }.over(&space)] {
            let noise = noise.within(&rows, 0.7, 0.2);
            let seeds = [Key::new(1).member(0), Key::new(1).member(5)];
            let noises = seeds.map(|seed| filled(&noise, seed, DType::F64));
            let scaled = |k: usize| -> Vec<f64> { noises[k].iter().map(|z| 0.0 + 3.0 * z).collect() };

            let mut sum = zeros(DType::F64);
            noise.add_weighted(&[(seeds[0], 3.0), (seeds[1], -1.0)], &mut sum).unwrap();
            let expected: Vec<f64> = noises[0].iter().zip(&noises[1]).map(|(a, b)| 0.0 + 3.0 * a - b).collect();
            assert_eq!(sum.to_vec1::<f64>().unwrap(), expected);

            let mut table = space.zeros_for(2).unwrap();
            noise.perturb_rows(&space.zeros().unwrap(), &seeds.map(|seed| (seed, 3.0)), &mut table).unwrap();
            assert_eq!(table.to_vec2::<f64>().unwrap(), [scaled(0), scaled(1)]);

            let batch = Batch::seeded(&space.zeros().unwrap(), noise, seeds.map(|seed| Probe::new(seed, 3.0)));
            assert_eq!(batch.row(1, &space).unwrap().to_vec1::<f64>().unwrap(), scaled(1));
        }
    }

    #[test]
    fn a_basis_of_another_shape_or_precision_is_refused() {
        let noise = |basis: &CowTensor| Perturbation::from(Sampler::Normal).within(basis, 1.0, 1.0);
        let short = CowTensor::new(Tensor::zeros((2, D - 1), DType::F64, &Device::Cpu).unwrap());
        let mut x = zeros(DType::F64);
        assert!(matches!(noise(&short).fill(Key::new(1), &mut x), Err(Error::Shape { .. })));
        assert!(matches!(noise(&zeros(DType::F64)).fill(Key::new(1), &mut x), Err(Error::Shape { .. })));
        assert!(noise(&basis(DType::F32, true)).fill(Key::new(1), &mut x).is_err());
        let space = Space::real(D).unwrap();
        let probe = [Probe::new(Key::new(1), 1.0)];
        assert!(matches!(Batch::seeded(&x, noise(&short), probe).row(0, &space), Err(Error::Shape { .. })));
        assert!(Batch::seeded(&x, noise(&basis(DType::F32, true)), probe).row(0, &space).is_err());
    }
}
