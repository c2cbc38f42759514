//! Points that are searched together, and what is known of them: the word of swarms, genetic algorithms and differential evolution.
//!
//! | file | what it answers |
//! |---|---|
//! | `mod` | who is there; comparison on equal data; selection; moving |
//! | `init` | where the members begin |
//! | `size` | how many there are, at every step |
//! | `turnover` | joining and leaving |

mod init;
mod size;
mod turnover;

use std::ops::RangeInclusive;

use candle_core::Tensor;

pub use init::Init;
pub use size::Size;
pub use turnover::Joining;

use crate::{
    Error, Result, fuse, kernel,
    objective::{Batch, Objective},
    optimizer::{Comparison, shaping},
    persist,
    rng::{Element, Key},
    space::Space,
    tensor::{CowTensor, host},
    with_scalar,
};

/// n points and what is known of them.
///
/// ```
/// use moths_core::{Function, Key, Space, optimizer::population::{Init, Population, Size}};
///
/// let space = Space::real(3)?;
/// let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| x * x).sum());
/// let mut population = Population::new(&space, &space.start(), Key::new(1), &Size::from(10), Init::Around)?;
/// let seen = population.against(population.points().clone(), &mut objective)?;
/// population.judge(&seen.losses)?;
/// assert_eq!(population.answer()?.to_vec1::<f64>()?, [0.0; 3]); // the start is one of them
/// # Ok::<(), moths_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Population {
    /// \[n, d\].
    x: CowTensor,
    /// f(x_i); +∞ until a point has succeeded once.
    loss: Vec<f64>,
    /// Have these points been evaluated?
    judged: bool,
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
    /// Members around a start, which is one of them; as many as there are at step 0.
    ///
    /// # Errors
    /// As [`Init::points`].
    pub fn new(space: &Space, start: &CowTensor, key: Key, size: &Size, init: Init) -> Result<Self> {
        size.least("members of a population", 1)?;
        let n = size.at(0);
        let x = init.points(space, start, key, n)?;
        Ok(Self { x, loss: vec![f64::INFINITY; n], judged: false, sizes: size.range() })
    }

    /// The same, whose [members may leave](Self::retain) until so few are left.
    pub fn shrinking_to(self, fewest: usize) -> Self {
        Self { sizes: fewest.clamp(1, self.len())..=self.len(), ..self }
    }

    fn rows(&self) -> RangeInclusive<usize> {
        let n = self.x.dims()[0];
        n..=n
    }

    /// The points \[n, d\].
    pub fn points(&self) -> &CowTensor {
        &self.x
    }

    /// f(x_i); +∞ until a point has succeeded once.
    pub fn losses(&self) -> &[f64] {
        &self.loss
    }

    /// Have these points been evaluated?
    pub fn is_judged(&self) -> bool {
        self.judged
    }

    /// n.
    pub fn len(&self) -> usize {
        self.loss.len()
    }

    /// Never: there is one member at least.
    pub fn is_empty(&self) -> bool {
        self.loss.is_empty()
    }

    /// The first member of lowest loss.
    pub fn best(&self) -> usize {
        (1..self.len()).fold(0, |best, i| if self.loss[i] < self.loss[best] { i } else { best })
    }

    /// The members from best to worst.
    pub fn order(&self) -> Vec<usize> {
        shaping::order(&self.loss)
    }

    /// The best point \[d\], a copy.
    ///
    /// # Errors
    /// [`Error::Tensor`] where candle refuses to copy it.
    pub fn answer(&self) -> Result<CowTensor> {
        Ok(self.x.get(self.best())?.copy()?.into())
    }

    /// Evaluates candidates \[m, d\] beside what they are compared with, all on the same data.
    ///
    /// # Errors
    /// What the objective fails with.
    pub fn against(&self, candidates: CowTensor, objective: &mut dyn Objective) -> Result<Comparison> {
        objective.losses_beside(&Batch::Dense(candidates), &Batch::Dense(self.x.clone()), Some(&self.loss))
    }

    /// The members' losses are now these: those on the data of the step ([`Comparison::before`]).
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of losses than members.
    pub fn recall(&mut self, before: Vec<f64>) -> Result<()> {
        if before.len() != self.len() {
            return Err(Error::shape("losses of a population", self.len(), before.len()));
        }
        self.loss = before;
        Ok(())
    }

    /// The points themselves have been evaluated, and have these losses.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of losses than members.
    pub fn judge(&mut self, losses: &[f64]) -> Result<()> {
        self.recall(losses.to_vec())?;
        self.judged = true;
        Ok(())
    }

    /// Whose trials are no worse: plateaus are crossed. A trial that failed never wins.
    pub fn no_worse(&self, losses: &[f64]) -> Vec<usize> {
        self.members_with(losses, |new, old| new.is_finite() && new <= old)
    }

    /// Whose trials are better.
    pub fn better(&self, losses: &[f64]) -> Vec<usize> {
        self.members_with(losses, |new, old| new < old)
    }

    fn members_with(&self, losses: &[f64], holds: impl Fn(f64, f64) -> bool) -> Vec<usize> {
        let pairs = losses.iter().zip(&self.loss).enumerate();
        pairs.filter(|(_, (new, old))| holds(**new, **old)).map(|(i, _)| i).collect()
    }

    /// These trials, rows of \[n, d\] with one loss each, take the places of the members of the same rows.
    ///
    /// # Errors
    /// As [`fuse::copy_rows`]; [`Error::Shape`] unless there are as many losses as members. Nothing has then changed.
    pub fn replace(&mut self, rows: &[usize], trials: &Tensor, losses: &[f64]) -> Result<()> {
        if losses.len() != self.len() {
            return Err(Error::shape("losses of trials", self.len(), losses.len()));
        }
        if rows.is_empty() {
            return Ok(());
        }
        fuse::copy_rows(trials, rows, &mut self.x)?;
        rows.iter().for_each(|&i| self.loss[i] = losses[i]);
        Ok(())
    }

    /// The points are moved in place, as `how` says; the losses stay those of where they were.
    ///
    /// # Errors
    /// What `how` fails with; [`Error::Shape`] where it leaves another number of points.
    pub fn moving(&mut self, how: impl FnOnce(&mut CowTensor) -> Result<()>) -> Result<()> {
        let dims = self.x.dims().to_vec();
        how(&mut self.x)?;
        if self.x.dims() != dims {
            return Err(Error::shape("points that were moved", format!("{dims:?}"), format!("{:?}", self.x.dims())));
        }
        Ok(())
    }

    /// A whole generation takes the place of this one, whose points are left in `next`. It may be of any size that there may be.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there are as many losses as points, and as many as there may be members; nothing has then changed.
    pub fn succeed(&mut self, next: &mut CowTensor, losses: Vec<f64>) -> Result<()> {
        if !self.sizes.contains(&losses.len()) {
            return Err(Error::shape("losses of the next generation", format!("{:?}", self.sizes), losses.len()));
        }
        let dims = [losses.len(), self.x.dims()[1]];
        if next.dims() != dims {
            return Err(Error::shape("the next generation", format!("{dims:?}"), format!("{:?}", next.dims())));
        }
        std::mem::swap(&mut self.x, next);
        (self.loss, self.judged) = (losses, true);
        Ok(())
    }

    /// The members with the best in the first place, and who was there in the best's: as [`moved`](Self::moved) leaves them.
    pub fn best_first(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.swap(0, self.best());
        order
    }

    /// The whole population moved so that its best lies at `at`, inside the bounds; nothing is known of the losses there.
    ///
    /// The best is then the [first](Self::best_first). At a bound the population is reflected, so that it does not become flat. If it has no extent any more it is scattered anew.
    ///
    /// # Errors
    /// [`Error::Shape`] for a point of another length.
    pub fn moved(&self, at: &CowTensor, space: &Space, key: Key) -> Result<Self> {
        let mut x = match self.is_one_point()? {
            true => Init::Around.points(space, at, key, self.len())?,
            false => shifted(&fuse::gather(&self.x, &self.best_first())?, &*self.answer()?, at, space)?,
        };
        x.set_row(0, at)?;
        Ok(Self { x, loss: vec![f64::INFINITY; self.len()], judged: false, sizes: self.sizes.clone() })
    }

    /// Is there nothing left to search with: no coordinate in which two points differ by more than rounding?
    ///
    /// # Errors
    /// [`Error::Tensor`] where the points cannot be read on the host.
    pub fn is_one_point(&self) -> Result<bool> {
        let d = self.x.dims()[1];
        with_scalar!(self.x.dtype(), T => host::read::<T, _>(&self.x, |x| (0..d).all(|j| is_flat(x, j, d))))
    }
}

/// Points \[n, d\] moved by `to` − `from`, mirrored once at the bounds.
///
/// # Errors
/// [`Error::Shape`] for points of another length.
pub fn shifted(x: &CowTensor, from: &Tensor, to: &Tensor, space: &Space) -> Result<CowTensor> {
    let mut x = x.clone();
    match space.box_tensors()? {
        None => carry(&mut x, from, to)?,
        Some((lower, upper)) => carry_inside(&mut x, from, to, &lower, &upper)?,
    }
    space.confine(&mut x)?;
    Ok(x)
}

/// Is the extent of coordinate `j` nothing but rounding?
fn is_flat<T: Element>(x: &[T], j: usize, d: usize) -> bool {
    let mut column = x[j..].iter().step_by(d).map(|x| x.to_f64());
    let first = column.next().unwrap_or_default();
    let epsilon = if std::mem::size_of::<T>() == 4 { f64::from(f32::EPSILON) } else { f64::EPSILON };
    column.all(|x| (x - first).abs() <= 1e-12 + 4.0 * epsilon * first.abs())
}
