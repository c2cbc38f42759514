//! Ask for candidates, tell their losses: any optimizer, from outside.

use crate::{
    Error, Result,
    objective::{Batch, Objective},
    optimizer::{Optimizer, Report},
    persist::{Fields, Persist},
    run::Replay,
    space::Space,
    tensor::CowTensor,
};

/// Turns any optimizer inside out: instead of calling an objective it hands out batches and waits for their losses.
///
/// A step is deterministic and atomic, so it is simply run against the losses told so far; when they run out it is suspended, having
/// changed nothing, and its last batch is what is asked. No threads, no hand-written state machine, any number of rounds in a step.
///
/// ```
/// use moths_core::{run::Ask, AskTell, Batch, Space};
/// # use moths_core::{optimizer::{Antithetic, DataDraws, Estimate, Estimator}, persist, persist::Clock, CowTensor, Objective, Result, Sampler};
/// # struct TwoPoint { clock: Clock, space: Space }
/// # persist!(TwoPoint { clock });
/// # impl Estimator for TwoPoint {
/// #     fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
/// #         let (key, sampler, draws) = (self.clock.key(), Sampler::Normal, DataDraws::Shared);
/// #         let pairs = Antithetic { key, pairs: 1, scale: 0.01, sampler, draws };
/// #         let losses = objective.losses(&pairs.batch(at, &self.space))?;
/// #         self.clock.tick();
/// #         Ok(Estimate::new(losses.lowest(), pairs.combine(&losses, &self.space)?, 2))
/// #     }
/// # }
/// # fn some_optimizer(space: &Space) -> Result<impl moths_core::Optimizer + use<>> {
/// #     let estimator = TwoPoint { clock: Clock::new(moths_core::Key::new(1)), space: space.clone() };
/// #     let descent = moths_core::optimizer::descent::build(&moths_core::Spec::new("adamw"), space)?;
/// #     Ok(moths_core::optimizer::GradientDescent::new(estimator, descent, space))
/// # }
///
/// /// Elsewhere: on another machine, in a laboratory.
/// fn losses_of(candidates: &[Vec<f64>]) -> Vec<f64> {
///     candidates.iter().map(|x| (x[0] - 1.0).powi(2) + x[1].powi(2)).collect()
/// }
///
/// let space = Space::real(2)?;
/// let mut search = AskTell::new(Box::new(some_optimizer(&space)?), &space);
/// let mut steps = 0;
/// while steps < 300 {
///     match search.ask()? {
///         Ask::Evaluate(batch) => search.tell(losses_of(&space.decode(&*batch.dense(&space)?)?.to_vec2()?))?,
///         Ask::Done(_) => steps += 1,
///     }
/// }
/// assert!((search.answer()?.to_vec1::<f64>()?[0] - 1.0).abs() < 0.1);
/// # Ok::<(), moths_core::Error>(())
/// ```
pub struct AskTell {
    optimizer: Box<dyn Optimizer>,
    told: Replay,
    /// Was a batch asked that has not been told yet?
    waiting: bool,
    /// That batch. It follows from the state, so it is not saved: a restored search makes it again.
    batch: Option<Batch>,
}

/// The answer to [`AskTell::ask`].
#[derive(Clone, Debug)]
pub enum Ask {
    /// Evaluate these candidates and tell their losses.
    Evaluate(Batch),
    /// A step is complete; asking again begins the next.
    Done(Report),
}

impl AskTell {
    /// Over this space, which must be the one the optimizer was built for.
    pub fn new(optimizer: Box<dyn Optimizer>, space: &Space) -> Self {
        Self { optimizer, told: Replay::new(space.clone(), vec![]), waiting: false, batch: None }
    }

    /// The losses that are told are those of a stochastic objective: the same point may have another loss in the next step.
    pub fn stochastic(self) -> Self {
        Self { told: self.told.stochastic(true), ..self }
    }

    /// What to do next. Asking twice without telling gives the same batch.
    ///
    /// # Errors
    /// What the step fails with, for instance a method that needs gradients.
    pub fn ask(&mut self) -> Result<Ask> {
        if let (true, Some(batch)) = (self.waiting, &self.batch) {
            return Ok(Ask::Evaluate(batch.clone()));
        }
        self.told.rewind();
        match self.optimizer.step(&mut self.told) {
            Ok(report) => {
                self.told.clear();
                Ok(Ask::Done(report))
            }
            Err(Error::Suspended) => {
                let batch = self.told.asked().cloned().ok_or(Error::Suspended)?;
                (self.waiting, self.batch) = (true, Some(batch.clone()));
                Ok(Ask::Evaluate(batch))
            }
            Err(error) => Err(error),
        }
    }

    /// The losses of the batch that was asked, in its order; NaN for candidates that failed.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of losses; [`Error::Unsupported`] when nothing was asked. Nothing changes then.
    pub fn tell(&mut self, losses: Vec<f64>) -> Result<()> {
        let nothing_asked = || Error::unsupported("tell", "answers an ask, and nothing was asked");
        if !self.waiting {
            return Err(nothing_asked());
        }
        let Ask::Evaluate(batch) = self.ask()? else { return Err(nothing_asked()) };
        if losses.len() != batch.len() {
            return Err(Error::shape("losses", batch.len(), losses.len()));
        }
        self.told.push(losses);
        (self.waiting, self.batch) = (false, None);
        Ok(())
    }

    /// The optimizer inside.
    pub fn optimizer(&mut self) -> &mut dyn Optimizer {
        &mut *self.optimizer
    }

    /// The space that is searched.
    pub fn space(&self) -> &Space {
        self.told.space()
    }

    /// The point \[d\], in search coordinates, that you would deploy now.
    ///
    /// # Errors
    /// What [`Optimizer::answer`] fails with.
    pub fn answer(&self) -> Result<CowTensor> {
        self.optimizer.answer()
    }
}

/// The losses told within an unfinished step are part of the state: a search can be saved between any ask and tell.
impl Persist for AskTell {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        fields.field("optimizer", &mut self.optimizer)?;
        fields.field("waiting", &mut self.waiting)?;
        self.batch = None;
        let records = self.told.records_mut();
        let mut lengths: Vec<usize> = records.iter().map(Vec::len).collect();
        let mut losses: Vec<f64> = records.concat();
        fields.within("told_lengths", &mut lengths, ..)?;
        let told = lengths.iter().try_fold(0usize, |sum, len| sum.checked_add(*len));
        let told = told.ok_or_else(|| fields.refusal("`told_lengths` are of more losses than there can be".into()))?;
        fields.within("told", &mut losses, told..=told)?;
        let mut rest = losses.as_slice();
        *records = lengths
            .iter()
            .map(|&len| {
                let (head, tail) = rest.split_at(len);
                rest = tail;
                head.to_vec()
            })
            .collect();
        Ok(())
    }
}
