//! A network as an objective.

mod data;
mod forward;

use std::{
    collections::{HashMap, hash_map::Entry},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use candle_core::Tensor;
use candle_nn::VarBuilder;
use moths_core::{
    Batch, CowTensor, Error, FlatModel, Key, ModelOptions, Objective, Result, Sampler, Space,
    objective::{OutputLoss, Outputs, Probe, model::Model},
    persist::{Fields, Persist},
    tensor::host,
};
use rayon::prelude::*;

use crate::{
    Module,
    candidates::{Kind, Part, Source, plan},
    lanes::Buffer,
};
use data::{Data, Kept};
use forward::{AT_ONCE, Forward};

type Provider = dyn FnMut(Key) -> Result<(Tensor, Tensor)> + Send;

/// An objective of a network that evaluates many candidates in one forward: the mean loss of its outputs on the data of a key.
///
/// It is a [`FlatModel`] in all else: the same options, names, start, gradients and files. Losses differ from candle's by rounding alone,
/// and have the same bits whatever the number of threads, and of candidates beside them. Only networks in f32 on the CPU are computed this way;
/// others, and those that ask for tensors of integers, one by one by candle's operations.
pub struct PopulationModel<N> {
    model: FlatModel<N>,
    /// Does every parameter reach the network's layers as the model gave it out?
    checked: bool,
    source: Arc<Mutex<Box<Provider>>>,
    loss: Arc<OutputLoss>,
    kept: Kept,
    /// The most values that a product made of a candidate: by it as many go together as the cache has room for, which changes no bit.
    widest: AtomicUsize,
}

impl<N: Module + Send + Sync + 'static> PopulationModel<N> {
    /// A network in f32 on the CPU with the default [`ModelOptions`].
    ///
    /// `data` gives inputs \[m, ..\] and targets, as the loss wants them, of a key: equal keys must give equal data. Where it gives the
    /// very tensors of the time before, they are laid out once. Targets of a cross-entropy are whole numbers below the number of classes, one of each row of the
    /// outputs; those of a squared error have the shape of the outputs.
    ///
    /// # Errors
    /// As [`FlatModel::with`].
    pub fn new(
        build: impl Fn(VarBuilder<'static>) -> candle_core::Result<N> + Send + 'static,
        data: impl FnMut(Key) -> Result<(Tensor, Tensor)> + Send + 'static,
        loss: OutputLoss,
    ) -> Result<Self> {
        Self::with(ModelOptions::default(), build, data, loss)
    }

    /// A network with options: [`stochastic`](ModelOptions::stochastic) ones see other data with every key.
    ///
    /// # Errors
    /// As [`FlatModel::with`].
    pub fn with(
        options: ModelOptions,
        build: impl Fn(VarBuilder<'static>) -> candle_core::Result<N> + Send + 'static,
        data: impl FnMut(Key) -> Result<(Tensor, Tensor)> + Send + 'static,
        loss: OutputLoss,
    ) -> Result<Self> {
        let source: Arc<Mutex<Box<Provider>>> = Arc::new(Mutex::new(Box::new(data)));
        let loss = Arc::new(loss);
        let (from, by, shape) = (Arc::clone(&source), Arc::clone(&loss), Arc::clone(&loss));
        let forward = move |network: &mut N, key| {
            let of = || {
                let (inputs, targets) = drawn(&from, key)?;
                let outputs = network.consume(inputs.into())?.to_tensor()?;
                Ok((by_rows(&outputs)?, targets_by_rows(&shape, &targets)?))
            };
            of().map_err(|why: Error| candle_core::Error::wrap(why))
        };
        let whole =
            OutputLoss::Other(Box::new(move |outputs, targets| by.of(outputs, targets).map_err(candle_core::Error::wrap)));
        let model = FlatModel::with_outputs(options, build, forward, whole)?;
        Ok(Self { model, checked: false, source, loss, kept: Kept::default(), widest: AtomicUsize::new(0) })
    }

    /// The network, with the parameters that were loaded last; evaluating loads others.
    pub fn model(&self) -> &N {
        self.model.model()
    }

    /// Gives the model the parameters of a point \[d\] in search coordinates.
    ///
    /// # Errors
    /// As [`FlatModel::load`].
    pub fn load(&mut self, at: &CowTensor) -> Result<()> {
        self.model.load(at)
    }

    /// Every tensor of the model by name as it is now, as of [`FlatModel::tensors`].
    ///
    /// # Errors
    /// As [`FlatModel::tensors`].
    pub fn tensors(&self) -> Result<HashMap<String, Tensor>> {
        self.model.tensors()
    }

    /// Writes the model as a safetensors file, as [`FlatModel::save`].
    ///
    /// # Errors
    /// As [`FlatModel::save`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.model.save(path)
    }

    /// The same as a model that candidates are loaded into: for all else that one can do.
    pub fn as_flat(&self) -> &FlatModel<N> {
        &self.model
    }

    /// Likewise.
    pub fn as_flat_mut(&mut self) -> &mut FlatModel<N> {
        &mut self.model
    }

    /// The outputs \[m, ..\] of the parameters that were loaded last, since the last evaluation, for these inputs \[m, ..\].
    ///
    /// # Errors
    /// As the network.
    pub fn predict(&self, inputs: &Tensor) -> Result<Tensor> {
        let Some(forward) = self.forward() else { return self.model().forward(&inputs.clone().into())?.to_tensor() };
        let values = host::read(&*self.model.values()?, Buffer::copy_of)?;
        let data = Data::new(inputs.clone(), inputs.clone());
        let outputs = forward.outputs(Source::Written(vec![values]), &data)?;
        outputs.into_iter().next().ok_or_else(|| Error::shape("candidates", "at least one", 0))
    }

    fn forward(&self) -> Option<Forward<'_, N>> {
        Some(Forward { network: self.model.model(), views: self.model.views()?, space: self.model.space(), widest: &self.widest })
    }
}

fn drawn(source: &Mutex<Box<Provider>>, key: Key) -> Result<(Tensor, Tensor)> {
    // A source that panicked is asked again: what it gives follows from the key.
    (source.lock().unwrap_or_else(PoisonError::into_inner))(key)
}

/// Outputs \[m, .., k\] as rows of k.
fn by_rows(outputs: &Tensor) -> Result<Tensor> {
    Ok(if outputs.rank() > 2 { outputs.flatten_to(outputs.rank() - 2)? } else { outputs.clone() })
}

fn targets_by_rows(loss: &OutputLoss, targets: &Tensor) -> Result<Tensor> {
    match loss {
        OutputLoss::CrossEntropy => Ok(targets.flatten_all()?),
        _ => by_rows(targets),
    }
}

/// The data of every draw of a batch.
type Draws = HashMap<u32, Arc<Data>>;

impl<N: Module + Send + Sync + 'static> PopulationModel<N> {
    fn draws(&mut self, batch: &Batch) -> Result<Draws> {
        let mut draws = Draws::new();
        for i in 0..batch.len() {
            if let Entry::Vacant(vacant) = draws.entry(batch.draw(i)) {
                let (inputs, targets) = drawn(&self.source, self.model.data_key(*vacant.key()))?;
                vacant.insert(self.kept.laid_out(inputs, targets));
            }
        }
        Ok(draws)
    }

    /// What `of` makes of the parts of a batch, in order, by all threads.
    fn by_parts<T: Send>(
        &mut self,
        batch: &Batch,
        of: impl Fn(&Forward<'_, N>, Source, &Data) -> Result<Vec<T>> + Sync,
    ) -> Result<Vec<T>> {
        let draws = self.draws(batch)?;
        if let Some(data) = draws.get(&batch.draw(0)) {
            self.check(batch, data)?;
        }
        let at_once = draws.values().all(|data| data.blocks() <= AT_ONCE);
        let parts = plan(batch, self.model.space(), at_once, rayon::current_num_threads(), self.widest.load(Ordering::Relaxed));
        let mut made = Vec::with_capacity(batch.len());
        for parts in parts.chunk_by(|a, b| a.kind.held() == b.kind.held()) {
            self.hold(batch, parts)?;
            let forward = self.forward().ok_or_else(|| Error::unsupported("the model", "gives out no views"))?;
            let one = |part: &Part| of(&forward, part.source(batch, forward.space)?, &draws[&part.draw]);
            let done: Vec<Vec<T>> = parts.par_iter().with_max_len(1).map(one).collect::<Result<_>>()?;
            made.extend(done.into_iter().flatten());
        }
        Ok(made)
    }

    /// A parameter that the network changes by candle's operations before a layer takes it is no longer the candidate's: it is what the model holds. So where
    /// the model holds nothing but NaN, a candidate that is finite must stay so: a centre of the batch, drawn layer by layer, as a model may be large.
    fn check(&mut self, batch: &Batch, data: &Data) -> Result<()> {
        if self.checked {
            return Ok(());
        }
        let at = batch.seed(0).map_or_else(|| self.space().start(), |(centre, ..)| centre.clone());
        let away = |scale| Batch::seeded(&at, Sampler::Rademacher, [Probe::new(Key::new(0), scale)]);
        let loss = |model: &Self| -> Result<f64> {
            let forward = model.forward().ok_or_else(|| Error::unsupported("the model", "gives out no views"))?;
            let source = match forward.space.decodes_by_parts() {
                true => Source::near(&away(0.0), 0..1, forward.space)?,
                false => Source::written(&away(0.0), 0..1, forward.space)?,
            };
            Ok(forward.losses(source, data, &model.loss)?.into_iter().sum())
        };
        let held = loss(self)?;
        self.model.load_candidate(&away(f64::NAN), 0)?;
        let alone = loss(self);
        self.model.load(&at)?;
        // What is not finite says nothing.
        self.checked = held.is_finite();
        if self.checked && alone?.to_bits() != held.to_bits() {
            self.checked = false;
            let why = "must reach a layer as the model gave it out: write what is done to it with `Linear::with_weights` or `Activations::layer`, or take a `FlatModel`";
            return Err(Error::unsupported("a parameter that a network changes by candle's operations", why));
        }
        Ok(())
    }

    /// The model holds the centre of candidates of low rank.
    fn hold(&mut self, batch: &Batch, parts: &[Part]) -> Result<()> {
        match parts.first() {
            Some(Part { kind: Kind::LowRank { .. }, candidates, .. }) => match batch.seed(candidates.start) {
                Some((centre, ..)) => self.model.load(&centre.clone()),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

impl<N: Module + Send + Sync + 'static> Objective for PopulationModel<N> {
    fn space(&self) -> &Space {
        self.model.space()
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        if self.model.views().is_none() {
            return self.model.evaluate(batch);
        }
        let loss = Arc::clone(&self.loss);
        self.by_parts(batch, |forward, source, data| forward.losses(source, data, &loss))
    }

    fn shows_outputs(&self) -> bool {
        true
    }

    fn outputs(&mut self, batch: &Batch) -> Result<Option<Outputs>> {
        if self.model.views().is_none() || batch.is_empty() {
            return self.model.outputs(batch);
        }
        let loss = Arc::clone(&self.loss);
        let answers = self.by_parts(batch, |forward, source, data| forward.answers(source, data, &loss))?;
        forward::outputs(answers).map(Some)
    }

    fn stochastic(&self) -> bool {
        self.model.stochastic()
    }

    fn refresh(&mut self) -> Result<()> {
        self.model.refresh()
    }

    fn skip(&mut self, steps: u64) -> Result<()> {
        self.model.skip(steps)
    }

    fn gradient(&mut self, at: &CowTensor) -> Result<Option<(f64, Tensor)>> {
        self.model.gradient(at)
    }
}

impl<N: Module + Send + Sync + 'static> Model for PopulationModel<N> {
    fn load(&mut self, at: &CowTensor) -> Result<()> {
        self.model.load(at)
    }
}

impl<N> Persist for PopulationModel<N> {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        self.model.visit(fields)
    }
}
