//! Probabilities of values that have no order, and their natural gradient within a trust region.
//!
//! ```text
//! G      = Σ_i w_i (c_{i:λ} − q)                         over w_i > 0;  c: 1 where a candidate has the value, else 0
//! v      = G ⊘ √q                                        ‖v‖: the length of G by the Fisher metric
//! q      ← q + δ G/‖v‖
//! β      = δ/√D,   D = Σ_j (K_j − 1)
//! s      ← (1 − β) s + √(β (2 − β)) v/‖v‖
//! γ      ← (1 − β)² γ + β (2 − β)
//! δ      ← δ exp(β (‖s‖²/α − γ)),   √D at most           α = 1.5
//! q_jk   ← max(q_jk, q_min);   q_j ← q_j + (1 − Σ q_j) (q_j − q_min)/Σ (q_j − q_min)
//! ```
//!
//! q: one probability a value, K_j a coordinate; all ⅟K_j at first, with s = 0, γ = 0, δ = 1.

use moths_core::{
    Key,
    persist::{Fields, Persist},
};
use rand::RngExt;

use crate::values::{Levels, Values};

/// How much noise a step takes for a signal.
const ALPHA: f64 = 1.5;
/// The least step, so that δ stays a number.
const LEAST_STEP: f64 = 1e-9;

/// One coordinate.
#[derive(Clone)]
pub(super) struct Choice {
    /// Which.
    pub(super) at: usize,
    levels: Levels,
    /// Where its probabilities begin.
    first: usize,
    /// q_min.
    least: f64,
}

/// The distribution of all of them.
#[derive(Clone)]
pub(super) struct Categorical {
    pub(super) choices: Vec<Choice>,
    /// All probabilities, coordinate by coordinate.
    pub(super) q: Vec<f64>,
    pub(super) s: Vec<f64>,
    pub(super) gamma: f64,
    pub(super) delta: f64,
    /// The levels that were drawn last, candidate by candidate.
    pub(super) drawn: Vec<usize>,
}

impl Persist for Categorical {
    fn visit(&mut self, fields: &mut dyn Fields) -> moths_core::Result<()> {
        fields.field("q", &mut self.q)?;
        fields.field("s", &mut self.s)?;
        fields.within("gamma", &mut self.gamma, 0.0..=1.0)?;
        let most = self.longest();
        fields.within("delta", &mut self.delta, LEAST_STEP..=most)?;
        let sums = self.choices.iter().all(|c| (self.q[c.range()].iter().sum::<f64>() - 1.0).abs() < 1e-6);
        let inside = self.choices.iter().all(|c| self.q[c.range()].iter().all(|q| *q >= 0.5 * c.least));
        if !sums || !inside || self.s.iter().any(|s| !s.is_finite() || s.abs() > 1e6) {
            return Err(fields.refusal("is of no probabilities that could have been".into()));
        }
        Ok(())
    }
}

impl Choice {
    fn range(&self) -> std::ops::Range<usize> {
        self.first..self.first + self.levels.count
    }
}

impl Categorical {
    /// How many probabilities there would be.
    pub(super) fn size(values: &[Values]) -> usize {
        let count = |values: &Values| if let Values::Choices(levels) = values { levels.count } else { 0 };
        values.iter().map(count).fold(0, usize::saturating_add)
    }

    /// All values equally likely; of λ candidates.
    pub(super) fn new(values: &[Values], lambda: usize) -> Self {
        let of = |(at, values): (usize, &Values)| if let Values::Choices(levels) = values { Some((at, *levels)) } else { None };
        let all: Vec<(usize, Levels)> = values.iter().enumerate().filter_map(of).collect();
        let chance = 1.0 - libm::pow(0.73, 1.0 / all.len().max(1) as f64);
        let (mut choices, mut q) = (vec![], vec![]);
        for (at, levels) in all {
            choices.push(Choice { at, levels, first: q.len(), least: chance / (levels.count - 1) as f64 });
            q.resize(q.len() + levels.count, 1.0 / levels.count as f64);
        }
        let drawn = vec![0; lambda * choices.len()];
        Self { s: vec![0.0; q.len()], choices, q, gamma: 0.0, delta: 1.0, drawn }
    }

    /// The levels of all candidates.
    pub(super) fn draw(&mut self, key: Key) {
        let Self { choices, q, drawn, .. } = self;
        if choices.is_empty() {
            return;
        }
        for (k, drawn) in drawn.chunks_exact_mut(choices.len()).enumerate() {
            let mut stream = key.fold(k as u64).stream();
            for (choice, level) in choices.iter().zip(drawn) {
                let mut left: f64 = stream.random();
                let reached = |q: &f64| {
                    left -= q;
                    left < 0.0
                };
                *level = q[choice.range()].iter().position(reached).unwrap_or(choice.levels.count - 1);
            }
        }
    }

    /// The search coordinate of every choice of candidate `k`, and which coordinate it is.
    pub(super) fn coordinates(&self, k: usize) -> impl Iterator<Item = (usize, f64)> {
        let drawn = &self.drawn[k * self.choices.len()..];
        self.choices.iter().zip(drawn).map(|(choice, level)| (choice.at, choice.levels.coordinate(*level)))
    }

    /// The search coordinate of the likeliest value of every choice.
    pub(super) fn likeliest(&self) -> impl Iterator<Item = (usize, f64)> {
        self.choices.iter().map(|choice| {
            let q = &self.q[choice.range()];
            let best = (1..q.len()).fold(0, |best, k| if q[k] > q[best] { k } else { best });
            (choice.at, choice.levels.coordinate(best))
        })
    }

    /// Where the mean has been moved to other values than the likeliest, these are made the likeliest: half of all probability is theirs, and
    /// the rest is shared by all.
    pub(super) fn follow(&mut self, mean: &[f64]) {
        let likeliest = |choice: &Choice| {
            let q = &self.q[choice.range()];
            q.iter().all(|other| *other <= q[choice.levels.at(mean[choice.at])])
        };
        if self.choices.iter().all(likeliest) {
            return;
        }
        for choice in &self.choices {
            let q = &mut self.q[choice.range()];
            let shared = 0.5 / q.len() as f64;
            q.fill(shared);
            q[choice.levels.at(mean[choice.at])] += 0.5;
        }
        self.s.fill(0.0);
        (self.gamma, self.delta) = (0.0, 1.0);
    }

    /// √D, and no step is longer.
    fn longest(&self) -> f64 {
        ((self.q.len() - self.choices.len()) as f64).sqrt().max(1.0)
    }

    /// The next q, from the weights of the candidates drawn last.
    pub(super) fn adapt(&mut self, weights: &[f64]) {
        let g = self.gradient(weights);
        let v: Vec<f64> = g.iter().zip(&self.q).map(|(g, q)| g / q.sqrt()).collect();
        let length = v.iter().map(|v| v * v).sum::<f64>().sqrt();
        if length < 1e-300 {
            return;
        }
        self.q.iter_mut().zip(&g).for_each(|(q, g)| *q += self.delta * g / length);
        let beta = self.delta / self.longest();
        let gain = (beta * (2.0 - beta)).sqrt();
        self.s.iter_mut().zip(&v).for_each(|(s, v)| *s = (1.0 - beta) * *s + gain * v / length);
        // Rounding makes it more than 1, which it never is.
        self.gamma = ((1.0 - beta) * (1.0 - beta) * self.gamma + beta * (2.0 - beta)).min(1.0);
        let signal = self.s.iter().map(|s| s * s).sum::<f64>() / ALPHA;
        self.delta = (self.delta * libm::exp(beta * (signal - self.gamma))).clamp(LEAST_STEP, self.longest());
        self.keep_likely();
    }

    /// G.
    fn gradient(&self, weights: &[f64]) -> Vec<f64> {
        let positive = || weights.iter().enumerate().filter(|(_, w)| **w > 0.0);
        let sum: f64 = positive().map(|(_, w)| w).sum();
        let mut g: Vec<f64> = self.q.iter().map(|q| -sum * q).collect();
        for (k, w) in positive() {
            let drawn = &self.drawn[k * self.choices.len()..];
            self.choices.iter().zip(drawn).for_each(|(choice, level)| g[choice.first + level] += w);
        }
        g
    }

    /// The margin.
    fn keep_likely(&mut self) {
        for choice in &self.choices {
            let (least, q) = (choice.least, &mut self.q[choice.range()]);
            q.iter_mut().for_each(|q| *q = q.max(least));
            let sum: f64 = q.iter().sum();
            let above: f64 = q.iter().map(|q| q - least).sum();
            if above > 0.0 {
                q.iter_mut().for_each(|q| *q += (1.0 - sum) * (*q - least) / above);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two(lambda: usize) -> Categorical {
        let levels = |count| Values::Choices(Levels::new(count, (0.0, 1.0)));
        Categorical::new(&[levels(2), Values::Real(0.0, 1.0), levels(3)], lambda)
    }

    /// By hand: of two candidates the first counts.
    #[test]
    fn the_first_step_is_that_of_the_equations() {
        let mut c = two(2);
        c.drawn = vec![1, 2, 0, 0];
        c.adapt(&[1.0, 0.0]);
        // G = (−½, ½; −⅓, −⅓, ⅔);  ‖v‖² = 2 · ¼/½ + 2 · ⅑/⅓ + (4/9)/⅓ = 1 + 2;  q + G/√3, above q_min = .1456 and .0728.
        let step = 1.0 / 3f64.sqrt();
        let least = 1.0 - 0.73f64.sqrt();
        let plain = [0.5 - 0.5 * step, 0.5 + 0.5 * step];
        assert!(plain[0] > least);
        for (q, expected) in c.q[..2].iter().zip(plain) {
            assert!((q - expected).abs() < 1e-12, "{q} is not {expected}");
        }
        let third = (1.0 - step) / 3.0;
        assert!(third > least / 2.0);
        for (q, expected) in c.q[2..].iter().zip([third, third, 1.0 / 3.0 + 2.0 / 3.0 * step]) {
            assert!((q - expected).abs() < 1e-12, "{q} is not {expected}");
        }
        // β = 1/√3: s = √(β (2 − β)) v/‖v‖ and γ = β (2 − β), so that ‖s‖² = γ, and δ = e^{β γ (1/1.5 − 1)}.
        let gamma = step * (2.0 - step);
        assert!((c.gamma - gamma).abs() < 1e-12);
        assert!((c.delta - (-step * gamma / 3.0).exp()).abs() < 1e-12);
    }

    #[test]
    fn no_value_becomes_unlikely() {
        let mut c = two(1);
        for _ in 0..1000 {
            c.drawn = vec![1, 2];
            c.adapt(&[1.0]);
        }
        let least = 1.0 - 0.73f64.sqrt();
        for (q, expected) in c.q.iter().zip([least, 1.0 - least, least / 2.0, least / 2.0, 1.0 - least]) {
            assert!((q - expected).abs() < 1e-9, "{:?}", c.q);
        }
    }
}
