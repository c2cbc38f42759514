//! Who informs whom.
//!
//! ```text
//! leader of i = argmin f(p_k) over i itself and its informants k
//! ```

use moths_core::Key;
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who informs whom in a swarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Topology {
    /// Everybody informs everybody.
    Global,
    /// On a ring, the next on either side.
    Ring,
    /// On a grid, the four next. It has ⌈√n⌉ columns, and its last row may be shorter; every row and every column is closed to a ring.
    VonNeumann,
    /// Each informs some who are drawn, perhaps the same twice; drawn again after every step that has not found a better point.
    Random,
}

impl Topology {
    /// The leader of each of the particles with these f(p_i). The one in `mute`, who informs nobody, is nobody's leader unless its own. `neighbours`: on a ring on
    /// either side (1 where nothing is said), of a random graph how many each informs (3). Random graphs are drawn from the key.
    pub(crate) fn leaders(self, losses: &[f64], mute: Option<usize>, neighbours: Option<usize>, key: Key) -> Vec<usize> {
        let n = losses.len();
        let loss = |i: usize| if Some(i) == mute { f64::INFINITY } else { losses[i] };
        let first_lowest = |own: usize, informants: &mut dyn Iterator<Item = usize>| {
            informants.fold(own, |best, i| if loss(i) < loss(best) { i } else { best })
        };
        match self {
            Self::Global => vec![first_lowest(0, &mut (1..n)); n],
            Self::Ring => {
                let k = neighbours.unwrap_or(1).min(n / 2);
                (0..n).map(|i| first_lowest(i, &mut (n - k..=n + k).map(|at| (i + at) % n))).collect()
            }
            Self::VonNeumann => (0..n).map(|i| first_lowest(i, &mut beside(i, n).into_iter())).collect(),
            Self::Random => {
                let (mut draws, mut leaders) = (key.stream(), (0..n).collect::<Vec<_>>());
                for i in 0..n {
                    for _ in 0..neighbours.unwrap_or(3) {
                        let informed = draws.random_range(0..n);
                        leaders[informed] = first_lowest(leaders[informed], &mut std::iter::once(i));
                    }
                }
                leaders
            }
        }
    }
}

/// The four neighbours of a member of a grid of n, row by row: left, right, above, below.
fn beside(i: usize, n: usize) -> [usize; 4] {
    let columns = (n as f64).sqrt().ceil() as usize;
    let (row, column) = (i / columns, i % columns);
    let width = columns.min(n - row * columns);
    let height = (n - column).div_ceil(columns);
    let across = |by: usize| row * columns + (column + by) % width;
    let along = |by: usize| (row + by) % height * columns + column;
    [across(width - 1), across(1), along(height - 1), along(1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who has the lowest loss of all leads exactly those whom it informs.
    fn informed_by(topology: Topology, who: usize, n: usize, k: Option<usize>, key: Key) -> Vec<usize> {
        let losses: Vec<f64> = (0..n).map(|i| if i == who { -1.0 } else { i as f64 }).collect();
        let leaders = topology.leaders(&losses, None, k, key);
        (0..n).filter(|&i| leaders[i] == who).collect()
    }

    #[test]
    fn neighbours_are_those_of_the_figure() {
        let key = Key::new(1);
        assert_eq!(informed_by(Topology::Global, 2, 5, None, key), [0, 1, 2, 3, 4]);
        assert_eq!(informed_by(Topology::Ring, 0, 6, None, key), [0, 1, 5]);
        assert_eq!(informed_by(Topology::Ring, 3, 7, Some(2), key), [1, 2, 3, 4, 5]);
        assert_eq!(informed_by(Topology::Ring, 1, 4, Some(9), key), [0, 1, 2, 3], "more neighbours than there are");
        // 0 1 2 3
        // 4 5 6 7
        // 8 9 10
        assert_eq!(informed_by(Topology::VonNeumann, 5, 11, None, key), [1, 4, 5, 6, 9]);
        assert_eq!(informed_by(Topology::VonNeumann, 0, 11, None, key), [0, 1, 3, 4, 8]);
        assert_eq!(informed_by(Topology::VonNeumann, 3, 11, None, key), [0, 2, 3, 7]);
        assert_eq!(informed_by(Topology::VonNeumann, 10, 11, None, key), [2, 6, 8, 9, 10]);
    }

    #[test]
    fn every_size_has_a_grid_in_which_who_hears_is_heard() {
        for n in 2..60 {
            for i in 0..n {
                for k in beside(i, n) {
                    assert!(k < n && beside(k, n).contains(&i), "{i} and {k} of {n}");
                }
            }
        }
    }

    #[test]
    fn a_random_graph_follows_from_its_key() {
        let graph = |seed| (0..20).map(|i| informed_by(Topology::Random, i, 20, None, Key::new(seed))).collect::<Vec<_>>();
        assert_eq!(graph(1), graph(1));
        assert_ne!(graph(1), graph(2));
        for (i, informed) in graph(1).into_iter().enumerate() {
            assert!(informed.contains(&i) && informed.len() <= 4, "{i} informs itself and three others at most: {informed:?}");
        }
    }

    #[test]
    fn who_is_mute_is_no_leader() {
        let losses = [0.0, 3.0, 1.0, 2.0];
        let leaders = |topology: Topology| topology.leaders(&losses, Some(0), None, Key::new(1));
        assert_eq!(leaders(Topology::Global), [2; 4]);
        assert_eq!(leaders(Topology::Ring), [3, 2, 2, 2]);
    }
}
