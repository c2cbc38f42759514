//! An estimator under a name of its own.

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Result,
    objective::Objective,
    optimizer::{Capabilities, Descent, Estimate, Estimator, Meta, NamedEstimator, Report, Spec, settings},
    persist::{Fields, Persist},
    rng::Key,
    space::Space,
    tensor::CowTensor,
};

/// A [`NamedEstimator`] under another name: with other defaults, or with fewer settings or others.
///
/// It is implemented for the settings, which say what they are in those of the estimator; the rest is [`PresetEstimator`]. What
/// it can do, and what a step takes, follows from the settings it hands over, and can be said to be less. `META` is best made from that of the estimator, so
/// that promises stand once.
///
/// ```
/// use moths_core::{Function, Key, Space, Spec, register, registry};
/// use moths_core::optimizer::{Descent, GradientDescent, Meta, NamedEstimator, Preset, PresetEstimator};
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
/// # use moths_core::{CowTensor, Objective, Result, Sampler, persist, persist::Clock};
/// # use moths_core::optimizer::{Antithetic, Capabilities, DataDraws, Estimate, Estimator, Family, settings};
/// # #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
/// # #[serde(default)]
/// # pub struct PairsConfig { pub pairs: usize, pub c: f64 }
/// # impl Default for PairsConfig { fn default() -> Self { Self { pairs: 1, c: 0.1 } } }
/// # pub struct PairsEstimator { config: PairsConfig, clock: Clock, space: Space }
/// # persist!(PairsEstimator { clock });
/// # impl Estimator for PairsEstimator {
/// #     fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
/// #         let (key, sampler, draws) = (self.clock.key(), Sampler::Normal, DataDraws::Shared);
/// #         let pairs = Antithetic { key, pairs: self.config.pairs, scale: self.config.c, sampler, draws };
/// #         let losses = objective.losses(&pairs.batch(at, &self.space))?;
/// #         let gradient = pairs.combine(&losses, &self.space)?;
/// #         self.clock.tick();
/// #         Ok(Estimate::new(losses.lowest(), gradient, losses.len() as u64))
/// #     }
/// # }
/// # impl NamedEstimator for PairsEstimator {
/// #     const META: Meta = Meta::new("pairs", Family::Random, "Differences along random directions.", "nobody");
/// #     type Config = PairsConfig;
/// #     fn new(config: PairsConfig, space: &Space, key: Key) -> Result<Self> {
/// #         settings::check(&config)?;
/// #         Ok(Self { config, clock: Clock::new(key), space: space.clone() })
/// #     }
/// #     fn default_descent() -> Spec { Spec::new("sgd") }
/// #     fn evaluations_per_step(config: &PairsConfig, _: &Space) -> Option<u64> { Some(2 * config.pairs as u64) }
/// # }
///
/// /// `PairsEstimator` with eight pairs, of which only the length is a setting.
/// #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
/// #[serde(default)]
/// pub struct EightPairsConfig {
///     /// The length of the perturbation.
///     #[schemars(extend("exclusiveMinimum" = 0.0))]
///     pub c: f64,
/// }
///
/// impl Default for EightPairsConfig {
///     fn default() -> Self {
///         Self { c: 0.01 }
///     }
/// }
///
/// impl Preset for EightPairsConfig {
///     const META: Meta = PairsEstimator::META.id("eight-pairs").summary("Differences along eight random directions.");
///     type Of = PairsEstimator;
///
///     fn settings(self) -> PairsConfig {
///         PairsConfig { pairs: 8, c: self.c }
///     }
/// }
///
/// pub type EightPairs = GradientDescent<PresetEstimator<EightPairsConfig>, Box<dyn Descent>>;
/// register!(EightPairs);
///
/// let space = Space::real(4)?;
/// let mut optimizer = registry::build(&Spec::new("eight-pairs").with("c", 0.1)?, &space, Key::new(1))?;
/// let report = optimizer.step(&mut Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum()))?;
/// assert_eq!(report.evaluations, 16);
/// # Ok::<(), moths_core::Error>(())
/// ```
pub trait Preset: Serialize + DeserializeOwned + JsonSchema + Clone + Default + Send + 'static {
    /// What it is. What it can do is what the estimator can do with these settings: promise that of the default ones.
    const META: Meta;
    /// The estimator it is.
    type Of: NamedEstimator;

    /// What these settings are in those of the estimator.
    fn settings(self) -> <Self::Of as NamedEstimator>::Config;

    /// What it can do, of what the estimator can do with its settings: less, where its own defaults fall short of a promise.
    fn capabilities(of: Capabilities) -> Capabilities {
        of
    }

    /// The descent it has when none is named: that of the estimator, where nothing else is said.
    fn default_descent() -> Spec {
        Self::Of::default_descent()
    }
}

/// The estimator that a [`Preset`] is. Its saved state is that of the estimator.
pub struct PresetEstimator<P: Preset>(P::Of);

impl<P: Preset> NamedEstimator for PresetEstimator<P> {
    const META: Meta = P::META;
    type Config = P;

    fn new(config: P, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        Ok(Self(P::Of::new(config.settings(), space, key)?))
    }

    fn default_descent() -> Spec {
        P::default_descent()
    }

    fn capabilities(config: &P) -> Capabilities {
        P::capabilities(P::Of::capabilities(&config.clone().settings()))
    }

    fn evaluations_per_step(config: &P, space: &Space) -> Option<u64> {
        P::Of::evaluations_per_step(&config.clone().settings(), space)
    }
}

impl<P: Preset> Estimator for PresetEstimator<P> {
    fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
        self.0.estimate(at, objective)
    }

    fn advance(
        &mut self,
        at: &mut CowTensor,
        descent: &mut dyn Descent,
        space: &Space,
        objective: &mut dyn Objective,
    ) -> Result<Report> {
        self.0.advance(at, descent, space, objective)
    }
}

impl<P: Preset> Persist for PresetEstimator<P> {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        self.0.visit(fields)
    }
}
