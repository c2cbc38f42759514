//! An objective with a tap on the line: laws listen to what an optimizer asks, and meddle with what it is answered.

use candle_core::Tensor;

use moths_core::{
    Batch, CowTensor, Error, Objective, Result, Space,
    objective::{Home, Outputs},
};

/// One round of a step: a call of the objective. A gradient is a round of one candidate.
pub(super) struct Round<'a> {
    /// How many rounds came before it.
    pub(super) number: usize,
    pub(super) batch: &'a Batch,
    /// The losses, to be altered, once they are known. A gradient is scaled as its loss is.
    pub(super) losses: Option<&'a mut Vec<f64>>,
}

/// Passes every round to `listen`, before and after its losses are known.
pub(super) struct Tap<'a, F> {
    inner: &'a mut dyn Objective,
    listen: F,
    rounds: usize,
}

impl<'a, F: FnMut(Round<'_>) -> Result<()>> Tap<'a, F> {
    pub(super) fn new(inner: &'a mut dyn Objective, listen: F) -> Self {
        Self { inner, listen, rounds: 0 }
    }

    fn round<T>(
        &mut self,
        batch: &Batch,
        ask: impl FnOnce(&mut dyn Objective) -> Result<(T, Vec<f64>)>,
    ) -> Result<(T, Vec<f64>)> {
        let number = self.rounds;
        self.rounds += 1;
        (self.listen)(Round { number, batch, losses: None })?;
        let (value, mut losses) = ask(self.inner)?;
        (self.listen)(Round { number, batch, losses: Some(&mut losses) })?;
        Ok((value, losses))
    }
}

impl<F: FnMut(Round<'_>) -> Result<()>> Objective for Tap<'_, F> {
    fn space(&self) -> &Space {
        self.inner.space()
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        Ok(self.round(batch, |inner| Ok(((), inner.evaluate(batch)?)))?.1)
    }

    fn home(&mut self) -> Option<&mut dyn Home> {
        self.inner.home()
    }

    fn stochastic(&self) -> bool {
        self.inner.stochastic()
    }

    fn refresh(&mut self) -> Result<()> {
        self.inner.refresh()
    }

    fn skip(&mut self, steps: u64) -> Result<()> {
        self.inner.skip(steps)
    }

    fn outputs(&mut self, batch: &Batch) -> Result<Option<Outputs>> {
        let (answer, losses) = self.round(batch, |inner| {
            let answer = inner.outputs(batch)?;
            let losses = answer.iter().flat_map(|outputs| outputs.losses.to_vec()).collect();
            Ok((answer, losses))
        })?;
        Ok(answer.map(|outputs| Outputs { losses: losses.into(), ..outputs }))
    }

    fn gradient(&mut self, at: &CowTensor) -> Result<Option<(f64, Tensor)>> {
        let (answer, losses) = self.round(&Batch::one(at)?, |inner| {
            let answer = inner.gradient(at)?;
            let losses = answer.iter().map(|(loss, _)| *loss).collect();
            Ok((answer, losses))
        })?;
        let Some((loss, gradient)) = answer else { return Ok(None) };
        let Some(&altered) = losses.first() else { return Err(Error::Objective("no loss came back".into())) };
        let gradient = if altered == loss { gradient } else { (gradient * (altered / loss))? };
        Ok(Some((altered, gradient)))
    }
}
