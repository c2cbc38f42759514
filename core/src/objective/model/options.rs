//! What may be said of a model's tensors before they are made.

use candle_core::DType;
use candle_nn::Init;

use super::layout::Request;
use crate::{Error, Result, rng::Key, space::Domain};

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

/// One thing said of some leaves.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Scale(f64),
    ScaleBy(f64),
    Bounds(f64, f64),
    BoundsEach(Vec<(f64, f64)>),
    Domain(Domain),
    Freeze,
    Buffer,
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

    /// Confines these leaves to [lo, hi], or fixes them where lo = hi.
    pub fn bounds(self, leaves: &str, lo: f64, hi: f64) -> Self {
        self.change(leaves, Change::Bounds(lo, hi))
    }

    /// Confines element i of a leaf to [lo_i, hi_i], in row-major order; where lo_i = hi_i, it is fixed.
    pub fn bounds_each(self, leaf: &str, bounds: impl Into<Vec<(f64, f64)>>) -> Self {
        self.change(leaf, Change::BoundsEach(bounds.into()))
    }

    /// These leaves hold integers or booleans; the model still sees them in its own dtype.
    pub fn domain(self, leaves: &str, domain: Domain) -> Self {
        self.change(leaves, Change::Domain(domain))
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

    /// The changes that concern a leaf, in order.
    pub(super) fn changes_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Change> {
        let concerns = move |prefix: &str| name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        self.changes.iter().filter(move |(prefix, _)| concerns(prefix)).map(|(_, change)| change)
    }

    /// Every prefix must name a leaf: a typing error must not be silently without effect.
    pub(super) fn check(&self, requests: &[Request]) -> Result<()> {
        for (prefix, _) in &self.changes {
            let one = Self { changes: vec![(prefix.clone(), Change::Freeze)], ..self.clone() };
            if !requests.iter().any(|r| one.changes_of(&r.name).next().is_some()) {
                return Err(Error::unknown("leaf of the model", prefix, requests.iter().map(|r| r.name.as_str())));
            }
        }
        Ok(())
    }
}
