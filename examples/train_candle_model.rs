//! Trains a candle network on handwritten digits from its losses alone: no gradient is ever taken.
//!
//! `cargo run --example train_candle_model`

use std::{collections::HashSet, error::Error, io::Read, ops::ControlFlow};

use candle_core::{D, DType, Device, Tensor};
use candle_nn::{Linear, Module, VarBuilder, linear, loss::cross_entropy};
use flate2::read::GzDecoder;
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
    let (train, test) = digits()?;
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

/// Images \[n, 64\] from 0 to 1, and what they show, \[n\].
struct Images {
    pixels: Tensor,
    labels: Tensor,
}

impl Images {
    fn new<'a>(rows: impl Iterator<Item = &'a Vec<f32>>) -> candle_core::Result<Self> {
        let (pixels, labels): (Vec<Vec<f32>>, Vec<u32>) =
            rows.map(|row| (row[..64].iter().map(|p| p / 16.0).collect(), row[64] as u32)).unzip();
        Ok(Self { pixels: Tensor::new(pixels, &Device::Cpu)?, labels: Tensor::new(labels, &Device::Cpu)? })
    }
}

/// The 1,437 training and the 360 test images of Alpaydin & Kaynak 1998 (doi:10.24432/C50P49, CC BY 4.0).
fn digits() -> Result<(Images, Images), Box<dyn Error>> {
    let mut text = String::new();
    GzDecoder::new(&include_bytes!("digits/digits.csv.gz")[..]).read_to_string(&mut text)?;
    let rows = text.lines().map(|line| line.split(',').map(str::parse).collect()).collect::<Result<Vec<Vec<f32>>, _>>()?;
    let chosen = include_str!("digits/test_indices.txt").lines().map(str::parse);
    let chosen = chosen.collect::<Result<HashSet<usize>, _>>()?;
    let part = |test: bool| rows.iter().enumerate().filter(move |(i, _)| chosen.contains(i) == test).map(|(_, row)| row);
    Ok((Images::new(part.clone()(false))?, Images::new(part(true))?))
}
