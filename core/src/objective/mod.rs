//! What is minimised: losses of batches of candidates.
//!
//! | file | what it answers |
//! |---|---|
//! | `mod` | what an [`Objective`] is, and functions as objectives |
//! | `batch` | candidates: numbers, or seeds |
//! | `named` | functions that ask for their parameters by name |
//! | `outputs` | what models answer, for methods that see it |
//! | `home` | a model that holds the point itself |
//! | [`model`] | candle models as objectives |
//! | [`layer`] | objectives around objectives |

mod batch;
mod home;
pub mod layer;
pub mod model;
mod named;
mod outputs;

pub use batch::{Batch, Probe};
pub use home::{Advance, Home};
pub use named::{Named, NamedFunction};
pub use outputs::{OutputLoss, Outputs};

use std::ops::Deref;

use candle_core::Tensor;

use crate::{
    Error, Result,
    space::Space,
    tensor::{CowTensor, host},
    with_scalar,
};

/// Losses of batches of candidates over a [`Space`], to be minimised.
///
/// Implementors give one loss a candidate, in order. NaN, +∞ and −∞ alike say that this candidate failed: a loss that is no finite number
/// is never the best, and −∞ is a logarithm of zero far more often than a triumph. An error says that the whole evaluation failed: the
/// step that asked for it then changes nothing.
pub trait Objective {
    /// What is searched.
    fn space(&self) -> &Space;

    /// One loss a candidate, in order. NaN, +∞ or −∞: this candidate failed.
    ///
    /// Within a step all calls see the same data, except that candidates of different [draws](Batch::draw) may see different
    /// data when the objective is [stochastic](Objective::stochastic).
    ///
    /// # Errors
    /// [`Error::Objective`], or whatever says why no losses came back at all: [`Error::Budget`] and [`Error::Suspended`] are of the layers
    /// around an objective.
    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>>;

    /// Is the loss of the same point different after the next [`refresh`](Objective::refresh)?
    fn stochastic(&self) -> bool {
        false
    }

    /// Moves on to new data. Called between steps, never within one.
    ///
    /// # Errors
    /// What getting new data fails with.
    fn refresh(&mut self) -> Result<()> {
        Ok(())
    }

    /// [`refresh`](Objective::refresh) so many times: where a run goes on, its data do too. Whoever counts can do it at once.
    ///
    /// # Errors
    /// What [`refresh`](Objective::refresh) fails with; so many as went well have been taken.
    fn skip(&mut self, steps: u64) -> Result<()> {
        (0..steps).try_for_each(|_| self.refresh())
    }

    /// Loss and gradient \[d\] with respect to the search coordinates, where the objective can be differentiated.
    ///
    /// # Errors
    /// What evaluating the point, or differentiating there, fails with.
    fn gradient(&mut self, _at: &CowTensor) -> Result<Option<(f64, Tensor)>> {
        Ok(None)
    }

    /// Does it answer [`outputs`](Objective::outputs)? Costs nothing.
    fn shows_outputs(&self) -> bool {
        false
    }

    /// The outputs of every candidate on the data of the step, their losses, and the derivatives of these by the outputs; `None` where the
    /// objective is no model, or does not show what it answers. It costs what [`evaluate`](Objective::evaluate) does, and the candidates see the
    /// same data.
    ///
    /// # Errors
    /// What evaluating the batch fails with; [`Error::Tensor`] where candidates see different numbers of examples.
    fn outputs(&mut self, _batch: &Batch) -> Result<Option<Outputs>> {
        Ok(None)
    }

    /// The model that holds the point itself, where the space is [in place](Space::in_place).
    fn home(&mut self) -> Option<&mut dyn Home> {
        None
    }
}

impl dyn Objective + '_ {
    /// The losses of a batch as algorithms see them: as many as candidates, and +∞ for every candidate that failed.
    ///
    /// # Errors
    /// What [`Objective::evaluate`] fails with; [`Error::Objective`] if it gives another number of losses than candidates.
    pub fn losses(&mut self, batch: &Batch) -> Result<Losses> {
        let losses = self.evaluate(batch)?;
        if losses.len() != batch.len() {
            return Err(Error::Objective(format!("{} losses came back for {} candidates", losses.len(), batch.len())));
        }
        Ok(losses.into())
    }

    /// The [outputs](Objective::outputs) of a batch, as algorithms see them.
    ///
    /// # Errors
    /// What [`Objective::outputs`] fails with; [`Error::Objective`] where losses, values or slopes are not those of the candidates.
    pub fn outputs_of(&mut self, batch: &Batch) -> Result<Option<Outputs>> {
        let Some(outputs) = self.outputs(batch)? else { return Ok(None) };
        let Outputs { losses, values, slopes } = &outputs;
        let fits = losses.len() == batch.len() && values.rank() == 3 && values.dims()[0] == batch.len();
        if !fits || slopes.dims() != values.dims() {
            let (n, shown) = (batch.len(), [values.dims(), slopes.dims()]);
            return Err(Error::Objective(format!("{} losses and outputs {shown:?} came back for {n} candidates", losses.len())));
        }
        Ok(Some(outputs))
    }
}

/// One loss a candidate: a finite number, or +∞ where the candidate failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Losses(Vec<f64>);

/// The one place where NaN and −∞ become +∞.
impl From<Vec<f64>> for Losses {
    fn from(mut losses: Vec<f64>) -> Self {
        losses.iter_mut().filter(|l| !l.is_finite()).for_each(|l| *l = f64::INFINITY);
        Self(losses)
    }
}

impl Losses {
    /// The lowest loss; +∞ when all candidates failed.
    pub fn lowest(&self) -> f64 {
        self.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// The first candidate of lowest loss, and its loss; `None` when all candidates failed.
    pub fn best(&self) -> Option<(usize, f64)> {
        let (i, loss) = self.iter().copied().enumerate().min_by(|a, b| a.1.total_cmp(&b.1))?;
        loss.is_finite().then_some((i, loss))
    }

    /// The losses before the last `len`, which stay.
    pub(crate) fn split_off(&mut self, len: usize) -> Vec<f64> {
        let last = self.0.split_off(self.0.len() - len);
        std::mem::replace(&mut self.0, last)
    }

    /// Did every candidate fail?
    pub fn all_failed(&self) -> bool {
        self.iter().all(|l| l.is_infinite())
    }
}

impl Deref for Losses {
    type Target = [f64];

    fn deref(&self) -> &[f64] {
        &self.0
    }
}

/// Objectives given by mutable reference or in a box are objectives.
macro_rules! forward {
    ($($t:ty),*) => {$(
        impl<O: Objective + ?Sized> Objective for $t {
            fn space(&self) -> &Space {
                (**self).space()
            }
            fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
                (**self).evaluate(batch)
            }
            fn stochastic(&self) -> bool {
                (**self).stochastic()
            }
            fn refresh(&mut self) -> Result<()> {
                (**self).refresh()
            }
            fn skip(&mut self, steps: u64) -> Result<()> {
                (**self).skip(steps)
            }
            fn gradient(&mut self, at: &CowTensor) -> Result<Option<(f64, Tensor)>> {
                (**self).gradient(at)
            }
            fn shows_outputs(&self) -> bool {
                (**self).shows_outputs()
            }
            fn outputs(&mut self, batch: &Batch) -> Result<Option<Outputs>> {
                (**self).outputs(batch)
            }
            fn home(&mut self) -> Option<&mut dyn Home> {
                (**self).home()
            }
        }
    )*};
}
forward!(&mut O, Box<O>);

/// An objective from a plain function of the parameter values.
///
/// ```
/// use moths_core::{Function, Space};
/// let sphere = Function::new(Space::bounded([(-5.0, 5.0); 10])?, |x| x.iter().map(|x| x * x).sum());
/// # Ok::<(), moths_core::Error>(())
/// ```
pub struct Function<F> {
    space: Space,
    f: F,
    values: Vec<f64>,
}

impl<F: FnMut(&[f64]) -> f64> Function<F> {
    /// `f` gets all free parameter values, decoded (scaled, rounded, inside what their leaf's dtype holds of the bounds), flat, in order.
    pub fn new(space: Space, f: F) -> Self {
        Self { values: vec![0.0; space.dim()], space, f }
    }
}

impl<F: FnMut(&[f64]) -> f64> Objective for Function<F> {
    fn space(&self) -> &Space {
        &self.space
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        let Self { space, f, values } = self;
        function_losses(space, batch, values, |values| Ok(f(values)))
    }
}

/// The loss `f` of the parameter values of every candidate, which are written into `values` \[d\].
fn function_losses(
    space: &Space,
    batch: &Batch,
    values: &mut [f64],
    mut f: impl FnMut(&[f64]) -> Result<f64>,
) -> Result<Vec<f64>> {
    with_scalar!(space.dtype(), T => {
        let mut point = vec![T::default(); space.dim()];
        (0..batch.len())
            .map(|i| {
                batch.write_slice(i, &mut point)?;
                space.decode_slice(&mut point);
                values.iter_mut().zip(&point).for_each(|(v, x)| *v = f64::from(*x));
                f(values)
            })
            .collect()
    })
}

/// An objective from a function of many candidates at once: parameter values \[n, d\] to losses \[n\].
///
/// ```
/// use moths_core::{Space, TensorFunction};
/// let sphere = TensorFunction::new(Space::real(10)?, |x| x.sqr()?.sum(1));
/// # Ok::<(), moths_core::Error>(())
/// ```
pub struct TensorFunction<F> {
    space: Space,
    f: F,
}

impl<F: FnMut(&Tensor) -> candle_core::Result<Tensor>> TensorFunction<F> {
    /// `f` gets the decoded values \[n, d\] of n candidates in the space's dtype, and gives n losses of any dtype.
    pub fn new(space: Space, f: F) -> Self {
        Self { space, f }
    }
}

impl<F: FnMut(&Tensor) -> candle_core::Result<Tensor>> Objective for TensorFunction<F> {
    fn space(&self) -> &Space {
        &self.space
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        let values = self.space.decode(&*batch.dense(&self.space)?)?;
        let losses = (self.f)(&values)?;
        if losses.elem_count() != batch.len() {
            return Err(Error::shape("losses", format!("[{}]", batch.len()), format!("{:?}", losses.dims())));
        }
        Ok(host::in_f64(&losses.flatten_all()?)?.to_vec1()?)
    }
}
