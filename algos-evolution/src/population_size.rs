//! How many candidates a step has where nobody says: a few more for every tenfold of dimensions, or what a paper found best.

use moths_core::Space;

/// λ = 4 + ⌊3 ln d⌋: enough for distributions that learn over many steps.
pub(crate) fn logarithmic(dim: usize) -> usize {
    4 + (3.0 * libm::log(dim as f64)).floor() as usize
}

/// n = 16 + ⌊7 ln d⌋: enough differences for a population whose steps they are, if F and CR stay.
pub(crate) fn differences(dim: usize) -> usize {
    16 + (7.0 * libm::log(dim as f64)).floor() as usize
}

/// n = 8 + ⌊5 ln d⌋: fewer are enough where F and CR adapt, and an archive adds differences. With integers or flags 40 at least: rounded
/// differences soon vanish (eight integers and four flags: 20 points find the best in 5 of 11 runs, 40 in 10).
pub(crate) fn adaptive_differences(space: &Space) -> usize {
    let n = 8 + (5.0 * libm::log(space.dim() as f64)).floor() as usize;
    if space.is_discrete() { n.max(40) } else { n }
}

/// n: what was asked for, or else the paper's, but then no more points than half a million numbers hold (and at least 32): what is
/// right for thirty parameters needs terabytes for a million.
pub(crate) fn or_of_the_paper(asked: Option<usize>, of_the_paper: f64, d: usize) -> usize {
    asked.unwrap_or_else(|| (of_the_paper.round() as usize).clamp(8, ((1 << 19) / d).max(32)))
}
