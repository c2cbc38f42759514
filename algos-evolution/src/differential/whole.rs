//! Coordinates that are integers or flags.
//!
//! What such a coordinate *means* is its rounded value, so its differences are those of rounded values. A step that is no whole number goes up
//! with the probability of its fraction and down otherwise: on average it is the step, and differences of one, times an F below one half,
//! do not stand still.
//!
//! A value that all points have lost is in none of their differences: now and then a coordinate goes to a value beside its own, whatever they say.
//!
//! Between categories there is no difference that could be added: one that is not zero is a reason to take any other.

use moths_core::Space;

/// One coordinate that is an integer, a flag, a level or a category.
pub(crate) struct Whole {
    /// Which.
    pub(crate) at: usize,
    /// The leaf it is of: all coordinates of one have the same values.
    pub(crate) leaf: usize,
    /// The search coordinate of its lowest value.
    origin: f64,
    /// How far two neighbouring values are apart.
    unit: f64,
    /// The highest value, counted from the lowest.
    most: f64,
    /// Is a value between two others?
    ordered: bool,
}

impl Whole {
    /// All of a space.
    pub(crate) fn of(space: &Space) -> Vec<Self> {
        let leaves = space.leaves().iter().enumerate().filter(|(_, leaf)| !leaf.is_frozen());
        let of = leaves.flat_map(|(i, leaf)| std::iter::repeat_n((i, leaf.domain().is_ordered()), leaf.len()));
        let each = space.steps().zip(of).zip(space.intervals()).enumerate().filter(|(_, ((steps, _), _))| *steps > 0);
        each.map(|(at, ((steps, (leaf, ordered)), (lower, upper)))| {
            let unit = (upper - lower) / steps as f64;
            Self { at, leaf, origin: lower + 0.5 * unit, unit, most: (steps - 1) as f64, ordered }
        })
        .collect()
    }

    /// Is it one of categories?
    pub(crate) fn is_category(&self) -> bool {
        !self.ordered
    }

    /// How many values it has.
    pub(crate) fn count(&self) -> usize {
        self.most as usize + 1
    }

    /// Which of its values `x` stands for, counted from the lowest.
    pub(crate) fn value(&self, x: f64) -> usize {
        ((x - self.origin) / self.unit).round().clamp(0.0, self.most) as usize
    }

    /// The search coordinate of a value, counted from the lowest.
    pub(crate) fn coordinate_of(&self, value: usize) -> f64 {
        self.coordinate(value as f64)
    }

    /// The search coordinate of the value that `x` stands for.
    pub(crate) fn rounded(&self, x: f64) -> f64 {
        self.coordinate(((x - self.origin) / self.unit).round())
    }

    /// One of the two values around `x`, the nearer the likelier; `u` is uniform on [0, 1).
    pub(crate) fn dithered(&self, x: f64, u: f64) -> f64 {
        self.coordinate(((x - self.origin) / self.unit + u).floor())
    }

    /// Another value: a flag is flipped, an integer goes `step` away, by one at least.
    pub(crate) fn stepped(&self, x: f64, step: f64) -> f64 {
        let now = self.value(x) as f64;
        if self.most == 1.0 {
            return self.coordinate(1.0 - now);
        }
        let by = (step / self.unit).round();
        self.coordinate(now + if by == 0.0 { 1f64.copysign(step) } else { by })
    }

    /// The value above or below, of a flag the other.
    pub(crate) fn neighbour(&self, x: f64, above: bool) -> f64 {
        self.stepped(x, if above { f64::MIN_POSITIVE } else { -f64::MIN_POSITIVE })
    }

    /// Any other value, all equally likely; `u` is uniform on [0, 1).
    pub(crate) fn redrawn(&self, x: f64, u: f64) -> f64 {
        let (now, other) = (self.value(x) as f64, (u * self.most).floor());
        self.coordinate(if other < now { other } else { other + 1.0 })
    }

    fn coordinate(&self, value: f64) -> f64 {
        self.origin + self.unit * value.clamp(0.0, self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::Leaf;

    #[test]
    fn all_other_categories_are_equally_likely() {
        let space = Space::with_dtype(vec![Leaf::category("c", [1], 5).scale(1.0)], candle_core::DType::F64).unwrap();
        let whole = &Whole::of(&space)[0];
        assert!(whole.is_category());
        let reached = |x: f64| (0..400).map(move |k| whole.redrawn(x, (f64::from(k) + 0.5) / 400.0));
        for now in 0..5 {
            for other in 0..5 {
                let times = reached(f64::from(now)).filter(|x| *x == f64::from(other)).count();
                assert_eq!(times, if now == other { 0 } else { 100 }, "from {now} to {other}");
            }
        }
        // At the very end of the interval too.
        assert_eq!([-0.5, 4.5].map(|end| whole.redrawn(end, 0.0)), [1.0, 0.0]);
    }

    #[test]
    fn values_are_those_that_decoding_gives() {
        let leaves = vec![Leaf::real("r", [1]), Leaf::integer("i", [2], -3, 4).scale(0.7), Leaf::bool("b", [1])];
        let space = Space::with_dtype(leaves, candle_core::DType::F64).unwrap();
        let wholes = Whole::of(&space);
        assert_eq!(wholes.iter().map(|w| w.at).collect::<Vec<_>>(), [1, 2, 3]);
        let decode = |at: usize, x: f64| {
            let mut point = [0.0; 4];
            point[at] = x;
            let point = candle_core::Tensor::new(&point, &candle_core::Device::Cpu).unwrap();
            space.decode(&point).unwrap().to_vec1::<f64>().unwrap()[at]
        };
        for whole in &wholes {
            let (lower, upper) = space.intervals().nth(whole.at).unwrap();
            assert!((0..whole.count()).all(|value| whole.value(whole.coordinate_of(value)) == value));
            for k in 0..=100 {
                let x = lower + (upper - lower) * (f64::from(k) + 0.3) / 101.0;
                let value = decode(whole.at, x);
                assert_eq!(decode(whole.at, whole.rounded(x)), value);
                let (down, up) = (decode(whole.at, whole.dithered(x, 0.0)), decode(whole.at, whole.dithered(x, 1.0 - 1e-9)));
                assert!((down..=up).contains(&value) && up - down <= 1.0);
            }
        }
    }
}
