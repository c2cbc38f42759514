//! BFGS on finite differences: learns the curvature of a smooth function from one gradient a step.
//!
//! ```text
//! g_i = (f(x + h_i e_i) − f(x)) / h_i − h_i D_i / 2                 h_i = h max(1, |x_i|), inwards at an upper wall
//! A   = coordinates at a wall of which −g points outside
//! p   = −B v,  v_i = g_i where i ∉ A,  v_A such that p_A = 0        p = −ℓ g/|g|, p_A = 0, as long as B is not known
//! x'  = P(x + α p)                                                  P: the nearest point inside
//!       α = 1, then the minimum of the parabola through f, g'p and f(x'), until f(x') < f + 10⁻⁴ g'(x' − x);
//!       where that minimum is beyond 2 α: on to it, 4 α at most, as long as f falls
//! s   = x' − x,  y = g' − g (both without D),  ρ = 1/y's
//! B   ← (I − ρ s y') B (I − ρ y s') + ρ s s'                        where y's > 10⁻¹⁰ |y| |s|;  B = 3·10⁴ ℓ/|g| I before the first
//! D_i ← D_i + ρ y_i² − α v_i² / |v's|                               the diagonal of B⁻¹
//! ```
//!
//! x, g, p, v, s, y, D: \[d\]; B: \[d, d\], all of them f64. h is √ε of the search's dtype. One step is one iteration: the line, then the
//! gradient at its end. It draws no random numbers.
//!
//! **The end.** Where the line finds nothing, or the slope promises no more than rounding (g'p/2 ≤ 100 ε |f|), g is taken anew from the
//! same point, by central differences over the same h, (f(x + h_i e_i) − f(x − h_i e_i)) / 2 h_i, with which the search goes on; unless
//! forward ones cannot be off by as much as rounding. Where the line still finds nothing, B is forgotten, and ℓ is the length of the last
//! step; then the noise of the losses is estimated from a table of differences along a line, and where it makes a far larger h the best
//! (8^¼ √(noise/curvature), 100 times as large at least), the search goes on with that one, as it does with models in f32. After that it
//! has converged. Without D and central differences the gap stays at 10⁻⁶ to 10⁻³ on rotated functions of condition 10⁶: forward ones are
//! off by half the curvature of a coordinate times h, and the minimum is then moved by that over the *least* curvature.
//!
//! **Bounds.** p is that of a Newton step in the free coordinates while those in A stay where they are, and the line bends at walls. A
//! point without a loss: the lowest of points around it is gone to, at ten distances. Integers and flags have differences over a level.
//! **Stochastic objectives.** x, x' and both gradients are evaluated on the data of the step, y is the change from one to the other, and
//! nothing but x and B is remembered. Differences are central and over h = 0.1: where every evaluation has noise of its own, of 1 % of the loss,
//! that does well on sphere, ellipsoid and Rosenbrock in ten dimensions (2000 evaluations leave gaps of 6e-6, 0.5 and 20; `cma-es` 3e-12, 9
//! and 6; `spsa` 0.1, 2e4 and 400). A single outlier in a gradient misleads B for some steps. `converged` is never said.
//! Source: Nocedal & Wright 2006, "Numerical optimization", chapters 3, 6 and 8, doi:10.1007/978-0-387-40065-5; Bertsekas 1982, "Projected Newton
//! methods for optimization problems with simple constraints", doi:10.1137/0320018; Moré & Wild 2011, "Estimating computational noise",
//! doi:10.1137/100786125, and 2012, "Estimating derivatives of noisy simulations", doi:10.1145/2168773.2168777.
//! Differs from the sources: B begins far too large, and not as y's/y'y I: a step too far costs a few evaluations, a step too short a
//! gradient (of bbob's targets in ten dimensions .39 instead of .28 are reached after 100 d evaluations, in twenty .32 with 3·10⁴ and .27
//! with 100). The condition on the new slope is not tested, as a gradient costs more than going on along the line until the loss rises.
//! Forward differences are corrected by D. Coordinates at walls are left out by solving for v_A.
//! Cost per step: 1 to 5 evaluations one after the other and d in one round, in the first d + 1 more, 2 d with central differences; of a
//! stochastic objective 4 d + 2 or so; O(d²) arithmetic, O(|A|³) more at walls; state of d² + 3 d numbers (f64), scratch of d² numbers and
//! of the points. Dimensions for which B takes more than 1 GiB (d > 11,585) are refused.
//!
//! Take it when losses are exact and the function is smooth with few valleys, with `restart` around it: from ten parameters up
//! nothing else is as good after 100 d evaluations. It sees neither the second valley nor a step of an integer: take `cma-es` there, `subplex` or
//! `nelder-mead` up to some five parameters.
//!
//! Tune first: nothing; `interval`, where the accuracy of the losses is known; `reach`, where the minimum is known to be near.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, Stop, minimize, registry};
//! use moths_local as _; // the facade `moths` does this
//!
//! let space = Space::real(10)?;
//! let rosenbrock = |x: &[f64]| x.windows(2).map(|x| 100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2)).sum();
//! let mut optimizer = registry::build(&Spec::new("quasi-newton"), &space, Key::new(1))?;
//! let end = minimize(&mut *optimizer, &mut Function::new(space, rosenbrock), &Stop::evaluations(2000))?;
//! assert!(end.tally.lowest < 1e-9);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/quasi-newton.md")]

mod inverse;
mod ladder;
mod line;
mod noise;
mod slope;
#[cfg(test)]
mod tests;

use moths_core::{
    Error, Result,
    optimizer::{Capabilities, Family, Meta},
    persist, register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{LocalSearch, Method, Oracle, Room};
use inverse::{Inverse, dot};
use line::Line;
use slope::Differences;

/// The most memory that B may take.
const MOST_BYTES: usize = 1 << 30;
/// h on a stochastic objective.
const NOISY_INTERVAL: f64 = 0.1;
/// How many times ε |f| a gain may be that is rounding.
const ROUNDING: f64 = 100.0;
/// Radii at which a point that has a loss is looked for around one that has none.
const RADII: u64 = 10;

/// Settings of [`QuasiNewton`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct QuasiNewtonConfig {
    /// h, the interval of forward differences in search coordinates, times max(1, |x_i|); null: √ε of the search's dtype, and larger where losses are noisy.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1e6))]
    pub interval: Option<f64>,
    /// The length of the first step in search coordinates.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1e6))]
    pub reach: f64,
}

impl Default for QuasiNewtonConfig {
    fn default() -> Self {
        Self { interval: None, reach: 2.0 }
    }
}

/// BFGS on finite differences. See the [module documentation](self) for equations.
pub type QuasiNewton = LocalSearch<QuasiNewtonMethod>;

/// The method of [`QuasiNewton`].
#[derive(Clone)]
pub struct QuasiNewtonMethod {
    config: QuasiNewtonConfig,
    x: Vec<f64>,
    /// f(x); +∞ where it is not known.
    f: f64,
    /// Of f(x), as far as it is known.
    g: Vec<f64>,
    inverse: Inverse,
    /// h.
    interval: f64,
    /// What it begins with.
    usual: f64,
    central: bool,
    /// Has the noise been estimated?
    measured: bool,
    /// Radii around x at which all failed.
    failed: u64,
}

impl Method for QuasiNewtonMethod {
    const META: Meta = Meta::new(
        "quasi-newton",
        Family::Local,
        "BFGS on finite differences: learns the curvature from one gradient a step.",
        "Nocedal & Wright 2006, doi:10.1007/978-0-387-40065-5",
    )
    .capabilities(
        Capabilities::NONE
            // Not translation: rounding of slopes over √ε, times a bold B, is seen in the path.
            .monotone(true)
            .beats_random(true)
            .at_walls(true)
            .converges(true)
            .deterministic(true)
            // f64, where the space may be f32.
            .state_per_parameter(6.0)
            .state_per_pair(2.0),
    );
    type Config = QuasiNewtonConfig;

    fn new(config: &QuasiNewtonConfig, room: &Room, at: &[f64]) -> Result<Self> {
        let d = room.dim();
        if d.saturating_mul(d).saturating_mul(8) > MOST_BYTES {
            let what = format!("keeps a matrix of {d} × {d} numbers, more than 1 GiB");
            return Err(Error::unsupported("quasi-newton", what));
        }
        Ok(Self {
            x: at.to_vec(),
            f: f64::INFINITY,
            g: vec![0.0; d],
            inverse: Inverse::new(d, config.reach),
            interval: config.interval.unwrap_or_else(|| room.epsilon().sqrt()),
            usual: config.interval.unwrap_or_else(|| room.epsilon().sqrt()),
            central: false,
            measured: false,
            failed: 0,
            config: config.clone(),
        })
    }

    fn advance(&mut self, oracle: &mut Oracle<'_>) -> Result<Option<&'static str>> {
        if oracle.stochastic() {
            self.f = f64::INFINITY;
        }
        if self.f.is_infinite() {
            (self.f, self.g) = self.differences(oracle).at(&self.x, None, oracle)?;
        }
        if self.f.is_infinite() {
            return self.look_around(oracle);
        }
        self.failed = 0;
        let Way { g, p, v } = self.way(oracle)?;
        let line = Line { x: &self.x, f: self.f, g: &g, p: &p, resolution: self.resolution() };
        let found = if dot(&g, &p) < 0.0 { line.search(oracle)? } else { None };
        let stuck = found.is_none();
        if let Some(trial) = found {
            let (f, g) = self.differences(oracle).at(&trial.x, Some(trial.f), oracle)?;
            let s: Vec<f64> = trial.x.iter().zip(&self.x).map(|(new, old)| new - old).collect();
            let y: Vec<f64> = g.iter().zip(&self.g).map(|(new, old)| new - old).collect();
            let expected = trial.straight.map(|at| v.iter().map(|v| -at * v).collect::<Vec<f64>>());
            self.inverse.update(&s, &y, &self.g, expected.as_deref());
            (self.x, self.f, self.g) = (trial.x, f, g);
        }
        if oracle.stochastic() {
            if stuck {
                self.inverse.forget(0.5 * self.inverse.reach);
            }
            return Ok(None);
        }
        self.go_on(stuck, oracle)
    }

    fn point(&self) -> &[f64] {
        &self.x
    }

    fn moved(&mut self, to: &[f64]) {
        self.x.copy_from_slice(to);
        self.forget();
    }
}

/// Where to go: along p = −B v, from where the slope is g.
struct Way {
    g: Vec<f64>,
    p: Vec<f64>,
    v: Vec<f64>,
}

impl QuasiNewtonMethod {
    fn forget(&mut self) {
        self.f = f64::INFINITY;
        (self.central, self.measured, self.failed) = (false, false, 0);
        self.interval = self.usual;
        self.inverse.forget(self.config.reach);
    }

    fn differences(&self, oracle: &Oracle<'_>) -> Differences {
        let interval = match self.config.interval {
            None if oracle.stochastic() => NOISY_INTERVAL,
            _ => self.interval,
        };
        Differences { interval, central: self.central || oracle.stochastic() }
    }

    /// A gain that is rounding.
    fn resolution(&self) -> f64 {
        ROUNDING * f64::EPSILON * self.f.abs()
    }

    fn way(&self, oracle: &Oracle<'_>) -> Result<Way> {
        let room = oracle.room();
        let g = self.differences(oracle).corrected(&self.g, self.inverse.diagonal(), &self.x, room);
        let held = |i: &usize| {
            let ((lower, upper), x, g) = (room.interval(*i), self.x[*i], g[*i]);
            (x <= lower && g > 0.0) || (x >= upper && g < 0.0)
        };
        let held: Vec<usize> = (0..self.x.len()).filter(held).collect();
        let (p, v) = self.inverse.direction(&g, &held)?;
        Ok(Way { g, p, v })
    }

    /// Where x failed: to the lowest of points around it, nearer from step to step.
    fn look_around(&mut self, oracle: &mut Oracle<'_>) -> Result<Option<&'static str>> {
        let radius = self.config.reach * libm::pow(0.5, self.failed as f64);
        let d = self.x.len();
        let mut points: Vec<f64> = (0..2 * d).flat_map(|_| self.x.iter().copied()).collect();
        for (k, row) in points.chunks_exact_mut(d).enumerate() {
            row[k / 2] += if k % 2 == 0 { radius } else { -radius };
        }
        let losses = oracle.losses(&mut points)?;
        if let Some((k, _)) = losses.best() {
            self.moved(&points[k * d..(k + 1) * d]);
            return Ok(None);
        }
        self.failed = (self.failed + 1) % RADII;
        Ok((self.failed == 0).then_some("failed: nothing around the start has a loss"))
    }
}

persist!(QuasiNewtonMethod { x, f, g, inverse, interval, central, measured, failed in |_| 0..RADII });
register!(QuasiNewton);
