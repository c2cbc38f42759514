//! A model that is its own point: trained in the memory that running it takes.
//!
//! | file | what it answers |
//! |---|---|
//! | `mod` | the model as an objective |
//! | `given` | which tensors it has, and how they begin |
//! | `trained` | those that are trained: the point |
//! | `trained/advance`, `chance` | what a step does to it |
//! | `shift`, `residue` | how weights are displaced, and come back to the bit |
//! | `tune`, `head` | a fine-tune as a log of seeds and weights |
//! | `apply` | a log and a base: the tuned model |
//! | `unread` | leaves that no loss reads |

mod apply;
mod chance;
mod elsewhere;
mod given;
mod head;
mod residue;
mod shift;
mod trained;
mod tune;
mod unread;

use std::{collections::HashMap, path::Path, sync::Arc};

use candle_core::{Tensor, Var};
use candle_nn::VarBuilder;

use self::{
    given::{Given, Giver},
    head::{Head, HeadTensor},
    shift::{Away, not_near},
    trained::{Placed, Trained},
    tune::Log,
};
use super::{
    DataClock, Model, buffers::Buffers, layout::Request, loss::Loss, number::is_number, options::ModelOptions,
    refusals::Refusals, save, scalar, weights::Base,
};
use crate::{
    Error, Result,
    objective::{Batch, Home, Objective},
    persist::{Fields, Persist},
    rng::Key,
    space::{Leaf, Space, is_here},
    tensor::CowTensor,
};
pub use apply::{Applied, apply};

/// An objective from any candle model whose own tensors are the point: training it takes the memory of running it, and a few percent of the trained
/// weights beside.
///
/// Candidates are seeds. The weights that the model holds are displaced by the noise of one, the loss is taken, and they are brought back to the bit, also when the
/// loss fails or panics in between; only what a step commits moves them. No candidate, no noise and no gradient is ever stored. So it is searched by optimizers that
/// promise [`in_place`](crate::optimizer::Capabilities#structfield.in_place): `mezo`, `fzoo`, `lozo` and others.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use candle_nn::{Linear, Module, linear, loss::mse};
/// use moths_core::{ModelOptions, Objective, objective::model::InPlaceModel};
///
/// let x = Tensor::new(&[[1f32, 2.0], [3.0, 4.0]], &Device::Cpu)?;
/// let y = Tensor::new(&[[1f32], [0.0]], &Device::Cpu)?;
/// let options = ModelOptions::default().train("out.*");
/// let build = |vb: candle_nn::VarBuilder<'_>| Ok((linear(2, 8, vb.pp("body"))?, linear(8, 1, vb.pp("out"))?));
/// let loss = move |(body, out): &mut (Linear, Linear), _| mse(&out.forward(&body.forward(&x)?.tanh()?)?, &y);
/// let model = InPlaceModel::new(options, build, loss)?;
/// assert_eq!((model.space().dim(), model.space().is_in_place()), (9, true));
/// # Ok::<(), moths_core::Error>(())
/// ```
///
/// **Precision.** Weights are f32, bf16 or f16, each tensor as the model asks for it; arithmetic on them is in f32. Halves are rounded by chance when a step moves
/// them, as one to the nearest would lose all small steps; candidates are rounded to the nearest, so their displacement should be 1 % of the weights or more in bf16.
///
/// **Layers that copy.** A layer that keeps a copy of a tensor it was given never sees a candidate; [`unread`](InPlaceModel::unread) finds such leaves.
///
/// **Where optimizers keep a point of their own**, as most do, take [`FlatModel`](super::FlatModel), with the same options and weights.
pub struct InPlaceModel<M> {
    trained: Trained,
    /// What is not trained: neither copied nor touched.
    frozen: Vec<Given>,
    buffers: Buffers,
    model: M,
    loss: Loss<M>,
    clock: DataClock,
    options: ModelOptions,
}

impl<M> InPlaceModel<M> {
    /// `build` makes the model from a [`VarBuilder`] whose tensors are those of the options' [weights](ModelOptions::weights), or begin as the model says; `loss` gives its
    /// loss: one number of any dtype, or a tensor of which the mean is taken. The key that `loss` is given is for stochastic losses: equal keys must give
    /// equal data. A model that keeps a cache between calls clears it there.
    ///
    /// # Errors
    /// [`Error::Unknown`] for an option that concerns no leaf, and for weights none of which is the model's; [`Error::Shape`] for weights of another shape; what `build`
    /// fails with, as for tensors that the weights do not have; [`Error::Invalid`] for trained weights that are not finite or of another dtype than f32, bf16 and f16; [`Error::Unsupported`] for bounds
    /// and domains, which take a [`FlatModel`](super::FlatModel).
    pub fn new(
        options: ModelOptions,
        build: impl FnOnce(VarBuilder<'static>) -> candle_core::Result<M>,
        loss: impl FnMut(&mut M, Key) -> candle_core::Result<Tensor> + Send + 'static,
    ) -> Result<Self> {
        let (given, refusals) = (Arc::default(), Refusals::default());
        let giver = Giver { options: options.clone(), given: Arc::clone(&given), refusals: refusals.clone() };
        let built = build(VarBuilder::from_backend(Box::new(giver), options.dtype, options.device.clone()));
        let model = built.map_err(|why| refusals.typed(why))?;
        // The model may keep the builder: what it gave out is taken from it.
        let given: Vec<Given> = std::mem::take(&mut *given.lock().map_err(|e| Error::Objective(e.to_string()))?);
        options.check(given.iter().map(|given| &given.request))?;
        let (frozen, chosen): (Vec<_>, Vec<_>) = given.into_iter().partition(|given| given.is_frozen(&options));
        let buffers = buffers(&frozen)?;
        // The initial values use folds of the key by leaf: data and roundings use other branches of it.
        let trained = placed(chosen, &options)?;
        let clock = DataClock::new(options.key.fold(u64::MAX));
        Ok(Self { trained, frozen, buffers, model, loss: Loss::Whole(Box::new(loss)), clock, options })
    }

    /// The model.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The model, for what its loss is not: to be asked on held-out data, say.
    pub fn model_mut(&mut self) -> &mut M {
        &mut self.model
    }

    /// The names of tensors that the weights do not have, and so began as the model says, or as was [said
    /// beside](ModelOptions::beside).
    pub fn initialised(&self) -> impl Iterator<Item = &str> {
        self.all().filter(|(_, _, base)| base.is_new()).map(|(name, ..)| name)
    }

    /// Bytes that are kept beside the weights to come back from the last candidate.
    pub fn kept(&self) -> usize {
        self.trained.kept()
    }

    /// Steps that have moved it.
    pub fn steps(&self) -> u64 {
        self.trained.steps()
    }

    /// Every tensor of the model by name as it is now, frozen ones and buffers too: copies, in the dtypes the model has them in.
    ///
    /// # Errors
    /// [`Error::Tensor`] where candle cannot copy them.
    pub fn tensors(&self) -> Result<HashMap<String, Tensor>> {
        self.trained.whole()?;
        let mut tensors: HashMap<String, Tensor> =
            self.all().map(|(name, tensor, _)| Ok((name.to_owned(), tensor.copy()?))).collect::<Result<_>>()?;
        tensors.extend(self.buffers.copies()?);
        Ok(tensors)
    }

    /// Writes the model as a safetensors file, which takes the place of the one there when it is whole: all tensors of the weights under their names and in their
    /// dtypes, and those that are new. Tensors that the model never asked for stay as they are. Nothing as large as the model is held meanwhile.
    ///
    /// # Errors
    /// [`Error::File`] when something stands there that is no regular file; [`Error::Io`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.trained.whole()?;
        let buffers = self.buffers.shared().collect::<HashMap<_, _>>();
        let frozen = self.frozen.iter().filter(|given| given.is_buffer || given.base.is_new());
        let frozen =
            frozen.map(|given| (given.request.name.clone(), buffers.get(&given.request.name).unwrap_or(&given.tensor).clone()));
        let now = frozen.chain(self.trained.now()).collect();
        save::save(path.as_ref(), self.options.weights.as_ref(), now)
    }

    /// Writes every step down in a [log](apply) as it is taken. A log of the same base and leaves that is there already is gone on with: a saved state that is
    /// restored is led through it, and takes as much room as a few numbers; what a run that was cut off had written beyond that state makes way.
    ///
    /// # Errors
    /// [`Error::File`] for what is no log, is damaged, in use, or of something else; [`Error::Unsupported`] after the first step; [`Error::Io`].
    pub fn log_to(&mut self, path: impl AsRef<Path>) -> Result<()> {
        if self.steps() > 0 {
            return Err(Error::unsupported("a log", "begins with the first step"));
        }
        let log = Log::open(path.as_ref(), &self.head()?)?;
        self.trained.log = Some(log);
        Ok(())
    }

    /// Goes through all steps of the [log](Self::log_to), and tells how many they are.
    ///
    /// # Errors
    /// [`Error::Unsupported`] without a log; [`Error::File`], [`Error::Io`] where it cannot be read any more.
    pub fn follow_log(&mut self) -> Result<u64> {
        let steps = self.trained.log.as_ref().map_or(0, Log::len);
        self.trained.rewind(steps)?;
        Ok(steps)
    }

    /// Bytes of the log; `None` where there is none.
    pub fn log_bytes(&self) -> Option<u64> {
        self.trained.log.as_ref().map(Log::bytes)
    }

    /// The names of trained leaves that the loss does not read: those a layer copies, those of a path that leads nowhere. A search moves them for nothing.
    ///
    /// Each is filled with NaN, and then with other numbers, and the loss compared with what it was, to the bit: up to three losses a leaf, on the same data. A
    /// leaf whose effect begins elsewhere, as behind a layer that is zero at the start, is named too. Afterwards the model is what it was.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a loss that is another for the same weights, or not finite; what the loss fails with.
    pub fn unread(&mut self) -> Result<Vec<String>> {
        let (statistics, key) = (self.buffers.copies()?, self.clock.key(0));
        let Self { trained, buffers, model, loss, .. } = self;
        let found = unread::unread(&trained.leaves, || {
            buffers.restore(&statistics)?;
            scalar(&loss.of(model, key)?)
        });
        self.buffers.restore(&statistics)?;
        found
    }

    fn all(&self) -> impl Iterator<Item = (&str, &Tensor, &Base)> {
        let frozen = self.frozen.iter().map(|given| (given.request.name.as_str(), &given.tensor, &given.base));
        frozen.chain(self.trained.leaves.iter().map(|leaf| (leaf.name.as_str(), &leaf.tensor, &leaf.base)))
    }

    /// What a log of this model begins with.
    fn head(&self) -> Result<Head> {
        let new = self.frozen.iter().filter(|given| given.base.is_new() && !given.is_buffer);
        let new = new.map(|given| HeadTensor::new(&given.request.name, &given.tensor, &given.base, None));
        let weights = self.options.weights.as_ref().map_or(Ok(String::new()), head::digits)?;
        self.trained.head(weights, new)
    }
}

/// Trained tensors as a point.
fn placed(chosen: Vec<Given>, options: &ModelOptions) -> Result<Trained> {
    let leaf = |given: &Given| -> Result<Leaf> {
        let Request { name, shape, .. } = &given.request;
        if !is_number(given.tensor.dtype()) {
            return Err(Error::invalid(
                format!("dtype of `{name}`"),
                given.tensor.dtype().as_str(),
                "f32, bf16 or f16 for what is trained in place",
            ));
        }
        let scale = given.request.natural_scale(options)?;
        Ok(given.request.changed(Leaf::real(name, shape.as_slice()).dtype(given.tensor.dtype()).scale(scale), options))
    };
    let space = Space::of_model(chosen.iter().map(leaf).collect::<Result<_>>()?)?;
    let units: Vec<f64> = space.leaves().iter().map(|leaf| leaf.scale.unwrap_or(1.0)).collect();
    let mut from = 0;
    let leaves = chosen.into_iter().zip(units).map(|(given, unit)| {
        let leaf = Placed::new(&given.request.name, given.tensor, given.base, from, unit);
        from += leaf.tensor.elem_count();
        leaf
    });
    Trained::new(space.clone(), leaves.collect(), options.key.fold(u64::MAX - 1))
}

/// The buffers among what is not trained: variables, of which layers hold the very tensor.
fn buffers(frozen: &[Given]) -> Result<Buffers> {
    let buffer = |given: &Given| Ok((given.request.name.clone(), Var::from_tensor(&given.tensor)?));
    frozen.iter().filter(|given| given.is_buffer).map(buffer).collect()
}

/// Brings the model home, whatever happens in between.
struct Visit<'a>(&'a mut Trained);

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        if !self.0.is_home() {
            self.0.come_home();
        }
    }
}

/// Where candidate `i` is; `None`: where the model is.
fn place(batch: &Batch, i: usize, space: &Space) -> Result<Option<Away>> {
    let (centre, noise, probe) = batch.seed(i).ok_or_else(|| not_near("points that are written down"))?;
    if centre.dims() != [space.dim()] || !is_here(centre) {
        return Err(not_near("points around another"));
    }
    Ok((probe.scale != 0.0).then(|| Away { noise: noise.clone(), seed: probe.seed, scale: probe.scale }))
}

impl<M> Objective for InPlaceModel<M> {
    fn space(&self) -> &Space {
        &self.trained.space
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        let Self { trained, model, loss, clock, .. } = self;
        trained.check(batch)?;
        let visit = Visit(trained);
        (0..batch.len())
            .map(|i| {
                let to = place(batch, i, &visit.0.space)?;
                visit.0.go(to)?;
                scalar(&loss.of(model, clock.key(batch.draw(i)))?)
            })
            .collect()
    }

    fn stochastic(&self) -> bool {
        self.options.stochastic
    }

    fn refresh(&mut self) -> Result<()> {
        self.skip(1)
    }

    fn skip(&mut self, steps: u64) -> Result<()> {
        self.clock.refreshes = self.clock.refreshes.saturating_add(steps);
        Ok(())
    }

    fn home(&mut self) -> Option<&mut dyn Home> {
        Some(&mut self.trained)
    }
}

impl<M> Model for InPlaceModel<M> {
    /// The one point that there is in place is where the model is already.
    fn load(&mut self, at: &CowTensor) -> Result<()> {
        self.trained
            .space
            .point(at)
            .and_then(|at| if is_here(&at) { Ok(()) } else { Err(not_near("points that are written down")) })
    }
}

/// Where its data are, its buffers, and the point: the numbers of its trained tensors, or, where there is a [log](InPlaceModel::log_to), how far in it.
impl<M> Persist for InPlaceModel<M> {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        fields.field("data", &mut self.clock)?;
        fields.field("buffers", &mut self.buffers)?;
        self.trained.visit(fields)
    }
}
