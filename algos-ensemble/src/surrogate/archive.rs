//! The points that were truly evaluated, the newest last.

use moths_core::{
    Result,
    persist::{Fields, Persist},
};

/// The most points, whatever the size of a generation.
const MOST_POINTS: usize = 1 << 16;

/// Points \[n, d\] and their losses, all finite.
#[derive(Clone, PartialEq)]
pub(super) struct Archive {
    dim: usize,
    most: usize,
    points: Vec<f64>,
    losses: Vec<f64>,
}

impl Persist for Archive {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        fields.within("most", &mut self.most, 1..=MOST_POINTS)?;
        fields.within("losses", &mut self.losses, 0..=self.most)?;
        let numbers = self.losses.len() * self.dim;
        fields.within("points", &mut self.points, numbers..=numbers)?;
        match self.losses.iter().chain(&self.points).all(|x| x.is_finite()) {
            true => Ok(()),
            false => Err(fields.refusal("holds what is not finite".into())),
        }
    }
}

impl Archive {
    /// Empty, and never of more points than this.
    pub(super) fn new(dim: usize, most: usize) -> Self {
        Self { dim, most, points: vec![], losses: vec![] }
    }

    /// A generation of so many must find room.
    pub(super) fn make_room(&mut self, generation: usize) {
        self.most = self.most.max(generation.min(MOST_POINTS));
    }

    pub(super) fn len(&self) -> usize {
        self.losses.len()
    }

    pub(super) fn point(&self, i: usize) -> &[f64] {
        &self.points[i * self.dim..(i + 1) * self.dim]
    }

    pub(super) fn losses(&self) -> &[f64] {
        &self.losses
    }

    /// One more; of a point that failed nothing is learnt. Where there is no room the oldest goes, but for the best.
    pub(super) fn add(&mut self, point: &[f64], loss: f64) {
        if !loss.is_finite() {
            return;
        }
        if self.len() >= self.most {
            let best = self.best_first()[0];
            let oldest = usize::from(best == 0 && self.most > 1);
            self.losses.remove(oldest);
            self.points.drain(oldest * self.dim..(oldest + 1) * self.dim);
        }
        self.points.extend_from_slice(point);
        self.losses.push(loss);
    }

    /// The best first, of equal ones the newest.
    pub(super) fn best_first(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.len()).rev().collect();
        order.sort_by(|&a, &b| self.losses[a].total_cmp(&self.losses[b]));
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_room_but_never_the_best() {
        let mut archive = Archive::new(1, 3);
        [3.0, 1.0, f64::INFINITY, 5.0, 4.0, 1.0, 2.0].iter().enumerate().for_each(|(i, f)| archive.add(&[i as f64], *f));
        // 3 went for 4, 5 for the second 1 (1 is the best), and then the first 1, since the newer of two equals is the better.
        assert_eq!(archive.losses(), [4.0, 1.0, 2.0]);
        assert_eq!((archive.point(1), archive.best_first()), (&[5.0][..], vec![1, 2, 0]));
    }
}
