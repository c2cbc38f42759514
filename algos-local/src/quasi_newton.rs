//! BFGS on finite differences.
//!
//! ```text
//! g_i = (f(x + h_i e_i) − f(x)) / h_i                               h_i = h max(1, |x_i|)
//! A   = coordinates at a wall of which −g points outside
//! p   = −B v,  v_i = g_i where i ∉ A,  v_A such that p_A = 0
//! x'  = P(x + α p)                                                  P: the nearest point inside
//! s   = x' − x,  y = g' − g,  ρ = 1/y's
//! B   ← (I − ρ s y') B (I − ρ y s') + ρ s s'                        where y's > 10⁻¹⁰ |y| |s|
//! ```
#![doc = include_str!("settings/quasi-newton.md")]

mod inverse;
mod line;
mod noise;
mod slope;
#[cfg(test)]
mod tests;

use moths_core::{
    Error, Result, Space,
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
const NOISY_INTERVAL: f64 = 1e-2;
/// How much larger an interval must be to be worth going on.
const LARGER: f64 = 100.0;
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
            .translation(true)
            .monotone(true)
            .beats_random(true)
            .at_walls(true)
            .converges(true)
            .deterministic(true)
            // f64, where the space may be f32.
            .state_per_parameter(4.0)
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
            central: false,
            measured: false,
            failed: 0,
            config: config.clone(),
        })
    }

    fn evaluations_per_step(_config: &QuasiNewtonConfig, space: &Space, stochastic: bool) -> Option<u64> {
        let d = space.fixed().filter(|fixed| !fixed).count() as u64;
        Some(if stochastic { 2 * d + 2 } else { d + 1 })
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
        let p = self.direction(oracle.room())?;
        let line = Line { x: &self.x, f: self.f, g: &self.g, p: &p, resolution: self.resolution() };
        let found = if dot(&self.g, &p) < 0.0 { line.search(oracle)? } else { None };
        let stuck = found.is_none();
        if let Some(trial) = found {
            let (f, g) = self.differences(oracle).at(&trial.x, Some(trial.f), oracle)?;
            let s: Vec<f64> = trial.x.iter().zip(&self.x).map(|(new, old)| new - old).collect();
            let y: Vec<f64> = g.iter().zip(&self.g).map(|(new, old)| new - old).collect();
            self.inverse.update(&s, &y, &self.g);
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

impl QuasiNewtonMethod {
    fn forget(&mut self) {
        self.f = f64::INFINITY;
        (self.central, self.measured, self.failed) = (false, false, 0);
        self.inverse.forget(self.config.reach);
    }

    fn differences(&self, oracle: &Oracle<'_>) -> Differences {
        let interval = match self.config.interval {
            None if oracle.stochastic() => NOISY_INTERVAL,
            _ => self.interval,
        };
        Differences { interval, central: self.central }
    }

    /// A gain that is rounding.
    fn resolution(&self) -> f64 {
        f64::EPSILON * self.f.abs()
    }

    fn direction(&self, room: &Room) -> Result<Vec<f64>> {
        let held = |i: &usize| {
            let ((lower, upper), x, g) = (room.interval(*i), self.x[*i], self.g[*i]);
            g == 0.0 || (x <= lower && g > 0.0) || (x >= upper && g < 0.0)
        };
        let held: Vec<usize> = (0..self.x.len()).filter(held).collect();
        self.inverse.direction(&self.g, &held)
    }

    /// Better slopes, until they promise something; and why going on is pointless, if they do not.
    fn go_on(&mut self, mut stuck: bool, oracle: &mut Oracle<'_>) -> Result<Option<&'static str>> {
        loop {
            let p = self.direction(oracle.room())?;
            if !stuck && -0.5 * dot(&self.g, &p) > self.resolution() {
                return Ok(None);
            }
            stuck = false;
            if !self.central {
                self.central = true;
            } else if !self.inverse.fresh {
                self.inverse.forget(self.inverse.reach);
                continue;
            } else if !self.measured && self.config.interval.is_none() && self.is_noisy(oracle)? {
                self.central = false;
            } else {
                self.forget();
                return Ok(Some("tol-fun: no slope promises more than rounding"));
            }
            (_, self.g) = self.differences(oracle).at(&self.x, Some(self.f), oracle)?;
        }
    }

    /// Are losses so noisy that a much larger interval is better? Then it is taken.
    fn is_noisy(&mut self, oracle: &mut Oracle<'_>) -> Result<bool> {
        self.measured = true;
        let interval = noise::interval(&self.x, self.f, 0.1 * self.interval, oracle)?;
        let larger = interval.filter(|h| *h > LARGER * self.interval);
        self.interval = larger.unwrap_or(self.interval);
        Ok(larger.is_some())
    }

    /// Where x failed: to the lowest of points farther and farther around it.
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
