//! Probabilities of the standard normal distribution.

/// 1 − Φ(x).
pub(crate) fn tail(x: f64) -> f64 {
    0.5 * libm::erfc(x * std::f64::consts::FRAC_1_SQRT_2)
}

/// Φ(to) − Φ(from), to full precision on both sides of zero.
pub(crate) fn mass(from: f64, to: f64) -> f64 {
    if from < -9.0 && to > 9.0 {
        // But for less than an f64 holds.
        1.0
    } else if from > 0.0 {
        tail(from) - tail(to)
    } else if to < 0.0 {
        tail(-to) - tail(-from)
    } else {
        1.0 - tail(-from) - tail(to)
    }
}

/// Φ⁻¹(1 − p) for 0 < p ≤ ½: Newton's steps for ln(1 − Φ(x)) = ln p, which is concave, so that all but the first come from the right.
pub(crate) fn quantile(p: f64) -> f64 {
    let (mut x, goal) = (0.0, libm::log(p));
    for _ in 0..50 {
        let (mass, density) = (tail(x), libm::exp(-0.5 * x * x) / (2.0 * std::f64::consts::PI).sqrt());
        let step = (libm::log(mass) - goal) * mass / density;
        x += step;
        if step.abs() <= 1e-14 * x.abs() {
            break;
        }
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_tables() {
        for (p, x) in [(0.5, 0.0), (0.25, 0.674_489_750_196_081_7), (0.025, 1.959_963_984_540_054), (1e-6, 4.753_424_308_822_899)]
        {
            assert!((quantile(p) - x).abs() < 1e-12, "{p}");
        }
    }

    #[test]
    fn masses_keep_their_digits_far_from_zero() {
        for (from, to, expected) in [(-1.0, 1.0, 0.682_689_492_137_086), (8.0, 9.0, 6.219_831e-16), (-9.0, -8.0, 6.219_831e-16)] {
            assert!((mass(from, to) / expected - 1.0).abs() < 1e-6, "{from} to {to}: {}", mass(from, to));
        }
        assert_eq!(mass(f64::NEG_INFINITY, f64::INFINITY), 1.0);
    }
}
