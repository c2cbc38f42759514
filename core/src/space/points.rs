//! Points of a space: made, moved inside the bounds, and refused where they are none.

use candle_core::{Device, Shape, Tensor};

use super::{Space, is_here, segment::Segment};
use crate::{
    Error, Result, fuse, memory,
    tensor::{CowTensor, host, place},
    with_scalar,
};

impl Space {
    /// Zeros of shape \[d\].
    ///
    /// # Errors
    /// [`Error::Tensor`] where candle cannot make them.
    pub fn zeros(&self) -> Result<CowTensor> {
        Ok(Tensor::zeros(self.dim(), self.dtype(), self.device())?.into())
    }

    /// Numbers in the dtype of the search, and where it is.
    ///
    /// # Errors
    /// [`Error::Tensor`] for a shape of another number of elements.
    pub fn numbers(&self, values: impl Into<Vec<f64>>, shape: impl Into<Shape>) -> Result<Tensor> {
        // Rounded here: not every card has f64s.
        Ok(Tensor::from_vec(values.into(), shape.into(), &Device::Cpu)?.to_dtype(self.dtype())?.to_device(self.device())?)
    }

    /// Zeros of shape \[n, d\].
    ///
    /// # Errors
    /// [`Error::Memory`] where there is no room for so many.
    pub fn zeros_for(&self, n: usize) -> Result<CowTensor> {
        let bytes = n as f64 * self.dim() as f64 * self.dtype().size_in_bytes() as f64;
        memory::check(|| format!("{n} points"), self.dim(), bytes)?;
        Ok(Tensor::zeros((n, self.dim()), self.dtype(), self.device())?.into())
    }

    /// Overwrites the bounded coordinates of row `i` by points uniform in their intervals. Those with one bound stay, or are mirrored at it.
    pub(crate) fn place_uniform(&self, uniform: &Tensor, i: usize, points: &mut CowTensor) -> Result<()> {
        let d = self.dim();
        with_scalar!(self.dtype(), T => host::read::<T, _>(uniform, |u| {
            host::edit::<T, _>(points, |points| {
                self.each_segment(&mut points[i * d..(i + 1) * d], |at, segment, row| {
                    for (x, u) in row.iter_mut().zip(&u[at..]).filter(|_| segment.is_closed()) {
                        // The sampler's uniform lies in ±√3.
                        let unit = f64::from(*u) / 12f64.sqrt() + 0.5;
                        *x = (segment.lower + (segment.upper - segment.lower) * unit) as T;
                    }
                    segment.fold_half_open(row);
                });
            })
        })?)
    }

    /// Moves search coordinates \[.., d\] that lie outside the bounds to the nearest point inside, in place.
    ///
    /// # Errors
    /// [`Error::Shape`] for points of another length or dtype, which are then as they were.
    pub fn confine(&self, points: &mut CowTensor) -> Result<()> {
        self.check_points(points)?;
        if !self.is_bounded() {
            return Ok(());
        }
        if self.confine_there(points)? {
            return Ok(());
        }
        with_scalar!(self.dtype(), T => host::edit::<T, _>(points, |values| {
            values.chunks_mut(self.dim()).for_each(|row| self.each_segment(row, |_, s, v| s.confine(v)));
        }))
    }

    /// Moves the discrete and the fixed coordinates of points \[.., d\] into their intervals, in place: far outside, where all candidates are
    /// of one level, a mean would never come back.
    ///
    /// # Errors
    /// [`Error::Shape`] for points of another length or dtype, which are then as they were.
    pub fn confine_discrete(&self, points: &mut CowTensor) -> Result<()> {
        self.check_points(points)?;
        if !self.0.segments.iter().any(Segment::is_stepped) {
            return Ok(());
        }
        with_scalar!(self.dtype(), T => host::edit::<T, _>(points, |values| {
            values.chunks_mut(self.dim()).for_each(|row| self.each_segment(row, |_, s, v| s.confine_stepped(v)));
        }))
    }

    /// A point \[d\] somebody gives, confined to the bounds: what every `move_to` begins with.
    ///
    /// # Errors
    /// [`Error::Shape`] for another shape or dtype; [`Error::Invalid`], naming the element, for a coordinate that is not finite.
    pub fn point(&self, at: &CowTensor) -> Result<CowTensor> {
        if self.is_in_place() && is_here(at) && at.dims() == [self.dim()] {
            return Ok(at.clone());
        }
        if at.rank() != 1 {
            return Err(Error::shape("point", format!("[{}]", self.dim()), format!("{:?}", at.dims())));
        }
        self.check_points(at)?;
        self.check_finite("point", at)?;
        let mut at = at.clone();
        self.confine(&mut at)?;
        Ok(at)
    }

    /// Refuses numbers \[d\] of which one is not finite.
    pub(super) fn check_finite(&self, what: &str, numbers: &Tensor) -> Result<()> {
        // Elsewhere nothing is brought that need not be: 0 times what is not finite is NaN.
        if !place::is_near(numbers) && fuse::dot(numbers, &numbers.zeros_like()?)? == 0.0 {
            return Ok(());
        }
        let found = with_scalar!(self.dtype(), T => host::read::<T, _>(numbers, |numbers| {
            numbers.iter().position(|x| !x.is_finite()).map(|i| (i, f64::from(numbers[i])))
        }))?;
        let Some((i, value)) = found else { return Ok(()) };
        let valid = format!("a finite number in {}", self.dtype().as_str());
        Err(Error::invalid(format!("{what}: {}", self.element(i)), value, valid))
    }

    /// What the search coordinate `i` is called: `fc1.weight[12]`.
    fn element(&self, i: usize) -> String {
        let of = self.places().find(|(_, place)| place.contains(&i));
        of.map_or_else(|| format!("[{i}]"), |(leaf, place)| format!("{}[{}]", leaf.name, i - place.start))
    }

    pub(super) fn check_points(&self, points: &Tensor) -> Result<()> {
        if !points.device().same_device(self.device()) {
            let valid = format!("{:?}, on which the space is", self.device());
            return Err(Error::invalid("device of search coordinates", format!("{:?}", points.device()), valid));
        }
        let fits = points.dims().last() == Some(&self.dim()) && points.dtype() == self.dtype();
        if fits {
            return Ok(());
        }
        let expected = format!("[.., {}] {}", self.dim(), self.dtype().as_str());
        Err(Error::shape("search coordinates", expected, format!("{:?} {}", points.dims(), points.dtype().as_str())))
    }
}
