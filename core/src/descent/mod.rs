//! Update rules: what a gradient, exact or approximate, does to a point.
//!
//! ```
//! use moths_core::{CowTensor, Space, Spec, descent};
//!
//! let space = Space::real(2)?;
//! let mut rule = descent::build(&Spec::new("sgd").with("rate", 0.1)?.with("momentum", 0.9)?, &space)?;
//! let mut at = CowTensor::new(space.zeros()?.ones_like()?);
//! for _ in 0..300 {
//!     let gradient = CowTensor::new((&*at * 2.0)?); // of x²
//!     rule.descend(&mut at, &gradient)?;
//! }
//! assert!(at.to_vec1::<f64>()?.iter().all(|x| x.abs() < 1e-3));
//! # Ok::<(), moths_core::Error>(())
//! ```

mod adamw;
mod candle;
mod rmsprop;
mod sgd;
mod sign;

use serde_json::{Map, Value};

use crate::{CowTensor, Error, Persist, Result, Space, Spec, settings};
pub use adamw::{AdamW, AdamWConfig};
pub use candle::CandleDescent;
pub use rmsprop::{RmsProp, RmsPropConfig};
pub use sgd::{Sgd, SgdConfig};
pub use sign::{Sign, SignConfig};

/// An update rule x ← x − η·u(g): what [`Descend`](crate::Descend) feeds gradients to.
pub trait Descent: Persist + Send {
    /// Moves the point `at` \[d\] down the `gradient` \[d\], in place.
    ///
    /// # Errors
    /// When shapes or dtypes do not fit; nothing has then changed.
    fn descend(&mut self, at: &mut CowTensor, gradient: &CowTensor) -> Result<()>;
}

impl<D: Descent + ?Sized> Descent for Box<D> {
    fn descend(&mut self, at: &mut CowTensor, gradient: &CowTensor) -> Result<()> {
        (**self).descend(at, gradient)
    }
}

/// A descent that can be built from settings, and so be looked up by name.
pub trait NamedDescent: Descent + Sized + 'static {
    /// The name it is looked up by.
    const ID: &'static str;
    /// One sentence.
    const SUMMARY: &'static str;
    /// Its settings.
    type Config: serde::Serialize + serde::de::DeserializeOwned + schemars::JsonSchema + Default;
    /// A fresh descent.
    fn new(config: Self::Config, space: &Space) -> Result<Self>;
    /// State size: numbers per parameter.
    fn state_per_parameter(config: &Self::Config) -> f64;
}

/// One registered descent.
pub struct DescentEntry {
    /// The name it is looked up by.
    pub id: &'static str,
    /// One sentence.
    pub summary: &'static str,
    schema: fn() -> Value,
    state: fn(&Map<String, Value>) -> Result<f64>,
    build: Build,
}

type Build = fn(&Map<String, Value>, &Space) -> Result<Box<dyn Descent>>;

inventory::collect!(DescentEntry);

impl DescentEntry {
    /// The entry of a descent; [`register_descent!`](crate::register_descent) submits it.
    pub const fn of<D: NamedDescent>() -> Self {
        Self {
            id: D::ID,
            summary: D::SUMMARY,
            schema: settings::schema::<D::Config>,
            state: |settings| Ok(D::state_per_parameter(&settings::resolve(D::ID, settings)?)),
            build: |settings, space| Ok(Box::new(D::new(settings::resolve(D::ID, settings)?, space)?)),
        }
    }

    /// The JSON schema of its settings.
    pub fn schema(&self) -> Value {
        (self.schema)()
    }
}

/// Registers a [`NamedDescent`].
#[macro_export]
macro_rules! register_descent {
    ($descent:ty) => {
        $crate::__private::inventory::submit! { $crate::descent::DescentEntry::of::<$descent>() }
    };
}

/// All registered descents, by id.
pub fn entries() -> Vec<&'static DescentEntry> {
    let mut entries: Vec<_> = inventory::iter::<DescentEntry>.into_iter().collect();
    entries.sort_by_key(|e| e.id);
    entries
}

/// The descent registered under this id.
///
/// # Errors
/// [`Error::Unknown`], with the nearest id.
pub fn find(id: &str) -> Result<&'static DescentEntry> {
    let entries = entries();
    let found = entries.iter().find(|e| e.id == id).copied();
    found.ok_or_else(|| Error::unknown("descent", id, entries.iter().map(|e| e.id)))
}

/// Builds the descent a spec names.
///
/// # Errors
/// [`Error::Unknown`] or [`Error::Invalid`].
pub fn build(spec: &Spec, space: &Space) -> Result<Box<dyn Descent>> {
    (find(&spec.name)?.build)(&spec.settings, space).map_err(|e| e.within("descent"))
}

/// State size of the descent a spec names: numbers per parameter.
pub fn state_per_parameter(spec: &Spec) -> Result<f64> {
    (find(&spec.name)?.state)(&spec.settings).map_err(|e| e.within("descent"))
}
