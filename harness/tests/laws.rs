//! Every law over every registered optimizer, and over every wrapper around each: one test a law and optimizer, `resume::pso`.
//!
//! Beside them `golden::pso`, which compares the first losses with those on file, bit for bit.

mod golden;

use libtest_mimic::{Arguments, Failed, Trial};
// Linking the facade is what fills the registry.
use moths as _;
use moths_core::registry;
use moths_laws::{self, Law, Subject};

fn main() -> std::process::ExitCode {
    let arguments = Arguments::from_args();
    let subjects = moths_laws::subjects();
    let held = moths_laws::LAWS.iter().flat_map(|law| subjects.iter().map(|subject| trial(*law, subject.clone())));
    let remembered = registry::entries().into_iter().map(|entry| {
        let id = entry.meta.id;
        Trial::test(format!("golden::{id}"), || golden::check(id))
    });
    libtest_mimic::run(&arguments, held.chain(remembered).collect()).exit_code()
}

fn trial(law: Law, subject: Subject) -> Trial {
    Trial::test(format!("{}::{}", law.name, subject.name()), move || law.check(&subject).map_err(Failed::from))
}
