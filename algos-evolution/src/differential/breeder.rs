//! Recipes to trials: every row read once, every trial written once.

use std::ops::Range;

use candle_core::Tensor;
use moths_core::{CowTensor, Key, Result, Space, Stream, host, with_scalar};
use rand::RngExt;

use super::{
    donor::{Donor, Lanes},
    gaps::Gaps,
    whole::Whole,
};

/// How one trial is made. Points are named by their row; those from n on are in the archive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Recipe {
    pub(crate) base: usize,
    pub(crate) goal: usize,
    /// K, how far base is moved towards goal.
    pub(crate) pull: f64,
    /// F, the weight of differences.
    pub(crate) weight: f64,
    pub(crate) first: [usize; 2],
    pub(crate) second: Option<[usize; 2]>,
    pub(crate) taken: Taken,
}

/// Which coordinates a trial takes from its donor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Taken {
    /// Each with the probability `rate`, and `certain` in any case.
    Each { rate: f64, certain: usize },
    /// `len` from `from` on, the first after the last.
    Run { from: usize, len: usize },
}

/// Makes trials. What it holds is overwritten in every step and means nothing between two.
pub(crate) struct Breeder {
    /// One a trial.
    pub(crate) recipes: Vec<Recipe>,
    /// \[n, d\].
    pub(crate) trials: CowTensor,
    /// The lower ends of all intervals, then the upper ones; empty where there are no bounds.
    ends: Tensor,
    wholes: Vec<Whole>,
}

impl Breeder {
    pub(crate) fn new(space: &Space, n: usize) -> Result<Self> {
        let ends = match space.box_tensors()? {
            Some((lower, upper)) => Tensor::cat(&[lower, upper], 0)?,
            None => Tensor::zeros(0, space.dtype(), space.device())?,
        };
        Ok(Self { recipes: Vec::with_capacity(n), trials: space.zeros_for(n)?, ends, wholes: Whole::of(space) })
    }

    /// The trials of all recipes, from the points `x` \[n, d\] and those of the archive.
    pub(crate) fn breed(&mut self, x: &Tensor, archive: &Tensor, key: Key) -> Result<()> {
        let Self { recipes, trials, ends, wholes } = self;
        if trials.dims() != x.dims() {
            *trials = CowTensor::new(x.zeros_like()?);
        }
        // Somebody who kept the last trials keeps them.
        trials.make_out()?;
        let d = x.dims()[1];
        with_scalar!(x.dtype(), T => {
            host::read::<T, _>(x, |x| host::read::<T, _>(archive, |archive| host::read::<T, _>(ends, |ends| {
                let points = Points { x, archive, ends, d };
                host::edit::<T, _>(trials, |trials| points.breed(recipes, wholes, key, trials))
            })))???
        })
    }
}

struct Points<'a, T> {
    x: &'a [T],
    archive: &'a [T],
    ends: &'a [T],
    d: usize,
}

impl<'a, T: Lanes> Points<'a, T> {
    fn row(&self, k: usize) -> &'a [T] {
        let at = k * self.d;
        if at < self.x.len() { &self.x[at..at + self.d] } else { &self.archive[at - self.x.len()..][..self.d] }
    }

    fn donor(&self, i: usize, recipe: &Recipe) -> Donor<'a, T> {
        let (lower, upper) = self.ends.split_at(self.ends.len() / 2);
        Donor {
            parent: self.row(i),
            base: self.row(recipe.base),
            goal: self.row(recipe.goal),
            pull: T::of(recipe.pull),
            weight: T::of(recipe.weight),
            first: recipe.first.map(|k| self.row(k)),
            second: recipe.second.map(|pair| pair.map(|k| self.row(k))),
            lower,
            upper,
        }
    }

    fn breed(&self, recipes: &[Recipe], wholes: &[Whole], key: Key, trials: &mut [T]) {
        let (mut gaps, mut dither) = (Gaps::new(key.fold(0)), key.fold(1).stream());
        let mut hits = Hits::default();
        for (group, trials) in trials.chunks_mut(TRIALS * self.d).enumerate() {
            let first = group * TRIALS;
            let count = trials.len() / self.d;
            hits.draw(&recipes[first..first + count], &mut gaps, self.d);
            for from in (0..self.d).step_by(COLUMNS) {
                let columns = from..(from + COLUMNS).min(self.d);
                for (k, trial) in trials.chunks_exact_mut(self.d).enumerate() {
                    let recipe = &recipes[first + k];
                    let donor = self.donor(first + k, recipe);
                    cross(&donor, recipe.taken, hits.next(k, columns.end), columns.clone(), &mut trial[columns.clone()]);
                }
            }
            for (k, trial) in trials.chunks_exact_mut(self.d).enumerate() {
                let donor = self.donor(first + k, &recipes[first + k]);
                wholes.iter().for_each(|whole| settle(whole, &donor, &mut dither, trial));
            }
        }
    }
}

/// Trials that are made side by side.
const TRIALS: usize = 64;
/// Columns of all points that are worked on at a time: points name each other at random, and those of so many fit into the second-level cache.
const COLUMNS: usize = 1024;

/// Which coordinates the draws of a group of trials hit, in order.
#[derive(Default)]
struct Hits {
    /// Those of all trials, one trial after another.
    all: Vec<u32>,
    /// Of each trial, what is left of them.
    left: Vec<Range<usize>>,
}

impl Hits {
    fn draw(&mut self, recipes: &[Recipe], gaps: &mut Gaps, d: usize) {
        self.all.clear();
        self.left.clear();
        for recipe in recipes {
            let from = self.all.len();
            if let Taken::Each { rate, .. } = recipe.taken {
                gaps.each(if rate > 0.5 { 1.0 - rate } else { rate }, d, |j| self.all.push(j as u32));
            }
            self.left.push(from..self.all.len());
        }
    }

    /// The next hits of trial `k`, those below `end`.
    fn next(&mut self, k: usize, end: usize) -> &[u32] {
        let left = &mut self.left[k];
        let from = left.start;
        while left.start < left.end && (self.all[left.start] as usize) < end {
            left.start += 1;
        }
        &self.all[from..left.start]
    }
}

/// Donor and parent mixed, in some columns; `hits` are those of the draw in them.
fn cross<T: Lanes>(donor: &Donor<'_, T>, taken: Taken, hits: &[u32], columns: Range<usize>, trial: &mut [T]) {
    let Range { start, end } = columns;
    match taken {
        Taken::Each { rate, certain } if rate > 0.5 => {
            donor.write(start..end, trial);
            for j in hits.iter().map(|j| *j as usize).filter(|j| *j != certain) {
                trial[j - start] = donor.parent[j];
            }
        }
        Taken::Each { certain, .. } => {
            trial.copy_from_slice(&donor.parent[start..end]);
            let certain = Some(certain).filter(|j| (start..end).contains(j));
            for j in hits.iter().map(|j| *j as usize).chain(certain) {
                trial[j - start] = donor.at(j, |x| x);
            }
        }
        Taken::Run { from, len } => {
            trial.copy_from_slice(&donor.parent[start..end]);
            let rest = (from + len).saturating_sub(donor.parent.len());
            for (from, to) in [(from, from + len - rest), (0, rest)] {
                let (from, to) = (from.max(start), to.min(end));
                if from < to {
                    donor.write(from..to, &mut trial[from - start..to - start]);
                }
            }
        }
    }
}

/// A coordinate that stands for a whole number, if the donor gave it.
fn settle<T: Lanes>(whole: &Whole, donor: &Donor<'_, T>, dither: &mut Stream, trial: &mut [T]) {
    let j = whole.at;
    if trial[j] != donor.parent[j] {
        let v = donor.at(j, |x| T::of(whole.rounded(x.to_f64())));
        trial[j] = T::of(whole.dithered(v.to_f64(), dither.random()));
    }
}
