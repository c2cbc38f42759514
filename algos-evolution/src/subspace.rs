//! Directions out of past gradients, and perturbations that prefer them: what `guided-es` and `asebo` share.

use candle_core::{DType, Tensor};
use moths_core::{
    Batch, CowTensor, Result, Sampler, Space, fuse,
    noise::Perturbation,
    optimizer::Antithetic,
    persist,
    tensor::{eigen::eigen, host},
    with_scalar,
};

use moths_core::tensor::products::Products;

/// The last gradients, as directions and lengths, so that neither long nor short ones leave the range of the search dtype.
pub(crate) struct Past {
    /// Rows \[memory, d\] of length 1; a gradient replaces the oldest.
    directions: CowTensor,
    lengths: Vec<f64>,
    /// How many gradients there have been.
    seen: u64,
    memory: usize,
}

impl Past {
    pub(crate) fn new(space: &Space, memory: usize) -> Result<Self> {
        Ok(Self { directions: space.zeros_for(memory)?, lengths: vec![0.0; memory], seen: 0, memory })
    }

    /// How many gradients there have been.
    pub(crate) fn seen(&self) -> u64 {
        self.seen
    }

    /// Keeps a gradient in place of the oldest; one without a direction is not kept.
    pub(crate) fn remember(&mut self, gradient: &CowTensor) -> Result<()> {
        let length = fuse::norm(gradient)?;
        if length > 0.0 && length.is_finite() {
            let row = (self.seen % self.memory as u64) as usize;
            self.directions.set_row(row, &gradient.affine(1.0 / length, 0.0)?)?;
            self.lengths[row] = length;
            self.seen += 1;
        }
        Ok(())
    }

    /// How many steps ago each row was kept, in the order of the rows.
    fn ages(&self) -> Vec<u64> {
        let held = self.seen.min(self.memory as u64);
        (0..held).map(|row| (self.seen - 1 - row) % self.memory as u64).collect()
    }

    /// An orthonormal basis \[r, d\] of what the gradients span, the newest first; `None` where there are none.
    pub(crate) fn span(&self) -> Result<Option<CowTensor>> {
        let mut newest: Vec<(u64, usize)> = self.ages().into_iter().zip(0..).collect();
        newest.sort_unstable();
        let d = self.directions.dims()[1];
        with_scalar!(self.directions.dtype(), T => {
            let basis = host::read::<T, _>(&self.directions, |rows| {
                orthonormal(newest.iter().map(|(_, row)| &rows[row * d..(row + 1) * d]), d)
            })?;
            tensor(basis, d, &self.directions)
        })
    }

    /// The principal components \[r, d\] of Σ decay^age g gᵀ, as many as hold this share of its trace; `None` where there are no gradients.
    pub(crate) fn principal(&self, decay: f64, share: f64) -> Result<Option<CowTensor>> {
        let ages = self.ages();
        let weights: Vec<f64> =
            ages.iter().zip(&self.lengths).map(|(age, length)| length * libm::pow(decay, *age as f64 / 2.0)).collect();
        let d = self.directions.dims()[1];
        with_scalar!(self.directions.dtype(), T => {
            let basis = host::read::<T, _>(&self.directions, |rows| components(&rows[..ages.len() * d], &weights, share, d))??;
            tensor(basis, d, &self.directions)
        })
    }
}

persist!(Past { directions, lengths, seen });

/// Rows as a tensor like another; `None` where there are none.
fn tensor<T: Products>(rows: Vec<T>, d: usize, like: &Tensor) -> Result<Option<CowTensor>> {
    let r = rows.len() / d;
    let made = (r > 0).then(|| Tensor::from_vec(rows, (r, d), like.device())).transpose()?;
    Ok(made.map(CowTensor::new))
}

/// What rounding leaves of a sum that is zero, relative to its terms.
fn rounding<T: Products>() -> f64 {
    if T::DTYPE == DType::F32 { 1e-6 } else { 1e-14 }
}

/// Gram-Schmidt, each row twice, so that rounding leaves no error of the first time; rows that the ones before span are left out.
fn orthonormal<'a, T: Products>(rows: impl Iterator<Item = &'a [T]>, d: usize) -> Vec<T> {
    let mut basis: Vec<T> = vec![];
    for row in rows {
        let before = T::dot(row, row).sqrt();
        let mut rest = row.to_vec();
        for _ in 0..2 {
            let mut along = vec![0.0; basis.len() / d];
            T::dots(&rest, &basis, d, &mut along);
            let along: Vec<T> = along.into_iter().map(|c| T::of(-c)).collect();
            T::combine(T::ONE, &along, &basis, d, &mut rest);
        }
        let length = T::dot(&rest, &rest).sqrt();
        if length > rounding::<T>().sqrt() * before {
            basis.extend(rest.into_iter().map(|x| x * T::of(1.0 / length)));
        }
    }
    basis
}

/// Eigenvectors of Σ_i weights_i² rows_i rows_iᵀ by those of the rows' inner products: the largest ones, of this share of the trace.
fn components<T: Products>(rows: &[T], weights: &[f64], share: f64, d: usize) -> Result<Vec<T>> {
    let n = weights.len();
    let largest = weights.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let weights: Vec<f64> = weights.iter().map(|w| w / largest).collect();
    let (mut vectors, mut values) = (vec![0.0; n * n], vec![0.0; n]);
    T::gram(rows, d, &mut vectors);
    vectors.iter_mut().enumerate().for_each(|(ij, dot)| *dot *= weights[ij / n] * weights[ij % n]);
    eigen(&mut vectors, &mut values)?;

    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    let (total, mut held) = (values.iter().sum::<f64>(), 0.0);
    let mut mixtures: Vec<T> = vec![];
    for &j in order.iter().take_while(|&&j| values[j] > rounding::<T>() * values[order[0]]) {
        if held >= share * total {
            break;
        }
        held += values[j];
        let of_row = |i: usize| T::of(vectors[j * n + i] * weights[i] / values[j].sqrt());
        mixtures.extend((0..n).map(of_row));
    }
    let mut basis = vec![T::ZERO; mixtures.len() / n.max(1) * d];
    T::combine(T::ZERO, &mixtures, rows, d, &mut basis);
    Ok(orthonormal(basis.chunks_exact(d), d))
}

/// ‖U g‖ for r orthonormal rows U \[r, d\]: the length of what of a vector \[d\] lies within their span.
pub(crate) fn length_within(u: &CowTensor, g: &CowTensor) -> Result<f64> {
    let mut along = vec![0.0; u.dims()[0]];
    with_scalar!(u.dtype(), T => host::read::<T, _>(u, |u| host::read::<T, _>(g, |g| T::dots(u, g, g.len(), &mut along)))?)?;
    Ok(along.iter().map(|c| c * c).sum::<f64>().sqrt())
}

/// Pairs of perturbations ±ε_k, ε = σ (√(α/d) z + √((1 − α)/r) U z'): of length σ in the mean of squares. U are r orthonormal
/// directions; without any, α is 1.
pub(crate) struct Guided {
    pairs: Antithetic,
    noise: Perturbation,
    /// What a central difference along z is multiplied by to be ε (u₊ − u₋) / 2σ².
    gain: f64,
}

impl Guided {
    /// From pairs of scale σ.
    pub(crate) fn new(pairs: Antithetic, basis: Option<&CowTensor>, alpha: f64, space: &Space) -> Self {
        let (d, noise) = (space.dim() as f64, Sampler::Normal.over(space));
        match basis {
            None => Self { pairs: Antithetic { scale: pairs.scale / d.sqrt(), ..pairs }, noise, gain: 1.0 / d },
            Some(basis) => {
                let r = basis.dims()[0] as f64;
                Self { pairs, noise: noise.within(basis, (alpha / d).sqrt(), ((1.0 - alpha) / r).sqrt()), gain: 1.0 }
            }
        }
    }

    /// x ± ε_k, k = 1..pairs.
    pub(crate) fn batch(&self, centre: &CowTensor) -> Batch {
        self.pairs.batch_from(self.noise.clone(), centre)
    }

    /// 1/(2 σ² pairs) Σ_k ε_k (u_k+ − u_k−), for one value u a candidate; `None` when no pair says anything.
    pub(crate) fn gradient(&self, values: &[f64], space: &Space) -> Result<Option<CowTensor>> {
        let values: Vec<f64> = values.iter().map(|u| self.gain * u).collect();
        let gradient = self.pairs.combine_from(self.noise.clone(), &values, space)?;
        gradient.map(|gradient| gradient.dense()).transpose()
    }
}

#[cfg(test)]
mod tests;
