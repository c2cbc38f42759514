//! Who becomes a parent.

use moths_core::rng::Stream;
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::GeneticConfig;

/// How parents are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    /// The best of some at random.
    Tournament,
    /// Any of the best.
    Truncation,
    /// In proportion to how much better than the worst.
    Roulette,
    /// By rank, linearly.
    Rank,
}

/// A population to choose from.
pub(super) struct Pool<'a> {
    config: &'a GeneticConfig,
    order: &'a [usize],
    /// The probability of being before this place of the order.
    cumulative: Vec<f64>,
}

impl<'a> Pool<'a> {
    pub(super) fn new(config: &'a GeneticConfig, order: &'a [usize], loss: &[f64]) -> Self {
        let shares = match config.selection {
            Selection::Tournament | Selection::Truncation => vec![],
            Selection::Roulette => gains(order, loss),
            Selection::Rank => {
                let last = (order.len().max(2) - 1) as f64;
                (0..order.len()).map(|i| config.pressure - 2.0 * (config.pressure - 1.0) * i as f64 / last).collect()
            }
        };
        let sum: f64 = shares.iter().sum();
        let mut before = 0.0;
        let cumulative = shares.iter().map(|share| {
            before += share / sum;
            before
        });
        Self { config, order, cumulative: cumulative.collect() }
    }

    /// One parent.
    pub(super) fn parent(&self, stream: &mut Stream) -> usize {
        let n = self.order.len();
        let place = match self.config.selection {
            Selection::Tournament => (0..self.config.tournament).map(|_| stream.random_range(0..n)).min().unwrap_or(0),
            Selection::Truncation => stream.random_range(0..((self.config.truncation * n as f64).ceil() as usize).clamp(1, n)),
            Selection::Roulette | Selection::Rank => {
                let u: f64 = stream.random();
                self.cumulative.partition_point(|before| *before <= u).min(n - 1)
            }
        };
        self.order[place]
    }
}

/// How much better than the worst that did not fail; all alike where there is no difference.
fn gains(order: &[usize], loss: &[f64]) -> Vec<f64> {
    let valid: Vec<f64> = order.iter().map(|&i| loss[i]).take_while(|loss| loss.is_finite()).collect();
    let (Some(best), Some(worst)) = (valid.first(), valid.last()) else { return vec![1.0; order.len()] };
    // Halved, so that no difference overflows.
    let range = 0.5 * worst - 0.5 * best;
    let gain = |i: &usize| match loss[*i].is_finite() {
        true if range > 0.0 => (0.5 * worst - 0.5 * loss[*i]) / range,
        valid => f64::from(u8::from(valid)),
    };
    order.iter().map(gain).collect()
}
