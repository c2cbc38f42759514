//! g, from differences of losses.

use moths_core::{Result, objective::Losses};

use crate::{Oracle, Room};

/// What is steeper is the slope of a point that has failed, with a huge loss: sums of squares are finite.
const STEEPEST: f64 = 1e100;
/// What [`Room::least_deviation`] is of a level.
const LEVEL: f64 = 10.0;

/// What differences are taken over.
#[derive(Clone, Copy)]
pub(super) struct Differences {
    /// h / max(1, |x_i|).
    pub(super) interval: f64,
    /// On both sides?
    pub(super) central: bool,
}

impl Differences {
    /// The loss f of x, and g \[d\]; `known`: the loss, which is not asked again. Where f failed there is no slope.
    pub(super) fn at(self, x: &[f64], known: Option<f64>, oracle: &mut Oracle<'_>) -> Result<(f64, Vec<f64>)> {
        let room = oracle.room();
        let free = (0..x.len()).filter(|i| !room.is_fixed(*i));
        let forward = free.map(|i| (i, self.reach(room, i, x[i])));
        let asked: Vec<(usize, f64)> = if self.central {
            forward.flat_map(|(i, h)| [(i, h), (i, -h)]).filter(|(i, h)| *h > 0.0 || fits(room, *i, x[*i] + h)).collect()
        } else {
            forward.collect()
        };
        let own = usize::from(known.is_none());
        let (steps, losses) = ask(x, own, &asked, oracle)?;
        let f = known.unwrap_or_else(|| losses[0]);
        let mut sides = vec![[(0.0, f); 2]; x.len()];
        record(&mut sides, &asked, &steps, &losses[own..]);
        // What failed on one side may not on the other.
        let failed = asked.iter().filter(|(i, _)| f.is_finite() && sides[*i][0].0 == 0.0 && sides[*i][1].0 == 0.0);
        let again: Vec<(usize, f64)> = failed.map(|(i, h)| (*i, -h)).filter(|(i, h)| fits(room, *i, x[*i] + h)).collect();
        if !again.is_empty() && !self.central {
            let (steps, losses) = ask(x, 0, &again, oracle)?;
            record(&mut sides, &again, &steps, &losses);
        }
        Ok((f, sides.iter().map(slope).collect()))
    }

    /// Slopes without what forward differences are off by: h_i times half the curvature of the coordinate.
    pub(super) fn corrected(self, slopes: &[f64], curvatures: &[f64], x: &[f64], room: &Room) -> Vec<f64> {
        if self.central {
            return slopes.to_vec();
        }
        let off = |i: usize| 0.5 * self.reach(room, i, x[i]) * curvatures[i];
        slopes.iter().enumerate().map(|(i, slope)| slope - off(i)).collect()
    }

    /// The interval of a coordinate, inwards where it would end outside.
    fn reach(self, room: &Room, i: usize, x: f64) -> f64 {
        let (_, upper) = room.interval(i);
        let level = LEVEL * room.least_deviation(i);
        let h = if level > 0.0 { level } else { self.interval * x.abs().max(1.0) };
        if x + h > upper { -h } else { h }
    }
}

fn fits(room: &Room, i: usize, x: f64) -> bool {
    let (lower, upper) = room.interval(i);
    (lower..=upper).contains(&x)
}

/// The losses beside x, after its own where that is wanted too; and how far from x they were taken.
fn ask(x: &[f64], own: usize, asked: &[(usize, f64)], oracle: &mut Oracle<'_>) -> Result<(Vec<f64>, Losses)> {
    let d = x.len();
    let mut points: Vec<f64> = x.iter().copied().cycle().take((own + asked.len()) * d).collect();
    let beside = own * d;
    for (row, (i, h)) in points[beside..].chunks_exact_mut(d).zip(asked) {
        row[*i] += h;
    }
    let losses = oracle.losses(&mut points)?;
    let steps = points[beside..].chunks_exact(d).zip(asked).map(|(row, (i, _))| row[*i] - x[*i]).collect();
    Ok((steps, losses))
}

/// Step and loss on each side of a coordinate; a step of 0 is none.
fn record(sides: &mut [[(f64, f64); 2]], asked: &[(usize, f64)], steps: &[f64], losses: &[f64]) {
    for ((i, _), (step, loss)) in asked.iter().zip(steps.iter().zip(losses)).filter(|(_, (_, loss))| loss.is_finite()) {
        sides[*i][usize::from(*step < 0.0)] = (*step, *loss);
    }
}

/// The difference of the two sides; where there is one only, the other is x itself.
fn slope([(up, above), (down, below)]: &[(f64, f64); 2]) -> f64 {
    let over = up - down;
    let slope = if over > 0.0 { (above - below) / over } else { 0.0 };
    if slope.abs() < STEEPEST { slope } else { 0.0 }
}
