//! One line through the best point: what was evaluated there, and where to look next.

use std::sync::Arc;

use moths_core::{
    Result, persist,
    persist::{Fields, Persist},
};

/// As many points a line remembers.
pub(super) const MOST: usize = 1000;
/// So many points before curvatures are believed.
const FEW: usize = 9;
/// The part of a line's width below which neighbours say nothing of its curvature: differences of losses are rounded there.
const SHORTEST: f64 = 1e-3;
/// How far a line reaches beyond its best point where it has no end.
pub(super) const OPEN: f64 = 5.0;
/// Such a line does not become wider.
pub(super) const WIDEST: f64 = 1e12;

/// Where a line runs, and what counts on it.
#[derive(Clone, Copy)]
pub(super) struct Track {
    pub lower: f64,
    pub upper: f64,
    /// Points nearer than this are one.
    pub resolution: f64,
    /// ε.
    pub epsilon: f64,
    /// A gain for which no parabola is followed.
    pub tolerance: f64,
    /// Losses that differ by less are equal.
    pub rounding: f64,
    /// How many times as curved as anything seen an interval may be that hides a gain.
    pub bend: f64,
}

/// The evaluated points of a line, from below.
#[derive(Clone)]
pub(super) struct Line {
    at: Vec<f64>,
    /// f - f_b, how much higher than the best point each is.
    rise: Vec<f64>,
    /// The largest curvature seen.
    curvature: f64,
    /// Is it the turn of a parabola?
    parabolic: bool,
    /// There was nothing to be gained when it was last looked at.
    resolved: bool,
    /// The gain that its best parabola promises, where somebody wants to know.
    promise: f64,
}
persist!(Line { at in |_| 1..=MOST, rise in |line| line.at.len()..=line.at.len(), curvature, parabolic, resolved, promise });

/// A line a coordinate. They are shared between a search and its copies until they change.
#[derive(Clone)]
pub(super) struct Lines(Vec<Arc<Line>>);

impl Lines {
    /// Through a point \[d\] of which nothing is known.
    pub(super) fn through(x: &[f64]) -> Self {
        Self(x.iter().map(|x| Arc::new(Line::through(*x))).collect())
    }

    pub(super) fn line(&self, i: usize) -> &Line {
        &self.0[i]
    }

    pub(super) fn line_mut(&mut self, i: usize) -> &mut Line {
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

/// The lowest point of a parabola.
#[derive(Clone, Copy)]
struct Vertex {
    at: f64,
    /// How much lower than the best point it should be.
    gain: f64,
}

impl Line {
    /// Through one point, the best there is.
    pub(super) fn through(x: f64) -> Self {
        Self { at: vec![x], rise: vec![0.0], curvature: 0.0, parabolic: true, resolved: false, promise: 0.0 }
    }

    fn len(&self) -> usize {
        self.at.len()
    }

    /// Which point is the lowest.
    fn home(&self) -> usize {
        (0..self.len()).min_by(|i, j| self.rise[*i].total_cmp(&self.rise[*j])).unwrap_or(0)
    }

    /// The lowest point.
    pub(super) fn best(&self) -> f64 {
        self.at[self.home()]
    }

    pub(super) fn is_resolved(&self) -> bool {
        self.resolved
    }

    pub(super) fn resolve(&mut self) {
        self.resolved = true;
    }

    /// Takes in that the loss at `x` is higher than that of the best point by `rise`; lower, if that is negative: then x is the best.
    pub(super) fn learn(&mut self, x: f64, rise: f64) {
        self.parabolic = !self.parabolic;
        self.resolved = false;
        let place = self.at.partition_point(|at| *at < x);
        self.at.insert(place, x);
        self.rise.insert(place, rise);
        if rise < 0.0 {
            self.rise.iter_mut().for_each(|other| *other -= rise);
            self.rise[place] = 0.0;
        }
        for k in place.saturating_sub(1)..=place + 1 {
            self.curvature = self.curvature.max(self.bend_at(k));
        }
        if self.len() > MOST {
            self.forget();
        }
    }

    /// Drops the highest point between the ends.
    fn forget(&mut self) {
        if let Some(i) = (1..self.len() - 1).max_by(|i, j| self.rise[*i].total_cmp(&self.rise[*j])) {
            self.at.remove(i);
            self.rise.remove(i);
        }
    }

    /// The slopes to the left and to the right of a point that has neighbours, and how far these are.
    fn sides(&self, k: usize) -> [(f64, f64); 2] {
        [k - 1, k].map(|j| {
            let width = self.at[j + 1] - self.at[j];
            ((self.rise[j + 1] - self.rise[j]) / width, width)
        })
    }

    /// |a| of the parabola through a point and its neighbours; 0 where it cannot be told.
    fn bend_at(&self, k: usize) -> f64 {
        if k == 0 || k + 1 >= self.len() {
            return 0.0;
        }
        let [(left, to_left), (right, to_right)] = self.sides(k);
        let shortest = SHORTEST * (self.at[self.len() - 1] - self.at[0]);
        let bend = ((right - left) / (to_left + to_right)).abs();
        if to_left.min(to_right) >= shortest && bend.is_finite() { bend } else { 0.0 }
    }

    /// Where to look next; `None`: nothing is to be gained here.
    pub(super) fn propose(&self, track: &Track) -> Option<f64> {
        self.end(track).or_else(|| {
            let parabola = || self.parabola(track);
            let bisection = || self.easiest(track);
            if self.parabolic { parabola().or_else(bisection) } else { bisection().or_else(parabola) }
        })
    }

    /// An end of the line that is still to be evaluated; beyond the last point, where there is no end and the best point is the last.
    fn end(&self, track: &Track) -> Option<f64> {
        let (home, last) = (self.home(), self.len() - 1);
        let (first, width) = (self.at[0], self.at[last] - self.at[0]);
        let beyond = if width < WIDEST { (2.0 * width).max(OPEN) } else { 0.0 };
        let below = if track.lower.is_finite() || home > 0 { track.lower } else { first - beyond };
        let above = if track.upper.is_finite() || home < last { track.upper } else { self.at[last] + beyond };
        if below.is_finite() && first - below > track.resolution {
            Some(below)
        } else {
            (above.is_finite() && above - self.at[last] > track.resolution).then_some(above)
        }
    }

    /// The highest rise that is finite.
    fn range(&self) -> f64 {
        self.rise.iter().copied().filter(|rise| rise.is_finite()).fold(0.0, f64::max)
    }

    /// A gain that is one.
    pub(super) fn least_gain(&self, track: &Track) -> f64 {
        (track.tolerance * unit(self.range())).max(track.rounding)
    }

    /// Remembers what its best parabola promises.
    pub(super) fn foresee(&mut self, track: &Track) {
        self.promise = self.vertex(track).map_or(0.0, |vertex| vertex.gain);
    }

    pub(super) fn promise(&self) -> f64 {
        self.promise
    }

    /// The lowest point of the best parabola.
    pub(super) fn parabola(&self, track: &Track) -> Option<f64> {
        self.vertex(track).map(|vertex| vertex.at)
    }

    /// Of the parabolas through three neighbours with the lowest in the middle, the one that promises the largest gain.
    fn vertex(&self, track: &Track) -> Option<Vertex> {
        let least = self.least_gain(track);
        let mut best: Option<Vertex> = None;
        for k in 1..self.len() - 1 {
            let (f_0, f_1, f_2) = (self.rise[k - 1], self.rise[k], self.rise[k + 1]);
            if !(f_1 <= f_0 && f_1 <= f_2 && f_0.max(f_2).is_finite()) {
                continue;
            }
            let [(left, to_left), (right, to_right)] = self.sides(k);
            let a = (right - left) / (to_left + to_right);
            let slope = (left * to_right + right * to_left) / (to_left + to_right);
            let vertex = Vertex { at: self.at[k] - slope / (2.0 * a), gain: slope * slope / (4.0 * a) - f_1 };
            let apart = (k - 1..=k + 1).all(|j| (vertex.at - self.at[j]).abs() > track.resolution);
            if vertex.gain > best.map_or(least, |best| best.gain) && apart {
                best = Some(vertex);
            }
        }
        best
    }

    /// The middle of the interval of least difficulty, unless all are too difficult to hide a gain.
    fn easiest(&self, track: &Track) -> Option<f64> {
        let range = self.range();
        let epsilon = track.epsilon * unit(range);
        // What failed is as high as anything known.
        let root = |k: usize| (self.rise[k].min(range) + epsilon).max(0.0).sqrt();
        let mut least = (f64::INFINITY, None);
        let mut below = root(0);
        for k in 1..self.len() {
            let (above, width) = (root(k), self.at[k] - self.at[k - 1]);
            let difficulty = (below + above) / width;
            if difficulty < least.0 && width > 2.0 * track.resolution {
                least = (difficulty, Some(self.at[k - 1] + 0.5 * width));
            }
            below = above;
        }
        let hides = self.len() < FEW || least.0 * least.0 <= track.bend * self.curvature;
        if hides { least.1 } else { None }
    }
}

/// The unit of ε on a line whose losses differ by `range`: 1, where that is not less.
fn unit(range: f64) -> f64 {
    if range > 0.0 { range.min(1.0) } else { 1.0 }
}
