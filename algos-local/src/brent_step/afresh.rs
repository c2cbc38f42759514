//! Steps on a stochastic objective.

use moths_core::Result;

use super::{
    BrentStepMethod,
    line::{Line, Track, WIDEST},
};
use crate::{Oracle, Room};

impl BrentStepMethod {
    /// A line search on the data of this step: nothing that is remembered can be compared with it.
    pub(super) fn line_afresh(&mut self, oracle: &mut Oracle<'_>) -> Result<()> {
        let (d, room) = (self.x.len(), oracle.room());
        let i = (self.next..d).chain(0..self.next).find(|i| !room.is_fixed(*i)).unwrap_or(0);
        let mut lowest = oracle.loss(&mut self.x)?;
        let (x, reach, whole) = (self.x[i], self.reach[i], self.track(room, i));
        let track = Track { lower: whole.lower.max(x - reach), upper: whole.upper.min(x + reach), bend: f64::INFINITY, ..whole };
        let mut line = Line::through(x);
        for _ in 0..self.config.points {
            let Some(at) = line.propose(&track) else { break };
            let mut candidate = self.x.clone();
            candidate[i] = at;
            let loss = oracle.loss(&mut candidate)?;
            line.learn(candidate[i], if loss.is_finite() { loss - lowest } else { f64::INFINITY });
            lowest = lowest.min(loss);
        }
        self.x[i] = line.best();
        let moved = (self.x[i] - x).abs();
        let next = if moved >= 0.9 * reach { 2.0 * reach } else { (0.5 * reach).max(2.0 * moved) };
        self.reach[i] = next.max(whole.shortest).min(widest(room, i));
        self.next = (i + 1) % d;
        Ok(())
    }
}

/// The width of coordinate `i`, or of what may be searched where it has no bounds.
pub(super) fn widest(room: &Room, i: usize) -> f64 {
    let (lower, upper) = room.interval(i);
    (upper - lower).min(WIDEST)
}
