//! The step of B along the matrix exponential, by series of matrices as small as λ and d allow. Matrices are flat, row by row.

use moths_core::{Result, tensor::host};

use super::{Scratch, XnesDistribution};
use moths_core::tensor::products::{Products, transpose};

impl XnesDistribution {
    /// Bᵀ ← expm(c G_B) Bᵀ = e^{−c G_σ} expm(c G_M) Bᵀ.
    pub(super) fn turn(&mut self, d: usize, u: &[f64], g_sigma: f64) -> Result<()> {
        let (lambda, c) = (u.len(), 0.5 * self.eta_b);
        let keep = libm::exp(-c * g_sigma);
        let Scratch { s, s_t, y, w, .. } = &mut self.scratch;
        transpose(s, d, s_t);
        if lambda <= d {
            let mut k = vec![0.0; lambda * lambda];
            f64::gram(s, d, &mut k);
            scale_rows(&mut k, u, c);
            // U ψ(K U) = ψ(U K) U.
            let mut middle = psi(&k, lambda);
            middle.chunks_exact_mut(lambda).for_each(|row| scale_rows(row, u, keep * c));
            f64::combine(0.0, &middle, y, d, w);
            host::edit::<f64, _>(&mut self.b_t, |b_t| f64::combine(keep, s_t, w, d, b_t))
        } else {
            let mut g = vec![0.0; d * d];
            scale_rows(s, u, c);
            f64::combine(0.0, s_t, s, d, &mut g);
            let mut rest = psi(&g, d);
            scale_rows(&mut rest, &[1.0], keep);
            host::edit::<f64, _>(&mut self.b_t, |b_t| {
                f64::combine(0.0, &g, b_t, d, w);
                f64::combine(keep, &rest, w, d, b_t);
            })
        }
    }
}

/// Multiplies each of as many equal parts as there are factors by its own, and by `all`.
fn scale_rows(rows: &mut [f64], factors: &[f64], all: f64) {
    let len = rows.len() / factors.len();
    rows.chunks_exact_mut(len).zip(factors).for_each(|(row, f)| row.iter_mut().for_each(|x| *x *= all * f));
}

/// ψ(N) = Σ_k Nᵏ/(k + 1)! of an r × r matrix, to the precision of f64.
///
/// Halved until its norm is at most ½, where the series is short; then ψ(2N) = ψ(N) + ½ ψ(N) N ψ(N) doubles it back.
pub(super) fn psi(n: &[f64], r: usize) -> Vec<f64> {
    let mut norm = n.chunks_exact(r).map(|row| row.iter().map(|x| x.abs()).sum()).fold(0.0, f64::max);
    let mut n = n.to_vec();
    let mut halvings = 0;
    while norm > 0.5 && halvings < 64 {
        norm *= 0.5;
        halvings += 1;
    }
    n.iter_mut().for_each(|x| *x *= libm::ldexp(1.0, -halvings));
    let (mut degree, mut term) = (1, norm / 2.0);
    while term > 1e-17 {
        degree += 1;
        term *= norm / (degree + 1) as f64;
    }
    // I + N/2 (I + N/3 (I + ..)), from the inside.
    let (mut psi, mut product) = (vec![0.0; r * r], vec![0.0; r * r]);
    psi.iter_mut().step_by(r + 1).for_each(|x| *x = 1.0);
    for k in (2..=degree + 1).rev() {
        f64::combine(0.0, &n, &psi, r, &mut product);
        psi.iter_mut().zip(&product).for_each(|(psi, x)| *psi = x / k as f64);
        psi.iter_mut().step_by(r + 1).for_each(|x| *x += 1.0);
    }
    for _ in 0..halvings {
        f64::combine(0.0, &n, &psi, r, &mut product);
        product.iter_mut().for_each(|x| *x *= 0.5);
        let half = psi.clone();
        f64::combine(1.0, &half, &product, r, &mut psi);
        n.iter_mut().for_each(|x| *x *= 2.0);
    }
    psi
}
