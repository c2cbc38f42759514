//! Saying what an example is.

use std::sync::Arc;

use candle_core::Tensor;
use moths::Key;

use super::{
    examples::{Examples, Share},
    judged::Sum,
    training::{Architecture, Data, Defaults, Predict, Training},
};
use crate::{
    Result,
    problem::{Figure, Measure, Options},
};

/// Training examples that an answer's loss is of, at most: enough for three digits.
const EXAMINED: usize = 10_000;
/// Examples that are judged together.
const TOGETHER: usize = 1024;

/// Examples to train on, and others to be judged by: by the share of them that is said rightly.
#[derive(Clone)]
pub(super) struct Classification {
    pub(super) train: Examples,
    pub(super) judged: Examples,
    /// Which training examples a loss is of.
    pub(super) share: Share,
}

impl Classification {
    /// The problem of training a network on it. What the options ask for beside examples is to be refused before.
    pub(super) fn training(
        self,
        architecture: impl Architecture + 'static,
        defaults: Defaults,
        options: &Options,
    ) -> Result<Training<Self>> {
        Ok(Training {
            architecture: Arc::new(architecture),
            data: self,
            zero_head: None,
            measures: measures(options.validate).into(),
            defaults,
            device: options.place()?,
        })
    }
}

/// The figures of a classification whose judged examples are held out of the training examples, or are not.
fn measures(validate: bool) -> [Measure; 3] {
    let share = |name| Measure { name, kind: Figure::Share };
    [Measure::LOSS, share("train_accuracy"), share(if validate { "validation_accuracy" } else { "test_accuracy" })]
}

impl Data for Classification {
    fn stochastic(&self) -> bool {
        matches!(self.share, Share::Minibatch(_))
    }

    fn of(&self, key: Key) -> Result<(Tensor, Tensor)> {
        self.train.tensors(&self.share.rows(self.train.len(), key))
    }

    fn figures(&self, predict: &Predict<'_>) -> Result<Vec<f64>> {
        let trained = judge(predict, &self.train, EXAMINED)?;
        Ok(vec![trained.loss(), trained.accuracy(), judge(predict, &self.judged, usize::MAX)?.accuracy()])
    }
}

/// What is said of the first examples.
fn judge(predict: &Predict<'_>, examples: &Examples, most: usize) -> Result<Sum> {
    let (mut sum, rows) = (Sum::default(), (0..examples.len().min(most)).collect::<Vec<_>>());
    for rows in rows.chunks(TOGETHER) {
        let (inputs, classes) = examples.tensors(rows)?;
        sum.add(&predict(inputs)?, &classes)?;
    }
    Ok(sum)
}
