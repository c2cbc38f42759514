//! Any problem with noise over its losses.

use crate::noisy::{Noise, Noisy};
use moths::{Key, Objective, Spec};

use super::{Answer, Examiner, Measure, Problem};
use crate::Result;

/// A problem whose losses are noisy for the optimizer. Whoever judges answers sees them as they are.
pub(super) struct NoisyProblem {
    pub(super) problem: Box<dyn Problem>,
    pub(super) noise: Noise,
}

impl Problem for NoisyProblem {
    /// Noise begins at the lowest loss, or where that is not known at zero.
    fn objective(&self, seed: u64) -> Result<Box<dyn Objective + Send>> {
        let objective = self.problem.objective(seed)?;
        let model = self.noise.model(objective.space().dim());
        let minimum = self.problem.minimum().unwrap_or(0.0);
        Ok(Box::new(Noisy::new(objective, model, minimum, Key::new(seed).fold(4))?))
    }

    fn examiner(&self, seed: u64) -> Result<Box<dyn Examiner>> {
        self.problem.examiner(seed)
    }

    fn measures(&self) -> &[Measure] {
        self.problem.measures()
    }

    /// The best point ever evaluated would be the luckiest.
    fn answer(&self) -> Answer {
        Answer::Optimizers
    }

    fn minimum(&self) -> Option<f64> {
        self.problem.minimum()
    }

    fn default_optimizer(&self) -> Spec {
        self.problem.default_optimizer()
    }

    fn default_evaluations(&self) -> u64 {
        self.problem.default_evaluations()
    }

    fn default_threads(&self) -> usize {
        self.problem.default_threads()
    }
}

#[cfg(test)]
mod tests {
    use moths::Batch;

    use super::super::{Options, resolve};
    use super::*;

    fn build(name: &str, noise: Option<Noise>) -> Result<Box<dyn Problem>> {
        let (entry, options) = resolve(name, &Options { noise, ..Options::default() })?;
        entry.build(&options)
    }

    #[test]
    fn only_the_optimizer_sees_noise() -> Result<()> {
        let (plain, noisy) = (build("rosenbrock/d5", None)?, build("rosenbrock/d5", Some(Noise::GaussianSevere))?);
        let start = plain.objective(2)?.space().start();
        assert_eq!(noisy.examiner(2)?.examine(&start)?, plain.examiner(2)?.examine(&start)?);
        let (mut quiet, mut loud) = (plain.objective(2)?, noisy.objective(2)?);
        let at = Batch::one(&start)?;
        assert!(loud.stochastic() && loud.evaluate(&at)? != quiet.evaluate(&at)?);
        assert_eq!(loud.evaluate(&at)?, noisy.objective(2)?.evaluate(&at)?, "replicas agree");
        assert_eq!((noisy.answer(), plain.answer()), (Answer::Optimizers, Answer::Best));
        Ok(())
    }

    #[test]
    fn noise_begins_at_the_minimum() -> Result<()> {
        let (plain, noisy) = (build("styblinski-tang/d2", None)?, build("styblinski-tang/d2", Some(Noise::UniformSevere))?);
        let minimum = plain.minimum().ok_or_else(|| crate::Error::unsupported("the problem", "has no minimum"))?;
        let (mut quiet, mut loud) = (plain.objective(1)?, noisy.objective(1)?);
        let points = Batch::Dense(quiet.space().scatter(&quiet.space().start(), Key::new(1), 200)?);
        let (before, after) = (quiet.evaluate(&points)?, loud.evaluate(&points)?);
        assert!(minimum < -78.0 && before.iter().any(|l| *l < 0.0));
        assert!(after.iter().all(|l| *l >= minimum) && before.iter().zip(&after).all(|(b, a)| b != a));
        Ok(())
    }

    #[test]
    fn a_name_may_say_the_noise() -> Result<()> {
        let (entry, options) = resolve("sphere/d3/cauchy-severe", &Options::default())?;
        assert_eq!((options.noise, options.dim), (Some(Noise::CauchySevere), Some(3)));
        assert_eq!(entry.address(&options), "classic/sphere/d3/cauchy-severe");
        let other = Options { noise: Some(Noise::Uniform), ..Options::default() };
        assert!(resolve("sphere/cauchy", &other).is_err());
        let written = serde_json::to_value(&options).map_err(|e| crate::Error::unsupported("options", e.to_string()))?;
        assert_eq!(written, serde_json::json!({ "dim": 3, "noise": "cauchy-severe" }));
        Ok(())
    }
}
