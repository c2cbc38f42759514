//! Numbers made into f16s and integers: to the nearest, or up and down by chance so that the mean is right.
//!
//! An f16 has eleven bits. A factor that moves by less than 1/4096 of itself is the same f16 when it is rounded to the nearest,
//! in every step again; rounded by chance it moves in so many steps of a thousand as it should.

use half::f16;

/// The nearest f16; what is too large for one is the largest.
pub(super) fn nearest(x: f32) -> f16 {
    f16::from_f32(confined(x))
}

/// One of the two f16s around x, the farther one with probability in proportion; `uniform` is in \[0, 1).
pub(super) fn by_chance(x: f32, uniform: f32) -> f16 {
    let x = confined(x);
    let nearest = f16::from_f32(x);
    // Bits without the sign are in the order of absolute values.
    let inner = if nearest.to_f32().abs() > x.abs() { f16::from_bits(nearest.to_bits() - 1) } else { nearest };
    let outer = f16::from_bits(inner.to_bits() + 1);
    let share = (x - inner.to_f32()) / (outer.to_f32() - inner.to_f32());
    if uniform < share { outer } else { inner }
}

fn confined(x: f32) -> f32 {
    x.clamp(f16::MIN.to_f32(), f16::MAX.to_f32())
}

/// One of the two integers around x, so that its mean is x; that of −x is minus that of x.
pub(super) fn integer_by_chance(x: f32, uniform: f32) -> i32 {
    let (whole, rest) = (x.abs().floor(), x.abs().fract());
    let steps = whole as i32;
    let steps = if uniform < rest { steps.saturating_add(1) } else { steps };
    if x < 0.0 { -steps } else { steps }
}
