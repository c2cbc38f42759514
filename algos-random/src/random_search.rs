//! Pure random search: the yardstick everything else must beat.
//!
//! ```text
//! x_1..x_n ~ uniform in the bounds, or N(centre, I) where there are none
//! best ← the lowest of all x seen so far
//! ```
//!
//! x, best, centre: \[d\]. In the first step, and in the first after `move_to`, x_1 is the centre and no draw. Source: Brooks 1958, "A discussion of random methods for seeking maxima", doi:10.1287/opre.6.2.244.
//! Differs from the paper: coordinates without bounds are drawn from a normal distribution around the start.
//! Cost per step: n evaluations in one round; of a stochastic objective one more, as the best is evaluated beside them on the same data; 2
//! numbers of state per parameter; n + 1 numbers of scratch per parameter.
//!
//! Take it when a yardstick is wanted: where another optimizer does no better at the same budget, the budget is too small, or the losses
//! say nothing. To search, take `accelerated-random-search`.
//!
//! Tune first: `candidates`, as many as can be evaluated at once; nothing else depends on it.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_random as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("random-search").with("candidates", 64)?, &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..50 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/random-search.md")]

use moths_core::{
    Batch, CowTensor, Key, Objective, Optimizer, Report, Result, Space,
    optimizer::{Algorithm, Capabilities, Comparison, Family, Meta, Pending, Proposal, settings},
    persist,
    persist::Clock,
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of [`RandomSearch`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RandomSearchConfig {
    /// n, candidates a step.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub candidates: usize,
}

impl Default for RandomSearchConfig {
    fn default() -> Self {
        Self { candidates: 16 }
    }
}

/// Pure random search. See the [module documentation](self) for equations.
pub struct RandomSearch {
    config: RandomSearchConfig,
    space: Space,
    clock: Clock,
    centre: CowTensor,
    best: CowTensor,
    /// +∞ until `best` has been evaluated.
    best_loss: f64,
    /// Has the centre been asked for?
    begun: bool,
    pending: Pending,
}

impl Algorithm for RandomSearch {
    const META: Meta = Meta::new(
        "random-search",
        Family::Random,
        "Independent random points; the lowest is kept. The yardstick.",
        "Brooks 1958, doi:10.1287/opre.6.2.244",
    )
    .capabilities(
        Capabilities::NONE.rank_based(true).translation(true).monotone(true).asynchronous(true).state_per_parameter(2.0),
    )
    .size("candidates");
    type Config = RandomSearchConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        let start = space.start();
        Ok(Self {
            config,
            space: space.clone(),
            clock: Clock::new(key),
            best: start.clone(),
            centre: start,
            best_loss: f64::INFINITY,
            begun: false,
            pending: Pending::none(space),
        })
    }
}

impl Optimizer for RandomSearch {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let batch = Batch::Dense(self.candidates(self.config.candidates)?);
        let remembered = [self.best_loss];
        let Comparison { before, losses, report } =
            objective.losses_beside(&batch, &Batch::one(&self.best)?, Some(&remembered))?;
        self.best_loss = before[0];
        if let Some((i, loss)) = losses.best()
            && loss < self.best_loss
        {
            self.best = batch.row(i, &self.space)?;
            self.best_loss = loss;
        }
        self.begun = true;
        self.clock.tick();
        Ok(report)
    }

    fn answer(&self) -> Result<CowTensor> {
        Ok(self.best.clone())
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        let at = self.space.point(at)?;
        (self.centre, self.best, self.best_loss) = (at.clone(), at, f64::INFINITY);
        self.begun = false;
        self.pending.clear();
        Ok(())
    }

    fn propose(&mut self) -> Result<Proposal> {
        let point = Batch::Dense(self.candidates(1)?).row(0, &self.space)?;
        let proposal = self.pending.add(point)?;
        self.begun = true;
        self.clock.tick();
        Ok(proposal)
    }

    fn learn(&mut self, number: u64, loss: f64) -> Result<()> {
        let point = self.pending.get(number, &self.space)?;
        if loss.is_finite() && loss < self.best_loss {
            (self.best, self.best_loss) = (point, loss);
        }
        self.pending.remove(number);
        Ok(())
    }
}

impl RandomSearch {
    /// n draws \[n, d\]; the first of all is the centre.
    fn candidates(&self, n: usize) -> Result<CowTensor> {
        let mut points = self.space.scatter(&self.centre, self.clock.key(), n)?;
        if !self.begun {
            points.set_row(0, &self.centre)?;
        }
        Ok(points)
    }
}

persist!(RandomSearch { clock, centre, best, best_loss, begun, pending });
register!(RandomSearch);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::Function;

    #[test]
    fn it_keeps_the_lowest_of_all_points_and_begins_with_the_start() {
        let space = Space::bounded([(-1.0, 3.0), (0.0, 2.0)]).unwrap();
        let mut seen: Vec<(f64, Vec<f64>)> = vec![];
        let mut search = RandomSearch::new(RandomSearchConfig { candidates: 5 }, &space, Key::new(3)).unwrap();
        for _ in 0..4 {
            let mut objective = Function::new(space.clone(), |x| {
                let loss = (x[0] - 0.5).powi(2) + x[1];
                seen.push((loss, x.to_vec()));
                loss
            });
            search.step(&mut objective).unwrap();
        }
        let lowest = seen.iter().min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
        let answer: Vec<f64> = space.decode(&search.answer().unwrap()).unwrap().to_vec1().unwrap();
        assert_eq!((seen.len(), &answer), (20, &lowest.1));
        assert_eq!(seen[0].1, [1.0, 1.0], "the middle of the box is evaluated first");
    }
}
