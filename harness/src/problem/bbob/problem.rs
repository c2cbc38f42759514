//! The functions as problems: in the box \[-5, 5\]ᵈ, from a random start.

use super::{Bbob, FUNCTIONS, Function};
use crate::{
    Result,
    problem::{Entry, Has, Kind, Options, boxed::Boxed},
};

/// The options of a function where nobody says.
const DEFAULTS: (usize, u32) = (10, 1);

/// The function with the dimension and the instance the options say.
///
/// # Errors
/// [`moths::Error::Invalid`] for those there are not, and for options it does not have.
fn problem(function: &Function, options: &Options) -> Result<Boxed<impl FnMut(&[f64]) -> f64 + Clone + Send + Sync + use<>>> {
    let name = function.name();
    options.only(&name, &[Has::Dim, Has::Instance])?;
    let mut bbob = Bbob::new(function.number, options.dim.unwrap_or(DEFAULTS.0), options.instance.unwrap_or(DEFAULTS.1))?;
    let (dim, minimum) = (bbob.dim(), bbob.minimum());
    // Nearly all minima lie in [-4, 4]ᵈ, so a start outside would only be a longer way.
    Ok(Boxed { f: move |x: &[f64]| bbob.value(x), dim, bounds: (-5.0, 5.0), start: (-4.0, 4.0), minimum })
}

/// The entries of all functions.
pub(in crate::problem) fn entries() -> impl Iterator<Item = Entry> {
    FUNCTIONS.iter().map(|function| Entry {
        name: entry_name(function),
        kind: Kind::Function,
        summary: function.title.into(),
        group: function.group.to_string(),
        citation: "Hansen, Finck, Ros & Auger 2009, INRIA RR-6829".into(),
        hidden: false,
        reads_files: false,
        defaults: Options { dim: Some(DEFAULTS.0), instance: Some(DEFAULTS.1), ..Options::default() },
        build: Box::new(move |options| Ok(Box::new(problem(function, options)?))),
    })
}

/// The name of the entry that is meant by a name with or without the suite, and with or without leading zeros: `f8`.
pub(in crate::problem) fn canonical(name: &str) -> Option<String> {
    let short = name.strip_prefix("bbob/").unwrap_or(name);
    let number = short.strip_prefix('f')?.parse().ok()?;
    Function::find(number).ok().map(entry_name)
}

fn entry_name(function: &Function) -> String {
    format!("bbob/{}", function.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Problem;

    fn build(number: u32, options: &Options) -> Result<Box<dyn Problem>> {
        Ok(Box::new(problem(Function::find(number)?, options)?))
    }

    #[test]
    fn starts_differ_with_the_seed_and_keep_away_from_the_walls() -> Result<()> {
        let problem = build(8, &Options { dim: Some(20), ..Options::default() })?;
        let start = |seed| {
            let objective = problem.objective(seed)?;
            moths::tensor::host::to_f64s(&*objective.space().decode(&objective.space().start())?)
        };
        assert_eq!(start(1)?, start(1)?);
        assert_ne!(start(1)?, start(2)?);
        assert!(start(3)?.iter().all(|x| x.abs() <= 4.0) && start(3)?.iter().any(|x| x.abs() > 2.0));
        Ok(())
    }

    #[test]
    fn losses_are_values_and_gaps_are_above_the_minimum() -> Result<()> {
        let problem = build(15, &Options { dim: Some(3), instance: Some(4), ..Options::default() })?;
        let mut bbob = Bbob::new(15, 3, 4)?;
        let start = problem.objective(1)?.space().start();
        let x = moths::tensor::host::to_f64s(&*problem.objective(1)?.space().decode(&start)?)?;
        let value = bbob.value(&x);
        assert_eq!(problem.examiner(1)?.examine(&start)?, [value, value - bbob.minimum()]);
        assert_eq!((problem.minimum(), problem.default_evaluations()), (Some(bbob.minimum()), 3000));
        Ok(())
    }

    #[test]
    fn options_are_checked() {
        assert!(build(1, &Options { dim: Some(1), ..Options::default() }).is_err());
        assert!(build(1, &Options { instance: Some(0), ..Options::default() }).is_err());
        assert!(build(1, &Options { validate: true, ..Options::default() }).is_err());
        assert!(build(1, &Options::default()).is_ok());
    }

    #[test]
    fn names_have_two_digits() {
        assert!(entries().map(|e| e.name).eq((1..=24).map(|n| format!("bbob/f{n:02}"))));
        for name in ["f8", "f08", "bbob/f8", "bbob/f08"] {
            assert_eq!(canonical(name).as_deref(), Some("bbob/f08"));
        }
        assert!(["f0", "f25", "f", "8", "fx", "net/f8", "bbob/"].iter().all(|name| canonical(name).is_none()));
    }
}
