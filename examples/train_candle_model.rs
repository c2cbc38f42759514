//! Trains a candle network on handwritten digits from its losses alone: no gradient is ever taken.
//!
//! `cargo run --example train_candle_model`

mod digits;

use std::{error::Error, ops::ControlFlow};

use candle_core::{D, DType, Tensor};
use candle_nn::{Linear, Module, VarBuilder, linear, loss::cross_entropy};
use digits::Images;
use moths::{
    FlatModel, Key, Objective, Spec, Stop, registry,
    run::{Tally, minimize_from},
};

/// Two layers, ReLU between them: 2,410 parameters.
struct Network {
    hidden: Linear,
    output: Linear,
}

impl Network {
    fn new(vb: VarBuilder<'_>) -> candle_core::Result<Self> {
        Ok(Self { hidden: linear(64, 32, vb.pp("hidden"))?, output: linear(32, 10, vb.pp("output"))? })
    }

    fn forward(&self, images: &Tensor) -> candle_core::Result<Tensor> {
        self.output.forward(&self.hidden.forward(images)?.relu()?)
    }

    /// The share of images whose highest logit is the right one.
    fn accuracy(&self, images: &Images) -> candle_core::Result<f64> {
        let read = self.forward(&images.pixels)?.argmax(D::Minus1)?;
        read.eq(&images.labels)?.to_dtype(DType::F64)?.mean_all()?.to_scalar()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let (train, test) = digits::load()?;
    let Images { pixels, labels } = train;
    let mut objective =
        FlatModel::new(Network::new, move |network: &mut Network, _| cross_entropy(&network.forward(&pixels)?, &labels))?;

    let spec: Spec = r#"{
        "name": "open-es", "pairs": 8, "sigma": 0.3,
        "descent": {"name": "adamw", "rate": {"cosine": {"from": 0.2, "to": 0.01, "steps": 625}}}
    }"#
    .parse()?;
    let mut optimizer = registry::build(&spec, objective.space(), Key::new(1))?;

    let stop = Stop::evaluations(10_000);
    let outcome = minimize_from(Tally::default(), &mut *optimizer, &mut objective, &stop, |progress| {
        if progress.tally.steps % 125 == 0 {
            println!("{:6} evaluations, loss {:.4}", progress.tally.evaluations, progress.report.loss);
        }
        Ok(ControlFlow::Continue(()))
    })?;

    // A model must do well on images it has not seen: the answer is deployed, not the point of the lowest loss.
    objective.load(&outcome.answer)?;
    let accuracy = 100.0 * objective.model().accuracy(&test)?;
    println!("{accuracy:.1} % of the test images are read rightly, after {:.1} s", outcome.tally.seconds);
    Ok(())
}
