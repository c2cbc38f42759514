//! A function of d flags, whose minimum is known.

use candle_core::{Device, Tensor};
use moths::{Function, Key, Leaf, Objective, Space, Spec};

use super::{
    super::{Answer, Examiner, Figure, Measure, Problem, boxed::Gap},
    Value, string,
};
use crate::Result;

/// A function of `dim` flags, searched from a random string.
pub(super) struct Flags {
    /// Its value at a point.
    pub(super) value: Value,
    /// d.
    pub(super) dim: usize,
    /// The lowest value.
    pub(super) minimum: f64,
}

impl Flags {
    /// d flags, with a start that follows from the seed.
    fn space(&self, seed: u64) -> Result<Space> {
        let start = Tensor::from_vec(string(self.dim, Key::new(seed)), self.dim, &Device::Cpu)?;
        Space::new(vec![Leaf::bool("x", [self.dim])])?.starting_at(&start)
    }
}

impl Problem for Flags {
    fn objective(&self, seed: u64) -> Result<Box<dyn Objective + Send>> {
        let value = self.value.clone();
        Ok(Box::new(Function::new(self.space(seed)?, move |x| value(x))))
    }

    fn examiner(&self, seed: u64) -> Result<Box<dyn Examiner>> {
        Ok(Box::new(Gap { objective: self.objective(seed)?, minimum: self.minimum }))
    }

    fn measures(&self) -> &[Measure] {
        &[Measure::LOSS, Measure { name: "gap", kind: Figure::Loss }]
    }

    fn answer(&self) -> Answer {
        Answer::Best
    }

    fn minimum(&self) -> Option<f64> {
        Some(self.minimum)
    }

    fn default_optimizer(&self) -> Spec {
        Spec::new("auto")
    }

    fn default_evaluations(&self) -> u64 {
        100 * self.dim as u64
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn starts_are_strings_that_follow_from_the_seed_and_gaps_are_above_the_minimum() -> Result<()> {
        let flags = Flags { value: Arc::new(|x| x.iter().sum::<f64>() - 3.0), dim: 40, minimum: -3.0 };
        let start = |seed| moths::tensor::host::to_f64s(&*flags.space(seed)?.decode(&flags.space(seed)?.start())?);
        assert_eq!(start(1)?, start(1)?);
        assert_ne!(start(1)?, start(2)?);
        assert!((10.0..30.0).contains(&start(3)?.iter().sum()));
        let seen = flags.examiner(3)?.examine(&flags.space(3)?.start())?;
        assert_eq!(seen, [start(3)?.iter().sum::<f64>() - 3.0, start(3)?.iter().sum::<f64>()]);
        Ok(())
    }
}
