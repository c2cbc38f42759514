//! Slopes along random directions, in a unit of their own, and the gradient they amount to.
//!
//! ```text
//! s_k = (f(x + c z_k) − f(x − c z_k)) / (2 c)         the slope along z_k
//! U   = median |s_k| over the pairs of the first step, at least `calibration` of them
//! ŝ_k = min(max(s_k / U, −clip), clip)
//! ĝ   = mean of ŝ_k z_k over the pairs that did not fail
//! ```
//!
//! With U, the elements of ĝ begin near ±1, and a learning rate is the length of the first step in every search coordinate, whatever the
//! unit of the loss (Spall 1998, doi:10.1109/7.705889, section III.B: choose the gain so that the first steps have a wanted size).
//! With clip, a step is never much longer than the first ones were, however steep the place that was come to. Should the slopes of a step be
//! 1e-12 of those of the step before, that one was no measure (a simulator that blew up), and U is taken anew. Slopes that become small step
//! by step are what a search is for, and U stays. A slope of 1e12 U is none either, and its pair counts as one that failed: clipped it would
//! still be the largest of all, and an update rule that divides by the sizes of gradients would hardly move for a thousand steps.

use moths_core::{Key, Result, Sampler, Space, noise::Gradient, persist, rng::Seed};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What slopes are measured in: how many pairs of the first step say it, or `"paper"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Calibration {
    /// The median over at least so many pairs of the first step; 0: the unit of the loss.
    Pairs(#[schemars(range(min = 0, max = 1_000_000))] usize),
    /// As a method's paper has it.
    Named(NamedCalibration),
}

/// The calibrations that have names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NamedCalibration {
    /// None, and no clipping: slopes are what they are, in the unit of the loss, and gains are as given.
    Paper,
}

impl Calibration {
    /// As a method's paper has it.
    pub const PAPER: Self = Self::Named(NamedCalibration::Paper);

    /// The unit of slopes that are to be kept within `clip` of it.
    pub(crate) fn unit(self, clip: f64) -> Unit {
        match self {
            Self::Pairs(pairs) => Unit::new(pairs, clip),
            Self::Named(NamedCalibration::Paper) => Unit::new(0, 0.0),
        }
    }
}

impl From<usize> for Calibration {
    fn from(pairs: usize) -> Self {
        Self::Pairs(pairs)
    }
}

/// The unit of slopes.
pub(crate) struct Unit {
    /// 0 until it is known.
    value: f64,
    /// The median |s| of the last step that had one.
    last: f64,
    calibration: usize,
    clip: f64,
}

impl Unit {
    /// `calibration`: pairs it is taken from, 0 for the unit of the loss itself; `clip`: the steepest slope in this unit, 0 for any.
    pub(crate) fn new(calibration: usize, clip: f64) -> Self {
        Self { value: if calibration == 0 { 1.0 } else { 0.0 }, last: 0.0, calibration, clip }
    }

    /// How many pairs a step takes that needs `pairs`.
    pub(crate) fn pairs(&self, pairs: usize) -> usize {
        if self.is_known() { pairs } else { pairs.max(self.calibration) }
    }

    pub(crate) fn is_known(&self) -> bool {
        self.value > 0.0
    }

    /// What a slope is divided by; 0 until it is known.
    pub(crate) fn value(&self) -> f64 {
        self.value
    }

    /// The unit after these slopes were seen. Nothing can be said of a flat start, or of one where all failed: the next step calibrates.
    pub(crate) fn after(&self, slopes: &[f64]) -> Self {
        let median = median(slopes);
        if self.calibration == 0 || median == 0.0 {
            return Self { ..*self };
        }
        let measures = self.is_known() && median >= 1e-12 * self.last;
        Self { value: if measures { self.value } else { median }, last: median, ..*self }
    }

    /// ŝ; NaN for slopes that failed, for what is 1e12 of them, and for all while there is no unit.
    pub(crate) fn of(&self, slope: f64) -> f64 {
        if slope.is_nan() || !self.is_known() {
            return f64::NAN;
        }
        let slope = slope / self.value;
        if self.calibration > 0 && slope.abs() > 1e12 {
            return f64::NAN;
        }
        if self.clip > 0.0 { slope.clamp(-self.clip, self.clip) } else { slope }
    }
}

persist!(Unit { value, last });

/// s_k of antithetic pairs of losses; NaN for a pair with a candidate that failed.
pub(crate) fn of_pairs(losses: &[f64], c: f64) -> Vec<f64> {
    let slope = |pair: &[f64]| match pair {
        [up, down] if up.is_finite() && down.is_finite() => (up - down) / (2.0 * c),
        _ => f64::NAN,
    };
    losses.chunks(2).map(slope).collect()
}

/// (f_k − f_0) / c of the losses f_0, f_1, ..; NaN where one of the two failed.
pub(crate) fn one_sided(losses: &[f64], c: f64) -> Vec<f64> {
    let (before, after) = losses.split_first().unwrap_or((&f64::INFINITY, &[]));
    let slope = |after: &f64| if before.is_finite() && after.is_finite() { (after - before) / c } else { f64::NAN };
    after.iter().map(slope).collect()
}

/// factor · the mean of ŝ_k z_k over those that are finite, as weights of the members k of `key`; empty when none is.
pub(crate) fn terms(slopes: &[f64], unit: &Unit, key: Key, factor: f64) -> Vec<(Seed, f64)> {
    let shaped = slopes.iter().enumerate().map(|(k, slope)| (key.member(k as u64), unit.of(*slope)));
    let valid: Vec<(Seed, f64)> = shaped.filter(|(_, slope)| slope.is_finite()).collect();
    valid.iter().map(|(seed, slope)| (*seed, factor * slope / valid.len() as f64)).collect()
}

/// Σ weight · z \[d\]; `None` without terms.
pub(crate) fn sum(terms: Vec<(Seed, f64)>, sampler: Sampler, space: &Space) -> Result<Option<Gradient>> {
    if terms.is_empty() {
        return Ok(None);
    }
    Gradient::drawn(sampler.over(space), terms, space).map(Some)
}

/// The median of all |s| that are finite; 0 when none is.
fn median(slopes: &[f64]) -> f64 {
    let mut sizes: Vec<f64> = slopes.iter().map(|s| s.abs()).filter(|s| s.is_finite()).collect();
    sizes.sort_unstable_by(f64::total_cmp);
    sizes.get(sizes.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_is_the_median_of_the_first_slopes_and_limits_later_ones() {
        let unit = Unit::new(3, 2.0);
        assert!((unit.pairs(1), unit.pairs(5)) == (3, 5) && unit.of(1.0).is_nan());
        assert!(!unit.after(&[0.0, f64::NAN, f64::INFINITY]).is_known());
        let unit = unit.after(&[1.0, f64::NAN, -4.0, 8.0]);
        assert!(unit.pairs(1) == 1 && unit.of(2.0) == 0.5 && unit.of(-7.0e11) == -2.0 && unit.of(f64::NEG_INFINITY).is_nan());
        assert_eq!(unit.after(&[1e-3]).of(-4.0), -1.0);
        assert_eq!(Unit::new(0, 0.0).after(&[8.0]).of(7.0), 7.0);
    }

    /// A first step that blew up is told from a search that has come near its end.
    #[test]
    fn the_unit_is_taken_anew_only_where_slopes_fall_at_once() {
        let blown_up = Unit::new(1, 0.0).after(&[1e20]);
        assert_eq!(blown_up.after(&[1e-12]).of(1e-12), 1.0);
        let converging = Unit::new(1, 0.0).after(&[1.0]).after(&[1e-3]);
        assert_eq!(converging.after(&[1e-12]).of(1e-13), 1e-13);
    }

    #[test]
    fn a_pair_with_a_failed_candidate_has_no_slope() {
        let slopes = of_pairs(&[2.0, 1.0, f64::INFINITY, 1.0], 0.25);
        assert!(slopes[0] == 2.0 && slopes[1].is_nan());
        let terms = terms(&slopes, &Unit::new(0, 0.0), Key::new(1), 1.0);
        assert_eq!(terms, [(Key::new(1).member(0), 2.0)]);
    }
}
