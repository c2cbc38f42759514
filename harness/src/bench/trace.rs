//! How the lowest loss of a run fell: a staircase, exact where it is looked at.

use std::time::{Duration, Instant};

use candle_core::Tensor;
use moths::{Batch, CowTensor, Objective, Result, Space, objective::Outputs};
use serde::{Deserialize, Serialize};

/// Steps of a staircase: (evaluation, lowest gap since the first), evaluations counted from 1.
///
/// Every step down over a power of 10^(1/10) is there at the very evaluation where it happened, and so is the last improvement
/// before every [mark](marks) of the number of evaluations, and the last of all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Trace(Vec<(u64, f64)>);

impl Trace {
    /// The steps, from the first to the lowest.
    pub fn steps(&self) -> &[(u64, f64)] {
        &self.0
    }

    /// The evaluation at which the gap was first as low as this; exact for powers of 10^(1/10).
    pub fn reached(&self, gap: f64) -> Option<u64> {
        self.0.get(self.0.partition_point(|(_, lowest)| *lowest > gap)).map(|(evaluation, _)| *evaluation)
    }

    /// The lowest gap after so many evaluations; +∞ before the first. Exact at [marks] and at the end.
    pub fn at(&self, evaluations: u64) -> f64 {
        let after = self.0.partition_point(|(evaluation, _)| *evaluation <= evaluations);
        after.checked_sub(1).map_or(f64::INFINITY, |i| self.0[i].1)
    }

    /// The lowest gap of all; +∞ if no candidate had one.
    pub fn lowest(&self) -> f64 {
        self.0.last().map_or(f64::INFINITY, |(_, gap)| *gap)
    }
}

impl FromIterator<(u64, f64)> for Trace {
    fn from_iter<I: IntoIterator<Item = (u64, f64)>>(steps: I) -> Self {
        Self(steps.into_iter().collect())
    }
}

/// The numbers of evaluations at which traces are exact: ⌊10^(k/20)⌋, as in COCO.
pub fn marks() -> impl Iterator<Item = u64> {
    (0..=380).map(mark).scan(0, |last, mark| Some((mark > std::mem::replace(last, mark)).then_some(mark))).flatten()
}

fn mark(k: u32) -> u64 {
    10f64.powf(f64::from(k) / 20.0).floor() as u64
}

/// Writes down what an objective gives.
pub(super) struct Recorder<O> {
    inner: O,
    minimum: f64,
    seen: u64,
    /// The lowest gap and when it was seen.
    best: (u64, f64),
    /// The best is in the trace.
    written: bool,
    /// A gap as low as this is a step of the trace.
    due_below: f64,
    next_mark: u32,
    due_at: u64,
    trace: Trace,
    spent: Duration,
}

impl<O: Objective> Recorder<O> {
    /// Gaps are counted from `minimum`.
    pub(super) fn new(inner: O, minimum: f64) -> Self {
        Self {
            inner,
            minimum,
            seen: 0,
            best: (0, f64::INFINITY),
            written: true,
            due_below: f64::INFINITY,
            next_mark: 0,
            due_at: 1,
            trace: Trace::default(),
            spent: Duration::ZERO,
        }
    }

    /// The staircase, and the seconds spent inside.
    pub(super) fn finish(mut self) -> (Trace, f64) {
        self.write();
        (self.trace, self.spent.as_secs_f64())
    }

    fn see(&mut self, loss: f64) {
        self.seen += 1;
        let gap = loss - self.minimum;
        if gap.is_finite() && gap < self.best.1 {
            (self.best, self.written) = ((self.seen, gap), false);
            if gap <= self.due_below {
                self.write();
                self.due_below = power_below(gap);
            }
        }
        if self.seen >= self.due_at {
            self.write();
            while self.seen >= self.due_at {
                self.next_mark += 1;
                self.due_at = mark(self.next_mark);
            }
        }
    }

    fn write(&mut self) {
        if !self.written {
            self.trace.0.push(self.best);
            self.written = true;
        }
    }
}

/// The largest power of 10^(1/10) that is lower than `gap`; none at or below 1e-12, where only rounding is left.
pub(super) fn power_below(gap: f64) -> f64 {
    if gap <= 1e-12 {
        return f64::NEG_INFINITY;
    }
    let mut tenths = (10.0 * gap.log10()).ceil();
    while power(tenths) >= gap {
        tenths -= 1.0;
    }
    power(tenths)
}

/// 10^(tenths/10), the same bits for everyone who asks.
pub fn power(tenths: f64) -> f64 {
    10f64.powf(tenths / 10.0)
}

impl<O: Objective> Objective for Recorder<O> {
    fn space(&self) -> &Space {
        self.inner.space()
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        let began = Instant::now();
        let losses = self.inner.evaluate(batch)?;
        self.spent += began.elapsed();
        losses.iter().for_each(|loss| self.see(*loss));
        Ok(losses)
    }

    fn stochastic(&self) -> bool {
        self.inner.stochastic()
    }

    fn refresh(&mut self) -> Result<()> {
        let began = Instant::now();
        self.inner.refresh()?;
        self.spent += began.elapsed();
        Ok(())
    }

    fn skip(&mut self, steps: u64) -> Result<()> {
        self.inner.skip(steps)
    }

    fn shows_outputs(&self) -> bool {
        self.inner.shows_outputs()
    }

    fn outputs(&mut self, batch: &Batch) -> Result<Option<Outputs>> {
        let began = Instant::now();
        let outputs = self.inner.outputs(batch)?;
        self.spent += began.elapsed();
        outputs.iter().flat_map(|outputs| outputs.losses.to_vec()).for_each(|loss| self.see(loss));
        Ok(outputs)
    }

    fn gradient(&mut self, at: &CowTensor) -> Result<Option<(f64, Tensor)>> {
        let began = Instant::now();
        let gradient = self.inner.gradient(at)?;
        self.spent += began.elapsed();
        gradient.iter().for_each(|(loss, _)| self.see(*loss));
        Ok(gradient)
    }
}

#[cfg(test)]
mod tests {
    use moths::Function;

    use super::*;

    fn recorded(gaps: &[f64]) -> Trace {
        let space = Space::real(1).expect("a line");
        let mut recorder = Recorder::new(Function::new(space, |_| 0.0), 2.0);
        gaps.iter().for_each(|gap| recorder.see(gap + 2.0));
        recorder.finish().0
    }

    #[test]
    fn steps_over_powers_are_exact() {
        // A slow fall: nearly every evaluation is an improvement, few of them cross a power.
        let gaps: Vec<f64> = (0..5000).map(|i| 100.0 * (-f64::from(i) * 0.002).exp()).collect();
        let trace = recorded(&gaps);
        assert!(trace.steps().len() < 250, "{}", trace.steps().len());
        for tenths in -20..=20 {
            let power = power(f64::from(tenths));
            let first = gaps.iter().position(|gap| (gap + 2.0) - 2.0 <= power).map(|i| i as u64 + 1);
            assert_eq!(trace.reached(power), first, "{tenths}");
        }
        for mark in marks().take_while(|mark| *mark <= 5000) {
            assert_eq!(trace.at(mark), gaps[mark as usize - 1] + 2.0 - 2.0, "{mark}");
        }
        assert_eq!((trace.lowest(), trace.at(0)), (gaps[4999] + 2.0 - 2.0, f64::INFINITY));
    }

    #[test]
    fn what_is_no_number_is_no_step() {
        assert_eq!(recorded(&[f64::NAN, f64::INFINITY]).steps(), []);
        assert_eq!(recorded(&[f64::NAN, 1.0, f64::NAN, 3.0, 0.0]).steps(), [(2, 1.0), (5, 0.0)]);
        assert_eq!(recorded(&[1e-14, 0.0, -1.0]).steps().last(), Some(&(3, -1.0)));
    }

    #[test]
    fn marks_are_those_of_coco() {
        assert_eq!(marks().take(12).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 14]);
    }
}
