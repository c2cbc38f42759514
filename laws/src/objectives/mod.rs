//! What every objective is held to: [`LAWS`] over models, functions, and the layers around them.
//!
//! | law | |
//! |---|---|
//! | `parts` | equal points have equal losses within a step, and how a batch is put together changes no bit |
//! | `failures` | a candidate that fails, fails alone |
//! | `refreshes` | only a stochastic objective moves on, and in one jump as in so many steps |
//! | `errors` | what it cannot evaluate it refuses, and is then as it was |

mod errors;
mod failures;
mod parts;
mod refreshes;

use super::{Held, Law};
use moths_core::{Batch, Key, Objective, Result, Sampler, objective::Probe};

/// All laws of objectives.
pub const LAWS: &[Law<Judged>] = &[parts::LAW, failures::LAW, refreshes::LAW, errors::LAW];

type Make = Box<dyn Fn() -> Result<Box<dyn Objective>>>;

/// An objective, and how it is made: always the same, as on the first day.
pub struct Judged {
    name: String,
    make: Make,
}

impl Judged {
    /// The objective that `make` makes.
    pub fn new<O: Objective + 'static>(name: impl Into<String>, make: impl Fn() -> Result<O> + 'static) -> Self {
        Self { name: name.into(), make: Box::new(move || Ok(Box::new(make()?))) }
    }

    fn make(&self) -> Result<Box<dyn Objective>> {
        (self.make)()
    }
}

impl Held for Judged {
    fn name(&self) -> String {
        self.name.clone()
    }
}

/// Candidates around the start: some as seeds, of two draws, some as numbers, and some of both twice.
fn batch(objective: &dyn Objective) -> Result<Batch> {
    let (space, start) = (objective.space(), objective.space().start());
    let probe = |k: u64| Probe::new(Key::new(7).member(k), 0.5).of_draw((k % 2) as u32);
    let probes: Vec<Probe> = [0, 1, 2, 3, 4, 2, 3].map(probe).to_vec();
    let seeded = Batch::seeded(&start, Sampler::Normal.over(space), probes);
    let numbers = Batch::Dense(space.scatter(&start, Key::new(8), 5)?);
    Ok(Batch::Joined([seeded, numbers, Batch::one(&start)?].into()))
}

/// Losses as bits; all that failed are one.
fn bits(losses: &[f64]) -> Vec<u64> {
    losses.iter().map(|loss| if loss.is_nan() { f64::NAN.to_bits() } else { loss.to_bits() }).collect()
}
