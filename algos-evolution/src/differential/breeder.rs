//! Recipes to trials: every row read once, every trial written once.

use candle_core::Tensor;
use moths_core::{CowTensor, Key, Result, Space, rng::Stream, tensor::host, with_scalar};
use rand::RngExt;

use super::{
    donor::{Donor, Lanes},
    gaps::Gaps,
    whole::Whole,
};

/// How many discrete coordinates of a trial mutate on average: in one trial of ten one does. A value that a population has lost is in no
/// difference of its points.
const MUTATIONS: f64 = 0.1;
/// How often every neighbour of a single point has been tried, on average, before the search is over.
const TRIES: f64 = 3.0;

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

    /// For how many steps all points of a population of `n` must have been one before nothing is left to find. There are no differences then;
    /// with discrete coordinates mutations go on.
    pub(crate) fn patience(&self, n: usize) -> u64 {
        let neighbours: f64 =
            self.wholes.iter().map(|whole| if whole.is_category() { whole.count() as f64 - 1.0 } else { 2.0 }).sum();
        1 + (TRIES * neighbours / (MUTATIONS * n as f64)).ceil() as u64
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
        let (mut gaps, mut dither, mut mutations) = (Gaps::new(key.fold(0)), key.fold(1).stream(), Gaps::new(key.fold(2)));
        for (i, (recipe, trial)) in recipes.iter().zip(trials.chunks_exact_mut(self.d)).enumerate() {
            let donor = self.donor(i, recipe);
            cross(&donor, recipe.taken, &mut gaps, trial);
            wholes.iter().for_each(|whole| settle(whole, &donor, &mut dither, trial));
            if !wholes.is_empty() {
                let rate = MUTATIONS / wholes.len() as f64;
                mutations.each(rate, wholes.len(), |k| mutate(&wholes[k], &mut dither, trial));
            }
        }
    }
}

/// Another category or flag, or the next integer or level up or down.
fn mutate<T: Lanes>(whole: &Whole, dither: &mut Stream, trial: &mut [T]) {
    let (now, u) = (trial[whole.at].to_f64(), dither.random::<f64>());
    trial[whole.at] = T::of(if whole.is_category() { whole.redrawn(now, u) } else { whole.neighbour(now, u < 0.5) });
}

/// Donor and parent mixed.
fn cross<T: Lanes>(donor: &Donor<'_, T>, taken: Taken, gaps: &mut Gaps, trial: &mut [T]) {
    let d = trial.len();
    match taken {
        Taken::Each { rate, certain } if rate > 0.5 => {
            donor.write(0..d, trial);
            gaps.each(1.0 - rate, d, |j| {
                if j != certain {
                    trial[j] = donor.parent[j];
                }
            });
        }
        Taken::Each { rate, certain } => {
            trial.copy_from_slice(donor.parent);
            gaps.each(rate, d, |j| trial[j] = donor.at(j, |x| x));
            trial[certain] = donor.at(certain, |x| x);
        }
        Taken::Run { from, len } => {
            trial.copy_from_slice(donor.parent);
            let end = (from + len).min(d);
            donor.write(from..end, &mut trial[from..end]);
            let rest = from + len - end;
            donor.write(0..rest, &mut trial[..rest]);
        }
    }
}

/// A coordinate that stands for a whole number, if the donor gave it.
fn settle<T: Lanes>(whole: &Whole, donor: &Donor<'_, T>, dither: &mut Stream, trial: &mut [T]) {
    let j = whole.at;
    if trial[j] != donor.parent[j] {
        let rounded = |x: T| T::of(whole.rounded(x.to_f64()));
        let (v, u) = (donor.at(j, rounded), dither.random());
        trial[j] = match whole.is_category() {
            true if v == rounded(donor.base[j]) => v,
            true => T::of(whole.redrawn(donor.base[j].to_f64(), u)),
            false => T::of(whole.dithered(v.to_f64(), u)),
        };
    }
}
