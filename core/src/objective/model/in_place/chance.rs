//! Halves that are rounded by chance, so that small steps are not lost.

use crate::{
    objective::model::number::Number,
    rng::{Element, Key},
};

/// To one of the two nearest numbers, the more likely the nearer: what is less than half of their distance is not lost, but taken so much less often. What happens
/// to element `at + i` is a function of the key and its place.
pub(super) fn round_by_chance<T: Number>(wide: &[f32], at: usize, key: Key, weights: &mut [T]) {
    const LANES: usize = crate::rng::BLOCK;
    let (mut chance, mut near, mut back) = ([[0.0f32; LANES]; 1], [T::default(); LANES], [0.0; LANES]);
    for (k, (wide, weights)) in wide.chunks(LANES).zip(weights.chunks_mut(LANES)).enumerate() {
        f32::uniform(key, (at / LANES + k) as u64, &mut chance);
        let (near, back) = (&mut near[..wide.len()], &mut back[..wide.len()]);
        T::narrow(wide, near);
        T::widen(near, back);
        for (i, weight) in weights.iter_mut().enumerate() {
            *weight = chosen(wide[i], near[i], back[i], chance[0][i]);
        }
    }
}

fn chosen<T: Number>(x: f32, near: T, at: f32, chance: f32) -> T {
    if x == at {
        return near;
    }
    // Zero has two places: the step goes on from the one on the side of x.
    let place = if at == 0.0 { T::narrowed(if x > 0.0 { 0.0 } else { -0.0 }).place() } else { near.place() };
    let other = T::at_place(if x > at { place + 1 } else { place - 1 });
    let there = other.widened();
    if there.is_finite() && chance < (x - at) / (there - at) { other } else { near }
}
