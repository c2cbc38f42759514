//! How small and how large a deviation may become, in units of what it was at first, and when it is so small that the search has ended.

use candle_core::Tensor;
use moths_core::{Result, Space, fuse};

/// The least and the most: beyond, numbers of a float would say nothing.
pub(crate) fn range(first: f64) -> (f64, f64) {
    (1e-18 * first, 1e9 * first)
}

/// A deviation within its [`range`].
pub(crate) fn confined(deviation: f64, first: f64) -> f64 {
    let (least, most) = range(first);
    deviation.clamp(least, most)
}

/// √(Σ x²/d) over the d coordinates.
pub(crate) fn root_mean_square(x: &Tensor) -> Result<f64> {
    Ok(fuse::norm(x)? / (x.elem_count() as f64).sqrt())
}

/// Has a deviation become 1e-12 of the first?
pub(crate) fn vanished(deviation: f64, first: f64) -> bool {
    deviation < 1e-12 * first
}

/// Why a run whose deviations have this root mean square has converged, if it has.
pub(crate) fn convergence(root_mean_square: f64, first: f64) -> Option<&'static str> {
    vanished(root_mean_square, first).then_some("deviations became 1e-12 of the first")
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
