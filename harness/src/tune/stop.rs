//! Whether a trial that is under way is worth its while, by the losses that it prints.
//!
//! ```text
//! y_is     the s-th loss of trial i;  n: those that are compared
//! median   stops i after s losses where min_{r ≤ s} y_ir > median_j (1/s) Σ_{r ≤ s} y_jr      j: trials that ended by themselves, after s losses or more
//! asha     stops i after s = 1, 3, 9, 27, .. losses where not among the ⌈n/3⌉ lowest y_js     j: all trials that have come as far, i too
//! ```
//!
//! Sources: the median rule of Golovin et al. 2017, "Google Vizier: a service for black-box optimization", doi:10.1145/3097983.3098043; successive
//! halving without waiting, Li et al. 2018, "A system for massively parallel hyperparameter tuning", arXiv:1810.05934, which pauses trials and takes them up
//! again: here, as programs cannot be taken up, what would be paused is stopped.
//! Nothing is stopped before five trials have ended by themselves, nor where none of these has printed more losses: it is about to end.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::log::Trial;

/// By what rule trials are stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// What was never as low as others were on average.
    Median,
    /// What is not in the lowest third, after 1, 3, 9, .. losses.
    Asha,
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "median" => Ok(Self::Median),
            "asha" => Ok(Self::Asha),
            _ => Err("write median or asha".into()),
        }
    }
}

/// So many trials end by themselves before one is stopped.
const FIRST: usize = 5;
/// η: one of so many goes on, and each time so many times as far.
const ETA: usize = 3;

/// What is known of all trials.
#[derive(Debug)]
pub(super) struct Judge {
    rule: Rule,
    /// Of those that ended by themselves, how low their first s losses were on average, for every s.
    ended: Vec<Vec<f64>>,
    /// The losses of all that came as far as 1, 3, 9, ..
    rungs: Vec<Vec<f64>>,
}

/// Which losses of a trial have been judged.
#[derive(Debug, Default)]
pub(super) struct Judged(usize);

impl Judge {
    pub(super) fn new(rule: Rule) -> Self {
        Self { rule, ended: vec![], rungs: vec![] }
    }

    /// A trial of an earlier run.
    pub(super) fn remember(&mut self, trial: &Trial) {
        self.ended(trial, &Judged::default());
    }

    /// A trial that has ended, of which so many losses had been judged: the others count too, as they do for a run that goes on.
    pub(super) fn ended(&mut self, trial: &Trial, judged: &Judged) {
        let losses = numbers(trial);
        (judged.0 + 1..=losses.len()).for_each(|s| self.climb(s, losses[s - 1]));
        if trial.finished() {
            self.ended.push(averages(&losses));
        }
    }

    /// Is there nothing to hope for from a trial with these losses so far?
    pub(super) fn is_hopeless(&mut self, losses: &[f64], judged: &mut Judged) -> bool {
        let new = judged.0 + 1..=losses.len();
        judged.0 = losses.len();
        let mut hopeless = false;
        for s in new {
            let losses = &losses[..s];
            self.climb(s, orderly(losses[s - 1]));
            hopeless |= self.is_hopeless_after(losses);
        }
        hopeless
    }

    fn is_hopeless_after(&self, losses: &[f64]) -> bool {
        let s = losses.len();
        if self.ended.len() < FIRST || self.ended.iter().all(|ended| ended.len() <= s) {
            return false;
        }
        match self.rule {
            Rule::Median => {
                let lowest = losses.iter().copied().map(orderly).fold(f64::INFINITY, f64::min);
                median(self.ended.iter().filter_map(|ended| ended.get(s - 1)).copied().collect())
                    .is_some_and(|median| lowest > median)
            }
            Rule::Asha => rung(s).and_then(|rung| self.rungs.get(rung)).is_some_and(|there| {
                let own = orderly(losses[s - 1]);
                there.iter().filter(|other| **other < own).count() >= there.len().div_ceil(ETA)
            }),
        }
    }

    fn climb(&mut self, s: usize, loss: f64) {
        if let Some(rung) = rung(s) {
            self.rungs.resize(self.rungs.len().max(rung + 1), vec![]);
            self.rungs[rung].push(loss);
        }
    }
}

/// k, where s is 3 to the power of k.
fn rung(s: usize) -> Option<usize> {
    let k = s.checked_ilog(ETA)?;
    (ETA.checked_pow(k) == Some(s)).then_some(k as usize)
}

fn numbers(trial: &Trial) -> Vec<f64> {
    trial.losses.iter().map(|loss| orderly(loss.unwrap_or(f64::NAN))).collect()
}

/// What was no number is worse than any.
fn orderly(loss: f64) -> f64 {
    if loss.is_nan() { f64::INFINITY } else { loss }
}

/// Of the first, of the first two, and so on.
fn averages(losses: &[f64]) -> Vec<f64> {
    let mut sum = 0.0_f64;
    let average = |(i, loss): (usize, &f64)| {
        sum += loss;
        sum / (i + 1) as f64
    };
    losses.iter().enumerate().map(average).collect()
}

/// The upper one of the two in the middle; `None` of fewer than it takes to judge.
fn median(mut of: Vec<f64>) -> Option<f64> {
    of.sort_by(f64::total_cmp);
    if of.len() < FIRST { None } else { of.get(of.len() / 2).copied() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(losses: &[f64], stopped: bool) -> Trial {
        let losses = losses.iter().map(|loss| Some(*loss)).collect();
        Trial {
            trial: 1,
            settings: Default::default(),
            loss: Some(1.0),
            failed: None,
            seconds: 1.0,
            asked: None,
            stopped,
            losses,
        }
    }

    fn judge(rule: Rule, trials: &[&[f64]]) -> Judge {
        let mut judge = Judge::new(rule);
        trials.iter().for_each(|losses| judge.remember(&trial(losses, false)));
        judge
    }

    const FIVE: [&[f64]; 5] = [&[9.0, 1.0, 0.0], &[9.0, 3.0, 0.0], &[9.0, 5.0, 0.0], &[9.0, 7.0, 0.0], &[9.0, 9.0, 0.0]];

    #[test]
    fn the_median_rule_compares_the_lowest_with_averages() {
        // The averages of the first two are 5, 6, 7, 8, 9.
        let mut five = judge(Rule::Median, &FIVE);
        let mut is_hopeless = |losses: &[f64]| five.is_hopeless(losses, &mut Judged::default());
        assert!(!is_hopeless(&[9.0]) && is_hopeless(&[9.5]) && is_hopeless(&[f64::NAN]));
        assert!(!is_hopeless(&[9.0, 7.0]) && is_hopeless(&[9.0, 7.5]) && !is_hopeless(&[6.0, 20.0]));
        assert!(is_hopeless(&[9.0, 7.5, 0.0]), "what was judged when it had two");
        let mut judged = Judged::default();
        assert!(!five.is_hopeless(&[1.0], &mut judged) && !five.is_hopeless(&[1.0, 2.0, 1e9], &mut judged), "about to end");
        assert!(!judge(Rule::Median, &FIVE[..4]).is_hopeless(&[1e9], &mut Judged::default()), "too few have ended");
    }

    #[test]
    fn halving_lets_a_third_go_on() {
        let ended: Vec<Vec<f64>> = (0..5).map(|i| (0..12).map(|s| f64::from(i * s)).collect()).collect();
        let ended: Vec<&[f64]> = ended.iter().map(Vec::as_slice).collect();
        // After three losses there are 0, 2, 4, 6, 8: of six with the new one, the lowest two go on.
        let after_three = |own: f64| judge(Rule::Asha, &ended).is_hopeless(&[0.0, 0.0, own], &mut Judged::default());
        assert!(!after_three(1.0) && !after_three(-1.0) && after_three(3.0) && after_three(f64::NAN));
        let after_two = judge(Rule::Asha, &ended).is_hopeless(&[0.0, 1e9], &mut Judged::default());
        assert!(!after_two, "two is no power of three");
        // Those that are under way, or were stopped, count too.
        let mut judge = judge(Rule::Asha, &ended);
        judge.remember(&trial(&[0.0, 0.0, 0.5], true));
        assert!(!judge.is_hopeless(&[0.0, 0.0, 0.6], &mut Judged::default()), "the third of seven");
        assert!(judge.is_hopeless(&[0.0, 0.0, 0.7], &mut Judged::default()), "the fourth of eight");
        assert_eq!([1, 2, 3, 9, 26, 27].map(rung), [Some(0), None, Some(1), Some(2), None, Some(3)]);
    }

    #[test]
    fn losses_between_the_last_look_and_the_end_count() {
        let (mut live, mut resumed) = (judge(Rule::Asha, &FIVE), judge(Rule::Asha, &FIVE));
        for stopped in [false, true] {
            let (trial, mut judged) = (trial(&[1.0, 2.0, 3.0], stopped), Judged::default());
            live.is_hopeless(&[1.0], &mut judged);
            live.ended(&trial, &judged);
            resumed.remember(&trial);
        }
        assert_eq!((live.rungs, live.ended), (resumed.rungs, resumed.ended));
    }

    #[test]
    fn averages_are_of_all_that_came_before() {
        assert_eq!(averages(&[2.0, 4.0, 9.0]), [2.0, 3.0, 5.0]);
        assert_eq!(averages(&[2.0, f64::INFINITY, 9.0]), [2.0, f64::INFINITY, f64::INFINITY]);
    }
}
