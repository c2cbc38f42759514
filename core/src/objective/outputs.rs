//! What a model answers, and how its loss changes with the answers: all that Kalman methods ask, and no gradient through the model.

use candle_core::{D, DType, Tensor, Var};
use candle_nn::ops::softmax;

use crate::{
    Error, Result,
    objective::{Losses, model::mean},
};

/// The outputs of a batch of candidates on the data of the step.
#[derive(Clone, Debug)]
pub struct Outputs {
    /// One loss a candidate.
    pub losses: Losses,
    /// \[n, m, k\]: n candidates, m examples, k outputs each; in the space's dtype.
    pub values: Tensor,
    /// d loss / d values, \[n, m, k\]: 0 for a candidate that failed.
    pub slopes: Tensor,
}

impl Outputs {
    /// Those of several batches, one after another.
    ///
    /// # Errors
    /// [`Error::Shape`] for none, [`Error::Tensor`] for outputs of different shapes.
    pub fn joined(parts: Vec<Self>) -> Result<Self> {
        if parts.is_empty() {
            return Err(Error::shape("outputs", "a candidate at least", 0));
        }
        let of = |tensor: fn(&Self) -> &Tensor| Tensor::cat(&parts.iter().map(tensor).collect::<Vec<_>>(), 0);
        let (values, slopes) = (of(|part| &part.values)?, of(|part| &part.slopes)?);
        let losses: Vec<f64> = parts.iter().flat_map(|part| part.losses.iter().copied()).collect();
        Ok(Self { losses: losses.into(), values, slopes })
    }
}

type Custom = dyn Fn(&Tensor, &Tensor) -> candle_core::Result<Tensor> + Send + Sync;

/// A loss as a function of outputs y \[m, k\] and targets.
///
/// ```text
/// cross-entropy        L = 1/m Σ_i −log softmax(y_i)[t_i]       ∂L/∂y = (softmax(y) − onehot(t)) / m      t: [m], u32
/// mean squared error   L = 1/(m k) Σ (y − t)²                   ∂L/∂y = 2 (y − t) / (m k)                 t: [m, k]
/// ```
///
/// Any other loss is differentiated by candle, with respect to the outputs alone.
#[non_exhaustive]
pub enum OutputLoss {
    /// Of logits, against the numbers of the right classes.
    CrossEntropy,
    /// Against numbers.
    MeanSquaredError,
    /// Outputs and targets to a loss: a number, or a tensor of which the mean is taken.
    Other(Box<Custom>),
}

impl OutputLoss {
    /// The loss as a tensor that gradients go through.
    ///
    /// # Errors
    /// [`Error::Tensor`] for outputs and targets that do not fit each other.
    pub fn of(&self, outputs: &Tensor, targets: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::CrossEntropy => candle_nn::loss::cross_entropy(&in_full(outputs)?, targets)?,
            Self::MeanSquaredError => candle_nn::loss::mse(&in_full(outputs)?, &in_full(targets)?)?,
            Self::Other(loss) => mean(&loss(outputs, targets)?)?,
        })
    }

    /// The loss of these outputs \[m, k\], and its derivative by each of them.
    ///
    /// # Errors
    /// As [`of`](Self::of); [`Error::Objective`] for a loss that does not depend on the outputs.
    pub fn with_slopes(&self, outputs: &Tensor, targets: &Tensor) -> Result<(f64, Tensor)> {
        let slopes = match self {
            Self::CrossEntropy => cross_entropy(outputs, targets)?,
            Self::MeanSquaredError => squared_error(outputs, targets)?,
            Self::Other(_) => {
                let outputs = Var::from_tensor(&outputs.detach())?;
                let loss = self.of(&outputs, targets)?;
                let gradients = loss.backward()?;
                let slopes = gradients.get(&outputs);
                let slopes = slopes.ok_or_else(|| Error::Objective("the loss does not depend on the outputs".into()))?;
                return Ok((number(&loss)?, slopes.clone()));
            }
        };
        Ok((number(&self.of(outputs, targets)?)?, slopes))
    }
}

/// (softmax(y) − onehot(t)) / m.
fn cross_entropy(outputs: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let examples = outputs.dims2()?.0.max(1) as f64;
    let (shares, right) = (softmax(&in_full(outputs)?, D::Minus1)?, targets.unsqueeze(1)?);
    let ones = shares.narrow(1, 0, 1)?.ones_like()?;
    let onehot = shares.zeros_like()?.scatter_add(&right, &ones, 1)?;
    Ok(((shares - onehot)? / examples)?)
}

/// 2 (y − t) / (m k).
fn squared_error(outputs: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let apart = (in_full(outputs)? - in_full(targets)?)?;
    let numbers = apart.elem_count().max(1) as f64;
    Ok((apart * (2.0 / numbers))?)
}

/// Half precision as single precision: means over many examples need the digits.
fn in_full(values: &Tensor) -> Result<Tensor> {
    Ok(if matches!(values.dtype(), DType::BF16 | DType::F16) { values.to_dtype(DType::F32)? } else { values.clone() })
}

fn number(loss: &Tensor) -> Result<f64> {
    Ok(mean(loss)?.to_scalar()?)
}
