//! Counting evaluations, and stopping at a number of them.

use candle_core::Tensor;

use crate::{
    Error, Result,
    objective::{Batch, Objective, Outputs},
    passes_on,
    tensor::CowTensor,
};

/// Counts the candidates an objective evaluates, and refuses to go over a limit.
///
/// A batch that would go over is refused whole with [`Error::Budget`]: the step that asked for it changes nothing. A gradient counts
/// as one evaluation.
///
/// ```
/// use moths_core::{Batch, objective::layer::Budget, Error, Function, Key, Objective, Space};
///
/// let space = Space::real(2)?;
/// let mut objective = Budget::new(Function::new(space.clone(), |x| x[0] + x[1]), 10);
/// let seven = Batch::Dense(space.scatter(&space.start(), Key::new(1), 7)?);
/// objective.evaluate(&seven)?;
/// assert!(matches!(objective.evaluate(&seven), Err(Error::Budget { limit: 10, used: 7, asked: 7 })));
/// assert_eq!(objective.used(), 7);
/// # Ok::<(), moths_core::Error>(())
/// ```
pub struct Budget<O> {
    inner: O,
    limit: u64,
    used: u64,
}

impl<O: Objective> Budget<O> {
    /// Allows `limit` evaluations.
    pub fn new(inner: O, limit: u64) -> Self {
        Self { inner, limit, used: 0 }
    }

    /// Only counts.
    pub fn count(inner: O) -> Self {
        Self::new(inner, u64::MAX)
    }

    /// Evaluations so far.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// The objective inside.
    pub fn inner(&mut self) -> &mut O {
        &mut self.inner
    }

    fn pay<T>(&mut self, evaluations: u64, f: impl FnOnce(&mut O) -> Result<T>) -> Result<T> {
        let paid = self.pay_if_there(evaluations, |inner| f(inner).map(Some))?;
        paid.ok_or_else(|| Error::Objective("an evaluation gave nothing".into()))
    }

    /// What an objective does not have costs nothing.
    fn pay_if_there<T>(&mut self, evaluations: u64, f: impl FnOnce(&mut O) -> Result<Option<T>>) -> Result<Option<T>> {
        if evaluations > self.limit - self.used {
            return Err(Error::Budget { limit: self.limit, used: self.used, asked: evaluations });
        }
        let value = f(&mut self.inner)?;
        self.used += if value.is_some() { evaluations } else { 0 };
        Ok(value)
    }
}

impl<O: Objective> Objective for Budget<O> {
    passes_on!(inner: space, stochastic, refresh, home);

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        self.pay(batch.len() as u64, |inner| inner.evaluate(batch))
    }

    fn gradient(&mut self, at: &CowTensor) -> Result<Option<(f64, Tensor)>> {
        self.pay_if_there(1, |inner| inner.gradient(at))
    }

    fn shows_outputs(&self) -> bool {
        self.inner.shows_outputs()
    }

    fn outputs(&mut self, batch: &Batch) -> Result<Option<Outputs>> {
        self.pay_if_there(batch.len() as u64, |inner| inner.outputs(batch))
    }
}
