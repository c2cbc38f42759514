//! The motion of a random walk of order n: position, velocity, acceleration, ...
//!
//! ```text
//! w_{n−1} = step · z;   w_i = v_i + w_{i+1} for i = n−2..0;   x' = x + w_0
//! ```
//!
//! v_i is the last difference of order i + 1 of the positions: v_0 = x' − x, v_1 its change, and so on; n − 1 of them make the state, and the
//! n-th is what is drawn. So w_0 = Σ v + step · z: the candidates of a step are noise around one point, x + Σ v.

use std::ops::RangeInclusive;

use candle_core::Tensor;
use moths_core::{Batch, CowTensor, Key, Result, Sampler, Space, fuse, kernel, persist, rng::Seed};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Directions;

/// Where a correction of the highest order goes when a step has failed and the motion is made to do the opposite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Propagation {
    /// It stays where it is: lower orders follow in the next steps.
    #[default]
    None,
    /// Down through all orders at once, from the highest: v_i ← v_i + v_{i+1} for i = n−3..0, each with the one above it already changed.
    Downward,
    /// From the lowest: v_i ← v_i + v_{i+1} for i = 0..n−3, each with the one above it not yet changed, so that the correction goes down
    /// by one order only.
    Reverse,
}

kernel! { fn differ(v: inout, w: inout) {
    let change = w - v;
    v = w;
    w = change;
} }

/// The differences v_0..v_{n−2} of the last steps.
pub(crate) struct Motion {
    /// \[n − 1, d\].
    v: CowTensor,
    /// How many there may be.
    rows: RangeInclusive<usize>,
    directions: Directions,
}

persist!(Motion { v in |motion| motion.rows.clone() });

impl Motion {
    /// At rest.
    pub(crate) fn new(order: usize, sampler: Sampler, space: &Space) -> Result<Self> {
        Ok(Self { v: space.zeros_for(order - 1)?, rows: order - 1..=order - 1, directions: Directions::new(sampler, space) })
    }

    /// The same, whose order may rise to this.
    pub(crate) fn rising_to(self, most: usize) -> Self {
        Self { rows: 0..=most - 1, ..self }
    }

    pub(crate) fn order(&self) -> usize {
        self.v.dims()[0] + 1
    }

    /// `best_of` candidates x + w_0, in steps of this length.
    pub(crate) fn candidates(&self, x: &CowTensor, key: Key, best_of: usize, length: f64) -> Result<Batch> {
        let steps: Vec<_> = (0..best_of).map(|b| (key.member(b as u64), length)).collect();
        if self.order() == 1 {
            return Ok(self.directions.batch(x, &steps));
        }
        let mut ahead = CowTensor::new(x.zeros_like()?);
        fuse::weighted_sum(&self.v, &vec![1.0; self.order() - 1], &mut ahead)?;
        Ok(self.directions.batch(&(&**x + &*ahead)?.into(), &steps))
    }

    /// The step from `x` to `to` was taken: v_i ← w_i, which are the differences of the positions as they became (at a bound, too).
    /// The last of them, which was drawn, is kept when the order is raised by one.
    pub(crate) fn advance(&mut self, x: &Tensor, to: &Tensor, raise: bool) -> Result<()> {
        if self.order() == 1 && !raise {
            return Ok(());
        }
        let mut w = CowTensor::new((to - x)?);
        for i in 0..self.order() - 1 {
            let mut v = self.row(i)?;
            differ(&mut v, &mut w)?;
            self.v.set_row(i, &v)?;
        }
        if raise {
            self.v = Tensor::cat(&[&*self.v, &w.unsqueeze(0)?], 0)?.into();
        }
        Ok(())
    }

    /// The step with the noise of `key` failed: the opposite of what was drawn goes to the highest difference, v_{n−2}, and from there as
    /// `propagation` says; for a walk of order 1 that is the position, and it is given back.
    pub(crate) fn oppose(
        &mut self,
        x: &CowTensor,
        seed: Seed,
        length: f64,
        propagation: Propagation,
    ) -> Result<Option<CowTensor>> {
        if self.order() == 1 {
            let mut x = x.clone();
            self.directions.add(seed, -length, &mut x)?;
            return Ok(Some(x));
        }
        let top = self.order() - 2;
        let mut v = self.row(top)?;
        self.directions.add(seed, -length, &mut v)?;
        self.v.set_row(top, &v)?;
        match propagation {
            Propagation::None => {}
            Propagation::Downward => (0..top).rev().try_for_each(|i| self.follow(i))?,
            Propagation::Reverse => (0..top).try_for_each(|i| self.follow(i))?,
        }
        Ok(None)
    }

    /// v_i ← v_i + v_{i+1}.
    fn follow(&mut self, i: usize) -> Result<()> {
        let sum = (self.v.get(i)? + self.v.get(i + 1)?)?;
        self.v.set_row(i, &sum)
    }

    fn row(&self, i: usize) -> Result<CowTensor> {
        Ok(self.v.get(i)?.copy()?.into())
    }

    /// One order less, down to 1: the highest difference is dropped.
    pub(crate) fn lower(&mut self) -> Result<()> {
        if self.order() > 1 {
            self.v = self.v.narrow(0, 0, self.order() - 2)?.copy()?.into();
        }
        Ok(())
    }

    /// At rest again.
    pub(crate) fn rest(&mut self, order: usize) -> Result<()> {
        self.v = Tensor::zeros((order - 1, self.v.dims()[1]), self.v.dtype(), self.v.device())?.into();
        Ok(())
    }
}
