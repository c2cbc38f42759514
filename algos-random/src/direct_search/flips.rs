//! Steps of flags and integers.
//!
//! A step of a walk is a normal vector, short beside the way from a flag's middle to its threshold: added to a flag it changes nothing, again and
//! again, and when it has drifted to the threshold it goes to and fro there. So discrete coordinates have deviations of their own, by which
//! each leaves its value with a probability that is known,
//!
//! ```text
//! s_j = ½ w_j / Φ⁻¹(1 − p)           of a flag, which has one side to go to; of the others p/2
//! ```
//!
//! and begin every step in the middle of their value. That is the mutation of the (1+1)-EA, each bit flipped with the probability p (Mühlenbein
//! 1992; Droste, Jansen & Wegener 2002, doi:10.1016/S0304-3975(01)00182-7), written as noise that a seed gives. p = 1/n, n being how many discrete
//! coordinates there are, and a quarter of that where there are reals too: of their steps too few would lead down beside a wrong flag. It is ¼ at
//! most.

use candle_core::Tensor;
use moths_core::{Batch, CowTensor, Result, Sampler, Space, kernel, rng::Seed, tensor::host, with_scalar};

use super::Directions;

/// How many discrete coordinates change in a step on average, where there are reals too.
const BESIDE_REALS: f64 = 0.25;
/// No coordinate changes more often.
const MOST: f64 = 0.25;

/// The discrete coordinates of a space, as walks move them.
pub(crate) struct Flips {
    /// s, 0 where values are real, \[d\].
    least: CowTensor,
    /// 1 where a longer step of the walk counts: everywhere but at flags.
    free: CowTensor,
    levels: Vec<Level>,
}

/// A coordinate of values with equal room.
struct Level {
    at: usize,
    lower: f64,
    width: f64,
    most: f64,
}

kernel! { fn widen(deviation: out, least: mat, free: mat, per_unit: num) {
    deviation = max(least * per_unit, free);
} }

impl Flips {
    /// Those of a space, for steps of this distribution; `None` where it has none. What is no normal distribution, and may be of signs alone,
    /// moves them as it moves reals, but by a tenth of a value at least.
    pub(crate) fn of(space: &Space, sampler: Sampler) -> Result<Option<Self>> {
        if !space.is_discrete() {
            return Ok(None);
        }
        let known = matches!(sampler, Sampler::Normal);
        let ends = space.steps().zip(space.intervals()).zip(space.fixed()).enumerate();
        let stepped = ends.filter(|(_, ((steps, _), fixed))| known && *steps > 1 && !fixed);
        let levels: Vec<Level> = stepped.map(|(at, ((steps, ends), _))| Level::new(at, steps, ends)).collect();
        let moving = space.fixed().filter(|fixed| !fixed).count();
        let share = if levels.len() == moving { 1.0 } else { BESIDE_REALS };
        let p = (share / levels.len().max(1) as f64).min(MOST);
        let (mut least, mut free) = (space.least_deviations().collect::<Vec<_>>(), vec![1.0; space.dim()]);
        for Level { at, width, most, .. } in &levels {
            let one_sided = if *most == 1.0 { p } else { 0.5 * p };
            least[*at] = 0.5 * width / upper_quantile(one_sided);
            free[*at] = if *most == 1.0 { 0.0 } else { 1.0 };
        }
        let tensor = |numbers: Vec<f64>| Ok::<_, moths_core::Error>(CowTensor::new(space.numbers(numbers, space.dim())?));
        Ok(Some(Self { least: tensor(least)?, free: tensor(free)?, levels }))
    }

    /// The steps of one length from x, whose discrete coordinates begin in the middle of their values, wherever somebody moved them to.
    pub(crate) fn batch(&self, directions: &Directions, x: &CowTensor, steps: &[(Seed, f64)], length: f64) -> Result<Batch> {
        Ok(self.of_length(directions, length)?.batch(&self.settled(x)?, steps))
    }

    /// The directions whose steps of this length move discrete coordinates as this says.
    fn of_length(&self, directions: &Directions, length: f64) -> Result<Directions> {
        let mut deviation = CowTensor::new(Tensor::zeros_like(&self.least)?);
        widen(&mut deviation, &self.least, &self.free, directions.root_dim / length)?;
        Ok(directions.scaled_by(&deviation))
    }

    /// The same point, its discrete coordinates in the middle of their values.
    fn settled(&self, x: &CowTensor) -> Result<CowTensor> {
        let mut x = x.clone();
        with_scalar!(x.dtype(), T => host::edit::<T, _>(&mut x, |x| {
            for level in &self.levels {
                x[level.at] = level.middle(f64::from(x[level.at])) as T;
            }
        }))?;
        Ok(x)
    }
}

impl Level {
    /// Of so many values between these ends.
    fn new(at: usize, steps: u64, (lower, upper): (f64, f64)) -> Self {
        Self { at, lower, width: (upper - lower) / steps as f64, most: (steps - 1) as f64 }
    }

    /// The middle of the value that `x` stands for.
    fn middle(&self, x: f64) -> f64 {
        let value = ((x - self.lower) / self.width - 0.5).round().clamp(0.0, self.most);
        self.lower + self.width * (value + 0.5)
    }
}

/// What a normal number exceeds with the probability p ≤ ½.
fn upper_quantile(p: f64) -> f64 {
    let tail = |x: f64| 0.5 * libm::erfc(x * std::f64::consts::FRAC_1_SQRT_2);
    let (mut low, mut high) = (0.0, 40.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if tail(middle) > p { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use moths_core::{Key, Leaf};

    use super::*;

    #[test]
    fn quantiles_are_those_of_tables() {
        for (p, x) in [(0.5, 0.0), (0.158_655_253_931_457_05, 1.0), (0.025, 1.959_963_984_540_054)] {
            assert!((upper_quantile(p) - x).abs() < 1e-9, "{p}");
        }
    }

    /// How often every coordinate of 4,000 steps of this length changes its value.
    fn changes(space: &Space, length: f64) -> Vec<f64> {
        let flips = Flips::of(space, Sampler::Normal).unwrap().unwrap();
        let directions = flips.of_length(&Directions::new(Sampler::Normal, space), length).unwrap();
        let before = host::to_f64s(&space.decode(&space.start()).unwrap()).unwrap();
        let steps: Vec<_> = (0..4000).map(|i| (Key::new(3).member(i), length)).collect();
        let batch: Batch = directions.batch(&space.start(), &steps);
        let mut changed = vec![0.0; space.dim()];
        for i in 0..4000 {
            let after = host::to_f64s(&space.decode(&batch.row(i, space).unwrap()).unwrap()).unwrap();
            changed.iter_mut().zip(after.iter().zip(&before)).for_each(|(c, (a, b))| *c += f64::from(u8::from(a != b)) / 4000.0);
        }
        changed
    }

    #[test]
    fn coordinates_change_with_the_probability_that_is_said_however_short_the_step() {
        let at = |space: Space, values: &[f64]| space.starting_at(&space.numbers(values, values.len()).unwrap()).unwrap();
        let whole = Space::new(vec![Leaf::bool("b", [10]), Leaf::integer("i", [10], -3, 3)]).unwrap();
        let whole = at(whole, &[[0.0; 10], [1.0; 10]].concat());
        for length in [1e-6, 0.1] {
            assert!(changes(&whole, length).iter().all(|share| (share - 0.05).abs() < 0.02), "{:?}", changes(&whole, length));
        }
        let mixed = at(Space::new(vec![Leaf::bool("b", [4]), Leaf::real("x", [4])]).unwrap(), &[1.0; 8]);
        assert!(changes(&mixed, 1e-3)[..4].iter().all(|share| (share - 0.0625).abs() < 0.02));
        // Where a step is not too short for a number to see.
        assert!(changes(&mixed, 1e-3)[4..].iter().all(|share| *share > 0.99));
        // However long it is, flags have their own.
        assert!(changes(&mixed, 1e3)[..4].iter().all(|share| (share - 0.0625).abs() < 0.02));
    }

    #[test]
    fn values_settle_in_their_middle() {
        let space = Space::new(vec![Leaf::bool("b", [2]), Leaf::real("x", [1])]).unwrap();
        let flips = Flips::of(&space, Sampler::Normal).unwrap().unwrap();
        let point = CowTensor::new(space.numbers(vec![1.3, -7.0, 0.3], 3).unwrap());
        assert_eq!(flips.settled(&point).unwrap().to_vec1::<f32>().unwrap(), [2.0, 0.0, 0.3]);
    }
}
