//! What may be said of a model's tensors before they are made.

use std::{fmt, sync::Arc};

use candle_core::{DType, Device};
use candle_nn::Init;

use super::{Weights, glob, layout::Request};
use crate::{Error, Result, rng::Key, space::Domain};

/// How a model's tensors are made and searched.
///
/// Leaves are named by a prefix of their name, `"fc1"` is `fc1.weight` and `fc1.bias`, or by a pattern: `"encoder.layer.11.*"`, `"*.bias"`; a star stands for anything, dots too. Of
/// two that are said of the same leaf the later holds; what is frozen is frozen, whatever else is said.
///
/// ```
/// use candle_nn::{Linear, Module, linear};
/// use moths_core::{FlatModel, ModelOptions, Objective};
///
/// let options = ModelOptions::default().freeze("fc1").scale("fc2.weight", 0.5).bounds("fc2.bias", -1.0, 1.0);
/// let build = |vb: candle_nn::VarBuilder<'_>| Ok((linear(4, 8, vb.pp("fc1"))?, linear(8, 1, vb.pp("fc2"))?));
/// let model = FlatModel::with(options, build, |(_, fc2): &mut (Linear, Linear), _| fc2.weight().sqr()?.sum_all())?;
/// assert_eq!(model.space().dim(), 9); // fc2 alone
///
/// let wrong = ModelOptions::default().freeze("fc3");
/// assert!(FlatModel::with(wrong, build, |(_, fc2): &mut (Linear, Linear), _| fc2.weight().sum_all()).is_err());
/// # Ok::<(), moths_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ModelOptions {
    pub(super) dtype: DType,
    pub(super) device: Device,
    pub(super) key: Key,
    pub(super) stochastic: bool,
    pub(super) weights: Option<Weights>,
    pub(super) beside: Option<Weights>,
    trained: Vec<Choice>,
    changes: Vec<(String, Change)>,
}

/// Which leaves are trained.
#[derive(Clone)]
enum Choice {
    Pattern(String),
    Rule(Arc<Rule>),
}

type Rule = dyn Fn(&str, &[usize]) -> bool + Send + Sync;

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if let Self::Pattern(pattern) = self { pattern } else { "by a rule" })
    }
}

/// One thing said of some leaves.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Scale(f64),
    ScaleBy(f64),
    Bounds(f64, f64),
    BoundsEach(Vec<(f64, f64)>),
    Domain(Domain),
    Levels(Vec<f64>),
    Logarithmic,
    When(String, Vec<f64>),
    Freeze,
    Buffer,
    Init(Init),
    Fresh,
}

impl Default for ModelOptions {
    fn default() -> Self {
        Self {
            dtype: DType::F32,
            device: Device::Cpu,
            key: Key::new(0),
            stochastic: false,
            weights: None,
            beside: None,
            trained: vec![],
            changes: vec![],
        }
    }
}

impl ModelOptions {
    /// The dtype of the model's tensors: f32, f64, bf16 or f16. Default f32. Beside them a model may ask for integers (u8, u32, i16, i32, i64); of a
    /// [domain](Self::domain) that this dtype and the search hold.
    pub fn dtype(self, dtype: DType) -> Self {
        Self { dtype, ..self }
    }

    /// Where the model is, and computes its losses: a card, say. Default: the CPU. The search is on the CPU; what it tries is
    /// sent over, and a model [in place](super::InPlaceModel) is displaced there, and comes home by a copy. The data that the loss looks at are
    /// to be there too. A [`VarMapModel`](super::VarMapModel) is where its variables are.
    pub fn device(self, device: &Device) -> Self {
        Self { device: device.clone(), ..self }
    }

    /// The key its initial values, and the keys its loss is given, follow from.
    pub fn key(self, key: Key) -> Self {
        Self { key, ..self }
    }

    /// The loss uses the key it is given: for minibatches, dropout, simulator noise.
    pub fn stochastic(self) -> Self {
        Self { stochastic: true, ..self }
    }

    /// The values that tensors of these names begin with, whatever the model would draw. A tensor that is not among them is missing, as it is for candle's own
    /// builders, unless it is said to be [new](Self::fresh), or how it [begins](Self::init).
    pub fn weights(self, weights: &Weights) -> Self {
        Self { weights: Some(weights.clone()), ..self }
    }

    /// Values of tensors that are not among the [weights](Self::weights): of a head that was fitted on what the frozen model
    /// says, of adapters. They are written into the log of a fine-tune, which so needs nothing but the base.
    pub fn beside(self, tensors: &Weights) -> Self {
        Self { beside: Some(tensors.clone()), ..self }
    }

    /// These leaves are not among the weights, and begin as the model says: those of a new head.
    pub fn fresh(self, leaves: &str) -> Self {
        self.change(leaves, Change::Fresh)
    }

    /// Trains these leaves: once some are named, all others are frozen. They keep their values, which are neither copied nor searched.
    pub fn train(mut self, leaves: &str) -> Self {
        self.trained.push(Choice::Pattern(leaves.into()));
        self
    }

    /// [`train`](Self::train) by a rule, which is told names and shapes.
    pub fn train_if(mut self, rule: impl Fn(&str, &[usize]) -> bool + Send + Sync + 'static) -> Self {
        self.trained.push(Choice::Rule(Arc::new(rule)));
        self
    }

    /// The scale of these leaves: what one unit of the search changes, in parameter units.
    ///
    /// Default: of [weights](Self::weights) their root mean square, rounded to a power of two, so that it changes no bit of them. Of what is drawn the standard
    /// deviation of the leaf's initial distribution; of a constant matrix 1/√fan-in, of a constant vector 0.1.
    pub fn scale(self, leaves: &str, scale: f64) -> Self {
        self.change(leaves, Change::Scale(scale))
    }

    /// Multiplies the scale of these leaves.
    pub fn scale_by(self, leaves: &str, factor: f64) -> Self {
        self.change(leaves, Change::ScaleBy(factor))
    }

    /// Confines these leaves to [lo, hi], or fixes them where lo = hi. An end that is infinite is none.
    pub fn bounds(self, leaves: &str, lo: f64, hi: f64) -> Self {
        self.change(leaves, Change::Bounds(lo, hi))
    }

    /// Confines element i of a leaf to [lo_i, hi_i], in row-major order; where lo_i = hi_i, it is fixed.
    pub fn bounds_each(self, leaf: &str, bounds: impl Into<Vec<(f64, f64)>>) -> Self {
        self.change(leaf, Change::BoundsEach(bounds.into()))
    }

    /// These leaves hold integers, booleans or categories; the model sees them in the dtype in which it asks for them.
    ///
    /// ```
    /// use candle_core::{DType, Tensor};
    /// use moths_core::{FlatModel, ModelOptions, Objective, space::Domain};
    ///
    /// // A number of the layer, which is asked for as one.
    /// let build = |vb: candle_nn::VarBuilder<'static>| vb.clone().set_dtype(DType::U32).get(1, "layer");
    /// let options = ModelOptions::default().domain("layer", Domain::Category { choices: 6 });
    /// let loss = |layer: &mut Tensor, _| (layer.to_dtype(DType::F32)? - 4.0)?.sqr();
    /// let mut model = FlatModel::with(options, build, loss)?;
    /// let there = model.space().encode(&Tensor::new(&[4f32], &candle_core::Device::Cpu)?)?;
    /// model.load(&there)?;
    /// assert_eq!(model.model().to_vec1::<u32>()?, [4]);
    /// # Ok::<(), moths_core::Error>(())
    /// ```
    pub fn domain(self, leaves: &str, domain: Domain) -> Self {
        self.change(leaves, Change::Domain(domain))
    }

    /// These leaves have one of these values, in ascending order, in every element ([`Leaf::levels`](crate::Leaf::levels)): bits of a weight.
    /// What they begin with is the nearest.
    pub fn levels(self, leaves: &str, levels: impl Into<Vec<f64>>) -> Self {
        self.change(leaves, Change::Levels(levels.into()))
    }

    /// The logarithm of these leaves is searched ([`Leaf::logarithmic`](crate::Leaf::logarithmic)); they have bounds above 0.
    pub fn logarithmic(self, leaves: &str) -> Self {
        self.change(leaves, Change::Logarithmic)
    }

    /// These leaves matter only where `leaf`, a discrete one of one element that the model asks for before them, has one of these values
    /// ([`Leaf::when`](crate::Leaf::when)).
    pub fn when(self, leaves: &str, leaf: &str, values: impl Into<Vec<f64>>) -> Self {
        self.change(leaves, Change::When(leaf.into(), values.into()))
    }

    /// These leaves keep their initial values.
    pub fn freeze(self, leaves: &str) -> Self {
        self.change(leaves, Change::Freeze)
    }

    /// These leaves are no parameters but what the model itself keeps and changes, as `running_mean` and `running_var` are without being named
    /// here. They are frozen, and handed out as variables (`Tensor::is_variable`), so that a layer's `Var::from_tensor` holds them and no copy.
    pub fn buffers(self, leaves: &str) -> Self {
        self.change(leaves, Change::Buffer)
    }

    /// These leaves begin otherwise than the model says.
    pub fn init(self, leaves: &str, init: Init) -> Self {
        self.change(leaves, Change::Init(init))
    }

    fn change(mut self, leaves: &str, change: Change) -> Self {
        self.changes.push((leaves.into(), change));
        self
    }

    /// Is there a value for a tensor of this name?
    pub(super) fn contains(&self, name: &str) -> bool {
        self.sources().any(|weights| weights.contains(name))
    }

    /// The shape of the tensor of this name, where there is a value for it.
    pub(super) fn shape(&self, name: &str) -> Option<&[usize]> {
        self.sources().find_map(|weights| weights.shape(name))
    }

    fn sources(&self) -> impl Iterator<Item = &Weights> {
        self.weights.iter().chain(&self.beside)
    }

    /// The changes that concern a leaf, in order.
    pub(super) fn changes_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Change> {
        self.changes.iter().filter(move |(pattern, _)| glob::means(pattern, name)).map(|(_, change)| change)
    }

    /// Why a tensor of this name cannot be had, if it cannot: it is among no weights, and nobody said that it is new.
    pub(super) fn missing(&self, name: &str) -> Option<Error> {
        let weights = self.weights.as_ref().filter(|weights| !weights.contains(name))?;
        if self.beside.as_ref().is_some_and(|beside| beside.contains(name)) {
            return None;
        }
        let new = self.changes_of(name).any(|change| matches!(change, Change::Fresh | Change::Init(_)));
        (!new).then(|| Error::unknown("tensor of the weights", name, weights.names()))
    }

    /// Is a leaf of this name and shape among those that are trained, as [`train`](Self::train) and [`train_if`](Self::train_if)
    /// say?
    pub fn trains(&self, name: &str, shape: &[usize]) -> bool {
        let chosen = |choice: &Choice| match choice {
            Choice::Pattern(pattern) => glob::means(pattern, name),
            Choice::Rule(rule) => rule(name, shape),
        };
        self.trained.is_empty() || self.trained.iter().any(chosen)
    }

    /// Every pattern must mean a leaf, and weights must be of the model: a typing error must not be silently without effect.
    pub(super) fn check<'a>(&self, requests: impl Iterator<Item = &'a Request> + Clone) -> Result<()> {
        let names = || requests.clone().map(|r| r.name.as_str());
        let trained =
            self.trained.iter().filter_map(|choice| if let Choice::Pattern(pattern) = choice { Some(pattern) } else { None });
        for pattern in self.changes.iter().map(|(pattern, _)| pattern).chain(trained) {
            if !names().any(|name| glob::means(pattern, name)) {
                return Err(Error::unknown("leaf of the model", pattern, names()));
            }
        }
        for given in self.beside.iter().flat_map(Weights::names) {
            if !names().any(|name| name == given) {
                return Err(Error::unknown("leaf of the model", given, names()));
            }
            if self.weights.as_ref().is_some_and(|weights| weights.contains(given)) {
                return Err(Error::invalid("values beside the weights", given, "names of tensors that the weights do not have"));
            }
        }
        match &self.weights {
            Some(weights) if !names().any(|name| weights.contains(name)) => {
                Err(Error::unknown("tensor of the weights", names().next().unwrap_or_default(), weights.names()))
            }
            _ => Ok(()),
        }
    }
}
