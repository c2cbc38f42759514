//! Update rules: what a gradient, exact or approximate, does to a point.
//!
//! ```
//! use moths_core::{CowTensor, Space, Spec, optimizer::descent};
//!
//! let space = Space::real(2)?;
//! let mut rule = descent::build(&Spec::new("sgd").with("rate", 0.1)?.with("momentum", 0.9)?, &space)?;
//! let mut at = CowTensor::new(space.zeros()?.ones_like()?);
//! for _ in 0..300 {
//!     let gradient = (&*at * 2.0)?.into(); // of x²
//!     rule.descend(&mut at, &gradient)?;
//! }
//! assert!(at.to_vec1::<f64>()?.iter().all(|x| x.abs() < 1e-3));
//! # Ok::<(), moths_core::Error>(())
//! ```

mod accumulate;
mod adamw;
mod bit_gd;
mod candle;
mod clip_up;
mod lion;
mod momentum_to_best;
mod rmsprop;
mod sgd;
mod sign;

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::{
    Error, Result,
    noise::Gradient,
    objective::Home,
    optimizer::{
        Spec, horizon,
        settings::{self, Named},
    },
    persist::Persist,
    space::Space,
    tensor::CowTensor,
};
pub use accumulate::{Accumulate, AccumulateConfig};
pub use adamw::{AdamW, AdamWConfig};
pub use bit_gd::{BitGd, BitGdConfig};
pub use candle::CandleDescent;
pub use clip_up::{ClipUp, ClipUpConfig};
pub use lion::{Lion, LionConfig};
pub use momentum_to_best::{MomentumToBest, MomentumToBestConfig};
pub use rmsprop::{RmsProp, RmsPropConfig};
pub use sgd::{Sgd, SgdConfig};
pub use sign::{Sign, SignConfig};

/// An update rule x ← x − η·u(g): what [`GradientDescent`](crate::optimizer::GradientDescent) feeds gradients to.
pub trait Descent: Persist + Send {
    /// Moves the point `at` \[d\] down the `gradient` \[d\], in place.
    ///
    /// # Errors
    /// When shapes or dtypes do not fit; nothing has then changed.
    fn descend(&mut self, at: &mut CowTensor, gradient: &Gradient) -> Result<()>;

    /// Moves the model that holds the point itself down the gradient: what [`descend`](Descent::descend) does to a point, told to the model. For
    /// update rules that subtract a multiple of the gradient.
    ///
    /// # Errors
    /// [`Error::Unsupported`] from whoever holds something as large as the point, or needs to see it: that is, unless it is
    /// [`in_place`](NamedDescent::in_place); what the model refuses. Nothing has then changed.
    fn steer(&mut self, _home: &mut dyn Home, _gradient: &Gradient) -> Result<()> {
        Err(Error::unsupported(
            "this update rule",
            "sees the point, which a model in place does not show: take `sgd` without momentum",
        ))
    }

    /// Is told, before it descends, the lowest loss that was seen in estimating the gradient at the point `at` \[d\]; +∞ when all failed.
    fn witness(&mut self, _at: &CowTensor, _loss: f64) {}

    /// The point \[d\] whose loss it remembers from an earlier step, if it does.
    fn remembered(&self) -> Option<&CowTensor> {
        None
    }

    /// Is told, before it is a witness, the loss of the point it [remembers](Descent::remembered) on the data of this step: on a stochastic
    /// objective the loss it remembers is one of other data.
    fn recall(&mut self, _loss: f64) {}
}

impl<D: Descent + ?Sized> Descent for Box<D> {
    fn descend(&mut self, at: &mut CowTensor, gradient: &Gradient) -> Result<()> {
        (**self).descend(at, gradient)
    }

    fn steer(&mut self, home: &mut dyn Home, gradient: &Gradient) -> Result<()> {
        (**self).steer(home, gradient)
    }

    fn witness(&mut self, at: &CowTensor, loss: f64) {
        (**self).witness(at, loss);
    }

    fn remembered(&self) -> Option<&CowTensor> {
        (**self).remembered()
    }

    fn recall(&mut self, loss: f64) {
        (**self).recall(loss);
    }
}

/// A descent that can be built from settings, and so be looked up by name.
pub trait NamedDescent: Descent + Sized + 'static {
    /// The name it is looked up by.
    const ID: &'static str;
    /// One sentence.
    const SUMMARY: &'static str;
    /// Its settings.
    type Config: serde::Serialize + serde::de::DeserializeOwned + schemars::JsonSchema + Default + 'static;
    /// A fresh descent.
    ///
    /// # Errors
    /// [`Error::Invalid`], naming field, value and what is valid; what naming another descent wrongly gives.
    fn new(config: Self::Config, space: &Space) -> Result<Self>;
    /// State size: numbers per parameter.
    ///
    /// # Errors
    /// What naming another descent wrongly gives.
    fn state_per_parameter(config: &Self::Config) -> Result<f64>;

    /// Does it [steer](Descent::steer) a model that holds the point itself?
    fn in_place(_config: &Self::Config) -> bool {
        false
    }

    /// Does it [remember](Descent::remembered) a point, which is evaluated once more in every step of a stochastic objective?
    ///
    /// # Errors
    /// What naming another descent wrongly gives.
    fn remembers(_config: &Self::Config) -> Result<bool> {
        Ok(false)
    }
}

/// One registered descent.
pub struct DescentEntry {
    /// The name it is looked up by.
    pub id: &'static str,
    /// One sentence.
    pub summary: &'static str,
    pub(crate) schema: fn() -> Arc<Value>,
    /// The settings with their defaults.
    pub(crate) whole: Whole,
    pub(crate) state: fn(&Map<String, Value>) -> Result<f64>,
    pub(crate) remembers: fn(&Map<String, Value>) -> Result<bool>,
    pub(crate) in_place: fn(&Map<String, Value>) -> Result<bool>,
    pub(crate) build: Build,
}

type Whole = fn(&Map<String, Value>) -> Result<Map<String, Value>>;
type Build = fn(&Map<String, Value>, &Space) -> Result<Box<dyn Descent>>;

inventory::collect!(DescentEntry);

impl DescentEntry {
    /// The entry of a descent; [`register_descent!`](crate::register_descent) submits it.
    pub const fn of<D: NamedDescent>() -> Self {
        Self {
            id: D::ID,
            summary: D::SUMMARY,
            schema: settings::schema::<D::Config>,
            whole: |settings| settings::whole::<D::Config>(D::ID, settings),
            state: |settings| D::state_per_parameter(&settings::resolve(D::ID, settings)?),
            remembers: |settings| D::remembers(&settings::resolve(D::ID, settings)?),
            in_place: |settings| Ok(D::in_place(&settings::resolve(D::ID, settings)?)),
            build: |settings, space| Ok(Box::new(D::new(settings::resolve(D::ID, settings)?, space)?)),
        }
    }

    /// The JSON schema of its settings.
    pub fn schema(&self) -> Arc<Value> {
        (self.schema)()
    }
}

/// Registers a [`NamedDescent`].
#[macro_export]
macro_rules! register_descent {
    ($descent:ty) => {
        $crate::__private::inventory::submit! { $crate::optimizer::descent::DescentEntry::of::<$descent>() }
    };
}

/// Registers a [`NamedDescent`] under another name, with other defaults.
macro_rules! preset_descent {
    ($id:literal, $summary:literal, $descent:ty, $settings:tt) => {
        const _: () = {
            type Settings = serde_json::Map<String, serde_json::Value>;
            type Config = <$descent as $crate::optimizer::descent::NamedDescent>::Config;
            fn defaults() -> Settings {
                serde_json::json!($settings).as_object().cloned().unwrap_or_default()
            }
            fn filled(given: &Settings) -> $crate::Result<Config> {
                let mut all = defaults();
                all.extend(given.clone());
                $crate::optimizer::settings::resolve($id, &all)
            }
            inventory::submit! { $crate::optimizer::descent::DescentEntry {
                id: $id,
                summary: $summary,
                schema: || $crate::optimizer::settings::with_defaults(&$crate::optimizer::settings::schema::<Config>(), &defaults()),
                whole: |settings| $crate::optimizer::settings::written(&filled(settings)?),
                state: |settings| <$descent as $crate::optimizer::descent::NamedDescent>::state_per_parameter(&filled(settings)?),
                remembers: |settings| <$descent as $crate::optimizer::descent::NamedDescent>::remembers(&filled(settings)?),
                in_place: |settings| Ok(<$descent as $crate::optimizer::descent::NamedDescent>::in_place(&filled(settings)?)),
                build: |settings, space| Ok(Box::new(<$descent as $crate::optimizer::descent::NamedDescent>::new(filled(settings)?, space)?)),
            } }
        };
    };
}
pub(crate) use preset_descent;

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
    build_part("descent", spec, space)
}

/// Builds the descent that the setting `field` names.
fn build_part(field: &str, spec: &Spec, space: &Space) -> Result<Box<dyn Descent>> {
    find(&spec.name).and_then(|entry| (entry.build)(&spec.settings, space)).map_err(|e| e.within(field))
}

/// The spec with everything said that it leaves to the length of the run, of as many steps as `steps` says: see
/// [`registry::planned`](crate::optimizer::registry::planned).
pub(crate) fn planned(spec: &Spec, steps: &dyn Fn(&str) -> Result<u64>) -> Result<Spec> {
    let entry = find(&spec.name)?;
    let part = |_: &str, _: Named, part: &Spec| if find(&part.name).is_ok() { planned(part, steps) } else { Ok(part.clone()) };
    let whole = (entry.whole)(&spec.settings)?;
    Ok(Spec { name: spec.name.clone(), settings: horizon::completed(&spec.settings, &whole, &entry.schema(), steps, &part)? })
}

/// The dotted paths of what the length of the run fills.
///
/// # Errors
/// [`Error::Unknown`] or [`Error::Invalid`].
pub fn left_to_the_horizon(spec: &Spec) -> Result<Vec<String>> {
    let entry = find(&spec.name)?;
    let part = |_: Named, part: &Spec| if find(&part.name).is_ok() { left_to_the_horizon(part) } else { Ok(vec![]) };
    horizon::open(&(entry.whole)(&spec.settings)?, &entry.schema(), &part)
}

/// The schema of its settings, and all of them, those by default too.
pub(crate) fn described(spec: &Spec) -> Result<(Arc<Value>, Map<String, Value>)> {
    let entry = find(&spec.name)?;
    Ok((entry.schema(), (entry.whole)(&spec.settings)?))
}

/// State size of the descent a spec names: numbers per parameter.
///
/// # Errors
/// [`Error::Unknown`] or [`Error::Invalid`], naming what stands below `descent`.
pub fn state_per_parameter(spec: &Spec) -> Result<f64> {
    state_of_part("descent", spec)
}

fn state_of_part(field: &str, spec: &Spec) -> Result<f64> {
    find(&spec.name).and_then(|entry| (entry.state)(&spec.settings)).map_err(|e| e.within(field))
}

/// Does the descent that a spec names [steer](Descent::steer) a model that holds the point itself?
///
/// # Errors
/// [`Error::Unknown`] or [`Error::Invalid`], naming what stands below `descent`.
pub fn in_place(spec: &Spec) -> Result<bool> {
    find(&spec.name).and_then(|entry| (entry.in_place)(&spec.settings)).map_err(|e| e.within("descent"))
}

/// Does the descent that the setting `field` names [remember](Descent::remembered) a point, which is evaluated once more in every step of a
/// stochastic objective?
///
/// # Errors
/// [`Error::Unknown`] or [`Error::Invalid`], naming what stands below `field`.
pub fn remembers(field: &str, spec: &Spec) -> Result<bool> {
    find(&spec.name).and_then(|entry| (entry.remembers)(&spec.settings)).map_err(|e| e.within(field))
}
