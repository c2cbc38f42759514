//! Which F and CR have succeeded, and what is tried next.

use moths_core::{persist, rng::Stream};
use rand::RngExt;

/// γ of the Cauchy distribution of F, and σ of the normal one of CR.
const SPREAD: f64 = 0.1;
/// M_CR where only CR = 0 has succeeded: CR stays 0.
const NEVER: f64 = -1.0;
/// What the last entry of jSO's memory always says.
const FIXED: f64 = 0.9;

/// How a memory learns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Learning {
    /// H, how many means are remembered.
    pub(crate) entries: usize,
    /// M_F before anything has been learnt.
    pub(crate) weight: f64,
    /// M_CR before anything has been learnt.
    pub(crate) rate: f64,
    /// c, how much of an entry is replaced by a new mean.
    pub(crate) speed: f64,
    /// Do successes count by how much they gained?
    pub(crate) by_gain: bool,
    /// How CR is averaged.
    pub(crate) rates: Mean,
    /// Does the last entry always say 0.9, 0.9?
    pub(crate) fixed_last: bool,
}

impl Learning {
    /// SHADE's. What came before it, and after, differs in this or that.
    pub(crate) const SHADE: Self =
        Self { entries: 100, weight: 0.5, rate: 0.5, speed: 1.0, by_gain: true, rates: Mean::Arithmetic, fixed_last: false };
}

/// How the CR of successes are averaged; F always by the Lehmer mean Σ w F² / Σ w F.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mean {
    Arithmetic,
    /// Of Lehmer; and where all successes had CR = 0, it stays so.
    Lehmer,
}

/// A trial that was better than its parent, how it was made, and how much better it was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Success {
    pub(crate) weight: f64,
    pub(crate) rate: f64,
    pub(crate) gain: f64,
}

/// M_F and M_CR.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    pub(crate) weights: Vec<f64>,
    pub(crate) rates: Vec<f64>,
    /// The entry that is rewritten next.
    next: usize,
}

persist!(Memory { weights, rates, next in |memory| 0..memory.weights.len() });

impl Memory {
    pub(crate) fn new(learning: &Learning) -> Self {
        Self { weights: vec![learning.weight; learning.entries], rates: vec![learning.rate; learning.entries], next: 0 }
    }

    /// F and CR of one trial; `z` is standard normal.
    pub(crate) fn draw(&self, learning: &Learning, z: f64, stream: &mut Stream) -> (f64, f64) {
        let entry = if self.weights.len() > 1 { stream.random_range(0..self.weights.len()) } else { 0 };
        let fixed = learning.fixed_last && entry + 1 == self.weights.len();
        let (weight, rate) = if fixed { (FIXED, FIXED) } else { (self.weights[entry], self.rates[entry]) };
        let rate = if rate == NEVER { 0.0 } else { (rate + SPREAD * z).clamp(0.0, 1.0) };
        (positive_cauchy(weight, stream.random()), rate)
    }

    pub(crate) fn learn(&mut self, learning: &Learning, successes: &[Success]) {
        if successes.is_empty() {
            return;
        }
        let w = weights(successes, learning.by_gain);
        let sum = |f: &dyn Fn(&Success) -> f64| -> f64 { successes.iter().zip(&w).map(|(s, w)| w * f(s)).sum() };
        let blend = |old: f64, new: f64| (1.0 - learning.speed) * old + learning.speed * new;
        let at = self.next;
        self.weights[at] = blend(self.weights[at], sum(&|s| s.weight * s.weight) / sum(&|s| s.weight));
        let first = sum(&|s| s.rate);
        self.rates[at] = match learning.rates {
            Mean::Arithmetic => blend(self.rates[at], first / sum(&|_| 1.0)),
            Mean::Lehmer if first == 0.0 || self.rates[at] == NEVER => NEVER,
            Mean::Lehmer => blend(self.rates[at], sum(&|s| s.rate * s.rate) / first),
        };
        self.next = (at + 1) % self.weights.len();
    }
}

/// How much each success counts. A gain over a parent that had failed is infinite, and then only such gains count, alike.
fn weights(successes: &[Success], by_gain: bool) -> Vec<f64> {
    let most = successes.iter().fold(0.0, |most: f64, s| most.max(s.gain));
    let share = |s: &Success| match by_gain {
        false => 1.0,
        true if most.is_infinite() => f64::from(u8::from(s.gain == most)),
        true => s.gain / most,
    };
    let shares: Vec<f64> = successes.iter().map(share).collect();
    let sum: f64 = shares.iter().sum();
    shares.into_iter().map(|share| share / sum).collect()
}

/// The quantile `u` of a Cauchy distribution around `centre` given that the value is positive; 1 at most.
///
/// By inversion, so that nothing is ever drawn again.
fn positive_cauchy(centre: f64, u: f64) -> f64 {
    use std::f64::consts::PI;
    let below = 0.5 - libm::atan(centre / SPREAD) / PI;
    let quantile = below + (1.0 - below) * u;
    (centre + SPREAD * libm::tan(PI * (quantile - 0.5))).clamp(f64::EPSILON, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHADE: Learning =
        Learning { entries: 2, weight: 0.5, rate: 0.5, speed: 1.0, by_gain: true, rates: Mean::Arithmetic, fixed_last: false };

    #[test]
    fn cauchy_weights_are_those_of_drawing_until_positive() {
        let mut stream = moths_core::Key::new(1).stream();
        for centre in [0.05, 0.5] {
            let (mut ours, mut theirs) = (vec![], vec![]);
            while theirs.len() < 20_000 {
                let drawn = centre + SPREAD * (std::f64::consts::PI * (stream.random::<f64>() - 0.5)).tan();
                if drawn > 0.0 {
                    theirs.push(drawn.min(1.0));
                    ours.push(positive_cauchy(centre, stream.random()));
                }
            }
            ours.sort_by(f64::total_cmp);
            theirs.sort_by(f64::total_cmp);
            for k in [2000, 5000, 10_000, 15_000, 18_000] {
                assert!((ours[k] / theirs[k] - 1.0).abs() < 0.06, "{centre}, {k}: {} {}", ours[k], theirs[k]);
            }
        }
        assert_eq!((positive_cauchy(0.5, 1.0 - 1e-16), positive_cauchy(0.5, 0.0) > 0.0), (1.0, true));
    }

    #[test]
    fn means_are_weighted_by_gain_and_kept_in_turn() {
        let mut memory = Memory::new(&SHADE);
        let success = |weight, rate, gain| Success { weight, rate, gain };
        memory.learn(&SHADE, &[success(0.4, 0.2, 3.0), success(0.8, 0.6, 1.0)]);
        assert!((memory.weights[0] - (0.75 * 0.16 + 0.25 * 0.64) / (0.75 * 0.4 + 0.25 * 0.8)).abs() < 1e-15);
        assert!((memory.rates[0] - 0.3).abs() < 1e-15);
        assert_eq!((memory.weights[1], memory.next), (0.5, 1));
        memory.learn(&SHADE, &[success(0.4, 0.2, f64::INFINITY), success(0.8, 0.6, 1.0)]);
        assert!((memory.weights[1] - 0.4).abs() < 1e-15);
        assert_eq!((memory.rates[1], memory.next), (0.2, 0));
        memory.learn(&SHADE, &[]);
        assert_eq!(memory.next, 0);
    }

    #[test]
    fn a_memory_of_no_crossover_is_final() {
        let lehmer = Learning { entries: 1, rates: Mean::Lehmer, ..SHADE };
        let mut memory = Memory::new(&lehmer);
        memory.learn(&lehmer, &[Success { weight: 0.5, rate: 0.0, gain: 1.0 }]);
        memory.learn(&lehmer, &[Success { weight: 0.5, rate: 0.9, gain: 1.0 }]);
        assert_eq!(memory.draw(&lehmer, 3.0, &mut moths_core::Key::new(1).stream()).1, 0.0);
    }
}
