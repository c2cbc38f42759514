//! Everything that can be looked up by name. Crates fill it through [`inventory`]; nothing is listed by hand.

mod difference;
mod memory;

use std::sync::Arc;

use serde_json::{Map, Value, json};

pub use difference::difference;

use crate::{
    Error, Result,
    optimizer::{
        Algorithm, Capabilities, Family, Horizon, Meta, Optimizer, Spec, descent, horizon,
        settings::{self, Named},
    },
    rng::Key,
    space::Space,
};

/// One registered optimizer.
pub struct Entry {
    /// What it is.
    pub meta: Meta,
    schema: fn() -> Arc<Value>,
    capabilities: fn(&Map<String, Value>) -> Result<Capabilities>,
    /// The settings with their defaults.
    whole: Whole,
    cost: Cost,
    turn: Turn,
    parts: fn(&Map<String, Value>, &Space) -> Result<Option<u64>>,
    build: Build,
    /// What [`Algorithm::new`] makes of settings that nobody has checked.
    unchecked: Build,
}

type Whole = fn(&Map<String, Value>) -> Result<Map<String, Value>>;
type Cost = fn(&Map<String, Value>, &Space, bool) -> Result<Option<u64>>;
type Turn = fn(&Map<String, Value>, usize, &Space, bool) -> Result<Option<u64>>;
type Build = fn(&Map<String, Value>, &Space, Key) -> Result<Box<dyn Optimizer>>;

inventory::collect!(Entry);

impl Entry {
    /// The entry of an algorithm; [`register!`](crate::register) submits it.
    pub const fn of<A: Algorithm>() -> Self {
        Self {
            meta: A::META,
            schema: settings::schema::<A::Config>,
            capabilities: |settings| Ok(alone::<A>(A::capabilities(&settings::resolve(A::META.id, settings)?)?)),
            whole: |settings| settings::whole::<A::Config>(A::META.id, settings),
            cost: |settings, space, stochastic| {
                A::evaluations_per_step(&settings::resolve(A::META.id, settings)?, space, stochastic)
            },
            turn: |settings, place, space, stochastic| {
                A::evaluations_per_turn(&settings::resolve(A::META.id, settings)?, place, space, stochastic)
            },
            parts: |settings, space| Ok(A::evaluations_of_parts(&settings::resolve(A::META.id, settings)?, space)),
            build: |settings, space, key| {
                let config = settings::resolve(A::META.id, settings)?;
                Ok(Box::new(A::new(config, space, key)?))
            },
            unchecked: |settings, space, key| {
                let config = settings::unchecked(A::META.id, settings)?;
                Ok(Box::new(A::new(config, space, key)?))
            },
        }
    }

    /// The JSON schema of its settings.
    pub fn schema(&self) -> Arc<Value> {
        (self.schema)()
    }

    /// A point of its own is what an optimizer cannot have in a space in place.
    fn comes_home(&self, spec: &Spec, space: &Space) -> Result<()> {
        // What is wrong with the settings, building says.
        let can = (self.capabilities)(&spec.settings).map_or(true, |can| can.in_place);
        if !space.is_in_place() || can {
            return Ok(());
        }
        let others: Vec<&str> =
            entries().iter().filter(|entry| entry.meta.capabilities.in_place).map(|entry| entry.meta.id).collect();
        let what = format!(
            "keeps points of its own, with these settings, where the model is to hold the only one: take {}",
            others.join(", ")
        );
        Err(Error::unsupported(spec.name.as_str(), what))
    }
}

/// What is made of optimizers looks at points of their own, and needs all losses of a step, whatever those can do alone, unless it says of itself
/// that it does not.
fn alone<A: Algorithm>(can: Capabilities) -> Capabilities {
    let (is_made, own) = (A::META.family == Family::Ensemble, A::META.capabilities);
    can.in_place(can.in_place && (own.in_place || !is_made)).asynchronous(can.asynchronous && (own.asynchronous || !is_made))
}

/// Registers an [`Algorithm`] under the id of its [`Meta`]: one line at the end of its file.
#[macro_export]
macro_rules! register {
    ($algorithm:ty) => {
        $crate::__private::inventory::submit! { $crate::optimizer::registry::Entry::of::<$algorithm>() }
    };
}

/// All registered optimizers, by id.
pub fn entries() -> Vec<&'static Entry> {
    let mut entries: Vec<_> = inventory::iter::<Entry>.into_iter().collect();
    entries.sort_by_key(|e| e.meta.id);
    entries
}

/// The optimizer registered under this id.
///
/// ```
/// use moths_core::{Error, registry};
/// # // This crate alone registers nothing.
/// match registry::find("pos") {
///     Ok(entry) => println!("{}: {}", entry.meta.id, entry.meta.summary),
///     Err(Error::Unknown { name, nearest, .. }) => println!("no `{name}`, but perhaps {nearest:?}"),
///     Err(other) => return Err(other),
/// }
/// # Ok::<(), moths_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Unknown`], with the nearest id.
pub fn find(id: &str) -> Result<&'static Entry> {
    let entries = entries();
    let found = entries.iter().find(|e| e.meta.id == id).copied();
    found.ok_or_else(|| Error::unknown("optimizer", id, entries.iter().map(|e| e.meta.id)))
}

/// What an optimizer can do with the settings of this spec.
///
/// # Errors
/// As [`build`], except for what only shows with a space.
pub fn capabilities(spec: &Spec) -> Result<Capabilities> {
    (find(&spec.name)?.capabilities)(&spec.settings)
}

/// Builds the optimizer a spec names, for this space. Equal arguments give equal optimizers.
///
/// Of the length of the run it knows what the settings say: [`build_for`] tells it.
///
/// Registered is what is linked: the facade `moths` links the families that its features name.
///
/// ```
/// use moths_core::{Function, Key, Space, Spec, registry};
///
/// # fn main() -> moths_core::Result<()> {
/// let space = Space::real(3)?;
/// let spec: Spec = r#"{"name": "pso", "particles": 80}"#.parse()?;
/// # if registry::find("pso").is_err() { return Ok(()) } // this crate alone registers nothing
/// let mut optimizer = registry::build(&spec, &space, Key::new(1))?;
/// let report = optimizer.step(&mut Function::new(space, |x| x.iter().sum()))?;
/// assert_eq!(report.evaluations, 80);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Unknown`] for a name or a setting that does not exist; [`Error::Invalid`] for a value that is not valid; [`Error::Memory`] where
/// these settings need more memory than there is; [`Error::Unsupported`] for a space [in place](Space::in_place), unless the optimizer is
/// [`in_place`](Capabilities#structfield.in_place).
pub fn build(spec: &Spec, space: &Space, key: Key) -> Result<Box<dyn Optimizer>> {
    let entry = find(&spec.name)?;
    entry.fits(spec, space)?;
    entry.comes_home(spec, space)?;
    (entry.build)(&spec.settings, space, key)
}

/// [`build`] as by a program that fills the settings' struct itself: only [`Algorithm::new`] looks at them. For laws.
///
/// # Errors
/// As [`build`], but for memory.
#[doc(hidden)]
pub fn build_unchecked(spec: &Spec, space: &Space, key: Key) -> Result<Box<dyn Optimizer>> {
    (find(&spec.name)?.unchecked)(&spec.settings, space, key)
}

/// [`build`] for a run of this length: builds what is [`planned`].
///
/// ```
/// use moths_core::{Horizon, Key, Space, Spec, registry};
///
/// # fn main() -> moths_core::Result<()> {
/// let space = Space::real(3)?;
/// # if registry::find("jso").is_err() { return Ok(()) } // this crate alone registers nothing
/// let optimizer = registry::build_for(&Spec::new("jso"), &space, Key::new(1), Horizon::evaluations(20_000))?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// As [`build`] and [`planned`].
pub fn build_for(spec: &Spec, space: &Space, key: Key, horizon: Horizon) -> Result<Box<dyn Optimizer>> {
    build(&planned(spec, space, horizon)?, space, key)
}

/// The spec with everything said that it leaves to the length of the run: the setting that [`Meta::horizon`] names, and schedules whose length
/// is null, inside the descents and optimizers that it names too. What is said already stays, so that a planned spec is its own plan.
///
/// Schedules go by steps: they get the run's evaluations divided by those of [a step](Algorithm::evaluations_per_step).
///
/// # Errors
/// As [`build`]; [`Error::Invalid`] for a horizon of no evaluations, and for a schedule as long as the run of an optimizer whose steps take no
/// fixed number of evaluations.
pub fn planned(spec: &Spec, space: &Space, horizon: Horizon) -> Result<Spec> {
    let Some(evaluations) = horizon.checked()? else { return Ok(spec.clone()) };
    let entry = find(&spec.name)?;
    let whole = (entry.whole)(&spec.settings)?;
    let cost = (entry.cost)(&spec.settings, space, horizon.is_stochastic())?;
    let steps = |path: &str| match cost {
        Some(cost) => Ok(evaluations / cost.max(1)),
        None => {
            let valid = format!("a number: a step of {} takes no fixed number of evaluations", spec.name);
            Err(Error::invalid(path, "null", valid))
        }
    };
    let part = |path: &str, named: Named, part: &Spec| match named {
        Named::Descent if descent::find(&part.name).is_ok() => descent::planned(part, &steps),
        Named::Optimizer if find(&part.name).is_ok() => {
            let own = (entry.parts)(&spec.settings, space)?.map(|own| own.min(evaluations));
            let place = path.split_once('.').and_then(|(_, place)| place.parse().ok()).unwrap_or(0);
            let turn = (entry.turn)(&spec.settings, place, space, horizon.is_stochastic())?;
            let shared = || shared(evaluations, turn, evaluations_per_step(part, space, horizon.is_stochastic())?);
            planned(part, space, horizon.of_length(own.map_or_else(shared, Ok)?))
        }
        // Building says what is wrong with the name.
        _ => Ok(part.clone()),
    };
    let mut settings = horizon::completed(&spec.settings, &whole, &entry.schema(), &steps, &part)?;
    if let Some(budget) = entry.meta.horizon.filter(|budget| whole.get(*budget).is_none_or(Value::is_null)) {
        settings.insert(budget.to_owned(), json!(evaluations));
    }
    Ok(Spec { name: spec.name.clone(), settings })
}

/// What a part sees of the evaluations, where the whole takes `all` of them from one step of the part to the next, and the part `own` in that:
/// more than `all` where they cost the whole nothing.
fn shared(evaluations: u64, all: Option<u64>, own: Option<u64>) -> Result<u64> {
    let share = |all: u64, own: u64| {
        let share = u128::from(evaluations) * u128::from(own) / u128::from(all.max(1));
        u64::try_from(share).unwrap_or(u64::MAX)
    };
    Ok(all.zip(own).map_or(evaluations, |(all, own)| share(all, own).max(1)))
}

/// The dotted paths of the settings that [`planned`] would fill: `evaluations`, `descent.rate.cosine.steps`.
///
/// # Errors
/// As [`build`], except for what only shows with a space.
pub fn left_to_the_horizon(spec: &Spec) -> Result<Vec<String>> {
    let entry = find(&spec.name)?;
    let whole = (entry.whole)(&spec.settings)?;
    let budget = entry.meta.horizon.filter(|budget| whole.get(*budget).is_none_or(Value::is_null)).map(str::to_owned);
    let paths = horizon::open(&whole, &entry.schema(), &|named, part| match named {
        Named::Descent if descent::find(&part.name).is_ok() => descent::left_to_the_horizon(part),
        Named::Optimizer if find(&part.name).is_ok() => left_to_the_horizon(part),
        _ => Ok(vec![]),
    })?;
    Ok(budget.into_iter().chain(paths).collect())
}

/// The schema of its settings, and all of them, those by default too.
///
/// # Errors
/// As [`build`], except for what only shows with a space.
pub(crate) fn described(spec: &Spec) -> Result<(Arc<Value>, Map<String, Value>)> {
    let entry = find(&spec.name)?;
    Ok((entry.schema(), (entry.whole)(&spec.settings)?))
}

/// What [`Algorithm::evaluations_per_step`] says of an optimizer with the settings of this spec.
///
/// # Errors
/// As [`build`].
pub fn evaluations_per_step(spec: &Spec, space: &Space, stochastic: bool) -> Result<Option<u64>> {
    (find(&spec.name)?.cost)(&spec.settings, space, stochastic)
}

/// [`evaluations_per_step`] of an optimizer inside another: errors name the setting it stands in.
///
/// # Errors
/// As [`build`].
pub fn evaluations_per_step_of_part(setting: &str, spec: &Spec, space: &Space, stochastic: bool) -> Result<Option<u64>> {
    evaluations_per_step(spec, space, stochastic).map_err(|e| e.within(setting))
}

/// [`build`] for an optimizer inside another: errors name the setting it stands in.
///
/// # Errors
/// As [`build`].
pub fn build_part(setting: &str, spec: &Spec, space: &Space, key: Key) -> Result<Box<dyn Optimizer>> {
    build(spec, space, key).map_err(|e| e.within(setting))
}
