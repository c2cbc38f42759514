//! NK landscapes whose neighbours are adjacent.
//!
//! ```text
//! f(x) = 1/n Σ_i t_i(x_i, x_{i+1}, .., x_{i+K})        K = 4, indices modulo n
//! ```
//!
//! t_i: a table of 2^{K+1} costs, uniform on [0, 1], in millionths, so that sums are exact. The minimum is that of dynamic programming
//! along the circle: for every beginning of K flags, the cheapest way to every window of K flags.

use std::sync::Arc;

use moths::Key;
use rand::RngExt;

use super::Value;

/// K.
pub(super) const NEIGHBOURS: usize = 4;
/// Windows of K flags.
const WINDOWS: usize = 1 << NEIGHBOURS;
/// A cost of one.
const ONE: u64 = 1_000_000;

struct Nk {
    /// By the flags, the first of which counts most.
    tables: Vec<[u64; 2 * WINDOWS]>,
}

/// The values, and the lowest, of so many flags.
pub(super) fn make(n: usize, key: Key) -> (Value, f64) {
    let mut stream = key.stream();
    let nk = Nk { tables: (0..n).map(|_| std::array::from_fn(|_| stream.random_range(0..=ONE))).collect() };
    let unit = (n as u64 * ONE) as f64;
    let minimum = nk.least() as f64 / unit;
    (Arc::new(move |x| nk.cost(x) as f64 / unit), minimum)
}

impl Nk {
    fn cost(&self, x: &[f64]) -> u64 {
        let n = x.len();
        let flags = |i: usize| (i..=i + NEIGHBOURS).fold(0, |flags, j| 2 * flags + usize::from(x[j % n] > 0.5));
        self.tables.iter().enumerate().map(|(i, table)| table[flags(i)]).sum()
    }

    fn least(&self) -> u64 {
        (0..WINDOWS).map(|first| self.least_from(first)).min().unwrap_or(0)
    }

    /// The least cost of strings that begin with this window.
    fn least_from(&self, first: usize) -> u64 {
        let n = self.tables.len();
        // Of flags i .. i + K − 1, the cheapest tables before i.
        let mut least = [u64::MAX; WINDOWS];
        least[first] = 0;
        for (i, table) in self.tables.iter().enumerate() {
            let mut next = [u64::MAX; WINDOWS];
            for (window, before) in least.iter().enumerate().filter(|(_, before)| **before != u64::MAX) {
                for flag in 0..2 {
                    // Flag i + K, which has been chosen before where it is one of the first.
                    let again = (i + NEIGHBOURS).checked_sub(n);
                    if again.is_some_and(|j| first >> (NEIGHBOURS - 1 - j) & 1 != flag) {
                        continue;
                    }
                    let flags = 2 * window + flag;
                    let there = &mut next[flags % WINDOWS];
                    *there = (*there).min(before + table[flags]);
                }
            }
            least = next;
        }
        least[first]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_of_a_table_are_its_own_and_the_four_after_it() {
        let mut tables = vec![[0; 2 * WINDOWS]; 7];
        tables[5][0b10110] = 3;
        let nk = Nk { tables };
        // Flags 5, 6, 0, 1, 2.
        assert_eq!(nk.cost(&[1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0]), 3);
        assert_eq!(nk.cost(&[1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0]), 0);
        assert_eq!(nk.least(), 0);
    }
}
