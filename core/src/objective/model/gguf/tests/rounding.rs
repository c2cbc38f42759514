use half::f16;

use super::super::change::uniform;
use super::super::rounding::{by_chance, integer_by_chance, nearest};
use crate::Key;

/// A step of 1e-4 of a factor is lost by rounding to the nearest, and made in the mean by chance.
#[test]
fn small_steps_are_made_in_the_mean() {
    let (n, by) = (100_000, 1.0001f32);
    for d in [0.0123f32, -3.7, 6.1e-5, 3e-6].map(|d| f16::from_f32(d).to_f32()) {
        assert_eq!(nearest(d * by).to_f32(), d);
        let mean = uniform(Key::new(1), 0, n).iter().map(|u| f64::from(by_chance(d * by, *u).to_f32())).sum::<f64>() / n as f64;
        let (step, one) = (f64::from(d) * 1e-4, f64::from(d.abs()) / 1024.0);
        assert!((mean - f64::from(d) - step).abs() < 4.0 * one.max(6e-8) / (n as f64).sqrt(), "{d}: {mean}");
    }
}

#[test]
fn what_is_an_f16_stays_and_what_is_too_large_ends() {
    for bits in (0..0x7c00u16).flat_map(|b| [b, b | 0x8000]) {
        let x = f16::from_bits(bits);
        assert_eq!(by_chance(x.to_f32(), 0.0).to_bits(), bits);
        assert_eq!(by_chance(x.to_f32(), 0.999_999).to_bits(), bits);
    }
    assert_eq!((by_chance(1e9, 0.0), nearest(-1e9)), (f16::MAX, f16::MIN));
    assert!(nearest(f32::NAN).is_nan() && by_chance(f32::NAN, 0.5).is_nan());
}

#[test]
fn integers_by_chance_are_mirrored_and_right_in_the_mean() {
    let n = 100_000;
    for x in [0.3f32, 1.75, 2.0, 0.0] {
        let drawn: Vec<i32> = uniform(Key::new(2), 0, n).iter().map(|u| integer_by_chance(x, *u)).collect();
        let mirrored: Vec<i32> = uniform(Key::new(2), 0, n).iter().map(|u| -integer_by_chance(-x, *u)).collect();
        assert_eq!(drawn, mirrored);
        let mean = drawn.iter().map(|i| f64::from(*i)).sum::<f64>() / n as f64;
        assert!((mean - f64::from(x)).abs() < 0.006, "{x}: {mean}");
        assert!(drawn.iter().all(|i| (*i as f32 - x).abs() < 1.0));
    }
}
