//! Ages, bad streaks and deaths.

use moths_core::persist;

/// The lives of the members, one a place.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Lives {
    /// Which life each is.
    pub(super) numbers: Vec<u64>,
    /// Steps since their births.
    pub(super) ages: Vec<u64>,
    /// Steps since they were the best last, or old enough to be bad.
    pub(super) streaks: Vec<u64>,
    /// How many there were ever.
    pub(super) born: u64,
}

persist!(Lives {
    numbers in |_| 1..=super::MOST,
    ages in |lives| lives.numbers.len()..=lives.numbers.len(),
    streaks in |lives| lives.numbers.len()..=lives.numbers.len(),
    born,
});

impl Lives {
    /// The founders.
    pub(super) fn of(n: usize) -> Self {
        Self { numbers: (0..n as u64).collect(), ages: vec![0; n], streaks: vec![0; n], born: n as u64 }
    }

    /// A step is over, in which this one was the best.
    pub(super) fn grow(&mut self, best: usize, old: Option<u64>) {
        for (i, (age, streak)) in self.ages.iter_mut().zip(&mut self.streaks).enumerate() {
            *age += 1;
            let bad = i != best && old.is_some_and(|old| *age > old);
            *streak = if bad { *streak + 1 } else { 0 };
        }
    }

    /// Somebody is born at a place, which may be a new one; gives the number of the life.
    pub(super) fn bear(&mut self, place: usize) -> u64 {
        if place == self.numbers.len() {
            self.numbers.push(0);
            self.ages.push(0);
            self.streaks.push(0);
        }
        (self.numbers[place], self.ages[place], self.streaks[place]) = (self.born, 0, 0);
        self.born += 1;
        self.numbers[place]
    }

    /// The one at a place leaves, and those behind it move up.
    pub(super) fn leave(&mut self, place: usize) {
        for list in [&mut self.numbers, &mut self.ages, &mut self.streaks] {
            list.remove(place);
        }
    }

    /// Nobody is bad yet.
    pub(super) fn forgive(&mut self) {
        self.streaks.fill(0);
    }
}
