//! The space that is searched: named tensors of real, integer and boolean numbers seen as one flat vector.
//!
//! Optimizers see **search coordinates**: one flat vector x ∈ ℝᵈ of f32 or f64. The parameter values θ follow from it
//! leaf by leaf,
//!
//! ```text
//! θ = clamp(round(o + s · x), lo, hi)      rounding integers only, clamping where there are bounds
//! θ = clamp(round(exp(o + s · x)), lo, hi) of logarithmic leaves
//! θ = level clamp(round(o + s · x), 0, k − 1) of leaves with k levels
//! ```
//!
//! with s the leaf's scale: one unit of the search is a typical change of the parameter, whatever its own unit is, so that
//! no algorithm needs to know about scales. The offset o is 0, but for intervals narrower than 1/1024 of their larger end: it is their
//! middle, so that the search is as fine there as anywhere. Bounds belong to the problem: decoding keeps them, so nothing outside them is
//! ever evaluated; how a search comes inside them is its own matter ([`Walls`]).
//!
//! lo and hi are numbers of the leaf's own dtype: the f16s in [0, 10⁵] end at 65,504, and no bf16 in [0, 0.3] is 0.30078. So a value
//! that is inside stays inside when it is cast, and no cast makes one of a leaf without bounds infinite. A leaf whose bounds hold no number of its
//! dtype is refused.
//!
//! A leaf with a [condition](Leaf::when) has the values of the start wherever another leaf has none of those that it is bound to.
//!
//! Frozen leaves have no coordinates. Single elements are fixed by bounds with lo = hi: such a coordinate stands in the flat vector,
//! so that leaves keep their shapes, but all its points decode to the same value. No wall, gradient or test of convergence counts it.

mod check;
mod condition;
mod coordinates;
mod domain;
mod format;
mod leaf;
mod on_card;
mod points;
mod segment;
mod start;
mod values;
mod walls;
mod warning;

use std::sync::{Arc, OnceLock};

use candle_core::{DType, Device, Tensor};

use crate::{
    Error, Result, memory,
    tensor::{CowTensor, host},
    with_scalar,
};
use condition::Gates;
pub use domain::Domain;
pub use leaf::Leaf;
use on_card::Rows;
use segment::Segment;
use start::Start;
pub(crate) use start::is_here;
pub use walls::Walls;
pub(crate) use walls::fold;
pub use warning::Warning;

/// The searched parameters of a problem. Cheap to clone.
///
/// ```
/// use moths_core::{Leaf, Space};
/// let space = Space::new(vec![
///     Leaf::real("weights", [3, 2]),
///     Leaf::integer("layers", [1], 1, 8),
///     Leaf::real("mean", [2]).frozen(true),
/// ])?;
/// assert_eq!(space.dim(), 7);
/// # Ok::<(), moths_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Space(Arc<Inner>);

/// The shapes of the leaves of a flat vector, in order.
pub(crate) type Shapes = Arc<[Box<[usize]>]>;

#[derive(Clone, Debug)]
struct Inner {
    leaves: Vec<Leaf>,
    segments: Vec<Segment>,
    gates: Gates,
    /// Of the free leaves.
    shapes: Shapes,
    dim: usize,
    dtype: DType,
    device: Device,
    start: Start,
    rows: OnceLock<Rows>,
}

impl Inner {
    /// A space that starts there: leaves whose condition does not hold have these values.
    fn starting(self, start: Start) -> Result<Space> {
        if self.gates.is_empty() {
            return Ok(Space(Arc::new(Inner { start, ..self })));
        }
        let mut values = host::to_f64s(&start.point())?;
        with_scalar!(self.dtype, T => {
            let mut point: Vec<T> = values.iter().map(|x| *x as T).collect();
            each(&self.segments, &mut point, |_, segment, values| segment.decode(values));
            values.iter_mut().zip(&point).for_each(|(value, x)| *value = f64::from(*x));
            Ok(())
        })?;
        Ok(Space(Arc::new(Inner { gates: self.gates.closing_to(&values), start, ..self })))
    }
}

/// Calls `f` with every segment, where it begins, and its coordinates of a point.
fn each<T>(segments: &[Segment], point: &mut [T], mut f: impl FnMut(usize, &Segment, &mut [T])) {
    let (mut rest, mut at) = (point, 0);
    for segment in segments {
        let (values, tail) = rest.split_at_mut(segment.len);
        f(at, segment, values);
        (rest, at) = (tail, at + segment.len);
    }
}

impl Space {
    /// A space of these leaves, searched in f32, starting at zero (at the middle of bounded leaves).
    ///
    /// # Errors
    /// [`Error::Invalid`] for a leaf that contradicts itself, or whose bounds hold no number of its dtype; for a name given twice, or when
    /// all leaves are frozen; for a condition on a leaf that is no discrete one of one element before it, or on values that it never has.
    /// [`Error::Unknown`] for one on a leaf that is not there. (Where all elements are fixed there is one point, and that is a space.)
    pub fn new(leaves: Vec<Leaf>) -> Result<Self> {
        Self::with_dtype(leaves, DType::F32)
    }

    /// [`Space::new`] with search coordinates of the given dtype, f32 or f64.
    ///
    /// # Errors
    /// As [`Space::new`]; [`Error::Invalid`] for another dtype, and for integers that f32 does not hold; [`Error::Memory`] where there is
    /// no room for a point.
    pub fn with_dtype(leaves: Vec<Leaf>, dtype: DType) -> Result<Self> {
        let space = Self::of(leaves, dtype)?;
        memory::check(|| "a point".into(), space.dim(), space.dim() as f64 * dtype.size_in_bytes() as f64)?;
        Ok(space)
    }

    /// A space [in place](Space::in_place) of these leaves, searched in f32: there need not be room for a point.
    pub(crate) fn of_model(leaves: Vec<Leaf>) -> Result<Self> {
        Self::of(leaves, DType::F32)?.in_place()
    }

    fn of(leaves: Vec<Leaf>, dtype: DType) -> Result<Self> {
        if !matches!(dtype, DType::F32 | DType::F64) {
            return Err(host::not_a_search_dtype(dtype));
        }
        for (i, leaf) in leaves.iter().enumerate() {
            leaf.check()?;
            if leaves[..i].iter().any(|other| other.name == leaf.name) {
                return Err(Error::invalid("leaf name", &leaf.name, "every leaf needs a name of its own"));
            }
        }
        let mut segments = vec![];
        for leaf in leaves.iter().filter(|l| !l.frozen) {
            if dtype == DType::F32 && leaf.needs_f64() {
                let valid = "integers within 2^24 of zero where the search is in f32; a space in f64 (`Space::with_dtype`) holds those within 2^52";
                return Err(Error::invalid(format!("leaf {}.domain", leaf.name), format!("{:?}", leaf.domain), valid));
            }
            segments.extend(Segment::of(leaf, dtype)?);
        }
        let dim = segments.iter().fold(0usize, |sum, s| sum.saturating_add(s.len));
        if dim == 0 {
            return Err(Error::invalid("leaves", leaves.len(), "at least one leaf that is not frozen"));
        }
        let shapes = leaves.iter().filter(|l| !l.frozen).map(|l| l.shape.clone().into()).collect();
        let start = Start::middle(segments.clone(), dtype);
        let gates = Gates::new(&leaves, &segments)?;
        Inner { leaves, segments, gates, shapes, dim, dtype, device: Device::Cpu, start: start.clone(), rows: OnceLock::new() }
            .starting(start)
    }

    /// ℝᵈ in f64: one real leaf `x` without bounds, starting at zero.
    ///
    /// # Errors
    /// [`Error::Invalid`] for no dimension at all; [`Error::Memory`] where there is no room for a point.
    pub fn real(dim: usize) -> Result<Self> {
        Self::with_dtype(vec![Leaf::real("x", [dim]).dtype(DType::F64)], DType::F64)
    }

    /// The box [lo₁, hi₁] × … × [lo_d, hi_d] in f64, starting at its middle.
    ///
    /// # Errors
    /// [`Error::Invalid`] for bounds that contradict themselves, or none at all; [`Error::Memory`] where there is no room for a point.
    pub fn bounded(bounds: impl Into<Vec<(f64, f64)>>) -> Result<Self> {
        let bounds = bounds.into();
        let leaf = Leaf::real("x", [bounds.len()]).dtype(DType::F64).bounds_each(bounds);
        Self::with_dtype(vec![leaf], DType::F64)
    }

    /// The same space with another start: parameter values of all free leaves, flat, in order.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there are [`Space::dim`] values; [`Error::Invalid`], naming the element, for one that is not finite.
    pub fn starting_at(&self, values: &Tensor) -> Result<Self> {
        (*self.0).clone().starting(Start::At(self.encode(values)?))
    }

    /// The same space starting at values that are drawn anew whenever somebody asks, so that nobody has to keep them.
    ///
    /// # Errors
    /// What `draw` fails with; [`Error::Shape`] unless it gives [`Space::dim`] values, always the same.
    pub(crate) fn starting_by(&self, draw: impl Fn() -> Result<CowTensor> + Send + Sync + 'static) -> Result<Self> {
        let free = self.clone();
        let start = Start::drawn(move || free.encoded(draw()?))?;
        (*self.0).clone().starting(start)
    }

    /// The same space seen from a model that holds the point itself: search coordinates are displacements from where the model is now, in the
    /// leaves' scales. The [`start`](Space::start), and the only point there is, is "here": \[d\] zeros that take no memory.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a space with bounds or discrete leaves: where a displacement ends depends on where it begins.
    pub fn in_place(&self) -> Result<Self> {
        if self.is_bounded() || self.is_discrete() {
            return Err(Error::unsupported("a space in place", "has neither bounds nor discrete leaves"));
        }
        let start = Start::here(self.dim(), self.dtype())?;
        Ok(Self(Arc::new(Inner { start, ..(*self.0).clone() })))
    }

    /// Does the model that is searched hold the point itself? See [`Space::in_place`].
    pub fn is_in_place(&self) -> bool {
        matches!(self.0.start, Start::Here(_))
    }

    /// How many numbers are searched.
    pub fn dim(&self) -> usize {
        self.0.dim
    }

    /// The dtype of search coordinates: f32 or f64.
    pub fn dtype(&self) -> DType {
        self.0.dtype
    }

    /// The device of search coordinates.
    pub fn device(&self) -> &Device {
        &self.0.device
    }

    /// The same space, searched on another device: starts, candidates and states are there. Kernels and reductions that have no
    /// program for it are computed on the CPU, on copies, with the same bits. Equal to the first but for that: states go over
    /// from one to the other.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a space [in place](Self::in_place), which has no points that could be elsewhere; [`Error::Tensor`] where
    /// the device does not take the start.
    pub fn on(&self, device: &Device) -> Result<Self> {
        if self.is_in_place() && !device.is_cpu() {
            return Err(Error::unsupported("a space in place", "is on the CPU, wherever its model is"));
        }
        // candle counts what it copies there in 32 bits.
        if !device.is_cpu() && self.dim() > u32::MAX as usize {
            return Err(Error::invalid("parameters of a space on a card", self.dim(), format!("at most {}", u32::MAX)));
        }
        let start = self.0.start.on(device)?;
        Ok(Self(Arc::new(Inner { device: device.clone(), start, rows: OnceLock::new(), ..(*self.0).clone() })))
    }

    /// All leaves, frozen ones too, in the order of the flat vector.
    pub fn leaves(&self) -> &[Leaf] {
        &self.0.leaves
    }

    /// The shapes of the free leaves, in the order of the flat vector.
    pub(crate) fn shapes(&self) -> &Shapes {
        &self.0.shapes
    }

    /// Where a search starts, \[d\], in search coordinates.
    pub fn start(&self) -> CowTensor {
        self.0.start.point()
    }

    /// A description that is equal exactly for spaces with the same meaning of coordinates.
    pub(crate) fn fingerprint(&self) -> serde_json::Value {
        let mut described = serde_json::json!({ "dtype": self.dtype().as_str(), "leaves": self.0.leaves });
        if self.is_in_place() {
            described["in_place"] = true.into();
        }
        if !self.0.gates.is_empty() {
            described["off"] = self.0.gates.off().collect::<Vec<_>>().into();
        }
        described
    }

    fn each_segment<T>(&self, point: &mut [T], f: impl FnMut(usize, &Segment, &mut [T])) {
        each(&self.0.segments, point, f);
    }
}
