//! The 24 mixed-integer functions of COCO's suite `bbob-mixint`, with its instances.
//!
//! f(x) = s g(z(x)), where g is the function of the same number and instance of [`bbob`](super::bbob) and s a power of ten that makes the
//! functions about equally hard. The variables stand in five groups of d/5:
//!
//! | group | values |
//! |-|-|
//! | 1 to 4 | the integers 0, 1, .. l - 1, l being 2, 4, 8, 16 |
//! | 5 | real numbers of \[-5, 5\] |
//!
//! What is real stays as it is. The l integers stand for l numbers in \[-4, 4\], all 8/(l + 1) apart and the outer ones as far from the ends,
//!
//! ```text
//! p(k) = -4 + 8 (k + 1)/(l + 1)        zᵢ(k) = p(k) - p(kᵢ) + x_optᵢ
//! ```
//!
//! moved so that the nearest, kᵢ, becomes the variable of the continuous minimiser `x_opt`. So the lowest value is that of the continuous
//! function, s `f_opt`, at (k₁, .. , `x_opt_d`). What is no integer is rounded, what lies outside is taken to the end.
//!
//! COCO's suite has 5, 10, 20, 40, 80 and 160 variables. From 50 on it takes the functions of `bbob-largescale`, which are others: these
//! here end below, and have any multiple of five.
//!
//! Source: Tušar, Brockhoff & Hansen 2019, doi:10.1145/3321707.3321868. The values are those of the package `coco-experiment`, see
//! `reference/mixint.py`.

pub(super) mod problem;
#[cfg(test)]
mod tests;

use super::bbob::{Bbob, Function};
use crate::{Error, Result};

/// The most variables.
const MOST: usize = 45;
/// How many values a variable of each integer group has.
const SIZES: [u32; 4] = [2, 4, 8, 16];
/// The interval the integers lie in.
const END: f64 = 4.0;

/// An instance of a function.
#[derive(Clone)]
struct MixInt {
    continuous: Bbob,
    /// s.
    scale: f64,
    /// p(k) for every integer variable.
    places: Vec<Vec<f64>>,
}

impl MixInt {
    /// Function `number` of `dim` variables. The same three numbers always give the same bits.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a number of variables there is not, and as [`Bbob::new`].
    fn new(number: u32, dim: usize, instance: u32) -> Result<Self> {
        if !dim.is_multiple_of(5) || !(5..=MOST).contains(&dim) {
            return Err(Error::invalid("--dim", dim, format!("a multiple of 5 from 5 to {MOST}")));
        }
        let continuous = Bbob::new(number, dim, instance)?;
        let best = continuous.minimiser();
        let places = (0..dim / 5 * SIZES.len()).map(|i| placed(SIZES[i / (dim / 5)], best[i])).collect();
        Ok(Self { scale: scale(continuous.function()), continuous, places })
    }

    /// f(x), also outside of the box. NaN unless x has d numbers, none of them NaN.
    fn value(&mut self, x: &[f64]) -> f64 {
        let mut z = x.to_vec();
        z.iter_mut()
            .zip(&self.places)
            .for_each(|(z, places)| *z = if z.is_nan() { *z } else { places[nearest(*z, places.len())] });
        self.scale * self.continuous.value(&z)
    }

    /// The lowest value.
    fn minimum(&self) -> f64 {
        self.scale * self.continuous.minimum()
    }

    /// d, the number of variables.
    fn dim(&self) -> usize {
        self.continuous.dim()
    }

    /// Where the value is lowest.
    #[cfg(test)]
    fn minimiser(&self) -> Vec<f64> {
        let mut best = self.continuous.minimiser().to_vec();
        for (best, places) in best.iter_mut().zip(&self.places) {
            let at = places.iter().position(|place| place == best);
            *best = at.expect("the continuous minimiser is among the places") as f64;
        }
        best
    }
}

/// The numbers that `size` integers stand for, of which the nearest has been moved to `best` and the others with it.
fn placed(size: u32, best: f64) -> Vec<f64> {
    let gap = 2.0 * END / f64::from(size + 1);
    let (first, last) = (gap - END, END - gap);
    let top = f64::from(size - 1);
    let regular = |k: f64| first + (last - first) * k / top;
    let home = nearest(top * (best - first) / (last - first), size as usize) as f64;
    let moved_by = regular(home) - best;
    let place = |k: f64| if k == home { best } else { regular(k) - moved_by };
    (0..size).map(|k| place(f64::from(k))).collect()
}

/// The integer from 0 to `size` - 1 that is nearest, halves going up.
fn nearest(x: f64, size: usize) -> usize {
    (x + 0.5).floor().clamp(0.0, (size - 1) as f64) as usize
}

/// s of each function.
fn scale(function: &Function) -> f64 {
    match function.number {
        12 => 1e-4,
        2 | 10 => 1e-3,
        6 | 8 | 9 | 11 => 1e-2,
        3 | 4 | 13 | 15 | 20 | 24 => 1e-1,
        17 | 19 | 23 => 10.0,
        _ => 1.0,
    }
}
