//! Accelerated random search: uniform in a box around the best point that shrinks until something better is found, and then is everything again.
//!
//! ```text
//! y ~ uniform in { |y_j − x_j| ≤ r w_j } ∩ bounds
//! if f(y) < f(x):  x ← y, r ← 1;   else r ← r / c;   if r < ρ: r ← 1
//! ```
//!
//! x, y, w: \[d\]; w_j is the width of the bounds, so that r = 1 is all of them, and `reach` where there are none. Source: Appel, Labarre &
//! Radulović 2003, "On accelerated random search", doi:10.1137/S105262340240063X; c = √2 and ρ = 1e-4 are theirs.
//! Differs from the paper: several candidates may be evaluated in a step, of the radii r, r/c, r/c², ... that as many failures would have led to;
//! the best of them is taken.
//! Minima on a wall are not promised: the box that is searched never becomes smaller than ρ times the whole.
//! Cost per step: `candidates` evaluations in one round, one more when f(x) is not known; 1 number of state per parameter; `candidates` + 1
//! numbers of scratch per parameter, and 3, held throughout, for the box.
//!
//! Take it when a function of few bounded parameters has several basins: after a success, and below `precision`, everything is searched
//! again, where `one-plus-one-es` stays in one basin (BBOB, 1,000 d evaluations: .534 of the targets in 2-D, there .377; .190 in 10-D,
//! there .205).
//!
//! Tune first: `precision`, the lower the more digits and the rarer a new beginning; `contraction`, nearer to 1 for more trials of each
//! radius; where there are no bounds `reach`, so that the minimum lies within it.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_random as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 2])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("accelerated-random-search"), &space, Key::new(1))?;
//! for _ in 0..500 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 1e-3);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/accelerated-random-search.md")]

use candle_core::Tensor;
use moths_core::{
    Batch, CowTensor, Result, Space, kernel,
    optimizer::{Capabilities, Family, Meta},
    persist,
    persist::Clock,
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DirectSearch, Rule, Trial, Verdict};

/// Settings of [`AcceleratedRandomSearch`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AcceleratedRandomSearchConfig {
    /// Candidates a step.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub candidates: usize,
    /// c, what the radius is divided by after a failure.
    #[schemars(extend("exclusiveMinimum" = 1.0), range(max = 1e6))]
    pub contraction: f64,
    /// ρ, the radius at which the search begins anew, as a part of the whole.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1.0))]
    pub precision: f64,
    /// How far the whole reaches from the point where there are no bounds, in search coordinates.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1e6))]
    pub reach: f64,
}

impl Default for AcceleratedRandomSearchConfig {
    fn default() -> Self {
        Self { candidates: 1, contraction: std::f64::consts::SQRT_2, precision: 1e-4, reach: 2.0 }
    }
}

/// Accelerated random search. See the [module documentation](self) for equations.
pub type AcceleratedRandomSearch = DirectSearch<AcceleratedRandomSearchRule>;

/// The rule of [`AcceleratedRandomSearch`].
pub struct AcceleratedRandomSearchRule {
    config: AcceleratedRandomSearchConfig,
    /// \[d\], infinite where there are no bounds.
    lower: Tensor,
    upper: Tensor,
    /// w, \[d\].
    width: Tensor,
    /// r.
    radius: f64,
}

kernel! { fn near(y: out, x: row, width: row, lower: row, upper: row, r: col, u: uniform) {
    let from = max(x - r * width, lower);
    let to = min(x + r * width, upper);
    y = from + (to - from) * u;
} }

impl Rule for AcceleratedRandomSearchRule {
    const META: Meta = Meta::new(
        "accelerated-random-search",
        Family::Random,
        "Uniform in a box around the best point that shrinks with every failure; a success opens it again.",
        "Appel, Labarre & Radulovic 2003, doi:10.1137/S105262340240063X",
    )
    .capabilities(Capabilities::NONE.rank_based(true).translation(true).monotone(true).beats_random(true))
    .size("candidates");
    type Config = AcceleratedRandomSearchConfig;

    fn new(config: Self::Config, space: &Space) -> Result<Self> {
        let (lower, upper): (Vec<f64>, Vec<f64>) = space.intervals().unzip();
        let width = |(lower, upper): (f64, f64)| if (upper - lower).is_finite() { upper - lower } else { config.reach };
        let row = |values| space.numbers(values, space.dim());
        let width = row(space.intervals().map(width).collect())?;
        Ok(Self { lower: row(lower)?, upper: row(upper)?, width, radius: 1.0, config })
    }

    fn candidates(config: &Self::Config, _space: &Space) -> Option<u64> {
        Some(config.candidates as u64)
    }

    fn propose(&mut self, x: &CowTensor, clock: &Clock) -> Result<Batch> {
        let n = self.config.candidates;
        let mut y = CowTensor::new(Tensor::zeros((n, x.elem_count()), x.dtype(), x.device())?);
        let radii: Vec<f64> = (0..n as u64).map(|failures| self.radius_after(failures)).collect();
        let radii = Tensor::from_vec(radii, n, &candle_core::Device::Cpu)?.to_dtype(x.dtype())?.to_device(x.device())?;
        near(&mut y, x, &self.width, &self.lower, &self.upper, &radii, clock.key())?;
        Ok(Batch::Dense(y))
    }

    fn judge(&mut self, trial: &Trial<'_>) -> Result<Verdict> {
        let verdict = trial.if_lower()?;
        self.radius = match verdict {
            Verdict::Go(..) => 1.0,
            Verdict::Stay => self.radius_after(self.config.candidates as u64),
        };
        Ok(verdict)
    }

    fn moved(&mut self, _: &CowTensor) -> Result<()> {
        self.radius = 1.0;
        Ok(())
    }
}

impl AcceleratedRandomSearchRule {
    /// The radius after so many more failures.
    fn radius_after(&self, failures: u64) -> f64 {
        let shrink = |r: f64| if r / self.config.contraction < self.config.precision { 1.0 } else { r / self.config.contraction };
        (0..failures).fold(self.radius, |r, _| shrink(r))
    }
}

persist!(AcceleratedRandomSearchRule { radius });
register!(AcceleratedRandomSearch);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Function, Key, Optimizer, optimizer::Algorithm};

    kernel! { fn uniforms(x: out, u: uniform) { x = u; } }

    /// The rule of the paper in plain numbers, on the same random numbers.
    #[test]
    fn steps_are_those_of_the_paper() {
        let space = Space::bounded([(-1.0, 3.0), (0.0, 2.0)]).unwrap();
        let (f, key) = (|x: &[f64]| (x[0] - 2.9).powi(2) + (x[1] - 0.3).powi(2), Key::new(4));
        let config = AcceleratedRandomSearchConfig { precision: 0.1, ..Default::default() };
        let mut search = <AcceleratedRandomSearch as Algorithm>::new(config, &space, key).unwrap();
        let (mut x, mut r, mut restarts) = ([1.0, 1.0], 1.0f64, 0);
        for step in 0..60 {
            let mut u = space.zeros_for(1).unwrap();
            uniforms(&mut u, key.fold(step)).unwrap();
            let u = u.to_vec2::<f64>().unwrap().remove(0);
            let y = [0, 1].map(|j| {
                let (lo, hi) = [(-1.0, 3.0), (0.0, 2.0)][j];
                let (from, to) = (f64::max(lo, x[j] - r * (hi - lo)), f64::min(hi, x[j] + r * (hi - lo)));
                from + (to - from) * u[j]
            });
            if f(&y) < f(&x) {
                (x, r) = (y, 1.0);
            } else {
                r /= 2f64.sqrt();
                if r < 0.1 {
                    (r, restarts) = (1.0, restarts + 1);
                }
            }
            search.step(&mut Function::new(space.clone(), f)).unwrap();
            let got: Vec<f64> = space.decode(&search.answer().unwrap()).unwrap().to_vec1().unwrap();
            assert!(got.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-12), "step {step}: {got:?} {x:?}");
        }
        assert!(restarts > 0 && f(&x) < 0.1);
    }
}
