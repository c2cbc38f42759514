//! Problems by their names: `net/digits`, `bbob/f08/d10/i3`.

use serde::Serialize;

use super::{Options, Problem, bbob, classic, control, discrete, mixint, net, noisy::NoisyProblem};
use crate::{Error, Result};

/// The commands a problem belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A model to train.
    Model,
    /// A function to minimise.
    Function,
}

/// One problem that can be looked up.
pub struct Entry {
    /// Its name: suite/problem.
    pub name: String,
    /// The command it belongs to.
    pub kind: Kind,
    /// One sentence.
    pub summary: String,
    /// Problems of a group belong together in reports; empty where there are none.
    pub group: String,
    /// Where it comes from.
    pub citation: String,
    /// For tests of the harness itself: found by name, but not listed.
    pub hidden: bool,
    /// Does it read files, so that it cannot be built without [`Options::data`]?
    pub reads_files: bool,
    /// The options it has where nobody says.
    pub defaults: Options,
    pub(super) build: Build,
}

/// Makes a problem.
pub(super) type Build = Box<dyn Fn(&Options) -> Result<Box<dyn Problem>>>;

impl Entry {
    /// The problem with these options.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an option it does not have.
    pub fn build(&self, options: &Options) -> Result<Box<dyn Problem>> {
        let problem = (self.build)(options)?;
        Ok(match options.noise {
            Some(noise) => Box::new(NoisyProblem { problem, noise }),
            None => problem,
        })
    }

    /// The name without the suite.
    pub fn short(&self) -> &str {
        self.name.split_once('/').map_or(&*self.name, |(_, short)| short)
    }

    /// Its name with these options: `bbob/f08/d10/i3`.
    pub fn address(&self, options: &Options) -> String {
        options.address(&self.name)
    }
}

/// Problems that belong together.
pub struct Suite {
    /// Its name.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    entries: fn() -> Vec<Entry>,
}

impl Suite {
    /// Its problems, in order.
    pub fn entries(&self) -> Vec<Entry> {
        (self.entries)()
    }
}

/// All suites.
pub static SUITES: &[Suite] = &[
    Suite { name: "net", summary: "Networks to train.", entries: net::entries },
    Suite { name: "control", summary: "Machines to control by a policy network.", entries: control::entries },
    Suite {
        name: "bbob",
        summary: "The 24 noiseless functions of COCO, with its instances.",
        entries: || bbob::problem::entries().collect(),
    },
    Suite {
        name: "bbob-mixint",
        summary: "The same of integers and reals, as COCO has them.",
        entries: || mixint::problem::entries().collect(),
    },
    Suite { name: "discrete", summary: "Functions of flags, whose minimum is known.", entries: || discrete::entries().collect() },
    Suite { name: "classic", summary: "Functions everybody knows.", entries: || classic::entries().collect() },
];

/// The suite of this name.
///
/// # Errors
/// [`Error::Unknown`], with the nearest name.
pub fn suite(name: &str) -> Result<&'static Suite> {
    let unknown = || Error::unknown("suite", name, SUITES.iter().map(|s| s.name));
    SUITES.iter().find(|s| s.name == name).ok_or_else(unknown)
}

/// All problems.
pub fn entries() -> Vec<Entry> {
    SUITES.iter().flat_map(Suite::entries).collect()
}

/// The problem of this name, with or without its suite.
///
/// # Errors
/// [`Error::Unknown`], with the nearest name.
pub fn find(name: &str) -> Result<Entry> {
    let mut entries = entries();
    let canonical = bbob::problem::canonical(name).or_else(|| mixint::problem::canonical(name));
    let name = canonical.as_deref().unwrap_or(name);
    if let Some(i) = entries.iter().position(|e| e.name == name || e.short() == name) {
        return Ok(entries.swap_remove(i));
    }
    // Whoever leaves the suite out is offered a name without it.
    let known = entries.iter().filter(|e| !e.hidden).map(|e| if name.contains('/') { &*e.name } else { e.short() });
    Err(Error::unknown("problem", name, known))
}

/// What is said of a word that could have been either, with the nearest name of both.
pub fn neither_suite_nor_problem(name: &str) -> Error {
    let entries = entries();
    let problems = entries.iter().filter(|e| !e.hidden).map(Entry::short);
    Error::unknown("suite or problem", name, SUITES.iter().map(|s| s.name).chain(problems))
}

/// The problem of a name that may end in `/d10` (as `--dim 10`) and `/i3` (as `--instance 3`), and all options it then has.
///
/// # Errors
/// [`Error::Unknown`], with the nearest name; [`Error::Invalid`] when name and options contradict each other.
pub fn resolve(name: &str, options: &Options) -> Result<(Entry, Options)> {
    let (entry, said) = read(name, options)?;
    let options = said.or(&entry.defaults);
    Ok((entry, options))
}

/// As [`resolve`], but nothing is added to what name and options say.
///
/// # Errors
/// As [`resolve`].
pub fn read(name: &str, options: &Options) -> Result<(Entry, Options)> {
    match name.rsplit_once('/').and_then(|(head, part)| Some((head, options.and(part)?))) {
        Some((head, options)) => read(head, &options?),
        None => Ok((find(name)?, options.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() -> Result<()> {
        let entries = entries();
        for entry in &entries {
            assert_eq!(find(&entry.name)?.name, entry.name);
            assert_eq!(find(entry.short())?.name, entry.name);
            assert_eq!(entries.iter().filter(|e| e.short() == entry.short()).count(), 1);
        }
        let refusal = |name: &str| find(name).err().map(|e| e.to_string()).unwrap_or_default();
        assert_eq!(refusal("rosenbrok"), "unknown problem `rosenbrok`; did you mean `rosenbrock`?");
        assert_eq!(refusal("classic/rosenbrok"), "unknown problem `classic/rosenbrok`; did you mean `classic/rosenbrock`?");
        let neither = |name: &str| neither_suite_nor_problem(name).to_string();
        assert_eq!(neither("spere"), "unknown suite or problem `spere`; did you mean `sphere`?");
        assert_eq!(neither("discret"), "unknown suite or problem `discret`; did you mean `discrete`?");
        Ok(())
    }

    #[test]
    fn names_say_dimensions() -> Result<()> {
        let (entry, options) = resolve("sphere/d20", &Options::default())?;
        assert_eq!((entry.address(&options), options.dim), ("classic/sphere/d20".into(), Some(20)));
        let twice = Options { dim: Some(3), ..Options::default() };
        assert!(resolve("sphere/d3", &twice).is_ok());
        let refusal = resolve("sphere/d20", &twice).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(refusal.contains("--dim = 3: the name of the problem says 20"), "{refusal}");
        assert!(resolve("sphere/x20", &twice).is_err() && resolve("", &twice).is_err());
        Ok(())
    }
}
