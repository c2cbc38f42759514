//! Every law over every registered optimizer, alone and inside some of those that are made of others: one test a law and optimizer, `resume::pso`.
//!
//! The problems of the catalogue keep the laws of objectives: `parts::sphere`, and with noise over it `parts::sphere/gaussian`.
//!
//! Beside them `golden::pso`, which compares the first losses with those on file, bit for bit. Names and parts of names may follow, and any of
//! them is enough: `-- resume pso` runs `resume::pso`, all other tests of `resume`, and all others of `pso`.

mod golden;

use libtest_mimic::{Arguments, Failed, Trial};
// Linking the facade is what fills the registry.
use moths as _;
use moths_core::{Spec, registry};
use moths_harness::problem::{self, Options, resolve};
use moths_laws::{
    self, Law, Subject,
    objectives::{self, Judged},
};

fn main() -> std::process::ExitCode {
    let (filters, others) = filters(std::env::args());
    let arguments = Arguments::from_iter(others);
    let wanted = |name: &str| {
        let fits = |filter: &String| if arguments.exact { name == filter } else { name.contains(filter) };
        filters.is_empty() || filters.iter().any(fits)
    };
    let subjects = [moths_laws::subjects(), deeper()].concat();
    let held = moths_laws::LAWS.iter().flat_map(|law| subjects.iter().map(|subject| trial(*law, subject.clone())));
    let remembered = registry::entries().into_iter().map(|entry| {
        let id = entry.meta.id;
        Trial::test(format!("golden::{id}"), || golden::check(id))
    });
    let judged = problems().into_iter().flat_map(|name| objectives::LAWS.iter().map(move |law| judge(*law, name.clone())));
    let trials = held.chain(remembered).chain(judged).filter(|trial| wanted(trial.name())).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Optimizers made of optimizers as one would write them, beside those that are drawn.
fn deeper() -> Vec<Subject> {
    let specs = [
        r#"{"name": "undo", "inner": {"name": "opposite", "inner": "pso"}}"#,
        r#"{"name": "optimizer-swarm", "size": 3, "die_after": 1, "old": 0, "members": [
            {"name": "spsa", "descent": "adamw"}, "sep-cma-es", {"name": "undo", "inner": "inf-order-walk"}]}"#,
    ];
    let subject = |text: &str| text.parse::<Spec>().and_then(Subject::new).expect("a spec of what is registered");
    specs.into_iter().map(subject).collect()
}

fn trial(law: Law, subject: Subject) -> Trial {
    Trial::test(format!("{}::{}", law.name, subject.name()), move || law.check(&subject).map_err(Failed::from))
}

/// All problems that need no file, and two of them with noise.
fn problems() -> Vec<String> {
    let builds = |name: &String| resolve(name, &Options::default()).and_then(|(entry, options)| entry.build(&options)).is_ok();
    let all = problem::entries().into_iter().map(|entry| entry.short().to_owned());
    all.chain(["sphere/gaussian".into(), "rastrigin/cauchy-severe".into()]).filter(builds).collect()
}

fn judge(law: Law<Judged>, name: String) -> Trial {
    Trial::test(format!("{}::{name}", law.name), move || {
        let make = |name: &str| {
            let (entry, options) = resolve(name, &Options::default())?;
            entry.build(&options)?.objective(1)
        };
        law.check(&Judged::new(name.clone(), move || make(&name))).map_err(Failed::from)
    })
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
