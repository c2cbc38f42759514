//! A model whose tensors are views of one flat buffer.

use std::{collections::HashMap, sync::Mutex};

use candle_core::{Device, Tensor, Var};
use candle_nn::VarBuilder;

use super::{
    DataClock,
    layout::{Layout, ModelOptions, Named, Recorder},
    scalar,
};
use crate::{Batch, CowTensor, Error, Fields, Key, Objective, Persist, Result, Space, fuse::Element, host, with_scalar};

type Build<M> = Box<dyn Fn(VarBuilder<'_>) -> candle_core::Result<M> + Send>;
type Loss<M> = Box<dyn FnMut(&M, Key) -> candle_core::Result<Tensor> + Send>;

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
/// let objective = FlatModel::new(|vb| linear(2, 1, vb.pp("out")), move |model: &Linear, _| mse(&model.forward(&x)?, &y))?;
/// # Ok::<(), moths_core::Error>(())
/// ```
pub struct FlatModel<M> {
    space: Space,
    flat: Tensor,
    model: M,
    build: Build<M>,
    loss: Loss<M>,
    frozen: HashMap<String, Tensor>,
    differentiable: Option<Differentiable<M>>,
    clock: DataClock,
    stochastic: bool,
}

/// The same model over variables, built when a gradient is asked for the first time.
struct Differentiable<M> {
    vars: Vec<Var>,
    model: M,
}

impl<M> FlatModel<M> {
    /// A model in f32 on the CPU with the default [`ModelOptions`].
    ///
    /// `build` makes the model from a [`VarBuilder`], and is called more than once; `loss` gives its scalar loss. The key that
    /// `loss` is given is for stochastic losses: equal keys must give equal data.
    pub fn new(
        build: impl Fn(VarBuilder<'_>) -> candle_core::Result<M> + Send + 'static,
        loss: impl FnMut(&M, Key) -> candle_core::Result<Tensor> + Send + 'static,
    ) -> Result<Self> {
        Self::with(ModelOptions::default(), build, loss)
    }

    /// A model with options.
    ///
    /// # Errors
    /// [`Error::Unknown`] for an option that concerns no leaf; what `build` fails with; [`Error::Tensor`] when `build` asks for
    /// several dtypes.
    pub fn with(
        options: ModelOptions,
        build: impl Fn(VarBuilder<'_>) -> candle_core::Result<M> + Send + 'static,
        loss: impl FnMut(&M, Key) -> candle_core::Result<Tensor> + Send + 'static,
    ) -> Result<Self> {
        let requests = Mutex::new(vec![]);
        build(VarBuilder::from_backend(Box::new(Recorder(&requests)), options.dtype, Device::Cpu))?;
        let requests = requests.into_inner().map_err(|e| Error::Objective(e.to_string()))?;
        let layout = Layout::new(&requests, &options)?;
        let flat = layout.space.decoded(layout.space.start())?.to_dtype(options.dtype)?;
        let views = views(&layout.space, &flat, &layout.frozen)?;
        let model = build(VarBuilder::from_backend(Box::new(Named(views)), options.dtype, Device::Cpu))?;
        Ok(Self {
            space: layout.space,
            flat,
            model,
            build: Box::new(build),
            loss: Box::new(loss),
            frozen: layout.frozen,
            differentiable: None,
            // The initial values use folds of the key by leaf: the data use another branch of it.
            clock: DataClock::new(options.key.fold(u64::MAX)),
            stochastic: options.stochastic,
        })
    }

    /// The model, with the parameters that were loaded last.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// Loads a point \[d\] given in search coordinates: the model then has these parameters, decoded.
    pub fn load(&mut self, at: &CowTensor) -> Result<()> {
        self.load_candidate(&Batch::one(at)?, 0)
    }

    /// Exchanges the model's parameters with those in `values` \[d\], in the model's dtype, in constant time whatever d: the two
    /// tensors exchange their memory.
    ///
    /// # Errors
    /// [`Error::Shape`] unless `values` is a \[d\] tensor of the model's dtype; [`Error::Unsupported`] when somebody else
    /// holds `values` too.
    pub fn swap(&mut self, values: &mut CowTensor) -> Result<()> {
        // What is exchanged is the memory itself: it must begin where the tensor does.
        let whole = values.is_contiguous() && values.layout().start_offset() == 0;
        if values.dims() != self.flat.dims() || values.dtype() != self.flat.dtype() || !whole {
            let expected = format!("{:?} {}", self.flat.dims(), self.flat.dtype().as_str());
            return Err(Error::shape("values", expected, format!("{:?} {}", values.dims(), values.dtype().as_str())));
        }
        if values.is_shared() {
            return Err(Error::unsupported("swap", "needs a tensor that nobody else holds"));
        }
        host::swap(&self.flat, values.make_mut()?)
    }

    /// The model's parameters as they are now, \[d\], in the model's dtype.
    pub fn values(&self) -> Result<CowTensor> {
        Ok(CowTensor::new(self.flat.copy()?))
    }

    /// Every tensor of the model by name, frozen ones too: to be saved, or loaded into the same model elsewhere.
    pub fn tensors(&self) -> Result<HashMap<String, Tensor>> {
        let views = views(&self.space, &self.flat, &self.frozen)?;
        views.into_iter().map(|(name, view)| Ok((name, view.copy()?))).collect()
    }

    fn load_candidate(&mut self, batch: &Batch, i: usize) -> Result<()> {
        if self.flat.dtype() == self.space.dtype() {
            return with_scalar!(self.space.dtype(), T => self.write_candidate::<T>(batch, i));
        }
        let values = self.space.decode(&*batch.row(i, &self.space)?)?.to_dtype(self.flat.dtype())?;
        Ok(self.flat.slice_set(&values, 0, 0)?)
    }

    /// Centre, noise, scales and bounds in one go, straight into the model's memory.
    fn write_candidate<T: Element>(&mut self, batch: &Batch, i: usize) -> Result<()> {
        let space = &self.space;
        host::edit_shared::<T, _>(&self.flat, |values| {
            batch.write_slice(i, values)?;
            space.decode_slice(values);
            Ok(())
        })?
    }

    fn differentiable(&mut self) -> Result<&Differentiable<M>> {
        if self.differentiable.is_none() {
            let named = self.space.tensors(&*self.space.decoded(self.space.start())?)?;
            let vars: Vec<(String, Var)> =
                named.into_iter().map(|(name, tensor)| Ok((name, Var::from_tensor(&tensor)?))).collect::<Result<_>>()?;
            let mut tensors = self.frozen.clone();
            tensors.extend(vars.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone())));
            let builder = VarBuilder::from_backend(Box::new(Named(tensors)), self.flat.dtype(), Device::Cpu);
            let model = (self.build)(builder)?;
            self.differentiable = Some(Differentiable { vars: vars.into_iter().map(|(_, var)| var).collect(), model });
        }
        self.differentiable.as_ref().ok_or_else(|| Error::unsupported("the model", "cannot be differentiated"))
    }
}

/// The free leaves as views of the flat buffer, and the frozen ones.
fn views(space: &Space, flat: &Tensor, frozen: &HashMap<String, Tensor>) -> Result<HashMap<String, Tensor>> {
    let (mut tensors, mut at) = (frozen.clone(), 0);
    for leaf in space.leaves().iter().filter(|l| !l.is_frozen()) {
        tensors.insert(leaf.name().to_owned(), flat.narrow(0, at, leaf.len())?.reshape(leaf.shape())?);
        at += leaf.len();
    }
    Ok(tensors)
}

impl<M> Objective for FlatModel<M> {
    fn space(&self) -> &Space {
        &self.space
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        (0..batch.len())
            .map(|i| {
                self.load_candidate(batch, i)?;
                scalar(&(self.loss)(&self.model, self.clock.key(batch.draw(i)))?)
            })
            .collect()
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
        if self.space.is_discrete() {
            return Ok(None);
        }
        let values = self.space.tensors(&*self.space.decode(at)?)?;
        let key = self.clock.key(0);
        self.differentiable()?;
        let Some(Differentiable { vars, model }) = &self.differentiable else { return Ok(None) };
        vars.iter().zip(&values).try_for_each(|(var, (_, value))| var.set(value))?;
        let loss = (self.loss)(model, key)?;
        let gradient = super::var_map::flat_gradient(&loss, vars, &self.space)?;
        Ok(Some((scalar(&loss)?, gradient)))
    }
}

/// A model's own state is where its data are: its parameters belong to the optimizer.
impl<M> Persist for FlatModel<M> {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        fields.field("data", &mut self.clock)
    }
}
