//! Members that join and leave, where the size is a schedule.

use candle_core::Tensor;

use super::{Population, init};
use crate::{
    Error, Result, fuse, memory,
    noise::Sampler,
    rng::Key,
    space::Space,
    tensor::{CowTensor, host},
};

/// Where new members join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joining {
    /// Around the best member.
    Best,
    /// Around the mean of all.
    Mean,
}

impl Population {
    /// Only these members stay, in this order.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is no such member, or fewer would stay than there may be; nothing has then changed.
    pub fn retain(&mut self, kept: &[usize]) -> Result<()> {
        if !self.sizes.contains(&kept.len()) {
            let valid = format!("{} to {}", self.sizes.start(), self.sizes.end());
            return Err(Error::invalid("members of a population", kept.len(), valid));
        }
        self.x = fuse::gather(&self.x, kept)?;
        self.loss = kept.iter().map(|&i| self.loss[i]).collect();
        Ok(())
    }

    /// Who would stay if there were n members: all but the worst, in their old order.
    pub fn fittest(&self, n: usize) -> Vec<usize> {
        let mut kept = self.order();
        kept.truncate(n);
        kept.sort_unstable();
        kept
    }

    /// New members until there are n: c + σ ⊙ z, mirrored at the bounds, with c the best or the mean, σ the deviation of the members in each
    /// coordinate, and z ~ N(0, I). Nothing is known of their losses yet.
    ///
    /// # Errors
    /// [`Error::Invalid`] where n is more than there may be, [`Error::Memory`] where there is no room; nothing has then changed.
    pub fn join(&mut self, n: usize, joining: Joining, space: &Space, key: Key) -> Result<()> {
        let more = n.saturating_sub(self.len());
        if more == 0 {
            return Ok(());
        }
        if !self.sizes.contains(&n) {
            let valid = format!("{} to {}", self.sizes.start(), self.sizes.end());
            return Err(Error::invalid("members of a population", n, valid));
        }
        memory::check(|| format!("{n} points"), space.dim(), 3.0 * n as f64 * space.dim() as f64 * 8.0)?;
        let (mean, deviation) = self.moments(space)?;
        let centre = if joining == Joining::Best { self.answer()? } else { mean };
        let mut new = init::rows(Sampler::Normal, Some(&deviation), space, &centre, key, more, 1.0)?;
        space.fold(&mut new)?;
        self.x = Tensor::cat(&[&*self.x, &*new], 0)?.into();
        self.loss.resize(n, f64::INFINITY);
        Ok(())
    }

    /// The mean \[d\] of the members, and their deviation \[d\] in each coordinate.
    fn moments(&self, space: &Space) -> Result<(CowTensor, CowTensor)> {
        let (x, d, n) = (host::to_f64s(&self.x)?, space.dim(), self.len() as f64);
        let (mut mean, mut square) = (vec![0.0; d], vec![0.0; d]);
        x.chunks(d).for_each(|row| mean.iter_mut().zip(row).for_each(|(m, x)| *m += x / n));
        for row in x.chunks(d) {
            square.iter_mut().zip(row.iter().zip(&mean)).for_each(|(s, (x, m))| *s += (x - m).powi(2) / n);
        }
        let deviation = square.into_iter().map(f64::sqrt).collect();
        let tensor = |values: Vec<f64>| Ok::<_, Error>(space.numbers(values, d)?.into());
        Ok((tensor(mean)?, tensor(deviation)?))
    }
}
