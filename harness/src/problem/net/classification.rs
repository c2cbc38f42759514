//! Networks that say what an example is.

use candle_core::{Device, Tensor};
use candle_nn::{Init, VarBuilder};
use moths::{Key, ModelOptions};

use super::{
    examples::{Block, Blocks, Examples, Share, blocks},
    lanes::{Lanes, cross_entropy, predicted},
    task::{Defaults, Fused, Task, Tensors},
};
use crate::problem::{Figure, Measure};

/// Training examples that an answer's loss is of, at most: enough for three digits.
const EXAMINED: usize = 10_000;

/// A kind of network from inputs to one logit a class.
pub(super) trait Architecture: Clone + Send + Sync + 'static {
    /// The network in candle.
    type Network: Tensors + Send + 'static;
    /// Its fast twin.
    type Forward: Forward + 'static;

    /// Has the loss a derivative that says anything?
    fn differentiable(&self) -> bool {
        true
    }

    /// The network over these variables.
    fn build(&self, vb: VarBuilder<'_>) -> candle_core::Result<Self::Network>;

    /// How its tensors begin and are searched.
    fn options(&self, options: ModelOptions) -> ModelOptions {
        options
    }

    /// Inputs \[n, width\] to logits \[n, classes\].
    fn logits(&self, network: &Self::Network, inputs: &Tensor) -> candle_core::Result<Tensor>;

    /// What computes the same logits in one pass.
    fn forward(&self) -> Self::Forward;
}

/// The logits of examples side by side.
pub(super) trait Forward: Send {
    /// Called before the logits of other parameters.
    fn prepare(&mut self, _parameters: &[&[f32]]) {}

    /// One value a class.
    fn logits(&mut self, parameters: &[&[f32]], inputs: &[Lanes]) -> &[Lanes];
}

/// Train a network by the mean cross-entropy of examples; judge it by the share of others that it says rightly.
#[derive(Clone)]
pub(super) struct Classification<A> {
    pub(super) architecture: A,
    pub(super) train: Examples,
    pub(super) judged: Examples,
    /// Which training examples a loss is of.
    pub(super) share: Share,
    /// The layer that begins at zero, if one does.
    pub(super) zero_head: Option<&'static str>,
    pub(super) measures: [Measure; 3],
    pub(super) defaults: Defaults,
    /// Where losses are computed.
    pub(super) device: Device,
}

/// The figures of a classification whose judged examples are held out of the training examples, or are not.
pub(super) fn measures(validate: bool) -> [Measure; 3] {
    let share = |name| Measure { name, kind: Figure::Share };
    [Measure::LOSS, share("train_accuracy"), share(if validate { "validation_accuracy" } else { "test_accuracy" })]
}

impl<A: Architecture> Task for Classification<A> {
    type Network = A::Network;
    type Fused = FusedClassification<A::Forward>;

    fn differentiable(&self) -> bool {
        self.architecture.differentiable()
    }

    fn shows_outputs(&self) -> bool {
        true
    }

    fn stochastic(&self) -> bool {
        matches!(self.share, Share::Minibatch(_))
    }

    fn build(&self, vb: VarBuilder<'_>) -> candle_core::Result<A::Network> {
        self.architecture.build(vb)
    }

    fn device(&self) -> Device {
        self.device.clone()
    }

    fn options(&self, options: ModelOptions) -> ModelOptions {
        let options = self.architecture.options(options);
        self.zero_head.map_or(options.clone(), |layer| options.init(layer, Init::Const(0.0)))
    }

    fn loss(&self, network: &A::Network, key: Key) -> candle_core::Result<Tensor> {
        candle_nn::loss::cross_entropy(&self.logits(network, key)?, &self.labels(key)?)
    }

    fn labels(&self, key: Key) -> candle_core::Result<Tensor> {
        self.train.labels(&self.share.rows(self.train.len(), key))?.to_device(&self.device)
    }

    fn logits(&self, network: &A::Network, key: Key) -> candle_core::Result<Tensor> {
        let inputs = self.train.inputs(&self.share.rows(self.train.len(), key))?.to_device(&self.device)?;
        self.architecture.logits(network, &inputs)
    }

    fn fused(&self) -> Self::Fused {
        FusedClassification {
            forward: self.architecture.forward(),
            blocks: Blocks::new(&self.train, self.share),
            train: self.train.clone(),
            judged: self.judged.clone(),
        }
    }

    fn measures(&self) -> &[Measure] {
        &self.measures
    }

    fn defaults(&self) -> Defaults {
        self.defaults
    }
}

/// Losses and figures in one pass.
pub(super) struct FusedClassification<F> {
    forward: F,
    blocks: Blocks,
    train: Examples,
    judged: Examples,
}

/// What is added up over examples.
#[derive(Default)]
struct Sum {
    loss: f64,
    right: usize,
    examples: usize,
}

impl Sum {
    fn add(&mut self, logits: &[Lanes], block: &Block) {
        self.loss += cross_entropy(logits, &block.labels);
        self.right +=
            block.labels.iter().enumerate().filter(|(lane, label)| predicted(logits, *lane) == usize::from(**label)).count();
        self.examples += block.labels.len();
    }

    fn means(&self) -> (f64, f64) {
        (self.loss / self.examples as f64, self.right as f64 / self.examples as f64)
    }
}

/// Loss and accuracy of the first examples.
fn judge(forward: &mut impl Forward, parameters: &[&[f32]], examples: &Examples, most: usize) -> (f64, f64) {
    let mut sum = Sum::default();
    for block in blocks(examples, 0..examples.len().min(most)) {
        sum.add(forward.logits(parameters, &block.inputs), &block);
    }
    sum.means()
}

impl<F: Forward> Fused for FusedClassification<F> {
    fn loss(&mut self, parameters: &[&[f32]], key: Key) -> f64 {
        let Self { forward, blocks, .. } = self;
        forward.prepare(parameters);
        let (mut sum, mut examples) = (0.0, 0);
        for block in blocks.of(key) {
            sum += cross_entropy(forward.logits(parameters, &block.inputs), &block.labels);
            examples += block.labels.len();
        }
        sum / examples as f64
    }

    fn logits(&mut self, parameters: &[&[f32]], key: Key) -> candle_core::Result<Tensor> {
        let Self { forward, blocks, .. } = self;
        forward.prepare(parameters);
        let (mut rows, mut classes) = (vec![], 0);
        for block in blocks.of(key) {
            let logits = forward.logits(parameters, &block.inputs);
            classes = logits.len();
            (0..block.labels.len()).for_each(|lane| rows.extend(logits.iter().map(|logit| logit.0[lane])));
        }
        let examples = rows.len() / classes.max(1);
        Tensor::from_vec(rows, (examples, classes), &Device::Cpu)
    }

    fn figures(&mut self, parameters: &[&[f32]]) -> Vec<f64> {
        self.forward.prepare(parameters);
        let (loss, trained) = judge(&mut self.forward, parameters, &self.train, EXAMINED);
        let (_, accuracy) = judge(&mut self.forward, parameters, &self.judged, usize::MAX);
        vec![loss, trained, accuracy]
    }
}
