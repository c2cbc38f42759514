//! B, the inverse of the Hessian as far as it is known.

use moths_core::{Result, persist, tensor::cholesky::Cholesky};

/// An update is skipped where y's is not more than this of |y| |s|.
const LEAST_CURVATURE: f64 = 1e-10;

/// B before the first update, in units of what led to the first step: far too large is better than too small, as each step too far is a few
/// evaluations on a line, and each step too short a gradient.
const BOLD: f64 = 3e4;

/// B \[d, d\].
#[derive(Clone)]
pub(super) struct Inverse {
    matrix: Vec<f64>,
    /// That of the Hessian that B is the inverse of.
    diagonal: Vec<f64>,
    /// Is nothing known? Then the direction is that of the slope, `reach` long.
    pub(super) fresh: bool,
    pub(super) reach: f64,
}

persist!(Inverse { matrix, diagonal, fresh, reach });

impl Inverse {
    pub(super) fn new(d: usize, reach: f64) -> Self {
        Self { matrix: vec![0.0; d * d], diagonal: vec![0.0; d], fresh: true, reach }
    }

    /// Nothing is known any more.
    pub(super) fn forget(&mut self, reach: f64) {
        self.diagonal.fill(0.0);
        (self.fresh, self.reach) = (true, reach);
    }

    /// The diagonal of the Hessian; 0 as long as nothing is known.
    pub(super) fn diagonal(&self) -> &[f64] {
        &self.diagonal
    }

    /// p = −B v, and v: g in coordinates that are not held, and such that p = 0 in those that are.
    pub(super) fn direction(&self, g: &[f64], held: &[usize]) -> Result<(Vec<f64>, Vec<f64>)> {
        let mut v = g.to_vec();
        held.iter().for_each(|i| v[*i] = 0.0);
        if self.fresh {
            let scale = -self.reach / dot(&v, &v).sqrt().max(f64::MIN_POSITIVE);
            return Ok((v.iter().map(|v| scale * v).collect(), v));
        }
        if !held.is_empty() {
            self.compensate(&mut v, held)?;
        }
        let mut p: Vec<f64> = self.product(&v).iter().map(|x| -x).collect();
        held.iter().for_each(|i| p[*i] = 0.0);
        Ok((p, v))
    }

    /// v_A = −B_AA⁻¹ (B v)_A.
    fn compensate(&self, v: &mut [f64], held: &[usize]) -> Result<()> {
        let (d, moved) = (v.len(), self.product(v));
        let block: Vec<f64> = held.iter().flat_map(|i| held.iter().map(move |j| self.matrix[i * d + j])).collect();
        let mut by: Vec<f64> = held.iter().map(|i| moved[*i]).collect();
        if let Some(factor) = Cholesky::of(block, held.len())? {
            factor.solve(&mut by)?;
            held.iter().zip(by).for_each(|(i, by)| v[*i] = -by);
        }
        Ok(())
    }

    /// v'B v; ∞ as long as nothing is known.
    pub(super) fn square(&self, v: &[f64]) -> f64 {
        if self.fresh { f64::INFINITY } else { dot(v, &self.product(v)) }
    }

    /// B v.
    fn product(&self, v: &[f64]) -> Vec<f64> {
        self.matrix.chunks_exact(v.len()).map(|row| dot(row, v)).collect()
    }

    /// B ← (I − ρ s y') B (I − ρ y s') + ρ s s' for a step s from where the slope was g, and what it changed by, y; `expected`: what
    /// B thought that it would, B⁻¹ s, where that is known.
    pub(super) fn update(&mut self, s: &[f64], y: &[f64], g: &[f64], expected: Option<&[f64]>) {
        let (sy, yy, ss, d) = (dot(s, y), dot(y, y), dot(s, s), s.len());
        let first = BOLD * self.reach / dot(g, g).sqrt();
        self.reach = ss.sqrt();
        if !(sy > LEAST_CURVATURE * (yy * ss).sqrt() && yy.is_finite()) {
            return;
        }
        let mut expected = expected.map(<[f64]>::to_vec);
        if self.fresh {
            self.matrix.fill(0.0);
            self.matrix.iter_mut().step_by(d + 1).for_each(|b| *b = first);
            self.diagonal.fill(1.0 / first);
            expected = Some(s.iter().map(|s| s / first).collect());
            self.fresh = false;
        }
        if let Some(e) = expected {
            let es = dot(&e, s);
            for (h, (y, e)) in self.diagonal.iter_mut().zip(y.iter().zip(&e)) {
                *h = (*h + y * y / sy - e * e / es).max(0.0);
            }
        }
        let by = self.product(y);
        let factor = (1.0 + dot(y, &by) / sy) / sy;
        for (row, (s_i, by_i)) in self.matrix.chunks_exact_mut(d).zip(s.iter().zip(&by)) {
            for (b, (s_j, by_j)) in row.iter_mut().zip(s.iter().zip(&by)) {
                *b += factor * s_i * s_j - (s_i * by_j + by_i * s_j) / sy;
            }
        }
    }
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
