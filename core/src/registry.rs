//! Everything that can be looked up by name. Crates fill it through [`inventory`]; nothing is listed by hand.

use serde_json::{Map, Value};

use crate::{Algorithm, Capabilities, Error, Key, Meta, Optimizer, Result, Space, Spec, settings};

/// One registered optimizer.
pub struct Entry {
    /// What it is.
    pub meta: Meta,
    schema: fn() -> Value,
    capabilities: fn(&Map<String, Value>) -> Result<Capabilities>,
    build: Build,
}

type Build = fn(&Map<String, Value>, &Space, Key) -> Result<Box<dyn Optimizer>>;

inventory::collect!(Entry);

impl Entry {
    /// The entry of an algorithm; [`register!`](crate::register) submits it.
    pub const fn of<A: Algorithm>() -> Self {
        Self {
            meta: A::META,
            schema: settings::schema::<A::Config>,
            capabilities: |settings| A::capabilities(&settings::resolve(A::META.id, settings)?),
            build: |settings, space, key| {
                let config = settings::resolve(A::META.id, settings)?;
                Ok(Box::new(A::new(config, space, key)?))
            },
        }
    }

    /// The JSON schema of its settings.
    pub fn schema(&self) -> Value {
        (self.schema)()
    }
}

/// Registers an [`Algorithm`] under the id of its [`Meta`]: one line at the end of its file.
#[macro_export]
macro_rules! register {
    ($algorithm:ty) => {
        $crate::__private::inventory::submit! { $crate::registry::Entry::of::<$algorithm>() }
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
/// [`Error::Unknown`] for a name or a setting that does not exist; [`Error::Invalid`] for a value that is not valid.
pub fn build(spec: &Spec, space: &Space, key: Key) -> Result<Box<dyn Optimizer>> {
    (find(&spec.name)?.build)(&spec.settings, space, key)
}

/// [`build`] for an optimizer inside another: errors name the setting it stands in.
pub fn build_part(setting: &str, spec: &Spec, space: &Space, key: Key) -> Result<Box<dyn Optimizer>> {
    build(spec, space, key).map_err(|e| e.within(setting))
}
