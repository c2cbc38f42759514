//! Nelder and Mead's simplex, with coefficients that suit the dimension. What to try first on two or three parameters.
//!
//! ```text
//! x_r = c + (c − x_w)                         c: the mean of all d + 1 points but the worst, x_w
//! x_e = c + (1 + 2/d) (c − x_w)               where f_r is the lowest of all; the better of the two is taken
//! x_c = c ± (3/4 − 1/(2d)) (c − x_w)          where f_r is not lower than that of the last but one: outside (+) where f_r < f_w
//! x_i ← x_0 + (1 − 1/d) (x_i − x_0)           where f_c > f_r (outside), f_c ≥ f_w (inside)
//! ```
//!
//! x_0 (the lowest), .., x_d: \[d\]. The first simplex is x, x + e_i times `side`, inwards at a wall, a level at least where values are discrete.
//! Of equal losses the point that was there first stands before. One step is one iteration; it draws no random numbers. `converged`: the
//! simplex is 1e-12 of its first size, or no larger than rounding; or all losses are the same but for rounding, 20 iterations in a row.
//! On a stochastic objective all points are evaluated again in every step, beside the new ones.
//! Source: Nelder & Mead 1965, "A simplex method for function minimization", doi:10.1093/comjnl/7.4.308; Gao & Han 2012, "Implementing the
//! Nelder-Mead simplex algorithm with adaptive parameters", doi:10.1007/s10589-010-9329-3.
//! Differs from the paper: sides are the same in all coordinates and not 5 % of their values; one coordinate has the coefficients of two; points
//! outside the bounds are moved to the nearest inside, so that a simplex may flatten at a wall and miss a minimum on it.
//! Cost per step: 1 or 2 evaluations one after the other, d more in one round when it shrinks, and d + 1 more in the first step and in each on a
//! stochastic objective; O(d²) arithmetic; state of d² + 2 d numbers (f64), twice that of scratch. Dimensions for which the simplex takes
//! more than 1 GiB (d > 11,584) are refused.
//!
//! Take it when there are two to four parameters and few evaluations, with `restart` around it: of bbob's targets in two dimensions it then
//! reaches .63 after 200 evaluations and .80 after 2000, where `cma-es` reaches .37 and .88. Of losses little but the order
//! counts: only where all are equal up to rounding does their size. From
//! five parameters on take `quasi-newton` for smooth functions, `subplex` for noisy ones.
//!
//! Tune first: `side`, 1 where bounds are given, as that is a quarter of an interval, and else about how far the minimum may be.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, Stop, minimize, registry};
//! use moths_local as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 2])?;
//! let kinked = |x: &[f64]| (x[0] - 1.0).abs() + 10.0 * (x[1] - x[0]).abs();
//! let mut optimizer = registry::build(&Spec::new("nelder-mead"), &space, Key::new(1))?;
//! let end = minimize(&mut *optimizer, &mut Function::new(space, kinked), &Stop::evaluations(300))?;
//! assert!(end.tally.lowest < 1e-6);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/nelder-mead.md")]

#[cfg(test)]
mod tests;

use moths_core::{
    Error, Result, Space,
    optimizer::{Capabilities, Family, Meta},
    persist, register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    LocalSearch, Method, Oracle, Room,
    simplex::{Coefficients, Simplex, side_within},
};

/// The most memory that a simplex may take.
const MOST_BYTES: usize = 1 << 30;
/// What is left of the first size where there is nothing left to search.
const TOL_X: f64 = 1e-12;
/// Iterations in a row in which all losses are the same but for rounding.
const FLAT: u64 = 20;

/// Settings of [`NelderMead`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NelderMeadConfig {
    /// The side of the first simplex, in search coordinates.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1e6))]
    pub side: f64,
}

impl Default for NelderMeadConfig {
    fn default() -> Self {
        Self { side: 1.0 }
    }
}

/// Nelder and Mead's simplex. See the [module documentation](self) for equations.
pub type NelderMead = LocalSearch<NelderMeadMethod>;

/// The method of [`NelderMead`].
#[derive(Clone)]
pub struct NelderMeadMethod {
    side: f64,
    x: Vec<f64>,
    simplex: Simplex,
    /// Iterations in a row in which all losses were the same.
    flat: u64,
}

/// Those of Gao and Han; one coordinate has those of two.
fn adapted(d: usize) -> Coefficients {
    let d = d.max(2) as f64;
    Coefficients { expand: 1.0 + 2.0 / d, contract: 0.75 - 0.5 / d, shrink: 1.0 - 1.0 / d }
}

impl Method for NelderMeadMethod {
    const META: Meta = Meta::new(
        "nelder-mead",
        Family::Local,
        "A simplex whose worst point goes through the middle of the others, with coefficients that suit the dimension.",
        "Nelder & Mead 1965, doi:10.1093/comjnl/7.4.308; Gao & Han 2012, doi:10.1007/s10589-010-9329-3",
    )
    .capabilities(
        Capabilities::NONE
            .translation(true)
            .monotone(true)
            .beats_random(true)
            .converges(true)
            .deterministic(true)
            // f64, where the space may be f32.
            .state_per_parameter(6.0)
            .state_per_pair(2.0),
    );
    type Config = NelderMeadConfig;

    fn new(config: &NelderMeadConfig, room: &Room, at: &[f64]) -> Result<Self> {
        let d = room.dim();
        if d.saturating_mul(d + 1).saturating_mul(8) > MOST_BYTES {
            let what = format!("keeps {} points of {d} numbers, more than 1 GiB", d + 1);
            return Err(Error::unsupported("nelder-mead", what));
        }
        Ok(Self { side: config.side, x: at.to_vec(), simplex: Simplex::none(d, d), flat: 0 })
    }

    fn evaluations_per_step(_config: &NelderMeadConfig, space: &Space, stochastic: bool) -> Option<u64> {
        let d = space.fixed().filter(|fixed| !fixed).count() as u64;
        Some(if stochastic { d + 3 } else { 2 })
    }

    fn advance(&mut self, oracle: &mut Oracle<'_>) -> Result<Option<&'static str>> {
        let room = oracle.room();
        let sides: Vec<(usize, f64)> =
            (0..self.x.len()).filter(|i| !room.is_fixed(*i)).map(|i| (i, side_within(room, i, self.x[i], self.side))).collect();
        if sides.is_empty() {
            oracle.loss(&mut self.x)?;
            return Ok(Some("nothing is free"));
        }
        if !self.simplex.exists() {
            self.simplex.begin(&self.x, None, &sides, oracle)?;
        } else if oracle.stochastic() {
            self.simplex.refresh(oracle)?;
        }
        self.simplex.advance(adapted(sides.len()), oracle)?;
        self.x.copy_from_slice(self.simplex.point());
        let said = self.said(oracle);
        if said.is_some() {
            self.forget();
        }
        Ok(said)
    }

    fn point(&self) -> &[f64] {
        &self.x
    }

    fn moved(&mut self, to: &[f64]) {
        self.x.copy_from_slice(to);
        self.forget();
    }
}

impl NelderMeadMethod {
    fn forget(&mut self) {
        self.simplex.clear();
        self.flat = 0;
    }

    /// Why going on is pointless.
    fn said(&mut self, oracle: &Oracle<'_>) -> Option<&'static str> {
        let farthest = self.x.iter().fold(1.0, |most: f64, x| most.max(x.abs()));
        if self.simplex.size() <= (TOL_X * self.side).max(2.0 * oracle.room().epsilon() * farthest) {
            return Some("tol-x: the simplex has become a point");
        }
        if oracle.stochastic() {
            return None;
        }
        self.flat = if self.simplex.is_flat() { self.flat + 1 } else { 0 };
        (self.flat >= FLAT).then_some("tol-fun: all losses are the same but for rounding")
    }
}

persist!(NelderMeadMethod { x, simplex, flat });
register!(NelderMead);
