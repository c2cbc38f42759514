//! What is known of each search coordinate: its interval, its steps, and whether it is fixed.

use candle_core::Tensor;

use super::{Domain, Space, segment::Segment};
use crate::{Result, tensor::CowTensor};

impl Space {
    /// How many values of equal room every search coordinate has: 0 where it is real, or an integer on a logarithmic scale.
    pub fn steps(&self) -> impl Iterator<Item = u64> {
        self.0.segments.iter().flat_map(|s| std::iter::repeat_n(s.steps(), s.len))
    }

    /// Does any coordinate have bounds?
    pub fn is_bounded(&self) -> bool {
        self.0.segments.iter().any(Segment::is_bounded)
    }

    /// The interval of every search coordinate; an end is infinite where there is no bound.
    pub fn intervals(&self) -> impl Iterator<Item = (f64, f64)> {
        self.0.segments.iter().flat_map(|s| std::iter::repeat_n((s.lower, s.upper), s.len))
    }

    /// The lower and upper ends of all intervals as \[d\] tensors, infinite where there are no bounds; `None` without any bounds.
    ///
    /// # Errors
    /// [`Error::Tensor`](crate::Error::Tensor) where candle cannot make them.
    pub fn box_tensors(&self) -> Result<Option<(Tensor, Tensor)>> {
        if !self.is_bounded() {
            return Ok(None);
        }
        let (lower, upper): (Vec<f64>, Vec<f64>) = self.intervals().unzip();
        let tensor = |ends: Vec<f64>| self.numbers(ends, self.dim());
        Ok(Some((tensor(lower)?, tensor(upper)?)))
    }

    /// Are parameter values the search coordinates themselves, so that decoding changes nothing?
    pub fn is_identity(&self) -> bool {
        self.0.segments.iter().all(Segment::is_identity)
    }

    /// Does any leaf hold something else than real numbers?
    pub fn is_discrete(&self) -> bool {
        self.0.leaves.iter().any(|l| !l.frozen && l.domain != Domain::Real)
    }

    /// Which search coordinates are of no effect, as their elements have one value only: bounds with lo = hi, or one integer.
    pub fn fixed(&self) -> impl Iterator<Item = bool> {
        self.0.segments.iter().flat_map(|s| std::iter::repeat_n(s.is_fixed(), s.len))
    }

    /// Has any element one value only?
    pub fn has_fixed(&self) -> bool {
        self.0.segments.iter().any(Segment::is_fixed)
    }

    /// The least deviation that is of use in every search coordinate: a tenth of the width of a level where values are discrete, so that
    /// no integer and no flag freezes while other coordinates converge; 0 for real ones.
    pub fn least_deviations(&self) -> impl Iterator<Item = f64> {
        self.0.segments.iter().flat_map(|s| std::iter::repeat_n(s.least_deviation(), s.len))
    }

    /// [`Space::least_deviations`] as a tensor \[d\]; `None` where all of them are 0.
    ///
    /// # Errors
    /// [`Error::Tensor`](crate::Error::Tensor) where candle cannot make it.
    pub fn floor_tensor(&self) -> Result<Option<CowTensor>> {
        if self.0.segments.iter().all(|s| s.least_deviation() == 0.0) {
            return Ok(None);
        }
        let least: Vec<f64> = self.least_deviations().collect();
        Ok(Some(self.numbers(least, self.dim())?.into()))
    }
}
