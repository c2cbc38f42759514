//! Which tensors a model asks for, how they begin, and how they are searched.

use std::{collections::HashMap, sync::Mutex};

use candle_core::{DType, Device, Shape, Tensor, Var};
use candle_nn::{Init, init::NormalOrUniform, var_builder::SimpleBackend};

use super::{
    buffers::{Buffers, is_buffer},
    options::{Change, ModelOptions},
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
    init: Init,
}

/// Records what a model asks for, in order.
pub(super) struct Recorder<'a>(pub(super) &'a Mutex<Vec<Request>>);

impl SimpleBackend for Recorder<'_> {
    fn get(&self, shape: Shape, name: &str, init: Init, dtype: DType, device: &Device) -> candle_core::Result<Tensor> {
        let mut requests = self.0.lock().map_err(|e| candle_core::Error::msg(e.to_string()))?;
        match requests.iter().find(|r| r.name == name) {
            Some(known) if known.shape != shape.dims() => {
                candle_core::bail!("the model asks for `{name}` twice, as {:?} and as {shape:?}", known.shape)
            }
            Some(_) => {}
            None => requests.push(Request { name: name.into(), shape: shape.dims().to_vec(), init }),
        }
        Tensor::zeros(shape, dtype, device)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> candle_core::Result<Tensor> {
        candle_core::bail!("the model asks for `{name}` without saying its shape")
    }

    fn contains_tensor(&self, _: &str) -> bool {
        true
    }
}

/// Hands out tensors by name.
pub(super) struct Named(pub(super) HashMap<String, Tensor>);

impl SimpleBackend for Named {
    fn get(&self, shape: Shape, name: &str, _: Init, dtype: DType, device: &Device) -> candle_core::Result<Tensor> {
        let tensor = self.get_unchecked(name, dtype, device)?;
        if tensor.shape() != &shape {
            candle_core::bail!("`{name}` has shape {:?}, and the model now asks for {shape:?}", tensor.shape())
        }
        Ok(tensor)
    }

    fn get_unchecked(&self, name: &str, dtype: DType, _: &Device) -> candle_core::Result<Tensor> {
        match self.0.get(name) {
            None => candle_core::bail!("the model asks for `{name}` only the second time it is built"),
            Some(tensor) if tensor.dtype() != dtype => {
                candle_core::bail!(
                    "`{name}` is asked for as {dtype:?}; a FlatModel holds one dtype, {:?} (see VarMapModel)",
                    tensor.dtype()
                )
            }
            Some(tensor) => Ok(tensor.clone()),
        }
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.0.contains_key(name)
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
        options.check(requests)?;
        let dtype = if options.dtype == DType::F64 { DType::F64 } else { DType::F32 };
        let leaves: Vec<Leaf> = requests.iter().map(|r| r.leaf(options)).collect();
        let space = Space::with_dtype(leaves, dtype)?;
        let is_frozen = |i: &usize| space.leaves()[*i].is_frozen();
        let (mut frozen, mut buffers) = (HashMap::new(), Buffers::default());
        for (i, request) in requests.iter().enumerate().filter(|(i, _)| is_frozen(i)) {
            let (name, tensor) = (request.name.clone(), request.kept(options, dtype, i)?);
            if request.is_buffer(options) {
                buffers.insert(name, Var::from_tensor(&tensor)?);
            } else {
                frozen.insert(name, tensor);
            }
        }
        let free: Vec<(usize, Request)> = requests.iter().cloned().enumerate().filter(|(i, _)| !is_frozen(i)).collect();
        let (options, len) = (options.clone(), space.dim());
        let space = space.starting_by(move || initial(&free, &options, dtype, len))?;
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

    fn leaf(&self, options: &ModelOptions) -> Leaf {
        let leaf = Leaf::real(&self.name, self.shape.as_slice()).dtype(options.dtype).scale(self.natural_scale(options));
        let leaf = leaf.frozen(is_buffer(&self.name));
        options.changes_of(&self.name).fold(leaf, |leaf, change| match change {
            Change::Scale(scale) => leaf.scale(*scale),
            Change::ScaleBy(factor) => leaf.clone().scale(leaf.scale.unwrap_or(1.0) * factor),
            Change::Bounds(lo, hi) => leaf.bounds(*lo, *hi),
            Change::BoundsEach(bounds) => leaf.bounds_each(bounds.clone()),
            Change::Domain(domain) => Leaf { domain: *domain, scale: None, ..leaf },
            Change::Freeze | Change::Buffer => leaf.frozen(true),
            Change::Init(_) => leaf,
        })
    }

    /// Does the model change it itself?
    fn is_buffer(&self, options: &ModelOptions) -> bool {
        is_buffer(&self.name) || options.changes_of(&self.name).any(|change| matches!(change, Change::Buffer))
    }

    /// The initial values of what is not searched, in the model's dtype.
    fn kept(&self, options: &ModelOptions, dtype: DType, leaf: usize) -> Result<Tensor> {
        let values = self.initial(options, dtype, leaf)?.reshape(self.shape.as_slice())?.to_dtype(options.dtype)?;
        match host::to_f64s(&values.flatten_all()?.to_dtype(DType::F64)?)?.into_iter().enumerate().find(|(_, x)| !x.is_finite()) {
            None => Ok(values),
            Some((i, x)) => {
                let valid = format!("a finite number in {}", options.dtype.as_str());
                Err(Error::invalid(format!("values: {}[{i}]", self.name), x, valid))
            }
        }
    }

    /// The deviation of the initial distribution, or what stands in for it where the leaf begins constant.
    fn natural_scale(&self, options: &ModelOptions) -> f64 {
        let deviation = Distribution::of(self.init(options), &self.shape).deviation;
        let fan_in: usize = self.shape.iter().skip(1).product();
        match (deviation > 0.0, self.shape.len()) {
            (true, _) => deviation,
            (false, 0 | 1) => 0.1,
            (false, _) => 1.0 / (fan_in as f64).sqrt(),
        }
    }

    /// Initial values, flat.
    fn initial(&self, options: &ModelOptions, dtype: DType, leaf: usize) -> Result<CowTensor> {
        let Distribution { mean, deviation, sampler } = Distribution::of(self.init(options), &self.shape);
        let len: usize = self.shape.iter().product();
        let mean = Tensor::full(mean, len, &Device::Cpu)?.to_dtype(dtype)?;
        let mut values = CowTensor::new(mean.zeros_like()?);
        sampler.perturb(&mean, deviation, options.key.fold(leaf as u64), &mut values)?;
        Ok(values)
    }
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
