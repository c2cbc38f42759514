//! candle's own optimizers as descents.

use candle_core::{Var, backprop::GradStore};

use super::Descent;
use crate::{
    Error, Result,
    noise::Gradient,
    persist::{Fields, Persist},
    tensor::CowTensor,
};

/// Any [`candle_nn::Optimizer`] as a [`Descent`].
///
/// candle keeps the state of its optimizers private, so this one cannot be saved or undone: use this crate's own
/// [`AdamW`](super::AdamW), which takes the same steps, where that matters.
///
/// Take it when a rule is wanted that candle or a crate beside it has and this one does not, in a program that never saves its run.
///
/// Tune first: its learning rate, as for the same rule here; it has no schedule.
///
/// ```
/// use candle_nn::{AdamW, ParamsAdamW};
/// use moths_core::{optimizer::{GradientDescent, descent::CandleDescent}, Function, Optimizer, Space};
/// # use moths_core::{CowTensor, optimizer::{Estimate, Estimator}, Objective, Result, persist};
/// # struct MyEstimator;
/// # persist!(MyEstimator {});
/// # impl Estimator for MyEstimator {
/// #     fn estimate(&mut self, at: &CowTensor, _: &mut dyn Objective) -> Result<Estimate> {
/// #         Ok(Estimate::new(0.0, Some(at.ones_like()?.into()), 0))
/// #     }
/// # }
/// let space = Space::real(3)?;
/// let adamw = CandleDescent::<AdamW>::new(&space.start(), ParamsAdamW { lr: 0.1, ..Default::default() })?;
/// let mut optimizer = GradientDescent::new(MyEstimator, adamw, &space);
/// optimizer.step(&mut Function::new(space, |x| x.iter().sum()))?;
/// assert!(optimizer.answer()?.to_vec1::<f64>()?.iter().all(|x| (x + 0.1).abs() < 1e-6));
/// # Ok::<(), moths_core::Error>(())
/// ```
pub struct CandleDescent<O> {
    optimizer: O,
    var: Var,
}

impl<O: candle_nn::Optimizer> CandleDescent<O> {
    /// An optimizer over one variable of the shape \[d\] of `at`.
    ///
    /// # Errors
    /// [`Error::Tensor`] where candle refuses the point or the settings.
    pub fn new(at: &CowTensor, config: O::Config) -> Result<Self> {
        let var = Var::from_tensor(&at.copy()?)?;
        Ok(Self { optimizer: O::new(vec![var.clone()], config)?, var })
    }
}

impl<O: candle_nn::Optimizer + Send> Descent for CandleDescent<O> {
    fn descend(&mut self, at: &mut CowTensor, gradient: &Gradient) -> Result<()> {
        self.var.set(at)?;
        let mut gradients = GradStore::default();
        gradients.insert(&self.var, (*gradient.dense()?).clone());
        self.optimizer.step(&gradients)?;
        *at = CowTensor::new(self.var.as_tensor().copy()?);
        Ok(())
    }
}

impl<O> Persist for CandleDescent<O> {
    fn visit(&mut self, _: &mut dyn Fields) -> Result<()> {
        Err(Error::unsupported("a candle optimizer", "keeps its state private and cannot be saved; use moths' own descents"))
    }
}
