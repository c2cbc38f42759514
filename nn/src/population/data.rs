//! Data, laid out side by side.

use std::{
    ops::Range,
    sync::{Arc, Mutex, OnceLock, PoisonError},
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
    lanes: Made<Arc<Vec<Lanes>>>,
    wanted: Made<Wanted>,
}

/// Targets by examples.
enum Wanted {
    /// Of each row of logits, each below so many.
    Classes(Vec<u32>, usize),
    Numbers(Vec<f32>),
}

/// What the first thread that wants it makes, and others wait for.
struct Made<T> {
    made: OnceLock<T>,
    making: Mutex<()>,
}

impl<T> Made<T> {
    const fn new() -> Self {
        Self { made: OnceLock::new(), making: Mutex::new(()) }
    }

    /// What was made, or is now. What failed is tried again: it fails with the same words.
    fn or(&self, make: impl FnOnce() -> Result<T>) -> Result<&T> {
        if let Some(made) = self.made.get() {
            return Ok(made);
        }
        let _alone = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        match self.made.get() {
            Some(made) => Ok(made),
            None => {
                let made = make()?;
                Ok(self.made.get_or_init(|| made))
            }
        }
    }
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
        Self { inputs, targets, lanes: Made::new(), wanted: Made::new() }
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
        self.lanes.or(|| {
            self.check_examples()?;
            let rows = self.inputs.flatten_all()?.to_dtype(DType::F32)?.to_vec1::<f32>()?;
            let elements = self.shape().iter().product::<usize>();
            let mut lanes = vec![Lanes::ZERO; self.blocks() * elements];
            transpose(&rows, elements, &mut lanes);
            Ok(Arc::new(lanes))
        })
    }

    fn check_examples(&self) -> Result<()> {
        if self.examples() > 0 {
            return Ok(());
        }
        Err(Error::shape("inputs", "at least one example", format!("{:?}", self.inputs.dims())))
    }

    /// The targets of outputs \[.., width\].
    fn wanted(&self, loss: &OutputLoss, width: usize) -> Result<&Wanted> {
        let wanted = self.wanted.or(|| {
            let targets = self.targets.flatten_all()?;
            Ok(match loss {
                OutputLoss::CrossEntropy => Wanted::Classes(classes(&targets.to_dtype(DType::I64)?.to_vec1()?, width)?, width),
                _ => Wanted::Numbers(targets.to_dtype(DType::F32)?.to_vec1()?),
            })
        })?;
        match wanted {
            // Outputs became fewer.
            Wanted::Classes(labels, below) if width < *below => {
                let labels: Vec<i64> = labels.iter().map(|label| i64::from(*label)).collect();
                classes(&labels, width).map(|_| wanted)
            }
            _ => Ok(wanted),
        }
    }

    /// The sum of the losses of these outputs \[rows, k\] of an example each, of the examples of block `block`: cross-entropies of classes, and squared
    /// errors of numbers.
    pub(super) fn loss(&self, loss: &OutputLoss, block: usize, rows: usize, outputs: &[Lanes]) -> Result<f64> {
        let examples = block * LANES..self.examples().min((block + 1) * LANES);
        let width = outputs.len() / rows.max(1);
        let per_row = |row: usize| -> Result<f64> {
            let outputs = &outputs[row * width..][..width];
            let rows = examples.clone().map(|i| i * rows + row);
            match self.wanted(loss, width)? {
                Wanted::Classes(classes, _) => Ok(cross_entropy(outputs, rows.map(|i| classes[i]))),
                Wanted::Numbers(numbers) => Ok(squared_error(outputs, rows.map(|i| &numbers[i * width..][..width]))),
            }
        };
        (0..rows).map(per_row).sum()
    }

    /// Do targets fit outputs of this shape, and are there examples?
    pub(super) fn check(&self, loss: &OutputLoss, shape: &[usize]) -> Result<()> {
        self.check_examples()?;
        let (Some((width, places)), targets) = (shape.split_last(), self.targets.dims()) else {
            return Err(Error::shape("outputs", "[examples, .., k]", format!("{shape:?} an example")));
        };
        let outputs = [&[self.examples()], shape].concat();
        let (fit, expected) = match loss {
            OutputLoss::CrossEntropy => {
                self.check_dtype()?;
                let all = self.examples() * places.iter().product::<usize>();
                let fit = targets.first() == Some(&self.examples()) && self.targets.elem_count() == all;
                (fit, format!("one class a row of the outputs {outputs:?}, {all} in all"))
            }
            OutputLoss::MeanSquaredError => (targets == outputs, format!("the shape of the outputs, {outputs:?}")),
            _ => return Ok(()),
        };
        if !fit {
            return Err(Error::shape("targets", expected, format!("{targets:?}")));
        }
        self.wanted(loss, *width).map(|_| ())
    }

    fn check_dtype(&self) -> Result<()> {
        let dtype = self.targets.dtype();
        if dtype.is_int() {
            return Ok(());
        }
        Err(Error::invalid("the dtype of targets", dtype.as_str(), "whole numbers, as of classes: u32 or another integer dtype"))
    }
}

/// Labels of so many classes.
fn classes(labels: &[i64], count: usize) -> Result<Vec<u32>> {
    let class = |(i, label): (usize, &i64)| match u32::try_from(*label) {
        Ok(class) if (class as usize) < count => Ok(class),
        _ => Err(Error::invalid(
            format!("targets[{i}]"),
            label,
            format!("a class, which is a whole number from 0 on and below {count}"),
        )),
    };
    labels.iter().enumerate().map(class).collect()
}
