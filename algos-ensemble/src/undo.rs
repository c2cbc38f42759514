//! Undoes steps that made the loss higher.
//!
//! ```text
//! s' = step(s);   s ← s' if f(answer(s')) ≤ f(answer(s)), else s with the clocks of s'
//! ```
//!
//! s is the whole state of the wrapped optimizer, moments and step sizes included. The clocks go on, so that the next attempt uses new
//! random numbers instead of repeating the one that failed. Source: the founding notes of this project (torchzero's
//! `NegateOnLossIncrease` with backtracking is a relative).
//! Cost per step: the wrapped step's evaluations and one more, two when the loss before it is not known (in the first step, after
//! `move_to`, and in every step of a stochastic objective). The snapshot is shared memory: what the wrapped step overwrites is copied once.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_ensemble as _; // the facade `moths` does this, for all families
//! use moths_random as _;
//!
//! let space = Space::real(4)?;
//! let f = |x: &[f64]| x.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>();
//! // Far too long steps: left alone they would leave the valley.
//! let spec = Spec::new("undo").with("inner.name", "spsa")?.with("inner.descent.name", "sign")?.with("inner.descent.rate", 0.4)?;
//! let mut optimizer = registry::build(&spec, &space, Key::new(1))?;
//! let mut before = f64::INFINITY;
//! for _ in 0..100 {
//!     optimizer.step(&mut Function::new(space.clone(), f))?;
//!     let now = f(&optimizer.answer()?.to_vec1::<f64>()?);
//!     assert!(now <= before);
//!     before = now;
//! }
//! assert!(before < 0.3);
//! # Ok::<(), moths_core::Error>(())
//! ```

use moths_core::{
    Algorithm, Batch, Capabilities, CowTensor, Family, Keep, Key, Meta, Objective, Optimizer, Report, Result, Space, Spec, State,
    atomically, persist, register, registry,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of [`Undo`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UndoConfig {
    /// The optimizer whose steps are judged.
    pub inner: Spec,
}

impl Default for UndoConfig {
    fn default() -> Self {
        Self { inner: Spec::new("spsa") }
    }
}

/// Undoes steps of another optimizer that made the loss higher. See the [module documentation](self).
pub struct Undo {
    inner: Box<dyn Optimizer>,
    /// f(answer); +∞ when it is not known.
    loss: f64,
}

impl Algorithm for Undo {
    const META: Meta = Meta {
        id: "undo",
        family: Family::Ensemble,
        summary: "Restores the wrapped optimizer's whole state when the loss after its step is higher.",
        citation: "the founding notes of moths",
        capabilities: Capabilities { monotone: true, beats_random: true, ..Capabilities::NONE },
        ..Meta::NONE
    };
    type Config = UndoConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        Ok(Self { inner: registry::build_part("inner", &config.inner, space, key)?, loss: f64::INFINITY })
    }

    fn capabilities(config: &Self::Config) -> Result<Capabilities> {
        // The answer's loss is looked at beside the wrapped optimizer's candidates, and compared only.
        Ok(Capabilities { monotone: true, ..registry::capabilities(&config.inner)? })
    }

    fn evaluations_per_step(config: &Self::Config, space: &Space, stochastic: bool) -> Result<Option<u64>> {
        let inner = registry::evaluations_per_step_of_part("inner", &config.inner, space, stochastic)?;
        Ok(inner.map(|inner| inner + if stochastic { 2 } else { 1 }))
    }
}

impl Undo {
    fn attempt(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let before = State::of(&mut self.inner)?;
        let old = self.inner.answer()?;
        let report = self.inner.step(objective)?;
        let new = self.inner.answer()?;
        let known = self.loss.is_finite() && !objective.stochastic();
        let (old_loss, new_loss, lowest, extra) = if known {
            let losses = objective.losses(&Batch::one(&new)?)?;
            (self.loss, losses[0], losses.lowest(), 1)
        } else {
            let losses = objective.losses(&Batch::Joined([Batch::one(&old)?, Batch::one(&new)?].into()))?;
            (losses[0], losses[1], losses.lowest(), 2)
        };
        if new_loss > old_loss {
            before.restore(&mut self.inner, Keep::Clocks)?;
        }
        self.loss = new_loss.min(old_loss);
        Ok(Report { loss: report.loss.min(lowest), evaluations: report.evaluations + extra, ..report })
    }
}

impl Optimizer for Undo {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        atomically(self, |this| this.attempt(objective))
    }

    fn answer(&self) -> Result<CowTensor> {
        self.inner.answer()
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.inner.move_to(at)?;
        self.loss = f64::INFINITY;
        Ok(())
    }
}

persist!(Undo { inner, loss });
register!(Undo);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Clock, Function};

    /// Moves its point by a fresh random step, good or bad.
    struct Drift {
        clock: Clock,
        at: CowTensor,
        space: Space,
    }

    persist!(Drift { clock, at });

    impl Optimizer for Drift {
        fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
            let losses = objective.losses(&Batch::one(&self.at)?)?;
            self.at = self.space.scatter(&self.at, self.clock.key(), 1)?.flatten_all()?.copy()?.into();
            self.clock.tick();
            Ok(Report::of(&losses))
        }

        fn answer(&self) -> Result<CowTensor> {
            Ok(self.at.clone())
        }

        fn move_to(&mut self, at: &CowTensor) -> Result<()> {
            self.at = at.clone();
            Ok(())
        }
    }

    #[test]
    fn a_bad_step_is_undone_and_the_next_is_another_one() {
        let space = Space::real(3).unwrap();
        let drift = Drift { clock: Clock::new(Key::new(4)), at: space.start(), space: space.clone() };
        let mut undo = Undo { inner: Box::new(drift), loss: f64::INFINITY };
        let sphere = |x: &[f64]| x.iter().map(|x| (x - 2.0).powi(2)).sum::<f64>();
        let (mut lowest, mut undone, mut kept) = (f64::INFINITY, 0, 0);
        for step in 0..50 {
            let before: Vec<f64> = undo.answer().unwrap().to_vec1().unwrap();
            let report = undo.step(&mut Function::new(space.clone(), sphere)).unwrap();
            let after: Vec<f64> = undo.answer().unwrap().to_vec1().unwrap();
            assert_eq!(report.evaluations, if step == 0 { 3 } else { 2 });
            assert!(sphere(&after) <= lowest, "the loss of the answer never rises");
            lowest = sphere(&after);
            *(if before == after { &mut undone } else { &mut kept }) += 1;
        }
        assert!(undone > 10 && kept > 3, "{undone} undone, {kept} kept");
    }
}
