//! What the losses of a step are turned into before they weigh perturbations.

use moths_core::{objective::Losses, optimizer::shaping};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the losses of a step are turned into before they weigh perturbations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shaping {
    /// Centred ranks in [−½, ½].
    #[default]
    Ranks,
    /// The losses, less their mean, divided by their standard deviation; all 0 where they are equal.
    ZScores,
    /// The losses themselves.
    Raw,
}

impl Shaping {
    /// u: one value a candidate, not finite for those that count for nothing.
    pub(crate) fn of(self, losses: &Losses) -> Vec<f64> {
        match self {
            Self::Raw => losses.to_vec(),
            Self::ZScores => z_scores(losses),
            Self::Ranks if losses.all_failed() => vec![f64::NAN; losses.len()],
            Self::Ranks => shaping::centred_ranks(losses),
        }
    }
}

/// (f − f̄) / s over the candidates that did not fail, with s² the mean of (f − f̄)²; not finite for the others.
fn z_scores(losses: &[f64]) -> Vec<f64> {
    let (mean, deviation) = mean_and_deviation(losses.iter().copied().filter(|loss| loss.is_finite()));
    let usable = deviation > 0.0 && deviation.is_finite();
    let score = |loss: &f64| match loss.is_finite() {
        true if usable => (loss - mean) / deviation,
        true => 0.0,
        false => f64::NAN,
    };
    losses.iter().map(score).collect()
}

/// The mean, and the root of the mean squared distance from it; 0 and 0 of nothing.
pub(crate) fn mean_and_deviation(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = values.clone().count().max(1) as f64;
    let mean = values.clone().sum::<f64>() / count;
    (mean, (values.map(|v| (v - mean) * (v - mean)).sum::<f64>() / count).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn z_scores_have_mean_0_and_deviation_1_and_leave_failures_out() {
        let scores = z_scores(&[1.0, 3.0, f64::INFINITY, 5.0, 3.0]);
        let expected = [-2f64.sqrt(), 0.0, f64::NAN, 2f64.sqrt(), 0.0];
        assert!(scores.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15 || a.is_nan() && b.is_nan()), "{scores:?}");
        assert_eq!(z_scores(&[2.0, 2.0]), [0.0, 0.0]);
        assert_eq!(z_scores(&[1e200, -1e200]), [0.0, 0.0]);
        assert!(z_scores(&[f64::INFINITY; 2]).iter().all(|u| u.is_nan()));
    }
}
