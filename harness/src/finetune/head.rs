//! The new head: drawn, or fitted on what the frozen model makes of a sentence.
//!
//! ```text
//! f(W, b) = mean cross entropy of x W' / s + b + λ |W|² / 2          x: pooled features, s: their root mean square over the training data
//! ```
//!
//! x: \[n, h\], W: \[classes, h\]; the head is W / s and b. λ is the one of five with the least cross entropy on every fifth training
//! example; then all are trained on. It is logistic regression, takes one forward pass over the training data and no backward pass
//! through the model, and is what a fine-tune must beat to be worth its while. To fit the head before the rest is moved keeps what the
//! model knows: Kumar et al. 2022, arXiv:2202.10054.
//!
//! Features are not brought to mean 0 and deviation 1 one by one, as a regression for its own sake would have them: weights that undo
//! that are large where a feature hardly varies, and a search that moves all weights by a share of their size drowns the rest.

use std::{fmt, str::FromStr};

use candle_core::{Device, Tensor};
use candle_nn::{Linear, Module, linear, loss::cross_entropy};
use moths::{FlatModel, Key, Spec, Stop, minimize, objective::model::Weights, registry};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::examples::Examples;
use crate::Result;

/// The weights of the penalty that are tried.
const PENALTIES: [f64; 5] = [1.0, 1e-1, 1e-2, 1e-3, 1e-4];
/// Gradients of the whole data; after so many, the loss falls by less than 1e-5 in a hundred more.
const STEPS: u64 = 600;

/// How the new head begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// As logistic regression on what the frozen model makes of the training data.
    Fitted,
    /// Drawn by the seed.
    Drawn,
}

/// Its numbers: logits = x W' + b.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// W: \[classes, h\].
    weight: Vec<Vec<f32>>,
    /// b: \[classes\].
    bias: Vec<f32>,
}

impl Head {
    /// That of logistic regression on the training data, of which these are the features, \[n, h\].
    ///
    /// # Errors
    /// What candle fails with.
    pub(super) fn fitted(features: Tensor, data: &Examples, classes: usize) -> Result<Self> {
        let set = Set { x: features, y: Tensor::new(data.labels(), &Device::Cpu)? };
        let size = f64::from(set.x.sqr()?.mean_all()?.to_scalar::<f32>()?).sqrt().max(1e-30);
        let normed = Set { x: (set.x / size)?, y: set.y };
        let (fit, check) = (normed.rows(|row| row % 5 != 0)?, normed.rows(|row| row % 5 == 0)?);
        let mut best = (f64::INFINITY, PENALTIES[0]);
        for penalty in PENALTIES {
            let model = regression(&fit, classes, penalty)?;
            let loss = f64::from(cross_entropy(&model.forward(&check.x)?, &check.y)?.to_scalar::<f32>()?);
            if loss < best.0 {
                best = (loss, penalty);
            }
        }
        let model = regression(&normed, classes, best.1)?;
        let bias = model.bias().map_or_else(|| Ok(vec![0.0; classes]), Tensor::to_vec1)?;
        Ok(Self { weight: (model.weight() / size)?.to_vec2()?, bias })
    }

    /// As tensors by their names.
    ///
    /// # Errors
    /// [`Error::Tensor`](crate::Error::Tensor) for numbers that make no matrix.
    pub(super) fn weights(&self) -> Result<Weights> {
        let weight = Tensor::new(self.weight.clone(), &Device::Cpu)?;
        let bias = Tensor::new(self.bias.clone(), &Device::Cpu)?;
        Weights::of([("head.weight".into(), weight), ("head.bias".into(), bias)])
    }
}

/// Labelled features.
struct Set {
    x: Tensor,
    y: Tensor,
}

impl Set {
    fn rows(&self, keep: impl Fn(usize) -> bool) -> Result<Self> {
        let rows: Vec<u32> = (0..self.y.dim(0)?).filter(|row| keep(*row)).map(|row| row as u32).collect();
        let rows = Tensor::new(rows, &Device::Cpu)?;
        Ok(Self { x: self.x.index_select(&rows, 0)?, y: self.y.index_select(&rows, 0)? })
    }
}

fn regression(set: &Set, classes: usize, penalty: f64) -> Result<Linear> {
    let (x, y, width) = (set.x.clone(), set.y.clone(), set.x.dim(1)?);
    let loss = move |model: &mut Linear, _: Key| {
        cross_entropy(&model.forward(&x)?, &y)? + (model.weight().sqr()?.sum_all()? * (penalty / 2.0))?
    };
    let mut model = FlatModel::new(move |vb| linear(width, classes, vb), loss)?;
    let rate = json!({ "cosine": { "from": 0.1, "to": 0.0, "steps": STEPS } });
    let spec = Spec::new("backprop").with("descent", json!({ "name": "adamw", "rate": rate, "weight_decay": 0.0 }))?;
    let mut optimizer = registry::build(&spec, moths::Objective::space(&model), Key::new(1))?;
    let end = minimize(&mut *optimizer, &mut model, &Stop::steps(STEPS).without_best())?;
    model.load(&end.answer)?;
    let tensors = model.tensors()?;
    Ok(Linear::new(tensors["weight"].clone(), Some(tensors["bias"].clone())))
}

impl FromStr for Start {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "fitted" => Ok(Self::Fitted),
            "drawn" => Ok(Self::Drawn),
            _ => Err("write fitted or drawn".into()),
        }
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fitted => "fitted",
            Self::Drawn => "drawn",
        })
    }
}
