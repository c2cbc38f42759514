//! Values that stay what they are from version to version.
//!
//! Not a law but a memory: the first losses of an optimizer, as bits. Who changes them changes the results of everyone's runs, and says so
//! in the changelog as "value-breaking".

use candle_core::{DType, Device, Tensor};

use super::{Subject, path::KEY};
use moths_core::{Batch, CowTensor, Leaf, Objective, Result, Space, objective::Outputs, tensor::host, with_scalar};

const DIM: usize = 6;
const STEPS: usize = 8;

/// The lowest losses of the first steps on a polynomial, which every machine evaluates to the same bits.
///
/// # Errors
/// What building or stepping fails with.
pub fn losses(subject: &Subject, dtype: DType) -> Result<Vec<f64>> {
    let mut objective = Polynomial::new(dtype)?;
    let mut optimizer = subject.build(objective.space(), KEY)?;
    (0..STEPS).map(|_| Ok(optimizer.step(&mut objective)?.loss)).collect()
}

/// f(x) = Σ_i (i + 1) (x_i − 1)² + Σ_i (x_{i+1} − x_i²)². Never to be changed.
struct Polynomial {
    space: Space,
}

impl Polynomial {
    fn new(dtype: DType) -> Result<Self> {
        let space = Space::with_dtype(vec![Leaf::real("x", [DIM]).dtype(dtype)], dtype)?;
        let start = Tensor::from_vec(vec![-0.5, 0.75, 1.5, -1.25, 0.25, 2.0], DIM, &Device::Cpu)?;
        Ok(Self { space: space.starting_at(&start)? })
    }
}

fn loss(x: &[f64]) -> f64 {
    let bowl: f64 = x.iter().enumerate().map(|(i, x)| (i + 1) as f64 * (x - 1.0) * (x - 1.0)).sum();
    let bends: f64 = x.windows(2).map(|x| (x[1] - x[0] * x[0]) * (x[1] - x[0] * x[0])).sum();
    bowl + bends
}

/// What the loss is the sum of squares of.
fn residuals(x: &[f64]) -> Vec<f64> {
    let bowl = x.iter().enumerate().map(|(i, x)| ((i + 1) as f64).sqrt() * (x - 1.0));
    bowl.chain(x.windows(2).map(|x| x[1] - x[0] * x[0])).collect()
}

fn slopes(x: &[f64]) -> Vec<f64> {
    let mut slopes: Vec<f64> = x.iter().enumerate().map(|(i, x)| 2.0 * (i + 1) as f64 * (x - 1.0)).collect();
    for i in 0..x.len() - 1 {
        let bend = x[i + 1] - x[i] * x[i];
        slopes[i + 1] += 2.0 * bend;
        slopes[i] -= 4.0 * bend * x[i];
    }
    slopes
}

impl Objective for Polynomial {
    fn space(&self) -> &Space {
        &self.space
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        (0..batch.len()).map(|i| Ok(loss(&host::to_f64s(&*batch.row(i, &self.space)?)?))).collect()
    }

    fn outputs(&mut self, batch: &Batch) -> Result<Option<Outputs>> {
        let (mut values, losses) = (vec![], self.evaluate(batch)?);
        for i in 0..batch.len() {
            values.extend(residuals(&host::to_f64s(&*batch.row(i, &self.space)?)?));
        }
        let shape = (losses.len(), 1, values.len() / losses.len().max(1));
        let values = Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(self.space.dtype())?;
        Ok(Some(Outputs { losses: losses.into(), slopes: (&values * 2.0)?, values }))
    }

    fn gradient(&mut self, at: &CowTensor) -> Result<Option<(f64, Tensor)>> {
        let x = host::to_f64s(at)?;
        let gradient = with_scalar!(self.space.dtype(), T => {
            let slopes: Vec<T> = slopes(&x).into_iter().map(|s| s as T).collect();
            Ok(Tensor::from_vec(slopes, DIM, &Device::Cpu)?)
        })?;
        Ok(Some((loss(&x), gradient)))
    }
}
