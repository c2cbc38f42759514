//! What may be meant, and will disappoint.

use std::fmt;

use candle_core::DType;

use super::Space;

/// Something about a problem that is allowed, but hinders its search.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Warning {
    /// The bounds of a real leaf hold so few numbers of its dtype (or of the space's, if that is narrower) that it is a grid: 17 for
    /// [1e6, 1e6 + 1] in f32. f64 for leaf and space, or searching the difference from lo, mends it.
    Coarse {
        /// The leaf.
        leaf: String,
        /// The bounds of the element that has fewest.
        bounds: (f64, f64),
        /// The dtype that has no more.
        dtype: DType,
        /// How many.
        numbers: u64,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Coarse { leaf, bounds: (lo, hi), dtype, numbers } => {
                write!(f, "leaf {leaf}.bounds = [{lo}, {hi}]: only {numbers} numbers of {} lie there", dtype.as_str())
            }
        }
    }
}

/// Fewer numbers than this are a grid.
const FEW: u64 = 1000;

impl Space {
    /// What is allowed, but hinders a search: at most one warning a leaf. Fixed elements are no hindrance.
    ///
    /// ```
    /// use moths_core::{Leaf, Space, space::Warning};
    /// let space = Space::new(vec![Leaf::real("year", [1]).bounds(1e6, 1e6 + 1.0), Leaf::real("rate", [1]).bounds(0.0, 1.0)])?;
    /// assert!(matches!(&space.warnings()[..], [Warning::Coarse { leaf, numbers: 17, .. }] if leaf == "year"));
    /// # Ok::<(), moths_core::Error>(())
    /// ```
    pub fn warnings(&self) -> Vec<Warning> {
        self.leaves().iter().filter(|leaf| !leaf.frozen).filter_map(|leaf| leaf.coarse(self.dtype(), FEW)).collect()
    }
}
