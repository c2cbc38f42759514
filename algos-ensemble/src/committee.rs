//! Optimizers that share a point: what all ensembles of a list of members have in common.
//!
//! The point is the ensemble's. A member is moved there before its turn, unless that is where it is: so that one that is alone takes its own
//! plain run, bit for bit, and nobody is moved who has nothing to do.

#[cfg(test)]
pub(crate) mod script;

use moths_core::{
    Batch, CowTensor, Error, Key, Objective, Report, Result, Space, Spec,
    candle_core::Tensor,
    fuse::same_bits,
    objective::Outputs,
    optimizer::{Capabilities, Members},
    passes_on, persist, registry,
    space::Walls,
};

use crate::{
    contest::{Contest, Seen},
    stride::Stride,
};

/// The members, and the point \[d\] where they are.
pub(crate) struct Committee {
    pub(crate) at: CowTensor,
    members: Members,
    space: Space,
}

impl Committee {
    /// One member for every spec, each with a key of its own.
    ///
    /// # Errors
    /// As [`registry::build`], naming `members.2.rate`.
    pub(crate) fn new(specs: &[Spec], space: &Space, key: Key) -> Result<Self> {
        let named = specs.to_vec();
        let mut members =
            Members::new("members", space, specs.len()..=specs.len()).listed().restricted_to(move |spec| named.contains(spec));
        for (i, spec) in specs.iter().enumerate() {
            members.push(spec.clone(), key.fold(i as u64))?;
        }
        Ok(Self { at: space.start(), members, space: space.clone() })
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// A step of member `i` from the point where all are; where that leads is not yet theirs.
    pub(crate) fn turn(&mut self, i: usize, objective: &mut dyn Objective) -> Result<Stride> {
        let member = &mut self.members[i].optimizer;
        if !same_bits(&*member.answer()?, &self.at)? {
            member.move_to(&self.at)?;
        }
        Stride::of(&mut **member, objective)
    }

    /// A step of every member from the point where all are.
    pub(crate) fn turns(&mut self, objective: &mut dyn Objective) -> Result<Vec<Stride>> {
        (0..self.len()).map(|i| self.turn(i, objective)).collect()
    }

    /// The losses of these points, each asked for only if no step of a member told it. `loss`: that of the common point; +∞ when it is not known.
    pub(crate) fn contest(
        &self,
        strides: &[Stride],
        points: &[&CowTensor],
        loss: f64,
        objective: &mut dyn Objective,
    ) -> Result<Contest> {
        let known = |point: &&CowTensor| -> Result<f64> {
            for stride in strides {
                if let Some(loss) = stride.seen.loss_of(point, &self.space)? {
                    return Ok(loss);
                }
            }
            Ok(if self.space.same_values(point, &self.at)? { loss } else { f64::INFINITY })
        };
        let known: Vec<f64> = points.iter().map(known).collect::<Result<_>>()?;
        Contest::of(points, &known, &Seen::default(), objective)
    }

    /// A step of member `i` alone, from which all go on. What others may still get away from has not converged.
    pub(crate) fn advance(&mut self, i: usize, objective: &mut dyn Objective) -> Result<Report> {
        let Stride { after, report, .. } = self.turn(i, objective)?;
        self.move_to(&after)?;
        let converged = report.converged.filter(|_| self.len() == 1);
        Ok(report.converged(converged))
    }

    /// All go on from this point.
    pub(crate) fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.at = self.space.point(at)?;
        Ok(())
    }
}

persist!(Committee { at, members });

/// An objective, and points of which it is told whether a later evaluation finds that they fail: where one member led, unseen, another is asked to begin.
pub(crate) struct Failures<'a> {
    inner: &'a mut dyn Objective,
    /// In order, and whether they failed.
    points: Vec<(CowTensor, bool)>,
}

impl<'a> Failures<'a> {
    pub(crate) fn of(inner: &'a mut dyn Objective, first: &CowTensor) -> Self {
        Self { inner, points: vec![(first.clone(), false)] }
    }

    /// The search is at this point now.
    pub(crate) fn reach(&mut self, point: CowTensor) -> Result<()> {
        let mut fails = false;
        for (known, _) in self.points.iter().filter(|(_, failed)| *failed) {
            fails |= self.inner.space().same_values(known, &point)?;
        }
        self.points.push((point, fails));
        Ok(())
    }

    /// The last point that is not known to fail, or the first.
    pub(crate) fn sound(&self) -> &CowTensor {
        let sound = self.points.iter().rev().find(|(_, failed)| !failed);
        &sound.unwrap_or(&self.points[0]).0
    }

    fn note(&mut self, point: &CowTensor) -> Result<()> {
        for (known, failed) in &mut self.points {
            *failed |= self.inner.space().same_values(known, point)?;
        }
        Ok(())
    }
}

impl Objective for Failures<'_> {
    passes_on!(inner: space, stochastic, refresh, home);

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        let losses = self.inner.evaluate(batch)?;
        for i in (0..losses.len()).filter(|&i| !losses[i].is_finite()) {
            let point = batch.row(i, self.inner.space())?;
            self.note(&point)?;
        }
        Ok(losses)
    }

    fn shows_outputs(&self) -> bool {
        self.inner.shows_outputs()
    }

    fn outputs(&mut self, batch: &Batch) -> Result<Option<Outputs>> {
        let outputs = self.inner.outputs(batch)?;
        for (i, _) in outputs.iter().flat_map(|o| o.losses.iter().enumerate()).filter(|(_, loss)| !loss.is_finite()) {
            let point = batch.row(i, self.inner.space())?;
            self.note(&point)?;
        }
        Ok(outputs)
    }

    fn gradient(&mut self, at: &CowTensor) -> Result<Option<(f64, Tensor)>> {
        let answer = self.inner.gradient(at)?;
        if answer.as_ref().is_some_and(|(loss, _)| !loss.is_finite()) {
            self.note(at)?;
        }
        Ok(answer)
    }
}

/// The report of several steps as that of one: it has converged when all have.
pub(crate) fn together(reports: impl IntoIterator<Item = Report>) -> Report {
    let both = |all: Report, one: Report| {
        let converged = all.converged.and(one.converged);
        Report::new(all.loss.min(one.loss), all.evaluations + one.evaluations).converged(converged)
    };
    reports.into_iter().reduce(both).unwrap_or_else(|| Report::new(f64::INFINITY, 0))
}

/// What a committee can do of which every step is one of its members' from the common point: what all of them can. Who is moved about by others
/// does not end, and resolves neither walls nor switches, as it would alone.
///
/// # Errors
/// As [`registry::capabilities`].
pub(crate) fn capabilities(specs: &[Spec]) -> Result<Capabilities> {
    let members: Vec<Capabilities> = specs.iter().map(registry::capabilities).collect::<Result<_>>()?;
    let Some((first, others)) = members.split_first() else { return Ok(Capabilities::NONE) };
    let all = others.iter().fold(*first, |all, one| {
        all.needs_gradient(all.needs_gradient || one.needs_gradient)
            .needs_outputs(all.needs_outputs || one.needs_outputs)
            .compares_steps(all.compares_steps || one.compares_steps)
            .seeds_only(all.seeds_only && one.seeds_only)
            .rank_based(all.rank_based && one.rank_based)
            .translation(all.translation && one.translation)
            .rotation(all.rotation && one.rotation)
            .monotone(all.monotone && one.monotone)
            .beats_random(all.beats_random && one.beats_random)
            .walls(walls(all.walls, one.walls))
            .at_walls(false)
            .converges(false)
            .escapes(false)
            .discrete(false)
            .deterministic(all.deterministic && one.deterministic)
            .state_fixed(all.state_fixed + one.state_fixed)
            .state_per_parameter(all.state_per_parameter + one.state_per_parameter)
            .state_per_candidate(all.state_per_candidate + one.state_per_candidate)
            .state_per_pair(all.state_per_pair + one.state_per_pair)
    });
    Ok(all.suggestible(false).state_per_parameter(all.state_per_parameter + 1.0))
}

/// How bounds are met where members differ: a point that goes through one smooth transform is rounded there, and in all others is left as it is.
fn walls(a: Walls, b: Walls) -> Walls {
    match (a, b) {
        (a, b) if a == b => a,
        (Walls::Smooth, _) | (_, Walls::Smooth) => Walls::Smooth,
        _ => Walls::Clamp,
    }
}

/// What a step of each member takes; `None` where nobody can say of one.
///
/// # Errors
/// As [`registry::evaluations_per_step`], naming `members.2.rate`.
pub(crate) fn costs(specs: &[Spec], space: &Space, stochastic: bool) -> Result<Option<Vec<u64>>> {
    let cost = |(i, spec): (usize, &Spec)| match specs.len() {
        1 => registry::evaluations_per_step_of_part("members.0", spec, space, stochastic),
        _ => cost_when_moved(&format!("members.{i}"), spec, space),
    };
    let costs: Vec<Option<u64>> = specs.iter().enumerate().map(cost).collect::<Result<_>>()?;
    Ok(costs.into_iter().collect())
}

/// What a step takes that is one of a member's: that of each of them, where it is the same.
pub(crate) fn all_the_same(costs: Vec<u64>) -> Option<u64> {
    costs.first().copied().filter(|first| costs.iter().all(|cost| cost == first))
}

/// What a step of a part takes that is moved before it. Whoever remembers the loss where it was, and would ask for it again on a stochastic
/// objective, asks for it here too; of whole populations some do and some do not, and nobody can say.
///
/// # Errors
/// As [`registry::evaluations_per_step`], naming the setting.
pub(crate) fn cost_when_moved(setting: &str, spec: &Spec, space: &Space) -> Result<Option<u64>> {
    let cost = |stochastic| registry::evaluations_per_step_of_part(setting, spec, space, stochastic);
    let (known, asked) = (cost(false)?, cost(true)?);
    Ok(asked.zip(known).filter(|(asked, known)| *asked <= known + 1).map(|(asked, _)| asked))
}

/// What an optimizer can do that is given a gradient.
///
/// # Errors
/// For what does not ask for one: it would search a linear function, which has no lowest point. For what would keep candidates that cost nothing, and
/// that nobody counts.
pub(crate) fn follows_gradients(who: &str, part: &Spec) -> Result<Capabilities> {
    let can = registry::capabilities(part)?;
    let why = match can {
        _ if can.needs_outputs => "needs the outputs of a model",
        _ if !can.needs_gradient => {
            "asks for losses: `backprop`, with any descent, takes gradients, and so does what is made of it"
        }
        _ if can.state_per_candidate > 0.0 => "keeps a population, which finds nothing in them",
        _ => return Ok(can),
    };
    Err(Error::unsupported(who, format!("gives gradients, and {} {why}", part.name)))
}
