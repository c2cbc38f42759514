//! Data, laid out side by side.

use std::{
    ops::Range,
    sync::{Arc, OnceLock},
};

use candle_core::{DType, Tensor};
use moths_core::{Error, Result, objective::OutputLoss};

use crate::{
    activations::transpose,
    lanes::{LANES, Lanes, cross_entropy, squared_error},
};

/// The inputs of some examples and what is wanted of them.
pub(super) struct Data {
    inputs: Tensor,
    pub(super) targets: Tensor,
    /// Laid out by the first thread that wants them.
    lanes: OnceLock<Made<Arc<Vec<Lanes>>>>,
    wanted: OnceLock<Made<Wanted>>,
}

/// What is made once, or why it was not.
type Made<T> = std::result::Result<T, String>;

/// Targets by examples.
enum Wanted {
    /// Of each row of logits.
    Classes(Vec<u32>),
    Numbers(Vec<f32>),
}

/// The data of the time before.
#[derive(Default)]
pub(super) struct Kept(Option<Arc<Data>>);

impl Kept {
    /// These data, which may be laid out already.
    pub(super) fn laid_out(&mut self, inputs: Tensor, targets: Tensor) -> Arc<Data> {
        let known = self.0.take().filter(|data| (data.inputs.id(), data.targets.id()) == (inputs.id(), targets.id()));
        Arc::clone(self.0.insert(known.unwrap_or_else(|| Arc::new(Data::new(inputs, targets)))))
    }
}

impl Data {
    pub(super) fn new(inputs: Tensor, targets: Tensor) -> Self {
        Self { inputs, targets, lanes: OnceLock::new(), wanted: OnceLock::new() }
    }

    /// How many examples.
    pub(super) fn examples(&self) -> usize {
        self.inputs.dims().first().copied().unwrap_or(1)
    }

    /// Blocks of 32 of them.
    pub(super) fn blocks(&self) -> usize {
        self.examples().div_ceil(LANES)
    }

    /// The shape of one.
    pub(super) fn shape(&self) -> &[usize] {
        self.inputs.dims().get(1..).unwrap_or_default()
    }

    /// How many of the examples are in these blocks.
    pub(super) fn examples_in(&self, blocks: &Range<usize>) -> usize {
        self.examples().min(blocks.end * LANES) - blocks.start * LANES
    }

    /// The inputs \[blocks, ..\]; whole numbers, as of tokens, are exact up to 2²⁴.
    pub(super) fn lanes(&self) -> Result<&Arc<Vec<Lanes>>> {
        let laid = || -> Result<Arc<Vec<Lanes>>> {
            let rows = self.inputs.flatten_all()?.to_dtype(DType::F32)?.to_vec1::<f32>()?;
            let elements = self.shape().iter().product::<usize>();
            let mut lanes = vec![Lanes::ZERO; self.blocks() * elements];
            transpose(&rows, elements, &mut lanes);
            Ok(Arc::new(lanes))
        };
        told(self.lanes.get_or_init(|| laid().map_err(|why| why.to_string())))
    }

    fn wanted(&self, loss: &OutputLoss) -> Result<&Wanted> {
        let of = || -> Result<Wanted> {
            let targets = self.targets.flatten_all()?;
            Ok(match loss {
                OutputLoss::CrossEntropy => Wanted::Classes(targets.to_dtype(DType::U32)?.to_vec1()?),
                _ => Wanted::Numbers(targets.to_dtype(DType::F32)?.to_vec1()?),
            })
        };
        told(self.wanted.get_or_init(|| of().map_err(|why| why.to_string())))
    }

    /// The sum of the losses of these outputs \[rows, k\] of an example each, of the examples of block `block`; `None` for a loss that is known
    /// to candle alone.
    pub(super) fn loss(&self, loss: &OutputLoss, block: usize, rows: usize, outputs: &[Lanes]) -> Result<Option<f64>> {
        if matches!(loss, OutputLoss::Other(_)) {
            return Ok(None);
        }
        let examples = block * LANES..self.examples().min((block + 1) * LANES);
        let width = outputs.len() / rows.max(1);
        let per_row = |row: usize| -> Result<f64> {
            let outputs = &outputs[row * width..][..width];
            match self.wanted(loss)? {
                Wanted::Classes(classes) => Ok(cross_entropy(outputs, examples.clone().map(|i| classes[i * rows + row]))),
                Wanted::Numbers(numbers) => {
                    let row = |i: usize| numbers[(i * rows + row) * width..][..width].iter().copied();
                    Ok(squared_error(outputs, &examples.clone().flat_map(row).collect::<Vec<_>>()))
                }
            }
        };
        (0..rows).map(per_row).sum::<Result<f64>>().map(Some)
    }

    /// Do targets fit outputs of this shape?
    pub(super) fn check(&self, loss: &OutputLoss, shape: &[usize]) -> Result<()> {
        let (Some((width, rows)), examples) = (shape.split_last(), self.examples()) else {
            return Err(Error::shape("outputs", "[examples, .., k]", format!("{shape:?} an example")));
        };
        let rows = rows.iter().product::<usize>() * examples;
        let wanted = match loss {
            OutputLoss::CrossEntropy => rows,
            OutputLoss::MeanSquaredError => rows * width,
            _ => return Ok(()),
        };
        if self.targets.elem_count() == wanted {
            return Ok(());
        }
        Err(Error::shape(
            "targets",
            format!("{wanted} values, for outputs {shape:?} of {examples} examples"),
            format!("{:?}", self.targets.dims()),
        ))
    }
}

fn told<T>(made: &Made<T>) -> Result<&T> {
    made.as_ref().map_err(|why| Error::Objective(why.clone()))
}
