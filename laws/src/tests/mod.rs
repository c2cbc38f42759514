//! A law that cannot be broken is no law: each passes what is sound, and catches what is not.

mod flaw;
mod specimen;

use std::panic::{AssertUnwindSafe, catch_unwind};

use flaw::Flaw;
use serde_json::json;
use specimen::Kind;

use super::{LAWS, Law, Subject};
use moths_core::{Result, Spec};

/// What each law must catch, and in what kind of specimen.
const CAUGHT: &[(&str, Kind, &[Flaw])] = &[
    ("resume", Kind::Seeds, &[Flaw::HiddenGenerator, Flaw::UnlistedField, Flaw::KeyBesideClock, Flaw::SharedGenerator]),
    ("snapshot", Kind::Seeds, &[Flaw::OverwritesPoint, Flaw::LendsAnswer, Flaw::KeepsGivenPoint]),
    ("snapshot", Kind::Rows, &[Flaw::OverwritesBatch]),
    (
        "atomic",
        Kind::Seeds,
        &[Flaw::TicksFirst, Flaw::CommitsEarly, Flaw::ForgetsPanics, Flaw::TrustsLengths, Flaw::SwallowsErrors],
    ),
    ("split", Kind::Seeds, &[Flaw::CountsThreads]),
    ("split", Kind::Rows, &[Flaw::CountsThreads]),
    ("ask_tell", Kind::Seeds, &[Flaw::SwallowsErrors, Flaw::PeeksAtGradients, Flaw::TicksFirst]),
    ("ask_tell", Kind::Gradients, &[Flaw::NeedsNoGradients]),
    ("replay", Kind::Seeds, &[Flaw::SwallowsErrors, Flaw::TicksFirst]),
    ("replay", Kind::Gradients, &[Flaw::NeedsNoGradients]),
    ("damage", Kind::Seeds, &[Flaw::TrustsIndices, Flaw::RestoresRudely]),
    ("failures", Kind::Seeds, &[Flaw::PrefersNan, Flaw::BelievesInfinity, Flaw::AddsLosses]),
    ("shift", Kind::Seeds, &[Flaw::ComparesSteps]),
    ("bounds", Kind::Seeds, &[Flaw::AsksNan, Flaw::Drifts]),
    ("counts", Kind::Seeds, &[Flaw::CountsOneRound, Flaw::ReportsMean]),
    ("horizon", Kind::Seeds, &[Flaw::Overcharges]),
    ("horizon", Kind::Gradients, &[Flaw::Overcharges]),
    ("seeds_only", Kind::Seeds, &[Flaw::Hoards]),
    ("seeds_only", Kind::Rows, &[Flaw::AsksRows]),
    ("state_size", Kind::Seeds, &[Flaw::Hoards]),
    ("rank_based", Kind::Seeds, &[Flaw::WeighsLosses]),
    ("translation", Kind::Seeds, &[Flaw::PullsToOrigin]),
    ("rotation", Kind::Seeds, &[Flaw::KnowsAxes]),
    ("domains", Kind::Seeds, &[Flaw::RefusesRudely, Flaw::RefusesLate]),
    ("settings", Kind::Seeds, &[Flaw::PanicsWhenLarge, Flaw::RejectsRudely]),
    (
        "move_to",
        Kind::Seeds,
        &[Flaw::IgnoresMoves, Flaw::PretendsToMove, Flaw::MovesOutside, Flaw::MovesAnywhere, Flaw::MovesToNan],
    ),
    ("seeds", Kind::Seeds, &[Flaw::SharedGenerator, Flaw::IgnoresKey]),
    ("monotone", Kind::Seeds, &[Flaw::AcceptsWorse]),
    ("beats_random", Kind::Seeds, &[Flaw::StandsStill]),
    ("walls", Kind::Seeds, &[Flaw::StopsAtWalls]),
    ("converged", Kind::Seeds, &[Flaw::StopsEarly, Flaw::NeverStops]),
    ("discrete", Kind::Seeds, &[Flaw::FreezesSwitches]),
    ("fixed", Kind::Seeds, &[Flaw::StandsWithFixed]),
];

fn specimen(kind: Kind, flaw: Flaw) -> Result<Subject> {
    Subject::new(Spec::new("specimen").with("kind", json!(kind))?.with("flaw", json!(flaw))?)
}

/// Does the law hold? A panic is a breach, as it is for whoever runs laws as tests.
fn holds(law: &Law, subject: &Subject) -> std::result::Result<(), String> {
    match catch_unwind(AssertUnwindSafe(|| law.check(subject))) {
        Ok(held) => held.map_err(|broken| broken.to_string()),
        Err(_) => Err(format!("{} panicked under the law `{}`", subject.name(), law.name)),
    }
}

#[test]
fn laws_pass_what_is_sound() -> Result<()> {
    let mut broken = vec![];
    for kind in [Kind::Seeds, Kind::Rows, Kind::Gradients] {
        let subject = specimen(kind, Flaw::None)?;
        broken.extend(LAWS.iter().filter_map(|law| holds(law, &subject).err()));
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    Ok(())
}

#[test]
fn laws_catch_what_is_not() -> Result<()> {
    let mut missed = vec![];
    for (law, kind, flaws) in CAUGHT {
        for law in LAWS.iter().filter(|l| l.name == *law) {
            for flaw in *flaws {
                match holds(law, &specimen(*kind, *flaw)?) {
                    Ok(()) => missed.push(format!("`{}` misses {flaw:?} in {kind:?}", law.name)),
                    Err(how) => println!("{flaw:?}: {how}"),
                }
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
    Ok(())
}

#[test]
fn every_law_is_tried() {
    for law in LAWS {
        assert!(CAUGHT.iter().any(|(name, ..)| *name == law.name), "nothing shows that `{}` can be broken", law.name);
    }
    for (name, ..) in CAUGHT {
        assert!(LAWS.iter().any(|law| law.name == *name), "there is no law `{name}`");
    }
}
