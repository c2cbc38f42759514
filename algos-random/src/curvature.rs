//! What is known of the second derivatives of a function, from what one number a measurement says: q ≈ Δ₁ᵀ H Δ₂.
//!
//! ```text
//! M = (Δ₁ Δ₂ᵀ + Δ₂ Δ₁ᵀ)/2                                  the whole matrix;  M = diag(Δ₁ ⊙ Δ₂): its diagonal alone
//! Ĥ = q M                                                  E Ĥ = H for independent Δ₁, Δ₂ of mean 0 and variance 1
//! H̄ ← (1 − w) H̄ + w · the mean of Ĥ                        without feedback: w_k, at most 1
//! H̄ ← H̄ + w (q − ⟨M, H̄⟩) M,  one q after another           with feedback: w = min(w_k, 1/⟨M, M⟩)
//! p = (|H̄| + δ r I)⁻¹ g,  |H̄| = √(H̄ᵀ H̄),  r = ‖H̄‖/√d      the Newton direction
//! ```
//!
//! H, M: \[d, d\]; ⟨A, B⟩ = Σ a_ij b_ij; |H̄| has the eigenvectors of H̄, and the absolute values of its eigenvalues: p leads downhill.

use candle_core::{DType, Tensor};
use moths_core::{
    CowTensor, Result, Space, fuse, kernel,
    persist::{Fields, Persist},
    tensor::{eigen::eigen, host},
};

/// One measurement: two perturbations \[d\], and q.
pub(crate) struct Measured {
    pub(crate) first: CowTensor,
    pub(crate) second: CowTensor,
    pub(crate) q: f64,
}

/// How new measurements join H̄.
pub(crate) struct Learning {
    pub(crate) feedback: bool,
    /// w_k.
    pub(crate) weight: f64,
}

/// H̄, in blocks along its diagonal: all between two blocks is zero.
#[derive(Clone)]
pub(crate) struct Curvature {
    blocks: Vec<Block>,
    dim: usize,
}

/// Neighbouring coordinates.
#[derive(Clone)]
struct Block {
    from: usize,
    len: usize,
    /// All second derivatives \[len, len\], f64; or the diagonal \[len\], in the dtype of the space.
    h: CowTensor,
}

impl Curvature {
    /// I, all of it or its diagonal.
    pub(crate) fn identity(space: &Space, full: bool) -> Result<Self> {
        let block = if full { Block::full(0, space.dim(), space) } else { Block::diagonal(0, space.dim(), space) };
        Ok(Self { blocks: vec![block?], dim: space.dim() })
    }

    /// I, with a whole block for every tensor of at most `most` parameters; of others the diagonal.
    pub(crate) fn by_tensor(space: &Space, most: usize) -> Result<Self> {
        let (mut blocks, mut end) = (vec![], 0);
        for leaf in space.leaves().iter().filter(|leaf| !leaf.is_frozen()) {
            let block = if leaf.len() <= most { Block::full } else { Block::diagonal };
            blocks.push(block(end, leaf.len(), space)?);
            end += leaf.len();
        }
        Ok(Self { blocks, dim: end })
    }

    /// ‖H̄‖.
    fn norm(&self) -> Result<f64> {
        let squares: Vec<f64> = self.blocks.iter().map(|block| fuse::dot(&block.h, &block.h)).collect::<Result<_>>()?;
        Ok(squares.iter().sum::<f64>().sqrt())
    }

    pub(crate) fn is_finite(&self) -> Result<bool> {
        Ok(self.norm()?.is_finite())
    }

    /// What was measured in another unit.
    pub(crate) fn scale(&mut self, by: f64) -> Result<()> {
        self.blocks.iter_mut().try_for_each(|block| scaled(&mut block.h, by))
    }

    pub(crate) fn learn(&mut self, measured: &[Measured], how: &Learning) -> Result<()> {
        let weight = how.weight.min(1.0);
        if !how.feedback && !measured.is_empty() {
            self.scale(1.0 - weight)?;
        }
        for Measured { first, second, q } in measured {
            let parts: Vec<Part> = self.blocks.iter().map(|block| block.part(first, second)).collect::<Result<_>>()?;
            let known: Vec<[f64; 2]> = self.blocks.iter().zip(&parts).map(|(b, part)| b.along(part)).collect::<Result<_>>()?;
            let [along, square] = known.iter().fold([0.0, 0.0], |[a, s], [along, square]| [a + along, s + square]);
            let by = match how.feedback {
                true if square > 0.0 => how.weight.min(1.0 / square) * (q - along),
                true => 0.0,
                false => weight * q / measured.len() as f64,
            };
            self.blocks.iter_mut().zip(&parts).try_for_each(|(block, part)| block.add(part, by))?;
        }
        Ok(())
    }

    /// p for the gradient g \[d\].
    pub(crate) fn newton(&self, gradient: &CowTensor, delta: f64) -> Result<CowTensor> {
        let floor = delta * self.norm()? / (self.dim as f64).sqrt();
        let parts: Vec<Tensor> = self.blocks.iter().map(|block| block.newton(gradient, floor)).collect::<Result<_>>()?;
        Ok(match <[Tensor; 1]>::try_from(parts) {
            Ok([whole]) => whole,
            Err(parts) => Tensor::cat(&parts, 0)?,
        }
        .into())
    }
}

/// What a measurement says of a block.
enum Part {
    /// Δ₁ and Δ₂, for M = (Δ₁ Δ₂ᵀ + Δ₂ Δ₁ᵀ)/2.
    Full(Vec<f64>, Vec<f64>),
    /// The diagonal of M.
    Diagonal(CowTensor),
}

impl Block {
    fn full(from: usize, len: usize, space: &Space) -> Result<Self> {
        Ok(Self { from, len, h: Tensor::eye(len, DType::F64, space.device())?.into() })
    }

    fn diagonal(from: usize, len: usize, space: &Space) -> Result<Self> {
        Ok(Self { from, len, h: Tensor::ones(len, space.dtype(), space.device())?.into() })
    }

    fn is_full(&self) -> bool {
        self.h.rank() == 2
    }

    /// These coordinates of a vector \[d\].
    fn of(&self, vector: &CowTensor) -> Result<CowTensor> {
        match self.len == vector.elem_count() {
            true => Ok(vector.clone()),
            false => Ok(vector.narrow(0, self.from, self.len)?.copy()?.into()),
        }
    }

    fn part(&self, first: &CowTensor, second: &CowTensor) -> Result<Part> {
        let (mut first, second) = (self.of(first)?, self.of(second)?);
        if self.is_full() {
            return Ok(Part::Full(host::to_f64s(&first)?, host::to_f64s(&second)?));
        }
        times(&mut first, &second)?;
        Ok(Part::Diagonal(first))
    }

    /// ⟨M, H̄⟩ and ⟨M, M⟩.
    fn along(&self, part: &Part) -> Result<[f64; 2]> {
        match part {
            Part::Full(first, second) => host::read::<f64, _>(&self.h, |h| along_full(h, first, second)),
            Part::Diagonal(m) => Ok([fuse::dot(&self.h, m)?, fuse::dot(m, m)?]),
        }
    }

    /// H̄ ← H̄ + `by` M.
    fn add(&mut self, part: &Part, by: f64) -> Result<()> {
        match part {
            Part::Full(first, second) => host::edit::<f64, _>(&mut self.h, |h| add_full(h, first, second, by)),
            Part::Diagonal(m) => plus(&mut self.h, m, by),
        }
    }

    /// (|H̄| + floor I)⁻¹ g.
    fn newton(&self, gradient: &CowTensor, floor: f64) -> Result<Tensor> {
        let mut g = self.of(gradient)?;
        if !self.is_full() {
            divided(&mut g, &self.h, floor)?;
            return Ok((*g).clone());
        }
        let p = divided_full(host::read::<f64, _>(&self.h, <[f64]>::to_vec)?, &host::to_f64s(&g)?, floor)?;
        Ok(Tensor::from_vec(p, self.len, &candle_core::Device::Cpu)?.to_dtype(g.dtype())?.to_device(g.device())?)
    }
}

/// The numbers are all there is to save.
impl Persist for Curvature {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        if let [whole] = &mut *self.blocks {
            return whole.h.visit(fields);
        }
        self.blocks.iter_mut().enumerate().try_for_each(|(i, block)| fields.field(&i.to_string(), &mut block.h))
    }
}

kernel! { fn scaled(h: inout, by: num) { h = by * h; } }
kernel! { fn times(m: inout, z: mat) { m = m * z; } }
kernel! { fn plus(h: inout, m: mat, by: num) { h = h + by * m; } }
kernel! { fn divided(p: inout, h: mat, least: num) { p = p / (abs(h) + least); } }

/// ⟨M, H̄⟩ and ⟨M, M⟩.
fn along_full(h: &[f64], first: &[f64], second: &[f64]) -> [f64; 2] {
    let along = first.iter().zip(h.chunks_exact(second.len())).map(|(a, row)| a * dot(row, second)).sum();
    let both = dot(first, second);
    [along, 0.5 * (dot(first, first) * dot(second, second) + both * both)]
}

/// H̄ ← H̄ + `by` M.
fn add_full(h: &mut [f64], first: &[f64], second: &[f64], by: f64) {
    for ((row, a), b) in h.chunks_exact_mut(second.len()).zip(first).zip(second) {
        for ((h, c), e) in row.iter_mut().zip(first).zip(second) {
            *h += 0.5 * by * (a * e + b * c);
        }
    }
}

/// (|H̄| + floor I)⁻¹ g.
fn divided_full(mut h: Vec<f64>, gradient: &[f64], floor: f64) -> Result<Vec<f64>> {
    let (mut values, mut p) = (vec![0.0; gradient.len()], vec![0.0; gradient.len()]);
    eigen(&mut h, &mut values)?;
    for (vector, value) in h.chunks_exact(gradient.len()).zip(&values) {
        let along = dot(vector, gradient) / (value.abs() + floor);
        p.iter_mut().zip(vector).for_each(|(p, v)| *p += along * v);
    }
    Ok(p)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests;
