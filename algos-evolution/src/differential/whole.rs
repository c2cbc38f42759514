//! Coordinates that are integers or flags.
//!
//! What such a coordinate *means* is its rounded value, so its differences are those of rounded values. A step that is no whole number goes up
//! with the probability of its fraction and down otherwise: on average it is the step, and differences of one, times an F below one half,
//! do not stand still.

use moths_core::{Space, space::Domain};

/// One coordinate that is an integer or a flag.
pub(crate) struct Whole {
    /// Which.
    pub(crate) at: usize,
    /// The search coordinate of its lowest value.
    origin: f64,
    /// How far two neighbouring values are apart.
    unit: f64,
    /// The highest value, counted from the lowest.
    most: f64,
}

impl Whole {
    /// All of a space.
    pub(crate) fn of(space: &Space) -> Vec<Self> {
        let elements = space.leaves().iter().filter(|leaf| !leaf.is_frozen());
        let domains = elements.flat_map(|leaf| std::iter::repeat_n(leaf.domain(), leaf.len()));
        let each = domains.zip(space.intervals()).enumerate();
        each.filter_map(|(at, (domain, interval))| Self::new(at, domain, interval)).collect()
    }

    fn new(at: usize, domain: Domain, (lower, upper): (f64, f64)) -> Option<Self> {
        let most = match domain {
            Domain::Integer { lo, hi } => (hi - lo) as f64,
            Domain::Bool => 1.0,
            _ => return None,
        };
        let unit = (upper - lower) / (most + 1.0);
        Some(Self { at, origin: lower + 0.5 * unit, unit, most })
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
        let now = ((x - self.origin) / self.unit).round();
        if self.most == 1.0 {
            return self.coordinate(1.0 - now);
        }
        let by = (step / self.unit).round();
        self.coordinate(now + if by == 0.0 { 1f64.copysign(step) } else { by })
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
