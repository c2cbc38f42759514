//! Optimizers in a chain: the update of one is the gradient of the next.
//!
//! ```text
//! δ_1 = the step of member 1 from x on f
//! δ_i = the step of member i from x on <g_i, ·>,   g_i = −δ_(i−1),   i = 2..n
//! x ← x + δ_n
//! ```
//!
//! x, δ, g: \[d\]. Only the first member sees f. Every other one is one that needs a gradient, as `backprop` with any descent, and what is made of
//! that: it is given g_i, and where it looks at losses, those of <g_i, ·>, free of charge. What searches by losses is refused there, since a linear
//! function has no lowest point to be found. A member is moved to x ([`Optimizer::move_to`]) before its step, unless that is
//! where it is. An update that is zero, or not finite, is no gradient: the members behind it do not step, and x stays.
//! Source: the founding notes of this project (torchzero's `GradChain`).
//! Differs from the notes: what members keep beside the point is theirs, and is not reset.
//! The point that is reached is not evaluated, as little as that of any method that follows a gradient.
//! Cost per step: the evaluations of the first member; the state of all members and 1 number per parameter; scratch of the members' steps, of a
//! copy of the state they overwrite, and 4 numbers per parameter.
//!
//! Take it when what one method proposes should be smoothed, scaled or clipped by another: momentum, or learning rates of each coordinate, for what
//! has none of its own. With a descent alone behind it `update-to-gradient` is shorter.
//!
//! Tune first: the lengths of the last member's steps, `members.n.descent.rate`; then the first member.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_ensemble as _; // the facade `moths` does this, for all families
//! use moths_random as _;
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! // A random walk whose good steps are followed by Adam.
//! let spec: Spec = r#"{"name": "chain", "members": ["random-walk",
//!     {"name": "backprop", "descent": {"name": "adam", "rate": 0.02}}]}"#.parse()?;
//! let mut optimizer = registry::build(&spec, &space, Key::new(1))?;
//! for _ in 0..1000 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 1.0);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/chain.md")]

use moths_core::{
    CowTensor, Key, Objective, Optimizer, Report, Result, Space, Spec,
    optimizer::{Algorithm, Capabilities, Family, Meta, settings},
    persist,
    persist::atomically,
    register, registry,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    committee::{self, Committee},
    slope::Slope,
};

/// Settings of [`Chain`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChainConfig {
    /// The optimizers, from the one that sees the objective to the one whose update is taken.
    #[schemars(length(min = 2, max = 100))]
    pub members: Vec<Spec>,
}

impl Default for ChainConfig {
    fn default() -> Self {
        let rate = serde_json::json!({ "name": "adamw", "rate": 0.01 });
        let last = Spec { name: "backprop".into(), settings: [("descent".to_owned(), rate)].into_iter().collect() };
        Self { members: vec![Spec::new("spsa"), last] }
    }
}

/// Members of which each follows the update of the one before. See the [module documentation](self).
pub struct Chain {
    committee: Committee,
    space: Space,
}

impl Algorithm for Chain {
    const META: Meta = Meta::new(
        "chain",
        Family::Ensemble,
        "Optimizers in series: the update of one is the gradient of the next.",
        "the founding notes of moths",
    )
    .capabilities(Capabilities::NONE);
    type Config = ChainConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        takes(&config.members)?;
        Ok(Self { committee: Committee::new(&config.members, space, key.fold(1))?, space: space.clone() })
    }

    fn capabilities(config: &Self::Config) -> Result<Capabilities> {
        let first = takes(&config.members)?;
        let all = committee::capabilities(&config.members)?;
        // What the others need, ask and compare is of a linear function. That they undo is not of the loss, and how far they go nobody knows.
        Ok(all
            .needs_gradient(first.needs_gradient)
            .needs_outputs(first.needs_outputs)
            .compares_steps(first.compares_steps)
            .seeds_only(first.seeds_only)
            .rank_based(first.rank_based)
            .monotone(false)
            .beats_random(false))
    }

    fn evaluations_per_step(config: &Self::Config, space: &Space, _: bool) -> Result<Option<u64>> {
        match config.members.first() {
            Some(first) => committee::cost_when_moved("members.0", first, space),
            None => Ok(None),
        }
    }
}

/// What the first can do.
///
/// # Errors
/// For what cannot be a link.
fn takes(members: &[Spec]) -> Result<Capabilities> {
    let Some((first, others)) = members.split_first() else { return Ok(Capabilities::NONE) };
    others.iter().try_for_each(|member| committee::follows_gradients("chain", member).map(drop))?;
    registry::capabilities(first)
}

impl Chain {
    fn attempt(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let mut stride = self.committee.turn(0, objective)?;
        let report = stride.report.clone().converged(None);
        for i in 1..self.committee.len() {
            let Some(gradient) = stride.descended(&self.space)? else { return Ok(report) };
            let mut slope = Slope::new(gradient, &self.committee.at, &self.space)?;
            stride = self.committee.turn(i, &mut slope)?;
        }
        self.committee.move_to(&stride.after)?;
        Ok(report)
    }
}

impl Optimizer for Chain {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        atomically(self, |this| this.attempt(objective))
    }

    fn answer(&self) -> Result<CowTensor> {
        Ok(self.committee.at.clone())
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.committee.move_to(at)
    }
}

persist!(Chain { committee });
register!(Chain);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::committee::script::{at, built, following, is_exact, moving, of, path};
    use moths_core::Function;
    use moths_random as _;

    #[test]
    fn the_update_of_one_is_the_gradient_of_the_next() {
        // Of +4 the second makes +2 and the third half of that and 10.
        let third = following(0.5).with("moves", serde_json::json!([10.0])).unwrap();
        let spec = of("chain", &[moving(&[4.0, -8.0]), following(0.5), third]);
        assert_eq!(path(&mut *built(&spec), |x| x, 2), [(11.0, 1), (19.0, 1)]);
    }

    #[test]
    fn where_nothing_moved_nothing_follows() {
        let second = following(1e-300).with("moves", serde_json::json!([1.0, 2.0])).unwrap();
        let spec = of("chain", &[moving(&[0.0, 4.0]), second]);
        assert_eq!(path(&mut *built(&spec), |x| x, 3), [(0.0, 1), (1.0, 1), (1.0, 1)]);
    }

    /// AdamW by hand: the first step of its length against the sign of the gradient, whatever the size of the update.
    #[test]
    fn backprop_takes_the_gradient_and_searches_are_refused() {
        let adam: Spec = r#"{"name": "backprop", "descent": {"name": "adam", "rate": 0.25}}"#.parse().unwrap();
        let mut chain = built(&of("chain", &[moving(&[4.0]), adam]));
        let report = chain.step(&mut Function::new(Space::real(1).unwrap(), |x: &[f64]| x[0] + 7.0)).unwrap();
        assert!((at(&*chain) - 0.25).abs() < 1e-6 && report.loss == 7.0 && report.evaluations == 1);
        let searched = of("chain", &[moving(&[4.0]), Spec::new("random-walk")]);
        let refused = moths_core::registry::build(&searched, &Space::real(1).unwrap(), Key::new(1));
        assert!(refused.err().unwrap().to_string().contains("random-walk asks for losses"));
    }

    #[test]
    fn it_is_exact() {
        let ids = ["spsa", "backprop", "one-plus-one-es"].map(Spec::new);
        is_exact(&of("chain", &ids[..2]));
        let undone = Spec::new("undo").with("inner", "backprop").unwrap();
        is_exact(&of("chain", &[ids[2].clone(), undone, ids[1].clone()]));
    }

    #[test]
    fn a_chain_has_two_links_or_more() {
        let refused = Chain::new(ChainConfig { members: vec![Spec::new("spsa")] }, &Space::real(1).unwrap(), Key::new(1));
        assert_eq!(refused.err().map(|e| e.to_string()).as_deref(), Some(r#"members = ["spsa"]: a list of 2 to 100"#));
    }
}
