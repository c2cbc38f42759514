//! What the losses of a run belong to.

use serde::{Deserialize, Serialize};

use crate::{
    Result,
    optimizer::{Horizon, Optimizer, Spec, registry},
    rng::Key,
    space::Space,
};

/// What a run begins with: an optimizer, its key, and the length it is built for. Equal origins and equal losses give equal runs.
///
/// ```
/// use moths_core::{Horizon, Key, run::Origin, Space, Spec};
///
/// let origin = Origin::new(Spec::new("jso"), Key::new(7)).over(Horizon::evaluations(20_000));
/// # let space = Space::real(3)?;
/// # if moths_core::registry::find("jso").is_err() { return Ok(()) } // this crate alone registers nothing
/// let optimizer = origin.build(&space)?;
/// # Ok::<(), moths_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    spec: Spec,
    key: u64,
    horizon: Option<u64>,
    /// Some methods take fewer steps then: see [`Horizon::on`].
    stochastic: bool,
}

impl Origin {
    /// Of an optimizer that is told nothing of the length of the run.
    pub fn new(spec: impl Into<Spec>, key: Key) -> Self {
        Self { spec: spec.into(), key: key.to_bits(), horizon: None, stochastic: false }
    }

    /// For a run of this length.
    pub fn over(self, horizon: Horizon) -> Self {
        Self { horizon: horizon.length(), stochastic: horizon.is_stochastic(), ..self }
    }

    /// The optimizer.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Its key.
    pub fn key(&self) -> Key {
        Key::from_bits(self.key)
    }

    /// The length it is built for.
    pub fn horizon(&self) -> Horizon {
        Horizon::of(self.horizon, self.stochastic)
    }

    /// The optimizer, if it is registered.
    ///
    /// # Errors
    /// As [`registry::build_for`].
    pub fn build(&self, space: &Space) -> Result<Box<dyn Optimizer>> {
        registry::build_for(&self.spec, space, self.key(), self.horizon())
    }

    /// In what another origin differs from this.
    pub(super) fn difference(&self, other: &Self) -> Option<String> {
        if let Some((setting, ours, theirs)) = registry::difference(&self.spec, &other.spec) {
            return Some(format!("`{setting}` is {ours} there, and {theirs} here"));
        }
        if self.key != other.key {
            return Some(format!("the key is {:#x} there, and {:#x} here", self.key, other.key));
        }
        let length = |horizon: Option<u64>| horizon.map_or_else(|| "not known".to_owned(), |n| n.to_string());
        if self.horizon != other.horizon {
            return Some(format!("the horizon is {} there, and {} here", length(self.horizon), length(other.horizon)));
        }
        let kind = |stochastic| if stochastic { "a stochastic" } else { "a deterministic" };
        (self.stochastic != other.stochastic).then(|| {
            format!("the horizon is on {} objective there, and on {} one here", kind(self.stochastic), kind(other.stochastic))
        })
    }
}
