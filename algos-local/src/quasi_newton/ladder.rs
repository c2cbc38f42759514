//! What is tried before going on is pointless: central differences, B anew, another interval.

use moths_core::Result;

use super::{QuasiNewtonMethod, Way, inverse::dot, noise};
use crate::Oracle;

/// How many times what rounding may gain the line may miss.
const MISSED: f64 = 10.0;
/// How much larger an interval must be to be worth going on.
const LARGER: f64 = 100.0;
/// The least length of the first step with B anew: the last steps may have been short for want of losses.
const RENEWED: f64 = 1e-4;

impl QuasiNewtonMethod {
    /// Better slopes, until they promise something; and why going on is pointless, if they do not. `stuck`: the line found nothing, along
    /// slopes of an earlier step.
    pub(super) fn go_on(&mut self, mut stuck: bool, oracle: &mut Oracle<'_>) -> Result<Option<&'static str>> {
        let mut old = stuck;
        loop {
            let Way { g, p, .. } = self.way(oracle)?;
            let promised = -0.5 * dot(&g, &p);
            if !stuck && promised > self.resolution() {
                return Ok(None);
            }
            // Either the slopes mean nothing, or B does.
            let mut again = false;
            let lost = g.iter().all(|g| *g == 0.0) || (stuck && promised > MISSED * self.resolution());
            if !self.central && (lost || stuck || !self.is_exact(oracle)) {
                self.central = true;
            } else if lost && !self.inverse.fresh {
                self.inverse.forget(self.inverse.reach.max(RENEWED));
                stuck = false;
                continue;
            } else if lost && !self.measured && self.config.interval.is_none() && self.is_noisy(oracle)? {
                self.central = false;
            } else if old {
                again = true;
            } else {
                return Ok(self.end());
            }
            let (_, g) = self.differences(oracle).at(&self.x, Some(self.f), oracle)?;
            if again && g == self.g {
                return Ok(self.end());
            }
            (self.g, stuck, old) = (g, false, false);
        }
    }

    fn end(&mut self) -> Option<&'static str> {
        self.forget();
        Some("tol-fun: no slope promises more than rounding")
    }

    /// Is all that forward differences are off by too little to matter, even if nothing of it were known?
    fn is_exact(&self, oracle: &Oracle<'_>) -> bool {
        let none = vec![0.0; self.x.len()];
        let off = self.differences(oracle).corrected(&none, self.inverse.diagonal(), &self.x, oracle.room());
        0.5 * self.inverse.square(&off) <= self.resolution()
    }

    /// Are losses so noisy that a much larger interval is better? Then it is taken.
    fn is_noisy(&mut self, oracle: &mut Oracle<'_>) -> Result<bool> {
        self.measured = true;
        let interval = noise::interval(&self.x, self.f, 0.1 * self.interval, oracle)?;
        let larger = interval.filter(|h| *h > LARGER * self.interval);
        self.interval = larger.unwrap_or(self.interval);
        Ok(larger.is_some())
    }
}
