//! Everything that can be wrong with an optimizer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One way in which a [`Specimen`](super::specimen::Specimen) is not what it should be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Flaw {
    #[default]
    None,
    /// Draws from a counter that is no part of its state.
    HiddenGenerator,
    /// Forgets to list its step size.
    UnlistedField,
    /// Its key comes from how it was built, not from its state.
    KeyBesideClock,
    /// Draws from a counter that all instances share, from step 45 on.
    LosesTrackLate,
    /// Counts failed steps in a field that is not saved, and begins anew after many.
    ForgetsFailures,
    /// Saves its step size in single precision.
    SavesRounded,
    /// Draws from a counter that all instances share.
    SharedGenerator,
    /// Ignores the key it was given.
    IgnoresKey,
    /// Overwrites its point although a snapshot holds it.
    OverwritesPoint,
    /// Overwrites a batch that its caller may hold.
    OverwritesBatch,
    /// Its answer is a view of its state.
    LendsAnswer,
    /// Works on in the tensor that it was given to move to.
    KeepsGivenPoint,
    /// Its clock ticks before it evaluates.
    TicksFirst,
    /// Keeps what the first round told, whatever becomes of the second.
    CommitsEarly,
    /// Takes a failed step back, but not if it panicked.
    ForgetsPanics,
    /// Believes that there are as many losses as candidates.
    TrustsLengths,
    /// Goes on when the objective fails.
    SwallowsErrors,
    /// Draws other numbers on other numbers of threads.
    CountsThreads,
    /// Uses gradients where there are some, without a word.
    PeeksAtGradients,
    /// Needs gradients, and is silent when there are none.
    NeedsNoGradients,
    /// Takes NaN for the best loss of all.
    PrefersNan,
    /// Takes −∞ for the best loss of all.
    BelievesInfinity,
    /// Compares the losses of a stochastic objective with one of an earlier step.
    ComparesSteps,
    /// Its step size is a sum of losses.
    AddsLosses,
    /// One of its candidates is not a number.
    AsksNan,
    /// Its point leaves the bounds.
    Drifts,
    /// Does not count its first round.
    CountsOneRound,
    /// Counts no candidate that failed.
    CountsNoFailures,
    /// Reports the mean loss.
    ReportsMean,
    /// Declares an evaluation a step too many.
    Overcharges,
    /// Its settings take the length of the run, and it does nothing with it.
    IgnoresHorizon,
    /// Promises seeds and asks rows.
    AsksRows,
    /// Keeps its candidates and does not say so.
    Hoards,
    /// Its step size depends on how much better a loss is.
    WeighsLosses,
    /// Decays towards the origin.
    PullsToOrigin,
    /// Its candidates are in the corners of a box.
    AsksCorners,
    /// Its noise has axes.
    KnowsAxes,
    /// Divides by d - 1.
    NeedsTwo,
    /// Its answer is in parameter units.
    AnswersDecoded,
    /// Fails, rather than refuses, to be built over integers.
    RefusesRudely,
    /// Finds out in its first step that it cannot search integers.
    RefusesLate,
    /// Has a setting that it cannot bear.
    PanicsWhenLarge,
    /// Rejects a value of a setting as if the objective had failed.
    RejectsRudely,
    /// Moves, but compares with the loss of where it was.
    RemembersLoss,
    /// Stays where it is.
    IgnoresMoves,
    /// Says that it has moved, and has not.
    PretendsToMove,
    /// Moves out of the bounds when told so.
    MovesOutside,
    /// Moves to NaN and infinity.
    MovesToNan,
    /// Moves to what is no point.
    MovesAnywhere,
    /// Restores an index and uses it, whatever it is.
    TrustsIndices,
    /// Fails in the midst of being restored, with an error of another kind.
    RestoresRudely,
    /// Takes the best candidate even if it is worse.
    AcceptsWorse,
    /// Never moves its last two coordinates, nor any integer.
    NeverMovesSome,
    /// Its step size stays what it was.
    NeverShrinks,
    /// Hardly moves.
    StandsStill,
    /// Says that it has converged when its steps have become a tenth.
    StopsEarly,
    /// Promises to say that it has converged, and never does.
    NeverStops,
    /// Its steps in integers and flags vanish with the others.
    FreezesSwitches,
    /// Where one element is fixed, all hardly move.
    StandsWithFixed,
    /// A wrapper that looks at the loss after a step, and lets it be.
    NeverUndoes,
    /// A wrapper that says nothing when what it wraps has converged.
    HidesConverged,
    /// A wrapper that does not save what it wraps.
    ForgetsChild,
    /// A wrapper that does not count what it asks itself.
    AsksInSecret,
    /// A wrapper that leaves what it wraps a step further when its own fails.
    CommitsChild,
    /// A wrapper that begins anew, but where it was.
    NeverRestarts,
    /// A swarm that does not save its first member.
    LosesMember,
    /// Settings that a program fills are not looked at.
    TrustsRegistry,
    /// The step after a failed one is another, and then all is as before.
    Stumbles,
    /// Its answer stays at the start, whatever it finds.
    StaysBehind,
    /// Draws from a counter that all instances share, where its first step size is not the default.
    SharesUnlessDefault,
    /// Draws other numbers on other numbers of threads, where its first step size is not the default.
    CountsThreadsUnlessDefault,
    /// Its answer is a view of its state, where its first step size is not the default.
    LendsUnlessDefault,
    /// Goes on when the objective fails, where its first step size is not the default.
    SwallowsUnlessDefault,
    /// A population that stays as large as it was.
    IgnoresSize,
    /// A population that grows in one step and stays so.
    GrowsAtOnce,
    /// A population that counts its steps in a field that is not saved.
    CountsBesideClock,
    /// A population whose newcomers stay when the step they came in fails.
    WelcomesEarly,
    /// A population whose best leave.
    KeepsWorst,
    /// A population that fails, rather than refuses, where all members begin as one.
    BeginsRudely,
    /// Takes suggestions, and looks at none.
    IgnoresSuggestions,
    /// Takes suggestions, and has none after a resume.
    LosesSuggestions,
    /// Does not save which candidates wait for their losses.
    ForgetsWaiting,
    /// Proposes the same until it learns something.
    ProposesAgain,
    /// A loss that comes while others are awaited is not looked at.
    LosesLateLosses,
    /// Takes losses of what it never proposed, without a word.
    LearnsOfStrangers,
    /// Waits on for what it proposed before it was moved.
    WaitsAfterMoves,
    /// A step that fails has looked at suggestions.
    DropsSuggestions,
    /// A meta that promises what nobody keeps.
    Boasts,
    /// A meta that calls something its size that is none.
    NamesNoSize,
    /// Promises to draw nothing, and draws.
    DeniesChance,
    /// Steps further where the model holds the point.
    StridesInPlace,
    /// Moves the model before it has seen all losses.
    MovesModelFirst,
    /// Promises to search in place, and asks for rows.
    AsksRowsInPlace,
    /// Promises minima in corners, and takes steps of one length in all coordinates.
    StopsAtWalls,
}

impl Flaw {
    /// What it is with default settings.
    pub(super) fn by_default(self) -> Self {
        if self.otherwise() == self { self } else { Self::None }
    }

    /// What it is with others.
    pub(super) fn otherwise(self) -> Self {
        match self {
            Self::SharesUnlessDefault => Self::SharedGenerator,
            Self::CountsThreadsUnlessDefault => Self::CountsThreads,
            Self::LendsUnlessDefault => Self::LendsAnswer,
            Self::SwallowsUnlessDefault => Self::SwallowsErrors,
            flaw => flaw,
        }
    }
}
