//! Ages, bad streaks and deaths.

use moths_core::persist;

/// The lives of the members, in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Lives {
    /// Which life each is.
    pub(super) numbers: Vec<u64>,
    /// Where each lives: that stays when another leaves.
    pub(super) places: Vec<u64>,
    /// Steps since their births.
    pub(super) ages: Vec<u64>,
    /// Steps since they were the best last, or old enough to be bad.
    pub(super) streaks: Vec<u64>,
    /// How many there were ever.
    pub(super) born: u64,
}

persist!(Lives {
    numbers in |_| 1..=super::MOST,
    places in |lives| lives.numbers.len()..=lives.numbers.len(),
    ages in |lives| lives.numbers.len()..=lives.numbers.len(),
    streaks in |lives| lives.numbers.len()..=lives.numbers.len(),
    born,
});

impl Lives {
    /// The founders.
    pub(super) fn of(n: usize) -> Self {
        let numbers: Vec<u64> = (0..n as u64).collect();
        Self { places: numbers.clone(), numbers, ages: vec![0; n], streaks: vec![0; n], born: n as u64 }
    }

    /// A step is over, in which this one was the best.
    pub(super) fn grow(&mut self, best: usize, old: Option<u64>) {
        for (i, (age, streak)) in self.ages.iter_mut().zip(&mut self.streaks).enumerate() {
            *age = age.saturating_add(1);
            let bad = i != best && old.is_some_and(|old| *age > old);
            *streak = if bad { streak.saturating_add(1) } else { 0 };
        }
    }

    /// Somebody is born in the place of member i, or at the first free one; gives the number of the life and the place.
    pub(super) fn bear(&mut self, i: usize) -> (u64, u64) {
        if i == self.numbers.len() {
            self.places.push(self.free());
            self.numbers.push(0);
            self.ages.push(0);
            self.streaks.push(0);
        }
        (self.numbers[i], self.ages[i], self.streaks[i]) = (self.born, 0, 0);
        self.born = self.born.saturating_add(1);
        (self.numbers[i], self.places[i])
    }

    /// The first place where nobody lives.
    pub(super) fn free(&self) -> u64 {
        (0..).find(|place| !self.places.contains(place)).unwrap_or(0)
    }

    /// Where member i lives, or a newcomer would.
    pub(super) fn place(&self, i: usize) -> u64 {
        self.places.get(i).copied().unwrap_or_else(|| self.free())
    }

    /// Member i leaves.
    pub(super) fn leave(&mut self, i: usize) {
        for list in [&mut self.numbers, &mut self.places, &mut self.ages, &mut self.streaks] {
            list.remove(i);
        }
    }

    /// Nobody is bad yet.
    pub(super) fn forgive(&mut self) {
        self.streaks.fill(0);
    }
}
