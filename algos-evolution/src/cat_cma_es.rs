//! CatCMA: CMA-ES for reals and integers, beside probabilities for values that have no order.
//!
//! ```text
//! x_i = (v_i, c_i)                                       v_i ~ N(m, σ² C),  c_ij ~ q_j,   i = 1..λ,   λ = 4 + ⌊3 ln d⌋
//! m, σ, C                                                as in cma-es, from v alone
//! G   = Σ_i w_i (c_{i:λ} − q)                            over w_i > 0, those of cma-es
//! q   ← q + δ G/‖G‖_F                                    ‖G‖_F² = Σ G²/q
//! s   ← (1 − β) s + √(β (2 − β)) G ⊘ √q/‖G‖_F            β = δ/√D,   D = Σ_j (K_j − 1)
//! γ   ← (1 − β)² γ + β (2 − β)
//! δ   ← δ exp(β (‖s‖²/α − γ))                            α = 1.5
//! q   kept above q_min = (1 − 0.73^{1/n})/(K_j − 1)      n: how many have no order
//! ```
//!
//! v: the d − n reals and integers, c: the n flags and categories, each as K_j zeros but for a one where its value is; q, s, G: \[Σ K_j\]; m, σ, C as in
//! [`cma_es`](crate::cma_es), which is asked for all of them. The answer is m and the likeliest values. Where all have an order, it is `cma-es` to the bit.
//! Sources: Hamano, Saito, Nomura, Uchida & Shirakawa 2024, "CatCMA: stochastic optimization for mixed-category problems", arXiv:2405.09962; Hamano, Nomura,
//! Saito, Uchida & Shirakawa 2025, "CatCMA with margin", arXiv:2504.07884 (integers beside both).
//! Differs from the papers: integers have the margin of `cma-es` (α = 1/(λ (d − n)), without centring), bounds are met as there; s is of all K_j
//! probabilities and not of K_j − 1, which is as long; δ is √D at most. After `move_to` half of each q_j is at the values of that point, unless these are the likeliest already.
//! `converged` is said as by `cma-es`, of the reals and integers and of the losses.
//! Cost per step: λ evaluations in one round, O(λ d²) arithmetic; state of 3 (d − n)² + 5 (d − n) + d + 2 Σ K_j numbers (f64).
//!
//! Take it when there are flags or categories that interact, beside reals and integers, and some thousand evaluations. `cma-es` takes
//! flags for integers of two values,
//! which does as well where each matters by itself; with fewer than 300 evaluations take `tpe`.
//!
//! Tune first: `population`, larger where there are many flags or valleys; `sigma` as of `cma-es`.
//!
//! ```
//! use moths_core::{Function, Key, Leaf, Space, Stop, minimize, registry};
//! use moths_evolution as _; // the facade `moths` does this
//!
//! let space = Space::new(vec![Leaf::real("x", [3]).bounds(-5.0, 5.0), Leaf::bool("on", [5])])?;
//! let loss = |v: &[f64]| {
//!     let leading = v[3..].iter().take_while(|on| **on == 1.0).count();
//!     v[..3].iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() + 5.0 - leading as f64
//! };
//! let mut optimizer = registry::build(&"cat-cma-es".parse()?, &space, Key::new(1))?;
//! let end = minimize(&mut *optimizer, &mut Function::new(space, loss), &Stop::evaluations(2_000))?;
//! assert!(end.tally.lowest < 1e-3);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/cat-cma-es.md")]

mod categorical;
#[cfg(test)]
mod tests;

use moths_core::{
    CowTensor, Error, Key, Result, Space,
    objective::Losses,
    optimizer::{Capabilities, Family, Meta, convergence::History},
    persist::{Clock, Fields, Persist},
    register,
    space::Walls,
    tensor::host,
    with_scalar,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    CmaEsConfig, CmaEsDistribution, Distribution, DistributionSearch, Generation, LearningRate, covariance::Constants,
    population_size, values::Values,
};
use categorical::Categorical;

/// Probabilities that are kept, at most.
const MOST: usize = 1 << 24;

/// Settings of [`CatCmaEs`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CatCmaEsConfig {
    /// λ, candidates a step; null: 4 + ⌊3 ln d⌋.
    #[schemars(range(min = 4, max = 1_000_000))]
    pub population: Option<usize>,
    /// σ, the initial deviation of reals and integers in search coordinates.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1e6))]
    pub sigma: f64,
}

impl Default for CatCmaEsConfig {
    fn default() -> Self {
        Self { population: None, sigma: 1.0 }
    }
}

/// CMA-ES with categories. See the [module documentation](self) for equations.
pub type CatCmaEs = DistributionSearch<CatCmaEsDistribution>;

/// The distribution of [`CatCmaEs`].
pub struct CatCmaEsDistribution {
    /// `None` where nothing has an order.
    ordered: Option<Ordered>,
    categorical: Categorical,
    /// Weights where nothing has an order.
    constants: Constants,
    /// Overwritten in every step.
    x: CowTensor,
}

/// The coordinates that have an order.
struct Ordered {
    /// Which.
    at: Vec<usize>,
    /// A space of their own.
    space: Space,
    distribution: CmaEsDistribution,
}

/// What has no order is left out.
fn ordered(space: &Space, values: &[Values], config: CmaEsConfig, key: Key) -> Result<Option<Ordered>> {
    let has_order = |i: &usize| !matches!(values[*i], Values::Choices(_));
    let at: Vec<usize> = (0..values.len()).filter(has_order).collect();
    if at.iter().all(|i| values[*i] == Values::Fixed) {
        return Ok(None);
    }
    let mut first = 0;
    let mut leaves = vec![];
    for leaf in space.leaves().iter().filter(|leaf| !leaf.is_frozen()) {
        leaves.extend(has_order(&first).then(|| leaf.clone().always()));
        first += leaf.len();
    }
    let own =
        if at.len() == values.len() { space.clone() } else { Space::with_dtype(leaves, space.dtype())?.on(space.device())? };
    Ok(Some(Ordered { distribution: CmaEsDistribution::new(config, &own, key)?, space: own, at }))
}

impl Ordered {
    /// The part of a mean that has an order.
    fn part(&self, m: &[f64]) -> Vec<f64> {
        self.at.iter().map(|&i| m[i]).collect()
    }
}

impl Distribution for CatCmaEsDistribution {
    const META: Meta = Meta::new(
        "cat-cma-es",
        Family::Evolution,
        "CMA-ES for reals and integers beside probabilities for flags and categories, which follow their natural gradient.",
        "Hamano et al. 2024, arXiv:2405.09962",
    )
    .capabilities(
        Capabilities::NONE
            .rank_based(true)
            .translation(true)
            .rotation(true)
            .beats_random(true)
            .walls(Walls::Fold)
            .at_walls(true)
            .converges(true)
            .discrete(true)
            // f64, where the space may be f32.
            .state_per_parameter(18.0)
            .state_per_pair(6.0),
    )
    .size("population");
    type Config = CatCmaEsConfig;
    type Mean = Vec<f64>;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        let values = Values::of(space);
        let probabilities = Categorical::size(&values);
        if probabilities > MOST {
            let what = format!("keeps a probability for every choice, at most {MOST} of them, and not {probabilities}");
            return Err(Error::unsupported("cat-cma-es", what));
        }
        let lambda = config.population.unwrap_or_else(|| population_size::logarithmic(space.dim()));
        let inner = CmaEsConfig { population: Some(lambda), sigma: config.sigma, learning_rate: LearningRate::Fixed };
        Ok(Self {
            ordered: ordered(space, &values, inner, key)?,
            categorical: Categorical::new(&values, lambda),
            constants: Constants::full(space.dim(), Some(lambda)),
            x: space.zeros_for(lambda)?,
        })
    }

    fn population(&self) -> usize {
        self.constants.lambda
    }

    fn sample(&mut self, m: &Vec<f64>, clock: &Clock) -> Result<&mut [CowTensor]> {
        let Self { ordered, categorical, x, .. } = self;
        let d = m.len();
        if let Some(ordered) = ordered {
            let part = ordered.part(m);
            let [drawn] = ordered.distribution.sample(&part, clock)? else { return Ok(&mut []) };
            with_scalar!(x.dtype(), T => host::read::<T, _>(drawn, |drawn| host::edit::<T, _>(x, |x| {
                for (x, drawn) in x.chunks_exact_mut(d).zip(drawn.chunks_exact(part.len())) {
                    ordered.at.iter().zip(drawn).for_each(|(&i, drawn)| x[i] = *drawn);
                }
            }))?)?;
        }
        let mut moved = categorical.clone();
        moved.follow(m);
        moved.draw(clock.key().fold(u64::MAX));
        categorical.drawn.clone_from(&moved.drawn);
        with_scalar!(x.dtype(), T => host::edit::<T, _>(x, |x| {
            for (k, x) in x.chunks_exact_mut(d).enumerate() {
                categorical.coordinates(k).for_each(|(i, at)| x[i] = at as T);
            }
        }))?;
        Ok(std::slice::from_mut(x))
    }

    fn weights(&self, losses: &Losses) -> Option<Vec<f64>> {
        match &self.ordered {
            Some(ordered) => ordered.distribution.weights(losses),
            None => self.constants.weights_by_candidate(losses),
        }
    }

    fn adapt(&mut self, m: &mut Vec<f64>, weights: &[f64], of: &Generation<'_>) -> Result<()> {
        if let Some(Ordered { at, space, distribution }) = &mut self.ordered {
            let mut part: Vec<f64> = at.iter().map(|&i| m[i]).collect();
            distribution.adapt(&mut part, weights, &Generation { space, ..*of })?;
            at.iter().zip(part).for_each(|(&i, part)| m[i] = part);
        }
        self.categorical.follow(m);
        self.categorical.adapt(weights);
        self.categorical.likeliest().for_each(|(i, at)| m[i] = at);
        Ok(())
    }

    fn spread(&self, _space: &Space) -> Result<Option<&'static str>> {
        self.ordered.as_ref().map_or(Ok(None), |ordered| ordered.distribution.spread(&ordered.space))
    }

    fn converged(&self, m: &Vec<f64>, after: &Generation<'_>, history: &mut History) -> Result<Option<&'static str>> {
        match &self.ordered {
            Some(ordered) => {
                let after = Generation { space: &ordered.space, ..*after };
                ordered.distribution.converged(&ordered.part(m), &after, history)
            }
            None => Ok(history.judge(after.losses, after.stochastic, after.clock.step + 1)),
        }
    }
}

impl Persist for CatCmaEsDistribution {
    /// What has an order, and what has none.
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        if let Some(ordered) = &mut self.ordered {
            ordered.distribution.visit(fields)?;
        }
        fields.field("categorical", &mut self.categorical)
    }
}

register!(CatCmaEs);
