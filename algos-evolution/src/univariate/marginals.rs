//! One distribution a coordinate, independent of all others: a table of probabilities over the values of what has few, a normal
//! distribution over the rest.

use moths_core::{Key, Result, Space, persist};
use rand::RngExt;

use crate::differential::whole::Whole;

/// Integers of more values than these are drawn from a normal distribution, and rounded.
const LARGEST: usize = 32;
/// n of the margins is this at least: with fewer coordinates they would leave nothing to learn.
const FEWEST: usize = 10;
/// No deviation is longer than so many times the first.
const LONGEST: f64 = 1e6;
/// Margins are so many times as narrow where there are normal distributions too: else two candidates of three would differ from the best
/// in some flag, and selection would see little of the rest.
const NARROWER: f64 = 4.0;

/// Between categories there is nothing that a normal distribution could be of.
fn has_table(whole: &Whole) -> bool {
    whole.is_category() || whole.count() <= LARGEST
}

/// How many probabilities the tables of a space have.
pub(super) fn probabilities(space: &Space) -> usize {
    Whole::of(space).iter().filter(|whole| has_table(whole)).map(Whole::count).fold(0, usize::saturating_add)
}

/// A coordinate that has a table of probabilities.
pub struct Choice {
    whole: Whole,
    /// Where its table begins.
    start: usize,
    /// The margin: no probability falls below it.
    least: f64,
}

impl Choice {
    /// Which of its values a point \[d\] has, counted from the lowest.
    pub fn value(&self, point: &[f64]) -> usize {
        self.whole.value(point[self.whole.at])
    }

    /// How many values it has.
    pub fn count(&self) -> usize {
        self.whole.count()
    }

    /// p ← (1 − η) p + η e_v.
    pub fn pull(table: &mut [f64], value: usize, rate: f64) {
        table.iter_mut().for_each(|p| *p *= 1.0 - rate);
        table[value] += rate;
    }

    /// From one value to another, as much as leaves the margin.
    pub fn shift(&self, table: &mut [f64], from: usize, to: usize, by: f64) {
        let by = by.min(table[from] - self.least).max(0.0);
        table[from] -= by;
        table[to] += by;
    }

    /// No probability is below the margin afterwards; those above give, in proportion to how far they are above.
    pub fn keep_margin(&self, table: &mut [f64]) {
        if table.iter().all(|p| *p >= self.least) {
            return;
        }
        table.iter_mut().for_each(|p| *p = (*p - self.least).max(0.0));
        let above: f64 = table.iter().sum();
        let left = (1.0 - table.len() as f64 * self.least).max(0.0);
        table.iter_mut().for_each(|p| *p = self.least + *p * left / above);
    }

    /// Does one value have all the others leave?
    fn is_settled(&self, table: &[f64]) -> bool {
        let most = 1.0 - (table.len() - 1) as f64 * self.least;
        table.iter().any(|p| *p >= most - 1e-9)
    }

    /// A value by its probability, for u uniform on [0, 1).
    fn draw(table: &[f64], u: f64) -> usize {
        let mut before = 0.0;
        let found = table.iter().position(|p| {
            before += p;
            u < before
        });
        found.unwrap_or(table.len() - 1)
    }
}

/// A coordinate that has a normal distribution.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Normal {
    /// Which.
    pub at: usize,
    /// s is never below: a tenth of a level where values are discrete.
    pub floor: f64,
    /// Nor above: where losses say nothing of a coordinate, chance alone would make it infinite in the end.
    pub most: f64,
}

/// The distributions of all coordinates.
pub struct Marginals {
    dim: usize,
    choices: Vec<Choice>,
    normals: Vec<Normal>,
    /// Which normals say when a search has settled: neither fixed nor discrete.
    real: Vec<usize>,
    /// All tables, one after another.
    p: Vec<f64>,
    m: Vec<f64>,
    s: Vec<f64>,
}

impl Marginals {
    /// All values equally likely; normal distributions around the start.
    pub(super) fn new(space: &Space, start: &[f64], sigma: f64) -> Self {
        let wholes: Vec<Whole> = Whole::of(space).into_iter().filter(has_table).collect();
        let n = wholes.len().max(FEWEST) as f64 * if wholes.len() < space.dim() { NARROWER } else { 1.0 };
        let (mut choices, mut p) = (Vec::with_capacity(wholes.len()), vec![]);
        for whole in wholes {
            let count = whole.count();
            let least = if count > 1 { 1.0 / (n * (count - 1) as f64) } else { 0.0 };
            choices.push(Choice { least: least.min(0.5 / count as f64), start: p.len(), whole });
            p.extend(std::iter::repeat_n(1.0 / count as f64, count));
        }
        let is_choice = |at: &usize| choices.binary_search_by_key(at, |choice: &Choice| choice.whole.at).is_ok();
        let floors = space.least_deviations().enumerate().filter(|(at, _)| !is_choice(at));
        let normals: Vec<Normal> = floors.map(|(at, floor)| Normal { at, floor, most: (LONGEST * sigma).max(floor) }).collect();
        let fixed: Vec<bool> = space.fixed().collect();
        let real = (0..normals.len()).filter(|&k| normals[k].floor == 0.0 && !fixed[normals[k].at]).collect();
        let (m, s) = (normals.iter().map(|normal| start[normal.at]).collect(), vec![sigma; normals.len()]);
        Self { dim: space.dim(), choices, normals, real, p, m, s }
    }

    /// So many points, \[n, d\]: point k from the stream of `key.fold(k)`, first all choices, then all normals.
    pub(super) fn sample(&self, n: usize, key: Key) -> Vec<f64> {
        let mut points = vec![0.0; n * self.dim];
        for (k, point) in points.chunks_exact_mut(self.dim).enumerate() {
            let mut stream = key.fold(k as u64).stream();
            for choice in &self.choices {
                let table = &self.p[choice.start..choice.start + choice.count()];
                point[choice.whole.at] = choice.whole.coordinate_of(Choice::draw(table, stream.random()));
            }
            for (j, pair) in self.normals.chunks(2).enumerate() {
                let (one, other) = stream.normals();
                for (i, (normal, z)) in pair.iter().zip([one, other]).enumerate() {
                    point[normal.at] = self.m[2 * j + i] + self.s[2 * j + i] * z;
                }
            }
        }
        points
    }

    /// All tables, to be changed.
    pub fn tables(&mut self) -> impl Iterator<Item = (&Choice, &mut [f64])> {
        let mut rest = &mut self.p[..];
        self.choices.iter().map(move |choice| {
            let (table, after) = std::mem::take(&mut rest).split_at_mut(choice.whole.count());
            rest = after;
            (choice, table)
        })
    }

    /// All m and s, to be changed.
    pub fn normals(&mut self) -> impl Iterator<Item = (Normal, &mut f64, &mut f64)> {
        self.normals.iter().zip(&mut self.m).zip(&mut self.s).map(|((normal, m), s)| (*normal, m, s))
    }

    /// Half of what is drawn is the value of this point \[d\], and normal distributions are around it.
    pub(super) fn move_to(&mut self, point: &[f64]) {
        for (choice, table) in self.tables() {
            Choice::pull(table, choice.value(point), 0.5);
            choice.keep_margin(table);
        }
        self.normals().for_each(|(normal, m, _)| *m = point[normal.at]);
    }

    /// Nothing is left to learn: every table is at its margins, every deviation at its floor, or as good as 0 beside the first.
    pub(super) fn is_settled(&self, sigma: f64) -> bool {
        let table = |choice: &Choice| choice.is_settled(&self.p[choice.start..choice.start + choice.count()]);
        self.choices.iter().all(table) && self.real.iter().all(|&k| self.s[k] < 1e-12 * sigma)
    }
}

persist!(Marginals { p, m, s });

/// The starting point as numbers.
pub(super) fn start(space: &Space) -> Result<Vec<f64>> {
    moths_core::tensor::host::to_f64s(&space.start())
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::DType;
    use moths_core::Leaf;

    fn mixed() -> Marginals {
        let leaves =
            vec![Leaf::bool("b", [12]), Leaf::real("r", [3]), Leaf::integer("i", [1], -1, 2), Leaf::integer("n", [1], 0, 99)];
        let space = Space::with_dtype(leaves, DType::F64).unwrap();
        Marginals::new(&space, &start(&space).unwrap(), 0.5)
    }

    #[test]
    fn few_values_have_tables_and_many_a_normal_distribution() {
        let marginals = mixed();
        assert_eq!(marginals.choices.iter().map(Choice::count).collect::<Vec<_>>(), [[2; 12].as_slice(), &[4]].concat());
        assert_eq!(marginals.normals.iter().map(|n| n.at).collect::<Vec<_>>(), [12, 13, 14, 16]);
        assert_eq!((marginals.real.len(), marginals.p.len(), marginals.m.len()), (3, 28, 4));
        assert!(marginals.normals[3].floor > 0.0, "an integer never freezes");
    }

    #[test]
    fn draws_have_the_probabilities_of_the_tables_and_the_moments_of_the_normals() {
        let mut marginals = mixed();
        let (n, d) = (20_000, marginals.dim);
        for (_, table) in marginals.tables() {
            let last = table.len() - 1;
            table.fill(0.1);
            table[last] = 1.0 - 0.1 * last as f64;
        }
        let points = marginals.sample(n, Key::new(4));
        for (j, choice) in marginals.choices.iter().enumerate() {
            let first = points.chunks_exact(d).filter(|point| choice.value(point) == 0).count() as f64 / n as f64;
            assert!((first - 0.1).abs() < 0.01, "{j}: {first}");
        }
        for at in 12..15 {
            let square = points.chunks_exact(d).map(|point| point[at].powi(2)).sum::<f64>() / n as f64;
            assert!((square - 0.25).abs() < 0.01, "{at}: {square}");
        }
    }

    #[test]
    fn margins_are_kept_and_tables_stay_tables() {
        let mut marginals = mixed();
        for (choice, table) in marginals.tables() {
            let least = choice.least;
            assert_eq!(least, 1.0 / (4.0 * 13.0 * (table.len() - 1) as f64));
            (0..100).for_each(|_| Choice::pull(table, 0, 0.3));
            choice.keep_margin(table);
            assert!(table[1..].iter().all(|p| (p - least).abs() < 1e-12) && choice.is_settled(table));
            choice.shift(table, 0, 1, 0.25);
            choice.shift(table, 1, 0, 10.0);
            assert!((table.iter().sum::<f64>() - 1.0).abs() < 1e-12 && (table[1] - least).abs() < 1e-12);
        }
    }
}
