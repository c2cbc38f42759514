//! What all differential evolutions share: a population whose own differences are its steps.
//!
//! ```text
//! v_i = base + K (goal − base) + F (x_a − x_b) [+ F (x_c − x_d)]     the donor
//! u_i = v_i in some coordinates, x_i in the others                   the trial, by binomial or exponential crossover
//! x_i ← u_i where f(u_i) ≤ f(x_i)                                    selection, each against its own parent
//! ```
//!
//! | file | what it answers |
//! |---|---|
//! | `breeder` | recipes to trials, row by row, in one pass over memory |
//! | `donor` | the inner loops: donors, and their repair at bounds |
//! | `gaps` | which coordinates binomial crossover takes, at a cost that falls with the rarer of the two |
//! | `whole` | coordinates that are integers or flags |
//! | `archive` | parents that were replaced, for more differences |
//! | `memory` | which F and CR have succeeded |
//! | `adaptive` | the family of JADE: current-to-pbest with archive and memory |

pub(crate) mod adaptive;
mod archive;
pub(crate) mod breeder;
mod donor;
pub(crate) mod gaps;
pub(crate) mod memory;
#[cfg(test)]
mod tests;
pub(crate) mod whole;

use moths_core::rng::Stream;
use rand::RngExt;

/// One of `n` that is none of `taken`.
pub(crate) fn another(stream: &mut Stream, n: usize, taken: &[usize]) -> usize {
    loop {
        let drawn = stream.random_range(0..n);
        if !taken.contains(&drawn) {
            return drawn;
        }
    }
}

/// Why a differential evolution stops by itself.
pub(crate) const ONE_POINT: &str = "all points of the population are one";
