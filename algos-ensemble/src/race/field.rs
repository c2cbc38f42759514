//! Who is still in a race, and what each has seen.

use std::{
    fmt::Write,
    ops::{Range, RangeInclusive},
};

use moths_core::{Report, persist};

/// Rounds that nobody reaches: the mark of who still races.
const RACING: u64 = u64::MAX >> 12;

/// The members of a race, by their places in its list.
pub(super) struct Field {
    /// How many there are: said by the race, of which it is known.
    pub(super) count: usize,
    /// Evaluations.
    used: Vec<u64>,
    /// The lowest loss; of a stochastic objective that of the answer when it was last judged.
    lowest: Vec<f64>,
    /// After which round each fell out; [`RACING`]: it has not.
    out: Vec<u64>,
    converged: Vec<u64>,
    round: usize,
    turn: usize,
    leader: usize,
}

persist!(Field {
    used in |field| field.one_each(),
    lowest in |field| field.one_each(),
    out in |field| field.one_each(),
    converged in |field| field.one_each(),
    round,
    turn in |field| field.place(),
    leader in |field| field.place(),
});

impl Field {
    pub(super) fn of(count: usize) -> Self {
        let (used, lowest) = (vec![0; count], vec![f64::INFINITY; count]);
        Self { count, used, lowest, out: vec![RACING; count], converged: vec![0; count], round: 0, turn: 0, leader: 0 }
    }

    fn one_each(&self) -> RangeInclusive<usize> {
        self.count..=self.count
    }

    fn place(&self) -> Range<usize> {
        0..self.count.max(1)
    }

    /// Whose turn it is.
    pub(super) fn turn(&self) -> usize {
        self.turn
    }

    pub(super) fn round(&self) -> usize {
        self.round
    }

    /// Who is best as far as is known.
    pub(super) fn leader(&self) -> usize {
        self.leader
    }

    /// Those that have not fallen out, in order.
    pub(super) fn racing(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.out.len()).filter(|&i| self.out[i] == RACING)
    }

    /// A member took a step. Losses of data that change are compared when they are [judged](Self::judge), and only then.
    pub(super) fn note(&mut self, i: usize, report: &Report, stochastic: bool) {
        self.used[i] = self.used[i].saturating_add(report.evaluations);
        self.converged[i] = u64::from(report.converged.is_some());
        if stochastic {
            return;
        }
        self.lowest[i] = self.lowest[i].min(report.loss);
        if self.lowest[i] < self.lowest[self.leader] {
            self.leader = i;
        }
    }

    /// The loss of the answer of a member, on data that all are judged on.
    pub(super) fn judge(&mut self, i: usize, loss: f64) {
        self.lowest[i] = loss;
    }

    /// The next turn; has everyone had his share of the round? `limit`: evaluations of a member at its end, none: it has no end.
    pub(super) fn is_over(&mut self, limit: Option<u64>) -> bool {
        let limit = limit.unwrap_or(u64::MAX);
        let goes_on = |i: usize| self.used[i] < limit && self.converged[i] == 0;
        // Who has used least: what one of them solves at once is solved in their number times as many evaluations.
        let next = self.racing().filter(|&i| goes_on(i)).min_by_key(|&i| self.used[i]);
        self.turn = next.unwrap_or(self.turn);
        next.is_none()
    }

    /// A round is over: the better half goes on, after the last of all rounds the best alone, or the best of those that can.
    pub(super) fn halve(&mut self, rounds: usize) {
        let mut order: Vec<usize> = self.racing().collect();
        order.sort_by(|&a, &b| self.lowest[a].total_cmp(&self.lowest[b]));
        self.leader = order.first().copied().unwrap_or(self.leader);
        let last = self.round + 1 >= rounds;
        // Who has converged can do no more: the evaluations go to the best of the others.
        let able = order.iter().position(|&i| self.converged[i] == 0);
        let keep = if last { 1 } else { order.len().div_ceil(2) }.max(able.map_or(0, |able| able + 1));
        order.iter().skip(keep).for_each(|&i| self.out[i] = self.round as u64);
        self.round = (self.round + 1).min(rounds);
        if let Some(next) = order.iter().take(keep).filter(|&&i| self.converged[i] == 0).min() {
            self.turn = *next;
        }
    }

    /// Why going on is pointless: nobody who is left has anything to do.
    pub(super) fn converged(&self) -> Option<&'static str> {
        let all = self.racing().all(|i| self.converged[i] == 1);
        all.then_some("all: every member that is left in the race has converged")
    }

    /// Everyone is somewhere else now.
    pub(super) fn forget(&mut self) {
        self.lowest.fill(f64::INFINITY);
        self.converged.fill(0);
    }

    /// The standings, a line each.
    pub(super) fn told(&self, names: &[String]) -> String {
        let mut told = String::new();
        let alone = self.racing().count() == 1;
        for (i, name) in names.iter().enumerate() {
            let (used, lowest) = (self.used[i], self.lowest[i]);
            let fate = match self.out[i] {
                RACING if self.converged[i] == 1 => "has converged".to_owned(),
                RACING if alone => "has the rest of the run".to_owned(),
                RACING => "races".to_owned(),
                round => format!("fell out after round {}", round.saturating_add(1)),
            };
            // Writing to a string cannot fail.
            let _ = writeln!(told, "`{name}` {fate}; {used} evaluations, lowest {lowest:e}");
        }
        told
    }
}
