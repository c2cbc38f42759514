//! A random walk whose order rises while the loss falls ever more smoothly: while the k-th difference of its losses shrinks.
//!
//! ```text
//! Δ_t = f(x_t) − f(x_{t−1}) over the steps t that led down, both on the data of that step;   D_t = the (k−1)-th difference of Δ, the k-th of the loss
//! after a step that led down:  k ← k + 1, up to max_order, if |D_t| < |D_{t−1}| or there are too few steps to tell;  else k ← max(k − 1, 1)
//! ```
//!
//! Everything else is [`inf-order-walk`](crate::inf_order_walk), of which this is a setting: the criterion by which the order changes after a
//! success. Source: the founding notes of this project, which have one sentence of it ("increase the order when the n-th order delta
//! decreases"); that reading is ours.
//!
//! When it helps: a little in a narrow bent valley, and in nothing else that was measured. It gives a velocity up as soon as it no longer
//! leads down ever more smoothly, and so lies between `inf-order-walk` and the walk of order 1, or near the latter: digits,
//! 10,000 evaluations, medians of 3 seeds: loss 0.124 (inf-order 0.058, order 1 0.182); MNIST with minibatches, 37,500
//! evaluations, one seed: 69 % (75 %, 70 %); Rosenbrock in 10 dimensions, 5,000 evaluations, steps of 0.1: gap 9.1 (9.4, 8.8).
//! Minima on a wall are not promised: steps are of lengths that a schedule says, and end longer than 1e-6 of a box.
//! Cost per step: as `inf-order-walk`, and max_order + 1 numbers; scratch as there.
//!
//! Take it when `inf-order-walk`, which did better on the networks that were measured, runs away on lucky streaks: this one gives a
//! velocity up as soon as the loss no longer falls ever more smoothly.
//!
//! Tune first: as `inf-order-walk`, `step`, the typical way to something better; `max_order`, 3 at most; `finer`, lower where high orders
//! overshoot.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_random as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("convex-inf-order-walk"), &space, Key::new(1))?;
//! for _ in 0..300 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/convex-inf-order-walk.md")]

use moths_core::{optimizer::Meta, persist, register};

use crate::{
    DirectSearch,
    inf_order_walk::{Criterion, EverySuccess, RisingWalk},
};

/// A random walk whose order follows the smoothness of its descent. See the [module documentation](self) for equations.
pub type ConvexInfOrderWalk = DirectSearch<RisingWalk<Smoothness>>;

/// The order rises while the difference of its own order shrinks.
#[derive(Default)]
pub struct Smoothness {
    /// Δ of the last steps that led down, the latest last.
    changes: Vec<f64>,
}

impl Criterion for Smoothness {
    const META: Meta = EverySuccess::META
        .id("convex-inf-order-walk")
        .summary("A random walk whose order rises while the n-th difference of its losses shrinks.")
        .capabilities(EverySuccess::META.capabilities.rank_based(false));

    fn rises(&mut self, order: usize, change: f64) -> bool {
        if !change.is_finite() {
            self.changes.clear();
            return true;
        }
        self.changes.push(change);
        let n = self.changes.len();
        if n <= order {
            return true;
        }
        let (now, before) = (difference(&self.changes[n - order..]), difference(&self.changes[n - order - 1..n - 1]));
        // The order rises by one at most: no more than the order and two will be looked at next.
        self.changes.drain(..n.saturating_sub(order + 1));
        now.abs() < before.abs()
    }

    fn forget(&mut self) {
        self.changes.clear();
    }
}

/// The highest difference of some numbers: Σ_i (−1)^{n−1−i} C(n − 1, i) a_i.
fn difference(numbers: &[f64]) -> f64 {
    let mut differences = numbers.to_vec();
    while differences.len() > 1 {
        differences = differences.windows(2).map(|pair| pair[1] - pair[0]).collect();
    }
    differences[0]
}

persist!(Smoothness { changes in |_| .. });
register!(ConvexInfOrderWalk);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_those_of_the_binomial_formula() {
        assert_eq!(difference(&[5.0]), 5.0);
        assert_eq!(difference(&[1.0, 4.0, 9.0, 16.0]), 0.0, "the third difference of squares");
        assert_eq!(difference(&[1.0, 8.0, 27.0, 64.0]), 64.0 - 3.0 * 27.0 + 3.0 * 8.0 - 1.0);
    }

    #[test]
    fn the_order_rises_while_its_difference_shrinks() {
        let mut smoothness = Smoothness::default();
        // The order is 1: the change itself is looked at.
        assert!(smoothness.rises(1, -4.0), "too few to tell");
        assert!(smoothness.rises(1, -3.0));
        assert!(!smoothness.rises(1, -3.5));
        // Order 2: changes of -3, -3.5, -3.6 have the differences -0.5, -0.1; then comes -0.4.
        assert!(smoothness.rises(2, -3.6));
        assert!(!smoothness.rises(2, -4.0));
        assert!(smoothness.changes.len() <= 3);
    }
}
