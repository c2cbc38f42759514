//! The functions that a formula may call, beside those of the system.

/// Largest error of `ours` in units in the last place of the exact value, rounded to `T`.
macro_rules! worst {
    ($float:ident, $ours:path, $exact:expr, $points:expr) => {
        $points
            .map(|x: $float| {
                let (ours, exact) = ($ours(x), ($exact)(x as f64) as $float);
                let apart = (ours.to_bits() as i64 - exact.to_bits() as i64).unsigned_abs();
                if ours == exact { 0 } else { apart }
            })
            .max()
    };
}

#[test]
fn elementary_functions_are_accurate() {
    use crate::rng::math::*;
    let grid = |low: f64, high: f64| (0..=40_000).map(move |k| low + (high - low) * k as f64 / 40_000.0);
    let grid32 = |low, high| grid(low, high).map(|x| x as f32);
    assert!(worst!(f32, exp_f32, f64::exp, grid32(-87.0, 88.7)) <= Some(2));
    assert!(worst!(f64, exp_f64, f64::exp, grid(-708.0, 709.7)) <= Some(2));
    assert!(worst!(f32, ln_f32, f64::ln, grid32(1e-6, 40.0)) <= Some(2));
    assert!(worst!(f64, ln_f64, f64::ln, grid(1e-9, 40.0)) <= Some(2));
    assert!(worst!(f32, tanh_f32, f64::tanh, grid32(-12.0, 12.0)) <= Some(3));
    assert!(worst!(f64, tanh_f64, f64::tanh, grid(-24.0, 24.0)) <= Some(3));
}

#[test]
fn elementary_functions_at_the_edges() {
    macro_rules! edges {
        ($float:ident, $exp:ident, $ln:ident, $tanh:ident) => {
            use crate::rng::math::{$exp, $ln, $tanh};
            let tiny = $float::from_bits(3); // subnormal
            assert_eq!([$exp(0.0), $exp($float::INFINITY), $exp($float::NEG_INFINITY)], [1.0, $float::INFINITY, 0.0]);
            assert_eq!([$ln(1.0), $ln(0.0), $ln($float::INFINITY)], [0.0, $float::NEG_INFINITY, $float::INFINITY]);
            assert_eq!([$tanh($float::INFINITY), $tanh($float::NEG_INFINITY), $tanh(0.0)], [1.0, -1.0, 0.0]);
            assert!(($ln(tiny) / tiny.ln() - 1.0).abs() < 1e-6 && ($exp($ln(tiny)) / tiny - 1.0).abs() < 0.5);
            assert!($exp($float::NAN).is_nan() && $ln($float::NAN).is_nan() && $tanh($float::NAN).is_nan() && $ln(-1.0).is_nan());
        };
    }
    edges!(f32, exp_f32, ln_f32, tanh_f32);
    edges!(f64, exp_f64, ln_f64, tanh_f64);
}
