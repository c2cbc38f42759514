//! Functions of flags whose minimum is known. An instance is a hidden string, or a draw of weights and tables, so that no method is helped
//! by what it happens to begin with, or prefers.

mod flags;
mod knapsack;
mod nk;

use std::{ops::RangeInclusive, sync::Arc};

use moths::Key;
use rand::RngExt;

use super::{Entry, Has, Kind, Options};
use crate::{Error, Result};
use flags::Flags;

/// The instance where nobody says.
const INSTANCE: u32 = 1;

/// A value at a point of zeros and ones.
type Value = Arc<dyn Fn(&[f64]) -> f64 + Send + Sync>;

/// A function of any number of flags.
struct Discrete {
    name: &'static str,
    summary: &'static str,
    citation: &'static str,
    /// How many flags where nobody says.
    dim: usize,
    /// How many there may be: the minimum of some is searched.
    dims: RangeInclusive<usize>,
    /// Its values, and the lowest, of so many flags.
    make: fn(usize, Key) -> (Value, f64),
}

/// All of them.
static DISCRETE: &[Discrete] = &[
    Discrete {
        name: "one-max",
        summary: "How many flags differ from a hidden string: the easiest of flags.",
        citation: "Muehlenbein 1992, How genetic algorithms really work, PPSN II; instances as Doerr et al. 2020, doi:10.1016/j.asoc.2019.106027",
        dim: 100,
        dims: 2..=1_000_000,
        make: one_max,
    },
    Discrete {
        name: "leading-ones",
        summary: "How many flags come after the first that differs from a hidden string, it included: one at a time, in order.",
        citation: "Rudolph 1997, Convergence Properties of Evolutionary Algorithms; instances as Doerr et al. 2020, doi:10.1016/j.asoc.2019.106027",
        dim: 50,
        dims: 2..=1_000_000,
        make: leading_ones,
    },
    Discrete {
        name: "knapsack",
        summary: "The most valuable things that half of their weight has room for; overweight is worse than nothing.",
        citation: "Pisinger 2005, doi:10.1016/j.cor.2004.03.002 (weakly correlated)",
        dim: 100,
        dims: 2..=2_000,
        make: knapsack::make,
    },
    Discrete {
        name: "nk",
        summary: "A rugged landscape: what a flag costs depends on the four after it.",
        citation: "Kauffman & Weinberger 1989, doi:10.1016/S0022-5193(89)80019-0; Wright, Thompson & Zhang 2000, doi:10.1109/4235.887236",
        dim: 50,
        dims: nk::NEIGHBOURS + 1..=10_000,
        make: nk::make,
    },
];

/// A string of flags.
fn string(n: usize, key: Key) -> Vec<f64> {
    let mut stream = key.stream();
    (0..n).map(|_| f64::from(u8::from(stream.random::<bool>()))).collect()
}

fn one_max(n: usize, key: Key) -> (Value, f64) {
    let hidden = string(n, key);
    (Arc::new(move |x| x.iter().zip(&hidden).filter(|(x, hidden)| x != hidden).count() as f64), 0.0)
}

fn leading_ones(n: usize, key: Key) -> (Value, f64) {
    let hidden = string(n, key);
    (Arc::new(move |x| (n - x.iter().zip(&hidden).take_while(|(x, hidden)| x == hidden).count()) as f64), 0.0)
}

impl Discrete {
    /// The function with as many flags, and the instance, as the options say.
    ///
    /// # Errors
    /// [`Error::Invalid`] for numbers there are not, and for options it does not have.
    fn problem(&self, options: &Options) -> Result<Flags> {
        options.only(self.name, &[Has::Dim, Has::Instance])?;
        let (dim, instance) = (options.dim.unwrap_or(self.dim), options.instance.unwrap_or(INSTANCE));
        if !self.dims.contains(&dim) {
            return Err(Error::invalid("--dim", dim, format!("an integer from {} to {}", self.dims.start(), self.dims.end())));
        }
        if instance == 0 {
            return Err(Error::invalid("--instance", instance, "an integer from 1"));
        }
        let (value, minimum) = (self.make)(dim, Key::new(u64::from(instance)).fold(dim as u64));
        Ok(Flags { value, dim, minimum })
    }
}

/// The entries of all functions.
pub(super) fn entries() -> impl Iterator<Item = Entry> {
    DISCRETE.iter().map(|discrete| Entry {
        name: format!("discrete/{}", discrete.name),
        kind: Kind::Function,
        summary: discrete.summary.into(),
        group: String::new(),
        citation: discrete.citation.into(),
        hidden: false,
        reads_files: false,
        defaults: Options { dim: Some(discrete.dim), instance: Some(INSTANCE), ..Options::default() },
        build: Box::new(move |options| Ok(Box::new(discrete.problem(options)?))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every string of twelve flags.
    fn strings() -> impl Iterator<Item = Vec<f64>> {
        (0..1u32 << 12).map(|bits| (0..12).map(|j| f64::from(bits >> j & 1)).collect())
    }

    #[test]
    fn minima_are_the_lowest_of_all_strings() {
        for discrete in DISCRETE {
            for instance in 1..=5 {
                let options = Options { dim: Some(12), instance: Some(instance), ..Options::default() };
                let problem = discrete.problem(&options).unwrap();
                let lowest = strings().map(|x| (problem.value)(&x)).fold(f64::INFINITY, f64::min);
                assert_eq!(lowest, problem.minimum, "{} {instance}", discrete.name);
            }
        }
    }

    #[test]
    fn values_are_counts_of_flags() {
        let key = Key::new(3);
        let (hidden, mut x) = (string(20, key), string(20, key));
        let at = |x: &[f64]| [(one_max(20, key).0)(x), (leading_ones(20, key).0)(x)];
        assert_eq!(at(&x), [0.0, 0.0]);
        (x[4], x[17]) = (1.0 - hidden[4], 1.0 - hidden[17]);
        assert_eq!(at(&x), [2.0, 16.0]);
    }

    #[test]
    fn options_are_checked_and_instances_differ() {
        let new = |dim, instance| DISCRETE[3].problem(&Options { dim, instance, ..Options::default() });
        assert!(new(Some(4), None).is_err() && new(None, Some(0)).is_err() && new(Some(5), Some(7)).is_ok());
        assert_ne!(new(None, Some(1)).unwrap().minimum, new(None, Some(2)).unwrap().minimum);
        assert!(DISCRETE[2].problem(&Options { dim: Some(2_001), ..Options::default() }).is_err());
    }
}
