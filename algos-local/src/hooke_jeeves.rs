//! Hooke and Jeeves' direct search: a step along every coordinate that helps, and the same way again as long as that helps.
//!
//! ```text
//! y   = x + (x − x⁻)   after a sweep that found a lower point, else x
//! for i = 1..d:        y ← the first of y + s_i h_i e_i, y − s_i h_i e_i that is lower than y, if one is; s_i: the sign that was
//! y lower than x:      x⁻ ← x,  x ← y
//! else:                after a pattern move, the next sweep begins at x; after another, h ← h / 2
//! ```
//!
//! x, x⁻, y, h, s, e_i: \[d\]; h begins with `length` in every coordinate, s with 1. `converged` is said when nothing is lower with the shortest
//! lengths, `tolerance` of the first or four times the distance of neighbouring numbers of the dtype, whichever is more.
//! Source: Hooke & Jeeves 1961, "\"Direct search\" solution of numerical and statistical problems", doi:10.1145/321062.321069.
//! Differs from the paper: a coordinate that is discrete keeps steps of one level when those of others become shorter; a step that ends at the wall
//! where it began is not evaluated; the sign that helped last is tried first, as in later codes of the authors' time.
//! Cost per step: one sweep, d to 2 d evaluations one after another, of d numbers each, and one of x or of the pattern's end beside; of a
//! stochastic objective x is evaluated again in every step. 4 numbers of state per parameter. More than 10,000 dimensions are refused.
//!
//! Take it when there are few parameters, integers and flags among them, the valley lies along the coordinates or is not narrow, and losses
//! are only good for being compared. Evaluations wait for one another: where many can be had at once, take `cma-es`; where the valley is
//! narrow and oblique, too. In runs long enough to converge put `restart` around it.
//!
//! Tune first: `length`, 1 where bounds are given, as that is a quarter of an interval, and else about how far the minimum may be in a
//! coordinate: short ones find the nearest valley, long ones look beyond; `tolerance`, more where restarts should come sooner.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_local as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 3])?;
//! let mut objective = Function::new(space.clone(), |x| (x[0] - 1.0).powi(2) + (x[1] - x[0]).powi(2) + x[2].abs());
//! let mut optimizer = registry::build(&Spec::new("hooke-jeeves"), &space, Key::new(1))?;
//! while optimizer.step(&mut objective)?.converged.is_none() {}
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().zip([1.0, 1.0, 0.0]).all(|(x, best)| (x - best).abs() < 1e-6));
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/hooke-jeeves.md")]

use moths_core::{
    Result, Space,
    optimizer::{Capabilities, Family, Meta},
    persist, register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{LocalSearch, Method, Oracle, Room, sweep::refuse_more_coordinates};

/// Settings of [`HookeJeeves`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HookeJeevesConfig {
    /// The first length of a step, h, in search coordinates.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1e6))]
    pub length: f64,
    /// The shortest length, as a part of the first.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1.0))]
    pub tolerance: f64,
}

impl Default for HookeJeevesConfig {
    fn default() -> Self {
        Self { length: 1.0, tolerance: 1e-9 }
    }
}

/// Direct search. See the [module documentation](self) for equations.
pub type HookeJeeves = LocalSearch<HookeJeevesMethod>;

/// The state of [`HookeJeeves`].
#[derive(Clone)]
pub struct HookeJeevesMethod {
    config: HookeJeevesConfig,
    x: Vec<f64>,
    /// x⁻, where there is a pattern.
    before: Vec<f64>,
    /// Did the last sweep find a lower point?
    pattern: bool,
    /// +∞ until x has been evaluated, and where it failed.
    loss: f64,
    begun: bool,
    h: Vec<f64>,
    s: Vec<f64>,
}

impl Method for HookeJeevesMethod {
    const META: Meta = Meta::new(
        "hooke-jeeves",
        Family::Local,
        "Steps along the coordinates, one after another, and the same way again as long as that helps.",
        "Hooke & Jeeves 1961, doi:10.1145/321062.321069",
    )
    .capabilities(
        Capabilities::NONE
            .deterministic(true)
            .rank_based(true)
            .translation(true)
            .monotone(true)
            .beats_random(true)
            .at_walls(true)
            .converges(true)
            .discrete(true)
            // f64, where the space may be f32.
            .state_per_parameter(8.0),
    );
    type Config = HookeJeevesConfig;

    fn new(config: &Self::Config, room: &Room, at: &[f64]) -> Result<Self> {
        refuse_more_coordinates("hooke-jeeves", at.len())?;
        let mut method = Self {
            config: config.clone(),
            x: at.to_vec(),
            before: at.to_vec(),
            pattern: false,
            loss: f64::INFINITY,
            begun: false,
            h: vec![config.length; at.len()],
            s: vec![1.0; at.len()],
        };
        method.h = (0..at.len()).map(|i| method.shortest(room, i).max(config.length)).collect();
        Ok(method)
    }

    fn evaluations_per_step(_config: &Self::Config, space: &Space, stochastic: bool) -> Option<u64> {
        let searched = space.fixed().filter(|fixed| !fixed).count() as u64;
        Some((2 * searched).max(1) + u64::from(stochastic))
    }

    fn advance(&mut self, oracle: &mut Oracle<'_>) -> Result<Option<&'static str>> {
        if !self.begun || oracle.stochastic() {
            self.loss = oracle.loss(&mut self.x)?;
            self.begun = true;
        }
        let (mut y, mut loss) = (self.x.clone(), self.loss);
        if self.pattern {
            y.iter_mut().zip(&self.before).for_each(|(y, before)| *y += *y - before);
            loss = oracle.loss(&mut y)?;
        }
        self.sweep(oracle, &mut y, &mut loss)?;
        if loss < self.loss {
            self.before = std::mem::replace(&mut self.x, y);
            (self.loss, self.pattern) = (loss, true);
            return Ok(None);
        }
        if std::mem::take(&mut self.pattern) {
            return Ok(None);
        }
        Ok(self.halve(oracle.room()).then_some("tol-x: no step of the shortest length is lower"))
    }

    fn point(&self) -> &[f64] {
        &self.x
    }

    fn moved(&mut self, to: &[f64]) {
        // Lengths that reach back to where the search was, but no more than the first.
        for (h, (x, to)) in self.h.iter_mut().zip(self.x.iter().zip(to)) {
            *h = h.max((x - to).abs().min(self.config.length));
        }
        self.x.copy_from_slice(to);
        (self.loss, self.begun, self.pattern) = (f64::INFINITY, false, false);
    }
}

impl HookeJeevesMethod {
    /// Moves `y`, of this loss, along every coordinate in which a step of its length is lower.
    fn sweep(&mut self, oracle: &mut Oracle<'_>, y: &mut Vec<f64>, loss: &mut f64) -> Result<()> {
        let room = oracle.room();
        for i in (0..y.len()).filter(|i| !room.is_fixed(*i)) {
            for s in [self.s[i], -self.s[i]] {
                let mut candidate = y.clone();
                candidate[i] += s * self.h[i];
                room.confine(&mut candidate);
                if candidate[i] == y[i] {
                    continue;
                }
                let other = oracle.loss(&mut candidate)?;
                if other < *loss {
                    (*y, *loss, self.s[i]) = (candidate, other, s);
                    break;
                }
            }
        }
        Ok(())
    }

    /// Halves the lengths that can be shorter; were there none?
    fn halve(&mut self, room: &Room) -> bool {
        let mut all_shortest = true;
        for i in (0..self.h.len()).filter(|i| !room.is_fixed(*i)) {
            let shortest = self.shortest(room, i);
            all_shortest &= self.h[i] <= shortest;
            self.h[i] = (0.5 * self.h[i]).max(shortest);
        }
        all_shortest
    }

    /// The shortest step of coordinate `i`: a level, or what still makes a difference.
    fn shortest(&self, room: &Room, i: usize) -> f64 {
        let level = 10.0 * room.least_deviation(i);
        if level > 0.0 { level } else { (self.config.tolerance * self.config.length).max(4.0 * room.epsilon() * self.x[i].abs()) }
    }
}

persist!(HookeJeevesMethod { x, before, pattern, loss, begun, h, s });
register!(HookeJeeves);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Function, Optimizer};

    fn steps(
        f: impl FnMut(&[f64]) -> f64 + Clone + Send + Sync + 'static,
        space: &Space,
        count: usize,
    ) -> (Vec<Vec<f64>>, Vec<u64>) {
        let mut search = HookeJeeves::of(HookeJeevesConfig::default(), space).unwrap();
        let mut objective = Function::new(space.clone(), f);
        let step = |_| {
            let report = search.step(&mut objective).unwrap();
            (search.answer().unwrap().to_vec1().unwrap(), report.evaluations)
        };
        (0..count).map(step).unzip()
    }

    /// Of |x_1 − 3| + |x_2 + 1| from 0: up and down the coordinates, the pattern twice, the pattern too far, and back to the base.
    #[test]
    fn sweeps_and_patterns_are_those_worked_out_by_hand() {
        let (points, evaluations) = steps(|x| (x[0] - 3.0).abs() + (x[1] + 1.0).abs(), &Space::real(2).unwrap(), 4);
        // x_1 + 1 helps; x_2 + 1 does not, x_2 − 1 does; x_1 and x_2 each once.
        assert_eq!(points[0], [1.0, -1.0]);
        // The pattern leads to (2, −2); x_1 + 1 helps, x_2 − 1 does not, x_2 + 1 does.
        assert_eq!(points[1], [3.0, -1.0]);
        // The pattern leads to (5, −1): x_1 + 1 and x_2 ± 1 do not help, x_1 − 1 does, but that is no lower than the base.
        assert_eq!((&points[2][..], &points[3][..]), (&[3.0, -1.0][..], &[3.0, -1.0][..]));
        assert_eq!(evaluations, [4, 4, 5, 4]);
    }
}
