//! How far along a direction.

use moths_core::Result;

use super::inverse::dot;
use crate::Oracle;

/// What must be gained, of what the slope promises.
const SUFFICIENT: f64 = 1e-4;
/// Points that are tried on the way back, and on the way on.
const BACK: usize = 20;
const ON: usize = 5;
/// What is left of α on the way back, at least and at most.
const LEAST: f64 = 0.05;
const MOST: f64 = 0.5;
/// Farther is gone where the parabola's minimum is farther than this.
const WORTH: f64 = 2.0;
/// How much farther at most.
const FARTHER: f64 = 4.0;

/// A point, its slope, and where to go from there.
pub(super) struct Line<'a> {
    pub(super) x: &'a [f64],
    pub(super) f: f64,
    pub(super) g: &'a [f64],
    pub(super) p: &'a [f64],
    /// A gain that rounding makes.
    pub(super) resolution: f64,
}

/// A point on the line.
pub(super) struct Trial {
    pub(super) x: Vec<f64>,
    pub(super) f: f64,
    /// α; `None` where walls were met.
    pub(super) straight: Option<f64>,
    at: f64,
    /// g'(x − x_0)
    promised: f64,
}

impl Line<'_> {
    /// A point that is lower by enough; `None` where there is none.
    pub(super) fn search(&self, oracle: &mut Oracle<'_>) -> Result<Option<Trial>> {
        let mut at = 1.0;
        for _ in 0..BACK {
            let Some(trial) = self.ask(at, oracle)? else { return Ok(None) };
            if trial.f < self.f + SUFFICIENT * trial.promised.min(0.0) {
                return self.go_on(trial, oracle).map(Some);
            }
            if trial.promised.abs() <= self.resolution {
                return Ok(None);
            }
            at = self.lowest(&trial).clamp(LEAST * at, MOST * at);
        }
        Ok(None)
    }

    /// Farther along, as long as the loss falls and a parabola says that it will.
    fn go_on(&self, mut best: Trial, oracle: &mut Oracle<'_>) -> Result<Trial> {
        for _ in 0..ON {
            let lowest = self.lowest(&best);
            if lowest < WORTH * best.at {
                break;
            }
            match self.ask(lowest.min(FARTHER * best.at), oracle)? {
                Some(trial) if trial.f < best.f && trial.x != best.x => best = trial,
                _ => break,
            }
        }
        Ok(best)
    }

    /// α of the minimum of the parabola through both losses and the slope; ∞ where it has none.
    fn lowest(&self, trial: &Trial) -> f64 {
        let bend = trial.f - self.f - trial.promised;
        if bend.is_infinite() {
            return 0.0;
        }
        if bend > 0.0 { -0.5 * trial.at * trial.promised / bend } else { f64::INFINITY }
    }

    /// P(x + α p); `None` where that is x.
    fn ask(&self, at: f64, oracle: &mut Oracle<'_>) -> Result<Option<Trial>> {
        let mut x: Vec<f64> = self.x.iter().zip(self.p).map(|(x, p)| x + at * p).collect();
        let free = x.clone();
        oracle.room().confine(&mut x);
        let straight = (free == x).then_some(at);
        let steps = x.iter().zip(self.x).map(|(x, x_0)| x - x_0);
        if steps.clone().all(|step| step == 0.0) || x.iter().any(|x| !x.is_finite()) {
            return Ok(None);
        }
        let f = oracle.loss(&mut x)?;
        let steps: Vec<f64> = x.iter().zip(self.x).map(|(x, x_0)| x - x_0).collect();
        Ok(Some(Trial { f, at, straight, promised: dot(self.g, &steps), x }))
    }
}
