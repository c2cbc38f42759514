//! C, and what samples are made of: its axes and its root, which are as old as the last decomposition.

use candle_core::{DType, Tensor};
use moths_core::{
    CowTensor, Error, Result, Space, persist,
    tensor::{eigen::eigen, host},
};

use moths_core::tensor::products::{Products, transpose};

/// The most memory that C, B and √C may take together.
const MOST_BYTES: usize = 1 << 30;

/// Zeros \[d, d\], f64.
pub(super) fn zeros(space: &Space) -> Result<CowTensor> {
    Ok(Tensor::zeros((space.dim(), space.dim()), DType::F64, space.device())?.into())
}

/// A covariance matrix C = B D² Bᵀ.
pub(super) struct Matrix {
    dim: usize,
    /// Generations between two decompositions.
    gap: u64,
    /// \[d, d\], f64, of which only the lower triangle counts.
    c: CowTensor,
    /// Bᵀ \[d, d\]: its rows are the eigenvectors of C as it was when it was decomposed.
    basis: CowTensor,
    /// √C = B D Bᵀ \[d, d\] of that time.
    root: CowTensor,
    /// D's diagonal \[d\], the deviations along the eigenvectors.
    pub(super) axes: Vec<f64>,
    /// Generations since.
    age: u64,
}

persist!(Matrix { c, basis, root, axes, age });

impl Matrix {
    /// I, to be decomposed every `gap` generations.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when it would not fit into memory.
    pub(super) fn identity(space: &Space, gap: u64) -> Result<Self> {
        let dim = space.dim();
        if dim.saturating_mul(dim).saturating_mul(3 * 8) > MOST_BYTES {
            let what = format!("keeps 3 matrices of {dim} × {dim} numbers, more than 1 GiB; take `sep-cma-es` or `lm-ma-es`");
            return Err(Error::unsupported("cma-es", what));
        }
        let identity = || Ok::<_, Error>(CowTensor::new(Tensor::eye(dim, DType::F64, space.device())?));
        Ok(Self { dim, gap, c: identity()?, basis: identity()?, root: identity()?, axes: vec![1.0; dim], age: 0 })
    }

    /// Rows `√C z`, one for each row of `z`.
    pub(super) fn stretch(&self, z: &[f64], rows: &mut [f64]) -> Result<()> {
        host::read::<f64, _>(&self.root, |root| f64::combine(0.0, z, root, self.dim, rows))
    }

    /// C^{−½} of one row, as C was when it was decomposed.
    pub(super) fn whiten(&self, row: &[f64], z: &mut [f64]) -> Result<()> {
        let d = self.dim;
        host::read::<f64, _>(&self.basis, |basis| {
            z.fill(0.0);
            for (vector, axis) in basis.chunks_exact(d).zip(&self.axes) {
                let along = vector.iter().zip(row).map(|(v, y)| v * y).sum::<f64>() / axis;
                z.iter_mut().zip(vector).for_each(|(z, v)| *z += along * v);
            }
        })
    }

    /// C ← keep C + Σ_k weights_k rows_k rows_kᵀ.
    pub(super) fn update(&mut self, keep: f64, weights: &[f64], rows: &[f64]) -> Result<()> {
        let d = self.dim;
        let mut columns = vec![0.0; rows.len()];
        transpose(rows, d, &mut columns);
        columns.chunks_exact_mut(weights.len()).for_each(|column| column.iter_mut().zip(weights).for_each(|(x, w)| *x *= w));
        host::edit::<f64, _>(&mut self.c, |c| f64::combine_lower(keep, &columns, rows, d, c))?;
        self.age += 1;
        Ok(())
    }

    /// C, both halves.
    pub(super) fn covariance(&self) -> Result<Vec<f64>> {
        let (d, mut whole) = (self.dim, host::to_f64s(&self.c)?);
        (0..d).for_each(|i| (0..i).for_each(|j| whole[j * d + i] = whole[i * d + j]));
        Ok(whole)
    }

    /// A decomposition when it is time.
    pub(super) fn refresh(&mut self) -> Result<()> {
        if self.age >= self.gap { self.decompose() } else { Ok(()) }
    }

    /// √c_ii.
    pub(super) fn deviations(&self, deviations: &mut [f64]) -> Result<()> {
        host::read::<f64, _>(&self.c, |c| {
            deviations.iter_mut().zip(c.iter().step_by(self.dim + 1)).for_each(|(s, variance)| *s = variance.sqrt());
        })
    }

    /// C^{−½} \[d, d\].
    pub(super) fn inverse_root(&self) -> Result<Vec<f64>> {
        let d = self.dim;
        let (mut weights, mut inverse) = (vec![0.0; d * d], vec![0.0; d * d]);
        host::read::<f64, _>(&self.basis, |basis| {
            transpose(basis, d, &mut weights);
            weights.chunks_exact_mut(d).for_each(|row| row.iter_mut().zip(&self.axes).for_each(|(x, axis)| *x /= axis));
            f64::combine(0.0, &weights, basis, d, &mut inverse);
        })?;
        Ok(inverse)
    }

    /// Overwrites C, decomposes it, and scales it to the determinant 1; what its deviations were scaled by: (det C)^{1/2d}.
    pub(super) fn replace(&mut self, write: impl FnOnce(&mut [f64])) -> Result<f64> {
        host::edit::<f64, _>(&mut self.c, write)?;
        self.decompose()?;
        let scale = libm::exp(self.axes.iter().map(|a| libm::log(*a)).sum::<f64>() / self.dim as f64);
        self.axes.iter_mut().for_each(|a| *a /= scale);
        host::edit::<f64, _>(&mut self.c, |c| c.iter_mut().for_each(|x| *x /= scale * scale))?;
        host::edit::<f64, _>(&mut self.root, |root| root.iter_mut().for_each(|x| *x /= scale))?;
        Ok(scale)
    }

    fn decompose(&mut self) -> Result<()> {
        let Self { dim: d, c, basis, root, axes, .. } = self;
        let mut weights = vec![0.0; *d * *d];
        host::edit::<f64, _>(basis, |basis| {
            host::read::<f64, _>(c, |c| basis.copy_from_slice(c))?;
            eigen(basis, axes)?;
            let largest = axes.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
            // Rounding makes the smallest of an ill-conditioned C anything, even negative.
            axes.iter_mut().for_each(|value| *value = value.max(f64::EPSILON * largest).sqrt());
            transpose(basis, *d, &mut weights);
            weights.chunks_exact_mut(*d).for_each(|row| row.iter_mut().zip(&*axes).for_each(|(x, axis)| *x *= axis));
            host::edit::<f64, _>(root, |root| f64::combine(0.0, &weights, basis, *d, root))
        })??;
        self.age = 0;
        Ok(())
    }

    /// Largest over smallest deviation along an axis, squared.
    pub(super) fn condition(&self) -> f64 {
        let (least, most) = self.axes.iter().fold((f64::INFINITY, 0.0f64), |(least, most), a| (least.min(*a), most.max(*a)));
        (most / least).powi(2)
    }

    /// Eigenvector `i` times its deviation.
    pub(super) fn axis(&self, i: usize) -> Result<Vec<f64>> {
        let d = self.dim;
        host::read::<f64, _>(&self.basis, |basis| basis[i * d..(i + 1) * d].iter().map(|x| self.axes[i] * x).collect())
    }
}
