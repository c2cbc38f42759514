//! The margin: integer and boolean coordinates stay likely enough to change.
//!
//! ```text
//! s = σ a_j √c_jj;   q(p) = Φ⁻¹(1 − p);   α = 1/(λ d);   ℓ: the thresholds, halfway between two values
//! m_j beyond the first or last ℓ:   m_j ← ℓ + sign(m_j − ℓ) min(|m_j − ℓ|, q(α) s)
//! ℓ_low < m_j ≤ ℓ_up:               p_low = P(x_j ≤ ℓ_low),  p_up = P(x_j > ℓ_up),  p_mid = 1 − p_low − p_up
//!                                   p' = max(α/2, p);  p'' = p' + (p' − α/2) (1 − p'_low − p'_up − p_mid)/(p'_low + p'_up + p_mid − 3α/2)
//!                                   m_j ← (ℓ_low q(p''_up) + ℓ_up q(p''_low)) / (q(p''_low) + q(p''_up))
//!                                   a_j ← (ℓ_up − ℓ_low) / (σ √c_jj (q(p''_low) + q(p''_up)))
//! ```
//!
//! Samples are m + σ a ⊙ y, with a = 1 for real coordinates and at the start; discrete ones are not moved inside the bounds, which decoding
//! keeps. A boolean is an integer of two values. Source: Hamano, Saito, Nomura & Shirakawa 2022, "CMA-ES with margin", arXiv:2205.13482.

use moths_core::Space;

use crate::normal::{quantile, tail};

/// Where a discrete coordinate changes its value.
struct Thresholds {
    coordinate: usize,
    first: f64,
    apart: f64,
    last: f64,
}

/// The margin of all discrete coordinates.
pub(super) struct Margin {
    alpha: f64,
    thresholds: Vec<Thresholds>,
    /// Which coordinates have one value only.
    fixed: Vec<bool>,
}

impl Margin {
    pub(super) fn new(space: &Space, lambda: usize) -> Self {
        let intervals = space.intervals().enumerate();
        let thresholds =
            intervals.zip(space.steps()).filter(|(_, levels)| *levels > 1).map(|((coordinate, (lower, upper)), levels)| {
                let apart = (upper - lower) / levels as f64;
                Thresholds { coordinate, first: lower + apart, apart, last: upper - apart }
            });
        Self { alpha: 1.0 / (lambda * space.dim()) as f64, thresholds: thresholds.collect(), fixed: space.fixed().collect() }
    }

    /// Corrects m and a, for a σ and √c_ii.
    pub(super) fn apply(&self, m: &mut [f64], a: &mut [f64], sigma: f64, deviations: &[f64]) {
        for t in &self.thresholds {
            let j = t.coordinate;
            (m[j], a[j]) = self.corrected(t, m[j], a[j], sigma * deviations[j]);
        }
    }

    /// m_j and a_j, for σ √c_jj.
    fn corrected(&self, t: &Thresholds, m: f64, a: f64, unscaled: f64) -> (f64, f64) {
        let s = unscaled * a;
        if m <= t.first || m > t.last {
            let nearest = if m <= t.first { t.first } else { t.last };
            // Not `clamp`, which panics where s is no number.
            let most = quantile(self.alpha) * s;
            return (nearest + (m - nearest).max(-most).min(most), a);
        }
        let least = self.alpha / 2.0;
        let low = t.first + t.apart * (((m - t.first) / t.apart).ceil() - 1.0).max(0.0);
        let up = low + t.apart;
        let (p_low, p_up) = (tail((m - low) / s), tail((up - m) / s));
        if p_low >= least && p_up >= least {
            return (m, a);
        }
        let (raised_low, raised_up) = (p_low.max(least), p_up.max(least));
        let sum = raised_low + raised_up + (1.0 - p_low - p_up);
        let back = (1.0 - sum) / (sum - 3.0 * least);
        let q_low = quantile(raised_low + back * (raised_low - least));
        let q_up = quantile(raised_up + back * (raised_up - least));
        ((low * q_up + up * q_low) / (q_low + q_up), t.apart / (unscaled * (q_low + q_up)))
    }

    /// Is this coordinate real, and does it matter?
    pub(super) fn is_real(&self, coordinate: usize) -> bool {
        !self.fixed[coordinate] && self.thresholds.binary_search_by_key(&coordinate, |t| t.coordinate).is_err()
    }

    /// Has this coordinate one value only?
    pub(super) fn is_fixed(&self, coordinate: usize) -> bool {
        self.fixed[coordinate]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::Leaf;

    #[test]
    fn every_discrete_coordinate_keeps_its_probability_to_change() {
        let leaves = vec![Leaf::real("x", [1]), Leaf::integer("n", [2], -3, 7), Leaf::bool("on", [1])];
        let space = Space::new(leaves).unwrap();
        let margin = Margin::new(&space, 5);
        assert_eq!(margin.alpha, 0.05);
        assert!(margin.is_real(0) && !margin.is_real(1) && !margin.is_real(3));
        for t in &margin.thresholds {
            for place in [-2.0, -0.3, 0.0, 0.2, 0.5, 0.77, 1.0, 1.4] {
                for s in [1e-9, 1e-3, 0.1, 3.0] {
                    let m = t.first + place * (t.last - t.first + t.apart);
                    let (m, a) = margin.corrected(t, m, 1.0, s);
                    let down = if m > t.first {
                        t.first + t.apart * (((m - t.first) / t.apart).ceil() - 1.0)
                    } else {
                        f64::NEG_INFINITY
                    };
                    let up = if m > t.first { down + t.apart } else { t.first };
                    let up = if m > t.last { f64::INFINITY } else { up };
                    let leaves = tail((m - down) / (a * s)) + tail((up - m) / (a * s));
                    assert!(leaves > 0.05 * (1.0 - 1e-6), "{leaves} at {m} with {}", a * s);
                }
            }
        }
    }
}
