//! Parameter values from search coordinates, and back.

use std::ops::Range;

use candle_core::Tensor;

use super::{
    Leaf, Space,
    segment::{self, Segment},
};
use crate::{
    Error, Result,
    fuse::same_bits,
    rng::Element,
    tensor::{CowTensor, host, place},
    with_scalar,
};

/// Coordinates that are compared, and where they differ decoded, at a time.
const NEIGHBOURS: usize = 256;

impl Space {
    /// Have two points \[d\] the same parameter values, to the bit? Nothing is decoded but the neighbourhoods in which coordinates differ, up to
    /// the first one whose values do.
    ///
    /// # Errors
    /// [`Error::Shape`] for points of another length or dtype.
    pub fn same_values(&self, a: &Tensor, b: &Tensor) -> Result<bool> {
        self.check_points(a)?;
        self.check_points(b)?;
        if a.id() == b.id() {
            return Ok(true);
        }
        if !self.0.gates.is_empty() || !place::is_near(a) {
            // Which leaves count depends on others; and elsewhere nothing is looked at piece by piece.
            return Ok(same_bits(a, b)? || !self.is_identity() && same_bits(&*self.decode(a)?, &*self.decode(b)?)?);
        }
        with_scalar!(self.dtype(), T => host::read::<T, _>(a, |a| host::read::<T, _>(b, |b| self.same_slices(a, b)))?)
    }

    fn same_slices<T: Element>(&self, a: &[T], b: &[T]) -> bool {
        let mut at = 0;
        self.0.segments.iter().all(|segment| {
            let here = at..at + segment.len;
            at = here.end;
            let mut near = a[here.clone()].chunks(NEIGHBOURS).zip(b[here].chunks(NEIGHBOURS));
            near.all(|(a, b)| segment::same_bits(a, b) || segment.decodes_to_the_same(a, b))
        })
    }

    /// Search coordinates \[.., d\] to parameter values, flat, in the space's dtype. They are inside the bounds, and stay so when
    /// [`Space::tensors`] casts them to the dtypes of their leaves.
    ///
    /// # Errors
    /// [`Error::Shape`] for points of another length or dtype.
    pub fn decode(&self, points: &Tensor) -> Result<CowTensor> {
        self.decoded(CowTensor::new(points.copy()?))
    }

    /// [`Space::decode`] in the points' own memory, if nobody else holds it.
    pub(crate) fn decoded(&self, mut values: CowTensor) -> Result<CowTensor> {
        self.check_points(&values)?;
        if self.is_identity() || self.decode_there(&mut values)? {
            return Ok(values);
        }
        with_scalar!(self.dtype(), T => host::edit::<T, _>(&mut values, |v| v.chunks_mut(self.dim()).for_each(|row| self.decode_slice(row))))?;
        Ok(values)
    }

    /// [`Space::decode`] of one point, in place.
    pub(crate) fn decode_slice<T: Element>(&self, point: &mut [T]) {
        if !self.is_identity() {
            self.each_segment(point, |_, segment, values| segment.decode(values));
        }
        if !self.0.gates.is_empty() {
            self.0.gates.close(point);
        }
    }

    /// Does the value of a coordinate follow from that coordinate alone? Not where leaves have [conditions](crate::Leaf::when).
    pub fn decodes_by_parts(&self) -> bool {
        self.0.gates.is_empty()
    }

    /// Decodes the coordinates `at ..` of a point, in place.
    ///
    /// # Errors
    /// [`Error::Shape`] beyond the last coordinate; [`Error::Unsupported`] of a space that does not [decode by
    /// parts](Self::decodes_by_parts).
    pub fn decode_part<T: Element>(&self, at: usize, part: &mut [T]) -> Result<()> {
        let (mut from, end) = (0, at.saturating_add(part.len()));
        if end > self.dim() {
            return Err(Error::shape("a part of a point", format!("coordinates below {}", self.dim()), format!("{at}..{end}")));
        }
        if !self.decodes_by_parts() {
            return Err(Error::unsupported("a part of a point", "has no values of its own where leaves have conditions"));
        }
        for segment in &self.0.segments {
            let (first, last) = (from.max(at), (from + segment.len).min(end));
            if first < last {
                segment.decode(&mut part[first - at..last - at]);
            }
            from += segment.len;
            if from >= end {
                break;
            }
        }
        Ok(())
    }

    /// By how much a unit of the coordinates `place` changes values, where all of it is the same multiplication, without bounds: W = s x.
    pub fn multiplies(&self, place: Range<usize>) -> Option<f64> {
        let mut from = 0;
        for segment in &self.0.segments {
            if from <= place.start && place.end <= from + segment.len {
                return segment.multiplies();
            }
            from += segment.len;
        }
        None
    }

    /// Parameter values \[d\] to search coordinates; values outside the bounds become the nearest inside.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there are [`Space::dim`] values; [`Error::Invalid`], naming the element, for one that is not finite, in the
    /// space's dtype and in units of its scale.
    pub fn encode(&self, values: &Tensor) -> Result<CowTensor> {
        self.encoded(CowTensor::new(values.flatten_all()?.to_dtype(self.dtype())?.copy()?))
    }

    /// [`Space::encode`] in the values' own memory, if nobody else holds it.
    pub(super) fn encoded(&self, mut point: CowTensor) -> Result<CowTensor> {
        if !point.device().same_device(self.device()) {
            point = point.to_device(self.device())?.into();
        }
        self.check_points(&point)?;
        self.check_finite("values", &point)?;
        with_scalar!(self.dtype(), T => host::edit::<T, _>(&mut point, |v| self.each_segment(v, |_, s, v| s.encode(v))))?;
        self.check_finite("values in units of the scale", &point)?;
        Ok(point)
    }

    /// ∂θ/∂x at the point `at` \[d\] applied to a gradient by parameter values \[d\], in place: a multiplication by the scales, of logarithmic
    /// leaves also by the values; by 0 where elements are fixed, or behind a condition that does not hold. Discrete coordinates are taken
    /// for real ones.
    ///
    /// # Errors
    /// [`Error::Shape`] for a point or a gradient of another length or dtype.
    pub fn pull_back(&self, at: &Tensor, gradient: &mut CowTensor) -> Result<()> {
        self.check_points(at)?;
        self.check_points(gradient)?;
        if self.0.segments.iter().all(Segment::is_straight) && self.0.gates.is_empty() {
            return Ok(());
        }
        with_scalar!(self.dtype(), T => host::read::<T, _>(at, |at| host::edit::<T, _>(gradient, |g| self.pull_back_slice(at, g))))?
    }

    fn pull_back_slice<T: Element>(&self, at: &[T], gradient: &mut [T]) {
        self.each_segment(gradient, |from, segment, slopes| segment.pull_back(&at[from..from + slopes.len()], slopes));
        if !self.0.gates.is_empty() {
            let mut values = at.to_vec();
            self.decode_slice(&mut values);
            self.0.gates.closed(&values).for_each(|(place, _)| gradient[place].fill(T::ZERO));
        }
    }

    /// One decoded tensor a free leaf, in its own shape and dtype, from parameter values \[d\].
    ///
    /// # Errors
    /// [`Error::Shape`] unless there are [`Space::dim`] values of the dtype of the space.
    pub fn tensors(&self, values: &Tensor) -> Result<Vec<(String, Tensor)>> {
        self.check_points(values)?;
        let tensor = |(leaf, place): (&Leaf, Range<usize>)| {
            let values = values.narrow(0, place.start, place.len())?.reshape(leaf.shape.as_slice())?;
            Ok((leaf.name.clone(), values.to_dtype(leaf.dtype)?))
        };
        self.places().map(tensor).collect()
    }

    /// The free leaves, and which search coordinates are theirs.
    pub fn places(&self) -> impl Iterator<Item = (&Leaf, Range<usize>)> {
        let mut at = 0;
        self.0.leaves.iter().filter(|leaf| !leaf.frozen).map(move |leaf| {
            at += leaf.len();
            (leaf, at - leaf.len()..at)
        })
    }
}
