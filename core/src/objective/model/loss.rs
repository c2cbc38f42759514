//! How a model's loss is computed: as a whole, or by way of its outputs.

use candle_core::{DType, Tensor};

use crate::{
    Error, Result,
    objective::{OutputLoss, Outputs},
    rng::Key,
    space::Space,
};

pub(super) enum Loss<M> {
    Whole(Box<Whole<M>>),
    /// By way of its outputs, which are given with the targets.
    OfOutputs(Shown<M>),
    /// As a whole, and by way of outputs where somebody asks for those.
    Both(Box<Whole<M>>, Shown<M>),
}

/// What gives outputs and targets, and the loss of these.
pub(super) struct Shown<M> {
    pub(super) forward: Box<Forward<M>>,
    pub(super) loss: OutputLoss,
}

type Whole<M> = dyn FnMut(&mut M, Key) -> candle_core::Result<Tensor> + Send;
type Forward<M> = dyn FnMut(&mut M, Key) -> candle_core::Result<(Tensor, Tensor)> + Send;

/// Outputs \[m, k\], their loss, and its derivative by them.
type Answer = (Tensor, f64, Tensor);

impl<M> Loss<M> {
    pub(super) fn of(&mut self, model: &mut M, key: Key) -> Result<Tensor> {
        match self {
            Self::Whole(loss) | Self::Both(loss, _) => Ok(loss(model, key)?),
            Self::OfOutputs(Shown { forward, loss }) => {
                let (outputs, targets) = forward(model, key)?;
                loss.of(&outputs, &targets)
            }
        }
    }

    pub(super) fn shows_outputs(&self) -> bool {
        matches!(self, Self::OfOutputs(_) | Self::Both(..))
    }

    /// `None` where only the loss as a whole is known.
    pub(super) fn with_outputs(&mut self, model: &mut M, key: Key) -> Result<Option<Answer>> {
        let (Self::OfOutputs(shown) | Self::Both(_, shown)) = self else { return Ok(None) };
        let (outputs, targets) = (shown.forward)(model, key)?;
        // A copy: what a model answers may be a view of parameters, which the next candidate overwrites.
        let outputs = outputs.detach().copy()?;
        let (loss, slopes) = shown.loss.with_slopes(&outputs, &targets)?;
        Ok(Some((outputs, loss, slopes)))
    }
}

/// The answers of one candidate after another.
#[derive(Default)]
pub(super) struct Answers {
    losses: Vec<f64>,
    values: Vec<Tensor>,
    slopes: Vec<Tensor>,
}

impl Answers {
    pub(super) fn push(&mut self, (values, loss, slopes): Answer, space: &Space) -> Result<()> {
        if values.rank() != 2 || slopes.dims() != values.dims() {
            return Err(Error::shape("outputs of a model", "[examples, outputs]", format!("{:?}", values.dims())));
        }
        // A derivative that is no number says as little as a loss that is none.
        let slopes = slopes.to_device(space.device())?;
        let failed = !loss.is_finite() || !slopes.abs()?.sum_all()?.to_dtype(DType::F64)?.to_scalar::<f64>()?.is_finite();
        self.losses.push(loss);
        let here = |values: Tensor| values.to_device(space.device())?.to_dtype(space.dtype());
        self.values.push(here(values)?);
        self.slopes.push(here(if failed { slopes.zeros_like()? } else { slopes })?);
        Ok(())
    }

    /// All of them; `None` where nobody was asked.
    pub(super) fn outputs(self) -> Result<Option<Outputs>> {
        if self.losses.is_empty() {
            return Ok(None);
        }
        let (values, slopes) = (Tensor::stack(&self.values, 0)?, Tensor::stack(&self.slopes, 0)?);
        Ok(Some(Outputs { losses: self.losses.into(), values, slopes }))
    }
}
