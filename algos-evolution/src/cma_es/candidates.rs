//! Where the candidates of a step lie.

use moths_core::{CowTensor, Result, Space, host, with_scalar};

use super::{CmaEs, margin::Margin};

/// Memory that is overwritten within every step and means nothing between two.
pub(super) struct Scratch {
    pub(super) x: CowTensor,
    pub(super) z: Vec<f64>,
    /// y_1 to y_λ, and then p_c.
    pub(super) rows: Vec<f64>,
    /// Was y_k moved inside the bounds, so that it is not √C z_k?
    pub(super) moved: Vec<bool>,
    /// √c_ii \[d\].
    pub(super) deviations: Vec<f64>,
    /// The intervals of all coordinates; none without bounds.
    intervals: Vec<(f64, f64)>,
}

impl Scratch {
    pub(super) fn new(space: &Space, lambda: usize, margin: &Margin) -> Result<Self> {
        let d = space.dim();
        // Decoding keeps the bounds of discrete coordinates.
        let interval = |(i, interval)| if margin.is_real(i) { interval } else { (f64::NEG_INFINITY, f64::INFINITY) };
        Ok(Self {
            x: space.zeros_for(lambda)?,
            z: vec![0.0; lambda * d],
            rows: vec![0.0; (lambda + 1) * d],
            moved: vec![false; lambda],
            deviations: vec![1.0; d],
            intervals: if space.is_bounded() { space.intervals().enumerate().map(interval).collect() } else { vec![] },
        })
    }
}

impl CmaEs {
    /// y_k and x_k of this step, from z_k.
    pub(super) fn place(&mut self) -> Result<()> {
        let Self { m, sigma, a, scratch: Scratch { x, z, rows, moved, intervals, .. }, .. } = self;
        let d = m.len();
        let (y, _) = rows.split_at_mut(z.len());
        self.matrix.stretch(z, y)?;
        if !intervals.is_empty() {
            for (y, moved) in y.chunks_exact_mut(d).zip(moved) {
                *moved = confine(y, m, *sigma, a, intervals);
            }
        }
        with_scalar!(self.space.dtype(), T => host::edit::<T, _>(x, |x| {
            for (x, y) in x.chunks_exact_mut(d).zip(y.chunks_exact(d)) {
                x.iter_mut().zip(y).zip(&*m).zip(&*a).for_each(|(((x, y), m), a)| *x = (m + *sigma * a * y) as T);
            }
        }))
    }
}

/// Moves m + σ a ⊙ y inside the intervals; was it outside?
fn confine(y: &mut [f64], m: &[f64], sigma: f64, a: &[f64], intervals: &[(f64, f64)]) -> bool {
    let mut moved = false;
    for (((y, m), a), (lower, upper)) in y.iter_mut().zip(m).zip(a).zip(intervals) {
        let x = m + sigma * a * *y;
        if !(*lower..=*upper).contains(&x) {
            *y = (x.clamp(*lower, *upper) - m) / (sigma * a);
            moved = true;
        }
    }
    moved
}
