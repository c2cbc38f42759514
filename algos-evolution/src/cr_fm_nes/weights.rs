//! What candidates weigh: those of a pair together, as z and −z are, and those that lie far from the mean.

/// Σ_k w_k g(z_k) for g odd: over the first half, with these weights.
pub(super) fn odd(w: &[f64]) -> Vec<f64> {
    let (first, second) = w.split_at(w.len() / 2);
    first.iter().zip(second).map(|(a, b)| a - b).collect()
}

/// Σ_k w_k g(z_k) for g even: over the first half, with these weights.
pub(super) fn even(w: &[f64]) -> Vec<f64> {
    let (first, second) = w.split_at(w.len() / 2);
    first.iter().zip(second).map(|(a, b)| a + b).collect()
}

/// ŵ_k e^{α ‖z_k‖}, over the largest such factor, which the utilities do not see.
pub(super) fn by_distance(mut raw: Vec<f64>, squares: &[f64], alpha: f64) -> Vec<f64> {
    let longest = squares.iter().copied().fold(0.0, f64::max).sqrt();
    let both_halves = squares.iter().chain(squares);
    raw.iter_mut().zip(both_halves).for_each(|(w, square)| *w *= libm::exp(alpha * (square.sqrt() - longest)));
    raw
}
