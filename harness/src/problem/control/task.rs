//! What a simulated machine is to a policy.

use moths::rng::Stream;

/// A machine in a certain state.
pub(super) trait Task: Send + Sync + Sized + 'static {
    /// Its name.
    const NAME: &'static str;
    /// One sentence.
    const SUMMARY: &'static str;
    /// Where it comes from.
    const CITATION: &'static str;
    /// Numbers that are observed.
    const INPUTS: usize;
    /// Numbers that say what to do.
    const OUTPUTS: usize;
    /// An episode has no more steps.
    const STEPS: usize;
    /// What it means when an episode has less, where it can.
    const ENDING: Option<Ending>;
    /// The highest mean return there is, where it is known.
    const HIGHEST: Option<f64>;
    /// Episodes that a candidate plays.
    const EPISODES: usize;
    /// The budget of a run that names none.
    const EVALUATIONS: u64;

    /// An initial state.
    fn start(draws: &mut Stream) -> Self;

    /// What a policy sees, each number of the order of 1.
    fn observe(&self) -> impl AsRef<[f64]>;

    /// One step of time under what these outputs of a policy say.
    fn step(&mut self, outputs: &[f64]) -> Step;
}

/// What a step brought.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Step {
    pub(super) reward: f64,
    /// Does the episode end here?
    pub(super) ends: bool,
}

/// What an episode was that ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The goal was reached.
    Success,
    /// The machine was lost.
    Failure,
}

/// The index of the highest output, the first of several.
pub(super) fn choice(outputs: &[f64]) -> usize {
    outputs.iter().enumerate().fold(0, |best, (i, output)| if *output > outputs[best] { i } else { best })
}

/// An angle in radians as one from −π to π.
pub(super) fn wrapped(angle: f64) -> f64 {
    use std::f64::consts::{PI, TAU};
    if (-PI..=PI).contains(&angle) { angle } else { (angle + PI).rem_euclid(TAU) - PI }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::*;

    #[test]
    fn the_highest_output_is_chosen() {
        assert_eq!([choice(&[0.0, 0.0]), choice(&[-2.0, -1.0, -3.0]), choice(&[1.0, 2.0, 5.0])], [0, 1, 2]);
    }

    #[test]
    fn angles_are_wrapped() {
        assert_eq!([wrapped(3.0), wrapped(-PI), wrapped(PI)], [3.0, -PI, PI]);
        for (angle, same) in [(3.5, 3.5 - 2.0 * PI), (-3.5, 2.0 * PI - 3.5), (20.0, 20.0 - 6.0 * PI), (-50.0, 16.0 * PI - 50.0)] {
            assert!((wrapped(angle) - same).abs() < 1e-12, "{angle}: {}", wrapped(angle));
        }
        assert!(wrapped(f64::NAN).is_nan() && wrapped(f64::INFINITY).is_nan());
    }
}
