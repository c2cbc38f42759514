//! One line through the best point: what was evaluated there, and where to look next.

use std::sync::Arc;

use moths_core::{
    Result, persist,
    persist::{Fields, Persist},
};

/// As many points a line remembers.
pub(super) const MOST: usize = 1024;
/// So many points before curvatures are believed.
const FEW: usize = 9;
/// A line that is not bounded grows to this width.
const WIDEST: f64 = 1e12;

/// Where a line runs, and what counts on it.
#[derive(Clone, Copy)]
pub(super) struct Track {
    pub lower: f64,
    pub upper: f64,
    /// Points nearer than this are one.
    pub resolution: f64,
    /// ε, a gain that is none, where losses on the line differ by 1 or more.
    pub epsilon: f64,
    /// Losses that differ by less are rounded.
    pub rounding: f64,
}

/// The evaluated points of a line, from below.
#[derive(Clone)]
pub(super) struct Line {
    at: Vec<f64>,
    /// How much higher than the best point each is.
    rise: Vec<f64>,
    /// Is it the turn of a parabola?
    parabola: bool,
    /// There was nothing to be gained when it was last looked at.
    resolved: bool,
}
persist!(Line { at in |_| 1..=MOST, rise in |line| line.at.len()..=line.at.len(), parabola, resolved });

/// A line a coordinate. They are shared between a search and its copies until they change.
#[derive(Clone)]
pub(super) struct Lines(Vec<Arc<Line>>);

impl Lines {
    /// Through a point \[d\] of which nothing is known.
    pub(super) fn through(x: &[f64]) -> Self {
        Self(x.iter().map(|x| Arc::new(Line::at(*x))).collect())
    }

    pub(super) fn get(&self, i: usize) -> &Line {
        &self.0[i]
    }

    pub(super) fn get_mut(&mut self, i: usize) -> &mut Line {
        Arc::make_mut(&mut self.0[i])
    }
}

impl Persist for Lines {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        for (i, line) in self.0.iter_mut().enumerate() {
            let line: &mut Line = Arc::make_mut(line);
            fields.field(&i.to_string(), line)?;
        }
        Ok(())
    }
}

impl Line {
    /// Through one point, the best there is.
    pub(super) fn at(x: f64) -> Self {
        Self { at: vec![x], rise: vec![0.0], parabola: true, resolved: false }
    }

    /// Where the lowest is.
    fn home(&self) -> usize {
        (0..self.rise.len()).min_by(|i, j| self.rise[*i].total_cmp(&self.rise[*j])).unwrap_or(0)
    }

    /// The best point of the line.
    pub(super) fn best(&self) -> f64 {
        self.at[self.home()]
    }

    pub(super) fn is_resolved(&self) -> bool {
        self.resolved
    }

    pub(super) fn resolve(&mut self) {
        self.resolved = true;
    }

    /// Takes in that the loss at `x` is higher than that of the best point by `rise`; lower, if negative: it is then the best.
    pub(super) fn learn(&mut self, x: f64, rise: f64) {
        self.parabola = !self.parabola;
        self.resolved = false;
        if self.at.len() >= MOST {
            self.forget();
        }
        let place = self.at.partition_point(|at| *at < x);
        self.at.insert(place, x);
        self.rise.insert(place, rise);
        if rise < 0.0 {
            self.rise.iter_mut().for_each(|other| *other -= rise);
            self.rise[place] = 0.0;
        }
    }

    /// Drops the highest point between the ends.
    fn forget(&mut self) {
        let highest = (1..self.at.len() - 1).max_by(|i, j| self.rise[*i].total_cmp(&self.rise[*j]));
        if let Some(i) = highest {
            self.at.remove(i);
            self.rise.remove(i);
        }
    }

    /// Where to look next; `None`: nothing is to be gained here.
    pub(super) fn propose(&self, track: &Track) -> Option<f64> {
        self.end(track).or_else(|| {
            let parabola = || self.vertex(track);
            let bisection = || self.easiest(track);
            if self.parabola { parabola().or_else(bisection) } else { bisection().or_else(parabola) }
        })
    }

    /// An end of the line that is still to be evaluated; beyond the last point, where the line is open and its best point at an end.
    fn end(&self, track: &Track) -> Option<f64> {
        let (first, last, home) = (self.at[0], self.at[self.at.len() - 1], self.home());
        let width = last - first;
        let open = |beyond: f64| (home_is_end(home, self.at.len()) && width < WIDEST).then_some(beyond);
        let below = if track.lower.is_finite() {
            Some(track.lower)
        } else if home == 0 {
            open(first - (2.0 * width).max(5.0))
        } else {
            None
        };
        let above = if track.upper.is_finite() {
            Some(track.upper)
        } else if home + 1 == self.at.len() {
            open(last + (2.0 * width).max(5.0))
        } else {
            None
        };
        let below = below.filter(|below| first - below > track.resolution);
        below.or_else(|| above.filter(|above| above - last > track.resolution))
    }

    /// The lowest and the highest rise that is finite.
    fn range(&self) -> f64 {
        self.rise.iter().copied().filter(|rise| rise.is_finite()).fold(0.0, f64::max)
    }

    /// Where the parabola through a point and its neighbours is lowest, of all points the one of which most is to be gained.
    fn vertex(&self, track: &Track) -> Option<f64> {
        let epsilon = (track.epsilon * self.range().min(1.0)).max(track.rounding);
        let mut best = (-epsilon, None);
        for k in 1..self.at.len().saturating_sub(1) {
            let (f0, f1, f2) = (self.rise[k - 1], self.rise[k], self.rise[k + 1]);
            if !(f1 <= f0 && f1 <= f2 && f0.max(f2).is_finite()) {
                continue;
            }
            let (left, right) = (self.at[k] - self.at[k - 1], self.at[k + 1] - self.at[k]);
            let (s0, s1) = ((f1 - f0) / left, (f2 - f1) / right);
            let a = (s1 - s0) / (left + right);
            let slope = (s0 * right + s1 * left) / (left + right);
            let lowest = f1 - slope * slope / (4.0 * a);
            let x = self.at[k] - slope / (2.0 * a);
            if lowest < best.0 && self.is_apart(x, k, track.resolution) {
                best = (lowest, Some(x));
            }
        }
        best.1
    }

    /// Is x, between the neighbours of point k, none of the points?
    fn is_apart(&self, x: f64, k: usize, resolution: f64) -> bool {
        (k - 1..=k + 1).all(|j| (x - self.at[j]).abs() > resolution)
    }

    /// The middle of the interval of least difficulty, unless all are too difficult to hide a gain.
    fn easiest(&self, track: &Track) -> Option<f64> {
        let range = self.range();
        let epsilon = 100.0 * track.epsilon * if range > 0.0 { range.min(1.0) } else { 1.0 };
        // What failed is as high as anything known.
        let root = |rise: f64| (rise.min(range) + epsilon).max(0.0).sqrt();
        let limit = if self.at.len() < FEW { f64::INFINITY } else { 20.0 * self.curvature() };
        let mut least = (f64::INFINITY, None);
        for k in 1..self.at.len() {
            let width = self.at[k] - self.at[k - 1];
            let sides = root(self.rise[k - 1]) + root(self.rise[k]);
            let difficulty = sides * sides / (width * width);
            if width > 2.0 * track.resolution && difficulty < least.0 {
                least = (difficulty, Some(self.at[k - 1] + 0.5 * width));
            }
        }
        if least.0 <= limit { least.1 } else { None }
    }

    /// The largest curvature seen.
    fn curvature(&self) -> f64 {
        let shortest = 1e-3 * (self.at[self.at.len() - 1] - self.at[0]);
        let mut most = 0.0_f64;
        for k in 1..self.at.len().saturating_sub(1) {
            let (left, right) = (self.at[k] - self.at[k - 1], self.at[k + 1] - self.at[k]);
            if left.min(right) < shortest {
                continue;
            }
            let bend = ((self.rise[k + 1] - self.rise[k]) / right - (self.rise[k] - self.rise[k - 1]) / left) / (left + right);
            if bend.is_finite() {
                most = most.max(bend.abs());
            }
        }
        most
    }
}

fn home_is_end(home: usize, len: usize) -> bool {
    home == 0 || home + 1 == len
}
