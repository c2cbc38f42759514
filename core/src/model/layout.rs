//! Which tensors a model asks for, how they begin, and how they are searched.

use std::{collections::HashMap, sync::Mutex};

use candle_core::{DType, Device, Shape, Tensor};
use candle_nn::{Init, init::NormalOrUniform, var_builder::SimpleBackend};

use crate::{CowTensor, Domain, Error, Key, Leaf, Result, Sampler, Space};

/// How a model's tensors are made and searched. Leaves are named by a prefix of their name: `"fc1"` is `fc1.weight` and `fc1.bias`.
///
/// ```
/// use candle_nn::{Linear, Module, linear};
/// use moths_core::{FlatModel, ModelOptions, Objective};
///
/// let options = ModelOptions::default().freeze("fc1").scale("fc2.weight", 0.5).bounds("fc2.bias", -1.0, 1.0);
/// let build = |vb: candle_nn::VarBuilder<'_>| Ok((linear(4, 8, vb.pp("fc1"))?, linear(8, 1, vb.pp("fc2"))?));
/// let model = FlatModel::with(options, build, |(_, fc2): &(Linear, Linear), _| fc2.weight().sqr()?.sum_all())?;
/// assert_eq!(model.space().dim(), 9); // fc2 alone
///
/// let wrong = ModelOptions::default().freeze("fc3");
/// assert!(FlatModel::with(wrong, build, |(_, fc2): &(Linear, Linear), _| fc2.weight().sum_all()).is_err());
/// # Ok::<(), moths_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ModelOptions {
    pub(super) dtype: DType,
    pub(super) key: Key,
    pub(super) stochastic: bool,
    changes: Vec<(String, Change)>,
}

#[derive(Clone, Debug)]
enum Change {
    Scale(f64),
    ScaleBy(f64),
    Bounds(f64, f64),
    Domain(Domain),
    Freeze,
    Init(Init),
}

impl Default for ModelOptions {
    fn default() -> Self {
        Self { dtype: DType::F32, key: Key::new(0), stochastic: false, changes: vec![] }
    }
}

impl ModelOptions {
    /// The dtype of the model's tensors: f32, f64, bf16 or f16. Default f32.
    pub fn dtype(self, dtype: DType) -> Self {
        Self { dtype, ..self }
    }

    /// The key its initial values, and the keys its loss is given, follow from.
    pub fn key(self, key: Key) -> Self {
        Self { key, ..self }
    }

    /// The loss uses the key it is given: for minibatches, dropout, simulator noise.
    pub fn stochastic(self) -> Self {
        Self { stochastic: true, ..self }
    }

    /// The scale of these leaves: what one unit of the search changes, in parameter units.
    ///
    /// Default: the standard deviation of the leaf's initial distribution; of a constant matrix 1/√fan-in, of a constant vector 0.1.
    pub fn scale(self, leaves: &str, scale: f64) -> Self {
        self.change(leaves, Change::Scale(scale))
    }

    /// Multiplies the scale of these leaves.
    pub fn scale_by(self, leaves: &str, factor: f64) -> Self {
        self.change(leaves, Change::ScaleBy(factor))
    }

    /// Confines these leaves to [lo, hi].
    pub fn bounds(self, leaves: &str, lo: f64, hi: f64) -> Self {
        self.change(leaves, Change::Bounds(lo, hi))
    }

    /// These leaves hold integers or booleans; the model still sees them in its own dtype.
    pub fn domain(self, leaves: &str, domain: Domain) -> Self {
        self.change(leaves, Change::Domain(domain))
    }

    /// These leaves keep their initial values.
    pub fn freeze(self, leaves: &str) -> Self {
        self.change(leaves, Change::Freeze)
    }

    /// These leaves begin otherwise than the model says.
    pub fn init(self, leaves: &str, init: Init) -> Self {
        self.change(leaves, Change::Init(init))
    }

    fn change(mut self, leaves: &str, change: Change) -> Self {
        self.changes.push((leaves.into(), change));
        self
    }

    /// The changes that concern a leaf, in order.
    fn changes_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Change> {
        let concerns = move |prefix: &str| name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        self.changes.iter().filter(move |(prefix, _)| concerns(prefix)).map(|(_, change)| change)
    }

    /// Every prefix must name a leaf: a typing error must not be silently without effect.
    fn check(&self, requests: &[Request]) -> Result<()> {
        for (prefix, _) in &self.changes {
            let one = Self { changes: vec![(prefix.clone(), Change::Freeze)], ..self.clone() };
            if !requests.iter().any(|r| one.changes_of(&r.name).next().is_some()) {
                return Err(Error::unknown("leaf of the model", prefix, requests.iter().map(|r| r.name.as_str())));
            }
        }
        Ok(())
    }
}

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
}

impl Layout {
    pub(super) fn new(requests: &[Request], options: &ModelOptions) -> Result<Self> {
        options.check(requests)?;
        let dtype = if options.dtype == DType::F64 { DType::F64 } else { DType::F32 };
        let leaves: Vec<Leaf> = requests.iter().map(|r| r.leaf(options)).collect();
        let space = Space::with_dtype(leaves, dtype)?;
        let is_frozen = |i: &usize| space.leaves()[*i].is_frozen();
        let mut frozen = HashMap::new();
        for (i, request) in requests.iter().enumerate().filter(|(i, _)| is_frozen(i)) {
            let values = request.initial(options, dtype, i)?;
            frozen.insert(request.name.clone(), values.reshape(request.shape.as_slice())?.to_dtype(options.dtype)?);
        }
        let free: Vec<(usize, Request)> = requests.iter().cloned().enumerate().filter(|(i, _)| !is_frozen(i)).collect();
        let (options, len) = (options.clone(), space.dim());
        let space = space.starting_by(move || initial(&free, &options, dtype, len))?;
        Ok(Self { space, frozen })
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
        options.changes_of(&self.name).fold(leaf, |leaf, change| match change {
            Change::Scale(scale) => leaf.scale(*scale),
            Change::ScaleBy(factor) => leaf.clone().scale(leaf.scale.unwrap_or(1.0) * factor),
            Change::Bounds(lo, hi) => leaf.bounds(*lo, *hi),
            Change::Domain(domain) => Leaf { domain: *domain, scale: None, ..leaf },
            Change::Freeze => leaf.frozen(true),
            Change::Init(_) => leaf,
        })
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
