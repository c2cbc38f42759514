//! A population: points, their losses, and selection of each against its own successor.

use std::ops::RangeInclusive;

use candle_core::Tensor;
use moths_core::{
    Batch, CowTensor, Key, Objective, Result, Space, fuse, kernel,
    optimizer::{Comparison, shaping},
    persist,
    rng::Element,
    tensor::host,
    with_scalar,
};

/// n points and what is known of them.
pub(crate) struct Population {
    /// \[n, d\].
    pub(crate) x: CowTensor,
    /// f(x_i); +∞ until a point has succeeded once.
    pub(crate) loss: Vec<f64>,
    /// Have these points been evaluated?
    pub(crate) judged: bool,
    /// What n may be.
    sizes: RangeInclusive<usize>,
}

persist!(Population { x in |population| population.sizes.clone(), loss in |population| population.rows(), judged });

kernel! { fn carry(x: inout, from: row, to: row) {
    x = x + (to - from);
} }
kernel! { fn carry_inside(x: inout, from: row, to: row, lower: row, upper: row) {
    let moved = x + (to - from);
    let back = select(moved < lower, 2.0 * lower - moved, select(moved > upper, 2.0 * upper - moved, moved));
    x = clamp(back, lower, upper);
} }

impl Population {
    /// n points around a start, which is one of them.
    pub(crate) fn scattered(space: &Space, around: &CowTensor, key: Key, n: usize) -> Result<Self> {
        let mut x = space.scatter(around, key, n)?;
        x.set_row(0, around)?;
        Ok(Self { x, loss: vec![f64::INFINITY; n], judged: false, sizes: n..=n })
    }

    /// The same, which may [shrink](Self::shrink) to so many.
    pub(crate) fn shrinking_to(self, fewest: usize) -> Self {
        Self { sizes: fewest.min(self.len())..=self.len(), ..self }
    }

    fn rows(&self) -> RangeInclusive<usize> {
        let n = self.x.dims()[0];
        n..=n
    }

    pub(crate) fn len(&self) -> usize {
        self.loss.len()
    }

    /// The first of lowest loss.
    pub(crate) fn best(&self) -> usize {
        (1..self.len()).fold(0, |best, i| if self.loss[i] < self.loss[best] { i } else { best })
    }

    /// From best to worst.
    pub(crate) fn order(&self) -> Vec<usize> {
        shaping::order(&self.loss)
    }

    pub(crate) fn answer(&self) -> Result<CowTensor> {
        Ok(self.x.get(self.best())?.copy()?.into())
    }

    /// Evaluates candidates \[m, d\], and what they are compared with.
    pub(crate) fn against(&self, candidates: CowTensor, objective: &mut dyn Objective) -> Result<Comparison> {
        objective.losses_beside(&Batch::Dense(candidates), &Batch::Dense(self.x.clone()), Some(&self.loss))
    }

    /// The points themselves have these losses.
    pub(crate) fn judge(&mut self, losses: &[f64]) {
        self.loss.copy_from_slice(losses);
        self.judged = true;
    }

    /// Whose trials are no worse: plateaus are crossed. A trial that failed never wins.
    pub(crate) fn winners(&self, losses: &[f64]) -> Vec<usize> {
        (0..self.len()).filter(|&i| losses[i].is_finite() && losses[i] <= self.loss[i]).collect()
    }

    /// These trials take the places of their parents.
    pub(crate) fn replace(&mut self, winners: &[usize], trials: &Tensor, losses: &[f64]) -> Result<()> {
        if winners.is_empty() {
            return Ok(());
        }
        fuse::copy_rows(trials, winners, &mut self.x)?;
        winners.iter().for_each(|&i| self.loss[i] = losses[i]);
        Ok(())
    }

    /// Only the best n stay.
    pub(crate) fn shrink(&mut self, n: usize) -> Result<()> {
        let mut kept = self.order();
        kept.truncate(n);
        self.x = rows(&self.x, &kept)?;
        self.loss = kept.iter().map(|&i| self.loss[i]).collect();
        Ok(())
    }

    /// The whole population moved so that its best lies at `at`, inside the bounds; nothing is known of the losses there.
    ///
    /// At a bound it is reflected, so that it does not become flat. If it has no extent any more it is scattered anew.
    pub(crate) fn moved(&self, at: &CowTensor, space: &Space, key: Key) -> Result<Self> {
        if self.is_one_point()? {
            return Ok(Self { sizes: self.sizes.clone(), ..Self::scattered(space, at, key, self.len())? });
        }
        let (from, mut x) = (self.answer()?, self.x.clone());
        match space.box_tensors()? {
            None => carry(&mut x, &from, at)?,
            Some((lower, upper)) => carry_inside(&mut x, &from, at, &lower, &upper)?,
        }
        space.confine(&mut x)?;
        x.set_row(0, at)?;
        Ok(Self { x, loss: vec![f64::INFINITY; self.len()], judged: false, sizes: self.sizes.clone() })
    }

    /// Is there nothing left to search with: no coordinate in which two points differ by more than rounding?
    pub(crate) fn is_one_point(&self) -> Result<bool> {
        let d = self.x.dims()[1];
        with_scalar!(self.x.dtype(), T => host::read::<T, _>(&self.x, |x| (0..d).all(|j| is_flat(x, j, d))))
    }
}

/// Is the extent of coordinate `j` nothing but rounding?
fn is_flat<T: Element>(x: &[T], j: usize, d: usize) -> bool {
    let mut column = x[j..].iter().step_by(d).map(|x| x.to_f64());
    let first = column.next().unwrap_or_default();
    let epsilon = if std::mem::size_of::<T>() == 4 { f64::from(f32::EPSILON) } else { f64::EPSILON };
    column.all(|x| (x - first).abs() <= 1e-12 + 4.0 * epsilon * first.abs())
}

/// These rows, in this order, as a tensor of their own.
pub(crate) fn rows(x: &Tensor, kept: &[usize]) -> Result<CowTensor> {
    let d = x.dims()[1];
    let rows = with_scalar!(x.dtype(), T => host::read::<T, _>(x, |x| {
        let values: Vec<T> = kept.iter().flat_map(|i| &x[i * d..(i + 1) * d]).copied().collect();
        Tensor::from_vec(values, (kept.len(), d), &candle_core::Device::Cpu)
    }))?;
    Ok(rows?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_into_a_corner_leaves_the_population_its_extent() {
        let space = Space::bounded([(0.0, 1.0); 2]).unwrap();
        let population = Population::scattered(&space, &space.start(), Key::new(1), 20).unwrap();
        let corner = space.point(&CowTensor::new((&*space.start() + 1e4).unwrap())).unwrap();
        let moved = population.moved(&corner, &space, Key::new(2)).unwrap();
        assert_eq!(moved.answer().unwrap().to_vec1::<f64>().unwrap(), corner.to_vec1::<f64>().unwrap());
        let mut coordinates: Vec<f64> = moved.x.flatten_all().unwrap().to_vec1().unwrap();
        coordinates.sort_by(f64::total_cmp);
        coordinates.dedup();
        assert!(coordinates.len() > 35 && coordinates.iter().all(|x| (0.0..=4.0).contains(x)), "{coordinates:?}");
    }

    #[test]
    fn one_point_is_one_point_only_within_rounding() {
        let space = Space::real(3).unwrap();
        let mut population = Population::scattered(&space, &space.start(), Key::new(1), 5).unwrap();
        assert!(!population.is_one_point().unwrap());
        for i in 0..5 {
            population.x.set_row(i, &Tensor::new(&[1e-13 * i as f64, 1.0, 2.0], &candle_core::Device::Cpu).unwrap()).unwrap();
        }
        assert!(population.is_one_point().unwrap());
    }
}
