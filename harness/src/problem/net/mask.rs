//! Which pixels are enough: flags and real weights at once.

use std::collections::HashMap;

use candle_core::{DType, Tensor};
use candle_nn::VarBuilder;
use moths::{
    Batch, CowTensor, ModelOptions, Objective, Space, Spec,
    nn::{Activations, Linear, Module, linear},
    passes_on,
    space::Domain,
};

use super::{
    binary::COIN,
    classification::Classification,
    training::{Architecture, Network, Training},
};
use crate::{
    Result,
    problem::{Answer, Examiner, Figure, Measure, Problem},
};

/// What a pixel costs, in nats: 64 of them cost 0.32.
const PRICE: f64 = 0.005;

/// Logits W (b ⊙ x) + c of the inputs x that the flags b let through: `mask`, `layer0`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Masked {
    pub(super) inputs: usize,
    pub(super) classes: usize,
}

struct MaskedLayer {
    mask: Tensor,
    layer: Linear,
}

impl Module for MaskedLayer {
    fn forward(&self, x: &Activations) -> Result<Activations> {
        self.layer.forward(&x.clone().mul_parameter(&self.mask)?)
    }
}

impl Architecture for Masked {
    fn build(&self, vb: VarBuilder<'_>) -> candle_core::Result<Network> {
        let mask = vb.get_with_hints(self.inputs, "mask", COIN)?;
        Ok(Box::new(MaskedLayer { mask, layer: linear(self.inputs, self.classes, vb.pp("layer0"))? }))
    }

    fn options(&self, options: ModelOptions) -> ModelOptions {
        options.domain("mask", Domain::Bool)
    }

    fn differentiable(&self) -> bool {
        false
    }
}

/// The mean cross-entropy and what the pixels cost that are looked at; judged by how many there are, and by accuracy.
pub(super) struct Selection {
    pub(super) of: Training<Classification>,
    measures: Vec<Measure>,
}

impl Selection {
    /// The figures of the classification, with pixels in place of the accuracy on what was trained on.
    pub(super) fn new(of: Training<Classification>) -> Self {
        let pixels = Measure { name: "pixels", kind: Figure::Loss };
        let measures = of.measures.iter().enumerate().map(|(i, measure)| if i == 1 { pixels } else { *measure });
        Self { measures: measures.collect(), of }
    }
}

impl Problem for Selection {
    fn objective(&self, seed: u64) -> Result<Box<dyn Objective + Send>> {
        Ok(Box::new(Priced { inner: self.of.objective(seed)? }))
    }

    fn examiner(&self, seed: u64) -> Result<Box<dyn Examiner>> {
        let space = self.of.model(seed)?.space().clone();
        Ok(Box::new(PricedExaminer { of: self.of.examiner(seed)?, space }))
    }

    fn measures(&self) -> &[Measure] {
        &self.measures
    }

    fn answer(&self) -> Answer {
        self.of.answer()
    }

    fn default_optimizer(&self) -> Spec {
        self.of.default_optimizer()
    }

    fn default_evaluations(&self) -> u64 {
        self.of.default_evaluations()
    }

    fn default_threads(&self) -> usize {
        self.of.default_threads()
    }
}

/// The loss of a network, and what its pixels cost.
struct Priced {
    inner: Box<dyn Objective + Send>,
}

impl Objective for Priced {
    passes_on!(inner: space, stochastic, refresh);

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        let losses = self.inner.evaluate(batch)?;
        let priced = |(i, loss)| Ok(loss + PRICE * pixels(self.space(), &*batch.row(i, self.space())?)?);
        losses.into_iter().enumerate().map(priced).collect()
    }
}

/// How many pixels are looked at by the network of a point \[d\]: its first coordinates are the mask.
fn pixels(space: &Space, at: &Tensor) -> Result<f64> {
    let flags = space.leaves().first().map_or(0, |mask| mask.len());
    Ok(space.decode(at)?.narrow(0, 0, flags)?.to_dtype(DType::F64)?.sum_all()?.to_scalar()?)
}

struct PricedExaminer {
    of: Box<dyn Examiner>,
    space: Space,
}

impl Examiner for PricedExaminer {
    fn examine(&mut self, answer: &CowTensor) -> Result<Vec<f64>> {
        let (figures, pixels) = (self.of.examine(answer)?, pixels(&self.space, answer)?);
        // Of loss, accuracy on what was trained on, and accuracy.
        let [loss, _, accuracy] = figures[..] else { return Ok(figures) };
        Ok(vec![loss + PRICE * pixels, pixels, accuracy])
    }

    fn tensors(&mut self, answer: &CowTensor) -> Result<Option<HashMap<String, Tensor>>> {
        self.of.tensors(answer)
    }
}
