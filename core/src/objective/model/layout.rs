//! Which tensors a model asks for, how they begin, and how they are searched.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use candle_core::{DType, Device, Shape, Tensor, Var};
use candle_nn::{Init, init::NormalOrUniform, var_builder::SimpleBackend};

use super::{
    buffers::{Buffers, is_buffer},
    options::{Change, ModelOptions},
    refusals::{Refusals, another, shapeless},
    weights::{Base, Initial, Weights},
};
use crate::{
    Error, Result,
    noise::Sampler,
    space::{Leaf, Space},
    tensor::{CowTensor, host},
};

/// One tensor a model asked for.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) init: Init,
    /// That of the model, or one of integers.
    pub(super) dtype: DType,
}

/// Records what a model asks for, in order.
pub(super) struct Recorder {
    pub(super) requests: Arc<Mutex<Vec<Request>>>,
    pub(super) options: ModelOptions,
    pub(super) refusals: Refusals,
}

impl SimpleBackend for Recorder {
    fn get(&self, shape: Shape, name: &str, init: Init, dtype: DType, device: &Device) -> candle_core::Result<Tensor> {
        let mut requests = self.requests.lock().map_err(|e| candle_core::Error::msg(e.to_string()))?;
        if let Some(why) = self.options.missing(name) {
            return Err(self.refusals.refuse(why));
        }
        match requests.iter().find(|r| r.name == name) {
            Some(known) if known.shape != shape.dims() || known.dtype != dtype => {
                return Err(self.refusals.refuse(another(name, (&known.shape, known.dtype), (shape.dims(), dtype))));
            }
            Some(_) => {}
            None => requests.push(Request { name: name.into(), shape: shape.dims().to_vec(), init, dtype }),
        }
        Tensor::zeros(shape, dtype, device)
    }

    fn get_unchecked(&self, name: &str, dtype: DType, device: &Device) -> candle_core::Result<Tensor> {
        match self.options.shape(name) {
            Some(shape) => self.get(shape.into(), name, Init::Const(0.0), dtype, device),
            None => Err(self.refusals.refuse(shapeless(name))),
        }
    }

    /// Weights tell what there is; without any, there is what the model has asked for, as in a `VarMap`.
    fn contains_tensor(&self, name: &str) -> bool {
        let asked = || self.requests.lock().is_ok_and(|requests| requests.iter().any(|r| r.name == name));
        if self.options.weights.is_some() { self.options.contains(name) } else { asked() }
    }
}

/// Hands out tensors by name.
pub(super) struct Named {
    pub(super) tensors: HashMap<String, Tensor>,
    pub(super) options: ModelOptions,
}

impl SimpleBackend for Named {
    fn get(&self, shape: Shape, name: &str, _: Init, dtype: DType, device: &Device) -> candle_core::Result<Tensor> {
        let tensor = self.get_unchecked(name, dtype, device)?;
        if tensor.shape() != &shape {
            candle_core::bail!("`{name}` has shape {:?}, and the model now asks for {shape:?}", tensor.shape())
        }
        Ok(tensor)
    }

    fn get_unchecked(&self, name: &str, dtype: DType, _: &Device) -> candle_core::Result<Tensor> {
        match self.tensors.get(name) {
            None => candle_core::bail!("the model asks for `{name}` only the second time it is built"),
            Some(tensor) if tensor.dtype() != dtype => {
                candle_core::bail!(
                    "`{name}` is asked for as {dtype:?}; a FlatModel holds one dtype of floats, {:?} (see VarMapModel)",
                    tensor.dtype()
                )
            }
            Some(tensor) => Ok(tensor.clone()),
        }
    }

    fn contains_tensor(&self, name: &str) -> bool {
        if self.options.weights.is_some() { self.options.contains(name) } else { self.tensors.contains_key(name) }
    }
}

/// A model's tensors as a space, and their initial values.
pub(super) struct Layout {
    /// Starting at the initial values of free leaves.
    pub(super) space: Space,
    /// Initial values of frozen leaves.
    pub(super) frozen: HashMap<String, Tensor>,
    /// Of those that the model changes itself.
    pub(super) buffers: Buffers,
}

impl Layout {
    pub(super) fn new(requests: &[Request], options: &ModelOptions) -> Result<Self> {
        options.check(requests.iter())?;
        let dtype = if options.dtype == DType::F64 { DType::F64 } else { DType::F32 };
        let leaves: Vec<Leaf> = requests.iter().map(|r| r.leaf(options)).collect::<Result<_>>()?;
        let space = Space::with_dtype(leaves, dtype)?;
        let is_frozen = |i: &usize| space.leaves()[*i].is_frozen();
        let (mut frozen, mut buffers) = (HashMap::new(), Buffers::default());
        for (i, request) in requests.iter().enumerate().filter(|(i, _)| is_frozen(i)) {
            let (name, tensor) = (request.name.clone(), request.kept(options, dtype, i)?.to_device(&options.device)?);
            if request.is_buffer(options) {
                buffers.insert(name, Var::from_tensor(&tensor)?);
            } else {
                frozen.insert(name, tensor);
            }
        }
        let free: Vec<(usize, Request)> = requests.iter().cloned().enumerate().filter(|(i, _)| !is_frozen(i)).collect();
        let (options, len) = (options.clone(), space.dim());
        // What is drawn nobody has to keep; files may be gone when somebody asks again.
        let space = match options.weights.as_ref().or(options.beside.as_ref()) {
            Some(_) => space.starting_at(&*initial(&free, &options, dtype, len)?)?,
            None => space.starting_by(move || initial(&free, &options, dtype, len))?,
        };
        Ok(Self { space, frozen, buffers })
    }
}

/// The initial values of these tensors, flat, each drawn into its place.
fn initial(requests: &[(usize, Request)], options: &ModelOptions, dtype: DType, len: usize) -> Result<CowTensor> {
    let all = Tensor::zeros(len, dtype, &Device::Cpu)?;
    let mut at = 0;
    for (i, request) in requests {
        let values = request.initial(options, dtype, *i)?;
        all.slice_set(&values, 0, at)?;
        at += values.elem_count();
    }
    Ok(all.into())
}

impl Request {
    fn init(&self, options: &ModelOptions) -> Init {
        let changed = |init, change: &Change| if let Change::Init(new) = change { *new } else { init };
        options.changes_of(&self.name).fold(self.init, changed)
    }

    fn leaf(&self, options: &ModelOptions) -> Result<Leaf> {
        let frozen = self.is_frozen(options);
        // Of what is frozen nobody asks the scale, and to tell it the tensor would have to be read.
        let scale = if frozen { 1.0 } else { self.natural_scale(options)? };
        let leaf = match self.is_whole() {
            true => whole_leaf(&self.name, &self.shape, self.dtype),
            false => Leaf::real(&self.name, self.shape.as_slice()).dtype(options.dtype).scale(scale),
        };
        let leaf = self.changed(leaf.frozen(frozen), options);
        // Its values pass through the buffer.
        if self.is_whole() && !frozen {
            leaf.clone().dtype(options.dtype).check()?;
        }
        Ok(leaf)
    }

    /// Is it asked for as integers?
    fn is_whole(&self) -> bool {
        !self.dtype.is_float()
    }

    /// A leaf with all that is said of it.
    pub(super) fn changed(&self, leaf: Leaf, options: &ModelOptions) -> Leaf {
        options.changes_of(&self.name).fold(leaf, |leaf, change| match change {
            Change::Scale(scale) => leaf.scale(*scale),
            Change::ScaleBy(factor) => leaf.clone().scale(leaf.scale.unwrap_or(1.0) * factor),
            Change::Bounds(lo, hi) => leaf.bounds(*lo, *hi),
            Change::BoundsEach(bounds) => leaf.bounds_each(bounds.clone()),
            Change::Domain(domain) => Leaf { domain: *domain, scale: None, levels: vec![], ..leaf },
            Change::Levels(levels) => Leaf { scale: None, ..leaf }.with_levels(levels.clone()),
            Change::Logarithmic => Leaf { scale: None, ..leaf }.logarithmic(),
            Change::When(other, values) => leaf.when(other, values.clone()),
            Change::Freeze | Change::Buffer => leaf.frozen(true),
            Change::Init(_) | Change::Fresh => leaf,
        })
    }

    /// Does it keep its values?
    pub(super) fn is_frozen(&self, options: &ModelOptions) -> bool {
        let said = options.changes_of(&self.name).any(|change| matches!(change, Change::Freeze | Change::Buffer));
        said || is_buffer(&self.name) || !options.trains(&self.name, &self.shape)
    }

    /// Does the model change it itself?
    pub(super) fn is_buffer(&self, options: &ModelOptions) -> bool {
        is_buffer(&self.name) || options.changes_of(&self.name).any(|change| matches!(change, Change::Buffer))
    }

    /// The initial values of what is not searched, in the model's dtype.
    fn kept(&self, options: &ModelOptions, dtype: DType, leaf: usize) -> Result<Tensor> {
        let values = self.initial(options, dtype, leaf)?.reshape(self.shape.as_slice())?;
        let values = values.to_dtype(if self.is_whole() { self.dtype } else { options.dtype })?;
        match host::to_f64s(&values.flatten_all()?.to_dtype(DType::F64)?)?.into_iter().enumerate().find(|(_, x)| !x.is_finite()) {
            None => Ok(values),
            Some((i, x)) => {
                let valid = format!("a finite number in {}", options.dtype.as_str());
                Err(Error::invalid(format!("values: {}[{i}]", self.name), x, valid))
            }
        }
    }

    /// The deviation of the initial distribution, or what stands in for it where the leaf begins constant.
    pub(super) fn natural_scale(&self, options: &ModelOptions) -> Result<f64> {
        if let Some(base) = self.given(options)? {
            let size = base.root_mean_square(self.shape.iter().product())?;
            if size > 0.0 && size.is_finite() {
                return Ok(size.log2().round().exp2());
            }
        }
        let deviation = Distribution::of(self.init(options), &self.shape).deviation;
        let fan_in: usize = self.shape.iter().skip(1).product();
        let size = match (deviation > 0.0, self.shape.len()) {
            (true, _) => deviation,
            (false, 0 | 1) => 0.1,
            (false, _) => 1.0 / (fan_in as f64).sqrt(),
        };
        // Beside weights, what is new has a unit that changes no bit either.
        Ok(if options.weights.is_some() { size.log2().round().exp2() } else { size })
    }

    /// Where its values are among the weights that are given; `None` where it is not, or is to begin otherwise.
    fn given(&self, options: &ModelOptions) -> Result<Option<Base>> {
        let otherwise = options.changes_of(&self.name).any(|change| matches!(change, Change::Init(_)));
        if otherwise {
            return Ok(None);
        }
        let of = |weights: &Option<Weights>| -> Result<Option<Base>> {
            weights.as_ref().map_or(Ok(None), |weights| Ok(weights.base(&self.name, &self.shape)?.cloned()))
        };
        match of(&options.weights)? {
            Some(base) => Ok(Some(base)),
            None => Ok(of(&options.beside)?.map(Base::beside)),
        }
    }

    /// Where its values are, or what they are drawn by: of the `leaf`-th tensor that the model asks for.
    pub(super) fn base(&self, options: &ModelOptions, leaf: usize) -> Result<Base> {
        if let Some(base) = self.given(options)? {
            return Ok(base);
        }
        let Distribution { mean, deviation, sampler } = Distribution::of(self.init(options), &self.shape);
        Ok(Base::Drawn(Initial { mean, deviation, sampler, key: options.key.fold(leaf as u64) }))
    }

    /// Initial values, flat.
    fn initial(&self, options: &ModelOptions, dtype: DType, leaf: usize) -> Result<CowTensor> {
        if let Some(base) = self.given(options)? {
            return Ok(base.tensor(&self.shape, dtype)?.flatten_all()?.into());
        }
        let Distribution { mean, deviation, sampler } = Distribution::of(self.init(options), &self.shape);
        let len: usize = self.shape.iter().product();
        let mean = Tensor::full(mean, len, &Device::Cpu)?.to_dtype(dtype)?;
        let mut values = CowTensor::new(mean.zeros_like()?);
        sampler.perturb(&mean, deviation, options.key.fold(leaf as u64), &mut values)?;
        Ok(values)
    }
}

/// The leaf of a tensor of integers: all those that its dtype holds.
pub(super) fn whole_leaf(name: &str, shape: &[usize], dtype: DType) -> Leaf {
    let (lo, hi) = match dtype {
        DType::U8 => (0, 255),
        DType::U32 => (0, i64::from(u32::MAX)),
        DType::I16 => (i64::from(i16::MIN), i64::from(i16::MAX)),
        DType::I32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (-(1 << 52), 1 << 52),
    };
    Leaf::integer(name, shape, lo, hi).dtype(dtype).scale(1.0)
}

/// candle's [`Init`] as mean + deviation · noise.
struct Distribution {
    mean: f64,
    deviation: f64,
    sampler: Sampler,
}

impl Distribution {
    fn of(init: Init, shape: &[usize]) -> Self {
        match init {
            Init::Const(mean) => Self { mean, deviation: 0.0, sampler: Sampler::Normal },
            Init::Randn { mean, stdev } => Self { mean, deviation: stdev, sampler: Sampler::Normal },
            Init::Uniform { lo, up } => {
                Self { mean: 0.5 * (lo + up), deviation: (up - lo) / 12f64.sqrt(), sampler: Sampler::Uniform }
            }
            Init::Kaiming { dist, fan, non_linearity } => Self {
                mean: 0.0,
                deviation: non_linearity.gain() / (fan.for_shape(&Shape::from(shape)) as f64).sqrt(),
                sampler: match dist {
                    NormalOrUniform::Normal => Sampler::Normal,
                    NormalOrUniform::Uniform => Sampler::Uniform,
                },
            },
        }
    }
}
