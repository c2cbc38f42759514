//! Minima on walls, in corners, and close to them.

use candle_core::{Device, Tensor};

use super::{Law, Subject, broken::Verdict};
use moths_core::{Error, Function, Key, Result, Space, Stop, minimize, tensor::host};

pub(super) const LAW: Law = Law {
    name: "walls",
    statement: "where it is promised, minima in a corner, on a face and 1 % inside a box are found, on slopes and in valleys, from the \
                middle and from a wall: the answer is within 1e-6 of the box's width",
    holds,
};

const SEEDS: u64 = 3;
const DIMS: [usize; 4] = [1, 2, 5, 10];
const EVALUATIONS: u64 = 20_000;
/// Not around 0, where numbers are finer.
const BOX: (f64, f64) = (-4.0, 6.0);
const WIDTH: f64 = BOX.1 - BOX.0;
const MIDDLE: f64 = 1.0;

/// A function of a box, and where it is lowest in coordinate i.
struct Landscape {
    name: &'static str,
    lowest: fn(usize) -> f64,
    /// The part of coordinate i in the loss, by its distance from there.
    part: fn(f64) -> f64,
    /// Largest over smallest factor of a part.
    condition: f64,
    start: f64,
}

const LANDSCAPES: [Landscape; 7] = [
    Landscape { name: "a slope into a corner", lowest: corner, part: f64::abs, condition: 1.0, start: MIDDLE },
    Landscape {
        name: "a slope of unequal factors into a corner",
        lowest: corner,
        part: f64::abs,
        condition: 100.0,
        start: MIDDLE,
    },
    Landscape { name: "a bowl on a face", lowest: face, part: square, condition: 1.0, start: MIDDLE },
    Landscape { name: "an ill-conditioned bowl on a face", lowest: face, part: square, condition: 1e4, start: MIDDLE },
    Landscape { name: "a bowl 1 % inside", lowest: near, part: square, condition: 1.0, start: MIDDLE },
    Landscape { name: "a bowl 1 % inside, from the wall", lowest: near, part: square, condition: 1.0, start: BOX.0 },
    Landscape { name: "an ill-conditioned bowl 1 % inside", lowest: near, part: square, condition: 1e4, start: MIDDLE },
];

/// Lower and upper ends in turn.
fn corner(i: usize) -> f64 {
    if i.is_multiple_of(2) { BOX.0 } else { BOX.1 }
}

/// Every third coordinate at its end.
fn face(i: usize) -> f64 {
    if i.is_multiple_of(3) { corner(i) } else { 2.5 }
}

fn near(i: usize) -> f64 {
    corner(i) + 0.01 * WIDTH * if i.is_multiple_of(2) { 1.0 } else { -1.0 }
}

fn square(x: f64) -> f64 {
    x * x
}

impl Landscape {
    fn loss(&self, x: &[f64]) -> f64 {
        let last = (x.len().max(2) - 1) as f64;
        let part = |(i, x): (usize, &f64)| libm::pow(self.condition, i as f64 / last) * (self.part)(x - (self.lowest)(i));
        x.iter().enumerate().map(part).sum()
    }

    /// How far the answer is from where it should be, in the coordinate where it is farthest, in widths of the box.
    fn error(&self, subject: &Subject, d: usize, seed: u64) -> Result<f64> {
        let start = Tensor::from_vec(vec![self.start; d], d, &Device::Cpu).map_err(Error::from)?;
        let space = Space::bounded(vec![BOX; d])?.starting_at(&start)?;
        let mut optimizer = subject.build(&space, Key::new(seed))?;
        let mut objective = Function::new(space.clone(), |x| self.loss(x));
        let end = minimize(&mut *optimizer, &mut objective, &Stop::evaluations(EVALUATIONS))?;
        let answer = host::to_f64s(&*space.decode(&end.answer)?)?;
        Ok(answer.iter().enumerate().map(|(i, x)| (x - (self.lowest)(i)).abs() / WIDTH).fold(0.0, f64::max))
    }
}

fn holds(subject: &Subject) -> Verdict {
    if !subject.capabilities()?.at_walls {
        return Ok(());
    }
    for landscape in &LANDSCAPES {
        for d in DIMS {
            for seed in 0..SEEDS {
                let error = landscape.error(subject, d, seed)?;
                let name = landscape.name;
                ensure!(
                    error <= 1e-6,
                    "on {name}, in {d} dimensions, seed {seed}: the answer is {error:e} widths of the box away"
                );
            }
        }
    }
    Ok(())
}
