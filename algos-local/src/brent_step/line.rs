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
/// Losses this many times lower than others are nothing beside them.
const NOTHING: f64 = 1e-12;
/// How far a line reaches beyond its best point where it has no end.
pub(super) const OPEN: f64 = 5.0;
/// Such a line does not become wider.
pub(super) const WIDEST: f64 = 1e12;

/// Where a line runs, and what counts on it.
#[derive(Clone, Copy)]
pub(super) struct Track {
    pub lower: f64,
    pub upper: f64,
    /// Points nearer than this are one, to the dtype.
    pub resolution: f64,
    /// Intervals up to this width are not bisected.
    pub shortest: f64,
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
    /// The highest rise that is to be believed: what is higher has failed.
    range: f64,
    /// The largest curvature seen.
    curvature: f64,
    /// Is it the turn of a parabola?
    parabolic: bool,
    /// There was nothing to be gained when it was last looked at.
    resolved: bool,
    /// The gain that its best parabola promises, where somebody wants to know.
    promise: f64,
}
persist!(Line {
    at in |_| 1..=MOST,
    rise in |line| line.at.len()..=line.at.len(),
    range,
    curvature,
    parabolic,
    resolved,
    promise,
});

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
        Self { at: vec![x], rise: vec![0.0], range: 0.0, curvature: 0.0, parabolic: true, resolved: false, promise: 0.0 }
    }

    pub(super) fn points(&self) -> usize {
        self.at.len()
    }

    /// The lowest point.
    pub(super) fn best(&self) -> f64 {
        self.at[self.home()]
    }

    fn home(&self) -> usize {
        (0..self.points()).min_by(|i, j| self.rise[*i].total_cmp(&self.rise[*j])).unwrap_or(0)
    }

    /// The neighbours of the lowest point.
    pub(super) fn beside_best(&self) -> Vec<f64> {
        let home = self.home();
        let beside = [home.checked_sub(1), Some(home + 1)];
        beside.into_iter().flatten().filter_map(|k| self.at.get(k).copied()).collect()
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
        if self.points() > MOST {
            self.forget();
        }
        self.range = self.highest();
    }

    /// The highest rise, those apart beside which more than half of the others are nothing.
    fn highest(&self) -> f64 {
        let mut cliff = f64::INFINITY;
        loop {
            let highest = self.rise.iter().copied().filter(|rise| *rise < cliff).fold(0.0, f64::max);
            let next = NOTHING * highest;
            if next <= 0.0 || 2 * self.rise.iter().filter(|rise| **rise > next).count() >= self.points() {
                return highest;
            }
            cliff = next;
        }
    }

    /// Drops the highest point between the ends.
    fn forget(&mut self) {
        if let Some(i) = (1..self.points() - 1).max_by(|i, j| self.rise[*i].total_cmp(&self.rise[*j])) {
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
        if k == 0 || k + 1 >= self.points() {
            return 0.0;
        }
        let [(left, to_left), (right, to_right)] = self.sides(k);
        let shortest = SHORTEST * (self.at[self.points() - 1] - self.at[0]);
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

    /// An end of the line that is still to be evaluated; beyond the last point, where there is no end and losses fall that way.
    fn end(&self, track: &Track) -> Option<f64> {
        let (count, last) = (self.points(), self.points() - 1);
        let width = self.at[last] - self.at[0];
        let beyond = if count < 3 { OPEN } else { 2.0 * width };
        let below = count == 1 || count > 2 && self.rise[0] < self.rise[1] && width < WIDEST;
        let above = count <= 2 || self.rise[last] < self.rise[last - 1] && width < WIDEST;
        let open = |end: f64, is_open: bool, beyond: f64| if end.is_infinite() && is_open { beyond } else { end };
        let ends = [open(track.lower, below, self.at[0] - beyond), open(track.upper, above, self.at[last] + beyond)];
        let missing = |(end, at): (f64, f64)| (end.is_finite() && (end - at).abs() > track.resolution).then_some(end);
        missing((ends[0], self.at[0])).or_else(|| missing((ends[1], self.at[last])))
    }

    /// A gain that is one.
    pub(super) fn least_gain(&self, track: &Track) -> f64 {
        (track.tolerance * unit(self.range)).max(track.rounding)
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
        for k in 1..self.points() - 1 {
            let (f_0, f_1, f_2) = (self.rise[k - 1], self.rise[k], self.rise[k + 1]);
            if !(f_1 <= f_0 && f_1 <= f_2 && f_0.max(f_2).is_finite()) {
                continue;
            }
            let [(left, to_left), (right, to_right)] = self.sides(k);
            let a = (right - left) / (to_left + to_right);
            let slope = (left * to_right + right * to_left) / (to_left + to_right);
            let vertex = Vertex { at: self.at[k] - slope / (2.0 * a), gain: slope * slope / (4.0 * a) - f_1 };
            let apart = (k - 1..=k + 1).all(|j| (vertex.at - self.at[j]).abs() > 0.5 * track.shortest);
            if vertex.gain > best.map_or(least, |best| best.gain) && apart {
                best = Some(vertex);
            }
        }
        best
    }

    /// The middle of the interval of least difficulty, unless all are too difficult to hide a gain.
    fn easiest(&self, track: &Track) -> Option<f64> {
        let epsilon = track.epsilon * unit(self.range);
        // What failed is as high as the other side, so that the edge of what does not fail is found; two that failed as high as anything.
        let side = |k: usize, other: usize| {
            let rise = if self.rise[k] <= self.range { self.rise[k] } else { self.rise[other].min(self.range) };
            rise.max(0.0) + epsilon
        };
        let (mut least, mut middle) = (f64::INFINITY, None);
        for k in 1..self.points() {
            let (below, above, width) = (side(k - 1, k), side(k, k - 1), self.at[k] - self.at[k - 1]);
            // One side alone makes it too difficult: no roots are needed to see that.
            if below.max(above) >= least * width * width || width <= track.shortest {
                continue;
            }
            let difficulty = (below + above + 2.0 * (below * above).sqrt()) / (width * width);
            if difficulty < least {
                (least, middle) = (difficulty, Some(self.at[k - 1] + 0.5 * width));
            }
        }
        let hides = self.points() < FEW || least <= track.bend * self.curvature;
        if hides { middle } else { None }
    }
}

/// The unit of ε on a line whose losses differ by `range`: 1, where that is not less.
fn unit(range: f64) -> f64 {
    if range > 0.0 { range.min(1.0) } else { 1.0 }
}
