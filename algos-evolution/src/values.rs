//! What values the search coordinates of a space stand for: the one place that knows which of them have an order.

use moths_core::{Space, space::Domain};

/// What one search coordinate stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Values {
    /// A real number of this interval, which is infinite where there are no bounds.
    Real(f64, f64),
    /// Whole numbers in their order.
    Steps(Levels),
    /// Values of which none is nearer to another: a flag, or a category.
    Choices(Levels),
    /// One value only, whatever the coordinate.
    Fixed,
}

/// Values that are told apart, evenly spaced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Levels {
    /// The search coordinate of the first.
    origin: f64,
    /// How far two neighbouring ones are apart.
    pub(crate) unit: f64,
    /// How many there are, 2 at least.
    pub(crate) count: usize,
}

impl Values {
    /// Those of all coordinates of a space.
    pub(crate) fn of(space: &Space) -> Vec<Self> {
        let leaves = space.leaves().iter().filter(|leaf| !leaf.is_frozen());
        let domains = leaves.flat_map(|leaf| std::iter::repeat_n(leaf.domain(), leaf.len()));
        let each = domains.zip(space.steps()).zip(space.intervals()).zip(space.fixed());
        each.map(|(((domain, steps), interval), fixed)| if fixed { Self::Fixed } else { Self::new(domain, steps, interval) })
            .collect()
    }

    fn new(domain: Domain, steps: u64, interval: (f64, f64)) -> Self {
        match (steps, domain) {
            (0, _) => Self::Real(interval.0, interval.1),
            (2, Domain::Bool) | (_, Domain::Category { .. }) => Self::Choices(Levels::new(steps as usize, interval)),
            _ => Self::Steps(Levels::new(steps as usize, interval)),
        }
    }
}

impl Levels {
    /// So many, each with as much room in the interval as any other.
    pub(crate) fn new(count: usize, (lower, upper): (f64, f64)) -> Self {
        let unit = (upper - lower) / count as f64;
        Self { origin: lower + 0.5 * unit, unit, count }
    }

    /// Which level a search coordinate stands for.
    pub(crate) fn at(&self, x: f64) -> usize {
        // A number that is none becomes 0.
        (((x - self.origin) / self.unit).round() as usize).min(self.count - 1)
    }

    /// The search coordinate of a level.
    pub(crate) fn coordinate(&self, level: usize) -> f64 {
        self.origin + self.unit * level as f64
    }

    /// The ends of all levels together.
    pub(crate) fn interval(&self) -> (f64, f64) {
        (self.origin - 0.5 * self.unit, self.origin + self.unit * (self.count as f64 - 0.5))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Tensor};
    use moths_core::Leaf;

    use super::*;

    #[test]
    fn levels_are_those_that_decoding_gives() {
        let leaves = vec![
            Leaf::real("r", [1]).bounds(-2.0, 2.0),
            Leaf::integer("i", [1], -3, 4).scale(0.7),
            Leaf::bool("b", [1]),
            Leaf::integer("one", [1], 5, 5),
            Leaf::real("free", [1]),
        ];
        let space = Space::with_dtype(leaves, DType::F64).unwrap();
        let values = Values::of(&space);
        assert_eq!((values[0], values[3]), (Values::Real(-2.0, 2.0), Values::Fixed));
        assert_eq!(values[4], Values::Real(f64::NEG_INFINITY, f64::INFINITY));
        for (at, first) in [(1, -3.0), (2, 0.0)] {
            let (Values::Steps(levels) | Values::Choices(levels)) = values[at] else { panic!("{:?}", values[at]) };
            let interval = space.intervals().nth(at).unwrap();
            assert!((levels.interval().0 - interval.0).abs() < 1e-12 && (levels.interval().1 - interval.1).abs() < 1e-12);
            for level in 0..levels.count {
                let mut point = [0.0; 5];
                point[at] = levels.coordinate(level);
                assert_eq!(levels.at(point[at]), level);
                let decoded = space.decode(&Tensor::new(&point, &Device::Cpu).unwrap()).unwrap();
                assert_eq!(decoded.to_vec1::<f64>().unwrap()[at], first + level as f64);
            }
        }
    }
}
