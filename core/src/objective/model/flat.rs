//! A model whose tensors are views of one flat buffer.

mod gradient;
mod load;

use std::{collections::HashMap, path::Path, sync::Arc};

use candle_core::{DType, Tensor};
use candle_nn::VarBuilder;

use super::{
    DataClock,
    buffers::Buffers,
    effect,
    layout::{Layout, Named, Recorder},
    loss::{Answers, Loss, Shown},
    options::ModelOptions,
    refusals::Refusals,
    save, scalar,
    whole::Whole,
};
use crate::{
    Error, Result,
    objective::{Batch, Objective, OutputLoss, Outputs, model::Views},
    persist::{Fields, Persist},
    rng::Key,
    space::{Leaf, Space},
    tensor::CowTensor,
};
use gradient::Differentiable;

type Build<M> = Box<dyn Fn(VarBuilder<'static>) -> candle_core::Result<M> + Send>;

/// An objective from a candle model: its tensors are views of one flat buffer, so that a candidate is written straight into the
/// model, with no tensor made or copied on the way.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use candle_nn::{Linear, Module, linear, loss::mse};
/// use moths_core::FlatModel;
///
/// let x = Tensor::new(&[[1f32, 2.0], [3.0, 4.0]], &Device::Cpu)?;
/// let y = Tensor::new(&[[1f32], [0.0]], &Device::Cpu)?;
/// let objective = FlatModel::new(|vb| linear(2, 1, vb.pp("out")), move |model: &mut Linear, _| mse(&model.forward(&x)?, &y))?;
/// # Ok::<(), moths_core::Error>(())
/// ```
///
/// **Buffers.** What a model keeps beside its parameters, and changes itself, is not searched: tensors called `running_mean`, `running_var` or
/// `num_batches_tracked`, and what [`ModelOptions::buffers`] names. They are frozen leaves, are part of [`FlatModel::tensors`] as they are
/// now, and of the saved state. In training mode every candidate moves the statistics of a batch normalisation: after a search
/// [load](FlatModel::load) the answer and go through the data a few times before the model is saved.
///
/// **Layers that copy.** A layer that keeps a copy of a tensor it was given, rather than the tensor, never sees a candidate;
/// [`FlatModel::without_effect`] finds such leaves.
pub struct FlatModel<M> {
    space: Space,
    flat: Tensor,
    whole: Whole,
    model: M,
    build: Build<M>,
    loss: Loss<M>,
    frozen: HashMap<String, Tensor>,
    buffers: Buffers,
    differentiable: Option<Differentiable<M>>,
    clock: DataClock,
    stochastic: bool,
    options: ModelOptions,
}

impl<M> FlatModel<M> {
    /// A model in f32 on the CPU with the default [`ModelOptions`].
    ///
    /// `build` makes the model from a [`VarBuilder`], and is called more than once; `loss` gives its loss: one number of any dtype, or a
    /// tensor of which the mean is taken. The key that `loss` is given is for stochastic losses: equal keys must give equal data.
    ///
    /// # Errors
    /// As [`FlatModel::with`].
    pub fn new(
        build: impl Fn(VarBuilder<'static>) -> candle_core::Result<M> + Send + 'static,
        loss: impl FnMut(&mut M, Key) -> candle_core::Result<Tensor> + Send + 'static,
    ) -> Result<Self> {
        Self::with(ModelOptions::default(), build, loss)
    }

    /// A model with options.
    ///
    /// # Errors
    /// [`Error::Unknown`] for an option that concerns no leaf; what `build` fails with; [`Error::Tensor`] when `build` asks for
    /// several dtypes; [`Error::Invalid`] for initial values that are not finite, and for bounds that hold no number of the dtype.
    pub fn with(
        options: ModelOptions,
        build: impl Fn(VarBuilder<'static>) -> candle_core::Result<M> + Send + 'static,
        loss: impl FnMut(&mut M, Key) -> candle_core::Result<Tensor> + Send + 'static,
    ) -> Result<Self> {
        Self::of(options, build, Loss::Whole(Box::new(loss)))
    }

    /// A model that shows its [outputs](Objective::outputs): `forward` gives them \[m, k\] on the data of a key, and the targets that `loss`
    /// compares them with.
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use candle_nn::{Linear, Module, linear};
    /// use moths_core::{Batch, FlatModel, ModelOptions, Objective, objective::OutputLoss};
    ///
    /// let x = Tensor::new(&[[1f32, 2.0], [3.0, 4.0], [0.0, 1.0]], &Device::Cpu)?;
    /// let classes = Tensor::new(&[0u32, 1, 1], &Device::Cpu)?;
    /// let forward = move |model: &mut Linear, _| Ok((model.forward(&x)?, classes.clone()));
    /// let build = |vb: candle_nn::VarBuilder<'_>| linear(2, 2, vb.pp("out"));
    /// let mut model = FlatModel::with_outputs(ModelOptions::default(), build, forward, OutputLoss::CrossEntropy)?;
    /// let outputs = model.outputs(&Batch::one(&model.space().start())?)?.expect("it shows them");
    /// assert_eq!(outputs.values.dims(), [1, 3, 2]);
    /// # Ok::<(), moths_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`FlatModel::with`].
    pub fn with_outputs(
        options: ModelOptions,
        build: impl Fn(VarBuilder<'static>) -> candle_core::Result<M> + Send + 'static,
        forward: impl FnMut(&mut M, Key) -> candle_core::Result<(Tensor, Tensor)> + Send + 'static,
        loss: OutputLoss,
    ) -> Result<Self> {
        Self::of(options, build, Loss::OfOutputs(Shown { forward: Box::new(forward), loss }))
    }

    /// The same model, which shows its [outputs](Objective::outputs) where they are asked for: for a loss that is computed as a whole in a
    /// better way than by way of them. `forward` and `loss` are those of [`with_outputs`](Self::with_outputs), and must give the same loss up to rounding.
    pub fn and_outputs(
        self,
        forward: impl FnMut(&mut M, Key) -> candle_core::Result<(Tensor, Tensor)> + Send + 'static,
        loss: OutputLoss,
    ) -> Self {
        let shown = Shown { forward: Box::new(forward), loss };
        let loss = match self.loss {
            Loss::Whole(whole) | Loss::Both(whole, _) => Loss::Both(whole, shown),
            Loss::OfOutputs(_) => Loss::OfOutputs(shown),
        };
        Self { loss, ..self }
    }

    fn of(
        options: ModelOptions,
        build: impl Fn(VarBuilder<'static>) -> candle_core::Result<M> + Send + 'static,
        loss: Loss<M>,
    ) -> Result<Self> {
        let (requests, refusals) = (Arc::default(), Refusals::default());
        let recorder = Recorder { requests: Arc::clone(&requests), options: options.clone(), refusals: refusals.clone() };
        build(VarBuilder::from_backend(Box::new(recorder), options.dtype, options.device.clone()))
            .map_err(|why| refusals.typed(why))?;
        let requests = std::mem::take(&mut *requests.lock().map_err(|e| Error::Objective(e.to_string()))?);
        let layout = Layout::new(&requests, &options)?;
        let flat = layout.space.decoded(layout.space.start())?.to_dtype(options.dtype)?.to_device(&options.device)?;
        let whole = Whole::new(&layout.space, &flat)?;
        let mut given = views(&layout.space, &flat)?;
        given.extend(whole.tensors(&layout.space)?);
        given.extend(layout.frozen.clone());
        given.extend(layout.buffers.shared());
        let model = build(VarBuilder::from_backend(
            Box::new(Named { tensors: given, options: options.clone() }),
            options.dtype,
            options.device.clone(),
        ))?;
        Ok(Self {
            space: layout.space,
            flat,
            whole,
            model,
            build: Box::new(build),
            loss,
            frozen: layout.frozen,
            buffers: layout.buffers,
            differentiable: None,
            // The initial values use folds of the key by leaf: the data use another branch of it.
            clock: DataClock::new(options.key.fold(u64::MAX)),
            stochastic: options.stochastic,
            options,
        })
    }

    /// The model, with the parameters that were loaded last.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// Tells which coordinates the tensors of the model are; `None` where some of them are no views of its buffer: those asked for as integers,
    /// and all of a model that is not in f32 on the CPU.
    pub fn views(&self) -> Option<Views> {
        (self.whole.is_empty() && self.flat.dtype() == DType::F32).then(|| Views::of(&self.flat)).flatten()
    }

    /// The key of the data that candidates of a [draw](Batch::draw) see until the next [refresh](Objective::refresh).
    pub fn data_key(&self, draw: u32) -> Key {
        self.clock.key(draw)
    }

    /// Every tensor of the model by name as it is now, frozen ones and buffers too: to be saved, or loaded into the same model elsewhere.
    ///
    /// # Errors
    /// [`Error::Tensor`] where candle cannot copy them.
    pub fn tensors(&self) -> Result<HashMap<String, Tensor>> {
        let whole = self.whole.tensors(&self.space)?;
        let given = views(&self.space, &self.flat)?.into_iter().chain(whole).chain(self.frozen.clone());
        let mut tensors = given.map(|(name, view)| Ok((name, view.copy()?))).collect::<Result<HashMap<_, _>>>()?;
        tensors.extend(self.buffers.copies()?);
        Ok(tensors)
    }

    /// Writes the model as a safetensors file, which takes the place of the one there when it is whole: all tensors of the [weights](ModelOptions::weights) under their
    /// names and in their dtypes, and those that are new.
    ///
    /// # Errors
    /// [`Error::File`] when something stands there that is no regular file; [`Error::Io`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let weights = self.options.weights.as_ref();
        let is_kept = |name: &str| self.frozen.contains_key(name) && weights.is_some_and(|weights| weights.contains(name));
        let now = self.tensors()?.into_iter().filter(|(name, _)| !is_kept(name)).collect();
        save::save(path.as_ref(), weights, now)
    }

    /// The names of leaves that the loss does not depend on, which are searched for nothing: those a layer copies, as batch normalisations
    /// do with their statistics, and those no path leads from to the loss.
    ///
    /// The start is compared, to the bit, with points in which some leaves are drawn anew, or NaN. With k of n leaves that have an effect this takes
    /// up to 3 k log₂ n losses, on the same data. Afterwards the model is what it was. A leaf whose effect begins elsewhere,
    /// as behind a layer that is dead at the start, is named too.
    ///
    /// ```
    /// use candle_nn::{Linear, Module, VarBuilder, linear};
    /// use moths_core::FlatModel;
    ///
    /// let build = |vb: VarBuilder<'_>| Ok((linear(2, 1, vb.pp("used"))?, linear(2, 1, vb.pp("forgotten"))?));
    /// let x = candle_core::Tensor::new(&[[1f32, 2.0]], &candle_core::Device::Cpu)?;
    /// let mut model = FlatModel::new(build, move |(used, _): &mut (Linear, Linear), _| used.forward(&x)?.sqr())?;
    /// assert_eq!(model.without_effect()?, ["forgotten.weight", "forgotten.bias"]);
    /// # Ok::<(), moths_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a loss that is another for the same parameters, or not finite at the start; what the loss fails with.
    pub fn without_effect(&mut self) -> Result<Vec<String>> {
        let (mut before, statistics, key) = (self.values()?, self.buffers.copies()?, self.clock.key(0));
        let found = effect::without_effect(&self.space.clone(), |point| {
            self.load(point)?;
            self.buffers.restore(&statistics)?;
            scalar(&self.loss.of(&mut self.model, key)?)
        });
        self.swap(&mut before)?;
        self.buffers.restore(&statistics)?;
        found
    }
}

/// The free leaves as views of the flat buffer.
fn views(space: &Space, flat: &Tensor) -> Result<HashMap<String, Tensor>> {
    let view = |at: usize, leaf: &Leaf| flat.narrow(0, at, leaf.len())?.reshape(leaf.shape());
    space.places().map(|(leaf, place)| Ok((leaf.name().to_owned(), view(place.start, leaf)?))).collect()
}

impl<M> Objective for FlatModel<M> {
    fn space(&self) -> &Space {
        &self.space
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        (0..batch.len())
            .map(|i| {
                self.load_candidate(batch, i)?;
                scalar(&self.loss.of(&mut self.model, self.clock.key(batch.draw(i)))?)
            })
            .collect()
    }

    fn shows_outputs(&self) -> bool {
        self.loss.shows_outputs()
    }

    fn outputs(&mut self, batch: &Batch) -> Result<Option<Outputs>> {
        let mut answers = Answers::default();
        for i in 0..batch.len() {
            self.load_candidate(batch, i)?;
            let key = self.clock.key(batch.draw(i));
            let Some(answer) = self.loss.with_outputs(&mut self.model, key)? else { return Ok(None) };
            answers.push(answer, &self.space)?;
        }
        answers.outputs()
    }

    fn stochastic(&self) -> bool {
        self.stochastic
    }

    fn refresh(&mut self) -> Result<()> {
        self.skip(1)
    }

    fn skip(&mut self, steps: u64) -> Result<()> {
        self.clock.refreshes = self.clock.refreshes.saturating_add(steps);
        Ok(())
    }

    fn gradient(&mut self, at: &CowTensor) -> Result<Option<(f64, Tensor)>> {
        self.gradient_at(at)
    }
}

/// A model's own state is where its data are, and its buffers: its parameters belong to the optimizer.
impl<M> Persist for FlatModel<M> {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        fields.field("data", &mut self.clock)?;
        fields.field("buffers", &mut self.buffers)
    }
}
