//! What all local searches share: one point in f64, questions to the objective, and a step that changes nothing where it fails.
//!
//! A method is a [`Method`]: where it begins, one iteration of it, and the point it has reached. The search around it clones the method, lets
//! the clone advance, and keeps it when all went well: the method may write to its state whenever it likes. What it remembers of earlier
//! steps it may compare with losses of this one only where the objective is not [stochastic](Oracle::stochastic).
//!
//! ```
//! use moths_core::{Function, Optimizer, Result, Space, optimizer::{Capabilities, Family, Meta}, persist};
//! use moths_local::{LocalSearch, Method, Oracle, Room};
//!
//! /// One coordinate after another, a step up or down, half as long when neither is better.
//! #[derive(Clone)]
//! struct Compass { x: Vec<f64>, length: f64 }
//! persist!(Compass { x, length });
//!
//! impl Method for Compass {
//!     const META: Meta = Meta::new("compass", Family::Local, "Goes down.", "nobody").capabilities(Capabilities::NONE);
//!     type Config = serde_json::Map<String, serde_json::Value>;
//!     fn new(_: &Self::Config, _: &Room, at: &[f64]) -> Result<Self> {
//!         Ok(Self { x: at.to_vec(), length: 1.0 })
//!     }
//!     fn advance(&mut self, oracle: &mut Oracle<'_>) -> Result<Option<&'static str>> {
//!         let mut f = oracle.loss(&mut self.x)?;
//!         let before = f;
//!         for (i, sign) in (0..self.x.len()).flat_map(|i| [(i, -1.0), (i, 1.0)]) {
//!             let mut y = self.x.clone();
//!             y[i] += sign * self.length;
//!             let f_y = oracle.loss(&mut y)?;
//!             if f_y < f {
//!                 (self.x, f) = (y, f_y);
//!             }
//!         }
//!         self.length *= if f < before { 1.0 } else { 0.5 };
//!         Ok((self.length < 1e-12).then_some("tol-x: steps became 1e-12 of the first"))
//!     }
//!     fn point(&self) -> &[f64] {
//!         &self.x
//!     }
//!     fn moved(&mut self, to: &[f64]) {
//!         self.x.copy_from_slice(to);
//!     }
//! }
//!
//! let space = Space::real(2)?;
//! let mut search = LocalSearch::<Compass>::of(Default::default(), &space)?;
//! while search.step(&mut Function::new(space.clone(), |x| (x[0] - 1.0).powi(2) + x[1].powi(2)))?.converged.is_none() {}
//! assert!((search.answer()?.to_vec1::<f64>()?[0] - 1.0).abs() < 1e-9);
//! # Ok::<(), moths_core::Error>(())
//! ```

mod oracle;
mod room;

use moths_core::{
    CowTensor, Key, Objective, Optimizer, Report, Result, Space,
    optimizer::{Algorithm, Capabilities, Meta, settings},
    persist,
    persist::Persist,
    tensor::host,
};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

pub use oracle::Oracle;
pub use room::Room;

/// What is particular to a local search.
pub trait Method: Persist + Clone + Send + Sized + 'static {
    /// What it is.
    const META: Meta;
    /// Its settings.
    type Config: Serialize + DeserializeOwned + JsonSchema + Default;

    /// At rest at the point `at` \[d\], inside the bounds; nothing has been evaluated. The settings are within the ranges of their schema.
    ///
    /// # Errors
    /// [`Error::Invalid`](moths_core::Error::Invalid) for settings that contradict each other, naming field, value and what is valid;
    /// [`Error::Unsupported`](moths_core::Error::Unsupported) for a space that is too large.
    fn new(config: &Self::Config, room: &Room, at: &[f64]) -> Result<Self>;

    /// What it can do with these settings.
    fn capabilities(_config: &Self::Config) -> Capabilities {
        Self::META.capabilities
    }

    /// What an ordinary step takes with these settings: see [`Algorithm::evaluations_per_step`].
    fn evaluations_per_step(_config: &Self::Config, _space: &Space, _stochastic: bool) -> Option<u64> {
        None
    }

    /// One iteration, and why going on is pointless, if it is. Whatever it has written is dropped where it fails.
    ///
    /// # Errors
    /// What the objective fails with.
    fn advance(&mut self, oracle: &mut Oracle<'_>) -> Result<Option<&'static str>>;

    /// The point \[d\] to deploy, inside the bounds.
    fn point(&self) -> &[f64];

    /// The search goes on at another point \[d\], inside the bounds: what belongs to the place that was left is forgotten.
    fn moved(&mut self, to: &[f64]);
}

/// A search by the method `M`. See the [module documentation](self).
pub struct LocalSearch<M> {
    room: Room,
    pub(crate) method: M,
}

impl<M: Method> LocalSearch<M> {
    /// A search with these settings, from where the space starts.
    ///
    /// # Errors
    /// As [`Method::new`], and for settings out of their ranges.
    pub fn of(config: M::Config, space: &Space) -> Result<Self> {
        settings::check(&config)?;
        let room = Room::of(space);
        let method = M::new(&config, &room, &host::to_f64s(&space.start())?)?;
        Ok(Self { room, method })
    }
}

impl<M: Method> Algorithm for LocalSearch<M> {
    const META: Meta = M::META;
    type Config = M::Config;

    fn new(config: Self::Config, space: &Space, _key: Key) -> Result<Self> {
        Self::of(config, space)
    }

    fn capabilities(config: &Self::Config) -> Result<Capabilities> {
        Ok(M::capabilities(config))
    }

    fn evaluations_per_step(config: &Self::Config, space: &Space, stochastic: bool) -> Result<Option<u64>> {
        Ok(M::evaluations_per_step(config, space, stochastic))
    }
}

impl<M: Method> Optimizer for LocalSearch<M> {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let mut oracle = Oracle::new(objective, &self.room);
        let mut method = self.method.clone();
        let converged = method.advance(&mut oracle)?;
        let report = oracle.into_report().converged(converged);
        self.method = method;
        Ok(report)
    }

    fn answer(&self) -> Result<CowTensor> {
        let (point, space) = (self.method.point(), self.room.space());
        Ok(space.numbers(point, point.len())?.into())
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        let at = self.room.space().point(at)?;
        self.method.moved(&host::to_f64s(&at)?);
        Ok(())
    }
}

persist!([M: Method] LocalSearch<M> { method });
