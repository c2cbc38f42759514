//! The points that were evaluated, and which of them are good.

use candle_core::Tensor;
use moths_core::{
    CowTensor, Result, Space, fuse,
    persist::{Fields, Persist},
    tensor::host,
};

/// The most points that are good, however many there are.
const MOST_GOOD: usize = 25;

/// Points and their losses, the newest last.
pub(super) struct Archive {
    most: usize,
    /// \[n, d\].
    x: CowTensor,
    /// +∞ of those that failed, or were beaten on other data.
    losses: Vec<f64>,
}

impl Persist for Archive {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        fields.within("x", &mut self.x, 0..=self.most)?;
        let n = self.x.dims()[0];
        fields.within("losses", &mut self.losses, n..=n)?;
        let finite = host::to_f64s(&self.x.flatten_all()?)?.iter().all(|x| x.is_finite());
        if !finite || self.losses.iter().any(|loss| loss.is_nan() || *loss == f64::NEG_INFINITY) {
            return Err(fields.refusal("holds points or losses that are no numbers".into()));
        }
        Ok(())
    }
}

impl Archive {
    /// Empty, and never of more points than this.
    pub(super) fn new(space: &Space, most: usize) -> Result<Self> {
        Ok(Self { most, x: space.zeros_for(0)?, losses: vec![] })
    }

    pub(super) fn len(&self) -> usize {
        self.losses.len()
    }

    /// The min(⌈γ n⌉, 25) points of lowest loss, the lowest first, as far as there are any that did not fail.
    pub(super) fn good(&self, gamma: f64) -> Vec<usize> {
        let wanted = ((gamma * self.len() as f64).ceil() as usize).min(MOST_GOOD);
        let mut order: Vec<usize> = (0..self.len()).filter(|&i| self.losses[i].is_finite()).collect();
        order.sort_by(|&i, &j| self.losses[i].total_cmp(&self.losses[j]));
        order.truncate(wanted);
        order
    }

    /// The losses of these.
    pub(super) fn losses(&self, of: &[usize]) -> Vec<f64> {
        of.iter().map(|&i| self.losses[i]).collect()
    }

    /// The points of these \[m, d\].
    pub(super) fn points(&self, of: &[usize]) -> Result<CowTensor> {
        fuse::gather(&self.x, of)
    }

    /// All coordinates, point by point.
    pub(super) fn numbers(&self) -> Result<Vec<f64>> {
        host::to_f64s(&self.x.flatten_all()?)
    }

    /// The point of lowest loss, if any did not fail.
    pub(super) fn best(&self) -> Result<Option<CowTensor>> {
        let lowest = (0..self.len()).min_by(|&i, &j| self.losses[i].total_cmp(&self.losses[j]));
        let Some(i) = lowest.filter(|&i| self.losses[i].is_finite()) else { return Ok(None) };
        Ok(Some(CowTensor::new(self.x.get(i)?.copy()?)))
    }

    /// With these points too. Of those that are there already, some `were` evaluated again `now`; `renewed`: on other data than the rest,
    /// whose losses are then forgotten. Where there is no room the oldest go that are not good.
    pub(super) fn with(
        &self,
        points: &CowTensor,
        losses: &[f64],
        (were, now): (&[usize], &[f64]),
        renewed: bool,
        gamma: f64,
    ) -> Result<Self> {
        let mut all = self.losses.clone();
        if renewed {
            all.fill(f64::INFINITY);
        }
        were.iter().zip(now).for_each(|(&i, loss)| all[i] = *loss);
        all.extend(losses);
        let x = if self.len() == 0 { points.clone() } else { Tensor::cat(&[&*self.x, &**points], 0)?.into() };
        let whole = Self { most: self.most, x, losses: all };
        let surplus = whole.len().saturating_sub(self.most);
        if surplus == 0 {
            return Ok(whole);
        }
        let good = whole.good(gamma);
        let dropped: Vec<usize> = (0..whole.len()).filter(|i| !good.contains(i)).take(surplus).collect();
        let kept: Vec<usize> = (0..whole.len()).filter(|i| dropped.binary_search(i).is_err()).collect();
        Ok(Self { most: self.most, x: whole.points(&kept)?, losses: whole.losses(&kept) })
    }
}
