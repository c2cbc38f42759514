//! One named tensor of the searched parameters.

use candle_core::DType;
use serde::{Deserialize, Serialize};

use super::{
    condition::Condition,
    domain::{Bounds, Domain},
    format::Format,
    warning::Warning,
};

/// One named tensor of a [`Space`](super::Space): its shape, what values it may take, and how far apart they matter.
///
/// ```
/// use moths_core::Leaf;
/// let weights = Leaf::real("w", [10, 4]).scale(0.1);
/// let layers = Leaf::integer("layers", [1], 1, 8);
/// let learning_rate = Leaf::real("rate", [1]).bounds(1e-5, 1.0);
/// let half_fixed = Leaf::real("weights", [2]).bounds_each([(0.0, 1.0), (0.25, 0.25)]);
/// let deviation = Leaf::real("deviation", [3]).at_least(0.0);
/// let width = Leaf::integer("width", [1], 8, 1024).logarithmic();
/// let batch = Leaf::levels("batch", [1], [16.0, 32.0, 64.0]);
/// let optimizer = Leaf::category("optimizer", [1], 3);
/// let momentum = Leaf::real("momentum", [1]).bounds(0.0, 1.0).when("optimizer", [1.0]);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Leaf {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    #[serde(with = "dtype_name")]
    pub(crate) dtype: DType,
    pub(crate) domain: Domain,
    pub(crate) bounds: Bounds,
    pub(crate) scale: Option<f64>,
    pub(crate) frozen: bool,
    // What follows is not said of leaves that have none of it: older descriptions are equal to newer ones.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) logarithmic: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) levels: Vec<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) condition: Option<Condition>,
}

impl Leaf {
    /// A real leaf without bounds, of dtype f32, varied at scale 1.
    pub fn real(name: impl Into<String>, shape: impl Into<Vec<usize>>) -> Self {
        Self {
            name: name.into(),
            shape: shape.into(),
            dtype: DType::F32,
            domain: Domain::Real,
            bounds: Bounds::Free,
            scale: None,
            frozen: false,
            logarithmic: false,
            levels: vec![],
            condition: None,
        }
    }

    /// Integers from `lo` to `hi`, both included.
    pub fn integer(name: impl Into<String>, shape: impl Into<Vec<usize>>, lo: i64, hi: i64) -> Self {
        Self { domain: Domain::Integer { lo, hi }, dtype: DType::I64, ..Self::real(name, shape) }
    }

    /// Zeros and ones.
    pub fn bool(name: impl Into<String>, shape: impl Into<Vec<usize>>) -> Self {
        Self { domain: Domain::Bool, dtype: DType::U8, ..Self::real(name, shape) }
    }

    /// One of `choices` things a number, of which none is between two others: 0, 1, .. `choices` − 1, of dtype u32.
    pub fn category(name: impl Into<String>, shape: impl Into<Vec<usize>>, choices: u32) -> Self {
        Self { domain: Domain::Category { choices }, dtype: DType::U32, ..Self::real(name, shape) }
    }

    /// One of these numbers, in ascending order, of dtype f32: bits of a weight, sizes of a batch. Neighbours are equally far apart for the
    /// search, whatever their difference. Each is rounded to the nearest number of the dtype.
    ///
    /// ```
    /// use moths_core::{Leaf, Space};
    /// let four_bits: Vec<f64> = (-7..=8).map(|k| 0.1 * f64::from(k)).collect();
    /// let space = Space::new(vec![Leaf::levels("weights", [3, 2], four_bits)])?;
    /// assert_eq!(space.leaves()[0].interval(0), (-0.7000000000000001, 0.8));
    /// # Ok::<(), moths_core::Error>(())
    /// ```
    pub fn levels(name: impl Into<String>, shape: impl Into<Vec<usize>>, levels: impl Into<Vec<f64>>) -> Self {
        Self::real(name, shape).with_levels(levels.into())
    }

    /// The same leaf, which takes these values alone.
    pub(crate) fn with_levels(self, levels: Vec<f64>) -> Self {
        let count = u32::try_from(levels.len()).unwrap_or(u32::MAX);
        Self { domain: Domain::Levels { count }, levels, ..self }
    }

    /// The dtype of the decoded tensor: f32, f64, bf16 or f16, and for discrete leaves also u8, u32, i16, i32 or i64. The search
    /// itself is in the space's dtype.
    pub fn dtype(self, dtype: DType) -> Self {
        Self { dtype, ..self }
    }

    /// Confines every element of a real leaf to [lo, hi], or to the part of it that its dtype can hold: f16s in [0, 10⁵] end at 65,504. An end
    /// that is infinite is none.
    ///
    /// Where lo = hi, the elements are fixed at the number of their dtype that is nearest: a search does not move them.
    pub fn bounds(self, lo: f64, hi: f64) -> Self {
        Self { bounds: Bounds::Same(lo, hi), ..self }
    }

    /// Confines element i of a real leaf to [lo_i, hi_i], in row-major order; where lo_i = hi_i, it is fixed.
    pub fn bounds_each(self, bounds: impl Into<Vec<(f64, f64)>>) -> Self {
        Self { bounds: Bounds::Each(bounds.into()), ..self }
    }

    /// Keeps every element of a real leaf from falling below `lo`: bounds with one end.
    pub fn at_least(self, lo: f64) -> Self {
        self.bounds(lo, f64::INFINITY)
    }

    /// Keeps every element of a real leaf from rising above `hi`.
    pub fn at_most(self, hi: f64) -> Self {
        self.bounds(f64::NEG_INFINITY, hi)
    }

    /// A real or integer leaf of which the logarithm is searched: from 1e-4 to 1e-3 is as far as from 1e-3 to 1e-2. Its bounds begin above 0; a
    /// [scale](Self::scale) is one of the natural logarithm.
    pub fn logarithmic(self) -> Self {
        Self { logarithmic: true, ..self }
    }

    /// A leaf that matters only where `leaf`, a discrete leaf of one element before it, has one of these values; elsewhere its elements have the
    /// values they [start](super::Space::start) with, whatever is searched. Where that leaf is itself off, so is this one.
    ///
    /// ```
    /// use moths_core::{Leaf, Space};
    /// let space = Space::new(vec![
    ///     Leaf::category("optimizer", [1], 2),
    ///     Leaf::real("momentum", [1]).bounds(0.0, 1.0).when("optimizer", [1.0]),
    /// ])?;
    /// let momentum = |optimizer: f64| {
    ///     let values = space.numbers([optimizer, 0.75], 2)?;
    ///     Ok::<_, moths_core::Error>(space.decode(&*space.encode(&values)?)?.to_vec1::<f32>()?[1])
    /// };
    /// assert_eq!((momentum(1.0)?, momentum(0.0)?), (0.75, 0.5));
    /// # Ok::<(), moths_core::Error>(())
    /// ```
    pub fn when(self, leaf: impl Into<String>, values: impl Into<Vec<f64>>) -> Self {
        Self { condition: Some(Condition { leaf: leaf.into(), values: values.into() }), ..self }
    }

    /// The same leaf without its [condition](Self::when): for a space of some leaves of another, which knows when they matter.
    pub fn always(self) -> Self {
        Self { condition: None, ..self }
    }

    /// How far, in parameter units, a typical change of this leaf's elements is: one unit of the search coordinates.
    ///
    /// Default: 1 where there are no bounds, or one; a quarter of the interval where there are two.
    pub fn scale(self, scale: f64) -> Self {
        Self { scale: Some(scale), ..self }
    }

    /// A frozen leaf keeps its value: it takes no part in the search and has no search coordinates.
    pub fn frozen(self, frozen: bool) -> Self {
        Self { frozen, ..self }
    }

    /// The leaf's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The shape of the decoded tensor.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// What values it may take.
    pub fn domain(&self) -> Domain {
        self.domain
    }

    /// The values it may take, ascending, where its domain is one of [levels](Domain::Levels); none elsewhere.
    pub fn level_values(&self) -> &[f64] {
        &self.levels
    }

    /// Is its logarithm searched?
    pub fn is_logarithmic(&self) -> bool {
        self.logarithmic
    }

    /// The leaf on whose value it depends whether this one matters, and the values with which it does.
    pub fn condition(&self) -> Option<(&str, &[f64])> {
        self.condition.as_ref().map(|condition| (condition.leaf.as_str(), condition.values.as_slice()))
    }

    /// Does it take no part in the search?
    pub fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// How many numbers it holds.
    pub fn len(&self) -> usize {
        self.shape.iter().fold(1, |product: usize, size| product.saturating_mul(*size))
    }

    /// Does it hold none?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The least and the most value of element `i`, infinite where there are no bounds (or no such element).
    pub fn interval(&self, i: usize) -> (f64, f64) {
        match self.levels[..] {
            [least, .., most] => (least, most),
            [only] => (only, only),
            [] => self.searched(i),
        }
    }

    /// The interval of what is searched of element `i`: its values, or indices of levels.
    fn searched(&self, i: usize) -> (f64, f64) {
        const FREE: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);
        match (self.domain.whole(), &self.bounds) {
            (Some((lo, hi)), _) => (lo as f64, hi as f64),
            (None, Bounds::Free) => FREE,
            (None, Bounds::Same(lo, hi)) => (*lo, *hi),
            (None, Bounds::Each(each)) => each.get(i).copied().unwrap_or(FREE),
        }
    }

    /// What is searched of all elements: one interval, unless they have bounds of their own.
    pub(crate) fn intervals(&self) -> impl Iterator<Item = (f64, f64)> {
        let different = if matches!(self.bounds, Bounds::Each(_)) { self.len() } else { 1 };
        (0..different).map(|i| self.searched(i))
    }

    /// Its levels as numbers of its dtype and of a search in `search`; `None` where two of them are one number, or one is too large.
    pub(super) fn levels_in(&self, search: DType) -> Option<Vec<f64>> {
        let format = Format::narrower(search, self.dtype);
        let numbers = self.levels.iter().map(|level| format.nearest(*level)).collect::<Option<Vec<f64>>>()?;
        numbers.windows(2).all(|pair| pair[0] < pair[1]).then_some(numbers)
    }

    /// The numbers that values of element [lo, hi] may have, for a search in `search`; `None` if there is none. Infinite ends become the
    /// largest finite numbers.
    pub(crate) fn representable(&self, search: DType, (lo, hi): (f64, f64)) -> Option<(f64, f64)> {
        // Indices of levels are never numbers of the leaf.
        let of_leaf = if matches!(self.domain, Domain::Levels { .. }) { search } else { self.dtype };
        let format = Format::narrower(search, of_leaf);
        if lo == hi && self.domain == Domain::Real {
            return format.nearest(lo).map(|fixed| (fixed, fixed));
        }
        let (least, most) = (format.ceil(lo.max(-format.largest())), format.floor(hi));
        (least <= most).then_some((least, most))
    }

    /// Values of a leaf without bounds may be larger than its dtype holds.
    pub(crate) fn may_overflow(&self, search: DType) -> bool {
        self.scale.is_some_and(|s| s > 1.0) || Format::narrower(search, self.dtype).dtype() != search
    }

    /// A warning if some interval of a real leaf holds fewer than `few` numbers, though more than one.
    pub(super) fn coarse(&self, search: DType, few: u64) -> Option<Warning> {
        if self.domain != Domain::Real || matches!(self.bounds, Bounds::Free) {
            return None;
        }
        let format = Format::narrower(search, self.dtype);
        let counted = self.intervals().filter(|(lo, hi)| lo < hi).filter_map(|bounds| {
            let (least, most) = self.representable(search, bounds)?;
            Some((format.count(least, most), bounds))
        });
        let (numbers, bounds) = counted.min_by_key(|(numbers, _)| *numbers).filter(|(numbers, _)| *numbers < few)?;
        Some(Warning::Coarse { leaf: self.name.clone(), bounds, dtype: format.dtype(), numbers })
    }
}

mod dtype_name {
    use candle_core::DType;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(dtype: &DType, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(dtype.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<DType, D::Error> {
        String::deserialize(from)?.parse().map_err(|_| D::Error::custom("not a dtype of candle"))
    }
}
