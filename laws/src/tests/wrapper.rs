//! Small, sound wrappers, and what they become with a flaw.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::flaw::Flaw;
use moths_core::{
    Batch, CowTensor, Key, Objective, Optimizer, Report, Result, Sampler, Space, Spec,
    optimizer::{Algorithm, Capabilities, Family, Meta},
    persist,
    persist::{Clock, Fields, Persist, atomically},
    register, registry,
};

/// Settings of both.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WrapperConfig {
    flaw: Flaw,
    /// What is wrapped.
    inner: Spec,
}

impl Default for WrapperConfig {
    fn default() -> Self {
        Self { flaw: Flaw::None, inner: Spec::new("specimen") }
    }
}

/// Moves what it wraps back when the loss of its answer has risen. On a stochastic objective both answers are evaluated.
pub(super) struct Keeper {
    flaw: Flaw,
    inner: Box<dyn Optimizer>,
}

impl Algorithm for Keeper {
    const META: Meta = Meta::new("keeper", Family::Ensemble, "What the laws of wrappers are tried on.", "none");
    type Config = WrapperConfig;

    fn new(config: WrapperConfig, space: &Space, key: Key) -> Result<Self> {
        Ok(Self { flaw: config.flaw, inner: registry::build(&config.inner, space, key)? })
    }

    fn capabilities(config: &WrapperConfig) -> Result<Capabilities> {
        Ok(registry::capabilities(&config.inner)?.monotone(true).discrete(false))
    }
}

impl Keeper {
    fn attempt(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let before = self.inner.answer()?;
        let report = self.inner.step(objective)?;
        let after = self.inner.answer()?;
        let both = Batch::Joined([Batch::one(&before)?, Batch::one(&after)?].into());
        let losses = objective.losses(&both)?;
        if losses[1] > losses[0] && self.flaw != Flaw::NeverUndoes {
            self.inner.move_to(&before)?;
        }
        let converged = if self.flaw == Flaw::HidesConverged { None } else { report.converged };
        let mine = if self.flaw == Flaw::AsksInSecret { 0 } else { 2 };
        Ok(report.and(losses.lowest(), mine).converged(converged))
    }
}

impl Optimizer for Keeper {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        match self.flaw {
            Flaw::CommitsChild => self.attempt(objective),
            _ => atomically(self, |this| this.attempt(objective)),
        }
    }

    fn answer(&self) -> Result<CowTensor> {
        self.inner.answer()
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.inner.move_to(at)
    }
}

impl Persist for Keeper {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        if self.flaw == Flaw::ForgetsChild { Ok(()) } else { fields.field("inner", &mut self.inner) }
    }
}

register!(Keeper);

/// Begins anew elsewhere when what it wraps has converged, and answers with the better of its runs. It is only ever held against `purpose`.
pub(super) struct Beginner {
    flaw: Flaw,
    space: Space,
    clock: Clock,
    inner: Box<dyn Optimizer>,
    kept: CowTensor,
    kept_loss: f64,
    spec: Spec,
}

impl Algorithm for Beginner {
    const META: Meta = Meta::new("beginner", Family::Ensemble, "What the laws of restarts are tried on.", "none");
    type Config = WrapperConfig;

    fn new(config: WrapperConfig, space: &Space, key: Key) -> Result<Self> {
        let inner = registry::build(&config.inner, space, key)?;
        let (clock, kept) = (Clock::new(key), space.start());
        Ok(Self { flaw: config.flaw, space: space.clone(), clock, inner, kept, kept_loss: f64::INFINITY, spec: config.inner })
    }

    fn capabilities(_: &WrapperConfig) -> Result<Capabilities> {
        Ok(Capabilities::NONE.escapes(true))
    }
}

impl Beginner {
    fn attempt(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let report = self.inner.step(objective)?;
        if report.converged.is_none() {
            return Ok(report);
        }
        let answer = self.inner.answer()?;
        let loss = objective.losses(&Batch::one(&answer)?)?.lowest();
        if loss < self.kept_loss {
            (self.kept, self.kept_loss) = (answer, loss);
        }
        self.clock.tick();
        if self.flaw != Flaw::NeverRestarts {
            self.inner = registry::build(&self.spec, &self.space, self.clock.key())?;
            let elsewhere = self.space.scatter(&self.space.start(), self.clock.key().fold(1), 1)?;
            self.inner.move_to(&CowTensor::new(elsewhere.flatten_all()?.copy()?))?;
        }
        Ok(report.and(loss, 1).converged(None))
    }
}

impl Optimizer for Beginner {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        atomically(self, |this| this.attempt(objective))
    }

    fn answer(&self) -> Result<CowTensor> {
        if self.kept_loss.is_finite() { Ok(self.kept.clone()) } else { self.inner.answer() }
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.kept_loss = f64::INFINITY;
        self.inner.move_to(at)
    }
}

impl Persist for Beginner {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        fields.field("clock", &mut self.clock)?;
        fields.field("inner", &mut self.inner)?;
        fields.field("kept", &mut self.kept)?;
        fields.field("kept_loss", &mut self.kept_loss)
    }
}

register!(Beginner);

/// No settings.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Nothing {}

/// What is wrapped where a wrapper that undoes has something to undo: steps of one length, downhill or not.
pub(super) struct Stroller {
    space: Space,
    clock: Clock,
    at: CowTensor,
}

impl Algorithm for Stroller {
    const META: Meta = Meta::new("stroller", Family::Random, "Goes wherever it goes.", "none");
    type Config = Nothing;

    fn new(_: Nothing, space: &Space, key: Key) -> Result<Self> {
        Ok(Self { space: space.clone(), clock: Clock::new(key), at: space.start() })
    }
}

impl Optimizer for Stroller {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let noise = Sampler::Normal.over(&self.space);
        let mut next = self.at.clone();
        noise.add(self.clock.key(), 0.1, &mut next)?;
        self.space.confine(&mut next)?;
        let losses = objective.losses(&Batch::one(&next)?)?;
        if losses.lowest().is_finite() {
            self.at = next;
        }
        self.clock.tick();
        Ok(Report::of(&losses))
    }

    fn answer(&self) -> Result<CowTensor> {
        Ok(self.at.clone())
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.at = self.space.point(at)?;
        Ok(())
    }
}

persist!(Stroller { clock, at });
register!(Stroller);
