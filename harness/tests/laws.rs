//! Every law over every registered optimizer, and over every wrapper around each: one test a law and optimizer, `resume::pso`.
//!
//! Beside them `golden::pso`, which compares the first losses with those on file, bit for bit. Names and parts of names may follow, and any of
//! them is enough: `-- resume pso` runs `resume::pso`, all other tests of `resume`, and all others of `pso`.

mod golden;

use libtest_mimic::{Arguments, Failed, Trial};
// Linking the facade is what fills the registry.
use moths as _;
use moths_core::registry;
use moths_laws::{self, Law, Subject};

fn main() -> std::process::ExitCode {
    let (filters, others) = filters(std::env::args());
    let arguments = Arguments::from_iter(others);
    let wanted = |name: &str| {
        let fits = |filter: &String| if arguments.exact { name == filter } else { name.contains(filter) };
        filters.is_empty() || filters.iter().any(fits)
    };
    let subjects = moths_laws::subjects();
    let held = moths_laws::LAWS.iter().flat_map(|law| subjects.iter().map(|subject| trial(*law, subject.clone())));
    let remembered = registry::entries().into_iter().map(|entry| {
        let id = entry.meta.id;
        Trial::test(format!("golden::{id}"), || golden::check(id))
    });
    let trials = held.chain(remembered).filter(|trial| wanted(trial.name())).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(law: Law, subject: Subject) -> Trial {
    Trial::test(format!("{}::{}", law.name, subject.name()), move || law.check(&subject).map_err(Failed::from))
}

/// Options that are followed by a value.
const VALUED: [&str; 5] = ["--test-threads", "--skip", "--format", "--color", "--logfile"];

/// The names to be run, of which libtest-mimic takes one only, and all other arguments.
fn filters(arguments: impl Iterator<Item = String>) -> (Vec<String>, Vec<String>) {
    let (mut names, mut others) = (vec![], vec![]);
    for (i, argument) in arguments.enumerate() {
        let is_value = others.last().is_some_and(|last: &String| VALUED.contains(&last.as_str()));
        let is_name = i > 0 && !argument.starts_with('-') && !is_value;
        if is_name { names.push(argument) } else { others.push(argument) }
    }
    (names, others)
}
