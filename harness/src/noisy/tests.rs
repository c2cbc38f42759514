//! Noise over an objective: the published formulas, and the promise that equal questions get equal answers.

use super::{Noise, NoiseModel, Noisy};
use candle_core::{DType, Device, Tensor};
use moths::{
    Batch, CowTensor, Error, Function, Key, Leaf, Objective, Result, Sampler, Space,
    objective::{Probe, layer::Pool},
    persist::{Keep, State},
};

type Test = std::result::Result<(), Box<dyn std::error::Error>>;

fn bowl(x: &[f64]) -> f64 {
    x.iter().map(|x| (x - 1.0).powi(2)).sum()
}

/// Equal where the numbers are, NaN and −0 included.
fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|v| v.to_bits()).collect()
}

/// A loss that lies `f` above the minimum under the noise of so many keys.
fn disturbed(model: NoiseModel, f: f64, draws: u64) -> Vec<f64> {
    (0..draws).map(|i| model.disturb(f, Key::new(7).fold(i))).collect()
}

/// Are these independent draws of a law of this mean and deviation? Five standard errors of the mean, 5 % of the variance.
fn assert_moments(values: &[f64], mean: f64, deviation: f64) {
    let n = values.len() as f64;
    let seen = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - seen).powi(2)).sum::<f64>() / (n - 1.0);
    assert!((seen - mean).abs() < 5.0 * deviation / n.sqrt(), "mean {seen}, not {mean}");
    assert!((variance / deviation.powi(2) - 1.0).abs() < 0.05, "variance {variance}, not {}", deviation.powi(2));
}

/// Does this hold of as many draws as a law's probability says? Four standard errors.
fn assert_share(values: &[f64], holds: impl Fn(f64) -> bool, probability: f64) {
    let share = values.iter().filter(|v| holds(**v)).count() as f64 / values.len() as f64;
    let error = (probability * (1.0 - probability) / values.len() as f64).sqrt();
    assert!((share - probability).abs() < 4.0 * error, "{share}, not {probability}");
}

#[test]
fn gaussian_noise_is_a_log_normal_factor() {
    for (noise, beta) in [(Noise::Gaussian, 0.01), (Noise::GaussianSevere, 1.0)] {
        let z: Vec<f64> = disturbed(noise.model(3), 40.0, 40_000).iter().map(|f| (f / 40.0).ln() / beta).collect();
        assert_moments(&z, 0.0, 1.0);
        assert_share(&z, |z| z < 1.0, 0.841_344_746);
        assert_share(&z, |z| z < -2.0, 0.022_750_132);
    }
}

#[test]
fn uniform_noise_is_two_uniform_factors() {
    for (noise, strength) in [(Noise::Uniform, 0.01), (Noise::UniformSevere, 1.0)] {
        for (dim, f) in [(2, 1e-3), (5, 1.0), (40, 1e4)] {
            // ln f̃ = ln f + β ln U + α L V with L = ln(10⁹ / f): −ln U is exponential, V uniform.
            let (alpha, beta) = (strength * (0.49 + 1.0 / dim as f64), strength);
            let reach = alpha * (1e9f64 / f).ln();
            let logs: Vec<f64> = disturbed(noise.model(dim), f, 40_000).iter().map(|d| (d / f).ln()).collect();
            assert_moments(&logs, 0.5 * reach - beta, (beta.powi(2) + reach.powi(2) / 12.0).sqrt());
        }
        // Far from the minimum the second factor is 1.
        let first: Vec<f64> = disturbed(noise.model(5), 1e12, 40_000).iter().map(|d| (d / 1e12).powf(1.0 / strength)).collect();
        assert_moments(&first, 0.5, 12f64.sqrt().recip());
        assert_share(&first, |u| u < 0.1, 0.1);
    }
}

#[test]
fn cauchy_noise_is_a_rare_outlier_above_a_floor() {
    for (noise, alpha, p) in [(Noise::Cauchy, 0.01, 0.05), (Noise::CauchySevere, 1.0, 0.2)] {
        let outliers: Vec<f64> = disturbed(noise.model(3), 5.0, 400_000).iter().map(|f| (f - 5.0) / alpha - 1000.0).collect();
        let is_quiet = |x: f64| x.abs() < 1e-9;
        let seldom: Vec<f64> = outliers.iter().copied().filter(|x| !is_quiet(*x)).collect();
        assert_share(&outliers, is_quiet, 1.0 - p);
        // A standard Cauchy variable: tan(0.4 π) has one tenth of it above.
        assert_share(&seldom, |x| x.abs() > 1.0, 0.5);
        assert_share(&seldom, |x| x > (0.4 * std::f64::consts::PI).tan(), 0.1);
        assert_share(&seldom, |x| x < -100.0, 0.01f64.atan() / std::f64::consts::PI);
        assert!(outliers.iter().all(|x| *x >= -1000.0 - 1e-9));
    }
}

const MINIMUM: f64 = -7.0;

/// A plateau three above the minimum.
fn plateau(space: &Space, noise: Noise) -> Result<impl Objective + Send + use<>> {
    Noisy::new(Function::new(space.clone(), |_| MINIMUM + 3.0), noise.model(space.dim()), MINIMUM, Key::new(5))
}

/// What the noise of a plateau did, as standard normals.
fn normals(losses: &[f64]) -> Vec<f64> {
    losses.iter().map(|loss| ((loss - MINIMUM - 1.01e-8) / 3.0).ln() / 0.01).collect()
}

#[test]
fn neighbouring_points_have_independent_noise() -> Test {
    let space = Space::real(2)?;
    // A grid of small whole numbers: points that differ in few bits.
    let grid: Vec<f64> = (0..200).flat_map(|i| (0..200).flat_map(move |j| [f64::from(i - 100), f64::from(j - 100)])).collect();
    let batch = Batch::Dense(Tensor::from_vec(grid, (40_000, 2), &Device::Cpu)?.into());
    let z = normals(&plateau(&space, Noise::Gaussian)?.evaluate(&batch)?);
    assert_moments(&z, 0.0, 1.0);
    for lag in [1, 2, 100, 200] {
        let products: Vec<f64> = z.iter().zip(&z[lag..]).map(|(a, b)| a * b).collect();
        assert_moments(&products, 0.0, 1.0);
    }
    let mut distinct = bits(&z);
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 40_000, "every point has noise of its own");
    Ok(())
}

#[test]
fn steps_have_independent_noise() -> Test {
    let space = Space::real(3)?;
    let mut noisy = plateau(&space, Noise::Gaussian)?;
    let losses = |_| {
        noisy.refresh()?;
        Ok(noisy.evaluate(&Batch::one(&space.start())?)?[0])
    };
    let z = normals(&(0..40_000).map(losses).collect::<Result<Vec<f64>>>()?);
    assert_moments(&z, 0.0, 1.0);
    assert_moments(&z.windows(2).map(|z| z[0] * z[1]).collect::<Vec<_>>(), 0.0, 1.0);
    Ok(())
}

fn noisy_bowl(space: &Space) -> Result<impl Objective + Send + use<>> {
    Noisy::new(Function::new(space.clone(), bowl), Noise::UniformSevere.model(space.dim()), 0.0, Key::new(3))
}

fn near_start(space: &Space, n: u64) -> Batch {
    let probes: Vec<Probe> = (0..n).map(|i| Probe::new(Key::new(i), 1.0).of_draw((i / 8) as u32)).collect();
    Batch::seeded(&space.start(), Sampler::Normal, probes)
}

#[test]
fn neither_splitting_nor_replicas_change_the_noise() -> Test {
    for dtype in [DType::F32, DType::F64] {
        let space = Space::with_dtype(vec![Leaf::real("w", [20]).scale(0.1)], dtype)?;
        let (mut whole, mut split) = (noisy_bowl(&space)?, noisy_bowl(&space)?);
        let mut pool = Pool::new(vec![noisy_bowl(&space)?, noisy_bowl(&space)?, noisy_bowl(&space)?])?;
        let batch = near_start(&space, 30);
        for _ in 0..3 {
            let losses = bits(&whole.evaluate(&batch)?);
            let parts = [batch.part(0..1), batch.part(1..17), batch.part(17..30)];
            let parts = parts.iter().map(|part| split.evaluate(part)).collect::<Result<Vec<_>>>()?.concat();
            assert_eq!(bits(&parts), losses);
            assert_eq!(bits(&pool.evaluate(&batch)?), losses);
            [&mut whole as &mut dyn Objective, &mut split, &mut pool].into_iter().try_for_each(Objective::refresh)?;
        }
        assert!(pool.stochastic());
    }
    Ok(())
}

#[test]
fn the_noise_is_that_of_the_values_and_of_the_draw() -> Test {
    let space = Space::new(vec![Leaf::integer("n", [2], 0, 9)])?;
    let mut noisy = plateau(&space, Noise::GaussianSevere)?;
    let row = |x: [f32; 2]| Ok::<_, Error>(CowTensor::new(Tensor::new(&x, &Device::Cpu)?));
    let mut at = |x| Ok::<_, Error>(noisy.evaluate(&Batch::one(&row(x)?)?)?[0]);
    // An integer from 0 to 9 is searched at a scale of 2.5: both points are (2, 3), the third is (2, 4).
    let [same, again, other] = [at([0.8, 1.2])?, at([0.85, 1.15])?, at([0.8, 1.6])?];
    assert_eq!(same, again);
    assert_ne!(same, other);

    let zero = row([0.0, 1.2])?;
    let drawn = |draw| Batch::seeded(&zero, Sampler::Normal, [Probe::new(Key::new(1), 0.0).of_draw(draw)]);
    let losses = [noisy.evaluate(&drawn(0))?, noisy.evaluate(&drawn(1))?, noisy.evaluate(&Batch::one(&row([-0.0, 1.2])?)?)?];
    assert_ne!(losses[0], losses[1], "another draw is other data");
    assert_eq!(losses[0], losses[2], "-0 is 0, whoever asks");
    Ok(())
}

#[test]
fn what_is_near_the_minimum_or_has_failed_passes() -> Test {
    let space = Space::real(1)?;
    let losses = [0.0, 9.9e-9, -3.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    for noise in Noise::ALL {
        let given = Function::new(space.clone(), |x: &[f64]| losses[x[0] as usize]);
        let mut noisy = Noisy::new(given, noise.model(1), 0.0, Key::new(1))?;
        let batch = Batch::Dense(Tensor::from_vec(vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0], (6, 1), &Device::Cpu)?.into());
        assert_eq!(bits(&noisy.evaluate(&batch)?), bits(&losses), "{noise}");
        let mut above = Noisy::new(Function::new(space.clone(), |_| 1e-8), noise.model(1), 0.0, Key::new(1))?;
        let loss = above.evaluate(&batch.part(0..1))?[0];
        assert!(loss >= 1.01e-8, "{noise}: {loss} counts as reached");
    }
    Ok(())
}

/// Its data move on; it can be differentiated.
struct Drifting(Space, f64);

impl Objective for Drifting {
    fn space(&self) -> &Space {
        &self.0
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        Ok(vec![self.1; batch.len()])
    }

    fn refresh(&mut self) -> Result<()> {
        self.1 += 100.0;
        Ok(())
    }

    fn gradient(&mut self, at: &CowTensor) -> Result<Option<(f64, Tensor)>> {
        Ok(Some((self.1, at.zeros_like()?)))
    }
}

#[test]
fn what_lies_inside_moves_on_and_its_gradient_is_kept_back() -> Test {
    let space = Space::real(2)?;
    let mut noisy = Noisy::new(Drifting(space.clone(), 100.0), Noise::Gaussian.model(2), 0.0, Key::new(1))?;
    let at = Batch::one(&space.start())?;
    assert!((noisy.evaluate(&at)?[0] - 100.0).abs() < 10.0);
    noisy.refresh()?;
    assert!((noisy.evaluate(&at)?[0] - 200.0).abs() < 20.0);
    assert!(noisy.gradient(&space.start())?.is_none());
    Ok(())
}

#[test]
fn the_clock_can_be_saved() -> Test {
    let space = Space::real(2)?;
    let new = || Noisy::new(Function::new(space.clone(), bowl), Noise::Gaussian.model(2), 0.0, Key::new(1));
    let (mut noisy, mut resumed) = (new()?, new()?);
    let at = Batch::one(&space.start())?;
    noisy.refresh()?;
    assert_ne!(resumed.evaluate(&at)?, noisy.evaluate(&at)?);
    State::of(&mut noisy)?.restore(&mut resumed, Keep::Nothing)?;
    assert_eq!(resumed.evaluate(&at)?, noisy.evaluate(&at)?);
    Ok(())
}

#[test]
fn names_are_read_and_written() -> Test {
    for noise in Noise::ALL {
        assert_eq!(noise.name().parse::<Noise>()?, noise);
        assert_eq!(serde_json::to_value(noise)?, noise.name());
        assert_eq!(serde_json::from_value::<Noise>(noise.name().into())?, noise);
        assert_eq!(noise.to_string(), noise.name());
    }
    assert!(matches!("cauchy-sever".parse::<Noise>(), Err(Error::Unknown { nearest: Some(n), .. }) if n == "cauchy-severe"));
    Ok(())
}

#[test]
fn parameters_are_checked() -> Test {
    let space = Space::real(2)?;
    let new = |model, minimum| Noisy::new(Function::new(space.clone(), bowl), model, minimum, Key::new(1)).err();
    let field = |error| match error {
        Some(Error::Invalid { field, .. }) => field,
        other => format!("{other:?}"),
    };
    assert_eq!(field(new(NoiseModel::Gaussian { beta: -1.0 }, 0.0)), "noise.beta");
    assert_eq!(field(new(NoiseModel::Uniform { alpha: f64::NAN, beta: 1.0 }, 0.0)), "noise.alpha");
    assert_eq!(field(new(NoiseModel::Uniform { alpha: 1.0, beta: f64::INFINITY }, 0.0)), "noise.beta");
    assert_eq!(field(new(NoiseModel::Cauchy { alpha: 1.0, p: 1.5 }, 0.0)), "noise.p");
    assert_eq!(field(new(NoiseModel::Cauchy { alpha: 1.0, p: 1.0 }, f64::NEG_INFINITY)), "minimum");
    assert!(new(NoiseModel::Cauchy { alpha: 0.0, p: 0.0 }, -1e300).is_none());
    Ok(())
}
