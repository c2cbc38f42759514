//! Who dies, who is born, and of whom.

use moths_core::{CowTensor, Key, Optimizer, Result, Spec, fuse::same_bits, optimizer::Birth, persist::State};
use rand::RngExt;

use super::{OptimizerSwarm, Selection, heredity};

/// What is said of a child before it is built.
struct Child {
    parents: Vec<usize>,
    point: CowTensor,
    spec: Spec,
    /// Its settings without mutations: those that could be built before.
    plain: Spec,
    state: Option<State>,
}

impl OptimizerSwarm {
    /// After a step with these losses: the worst leave where there are too many, the dead are replaced, and newcomers join.
    pub(super) fn breed(&mut self, mut losses: Vec<f64>) -> Result<Vec<Birth>> {
        if losses.iter().all(|loss| loss.is_infinite()) {
            return Ok(vec![]);
        }
        self.lives.grow(self.best, self.config.old);
        let (size, key) = (self.config.size.at(self.clock.step + 1), self.clock.key().fold(2));
        while self.members.len() > size {
            self.bury_the_worst(&mut losses);
        }
        let order = ranking(&losses);
        let dead = self.dead(&order);
        let living: Vec<usize> = order.into_iter().filter(|i| !dead.contains(i)).collect();
        let children = dead.into_iter().chain(self.members.len()..size);
        children.map(|i| self.bear(i, &living, key.fold(i as u64))).collect()
    }

    fn bury_the_worst(&mut self, losses: &mut Vec<f64>) {
        // Of equals the last, and never the best.
        let Some(worst) = ranking(losses).pop().filter(|_| losses.len() > 1) else { return };
        losses.remove(worst);
        self.members.remove(worst);
        self.lives.leave(worst);
        self.best -= usize::from(worst < self.best);
    }

    /// Who has lived long enough, among those whose sub-populations are looked at in this step.
    fn dead(&self, order: &[usize]) -> Vec<usize> {
        let looked_at = |i: &usize| (self.clock.step + 1).is_multiple_of(self.config.pace(self.lives.place(*i)));
        let mut dead: Vec<usize> = match self.config.selection {
            Selection::Streak => {
                let spent = |i: &usize| self.lives.streaks[*i] > self.config.die_after;
                order.iter().copied().filter(spent).filter(looked_at).collect()
            }
            Selection::Truncation => {
                let groups = self.config.every.len() as u64;
                let of = |group: u64| {
                    order.iter().copied().filter(move |i| self.lives.place(*i) % groups == group).collect::<Vec<_>>()
                };
                let worst =
                    |group: Vec<usize>| group[group.len() - (self.config.fraction * group.len() as f64) as usize..].to_vec();
                (0..groups).flat_map(|group| worst(of(group))).filter(looked_at).collect()
            }
        };
        dead.retain(|i| *i != self.best);
        dead.sort_unstable();
        dead
    }

    /// Somebody is born in the place of member i, or beside all, of those who live, the best first.
    fn bear(&mut self, i: usize, living: &[usize], key: Key) -> Result<Birth> {
        let child = self.conceive(i, living, key)?;
        let parents = child.parents.iter().map(|parent| self.lives.numbers[*parent]).collect();
        if self.seat(i, child.spec.clone(), key).is_err() {
            // Settings that went too far together.
            self.seat(i, child.plain.clone(), key)?;
        }
        let member = &mut self.members[i];
        if let Some(state) = &child.state {
            heredity::inherit(&mut *member.optimizer, state)?;
        }
        // Who begins where its state already is, is not moved: that would make it forget what it inherited.
        if !same_bits(&*member.optimizer.answer()?, &child.point)? {
            member.optimizer.move_to(&child.point)?;
        }
        let (life, place) = self.lives.bear(i);
        Ok(Birth { life, place, parents, spec: self.members[i].spec().clone() })
    }

    fn seat(&mut self, i: usize, spec: Spec, key: Key) -> Result<()> {
        let key = key.fold(0);
        if i < self.members.len() { self.members.replace(i, spec, key) } else { self.members.push(spec, key) }
    }

    fn conceive(&mut self, i: usize, living: &[usize], key: Key) -> Result<Child> {
        let parents = self.parents(living, key.fold(1));
        let points = parents.iter().map(|parent| self.members[*parent].optimizer.answer()).collect::<Result<Vec<_>>>()?;
        let (operator, unit) = (self.config.operator, self.config.unit);
        let point = match points.as_slice() {
            [first, second, ..] => operator.child(unit, first, second, &self.space, key.fold(2))?,
            _ => points[0].clone(),
        };
        let place = self.lives.place(i);
        let own = if i < self.members.len() { self.members[i].spec().clone() } else { self.config.kind(place).clone() };
        // From those who breed more often nothing but the point.
        if self.config.pace(self.lives.place(parents[0])) < self.config.pace(place) {
            return Ok(Child { parents, point, spec: own.clone(), plain: own, state: None });
        }
        let plain = self.members[parents[0]].spec().clone();
        let crossed = match parents.as_slice() {
            [first, second, ..] => heredity::crossed(self.members[*first].spec(), self.members[*second].spec(), key.fold(3)),
            _ => plain.clone(),
        };
        let spec = self.config.mutations().of(&crossed, key.fold(4))?;
        let of_kind: Vec<usize> =
            parents.iter().copied().filter(|parent| self.members[*parent].spec().name == plain.name).collect();
        let states = of_kind.into_iter().map(|parent| State::of(&mut *self.members[parent].optimizer)).collect::<Result<_>>()?;
        let state = heredity::state(self.config.state, states, key.fold(5))?;
        Ok(Child { parents, point, spec, plain, state })
    }

    /// One parent or two: the best, or drawn from the best.
    fn parents(&self, living: &[usize], key: Key) -> Vec<usize> {
        let (mut stream, crosses) = (key.stream(), self.config.crossover);
        let among = match self.config.selection {
            Selection::Streak => 2,
            Selection::Truncation => (self.config.fraction * self.lives.numbers.len() as f64).ceil() as usize,
        };
        let mut pool: Vec<usize> = living.iter().copied().take(among.max(1)).collect();
        if self.config.selection == Selection::Truncation {
            let first = stream.random_range(0..pool.len());
            pool.swap(0, first);
            if pool.len() > 2 {
                let second = stream.random_range(1..pool.len());
                pool.swap(1, second);
            }
        }
        pool.truncate(if stream.random_bool(crosses) { 2 } else { 1 });
        pool
    }
}

/// The members from the best to the worst; of equals the first is better.
fn ranking(losses: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..losses.len()).collect();
    order.sort_by(|a, b| losses[*a].total_cmp(&losses[*b]));
    order
}
