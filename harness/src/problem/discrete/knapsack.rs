//! The 0-1 knapsack problem.
//!
//! ```text
//! f(x) = −Σ v_i x_i            where Σ w_i x_i ≤ C = ⌊½ Σ w_i⌋
//! f(x) = Σ w_i x_i − C          otherwise
//! ```
//!
//! w_i: integers from 1 to 100; v_i: from w_i − 10 to w_i + 10, 1 at least ("weakly correlated"). The minimum is that of dynamic
//! programming over capacities.

use std::sync::Arc;

use moths::Key;
use rand::RngExt;

use super::Value;

/// R, the heaviest.
const HEAVIEST: i64 = 100;

struct Knapsack {
    weights: Vec<i64>,
    values: Vec<i64>,
    capacity: i64,
}

/// The values, and the lowest, of so many things.
pub(super) fn make(n: usize, key: Key) -> (Value, f64) {
    let knapsack = Knapsack::drawn(n, key);
    let minimum = -(knapsack.most() as f64);
    (Arc::new(move |x| knapsack.loss(x) as f64), minimum)
}

impl Knapsack {
    fn drawn(n: usize, key: Key) -> Self {
        let mut stream = key.stream();
        let weights: Vec<i64> = (0..n).map(|_| stream.random_range(1..=HEAVIEST)).collect();
        let around = HEAVIEST / 10;
        let values = weights.iter().map(|w| (w + stream.random_range(-around..=around)).max(1)).collect();
        let capacity = weights.iter().sum::<i64>() / 2;
        Self { weights, values, capacity }
    }

    fn loss(&self, x: &[f64]) -> i64 {
        let total = |of: &[i64]| of.iter().zip(x).filter(|(_, x)| **x > 0.5).map(|(of, _)| of).sum::<i64>();
        let weight = total(&self.weights);
        if weight > self.capacity { weight - self.capacity } else { -total(&self.values) }
    }

    /// The highest value there is room for.
    fn most(&self) -> i64 {
        let mut most = vec![0; self.capacity as usize + 1];
        for (&weight, &value) in self.weights.iter().zip(&self.values) {
            for room in (weight as usize..most.len()).rev() {
                most[room] = most[room].max(most[room - weight as usize] + value);
            }
        }
        most[self.capacity as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_things_by_hand() {
        let knapsack = Knapsack { weights: vec![5, 4, 3], values: vec![6, 5, 3], capacity: 7 };
        assert_eq!(knapsack.most(), 8);
        assert_eq!([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0], [1.0, 1.0, 0.0], [1.0; 3]].map(|x| knapsack.loss(&x)), [-6, -8, 2, 5]);
    }
}
