//! A member whose steps are written down, for tests.

use moths_core::{
    Batch, CowTensor, Function, Key, Objective, Optimizer, Report, Result, Space, Spec,
    optimizer::{Algorithm, Capabilities, Family, Meta},
    persist,
    persist::{Clock, Keep, State},
    register, registry,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Settings of [`Script`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ScriptConfig {
    /// What each step adds to every coordinate, one after another, and from the beginning again.
    moves: Vec<f64>,
    /// Evaluations of the point a step begins at.
    asks: u64,
    /// The move is this times the gradient beside.
    follows: f64,
    /// Forgets which step it is when it is moved.
    forgets: bool,
}

impl Default for ScriptConfig {
    fn default() -> Self {
        Self { moves: vec![0.0], asks: 1, follows: 0.0, forgets: false }
    }
}

/// Moves its point as it is written, whatever the losses.
pub(crate) struct Script {
    config: ScriptConfig,
    space: Space,
    clock: Clock,
    at: CowTensor,
    /// Steps since it was moved, or all.
    line: u64,
}

impl Algorithm for Script {
    const META: Meta = Meta::new("script", Family::Ensemble, "Does what it is told.", "none")
        .capabilities(Capabilities::NONE.seeds_only(true).rank_based(true));
    type Config = ScriptConfig;

    fn new(config: ScriptConfig, space: &Space, key: Key) -> Result<Self> {
        Ok(Self { config, space: space.clone(), clock: Clock::new(key), at: space.start(), line: 0 })
    }

    fn capabilities(config: &ScriptConfig) -> Result<Capabilities> {
        Ok(Self::META.capabilities.needs_gradient(config.follows != 0.0))
    }

    fn evaluations_per_step(config: &ScriptConfig, _: &Space, _: bool) -> Result<Option<u64>> {
        Ok(Some(config.asks))
    }
}

impl Optimizer for Script {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let mut report = Report::new(f64::INFINITY, 0);
        for _ in 0..self.config.asks {
            report = report.and(objective.losses(&Batch::one(&self.at)?)?[0], 1);
        }
        let mut next = (&*self.at + self.config.moves[self.line as usize % self.config.moves.len()])?;
        if self.config.follows != 0.0
            && let Some((_, gradient)) = objective.gradient(&self.at)?
        {
            next = (next - (gradient * self.config.follows)?)?;
        }
        let mut next = CowTensor::new(next);
        self.space.confine(&mut next)?;
        self.at = next;
        self.line += 1;
        self.clock.tick();
        Ok(report)
    }

    fn answer(&self) -> Result<CowTensor> {
        Ok(self.at.clone())
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.at = self.space.point(at)?;
        if self.config.forgets {
            self.line = 0;
        }
        Ok(())
    }
}

persist!(Script { clock, at, line });
register!(Script);

/// A member of these moves.
pub(crate) fn moving(moves: &[f64]) -> Spec {
    Spec::new("script").with("moves", json!(moves)).unwrap()
}

/// One that makes −times the gradient its move.
pub(crate) fn following(times: f64) -> Spec {
    Spec::new("script").with("follows", times).unwrap()
}

/// The ensemble `name` of these members.
pub(crate) fn of(name: &str, members: &[Spec]) -> Spec {
    Spec::new(name).with("members", json!(members)).unwrap()
}

/// One coordinate that begins at 0.
pub(crate) fn line() -> Space {
    Space::real(1).unwrap()
}

pub(crate) fn built(spec: &Spec) -> Box<dyn Optimizer> {
    registry::build(spec, &line(), Key::new(3)).unwrap()
}

/// Where it is.
pub(crate) fn at(optimizer: &dyn Optimizer) -> f64 {
    optimizer.answer().unwrap().to_vec1::<f64>().unwrap()[0]
}

/// The answers after so many steps, and the evaluations they took.
pub(crate) fn path(optimizer: &mut dyn Optimizer, f: impl Fn(f64) -> f64, steps: usize) -> Vec<(f64, u64)> {
    let mut objective = Function::new(line(), |x: &[f64]| f(x[0]));
    (0..steps)
        .map(|_| {
            let used = optimizer.step(&mut objective).unwrap().evaluations;
            (at(optimizer), used)
        })
        .collect()
}

/// The answers after so many steps on a line that falls.
pub(crate) fn answers(optimizer: &mut dyn Optimizer, steps: usize) -> Vec<f64> {
    path(optimizer, |x| -x, steps).into_iter().map(|(at, _)| at).collect()
}

/// (x − 1)² summed.
pub(crate) fn bowl(x: &[f64]) -> f64 {
    x.iter().map(|x| (x - 1.0).powi(2)).sum()
}

/// Saved and restored after every step it goes on to the bit, and a step that fails in any of its rounds changes nothing.
pub(crate) fn is_exact(spec: &Spec) {
    let space = Space::real(3).unwrap();
    let build = |key| registry::build(spec, &space, Key::new(key)).unwrap();
    let (mut one, mut objective) = (build(3), Function::new(space.clone(), bowl));
    for step in 0..12 {
        let saved = State::of(&mut one).unwrap();
        for round in 0..4 {
            let mut failing = Failing { inner: &mut objective, left: round };
            if one.step(&mut failing).is_ok() {
                saved.restore(&mut one, Keep::Nothing).unwrap();
            }
            let now = State::of(&mut one).unwrap().digest().unwrap();
            assert_eq!(now, saved.digest().unwrap(), "step {step} failed in round {round} and changed something");
        }
        let mut other = build(4);
        saved.restore(&mut other, Keep::Nothing).unwrap();
        assert_eq!(one.step(&mut objective).unwrap(), other.step(&mut objective).unwrap(), "step {step}");
        let [one, other] = [&mut one, &mut other].map(|optimizer| State::of(optimizer).unwrap().digest().unwrap());
        assert_eq!(one, other, "step {step}");
    }
}

/// Fails after so many rounds.
struct Failing<'a> {
    inner: &'a mut dyn Objective,
    left: usize,
}

impl Objective for Failing<'_> {
    fn space(&self) -> &Space {
        self.inner.space()
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        self.left = self.left.checked_sub(1).ok_or_else(|| moths_core::Error::Objective("as the test wants it".into()))?;
        self.inner.evaluate(batch)
    }
}

/// Alone, a member takes its own plain run.
pub(crate) fn is_its_own_run(ensemble: &Spec, member: &Spec) {
    let space = Space::real(3).unwrap();
    let mut objective = Function::new(space.clone(), bowl);
    let mut alone = registry::build(ensemble, &space, Key::new(3)).unwrap();
    let mut plain = registry::build(member, &space, Key::new(3).fold(1).fold(0)).unwrap();
    for step in 0..30 {
        assert_eq!(alone.step(&mut objective).unwrap(), plain.step(&mut objective).unwrap(), "step {step}");
        let [alone, plain] = [&alone, &plain].map(|optimizer| optimizer.answer().unwrap().to_vec1::<f64>().unwrap());
        assert_eq!(alone, plain, "step {step}");
    }
}
