//! When going on is pointless: the criteria that every method with losses, or with deviations, shares.
//!
//! With b_t and q_t the lowest and the median loss of generation t, which has λ candidates in d dimensions, and with s_j the deviation
//! of coordinate j and σ_0 what it was at first:
//!
//! ```text
//! equal-fun-values   all b_t of the last T = 10 + ⌈30 d/λ⌉ generations are the same (not where bounds clamp candidates)
//! tol-fun            these b_t, and all losses of the last generation, are within 10⁻¹²
//! stagnation         median(last 30 %) ≥ median(first 30 %) of a window, for b and for q:
//!                    the window is a fifth of the run, 120 + ⌈30 d/λ⌉ generations at least and 20,000 at most
//! tol-x              s_j < 10⁻¹² σ_0 in all real coordinates that are not fixed
//! tol-x-up           s_j > 10⁴ σ_0 in any
//! condition-cov      the condition of a covariance exceeds 10¹⁴
//! ```
//!
//! Discrete coordinates say nothing of tol-x: their deviations have a [floor](crate::space::Space::least_deviations), so that they never stop
//! moving. Losses of different data are never compared: on a stochastic objective only deviations count. A generation of which all failed
//! does not count at all. Where candidates are [clamped](History::clamped) and there are discrete leaves, losses say nothing, and only the
//! deviations of the reals count. (`xnes` has their root mean square for s_j, `lm-ma-es` σ.)
//! Source: Hansen 2016, "The CMA evolution strategy: a tutorial", arXiv:1604.00772, section B.3.

use std::ops::RangeInclusive;

use crate::{objective::Losses, persist, space::Space};

/// The most generations that are looked at.
const LONGEST: usize = 20_000;
/// What is left of the first deviation where there is nothing left to search.
const TOL_X: f64 = 1e-12;
/// What has become of the first deviation where the search runs away.
const TOL_X_UP: f64 = 1e4;
/// The largest condition of a covariance.
const CONDITION: f64 = 1e14;

/// The losses of past generations: at most 25,000 times two numbers, and no more than 1.25 T of a [population](History::of_population).
#[derive(Clone, Debug)]
pub struct History {
    /// The lowest of each generation, the last one last.
    best: Vec<f64>,
    /// The median of each generation; of a population nothing.
    median: Vec<f64>,
    /// T generations.
    short: usize,
    /// The fewest generations that can stagnate: 120 + ⌈30 d/λ⌉; `None`: a population.
    long: Option<usize>,
    /// Can the lowest loss of generation after generation be that of one point, a corner, while the others differ?
    cornered: bool,
    /// Are there discrete coordinates that a flat loss says nothing of?
    switches: bool,
}

persist!(History { best in |_| 0..=LONGEST + LONGEST / 4, median in |history| history.medians() });

impl History {
    /// Of generations of λ candidates in `dim` dimensions, drawn from a distribution that learns.
    pub fn new(dim: usize, lambda: usize) -> Self {
        let some = (30 * dim).div_ceil(lambda.max(1));
        Self {
            best: vec![],
            median: vec![],
            short: (10 + some).min(LONGEST),
            long: Some((120 + some).min(LONGEST)),
            cornered: false,
            switches: false,
        }
    }

    /// Of a method that learns a shape more slowly than a full covariance does: its stagnation shows in windows so many times longer.
    pub fn patient(self, times: usize) -> Self {
        Self { long: self.long.map(|long| (times * long).min(LONGEST)), ..self }
    }

    /// Of candidates that are moved to the nearest point inside the bounds of this space, and whose discrete coordinates have a floor. Many
    /// are the same corner before the mean has come to it, and equal-fun-values says nothing. Losses are flat as soon as the reals are
    /// exact, while a switch may be on its way to its threshold: with discrete leaves only the deviations of the reals count.
    pub fn clamped(self, space: &Space) -> Self {
        Self {
            cornered: space.walls().any(|(lower, upper)| lower.is_finite() || upper.is_finite()),
            switches: space.is_discrete(),
            ..self
        }
    }

    /// Of a population that keeps its best: it may wait for long, and its best may stay what it is, before it goes on. So only tol-fun
    /// ends it.
    pub fn of_population(dim: usize, candidates: usize) -> Self {
        Self { long: None, ..Self::new(dim, candidates) }
    }

    /// How many medians there are.
    fn medians(&self) -> RangeInclusive<usize> {
        let len = if self.long.is_some() { self.best.len() } else { 0 };
        len..=len
    }

    /// The search goes on elsewhere: what was seen says nothing.
    pub fn clear(&mut self) {
        self.best.clear();
        self.median.clear();
    }

    /// Another generation, of which not all failed.
    pub fn push(&mut self, losses: &Losses) {
        if self.long.is_some() {
            self.median.push(median(losses));
        }
        self.best.push(losses.lowest());
        let most = if self.long.is_some() { LONGEST } else { self.short };
        if self.best.len() > most + most / 4 {
            self.best.drain(..most / 4);
            self.median.drain(..(most / 4).min(self.median.len()));
        }
    }

    /// Flat, or as good as flat; `losses`: those that were pushed last.
    pub fn flat(&self, losses: &Losses) -> Option<&'static str> {
        let recent = &self.best[self.best.len().checked_sub(self.short)?..];
        let extent = |values: &[f64]| values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(*x), b.max(*x)));
        let ((least, most), (low, high)) = (extent(recent), extent(losses));
        if self.long.is_some() && !self.cornered && least == most {
            return Some("equal-fun-values: the best loss of every recent generation is the same");
        }
        (most.max(high) - least.min(low) < 1e-12).then_some("tol-fun: the losses of all recent generations are within 1e-12")
    }

    /// Are best and median no better than they were, after this many generations? Asked ten times while the window passes.
    pub fn stagnates(&self, generation: u64) -> Option<&'static str> {
        let fewest = self.long?;
        let window = (generation as usize / 5).clamp(fewest, LONGEST).min(self.best.len());
        if window < fewest || !generation.is_multiple_of(window.div_ceil(10) as u64) {
            return None;
        }
        let part = (3 * window).div_ceil(10);
        let no_better = |values: &[f64]| {
            let values = &values[values.len() - window..];
            median(&values[window - part..]) >= median(&values[..part])
        };
        (no_better(&self.best) && no_better(&self.median))
            .then_some("stagnation: best and median loss have not become better for long")
    }

    /// What losses alone say after the last of `generation` generations; on a stochastic objective nothing.
    ///
    /// ```
    /// use moths_core::{Batch, Function, Objective, Space, optimizer::convergence::History};
    ///
    /// let space = Space::real(2)?;
    /// let mut plateau = Function::new(space.clone(), |_| 7.0);
    /// let plateau: &mut dyn Objective = &mut plateau;
    /// let mut history = History::new(2, 6);
    /// let losses = plateau.losses(&Batch::Dense(space.zeros_for(6)?))?;
    /// let said: Vec<_> = (0..20).map(|t| history.judge(&losses, plateau.stochastic(), t)).collect();
    /// assert_eq!(said.iter().position(|said| said.is_some()), Some(19), "10 + 30 · 2/6 generations");
    /// # Ok::<(), moths_core::Error>(())
    /// ```
    pub fn judge(&mut self, losses: &Losses, stochastic: bool, generation: u64) -> Option<&'static str> {
        if stochastic {
            self.clear();
            return None;
        }
        if losses.all_failed() {
            return None;
        }
        if self.switches {
            return None;
        }
        self.push(losses);
        self.flat(losses).or_else(|| self.stagnates(generation))
    }
}

fn median(values: &[f64]) -> f64 {
    let (mut values, middle) = (values.to_vec(), values.len() / 2);
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// What the deviations of a search say.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    /// The largest of the real coordinates; `None` where there are none.
    real: Option<f64>,
    /// The largest of all.
    largest: f64,
}

impl Spread {
    /// Of these deviations, one a search coordinate. Those of [fixed](Space::fixed) coordinates say nothing.
    pub fn of(space: &Space, deviations: impl IntoIterator<Item = f64>) -> Self {
        if !space.is_discrete() && !space.has_fixed() {
            return Self::same(deviations.into_iter().fold(0.0, f64::max));
        }
        let mut spread = Self { real: None, largest: 0.0 };
        let of = deviations.into_iter().zip(space.least_deviations()).zip(space.fixed());
        for (deviation, least) in of.filter(|(_, fixed)| !fixed).map(|(of, _)| of) {
            spread.largest = spread.largest.max(deviation);
            if least == 0.0 {
                spread.real = Some(spread.real.map_or(deviation, |real| real.max(deviation)));
            }
        }
        spread
    }

    /// Of one deviation that all coordinates share.
    pub fn same(deviation: f64) -> Self {
        Self { real: Some(deviation), largest: deviation }
    }

    /// What the deviations alone say, with what they were at first.
    pub fn judge(&self, first: f64) -> Option<&'static str> {
        match self.real {
            Some(real) if vanished(real, first) => Some(VANISHED),
            _ => exploded(self.largest, first),
        }
    }
}

/// What is said of deviations that vanished.
pub const VANISHED: &str = "tol-x: steps became 1e-12 of the first";

/// Is so little left of the first deviation that nothing is left to search?
pub fn vanished(deviation: f64, first: f64) -> bool {
    deviation < TOL_X * first
}

/// Has the search run away?
pub fn exploded(deviation: f64, first: f64) -> Option<&'static str> {
    (deviation > TOL_X_UP * first).then_some("tol-x-up: steps became 1e4 of the first")
}

/// Has a covariance become so long and thin that its numbers say nothing any more?
pub fn degenerate(condition: f64) -> Option<&'static str> {
    (condition > CONDITION).then_some("condition-cov: the condition of C exceeds 1e14")
}
