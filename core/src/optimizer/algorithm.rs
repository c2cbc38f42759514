//! The static side of an optimizer: what the registry knows about it.

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Result,
    optimizer::Optimizer,
    rng::Key,
    space::{Space, Walls},
};

/// An optimizer that can be built from settings, and so be looked up by name.
pub trait Algorithm: Optimizer + Sized + 'static {
    /// What it is, for people and for the laws.
    const META: Meta;

    /// Its settings. Ranges stand once, in the JSON schema (`#[schemars(range(..))]`): documentation, the command line, the
    /// laws and [`settings::check`](crate::optimizer::settings::check) read them there.
    type Config: Serialize + DeserializeOwned + JsonSchema + Default + 'static;

    /// A fresh optimizer. Equal arguments give equal optimizers.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid), naming field, value and what is valid.
    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self>;

    /// What it can do with these settings: wrappers depend on what they wrap.
    ///
    /// # Errors
    /// What naming another optimizer wrongly gives.
    fn capabilities(_config: &Self::Config) -> Result<Capabilities> {
        Ok(Self::META.capabilities)
    }

    /// How many evaluations an ordinary step takes with these settings, the first ones apart; the most where they vary a little. On a stochastic
    /// objective some evaluate their point again in every step: then `stochastic`. `None`: nobody can say. A [`Schedule`](crate::optimizer::schedule::Schedule) as
    /// long as the run goes by it.
    ///
    /// # Errors
    /// What naming another optimizer wrongly gives.
    fn evaluations_per_step(_config: &Self::Config, _space: &Space, _stochastic: bool) -> Result<Option<u64>> {
        Ok(None)
    }

    /// How many evaluations it takes from one step of an optimizer that a setting names to the next, that step included: of which its part of the run
    /// is the share. `place` is where in a list it stands, 0 where it stands alone. What is stepped in every step, as is the default, takes those
    /// of a step; of two that take turns, each takes those of both.
    ///
    /// # Errors
    /// What naming another optimizer wrongly gives.
    fn evaluations_per_turn(config: &Self::Config, _place: usize, space: &Space, stochastic: bool) -> Result<Option<u64>> {
        Self::evaluations_per_step(config, space, stochastic)
    }

    /// How many evaluations an optimizer that a setting names has at a time, where this one gives it a budget of its own. `None`: it shares
    /// the run's, as far as known by what a step of either takes.
    fn evaluations_of_parts(_config: &Self::Config, _space: &Space) -> Option<u64> {
        None
    }
}

/// What an algorithm is; made by [`Meta::new`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Meta {
    /// The name it is looked up by; also the name of its file.
    pub id: &'static str,
    /// The kind of method, and the crate it lives in.
    pub family: Family,
    /// One sentence.
    pub summary: &'static str,
    /// Authors, year and DOI or arXiv id.
    pub citation: &'static str,
    /// What it can do, with the default settings.
    pub capabilities: Capabilities,
    /// The setting that says how many candidates or members it has: an integer, or null for a default. `None`: it has no size.
    pub size: Option<&'static str>,
    /// The setting that says how many evaluations the run has: an integer, or null where nobody knows. `None`: it has none.
    pub horizon: Option<&'static str>,
}

/// One method a field: itself with another value there, in constants too.
macro_rules! with {
    ($($(#[$doc:meta])* $field:ident: $type:ty = $value:expr;)*) => {
        $($(#[$doc])*
        pub const fn $field(mut self, $field: $type) -> Self {
            self.$field = $value;
            self
        })*
    };
}

impl Meta {
    /// An algorithm that promises nothing, and has neither size nor horizon.
    ///
    /// ```
    /// use moths_core::optimizer::{Capabilities, Family, Meta};
    ///
    /// const META: Meta = Meta::new("random-search", Family::Random, "Independent random points.", "Brooks 1958, doi:10.1287/opre.6.2.244")
    ///     .capabilities(Capabilities::NONE.rank_based(true).state_per_parameter(2.0))
    ///     .size("candidates");
    /// assert!(META.size == Some("candidates") && META.horizon.is_none());
    /// ```
    pub const fn new(id: &'static str, family: Family, summary: &'static str, citation: &'static str) -> Self {
        Self { id, family, summary, citation, capabilities: Capabilities::NONE, size: None, horizon: None }
    }

    with! {
        /// Under another name: of variants that share the rest.
        id: &'static str = id;
        /// With another summary.
        summary: &'static str = summary;
        /// From another source.
        citation: &'static str = citation;
        /// With these promises.
        capabilities: Capabilities = capabilities;
        /// With the setting that says how many candidates or members it has.
        size: &'static str = Some(size);
        /// With the setting that says how many evaluations the run has.
        horizon: &'static str = Some(horizon);
    }
}

/// The families of algorithms, each a crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Family {
    /// Random walks, stochastic approximation, annealing.
    Random,
    /// Particles that see each other.
    Swarm,
    /// Populations with selection, adaptive distributions.
    Evolution,
    /// Searches from one point that follow a slope, a line or a simplex.
    Local,
    /// Optimizers made of optimizers.
    Ensemble,
}

/// What the laws hold an optimizer to: [`Capabilities::NONE`], and one promise after another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Capabilities {
    /// Needs [`Objective::gradient`](crate::objective::Objective::gradient): no derivative-free method, a yardstick for them.
    pub needs_gradient: bool,
    /// Needs [`Objective::outputs`](crate::objective::Objective::outputs): a model that shows what it answers, and how its loss changes with that.
    pub needs_outputs: bool,
    /// Is made of comparing losses of different steps, on a stochastic objective too: one number added to all losses of a step changes
    /// its path. Whoever merely remembers losses has [`Objective::losses_beside`](crate::objective::Objective#method.losses_beside).
    pub compares_steps: bool,
    /// Only ever asks seeded batches, so that memory does not grow with the number of candidates.
    pub seeds_only: bool,
    /// Searches a model that holds the point itself ([`Space::in_place`](crate::Space::in_place)), with nothing as large as the model beside it.
    pub in_place: bool,
    /// A strictly increasing transform of the loss changes no bit of its path.
    pub rank_based: bool,
    /// Moving the problem and its start moves the path, but for rounding.
    pub translation: bool,
    /// Rotating the problem, its start and the noise rotates the path, but for rounding.
    pub rotation: bool,
    /// The lowest loss seen never makes way for a higher one: the answer's loss never rises on a deterministic objective.
    pub monotone: bool,
    /// Expected to beat random search at equal evaluations on smooth problems.
    pub beats_random: bool,
    /// How it meets bounds.
    pub walls: Walls,
    /// Finds minima on bounds, in their corners and close to them, to 1e-6 of the box.
    pub at_walls: bool,
    /// Says `converged` sooner or later: on an easy problem, once it is solved, and on a plateau.
    pub converges: bool,
    /// Leaves a local minimum when it has converged there: what wrappers that begin anew are for.
    pub escapes: bool,
    /// Integers and flags do not freeze while real numbers converge.
    pub discrete: bool,
    /// Looks at points that others [suggest](crate::optimizer::Optimizer::suggest).
    pub suggestible: bool,
    /// [Proposes](crate::optimizer::Optimizer::propose) while losses are outstanding, and [learns](crate::optimizer::Optimizer::learn) of them in any order.
    pub asynchronous: bool,
    /// Draws no random numbers: its key changes nothing.
    pub deterministic: bool,
    /// State size: numbers, however many parameters there are.
    pub state_fixed: f64,
    /// State size: numbers per parameter.
    pub state_per_parameter: f64,
    /// State size: numbers per parameter and candidate of a step.
    pub state_per_candidate: f64,
    /// State size: numbers per pair of parameters, as in a d × d matrix.
    pub state_per_pair: f64,
}

impl Capabilities {
    /// Are losses all it needs? Then any function will do, and losses that are told, or were written down.
    pub const fn needs_only_losses(&self) -> bool {
        !self.needs_gradient && !self.needs_outputs
    }

    /// A method of which nothing is promised but the laws every optimizer keeps: it wants losses and keeps one point.
    pub const NONE: Self = Self {
        needs_gradient: false,
        needs_outputs: false,
        compares_steps: false,
        seeds_only: false,
        in_place: false,
        rank_based: false,
        translation: false,
        rotation: false,
        monotone: false,
        beats_random: false,
        walls: Walls::Clamp,
        at_walls: false,
        converges: false,
        escapes: false,
        discrete: false,
        suggestible: false,
        asynchronous: false,
        deterministic: false,
        state_fixed: 0.0,
        state_per_parameter: 1.0,
        state_per_candidate: 0.0,
        state_per_pair: 0.0,
    };

    with! {
        /// With another [`needs_gradient`](Self#structfield.needs_gradient).
        needs_gradient: bool = needs_gradient;
        /// With another [`needs_outputs`](Self#structfield.needs_outputs).
        needs_outputs: bool = needs_outputs;
        /// With another [`compares_steps`](Self#structfield.compares_steps).
        compares_steps: bool = compares_steps;
        /// With another [`seeds_only`](Self#structfield.seeds_only).
        seeds_only: bool = seeds_only;
        /// With another [`in_place`](Self#structfield.in_place).
        in_place: bool = in_place;
        /// With another [`rank_based`](Self#structfield.rank_based).
        rank_based: bool = rank_based;
        /// With another [`translation`](Self#structfield.translation).
        translation: bool = translation;
        /// With another [`rotation`](Self#structfield.rotation).
        rotation: bool = rotation;
        /// With another [`monotone`](Self#structfield.monotone).
        monotone: bool = monotone;
        /// With another [`beats_random`](Self#structfield.beats_random).
        beats_random: bool = beats_random;
        /// With another [`walls`](Self#structfield.walls).
        walls: Walls = walls;
        /// With another [`at_walls`](Self#structfield.at_walls).
        at_walls: bool = at_walls;
        /// With another [`converges`](Self#structfield.converges).
        converges: bool = converges;
        /// With another [`escapes`](Self#structfield.escapes).
        escapes: bool = escapes;
        /// With another [`discrete`](Self#structfield.discrete).
        discrete: bool = discrete;
        /// With another [`suggestible`](Self#structfield.suggestible).
        suggestible: bool = suggestible;
        /// With another [`asynchronous`](Self#structfield.asynchronous).
        asynchronous: bool = asynchronous;
        /// With another [`deterministic`](Self#structfield.deterministic).
        deterministic: bool = deterministic;
        /// With another [`state_fixed`](Self#structfield.state_fixed).
        state_fixed: f64 = state_fixed;
        /// With another [`state_per_parameter`](Self#structfield.state_per_parameter).
        state_per_parameter: f64 = state_per_parameter;
        /// With another [`state_per_candidate`](Self#structfield.state_per_candidate).
        state_per_candidate: f64 = state_per_candidate;
        /// With another [`state_per_pair`](Self#structfield.state_per_pair).
        state_per_pair: f64 = state_per_pair;
    }
}
