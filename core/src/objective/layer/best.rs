//! The best candidate seen.

use candle_core::Tensor;

use crate::{
    Result,
    objective::{Batch, Objective, Outputs},
    passes_on,
    persist::{Fields, Persist},
    tensor::CowTensor,
};

/// Remembers the candidate with the lowest loss ever evaluated: what one wants of a deterministic function, whatever the
/// optimizer itself would deploy. With a stochastic objective it remembers the luckiest; in a space [in place](crate::Space::in_place) none, as a
/// candidate is written down nowhere there.
///
/// ```
/// use moths_core::{Batch, objective::layer::Best, Function, Key, Objective, Space};
///
/// let space = Space::bounded([(-1.0, 1.0); 2])?;
/// let mut objective = Best::new(Function::new(space.clone(), |x| if x[0] < 0.0 { f64::NAN } else { x[0] + x[1] }));
/// let losses = objective.evaluate(&Batch::Dense(space.scatter(&space.start(), Key::new(1), 100)?))?;
/// let lowest = losses.iter().copied().fold(f64::INFINITY, f64::min);
/// assert_eq!(objective.best().map(|(loss, _)| *loss), Some(lowest));
/// # Ok::<(), moths_core::Error>(())
/// ```
pub struct Best<O> {
    inner: O,
    best: Option<(f64, CowTensor)>,
    /// Higher losses are not remembered.
    limit: f64,
}

impl<O: Objective> Best<O> {
    /// Nothing seen yet.
    pub fn new(inner: O) -> Self {
        Self::at_most(inner, f64::INFINITY)
    }

    /// Remembers no candidate whose loss is higher than this: it costs nothing until one is that low.
    pub fn at_most(inner: O, limit: f64) -> Self {
        Self { inner, best: None, limit }
    }

    /// The lowest loss and its point \[d\] in search coordinates; `None` while every candidate has failed.
    pub fn best(&self) -> Option<&(f64, CowTensor)> {
        self.best.as_ref()
    }

    /// The objective inside.
    pub fn inner(&mut self) -> &mut O {
        &mut self.inner
    }

    fn watch(&mut self, batch: &Batch, losses: &[f64]) -> Result<()>
    where
        O: Objective,
    {
        let lowest = losses.iter().copied().enumerate().filter(|(_, l)| l.is_finite()).min_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((i, loss)) = lowest
            && self.improves(loss)
        {
            self.best = Some((loss, batch.row(i, self.inner.space())?));
        }
        Ok(())
    }

    /// Is this loss one to remember the candidate for?
    fn improves(&self, loss: f64) -> bool {
        loss.is_finite()
            && loss <= self.limit
            && !self.inner.space().is_in_place()
            && self.best.as_ref().is_none_or(|(best, _)| loss < *best)
    }
}

impl<O: Objective> Objective for Best<O> {
    passes_on!(inner: space, stochastic, refresh, home);

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        let losses = self.inner.evaluate(batch)?;
        self.watch(batch, &losses)?;
        Ok(losses)
    }

    fn shows_outputs(&self) -> bool {
        self.inner.shows_outputs()
    }

    fn outputs(&mut self, batch: &Batch) -> Result<Option<Outputs>> {
        let outputs = self.inner.outputs(batch)?;
        if let Some(outputs) = &outputs {
            self.watch(batch, &outputs.losses)?;
        }
        Ok(outputs)
    }

    fn gradient(&mut self, at: &CowTensor) -> Result<Option<(f64, Tensor)>> {
        let answer = self.inner.gradient(at)?;
        if let Some((loss, _)) = &answer
            && self.improves(*loss)
        {
            self.best = Some((*loss, at.clone()));
        }
        Ok(answer)
    }
}

/// The best point travels with a checkpoint.
impl<O: Objective> Persist for Best<O> {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        let none = || (f64::INFINITY, self.inner.space().start());
        let (mut loss, mut at) = self.best.clone().unwrap_or_else(none);
        fields.field("loss", &mut loss)?;
        fields.field("at", &mut at)?;
        self.best = loss.is_finite().then_some((loss, at));
        Ok(())
    }
}
