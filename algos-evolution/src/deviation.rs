//! How small and how large a deviation may become, in units of what it was at first or of a level of a discrete coordinate, and what
//! deviations say of convergence.

use candle_core::Tensor;
use moths_core::{CowTensor, Result, Space, kernel, optimizer::convergence::Spread, tensor::host, with_scalar};

/// The least and the most: beyond, numbers of a float would say nothing.
pub(crate) fn range(first: f64) -> (f64, f64) {
    (1e-18 * first, 1e9 * first)
}

/// A deviation within its [`range`].
pub(crate) fn confined(deviation: f64, first: f64) -> f64 {
    let (least, most) = range(first);
    deviation.clamp(least, most)
}

/// What these deviations \[d\], times `unit`, say of convergence.
pub(crate) fn spread(space: &Space, deviations: &Tensor, unit: f64) -> Result<Spread> {
    with_scalar!(deviations.dtype(), T => host::read::<T, _>(deviations, |s| {
        Spread::of(space, s.iter().map(|s| unit * f64::from(*s)))
    }))
}

/// The least deviations of discrete coordinates, which must not freeze while real ones converge.
pub(crate) struct Floor(Option<CowTensor>);

kernel! { fn at_least(s: inout, least: mat, per_unit: num) {
    s = max(s, least * per_unit);
} }
kernel! { fn variance_at_least(c: inout, least: mat, per_unit: num) {
    let s = least * per_unit;
    c = max(c, s * s);
} }

impl Floor {
    pub(crate) fn of(space: &Space) -> Result<Self> {
        Ok(Self(space.floor_tensor()?))
    }

    /// The least deviations \[d\]; `None` where all coordinates are real.
    pub(crate) fn tensor(&self) -> Option<&CowTensor> {
        self.0.as_ref()
    }

    /// s_j ← max(s_j, least_j/unit).
    pub(crate) fn raise(&self, s: &mut CowTensor, unit: f64) -> Result<()> {
        self.0.as_ref().map_or(Ok(()), |least| at_least(s, least, 1.0 / unit))
    }

    /// c_j ← max(c_j, (least_j/unit)²).
    pub(crate) fn raise_variances(&self, c: &mut CowTensor, unit: f64) -> Result<()> {
        self.0.as_ref().map_or(Ok(()), |least| variance_at_least(c, least, 1.0 / unit))
    }
}

/// The most a deviation may be in a box: a quarter of the interval, where it is real. Mirror images would hide that it grows.
pub(crate) struct Ceiling(Vec<f64>);

impl Ceiling {
    pub(crate) fn new(space: &Space) -> Self {
        Self(if space.is_bounded() { space.walls().map(|(lower, upper)| 0.25 * (upper - lower)).collect() } else { vec![] })
    }

    /// Is there any?
    pub(crate) fn is_there(&self) -> bool {
        !self.0.is_empty()
    }

    /// The largest factor, at most 1, that brings these deviations \[d\] below it.
    pub(crate) fn factor(&self, deviations: impl IntoIterator<Item = f64>) -> f64 {
        self.0.iter().zip(deviations).fold(1.0, |factor, (most, s)| if s * factor > *most { most / s } else { factor })
    }
}
