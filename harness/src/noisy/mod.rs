//! Noise over losses that had none, as in the noisy suite of BBOB.
//!
//! With f = loss − minimum ≥ 0, and f̃ what a [`NoiseModel`] makes of it:
//!
//! ```text
//! noisy loss = minimum + f̃ + 1.01 · 10⁻⁸      where f ≥ 10⁻⁸
//!              loss                           elsewhere: a target of 10⁻⁸ is reached by merit and not by luck
//! ```
//!
//! Source: Hansen, Finck, Ros, Auger 2009, "Real-parameter black-box optimization benchmarking 2009: noisy functions definitions",
//! INRIA RR-6869, hal:inria-00369466.

mod model;
#[cfg(test)]
mod tests;

use moths::{Batch, Error, Key, Objective, Result, passes_on, persist, persist::Clock, tensor::host};

pub use model::{Noise, NoiseModel};

/// Below this distance from the minimum there is no noise.
const NOISELESS: f64 = 1e-8;
/// Keeps a disturbed loss above any that is [`NOISELESS`].
const OFFSET: f64 = 1.01e-8;

/// Makes the losses of an objective noisy.
///
/// The noise of a candidate is a pure function of the key, the number of refreshes, the candidate's [draw](Batch::draw) and its
/// decoded values. So equal points agree within a step, the next step sees fresh noise, and neither replicas nor the way a batch is
/// divided change a bit. What has failed (NaN, ±∞) passes as it is. There is no gradient: the noises of neighbouring points have
/// nothing to do with each other.
///
/// Cost per candidate: O(d), to see its values once more, and no memory beyond one point.
///
/// ```
/// use moths_core::{Batch, Function, Key, Objective, Space};
/// use moths_harness::noisy::{Noise, Noisy};
///
/// let space = Space::real(3)?;
/// let bowl = Function::new(space.clone(), |x| 7.0 + x.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>());
/// let mut noisy = Noisy::new(bowl, Noise::Gaussian.model(3), 7.0, Key::new(1))?;
/// let batch = Batch::one(&space.start())?;
/// let now = noisy.evaluate(&batch)?;
/// assert!(now[0] != 10.0 && (now[0] - 10.0).abs() < 0.2);
/// assert_eq!(noisy.evaluate(&batch)?, now);
/// noisy.refresh()?;
/// assert_ne!(noisy.evaluate(&batch)?, now);
/// # Ok::<(), moths_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Noisy<O> {
    inner: O,
    model: NoiseModel,
    minimum: f64,
    clock: Clock,
}

impl<O: Objective> Noisy<O> {
    /// Noise over an objective whose lowest loss is `minimum`. Losses below it pass without noise.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a minimum that is not finite, and for parameters of the model outside their ranges.
    pub fn new(inner: O, model: NoiseModel, minimum: f64, key: Key) -> Result<Self> {
        model.check()?;
        if !minimum.is_finite() {
            return Err(Error::invalid("minimum", minimum, "a finite number"));
        }
        Ok(Self { inner, model, minimum, clock: Clock::new(key) })
    }

    /// The objective inside.
    pub fn inner(&mut self) -> &mut O {
        &mut self.inner
    }

    /// Lays noise over the losses of a batch.
    fn disturb(&self, batch: &Batch, losses: &mut [f64]) -> Result<()> {
        let space = self.inner.space();
        for (i, loss) in losses.iter_mut().enumerate() {
            let f = *loss - self.minimum;
            if !loss.is_finite() || f < NOISELESS {
                continue;
            }
            let point = host::to_f64s(&*space.decode(&*batch.row(i, space)?)?)?;
            let data = self.clock.key().fold(u64::from(batch.draw(i)));
            *loss = self.minimum + self.model.disturb(f, data.fold(digest(&point))) + OFFSET;
        }
        Ok(())
    }
}

/// 64 bits of a point: equal for equal numbers (−0 is 0), and by accident with probability 2⁻⁶⁴ for others.
///
/// Products of 128 bits folded to 64, as in wyhash: a fold of the key for every coordinate would cost ten times as much.
fn digest(point: &[f64]) -> u64 {
    const ODD: u64 = 0x9E37_79B9_7F4A_7C15; // 2^64 / golden ratio
    let bits = point.iter().map(|x| (x + 0.0).to_bits());
    bits.fold(ODD, |digest, bits| {
        let product = u128::from(digest ^ bits) * u128::from(ODD);
        product as u64 ^ (product >> 64) as u64
    })
}

impl<O: Objective> Objective for Noisy<O> {
    passes_on!(inner: space);

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        let mut losses = self.inner.evaluate(batch)?;
        self.disturb(batch, &mut losses)?;
        Ok(losses)
    }

    fn stochastic(&self) -> bool {
        true
    }

    fn refresh(&mut self) -> Result<()> {
        self.inner.refresh()?;
        self.clock.tick();
        Ok(())
    }

    fn skip(&mut self, steps: u64) -> Result<()> {
        self.inner.skip(steps)?;
        self.clock.step = self.clock.step.saturating_add(steps);
        Ok(())
    }
}

persist!([O: Objective] Noisy<O> { clock });
