//! What all strategies share that draw candidates around a mean, and adapt what they draw from.
//!
//! A step is `x_1..x_λ ← sample(m); f_k = f(x_k inside the bounds); w ← weights(f); m ← adapt(m, w)`.
//!
//! A strategy is a [`Distribution`]: its equations and the numbers they keep. The rest is here: the order of a step, what is evaluated
//! where there are bounds, when nothing is learnt, when the search is over. How bounds are met is what [`Distribution::META`] promises:
//!
//! | [`Walls`] | evaluated | learnt | mean |
//! |---|---|---|---|
//! | `Clamp` | the nearest point inside | there | inside: `adapt` sees to it |
//! | `Fold` | the mirror image | as drawn, which the strategy keeps | free; the answer is its mirror image |
//! | `Smooth` | the image under the smooth transform | as drawn | free; the answer is its image |
//!
//! ```
//! use moths_core::{
//!     CowTensor, Function, Key, Result, Space, Stop, fuse, kernel, minimize,
//!     objective::Losses,
//!     optimizer::{Algorithm, Family, Meta, convergence::Spread},
//!     persist,
//!     persist::Clock,
//! };
//! use moths_evolution::{Distribution, DistributionSearch, Generation};
//!
//! /// N(m, σ² I) of 20 candidates: the mean goes to the best of them, and σ shrinks.
//! struct Shrinking { sigma: f64, x: CowTensor }
//!
//! kernel! { fn sample(x: out, m: row, sigma: num, z: normal) {
//!     x = m + sigma * z;
//! } }
//!
//! impl Distribution for Shrinking {
//!     const META: Meta = Meta::new("shrinking", Family::Evolution, "Goes to the best.", "nobody");
//!     type Config = serde_json::Map<String, serde_json::Value>;
//!     type Mean = CowTensor;
//!     fn new(_: Self::Config, space: &Space, _: Key) -> Result<Self> {
//!         Ok(Self { sigma: 1.0, x: space.zeros_for(20)? })
//!     }
//!     fn population(&self) -> usize { 20 }
//!     fn sample(&mut self, m: &CowTensor, clock: &Clock) -> Result<&mut [CowTensor]> {
//!         sample(&mut self.x, m, self.sigma, clock.key())?;
//!         Ok(std::slice::from_mut(&mut self.x))
//!     }
//!     fn weights(&self, losses: &Losses) -> Option<Vec<f64>> {
//!         let (best, _) = losses.best()?;
//!         Some((0..losses.len()).map(|k| if k == best { 1.0 } else { 0.0 }).collect())
//!     }
//!     fn adapt(&mut self, m: &mut CowTensor, weights: &[f64], _: &Generation<'_>) -> Result<()> {
//!         self.sigma *= 0.97;
//!         fuse::weighted_sum(&self.x, weights, m)
//!     }
//!     fn spread(&self, _: &Space) -> Result<Option<&'static str>> { Ok(Spread::same(self.sigma).judge(1.0)) }
//! }
//! persist!(Shrinking { sigma });
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut search = DistributionSearch::<Shrinking>::new(Default::default(), &space, Key::new(1))?;
//! assert!(minimize(&mut search, &mut objective, &Stop::evaluations(5_000))?.tally.lowest < 1e-3);
//! # Ok::<(), moths_core::Error>(())
//! ```

use moths_core::{
    Batch, CowTensor, Error, Key, Objective, Optimizer, Report, Result, Space,
    objective::Losses,
    optimizer::{Algorithm, Capabilities, Meta, Suggestions, convergence::History, settings},
    persist::{Clock, Fields, Persist},
    space::Walls,
    tensor::host,
};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

/// What is particular to a strategy that samples around a mean.
pub trait Distribution: Persist + Send + Sized + 'static {
    /// What it is. Its [`walls`](Capabilities#structfield.walls) say how bounds are met: see the [module documentation](self).
    const META: Meta;
    /// Its settings.
    type Config: Serialize + DeserializeOwned + JsonSchema + Default;
    /// What its mean is kept as: a tensor of the space's dtype, or a list of f64s.
    type Mean: Mean;
    /// What the paper calls the mean, and a saved state.
    const MEAN: &'static str = "m";
    /// How many times more slowly than a full covariance it learns: [`History::patient`].
    const PATIENCE: usize = 1;

    /// A fresh distribution, whatever its mean; the settings are within the ranges of their schema.
    ///
    /// # Errors
    /// [`Error::Invalid`] for settings that contradict each other, naming field, value and what is valid;
    /// [`Error::Unsupported`] for a space that is too large.
    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self>;

    /// What it can do with these settings.
    fn capabilities(_config: &Self::Config) -> Capabilities {
        Self::META.capabilities
    }

    /// λ, candidates a step.
    fn population(&self) -> usize;

    /// The candidates of a step, \[λ, d\] in one tensor or in several, wherever in ℝᵈ they fall: memory of its own, in which they are moved
    /// inside the bounds. Nothing that is saved may change here.
    ///
    /// # Errors
    /// What drawing fails with. The step has then failed.
    fn sample(&mut self, mean: &Self::Mean, clock: &Clock) -> Result<&mut [CowTensor]>;

    /// The same, the last of them these points that others suggest, which are inside the bounds and evaluated as they stand: what is learnt
    /// from them is for the strategy to bound. Never asked unless there are any, and it promises to be
    /// [`suggestible`](Capabilities#structfield.suggestible).
    ///
    /// # Errors
    /// As [`sample`](Self::sample).
    fn sample_beside(&mut self, mean: &Self::Mean, _suggestions: &Suggestions, clock: &Clock) -> Result<&mut [CowTensor]> {
        self.sample(mean, clock)
    }

    /// One weight a candidate. `None`: too many have failed, and nothing is learnt.
    fn weights(&self, losses: &Losses) -> Option<Vec<f64>>;

    /// The next mean and distribution, from the weights of the candidates drawn last.
    ///
    /// # Errors
    /// What changing its tensors fails with.
    fn adapt(&mut self, mean: &mut Self::Mean, weights: &[f64], of: &Generation<'_>) -> Result<()>;

    /// What its deviations say of convergence.
    ///
    /// # Errors
    /// What reading its tensors fails with.
    fn spread(&self, space: &Space) -> Result<Option<&'static str>>;

    /// Whether going on is pointless after this generation: what the deviations say, and else the losses.
    ///
    /// # Errors
    /// As [`spread`](Self::spread).
    fn converged(&self, _mean: &Self::Mean, after: &Generation<'_>, history: &mut History) -> Result<Option<&'static str>> {
        let by_losses = history.judge(after.losses, after.stochastic, after.clock.step + 1);
        Ok(self.spread(after.space)?.or(by_losses))
    }
}

/// A mean \[d\] in ℝᵈ.
pub trait Mean: Persist + Send + Sized {
    /// At this point \[d\].
    ///
    /// # Errors
    /// What reading the point fails with.
    fn at(point: CowTensor) -> Result<Self>;

    /// The point \[d\], in the space's dtype.
    ///
    /// # Errors
    /// [`Error::Tensor`] where candle refuses to make it.
    fn point(&self, space: &Space) -> Result<CowTensor>;
}

impl Mean for CowTensor {
    fn at(point: CowTensor) -> Result<Self> {
        Ok(point)
    }

    fn point(&self, _space: &Space) -> Result<CowTensor> {
        Ok(self.clone())
    }
}

impl Mean for Vec<f64> {
    fn at(point: CowTensor) -> Result<Self> {
        host::to_f64s(&point)
    }

    fn point(&self, space: &Space) -> Result<CowTensor> {
        Ok(space.numbers(&self[..], self.len())?.into())
    }
}

/// Candidates that have losses.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Generation<'a> {
    /// Where they are searched.
    pub space: &'a Space,
    /// When they were drawn.
    pub clock: &'a Clock,
    /// One a candidate; +∞ for those that failed.
    pub losses: &'a Losses,
    /// Will the same points have other losses in the next step?
    pub stochastic: bool,
}

/// A search by the distribution `D`. See the [module documentation](self).
pub struct DistributionSearch<D: Distribution> {
    space: Space,
    clock: Clock,
    pub(crate) mean: D::Mean,
    pub(crate) distribution: D,
    history: History,
    suggestions: Suggestions,
}

impl<D: Distribution> DistributionSearch<D> {
    const WALLS: Walls = D::META.capabilities.walls;

    /// All that follows from the losses of the candidates drawn last.
    pub(crate) fn learn(&mut self, losses: &Losses, stochastic: bool) -> Result<Report> {
        let Self { space, clock, mean, distribution, history, suggestions } = self;
        let generation = Generation { space, clock, losses, stochastic };
        if let Some(weights) = distribution.weights(losses) {
            distribution.adapt(mean, &weights, &generation)?;
        }
        let converged = distribution.converged(mean, &generation, history)?;
        suggestions.clear();
        clock.tick();
        Ok(Report::of(losses).converged(converged))
    }

    /// The mean whose answer is this point inside the bounds.
    fn mean_at(space: &Space, mut point: CowTensor) -> Result<D::Mean> {
        if Self::WALLS == Walls::Smooth {
            space.unsmooth(&mut point)?;
        }
        D::Mean::at(point)
    }

    /// The candidates as they are evaluated.
    fn candidates(&mut self) -> Result<Batch> {
        let Self { mean, distribution, clock, suggestions, .. } = self;
        let x = match suggestions.is_empty() {
            true => distribution.sample(mean, clock)?,
            false => distribution.sample_beside(mean, suggestions, clock)?,
        };
        let mut images;
        let x = if Self::WALLS == Walls::Smooth {
            // They say nothing of where the candidates were drawn, and there these are learnt.
            images = x.to_vec();
            &mut images[..]
        } else {
            x
        };
        x.iter_mut().try_for_each(|x| enter(Self::WALLS, &self.space, x))?;
        Ok(match x {
            [x] => Batch::Dense(x.clone()),
            parts => Batch::Joined(parts.iter().cloned().map(Batch::Dense).collect()),
        })
    }
}

/// Points \[.., d\] of ℝᵈ to points inside the bounds, in place.
fn enter(walls: Walls, space: &Space, points: &mut CowTensor) -> Result<()> {
    match walls {
        Walls::Fold => space.fold(points),
        Walls::Smooth => space.smooth(points),
        _ => space.confine(points),
    }
}

impl<D: Distribution> Algorithm for DistributionSearch<D> {
    const META: Meta = D::META;
    type Config = D::Config;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        let distribution = D::new(config, space, key)?;
        let history = History::new(space.dim(), distribution.population()).patient(D::PATIENCE);
        let history = if Self::WALLS == Walls::Clamp { history.clamped(space) } else { history };
        Ok(Self {
            space: space.clone(),
            clock: Clock::new(key),
            mean: Self::mean_at(space, space.start())?,
            suggestions: Suggestions::at_most(distribution.population(), space),
            distribution,
            history,
        })
    }

    fn capabilities(config: &Self::Config) -> Result<Capabilities> {
        Ok(D::capabilities(config))
    }
}

impl<D: Distribution> Optimizer for DistributionSearch<D> {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let losses = objective.losses(&self.candidates()?)?;
        self.learn(&losses, objective.stochastic())
    }

    fn answer(&self) -> Result<CowTensor> {
        let mut answer = self.mean.point(&self.space)?;
        // A clamped mean is inside already.
        if Self::WALLS != Walls::Clamp {
            enter(Self::WALLS, &self.space, &mut answer)?;
        }
        Ok(answer)
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.mean = Self::mean_at(&self.space, self.space.point(at)?)?;
        self.history.clear();
        self.suggestions.clear();
        Ok(())
    }

    fn suggest(&mut self, points: &Batch) -> Result<()> {
        if !D::META.capabilities.suggestible {
            return Err(Error::unsupported(D::META.id, "takes no suggestions"));
        }
        self.suggestions.add(points, &self.space)
    }
}

impl<D: Distribution> Persist for DistributionSearch<D> {
    /// The fields of the distribution stand beside the others.
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        fields.field("clock", &mut self.clock)?;
        fields.field(D::MEAN, &mut self.mean)?;
        self.distribution.visit(fields)?;
        if D::META.capabilities.suggestible {
            fields.field("suggestions", &mut self.suggestions)?;
        }
        fields.field("history", &mut self.history)
    }
}
