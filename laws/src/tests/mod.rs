//! A law that cannot be broken is no law: each passes what is sound, and catches what is not.

mod braggart;
mod brood;
mod descents;
mod flaw;
mod objectives;
mod samplers;
mod settler;
mod specimen;
mod swarm;
mod waiter;
mod wrapper;

use std::panic::{AssertUnwindSafe, catch_unwind};

use flaw::Flaw;
use serde_json::json;

use super::{LAWS, Law, Subject};
use moths_core::{Result, Spec};

/// What a flaw is in.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// The evolution strategy, which asks seeds.
    Seeds,
    /// The same, asking rows.
    Rows,
    /// The same, asking gradients.
    Gradients,
    /// The wrapper that undoes, around the evolution strategy.
    Keeper,
    /// The same around what goes wherever it goes.
    KeeperOfStroller,
    /// The wrapper that begins anew, around the evolution strategy.
    Beginner,
    /// The swarm.
    Swarm,
    /// The population that grows and shrinks.
    Brood,
    /// The same in the wrapper that undoes.
    KeeperOfBrood,
    /// What proposes while losses are outstanding.
    Waiter,
    /// What searches in place.
    Settler,
    /// Whose meta promises too much.
    Braggart,
    /// Whose meta names a size that is none.
    Mismeasured,
}

/// What each law must catch, and in what kind of specimen.
const CAUGHT: &[(&str, Kind, &[Flaw])] = &[
    ("resume", Kind::Seeds, &[Flaw::HiddenGenerator, Flaw::UnlistedField, Flaw::KeyBesideClock, Flaw::SharedGenerator]),
    ("resume", Kind::Seeds, &[Flaw::ForgetsFailures, Flaw::SavesRounded]),
    ("resume", Kind::Keeper, &[Flaw::ForgetsChild]),
    ("resume", Kind::Swarm, &[Flaw::LosesMember]),
    ("snapshot", Kind::Seeds, &[Flaw::OverwritesPoint, Flaw::LendsAnswer, Flaw::KeepsGivenPoint]),
    ("snapshot", Kind::Seeds, &[Flaw::LendsUnlessDefault]),
    ("snapshot", Kind::Rows, &[Flaw::OverwritesBatch]),
    (
        "atomic",
        Kind::Seeds,
        &[Flaw::TicksFirst, Flaw::CommitsEarly, Flaw::ForgetsPanics, Flaw::TrustsLengths, Flaw::SwallowsErrors],
    ),
    ("atomic", Kind::Seeds, &[Flaw::Stumbles]),
    ("atomic", Kind::Keeper, &[Flaw::CommitsChild]),
    ("split", Kind::Seeds, &[Flaw::CountsThreads, Flaw::CountsThreadsUnlessDefault]),
    ("split", Kind::Rows, &[Flaw::CountsThreads]),
    ("ask_tell", Kind::Seeds, &[Flaw::SwallowsErrors, Flaw::PeeksAtGradients, Flaw::TicksFirst]),
    ("ask_tell", Kind::Seeds, &[Flaw::SwallowsUnlessDefault]),
    ("ask_tell", Kind::Gradients, &[Flaw::NeedsNoGradients]),
    ("replay", Kind::Seeds, &[Flaw::SwallowsErrors, Flaw::TicksFirst]),
    ("replay", Kind::Seeds, &[Flaw::SharesUnlessDefault]),
    ("replay", Kind::Gradients, &[Flaw::NeedsNoGradients]),
    ("damage", Kind::Seeds, &[Flaw::TrustsIndices, Flaw::RestoresRudely]),
    ("failures", Kind::Seeds, &[Flaw::PrefersNan, Flaw::BelievesInfinity, Flaw::AddsLosses]),
    ("shift", Kind::Seeds, &[Flaw::ComparesSteps]),
    ("bounds", Kind::Seeds, &[Flaw::AsksNan, Flaw::Drifts]),
    ("counts", Kind::Seeds, &[Flaw::CountsOneRound, Flaw::ReportsMean, Flaw::CountsNoFailures]),
    ("counts", Kind::Keeper, &[Flaw::AsksInSecret]),
    ("horizon", Kind::Seeds, &[Flaw::Overcharges, Flaw::IgnoresHorizon]),
    ("horizon", Kind::Gradients, &[Flaw::Overcharges]),
    (
        "sizes",
        Kind::Brood,
        &[
            Flaw::IgnoresSize,
            Flaw::GrowsAtOnce,
            Flaw::CountsBesideClock,
            Flaw::WelcomesEarly,
            Flaw::KeepsWorst,
            Flaw::BeginsRudely,
        ],
    ),
    ("sizes", Kind::KeeperOfBrood, &[Flaw::IgnoresSize, Flaw::CountsBesideClock]),
    ("declared", Kind::Braggart, &[Flaw::Boasts]),
    ("declared", Kind::Mismeasured, &[Flaw::NamesNoSize]),
    ("seeds_only", Kind::Seeds, &[Flaw::Hoards]),
    ("seeds_only", Kind::Rows, &[Flaw::AsksRows]),
    (
        "in_place",
        Kind::Settler,
        &[Flaw::StridesInPlace, Flaw::MovesModelFirst, Flaw::AsksRowsInPlace, Flaw::TicksFirst, Flaw::UnlistedField],
    ),
    ("state_size", Kind::Seeds, &[Flaw::Hoards]),
    ("rank_based", Kind::Seeds, &[Flaw::WeighsLosses]),
    ("translation", Kind::Seeds, &[Flaw::PullsToOrigin]),
    ("rotation", Kind::Seeds, &[Flaw::KnowsAxes, Flaw::AsksCorners, Flaw::NeverMovesSome]),
    ("domains", Kind::Seeds, &[Flaw::RefusesRudely, Flaw::RefusesLate, Flaw::NeverMovesSome]),
    ("settings", Kind::Seeds, &[Flaw::PanicsWhenLarge, Flaw::RejectsRudely, Flaw::TrustsRegistry]),
    (
        "move_to",
        Kind::Seeds,
        &[Flaw::IgnoresMoves, Flaw::PretendsToMove, Flaw::MovesOutside, Flaw::MovesAnywhere, Flaw::MovesToNan],
    ),
    ("move_to", Kind::Seeds, &[Flaw::RemembersLoss]),
    ("suggest", Kind::Brood, &[Flaw::IgnoresSuggestions, Flaw::LosesSuggestions, Flaw::DropsSuggestions]),
    (
        "asynchronous",
        Kind::Waiter,
        &[Flaw::ForgetsWaiting, Flaw::ProposesAgain, Flaw::LosesLateLosses, Flaw::LearnsOfStrangers, Flaw::WaitsAfterMoves],
    ),
    ("seeds", Kind::Seeds, &[Flaw::SharedGenerator, Flaw::IgnoresKey, Flaw::LosesTrackLate]),
    ("seeds", Kind::Seeds, &[Flaw::DeniesChance]),
    ("seeds", Kind::Seeds, &[Flaw::SharesUnlessDefault]),
    ("monotone", Kind::Seeds, &[Flaw::AcceptsWorse]),
    ("beats_random", Kind::Seeds, &[Flaw::StandsStill, Flaw::NeverShrinks]),
    ("walls", Kind::Seeds, &[Flaw::StopsAtWalls]),
    ("converged", Kind::Seeds, &[Flaw::StopsEarly, Flaw::NeverStops, Flaw::StaysBehind]),
    ("converged", Kind::Keeper, &[Flaw::HidesConverged]),
    ("discrete", Kind::Seeds, &[Flaw::FreezesSwitches]),
    ("fixed", Kind::Seeds, &[Flaw::StandsWithFixed]),
    ("one_dimension", Kind::Seeds, &[Flaw::NeedsTwo]),
    ("cast", Kind::Seeds, &[Flaw::AnswersDecoded]),
    ("purpose", Kind::KeeperOfStroller, &[Flaw::NeverUndoes]),
    ("purpose", Kind::Beginner, &[Flaw::NeverRestarts]),
];

fn specimen(kind: Kind, flaw: Flaw) -> Result<Subject> {
    let named = match kind {
        Kind::Seeds => Spec::new("specimen"),
        Kind::Rows => Spec::new("specimen").with("asks", "rows")?,
        Kind::Gradients => Spec::new("specimen").with("asks", "gradients")?,
        Kind::Keeper => Spec::new("keeper"),
        Kind::KeeperOfStroller => Spec::new("keeper").with("inner", "stroller")?,
        Kind::Beginner => Spec::new("beginner"),
        Kind::Swarm => Spec::new("swarm"),
        Kind::Brood => Spec::new("brood"),
        Kind::KeeperOfBrood => {
            return Subject::new(Spec::new("keeper").with("inner", json!(Spec::new("brood").with("flaw", json!(flaw))?))?);
        }
        Kind::Waiter => Spec::new("waiter"),
        Kind::Settler => Spec::new("settler"),
        Kind::Braggart => Spec::new("braggart"),
        Kind::Mismeasured => Spec::new("mismeasured"),
    };
    Subject::new(named.with("flaw", json!(flaw))?)
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
    for kind in
        [Kind::Seeds, Kind::Rows, Kind::Gradients, Kind::Keeper, Kind::KeeperOfStroller, Kind::Swarm, Kind::Brood, Kind::Settler]
    {
        let subject = specimen(kind, Flaw::None)?;
        broken.extend(LAWS.iter().filter_map(|law| holds(law, &subject).err()));
    }
    for (kind, law) in [(Kind::Beginner, "purpose"), (Kind::Waiter, "asynchronous")] {
        let subject = specimen(kind, Flaw::None)?;
        broken.extend(LAWS.iter().filter(|l| l.name == law).filter_map(|law| holds(law, &subject).err()));
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
