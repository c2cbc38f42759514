//! What the losses of a step say of each particle.

/// What a step has seen of one particle.
pub(super) struct Seen {
    /// s of each pair; NaN where one of the two failed.
    pub(super) slopes: Vec<f64>,
    pub(super) lowest: f64,
    /// f_i; +∞ where all failed.
    pub(super) mean: f64,
}

impl Seen {
    pub(super) fn of(losses: &[f64], c: f64) -> Self {
        let slope = |pair: &[f64]| match pair {
            [up, down] if up.is_finite() && down.is_finite() => (up - down) / (2.0 * c),
            _ => f64::NAN,
        };
        let finite: Vec<f64> = losses.iter().copied().filter(|loss| loss.is_finite()).collect();
        let mean = finite.iter().map(|loss| loss / finite.len() as f64).sum();
        Self {
            slopes: losses.chunks(2).map(slope).collect(),
            lowest: losses.iter().copied().fold(f64::INFINITY, f64::min),
            mean: if finite.is_empty() { f64::INFINITY } else { mean },
        }
    }

    /// The root mean square of all slopes; 0 where there are none.
    pub(super) fn unit(seen: &[Self]) -> f64 {
        let slopes = || seen.iter().flat_map(|seen| seen.slopes.iter().copied()).filter(|s| s.is_finite());
        let most = slopes().fold(0.0, |most, s| s.abs().max(most));
        let square: f64 = slopes().map(|s| (s / most).powi(2)).sum();
        if most > 0.0 { most * (square / slopes().count() as f64).sqrt() } else { 0.0 }
    }
}
