//! What the training problems have in common.

use std::{collections::HashMap, sync::Arc};

use candle_core::{Device, Tensor};
use candle_nn::{Init, VarBuilder};
use moths::{
    Batch, CowTensor, Key, ModelOptions, Objective, Spec,
    nn::{Module, PopulationModel},
    objective::OutputLoss,
    passes_on,
};
use serde_json::json;

use crate::{
    Result,
    problem::{Answer, Examiner, Measure, Problem},
    threads,
};

/// A network that was built.
pub(super) type Network = Box<dyn Module + Send + Sync>;

/// A kind of network, from inputs to one logit a class.
pub(super) trait Architecture: Send + Sync {
    /// The network over these variables.
    fn build(&self, vb: VarBuilder<'_>) -> candle_core::Result<Network>;

    /// How its tensors begin and are searched, where that is not what the layers say.
    fn options(&self, options: ModelOptions) -> ModelOptions {
        options
    }

    /// Has the loss a derivative that says anything? Where it has none, backpropagation is refused.
    fn differentiable(&self) -> bool {
        true
    }
}

/// What a network learns from, and what it is judged by.
pub(super) trait Data: Clone + Send + Sync + 'static {
    /// Does every loss see a minibatch of its own key?
    fn stochastic(&self) -> bool;

    /// The inputs of a key, and the classes that the logits are of.
    fn of(&self, key: Key) -> Result<(Tensor, Tensor)>;

    /// One figure a measure of a network, as far as `predict` tells it: inputs to logits.
    fn figures(&self, predict: &Predict<'_>) -> Result<Vec<f64>>;
}

/// Inputs \[n, ..\] to logits \[n, .., classes\].
pub(super) type Predict<'a> = dyn Fn(Tensor) -> Result<Tensor> + 'a;

/// Train a network by the mean cross-entropy of its logits.
#[derive(Clone)]
pub(super) struct Training<D> {
    pub(super) architecture: Arc<dyn Architecture>,
    pub(super) data: D,
    /// The layer that begins at zero, if one does.
    pub(super) zero_head: Option<&'static str>,
    pub(super) measures: Vec<Measure>,
    pub(super) defaults: Defaults,
    /// Where losses are computed.
    pub(super) device: Device,
}

/// The budget and the optimizer of a run that names none: OpenES, with the best of a few deviations and rates on held-out training data.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Defaults {
    /// Loss evaluations.
    pub(super) evaluations: u64,
    /// Pairs of candidates a step.
    pub(super) pairs: u64,
    /// The deviation of the perturbations.
    pub(super) sigma: f64,
    /// The learning rate at the beginning; it falls to 0 along a cosine as long as the run.
    pub(super) rate: f64,
    /// The decay of the weights, where it is another than that of the update rule.
    pub(super) weight_decay: Option<f64>,
}

impl Defaults {
    /// OpenES with these settings.
    fn optimizer(&self) -> Spec {
        let rate = json!({ "cosine": { "from": self.rate, "to": 0.0 } });
        let mut descent = json!({ "name": "adamw", "rate": rate });
        if let Some(decay) = self.weight_decay {
            descent["weight_decay"] = json!(decay);
        }
        let settings = [("pairs", json!(self.pairs)), ("sigma", json!(self.sigma)), ("descent", descent)];
        Spec { name: "open-es".into(), settings: settings.map(|(name, value)| (name.to_owned(), value)).into_iter().collect() }
    }
}

impl<D: Data> Training<D> {
    /// The network as an objective.
    pub(super) fn model(&self, seed: u64) -> Result<PopulationModel<Network>> {
        let options = self.architecture.options(ModelOptions::default().key(Key::new(seed)).device(&self.device));
        let options = if self.data.stochastic() { options.stochastic() } else { options };
        let options = self.zero_head.map_or(options.clone(), |layer| options.init(layer, Init::Const(0.0)));
        let architecture = Arc::clone(&self.architecture);
        PopulationModel::with(options, move |vb| architecture.build(vb), self.source(), OutputLoss::CrossEntropy)
    }

    /// The data of a key, on the device. Candidates of one step mostly share a key: what was given last is kept.
    fn source(&self) -> impl FnMut(Key) -> Result<(Tensor, Tensor)> + Send + 'static {
        let (data, device) = (self.data.clone(), self.device.clone());
        let mut last: Option<(Key, (Tensor, Tensor))> = None;
        move |key| {
            let key = if data.stochastic() { key } else { Key::new(0) };
            if let Some((_, given)) = last.as_ref().filter(|(of, _)| *of == key) {
                return Ok(given.clone());
            }
            let (inputs, targets) = data.of(key)?;
            let given = (inputs.to_device(&device)?, targets.to_device(&device)?);
            last = Some((key, given.clone()));
            Ok(given)
        }
    }
}

impl<D: Data> Problem for Training<D> {
    fn objective(&self, seed: u64) -> Result<Box<dyn Objective + Send>> {
        let model = self.model(seed)?;
        Ok(if self.differentiable() { Box::new(model) } else { Box::new(NoGradient { inner: model }) })
    }

    fn examiner(&self, seed: u64) -> Result<Box<dyn Examiner>> {
        Ok(Box::new(Judge { model: self.model(seed)?, data: self.data.clone(), device: self.device.clone() }))
    }

    fn measures(&self) -> &[Measure] {
        &self.measures
    }

    fn answer(&self) -> Answer {
        Answer::Optimizers
    }

    fn differentiable(&self) -> bool {
        self.architecture.differentiable()
    }

    fn shows_outputs(&self) -> bool {
        true
    }

    fn default_optimizer(&self) -> Spec {
        self.defaults.optimizer()
    }

    fn default_evaluations(&self) -> u64 {
        self.defaults.evaluations
    }

    fn default_threads(&self) -> usize {
        threads::cores()
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
struct Judge<D> {
    model: PopulationModel<Network>,
    data: D,
    device: Device,
}

impl<D: Data> Examiner for Judge<D> {
    fn examine(&mut self, answer: &CowTensor) -> Result<Vec<f64>> {
        self.model.load(answer)?;
        self.data.figures(&|inputs| Ok(self.model.predict(&inputs.to_device(&self.device)?)?.to_device(&Device::Cpu)?))
    }

    fn tensors(&mut self, answer: &CowTensor) -> Result<Option<HashMap<String, Tensor>>> {
        self.model.load(answer)?;
        self.model.as_flat().tensors().map(Some)
    }
}
