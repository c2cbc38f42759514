//! Whose turn it is, and who is looked at again.

use moths_core::Result;

use super::{BrentStepMethod, Selection, line::Line};
use crate::{Oracle, Room};

impl BrentStepMethod {
    /// The next coordinate whose line has something to look at, and where.
    pub(super) fn proposal(&mut self, room: &Room) -> Option<(usize, f64)> {
        if self.config.selection == Selection::QuadraticInterpolation {
            self.favour = !self.favour;
        }
        if self.favour
            && let Some(favourite) = self.favourite(room)
        {
            return Some(favourite);
        }
        let d = self.x.len();
        for i in (self.next..d).chain(0..self.next) {
            if self.is_done(room, i) {
                continue;
            }
            if let Some(at) = self.lines.line(i).propose(&self.track(room, i)) {
                self.next = (i + 1) % d;
                return Some((i, at));
            }
            self.lines.line_mut(i).resolve();
        }
        None
    }

    /// The line whose parabola promises most, and where.
    fn favourite(&self, room: &Room) -> Option<(usize, f64)> {
        let open = (0..self.x.len()).filter(|i| !self.is_done(room, *i));
        let i = open.max_by(|i, j| self.lines.line(*i).promise().total_cmp(&self.lines.line(*j).promise()))?;
        Some((i, self.lines.line(i).parabola(&self.track(room, i))?))
    }

    /// Evaluates the neighbours of x on every line again: has one become lower since x moved along others? Then its line begins anew.
    pub(super) fn reopens(&mut self, oracle: &mut Oracle<'_>) -> Result<bool> {
        // Something is evaluated in every step.
        self.loss = oracle.loss(&mut self.x)?;
        let mut reopened = false;
        let room = oracle.room();
        for i in (0..self.x.len()).filter(|i| self.moved && !room.is_fixed(*i)) {
            let least = self.lines.line(i).least_gain(&self.track(room, i));
            for at in self.lines.line(i).beside_best() {
                let mut candidate = self.x.clone();
                candidate[i] = at;
                let loss = oracle.loss(&mut candidate)?;
                if loss < self.loss - least {
                    *self.lines.line_mut(i) = Line::through(candidate[i]);
                    (self.x, self.loss, reopened) = (candidate, loss, true);
                    break;
                }
            }
        }
        self.moved = reopened;
        Ok(reopened)
    }
}
