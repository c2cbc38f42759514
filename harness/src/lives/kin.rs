//! What follows from births: who is dead, who descends from whom.

use std::collections::HashMap;

use super::Life;

/// Relations of lives, which are meant by their place in the order of births.
///
/// Whatever the births say, nobody descends from who was born later: of equal numbers the latest before is meant, and unknown ones are nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kin {
    parents: Vec<Vec<usize>>,
    ends: Vec<Option<u64>>,
    generations: Vec<u64>,
    founders: Vec<usize>,
    heirs: Vec<u64>,
}

impl Kin {
    pub(super) fn of(lives: &[Life]) -> Self {
        let mut kin =
            Self { parents: vec![], ends: vec![None; lives.len()], generations: vec![], founders: vec![], heirs: vec![] };
        let (mut numbers, mut places) = (HashMap::new(), HashMap::new());
        for (i, Life { evaluations, birth }) in lives.iter().enumerate() {
            let mut parents: Vec<usize> = vec![];
            for parent in birth.parents.iter().filter_map(|parent| numbers.get(parent).copied()) {
                if !parents.contains(&parent) {
                    parents.push(parent);
                }
            }
            kin.generations.push(parents.iter().map(|parent| kin.generations[*parent] + 1).max().unwrap_or(0));
            kin.founders.push(parents.first().map_or(i, |parent| kin.founders[*parent]));
            kin.parents.push(parents);
            numbers.insert(birth.life, i);
            if let Some(before) = places.insert(birth.place, i) {
                kin.ends[before] = Some(*evaluations);
            }
        }
        kin.heirs = kin.count_heirs();
        kin
    }

    /// From every one that lives upwards, each ancestor once.
    fn count_heirs(&self) -> Vec<u64> {
        let (mut heirs, mut seen) = (vec![0; self.ends.len()], vec![usize::MAX; self.ends.len()]);
        for living in (0..self.ends.len()).filter(|i| self.lives(*i)) {
            let mut open = vec![living];
            while let Some(i) = open.pop() {
                if seen[i] != living {
                    seen[i] = living;
                    heirs[i] += 1;
                    open.extend(&self.parents[i]);
                }
            }
        }
        heirs
    }

    /// Whom it comes from.
    pub fn parents(&self, life: usize) -> &[usize] {
        &self.parents[life]
    }

    /// Evaluations used when its place was taken; none of one that lives.
    pub fn end(&self, life: usize) -> Option<u64> {
        self.ends[life]
    }

    /// Is it there at the end of the run?
    pub fn lives(&self, life: usize) -> bool {
        self.ends[life].is_none()
    }

    /// Its longest way up to one without parents.
    pub fn generation(&self, life: usize) -> u64 {
        self.generations[life]
    }

    /// The one without parents that it comes from, over first parents.
    pub fn founder(&self, life: usize) -> usize {
        self.founders[life]
    }

    /// How many of the living descend from it, itself included.
    pub fn heirs(&self, life: usize) -> u64 {
        self.heirs[life]
    }

    /// How many descend from it.
    pub fn descendants(&self, life: usize) -> u64 {
        let mut of = vec![false; self.parents.len()];
        of[life] = true;
        // Parents stand before their children.
        (life + 1..of.len()).for_each(|i| of[i] = self.parents[i].iter().any(|parent| of[*parent]));
        of.into_iter().filter(|of| *of).count() as u64 - 1
    }
}
