//! What every optimizer is held to, whoever wrote it: one law a file.
//!
//! A law asks the [registry](moths_core::registry) for an optimizer, puts it through its paces, and says how it was broken if it was. What an
//! optimizer promises it reads from its [`Capabilities`](moths_core::optimizer::Capabilities); there is no list of exceptions. Everything is
//! deterministic: a law that is broken is broken again in the next run, in the same way (but for the time that `damage` allows a step, by the clock).
//!
//! How long it takes is a matter of [`Depth`]: with `MOTHS_LAWS=deep` in the environment the laws of bits look at hundreds of steps where they
//! otherwise look at a few.
//!
//! A crate with optimizers of its own holds them against the laws in a test:
//!
//! ```
//! use moths_core::Spec;
//! use moths_laws as laws;
//!
//! # fn test() -> Result<(), Box<dyn std::error::Error>> {
//! let subject = laws::Subject::new(Spec::new("my-optimizer"))?;
//! for law in laws::LAWS {
//!     law.check(&subject)?;
//! }
//! # Ok(()) }
//! ```
//!
//! | law | file it stands in is named alike; what it says is [`Law::statement`] |
//! |---|---|
//! | the step is exact | `resume` `seeds` `split` `ask_tell` `replay` |
//! | the step is atomic | `snapshot` `atomic` `failures` |
//! | a state is checked before it is trusted | `damage` |
//! | what is proposed and reported | `bounds` `cast` `counts` `move_to` `suggest` `asynchronous` `domains` `one_dimension` `settings` `horizon` `sizes` `declared` `fixed` |
//! | losses of different steps are not compared | `shift` |
//! | what was promised | `seeds_only` `in_place` `state_size` `rank_based` `translation` `rotation` `monotone` `beats_random` `walls` `converged` `discrete` `purpose` |
//!
//! What optimizers are made of and held against has laws as well: [`objectives`], [`samplers`], [`descents`].

#![forbid(unsafe_code)]

/// Returns from a law with how it was broken, unless the condition holds.
macro_rules! ensure {
    ($holds:expr, $($how:tt)+) => {
        match $holds {
            true => {}
            // Not by negation: a comparison with NaN does not hold, and means it.
            false => return Err($crate::broken::Breach::new(format!($($how)+))),
        }
    };
}

mod ask_tell;
mod asynchronous;
mod atomic;
mod beats_random;
mod bounds;
mod broken;
mod cast;
mod converged;
mod counts;
mod damage;
mod declared;
mod depth;
pub mod descents;
mod discrete;
mod domains;
mod draws;
mod failures;
mod fixed;
pub mod golden;
mod horizon;
mod in_place;
mod monotone;
mod move_to;
pub mod objectives;
mod one_dimension;
mod path;
mod problem;
mod purpose;
mod rank_based;
mod replay;
mod resume;
mod rotation;
pub mod samplers;
mod seeds;
mod seeds_only;
mod settings;
mod shift;
mod sizes;
mod snapshot;
mod split;
mod state_size;
mod subject;
mod suggest;
mod tap;
#[cfg(test)]
mod tests;
mod translation;
mod walls;

pub use broken::Broken;
pub use depth::Depth;
pub use subject::{Subject, subjects};

use broken::Verdict;

/// Who can be held against laws.
pub trait Held {
    /// What tests are named after: `pso` in `resume::pso`.
    fn name(&self) -> String;
}

/// One law, of optimizers unless it says otherwise.
pub struct Law<S: ?Sized = Subject> {
    /// What tests are named after: `resume` in `resume::pso`.
    pub name: &'static str,
    /// What it says.
    pub statement: &'static str,
    holds: fn(&S) -> Verdict,
}

/// All laws of optimizers.
pub const LAWS: &[Law] = &[
    resume::LAW,
    snapshot::LAW,
    atomic::LAW,
    split::LAW,
    ask_tell::LAW,
    replay::LAW,
    damage::LAW,
    failures::LAW,
    shift::LAW,
    bounds::LAW,
    counts::LAW,
    seeds_only::LAW,
    in_place::LAW,
    state_size::LAW,
    rank_based::LAW,
    translation::LAW,
    rotation::LAW,
    domains::LAW,
    settings::LAW,
    horizon::LAW,
    sizes::LAW,
    declared::LAW,
    move_to::LAW,
    suggest::LAW,
    asynchronous::LAW,
    seeds::LAW,
    monotone::LAW,
    beats_random::LAW,
    walls::LAW,
    converged::LAW,
    discrete::LAW,
    fixed::LAW,
    one_dimension::LAW,
    cast::LAW,
    purpose::LAW,
];

impl<S: Held + ?Sized> Law<S> {
    /// Holds somebody against this law, an optimizer as closely as the [`Subject`] says.
    ///
    /// # Errors
    /// How the law was broken.
    pub fn check(&self, subject: &S) -> Result<(), Broken> {
        (self.holds)(subject).map_err(|breach| breach.of(self.name, self.statement, subject.name()))
    }
}

impl<S: ?Sized> Clone for Law<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: ?Sized> Copy for Law<S> {}

impl<S: ?Sized> std::fmt::Debug for Law<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Law").field("name", &self.name).finish_non_exhaustive()
    }
}
