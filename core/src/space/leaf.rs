//! One named tensor of the searched parameters.

use candle_core::DType;
use serde::{Deserialize, Serialize};

use super::{format::Format, warning::Warning};
use crate::{Error, Result};

/// What values a leaf may take.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Domain {
    /// Any real number, within the leaf's bounds if it has any.
    Real,
    /// The integers from `lo` to `hi`, both included. Searched as a real in [lo − ½, hi + ½] and rounded.
    Integer {
        /// The smallest value.
        lo: i64,
        /// The largest value.
        hi: i64,
    },
    /// 0 or 1. Searched as a real in [−½, 1½] and rounded.
    Bool,
}

/// The box a real leaf is confined to, in parameter units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bounds {
    Free,
    /// One interval for every element.
    Same(f64, f64),
    /// One interval an element.
    Each(Vec<(f64, f64)>),
}

/// One named tensor of a [`Space`](super::Space): its shape, what values it may take, and how far apart they matter.
///
/// ```
/// use moths_core::Leaf;
/// let weights = Leaf::real("w", [10, 4]).scale(0.1);
/// let layers = Leaf::integer("layers", [1], 1, 8);
/// let learning_rate = Leaf::real("rate", [1]).bounds(1e-5, 1.0);
/// let half_fixed = Leaf::real("weights", [2]).bounds_each([(0.0, 1.0), (0.25, 0.25)]);
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

    /// The dtype of the decoded tensor: f32, f64, bf16 or f16, and for integers and booleans also u8, u32, i16, i32 or i64. The search
    /// itself is in the space's dtype.
    pub fn dtype(self, dtype: DType) -> Self {
        Self { dtype, ..self }
    }

    /// Confines every element of a real leaf to [lo, hi], or to the part of it that its dtype can hold: f16s in [0, 10⁵] end at 65,504.
    ///
    /// Where lo = hi, the elements are fixed at the number of their dtype that is nearest: a search does not move them.
    pub fn bounds(self, lo: f64, hi: f64) -> Self {
        Self { bounds: Bounds::Same(lo, hi), ..self }
    }

    /// Confines element i of a real leaf to [lo_i, hi_i], in row-major order; where lo_i = hi_i, it is fixed.
    pub fn bounds_each(self, bounds: impl Into<Vec<(f64, f64)>>) -> Self {
        Self { bounds: Bounds::Each(bounds.into()), ..self }
    }

    /// How far, in parameter units, a typical change of this leaf's elements is: one unit of the search coordinates.
    ///
    /// Default: 1 where there are no bounds, a quarter of the interval where there are.
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
        match (self.domain, &self.bounds) {
            (Domain::Integer { lo, hi }, _) => (lo as f64, hi as f64),
            (Domain::Bool, _) => (0.0, 1.0),
            (Domain::Real, Bounds::Free) => (f64::NEG_INFINITY, f64::INFINITY),
            (Domain::Real, Bounds::Same(lo, hi)) => (*lo, *hi),
            (Domain::Real, Bounds::Each(each)) => each.get(i).copied().unwrap_or((f64::NEG_INFINITY, f64::INFINITY)),
        }
    }

    /// The intervals of all elements: one, unless they have bounds of their own.
    pub(crate) fn intervals(&self) -> impl Iterator<Item = (f64, f64)> {
        let different = if matches!(self.bounds, Bounds::Each(_)) { self.len() } else { 1 };
        (0..different).map(|i| self.interval(i))
    }

    /// The numbers that values of element [lo, hi] may have, for a search in `search`; `None` if there is none. Infinite ends become the
    /// largest finite numbers.
    pub(crate) fn representable(&self, search: DType, (lo, hi): (f64, f64)) -> Option<(f64, f64)> {
        let format = Format::narrower(search, self.dtype);
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

    /// Every interval must hold a number of the leaf's dtype that a search in `search` can tell.
    pub(crate) fn check_numbers(&self, search: DType) -> Result<()> {
        let Some((lo, hi)) = self.intervals().find(|interval| self.representable(search, *interval).is_none()) else {
            return Ok(());
        };
        let dtype = Format::narrower(search, self.dtype).dtype().as_str();
        let (what, of) = if self.domain == Domain::Real { ("bounds", "number") } else { ("domain", "integer") };
        let valid = format!("an interval that holds a finite {of} of {dtype}, the narrower of leaf and search");
        Err(Error::invalid(format!("leaf {}.{what}", self.name), format!("[{lo}, {hi}]"), valid))
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

    pub(crate) fn check(&self) -> Result<()> {
        let field = |what: &str| format!("leaf {}.{what}", self.name);
        if self.is_empty() {
            return Err(Error::invalid(field("shape"), format!("{:?}", self.shape), "at least one element"));
        }
        // Within what f32 can multiply and divide by.
        if let Some(scale) = self.scale.filter(|s| !(1e-30..=1e30).contains(s)) {
            return Err(Error::invalid(field("scale"), scale, "a number from 1e-30 to 1e30"));
        }
        if let Domain::Integer { lo, hi } = self.domain
            && (lo > hi || lo.unsigned_abs().max(hi.unsigned_abs()) > 1 << 52)
        {
            return Err(Error::invalid(field("domain"), format!("{lo}..={hi}"), "lo <= hi, both within 2^52 of zero"));
        }
        self.check_dtype().map_err(|valid| Error::invalid(field("dtype"), self.dtype.as_str(), valid))?;
        self.check_bounds().map_err(|(value, valid)| Error::invalid(field("bounds"), value, valid))
    }

    /// Are there integers among its values that an f32 does not hold?
    pub(crate) fn needs_f64(&self) -> bool {
        matches!(self.domain, Domain::Integer { lo, hi } if lo.unsigned_abs().max(hi.unsigned_abs()) > 1 << 24)
    }

    /// The decoded values must survive the cast to the leaf's dtype.
    fn check_dtype(&self) -> std::result::Result<(), String> {
        let (least, most) = match self.dtype {
            DType::U8 => (0, 255),
            DType::U32 => (0, i64::from(u32::MAX)),
            DType::I16 => (i64::from(i16::MIN), i64::from(i16::MAX)),
            DType::I32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
            DType::I64 | DType::F64 => (-(1 << 52), 1 << 52),
            DType::F32 => (-(1 << 24), 1 << 24),
            DType::F16 => (-(1 << 11), 1 << 11),
            DType::BF16 => (-(1 << 8), 1 << 8),
            _ => return Err("f32, f64, bf16, f16, u8, u32, i16, i32 or i64".into()),
        };
        match self.domain {
            Domain::Real if !self.dtype.is_float() => Err("f32, f64, bf16 or f16 for a real leaf".into()),
            Domain::Integer { lo, hi } if lo < least || hi > most => {
                Err(format!("a dtype that holds all integers {lo}..={hi}; this one holds {least}..={most}"))
            }
            _ => Ok(()),
        }
    }

    fn check_bounds(&self) -> std::result::Result<(), (String, &'static str)> {
        let intervals: &[(f64, f64)] = match &self.bounds {
            Bounds::Free => &[],
            Bounds::Same(lo, hi) => &[(*lo, *hi)],
            Bounds::Each(each) if each.len() != self.len() => {
                return Err((format!("{} intervals", each.len()), "as many intervals as the leaf has elements"));
            }
            Bounds::Each(each) => each,
        };
        if !intervals.is_empty() && self.domain != Domain::Real {
            return Err((format!("{intervals:?}"), "only real leaves have bounds; integers have theirs in the domain"));
        }
        // The width is what natural scales follow from.
        match intervals.iter().find(|(lo, hi)| !(lo <= hi && hi - lo <= 1e30)) {
            Some((lo, hi)) => Err((format!("[{lo}, {hi}]"), "finite numbers lo <= hi, at most 1e30 apart")),
            None => Ok(()),
        }
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
