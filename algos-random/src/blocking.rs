//! Blocking: a step that raises the loss by more than noise would is refused.
//!
//! ```text
//! x' is refused when f(x') > f̄ + b σ, or x' failed;  σ: the deviation of the last ten f̄
//! ```
//!
//! f̄ is the mean loss of the step's candidates, which stands for f(x) on the same data. Source: Spall 1998, doi:10.1109/7.705889,
//! section III.B.

use std::ops::Bound;

use moths_core::{
    Result,
    persist::{Fields, Persist, Ranged},
};

/// How many f̄ the deviation is taken of.
const RECENT: usize = 10;

/// What refuses steps; with a tolerance b of 0 nothing is refused, and nothing kept.
#[derive(Clone)]
pub(crate) struct Blocking {
    tolerance: f64,
    /// f̄ of the last steps, the latest last.
    recent: Vec<f64>,
}

impl Blocking {
    pub(crate) fn new(tolerance: f64) -> Self {
        Self { tolerance, recent: vec![] }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.tolerance > 0.0
    }

    /// Is this loss, after a step whose candidates had the losses `around`, too high?
    pub(crate) fn refuses(&self, after: f64, around: &[f64]) -> bool {
        after > mean(around) + self.tolerance * deviation(&self.recent)
    }

    /// The step whose candidates had these losses is committed.
    pub(crate) fn remember(&mut self, around: &[f64]) {
        let mean = mean(around);
        if self.is_on() && mean.is_finite() {
            let forgotten = (self.recent.len() + 1).saturating_sub(RECENT);
            self.recent.drain(..forgotten);
            self.recent.push(mean);
        }
    }
}

/// The losses are all there is to save.
impl Persist for Blocking {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        self.recent.visit_within(fields, (Bound::Included(0), Bound::Included(if self.is_on() { RECENT } else { 0 })))
    }
}

/// The mean of those that did not fail; +∞ when all did.
fn mean(losses: &[f64]) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    losses.iter().filter(|loss| loss.is_finite()).for_each(|loss| (sum, count) = (sum + loss, count + 1.0));
    if count > 0.0 { sum / count } else { f64::INFINITY }
}

/// The standard deviation; 0 of fewer than two.
fn deviation(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let centre = mean(values);
    let squares: f64 = values.iter().map(|v| (v - centre) * (v - centre)).sum();
    (squares / (values.len() - 1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_rises_by_more_than_its_deviations() {
        let mut blocking = Blocking::new(2.0);
        assert!(blocking.is_on() && !blocking.refuses(3.0, &[2.0, 4.0]) && blocking.refuses(3.1, &[2.0, 4.0, f64::INFINITY]));
        for mean in [1.0, 2.0, 3.0] {
            blocking.remember(&[mean - 0.5, mean + 0.5]);
            blocking.remember(&[f64::INFINITY]);
        }
        // The deviation is 1.
        assert!(!blocking.refuses(4.9, &[3.0]) && blocking.refuses(5.1, &[3.0]) && blocking.refuses(f64::INFINITY, &[3.0]));
        (0..20).for_each(|_| blocking.remember(&[7.0]));
        assert!(blocking.recent.len() == RECENT && blocking.refuses(7.1, &[7.0]));
    }
}
