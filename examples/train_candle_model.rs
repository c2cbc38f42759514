//! Trains a candle network on handwritten digits from its losses alone: no gradient is ever taken.
//!
//! `cargo run --example train_candle_model`

mod digits;

use std::{error::Error, ops::ControlFlow};

use candle_core::{D, DType};
use candle_nn::VarBuilder;
use digits::Images;
use moths::{
    Key, Objective, Spec, Stop,
    nn::{PopulationModel, Sequential, linear, seq},
    objective::OutputLoss,
    registry,
    run::{Tally, minimize_from},
};

/// Two layers, ReLU between them: 2,410 parameters. They are candle's layers, and all candidates of a batch go through them at once.
fn network(vb: VarBuilder<'_>) -> candle_core::Result<Sequential> {
    Ok(seq().add(linear(64, 32, vb.pp("hidden"))?).add_fn(|x| x.relu()).add(linear(32, 10, vb.pp("output"))?))
}

fn main() -> Result<(), Box<dyn Error>> {
    let (Images { pixels, labels }, test) = digits::load()?;
    let data = move |_: Key| Ok((pixels.clone(), labels.clone()));
    let mut objective = PopulationModel::new(network, data, OutputLoss::CrossEntropy)?;

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
    let right = objective.predict(&test.pixels)?.argmax(D::Minus1)?.eq(&test.labels)?;
    let accuracy = 100.0 * right.to_dtype(DType::F64)?.mean_all()?.to_scalar::<f64>()?;
    println!("{accuracy:.1} % of the test images are read rightly, after {:.1} s", outcome.tally.seconds);
    Ok(())
}
