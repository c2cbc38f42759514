//! l/g: where good points are dense and others are not.

use moths_core::{Result, optimizer::Pending, rng::Stream};

use super::{archive::Archive, parzen::Parzen};
use crate::values::Values;

/// The estimators of good points, and of the others with those whose losses are not known yet.
pub(super) struct Ratio {
    l: Parzen,
    g: Parzen,
}

impl Ratio {
    pub(super) fn new(archive: &Archive, good: &[usize], pending: &Pending, values: &[Values], centre: &[f64]) -> Result<Self> {
        let numbers = archive.numbers()?;
        let mut is_good = vec![false; archive.len()];
        good.iter().for_each(|&i| is_good[i] = true);
        let of = |kind: bool| {
            let rows = numbers.chunks_exact(values.len()).zip(&is_good).filter(move |(_, good)| **good == kind);
            rows.map(|(row, _)| row)
        };
        let (good, others) = (of(true).collect::<Vec<_>>(), of(false).chain(pending.rows()).collect::<Vec<_>>());
        Ok(Self { l: Parzen::new(&good, values, centre), g: Parzen::new(&others, values, centre) })
    }

    /// x ← argmax l/g over so many draws x ~ l, so many coordinates together.
    pub(super) fn highest(&self, draws: usize, together: usize, stream: &mut Stream, x: &mut [f64]) {
        let (mut drawn, mut terms) = (x.to_vec(), vec![]);
        for from in (0..x.len()).step_by(together) {
            let of = from..from + together;
            let mut highest = f64::NEG_INFINITY;
            for c in 0..draws {
                self.l.draw(of.clone(), stream, &mut drawn);
                let l = self.l.log_density(of.clone(), &drawn, &mut terms);
                let ratio = l - self.g.log_density(of.clone(), &drawn, &mut terms);
                if c == 0 || ratio > highest {
                    highest = ratio;
                    x[of.clone()].copy_from_slice(&drawn[of.clone()]);
                }
            }
        }
    }
}
