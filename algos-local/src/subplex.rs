//! Subplex: Nelder and Mead's simplex on a few coordinates at a time, those together that moved alike.
//!
//! ```text
//! order the coordinates by |Δ_i|, the largest first, and cut the order into subspaces of 2 to 5: the first has the m coordinates for which
//!         Σ_first |Δ| / m − Σ_rest |Δ| / (n − m)                    is largest, and so on with the rest
//! in each subspace: a simplex x, x + s_i e_i, until it is ψ of its first size;  x ← its best point
//! Δ ← x − x of the cycle before
//! s ← s clamp(|Δ|₁ / |s|₁, ω, 1/ω),  or ψ s where there is one subspace only
//! s_i ← |s_i| sign(Δ_i),  or −s_i where Δ_i = 0
//! ```
//!
//! x, Δ, s: \[d\]. The simplex goes as in `nelder-mead` with Nelder and Mead's coefficients: expansion 2, contraction and shrink ½. One
//! step is one iteration in the subspace whose turn it is; it draws no random numbers. `converged`: all |Δ_i| and ψ s_i are 1e-12 of the
//! first side, or rounding; or all losses of a cycle are the same but for rounding. On a stochastic objective the simplex is evaluated
//! again in every step.
//! Source: Rowan 1990, "Functional stability analysis of numerical algorithms", thesis, University of Texas at Austin.
//! Differs from the thesis: the size of a simplex is the largest difference of a coordinate from its best point; a side that leads outside
//! is turned inwards, and points outside are moved to the nearest inside; the criteria of convergence.
//! Cost per step: 1 or 2 evaluations one after the other, up to 5 more when a subspace begins or its simplex shrinks, 6 more on a
//! stochastic objective; O(d log d) arithmetic; state of 10 d numbers (f64), twice that of scratch.
//!
//! Take it when losses are noisy, or have kinks, or there are too many parameters for `nelder-mead`: with noise of 1 % over each evaluation it leaves gaps of
//! 2e-9 on the sphere, 0.2 on the ellipsoid and 5 on Rosenbrock's function in ten dimensions after 2000 evaluations, `cma-es` 3e-12, 9 and 6.
//! Where losses are exact and smooth take `quasi-newton`.
//!
//! Tune first: `side`, 1 where bounds are given, as that is a quarter of an interval, and else about how far the minimum may be.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, Stop, minimize, registry};
//! use moths_local as _; // the facade `moths` does this
//!
//! let space = Space::real(12)?;
//! let bowl = |x: &[f64]| x.iter().enumerate().map(|(i, x)| 2f64.powi(i as i32) * (x - 1.0).powi(2)).sum();
//! let mut optimizer = registry::build(&Spec::new("subplex"), &space, Key::new(1))?;
//! let end = minimize(&mut *optimizer, &mut Function::new(space, bowl), &Stop::evaluations(3000))?;
//! assert!(end.tally.lowest < 1e-9);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/subplex.md")]

#[cfg(test)]
mod tests;

use moths_core::{
    Result,
    optimizer::{Capabilities, Family, Meta},
    persist, register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    LocalSearch, Method, Oracle, Room,
    simplex::{Coefficients, Simplex, side_within},
};

/// Coordinates of a subspace.
const FEWEST: usize = 2;
const MOST: usize = 5;
/// Those of Nelder and Mead.
const COEFFICIENTS: Coefficients = Coefficients { expand: 2.0, contract: 0.5, shrink: 0.5 };
/// What is left of the first side where there is nothing left to search.
const TOL_X: f64 = 1e-12;

/// Settings of [`Subplex`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SubplexConfig {
    /// s, the first side of the simplices, in search coordinates.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1e6))]
    pub side: f64,
    /// ψ, what is left of a simplex when its subspace has had its turn.
    #[schemars(range(min = 0.01, max = 0.9))]
    pub psi: f64,
    /// ω: sides change by this factor at most from cycle to cycle, and by its inverse.
    #[schemars(range(min = 0.01, max = 0.9))]
    pub omega: f64,
}

impl Default for SubplexConfig {
    fn default() -> Self {
        Self { side: 1.0, psi: 0.25, omega: 0.1 }
    }
}

/// Nelder and Mead's simplex in subspaces. See the [module documentation](self) for equations.
pub type Subplex = LocalSearch<SubplexMethod>;

/// The method of [`Subplex`].
#[derive(Clone)]
pub struct SubplexMethod {
    config: SubplexConfig,
    x: Vec<f64>,
    /// f(x); +∞ where it is not known.
    f: f64,
    /// x when the cycle began.
    from: Vec<f64>,
    /// Δ of the cycle before.
    progress: Vec<f64>,
    /// s.
    sides: Vec<f64>,
    /// Which subspace has its turn.
    turn: usize,
    simplex: Simplex,
    /// The first size of this simplex.
    first: f64,
    /// Were all losses of this cycle the same, but for rounding?
    flat: bool,
}

impl Method for SubplexMethod {
    const META: Meta = Meta::new(
        "subplex",
        Family::Local,
        "Nelder and Mead's simplex on a few coordinates at a time, those together that moved alike.",
        "Rowan 1990, Functional stability analysis of numerical algorithms, University of Texas at Austin",
    )
    .capabilities(
        Capabilities::NONE
            .translation(true)
            .monotone(true)
            .beats_random(true)
            .converges(true)
            .deterministic(true)
            // f64, where the space may be f32.
            .state_per_parameter(20.0),
    );
    type Config = SubplexConfig;

    fn new(config: &SubplexConfig, room: &Room, at: &[f64]) -> Result<Self> {
        let d = room.dim();
        Ok(Self {
            x: at.to_vec(),
            f: f64::INFINITY,
            from: at.to_vec(),
            progress: vec![0.0; d],
            sides: vec![config.side; d],
            turn: 0,
            simplex: Simplex::none(d, MOST),
            first: 0.0,
            flat: true,
            config: config.clone(),
        })
    }

    fn advance(&mut self, oracle: &mut Oracle<'_>) -> Result<Option<&'static str>> {
        let subspaces = self.subspaces(oracle.room());
        let Some(axes) = subspaces.get(self.turn).or(subspaces.first()) else {
            oracle.loss(&mut self.x)?;
            return Ok(Some("nothing is free"));
        };
        if !self.simplex.exists() {
            self.begin(axes, oracle)?;
        } else if oracle.stochastic() {
            self.simplex.refresh(oracle)?;
        }
        self.simplex.advance(COEFFICIENTS, oracle)?;
        self.x.copy_from_slice(self.simplex.point());
        self.f = self.simplex.loss();
        self.flat &= self.simplex.is_flat();
        if self.simplex.size() > self.config.psi * self.first {
            return Ok(None);
        }
        self.simplex.clear();
        self.turn += 1;
        Ok(if self.turn < subspaces.len() { None } else { self.end_cycle(subspaces.len(), oracle.room(), oracle.stochastic()) })
    }

    fn point(&self) -> &[f64] {
        &self.x
    }

    fn moved(&mut self, to: &[f64]) {
        self.x.copy_from_slice(to);
        self.forget();
    }
}

impl SubplexMethod {
    fn forget(&mut self) {
        self.from.copy_from_slice(&self.x);
        self.progress.fill(0.0);
        self.sides.fill(self.config.side);
        self.simplex.clear();
        (self.f, self.turn, self.flat) = (f64::INFINITY, 0, true);
    }

    fn begin(&mut self, axes: &[usize], oracle: &mut Oracle<'_>) -> Result<()> {
        let room = oracle.room();
        let sides: Vec<(usize, f64)> = axes.iter().map(|i| (*i, side_within(room, *i, self.x[*i], self.sides[*i]))).collect();
        let known = (self.f.is_finite() && !oracle.stochastic()).then_some(self.f);
        self.simplex.begin(&self.x, known, &sides, oracle)?;
        self.first = self.simplex.size();
        Ok(())
    }

    /// The subspaces of this cycle.
    fn subspaces(&self, room: &Room) -> Vec<Vec<usize>> {
        let mut order: Vec<usize> = (0..self.x.len()).filter(|i| !room.is_fixed(*i)).collect();
        order.sort_by(|i, j| self.progress[*j].abs().total_cmp(&self.progress[*i].abs()));
        let (mut rest, mut subspaces) = (&order[..], vec![]);
        let mut left = order.iter().map(|i| self.progress[*i].abs()).sum();
        while !rest.is_empty() {
            let (first, others) = rest.split_at(self.cut(rest, left));
            left -= first.iter().map(|i| self.progress[*i].abs()).sum::<f64>();
            subspaces.push(first.to_vec());
            rest = others;
        }
        subspaces
    }

    /// How many of the ordered coordinates, whose progress sums up to `whole`, make the next subspace.
    fn cut(&self, order: &[usize], whole: f64) -> usize {
        let n = order.len();
        let gap = |m: usize| {
            let first = order[..m].iter().map(|i| self.progress[*i].abs()).sum::<f64>();
            let rest = if m < n { (whole - first) / (n - m) as f64 } else { 0.0 };
            first / m as f64 - rest
        };
        // What is left must be divisible again.
        let divides = |m: &usize| FEWEST * (n - m).div_ceil(MOST) <= n - m;
        let sizes = (FEWEST..=MOST.min(n)).filter(divides);
        sizes.reduce(|best, m| if gap(m) > gap(best) { m } else { best }).unwrap_or(n.min(MOST))
    }

    /// Other sides, and why going on is pointless.
    fn end_cycle(&mut self, subspaces: usize, room: &Room, stochastic: bool) -> Option<&'static str> {
        self.turn = 0;
        self.progress = self.x.iter().zip(&self.from).map(|(new, old)| new - old).collect();
        self.from.copy_from_slice(&self.x);
        let length = |v: &[f64]| (0..v.len()).filter(|i| !room.is_fixed(*i)).map(|i| v[i].abs()).sum::<f64>();
        let &SubplexConfig { psi, omega, side: first, .. } = &self.config;
        let moved = length(&self.progress) / length(&self.sides);
        let scale = if subspaces > 1 { moved.max(omega).min(1.0 / omega) } else { psi };
        for (side, moved) in self.sides.iter_mut().zip(&self.progress) {
            *side = if *moved == 0.0 { -*side * scale } else { (side.abs() * scale).copysign(*moved) };
        }
        let least = |x: f64| (TOL_X * first).max(2.0 * room.epsilon() * x.abs().max(1.0));
        let still = |i: usize| room.is_fixed(i) || self.progress[i].abs().max(psi * self.sides[i].abs()) <= least(self.x[i]);
        let said = if (0..self.x.len()).all(still) {
            Some("tol-x: sides and steps have vanished")
        } else if self.flat && !stochastic {
            Some("tol-fun: all losses of a cycle are the same but for rounding")
        } else {
            None
        };
        self.flat = true;
        if said.is_some() {
            self.forget();
        }
        said
    }
}

persist!(SubplexMethod { x, f, from, progress, sides, turn, simplex, first, flat });
register!(Subplex);
