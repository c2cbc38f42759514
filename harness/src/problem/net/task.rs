//! What the training problems have in common.

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use candle_nn::VarBuilder;
use moths::{Batch, CowTensor, FlatModel, Key, ModelOptions, Objective, Spec, objective::OutputLoss, passes_on, tensor::host};
use serde_json::json;

use crate::{
    Error, Result,
    problem::{Answer, Examiner, Measure, Problem},
};

/// A network to train, its data, and how it is judged.
pub(super) trait Task: Clone + Send + Sync + 'static {
    /// The network in candle.
    type Network: Tensors + Send + 'static;
    /// Its fast twin.
    type Fused: Fused + 'static;

    /// Can losses be differentiated? Where they cannot, backpropagation is refused.
    fn differentiable(&self) -> bool {
        true
    }

    /// Do [`Task::logits`] and [`Fused::logits`] say what the network answers?
    fn shows_outputs(&self) -> bool {
        false
    }

    /// Does every loss see a minibatch of its own key?
    fn stochastic(&self) -> bool;

    /// The network over these variables.
    fn build(&self, vb: VarBuilder<'_>) -> candle_core::Result<Self::Network>;

    /// Where losses are computed.
    fn device(&self) -> Device {
        Device::Cpu
    }

    /// How its tensors begin and are searched, where that is not what candle's layers say.
    fn options(&self, options: ModelOptions) -> ModelOptions {
        options
    }

    /// The mean loss by candle's operations: what gradients are taken of.
    fn loss(&self, network: &Self::Network, key: Key) -> candle_core::Result<Tensor>;

    /// What it should say of the data of a key: the classes \[m\] that its logits are of, where it is a classifier.
    fn labels(&self, _key: Key) -> candle_core::Result<Tensor> {
        candle_core::bail!("this network shows no outputs")
    }

    /// The logits \[m, classes\] of the data of a key by candle's operations, where it [shows](Task::shows_outputs) them.
    fn logits(&self, _network: &Self::Network, _key: Key) -> candle_core::Result<Tensor> {
        candle_core::bail!("this network shows no outputs")
    }

    /// What computes the same loss in one pass.
    fn fused(&self) -> Self::Fused;

    /// What its figures are.
    fn measures(&self) -> &[Measure];

    /// Settings that do well.
    fn defaults(&self) -> Defaults;
}

/// The tensors of a network, in the order in which its fused twin takes them.
pub(super) trait Tensors {
    /// All of them.
    fn tensors(&self) -> Vec<&Tensor>;
}

/// Losses and figures of a network in one pass. `parameters` are the values of its [`Tensors`].
pub(super) trait Fused: Send {
    /// The mean loss of the data of this key.
    fn loss(&mut self, parameters: &[&[f32]], key: Key) -> f64;

    /// The logits \[m, classes\] of the data of this key, where it [shows](Task::shows_outputs) them.
    fn logits(&mut self, _parameters: &[&[f32]], _key: Key) -> candle_core::Result<Tensor> {
        candle_core::bail!("this network shows no outputs")
    }

    /// One figure a measure.
    fn figures(&mut self, parameters: &[&[f32]]) -> Vec<f64>;
}

/// How losses are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Path {
    /// By candle's operations.
    #[cfg(test)]
    Plain,
    /// In one pass; gradients still by candle's operations.
    Fused,
}

/// The budget and the optimizer of a run that names none: OpenES, with the best of a few deviations and rates on held-out training data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Defaults {
    /// Loss evaluations.
    pub(super) evaluations: u64,
    /// Pairs of candidates a step.
    pub(super) pairs: u64,
    /// The deviation of the perturbations.
    pub(super) sigma: f64,
    /// The learning rate at the beginning; it falls to 0 along a cosine as long as the run.
    pub(super) rate: f64,
}

impl Defaults {
    /// OpenES with these settings.
    fn optimizer(&self) -> Spec {
        let rate = json!({ "cosine": { "from": self.rate, "to": 0.0 } });
        let descent = json!({ "name": "adamw", "rate": rate });
        let settings = [("pairs", json!(self.pairs)), ("sigma", json!(self.sigma)), ("descent", descent)];
        Spec { name: "open-es".into(), settings: settings.map(|(name, value)| (name.to_owned(), value)).into_iter().collect() }
    }
}

/// A [`Task`] as a problem.
pub(super) struct Training<T>(pub(super) T);

impl<T: Task> Training<T> {
    /// The network as an objective.
    pub(super) fn model(&self, seed: u64, path: Path) -> Result<FlatModel<T::Network>> {
        let device = self.0.device();
        let options = self.0.options(ModelOptions::default().key(Key::new(seed)).device(&device));
        let options = if self.0.stochastic() { options.stochastic() } else { options };
        let (builder, task, mut fused) = (self.0.clone(), self.0.clone(), self.0.fused());
        let model = FlatModel::with(
            options,
            move |vb| builder.build(vb),
            move |network, key| {
                let tensors = network.tensors();
                if path == Path::Fused && device.is_cpu() && !is_differentiated(&tensors) {
                    let loss = with_slices(&tensors, |parameters| fused.loss(parameters, key));
                    return Tensor::new(loss.map_err(candle_core::Error::wrap)?, &Device::Cpu);
                }
                task.loss(network, key)
            },
        )?;
        Ok(if self.0.shows_outputs() { self.showing(model) } else { model })
    }

    /// The same, whose logits can be seen too.
    fn showing(&self, model: FlatModel<T::Network>) -> FlatModel<T::Network> {
        let (task, mut fused) = (self.0.clone(), self.0.fused());
        let forward = move |network: &mut T::Network, key| {
            if !task.device().is_cpu() {
                return Ok((task.logits(network, key)?, task.labels(key)?));
            }
            let logits = with_slices(&network.tensors(), |parameters| fused.logits(parameters, key));
            Ok((logits.map_err(candle_core::Error::wrap)??, task.labels(key)?))
        };
        model.and_outputs(forward, OutputLoss::CrossEntropy)
    }
}

/// Is this the model that gradients are taken of?
fn is_differentiated(tensors: &[&Tensor]) -> bool {
    tensors.iter().any(|tensor| tensor.track_op())
}

/// Reads all these tensors at once.
pub(super) fn with_slices<R>(tensors: &[&Tensor], f: impl FnOnce(&[&[f32]]) -> R) -> Result<R> {
    let (mut f, mut result) = (Some(f), None);
    read_on(tensors, &[], &mut |slices| result = f.take().map(|f| f(slices)))?;
    result.ok_or_else(|| Error::unsupported("a network", "has no tensors"))
}

/// Each tensor is lent for the length of a call only, so the calls are nested.
fn read_on(tensors: &[&Tensor], before: &[&[f32]], f: &mut dyn FnMut(&[&[f32]])) -> Result<()> {
    match tensors {
        [] => {
            f(before);
            Ok(())
        }
        [first, rest @ ..] => host::read(first, |slice: &[f32]| read_on(rest, &[before, &[slice]].concat(), f))?,
    }
}

impl<T: Task> Problem for Training<T> {
    fn objective(&self, seed: u64) -> Result<Box<dyn Objective + Send>> {
        let model = self.model(seed, Path::Fused)?;
        Ok(if self.0.differentiable() { Box::new(model) } else { Box::new(NoGradient { inner: model }) })
    }

    fn examiner(&self, seed: u64) -> Result<Box<dyn Examiner>> {
        Ok(Box::new(Judge { model: self.model(seed, Path::Fused)?, fused: self.0.fused() }))
    }

    fn measures(&self) -> &[Measure] {
        self.0.measures()
    }

    fn answer(&self) -> Answer {
        Answer::Optimizers
    }

    fn differentiable(&self) -> bool {
        self.0.differentiable()
    }

    fn shows_outputs(&self) -> bool {
        self.0.shows_outputs()
    }

    fn default_optimizer(&self) -> Spec {
        self.0.defaults().optimizer()
    }

    fn default_evaluations(&self) -> u64 {
        self.0.defaults().evaluations
    }

    fn default_threads(&self) -> usize {
        std::thread::available_parallelism().map_or(1, usize::from)
    }
}

/// An objective whose derivative is zero wherever it exists: none is better than that one.
struct NoGradient<O> {
    inner: O,
}

impl<O: Objective> Objective for NoGradient<O> {
    passes_on!(inner: space, stochastic, refresh, outputs);

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        self.inner.evaluate(batch)
    }
}

/// The network with the answer in it, and the data it is judged by.
struct Judge<N, F> {
    model: FlatModel<N>,
    fused: F,
}

impl<N: Tensors + Send, F: Fused> Examiner for Judge<N, F> {
    fn examine(&mut self, answer: &CowTensor) -> Result<Vec<f64>> {
        self.model.load(answer)?;
        let fused = &mut self.fused;
        with_slices(&self.model.model().tensors(), |parameters| fused.figures(parameters))
    }

    fn tensors(&mut self, answer: &CowTensor) -> Result<Option<HashMap<String, Tensor>>> {
        self.model.load(answer)?;
        self.model.tensors().map(Some)
    }
}
