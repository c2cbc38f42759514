//! The forward pass of a group of candidates.

use std::{
    ops::Range,
    rc::Rc,
    sync::atomic::{AtomicUsize, Ordering},
};

use candle_core::Tensor;
use moths_core::{
    Error, Result, Space,
    objective::{OutputLoss, Outputs, model::Views},
};

use super::{by_rows, data::Data, targets_by_rows};
use crate::{
    Module,
    activations::{Activations, Inner, Side},
    candidates::{Group, Source},
};

/// Blocks of 32 examples that go through a network together: what they are between two layers stays in the second cache.
pub(super) const AT_ONCE: usize = 8;

/// A network, and what its parameters are.
pub(super) struct Forward<'a, N> {
    pub(super) network: &'a N,
    pub(super) views: Views,
    pub(super) space: &'a Space,
    /// The most values that a product made of a candidate.
    pub(super) widest: &'a AtomicUsize,
}

/// What a candidate answers: outputs \[m, k\], their loss, and its derivative by them.
pub(super) type Answer = (Tensor, f64, Tensor);

impl<N: Module> Forward<'_, N> {
    /// The mean losses of a group.
    pub(super) fn losses(&self, source: Source, data: &Data, loss: &OutputLoss) -> Result<Vec<f64>> {
        if matches!(loss, OutputLoss::Other(_)) {
            let of = |outputs: Tensor| Ok(loss.of(&by_rows(&outputs)?, &targets_by_rows(loss, &data.targets)?)?.to_scalar()?);
            return self.outputs(source, data)?.into_iter().map(of).collect();
        }
        let group = Rc::new(Group::new(self.views, self.space, source));
        let (mut sums, mut count) = (vec![0.0; group.len()], 0);
        self.each_chunk(&group, data, |blocks, outputs| {
            data.check(loss, outputs.shape())?;
            let (rows, elements) = (outputs.elements() / outputs.shape().last().map_or(1, |k| (*k).max(1)), outputs.elements());
            for (member, sum) in sums.iter_mut().enumerate() {
                for (block, outputs) in blocks.clone().zip(outputs.of_member(member).chunks_exact(elements.max(1))) {
                    *sum += data.loss(loss, block, rows, outputs)?;
                }
            }
            count += data.examples_in(&blocks) * if matches!(loss, OutputLoss::CrossEntropy) { rows } else { elements };
            Ok(())
        })?;
        Ok(sums.into_iter().map(|sum| sum / count as f64).collect())
    }

    /// The outputs \[m, ..\] of every candidate of a group.
    pub(super) fn outputs(&self, source: Source, data: &Data) -> Result<Vec<Tensor>> {
        let group = Rc::new(Group::new(self.views, self.space, source));
        let mut outputs: Vec<Vec<Tensor>> = vec![vec![]; group.len()];
        self.each_chunk(&group, data, |_, side| {
            outputs.iter_mut().enumerate().try_for_each(|(member, outputs)| {
                outputs.push(side.tensor(member)?);
                Ok(())
            })
        })?;
        outputs.into_iter().map(|parts| Ok(Tensor::cat(&parts, 0)?)).collect()
    }

    /// What every candidate of a group answers.
    pub(super) fn answers(&self, source: Source, data: &Data, loss: &OutputLoss) -> Result<Vec<Answer>> {
        let targets = targets_by_rows(loss, &data.targets)?;
        let answer = |outputs: Tensor| {
            data.check(loss, outputs.dims().get(1..).unwrap_or_default())?;
            let outputs = by_rows(&outputs)?;
            let (number, slopes) = loss.with_slopes(&outputs, &targets)?;
            Ok((outputs, number, slopes))
        };
        self.outputs(source, data)?.into_iter().map(answer).collect()
    }

    /// Gives `f` the outputs of some blocks after another.
    fn each_chunk(&self, group: &Rc<Group>, data: &Data, mut f: impl FnMut(Range<usize>, &Side) -> Result<()>) -> Result<()> {
        let (lanes, blocks) = (data.lanes()?, data.blocks());
        for from in (0..blocks).step_by(AT_ONCE) {
            let chunk = from..blocks.min(from + AT_ONCE);
            let inputs = Side::of_data(Rc::clone(group), lanes, chunk.clone(), data.examples_in(&chunk), data.shape());
            match self.network.consume(inputs.into())? {
                Activations(Inner::Side(outputs)) => f(chunk, &outputs)?,
                Activations(Inner::Tensor(_)) => {
                    return Err(Error::unsupported("a network", "must answer with activations that it made of its inputs"));
                }
            }
        }
        self.widest.fetch_max(group.widest(), Ordering::Relaxed);
        Ok(())
    }
}

/// The answers of several candidates, as Kalman methods want them. A derivative that is no number says as little as a loss that is none.
pub(super) fn outputs(answers: Vec<Answer>) -> Result<Outputs> {
    let (mut losses, mut values, mut slopes) = (vec![], vec![], vec![]);
    for (value, loss, slope) in answers {
        let failed = !loss.is_finite() || !slope.abs()?.sum_all()?.to_scalar::<f32>()?.is_finite();
        losses.push(loss);
        values.push(value);
        slopes.push(if failed { slope.zeros_like()? } else { slope });
    }
    Ok(Outputs { losses: losses.into(), values: Tensor::stack(&values, 0)?, slopes: Tensor::stack(&slopes, 0)? })
}
