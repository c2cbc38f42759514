//! A Parzen estimator: a mixture of products, of one kernel a coordinate around every point, and of a broad prior.
//!
//! ```text
//! p(x) = Σ_k w_k Π_j κ_j(x_j; x_kj, s_kj),   k = 1..n + 1, the last the prior: its centre the middle, its s the width W
//! w_k  ∝ 1 for the 25 newest points and the prior; of older ones from 1/n, of the oldest, rising to 1
//! s_kj = the larger gap from x_kj to a neighbour (of the outermost: to the only one), at least W_j/min(100, 2 (n + 2)), at most W_j
//! κ    real      N(x_kj, s²) truncated to the interval
//!      integers  its mass over the level's room
//!      flags     (1{x_j = x_kj} + a) / (1 + K a),  a = 1/(n + 1),  K values;  the prior 1/K
//! ```

use std::ops::Range;

use moths_core::rng::Stream;
use rand::RngExt;

use crate::{
    normal,
    values::{Levels, Values},
};

/// The newest points, which all count alike.
const NEWEST: usize = 25;
/// Kernels are no narrower than this part of the interval, however many there are.
const FINEST: f64 = 100.0;
/// Draws from a normal distribution of which a third or more fall inside.
const ATTEMPTS: usize = 100;
/// More steps than this are as good as real: their masses would be lost in rounding.
const MANY: usize = 1 << 20;
/// ln of what adds nothing to 1, whatever the number of kernels.
const NOTHING: f64 = -60.0;
/// The width of the prior of coordinates without bounds, in search coordinates: that of an interval.
const WIDTH: f64 = 4.0;

/// The mixture.
pub(super) struct Parzen {
    /// w_k, cumulated.
    cumulated: Vec<f64>,
    log_weights: Vec<f64>,
    columns: Vec<Column>,
}

/// The kernels of one coordinate.
enum Column {
    Normals { kernels: Vec<Normal>, ends: (f64, f64), levels: Option<Levels> },
    Weights { levels: Levels, chosen: Vec<Option<usize>>, extra: f64 },
    Fixed(f64),
}

struct Normal {
    mean: f64,
    deviation: f64,
    /// ln of its mass in the interval, and of its deviation where it is a density.
    log_scale: f64,
}

impl Parzen {
    /// Of these points, the oldest first; `centre`: where coordinates without bounds have their prior.
    pub(super) fn new(points: &[&[f64]], values: &[Values], centre: &[f64]) -> Self {
        let weights: Vec<f64> = weights(points.len()).into_iter().chain([1.0]).collect();
        let sum: f64 = weights.iter().sum();
        let mut reached = 0.0;
        let cumulate = |w: &f64| {
            reached += w / sum;
            reached
        };
        Self {
            cumulated: weights.iter().map(cumulate).collect(),
            log_weights: weights.iter().map(|w| libm::log(w / sum)).collect(),
            columns: values
                .iter()
                .enumerate()
                .map(|(j, values)| Column::new(*values, points.iter().map(|x| x[j]).collect(), centre[j]))
                .collect(),
        }
    }

    /// Draws these coordinates of a point, all from one kernel.
    pub(super) fn draw(&self, of: Range<usize>, stream: &mut Stream, x: &mut [f64]) {
        let u: f64 = stream.random();
        let k = self.cumulated.iter().position(|reached| u < *reached).unwrap_or(self.cumulated.len() - 1);
        x[of.clone()].iter_mut().zip(&self.columns[of]).for_each(|(x, column)| *x = column.draw(k, stream));
    }

    /// ln p of these coordinates, but for a constant; `terms` is overwritten.
    pub(super) fn log_density(&self, of: Range<usize>, x: &[f64], terms: &mut Vec<f64>) -> f64 {
        terms.clone_from(&self.log_weights);
        x[of.clone()].iter().zip(&self.columns[of]).for_each(|(x, column)| column.add(*x, terms));
        let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let near = terms.iter().map(|term| term - largest).filter(|term| *term > NOTHING);
        largest + libm::log(near.map(libm::exp).sum())
    }
}

/// w_k of so many points, the oldest first.
fn weights(n: usize) -> Vec<f64> {
    let older = n.saturating_sub(NEWEST);
    let first = 1.0 / n.max(1) as f64;
    let step = (1.0 - first) / older.saturating_sub(1).max(1) as f64;
    (0..n).map(|k| if k < older { first + step * k as f64 } else { 1.0 }).collect()
}

/// s_k of these means in an interval.
fn bandwidths(means: &[f64], (lower, upper): (f64, f64)) -> Vec<f64> {
    let (n, width) = (means.len(), upper - lower);
    let least = width / FINEST.min(2.0 * (n as f64 + 2.0));
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| means[i].total_cmp(&means[j]));
    let gap = |i: usize, j: usize| means[order[j]] - means[order[i]];
    let mut deviations = vec![0.0; n];
    for (place, &k) in order.iter().enumerate() {
        let below = place.checked_sub(1).map(|before| gap(before, place));
        let above = (place + 1 < n).then(|| gap(place, place + 1));
        let widest = match (below, above) {
            (None, None) => (means[k] - lower).max(upper - means[k]),
            (below, above) => below.unwrap_or(0.0).max(above.unwrap_or(0.0)),
        };
        deviations[k] = widest.max(least).min(width);
    }
    deviations
}

impl Column {
    fn new(values: Values, x: Vec<f64>, centre: f64) -> Self {
        match values {
            Values::Real(lower, upper) if lower.is_finite() && upper.is_finite() => {
                Self::normals(x, (lower, upper), (lower, upper), None)
            }
            Values::Real(lower, upper) => Self::normals(x, (centre - 0.5 * WIDTH, centre + 0.5 * WIDTH), (lower, upper), None),
            Values::Steps(levels) => {
                let x = x.into_iter().map(|x| levels.coordinate(levels.at(x))).collect();
                Self::normals(x, levels.interval(), levels.interval(), (levels.count <= MANY).then_some(levels))
            }
            Values::Choices(levels) => Self::Weights {
                extra: 1.0 / (x.len() as f64 + 1.0),
                chosen: x.into_iter().map(|x| Some(levels.at(x))).chain([None]).collect(),
                levels,
            },
            Values::Fixed => Self::Fixed(centre),
        }
    }

    fn normals(means: Vec<f64>, prior: (f64, f64), ends: (f64, f64), levels: Option<Levels>) -> Self {
        let deviations = bandwidths(&means, prior);
        let own = means.into_iter().zip(deviations);
        let all = own.chain([(0.5 * (prior.0 + prior.1), prior.1 - prior.0)]);
        let kernel = |(mean, deviation): (f64, f64)| {
            let mass = normal::mass((ends.0 - mean) / deviation, (ends.1 - mean) / deviation);
            let scale = if levels.is_some() { mass } else { mass * deviation };
            Normal { mean, deviation, log_scale: libm::log(scale) }
        };
        Self::Normals { kernels: all.map(kernel).collect(), ends, levels }
    }

    fn draw(&self, k: usize, stream: &mut Stream) -> f64 {
        match self {
            Self::Fixed(x) => *x,
            Self::Normals { kernels, ends, levels } => {
                let x = kernels[k].draw(*ends, stream);
                levels.map_or(x, |levels| levels.coordinate(levels.at(x)))
            }
            Self::Weights { levels, chosen, extra } => {
                let u = stream.random::<f64>() * (1.0 + extra * levels.count as f64);
                let level = chosen[k].filter(|_| u < 1.0);
                levels.coordinate(level.unwrap_or_else(|| stream.random_range(0..levels.count)))
            }
        }
    }

    /// Adds ln κ(x) of every kernel to its term.
    fn add(&self, x: f64, terms: &mut [f64]) {
        match self {
            Self::Fixed(_) => {}
            Self::Normals { kernels, levels: None, .. } => terms.iter_mut().zip(kernels).for_each(|(term, kernel)| {
                let z = (x - kernel.mean) / kernel.deviation;
                *term -= 0.5 * z * z + kernel.log_scale;
            }),
            Self::Normals { kernels, levels: Some(levels), .. } => {
                let (from, to) = (x - 0.5 * levels.unit, x + 0.5 * levels.unit);
                terms.iter_mut().zip(kernels).for_each(|(term, Normal { mean, deviation, log_scale })| {
                    let mass = normal::mass((from - mean) / deviation, (to - mean) / deviation);
                    *term += libm::log(mass.max(f64::MIN_POSITIVE)) - log_scale;
                });
            }
            Self::Weights { levels, chosen, extra } => {
                let (here, all) = (levels.at(x), 1.0 + extra * levels.count as f64);
                let (same, other) = (libm::log((1.0 + extra) / all), libm::log(extra / all));
                let none = -libm::log(levels.count as f64);
                terms.iter_mut().zip(chosen).for_each(|(term, chosen)| {
                    *term += chosen.map_or(none, |level| if level == here { same } else { other });
                });
            }
        }
    }
}

impl Normal {
    /// A number inside: drawn again until it is.
    fn draw(&self, (lower, upper): (f64, f64), stream: &mut Stream) -> f64 {
        let mut x = self.mean;
        for _ in 0..ATTEMPTS {
            x = self.mean + self.deviation * stream.normals().0;
            if (lower..=upper).contains(&x) {
                return x;
            }
        }
        x.max(lower).min(upper)
    }
}
