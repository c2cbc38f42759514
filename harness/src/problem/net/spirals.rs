//! Two spirals that wind around each other three times.

use std::f64::consts::PI;

use super::{
    classification::Classification,
    examples::{Examples, Share},
    mlp::{Activation, Mlp},
    training::{Defaults, Training},
};
use crate::{
    Result,
    problem::{Has, Options},
};

/// Points of each spiral.
const POINTS: usize = 97;
/// One training point in so many is held out for validation.
const HELD_OUT: usize = 5;

/// 2-16-16-2 with tanh: 48 + 272 + 34 = 354 parameters.
const NETWORK: Mlp = Mlp { widths: &[2, 16, 16, 2], activation: Activation::Tanh };

/// Say which of the two spirals a point is on; judged by the points halfway between two training points of a spiral.
pub(super) fn spirals(options: &Options) -> Result<Training<Classification>> {
    options.only("net/spirals", &[Has::HeldOut, Has::Device])?;
    let (all, between) = (points(POINTS, 0.0), points(POINTS - 1, 0.5));
    let (judged, train) = if options.validate { all.split(HELD_OUT) } else { (between, all) };
    let defaults = Defaults { evaluations: 200_000, pairs: 32, sigma: 0.1, rate: 0.1, ..Defaults::default() };
    Classification { train, judged, share: Share::All }.training(NETWORK, defaults, options)
}

/// Points i + `ahead` of both spirals by turns: radius (104 − i) / 104 at the angle i π / 16, and its mirror image. The paper's unit is 6.5
/// times smaller; with it a network begins so far from linear that it learns the points one by one.
fn points(count: usize, ahead: f64) -> Examples {
    let point = |i: usize| {
        let i = i as f64 + ahead;
        let (radius, angle) = ((104.0 - i) / 104.0, i * PI / 16.0);
        [radius * angle.sin(), radius * angle.cos()]
    };
    let inputs = (0..count).flat_map(|i| point(i).into_iter().chain(point(i).map(|x| -x))).map(|x| x as f32).collect();
    Examples::reals(2, inputs, [1, 0].repeat(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_points_are_those_of_the_paper() -> Result<()> {
        let train = points(POINTS, 0.0);
        let (inputs, labels) = train.tensors(&[0, 1, 8 * 2, 96 * 2])?;
        assert_eq!(train.len(), 194);
        assert_eq!(labels.to_vec1::<u32>()?, [1, 0, 1, 1]);
        // The outer end, its mirror image, a quarter of a turn on, and the inner end after three turns.
        let expected = [[0.0, 6.5], [0.0, -6.5], [6.0, 0.0], [0.0, 0.5]].map(|at: [f32; 2]| at.map(|x| x / 6.5));
        for (got, expected) in inputs.to_vec2::<f32>()?.iter().zip(expected) {
            assert!(got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{got:?} {expected:?}");
        }
        assert_eq!(points(POINTS - 1, 0.5).len(), 192);
        Ok(())
    }
}
