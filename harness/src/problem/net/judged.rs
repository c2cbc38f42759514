//! What is said of logits.

use candle_core::Tensor;

use crate::Result;

/// What is added up over rows of logits.
#[derive(Default)]
pub(super) struct Sum {
    entropy: f64,
    right: usize,
    rows: usize,
}

impl Sum {
    /// Adds logits \[.., classes\] of these classes.
    pub(super) fn add(&mut self, logits: &Tensor, classes: &Tensor) -> Result<()> {
        let classes = classes.flatten_all()?.to_vec1::<u32>()?;
        let width = logits.elem_count() / classes.len().max(1);
        for (logits, class) in logits.flatten_all()?.to_vec1::<f32>()?.chunks_exact(width.max(1)).zip(classes) {
            self.entropy += entropy(logits, class as usize);
            self.right += usize::from(highest(logits) == class as usize);
            self.rows += 1;
        }
        Ok(())
    }

    /// The mean cross-entropy, in nats.
    pub(super) fn loss(&self) -> f64 {
        self.entropy / self.rows as f64
    }

    /// The share of rows whose highest logit is that of the class.
    pub(super) fn accuracy(&self) -> f64 {
        self.right as f64 / self.rows as f64
    }
}

/// ln Σ e^y − y_class; by elementary functions that have the same bits on every system.
fn entropy(logits: &[f32], class: usize) -> f64 {
    let most = f64::from(logits[highest(logits)]);
    let sum: f64 = logits.iter().map(|logit| libm::exp(f64::from(*logit) - most)).sum();
    most + libm::log(sum) - f64::from(logits[class])
}

/// The number of the highest; the first of equals.
fn highest(logits: &[f32]) -> usize {
    (1..logits.len()).fold(0, |best, i| if logits[i] > logits[best] { i } else { best })
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn loss_and_accuracy_are_those_of_the_definition() -> Result<()> {
        let logits = Tensor::new(&[[0f32, 0.0], [1.0, 3.0], [5.0, -5.0]], &Device::Cpu)?;
        let mut sum = Sum::default();
        sum.add(&logits, &Tensor::new(&[0u32, 1, 1], &Device::Cpu)?)?;
        let expected = [2f64.ln(), (-2f64).exp().ln_1p(), 10f64.exp().ln_1p()].iter().sum::<f64>() / 3.0;
        assert!((sum.loss() - expected).abs() < 1e-12, "{} {expected}", sum.loss());
        assert_eq!(sum.accuracy(), 2.0 / 3.0);
        Ok(())
    }
}
