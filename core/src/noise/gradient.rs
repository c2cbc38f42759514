//! Gradients, and how to hold one without its numbers.

use std::sync::Arc;

use candle_core::Tensor;

use crate::{
    Error, Result,
    fuse::{self, Sum, Summed},
    noise::Perturbation,
    rng::Seed,
    space::Space,
    tensor::CowTensor,
};

/// Weights whose sizes add up to less cannot make a sum of noise overflow: no law goes beyond 1e20 in single or 1e40 in double precision.
const LARGEST_WEIGHTS: f64 = 1e12;

/// A gradient \[d\] in search coordinates: its numbers, or the noise that it is a weighted sum of.
///
/// Estimates from random directions are of the second kind: a few seeds and weights say all of them, and a [`Descent`](crate::optimizer::Descent) whose formula
/// reads a parameter of kind `sum` (see [`kernel!`](crate::kernel!)) draws them chunk by chunk as it goes. Both kinds give it equal bits.
///
/// ```
/// use moths_core::{noise::Gradient, Key, Sampler, Space};
///
/// let space = Space::real(1000)?;
/// let terms = vec![(Key::new(1).into(), 0.5), (Key::new(2).into(), -0.5)];
/// let gradient = Gradient::drawn(Sampler::Normal.over(&space), terms, &space)?; // a hundred bytes
/// assert_eq!(gradient.dense()?.dims(), [1000]); // a thousand numbers
/// # Ok::<(), moths_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Gradient(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Dense(CowTensor),
    Drawn { noise: Perturbation, terms: Arc<[(Seed, f64)]>, space: Space },
}

impl From<CowTensor> for Gradient {
    fn from(numbers: CowTensor) -> Self {
        Self(Kind::Dense(numbers))
    }
}

impl From<Tensor> for Gradient {
    fn from(numbers: Tensor) -> Self {
        CowTensor::new(numbers).into()
    }
}

impl Summed for Gradient {
    fn open(&self) -> Sum<'_> {
        match &self.0 {
            Kind::Dense(numbers) => Sum::Stored(numbers),
            Kind::Drawn { noise, terms, space } => Sum::Drawn(Box::new(noise.summed(terms, space))),
        }
    }
}

impl Gradient {
    /// `Σ_k weight_k noise(seed_k)` for the `terms` (`seed_k`, `weight_k`).
    ///
    /// Noise that has to be stored to be drawn, or is shaped by tensors of its own, is summed up at once.
    ///
    /// # Errors
    /// [`Error::Shape`] for noise over another space, where it is summed up at once.
    pub fn drawn(noise: Perturbation, terms: Vec<(Seed, f64)>, space: &Space) -> Result<Self> {
        let gradient = Self(Kind::Drawn { noise, terms: terms.into(), space: space.clone() });
        match &gradient.0 {
            // In place, what is summed up would be as large as the model.
            Kind::Drawn { noise, .. } if !noise.follows_from_seeds() && !space.is_in_place() => gradient.dense().map(Self::from),
            _ => Ok(gradient),
        }
    }

    /// Its numbers \[d\].
    ///
    /// # Errors
    /// [`Error::Shape`] for noise over another space than the gradient is of.
    pub fn dense(&self) -> Result<CowTensor> {
        match &self.0 {
            Kind::Dense(numbers) => Ok(numbers.clone()),
            Kind::Drawn { noise, terms, space } => {
                let mut numbers = space.zeros()?;
                noise.add_weighted(terms, &mut numbers)?;
                Ok(numbers)
            }
        }
    }

    /// The noise and the terms (`seed_k`, `weight_k`) that it is drawn from; `None` where it is numbers.
    pub fn terms(&self) -> Option<(&Perturbation, &[(Seed, f64)])> {
        match &self.0 {
            Kind::Dense(_) => None,
            Kind::Drawn { noise, terms, .. } => Some((noise, terms)),
        }
    }

    /// Are all its numbers finite, and the square of its length? In a space in place, weights beyond 1e12 are none.
    ///
    /// # Errors
    /// [`Error::Shape`] for noise over another space than the gradient is of.
    pub fn is_finite(&self) -> Result<bool> {
        if let Kind::Drawn { terms, .. } = &self.0
            && terms.iter().map(|(_, weight)| weight.abs()).sum::<f64>() < LARGEST_WEIGHTS
        {
            return Ok(true);
        }
        if let Kind::Drawn { space, .. } = &self.0
            && space.is_in_place()
        {
            return Ok(false);
        }
        Ok(fuse::norm(&*self.dense()?)?.is_finite())
    }

    /// Is it of the shape and precision of the point \[d\]?
    pub(crate) fn check(&self, at: &CowTensor) -> Result<()> {
        let described = |dims: &[usize], dtype: candle_core::DType| format!("{dims:?} {}", dtype.as_str());
        let (dims, dtype) = match &self.0 {
            Kind::Dense(numbers) => (numbers.dims().to_vec(), numbers.dtype()),
            Kind::Drawn { space, .. } => (vec![space.dim()], space.dtype()),
        };
        if at.dims() == dims && at.dtype() == dtype {
            return Ok(());
        }
        Err(Error::shape("gradient", described(at.dims(), at.dtype()), described(&dims, dtype)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        noise::Sampler,
        optimizer::{Spec, descent},
        rng::Key,
        space::Leaf,
    };
    use candle_core::DType;

    const SAMPLERS: [Sampler; 9] = [
        Sampler::Normal,
        Sampler::Rademacher,
        Sampler::Cauchy,
        Sampler::Sphere,
        Sampler::Sparse { fraction: 0.3, block: 5 },
        Sampler::LowRank { rank: 2 },
        Sampler::Subspace { rank: 3 },
        Sampler::Orthogonal,
        Sampler::Median { size: 3 },
    ];

    /// Lengths on both sides of a block, a chunk, and what threads share.
    fn spaces() -> Vec<Space> {
        let leaves = |n: usize| vec![Leaf::real("a", [n / 7 + 1, 7]), Leaf::real("b", [3])];
        let of = |dtype, n| Space::with_dtype(leaves(n), dtype).unwrap();
        vec![of(DType::F64, 4), of(DType::F32, 125), of(DType::F64, 2041), of(DType::F32, 40_000)]
    }

    fn terms(seed: u64) -> Vec<(Seed, f64)> {
        (0..3).map(|k| (Key::new(seed).member(k), 0.3 * k as f64 - 0.4)).collect()
    }

    /// Bit for bit: the point and the whole state of every update rule, whichever of the two it is given.
    #[test]
    fn every_descent_goes_the_same_way_with_noise_as_with_its_sum() {
        for space in spaces() {
            for (rule, sampler) in descent::entries().into_iter().flat_map(|rule| SAMPLERS.map(|sampler| (rule, sampler))) {
                let run = |dense: bool| {
                    let mut descent = descent::build(&Spec::new(rule.id), &space).unwrap();
                    let mut at = space.start();
                    for step in 0..3 {
                        let mut gradient =
                            Gradient::drawn(sampler.over(&space).sharing(Key::new(6)), terms(step), &space).unwrap();
                        if dense {
                            gradient = gradient.dense().unwrap().into();
                        }
                        descent.witness(&at, 1.0);
                        descent.descend(&mut at, &gradient).unwrap();
                    }
                    (
                        crate::tensor::host::to_f64s(&at).unwrap(),
                        crate::persist::State::of(&mut descent).unwrap().digest().unwrap(),
                    )
                };
                assert!(run(false) == run(true), "{} with {sampler:?} in {} dimensions", rule.id, space.dim());
            }
        }
    }

    #[test]
    fn what_is_not_finite_is_seen_in_either_kind() {
        let space = Space::real(5).unwrap();
        let drawn = |weight| Gradient::drawn(Sampler::Normal.over(&space), vec![(Key::new(1).into(), weight)], &space).unwrap();
        for (weight, finite) in [(1.0, true), (1e100, true), (f64::INFINITY, false), (f64::NAN, false), (1e308, false)] {
            assert_eq!(drawn(weight).is_finite().unwrap(), finite, "{weight}");
            assert_eq!(Gradient::from(drawn(weight).dense().unwrap()).is_finite().unwrap(), finite, "{weight}");
        }
    }

    #[test]
    fn a_gradient_of_another_space_is_refused_and_nothing_changes() {
        let of = |dtype, n| Space::with_dtype(vec![Leaf::real("x", [n])], dtype).unwrap();
        let (space, others) = (of(DType::F64, 5), [of(DType::F64, 6), of(DType::F32, 5)]);
        for (rule, other) in descent::entries().into_iter().flat_map(|rule| others.iter().map(move |other| (rule, other))) {
            let gradient = Gradient::drawn(Sampler::Normal.over(other), terms(1), other).unwrap();
            let mut descent = descent::build(&Spec::new(rule.id), &space).unwrap();
            let (mut at, before) = (space.start(), crate::persist::State::of(&mut descent).unwrap().digest().unwrap());
            let refused = descent.descend(&mut at, &gradient);
            assert!(matches!(refused, Err(Error::Shape { .. } | Error::Invalid { .. })), "{}: {refused:?}", rule.id);
            assert_eq!(crate::persist::State::of(&mut descent).unwrap().digest().unwrap(), before);
        }
    }
}
