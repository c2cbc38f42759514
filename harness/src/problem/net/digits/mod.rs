//! Handwritten digits, read by a small network.

mod data;
mod fused;
mod network;

use std::collections::HashMap;

use candle_core::{D, DType, Device, Tensor};
use moths::{CowTensor, FlatModel, Key, ModelOptions, Objective, Spec, objective::OutputLoss};
use serde_json::json;

use super::on_digits;
use crate::{
    Result,
    problem::{Answer, Entry, Examiner, Figure, Has, Kind, Measure, Options, Problem},
};
pub(super) use data::{Images, PIXELS};
pub use network::{Network, Path};

/// One training image in so many is held out for validation. Not a run of them: neighbours are by the same writer.
const HELD_OUT: usize = 5;
/// Half the population of the default optimizer.
const PAIRS: u64 = 32;

/// Train a network 64-32-10 with ReLU on 1,437 images of 8 x 8 pixels; the loss is the mean cross-entropy of all of them. (With
/// [`Options::minibatch`] the same network is trained on minibatches, as the other networks on the digits are.)
///
/// The judge also counts how many of the 360 test images are read rightly, or with [`Options::validate`] of every fifth
/// training image, which is then not trained on. Neither ever reaches the optimizer.
pub struct Digits {
    train: Images,
    judged: Images,
    measures: [Measure; 3],
    device: Device,
}

impl Digits {
    /// The problem, from the data in this program.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) for options it does not have.
    pub fn new(options: &Options) -> Result<Self> {
        options.only("digits", &[Has::HeldOut, Has::Device])?;
        let (train, judged) = parts(options.validate)?;
        let device = options.place()?;
        let part = if options.validate { "validation_accuracy" } else { "test_accuracy" };
        let share = |name| Measure { name, kind: Figure::Share };
        let measures = [Measure::LOSS, share("train_accuracy"), share(part)];
        Ok(Self { train, judged, measures, device })
    }

    /// The network as an objective.
    ///
    /// # Errors
    /// As [`FlatModel::with`].
    pub fn model(&self, options: ModelOptions, path: Path) -> Result<FlatModel<Network>> {
        if !self.device.is_cpu() {
            return self.elsewhere(options);
        }
        let mut loss = network::loss(&self.train, path)?;
        let model = FlatModel::with(options, Network::build, move |network, _| loss(network))?;
        Ok(model.and_outputs(network::outputs(&self.train)?, OutputLoss::CrossEntropy))
    }

    /// The training images \[n, 64\], f32 from 0 to 1, and what they show \[n\], u32, on a device.
    ///
    /// # Errors
    /// [`Error::Tensor`](crate::Error::Tensor) where there is no room.
    pub fn images(&self, device: &Device) -> Result<(Tensor, Tensor)> {
        let Images { pixels, labels } = self.train.on(device)?;
        Ok((pixels, labels))
    }

    /// The same by candle's operations on another device.
    fn elsewhere(&self, options: ModelOptions) -> Result<FlatModel<Network>> {
        let images = self.train.on(&self.device)?;
        let forward = move |network: &mut Network, _| Ok((network.logits(&images.pixels)?, images.labels.clone()));
        FlatModel::with_outputs(options.device(&self.device), Network::build, forward, OutputLoss::CrossEntropy)
    }
}

/// The images to train on, and those to judge by: the test images, or training images that are held out.
pub(super) fn parts(validate: bool) -> Result<(Images, Images)> {
    let (train, test) = data::load()?;
    if !validate {
        return Ok((train, test));
    }
    let (judged, train) = train.split(HELD_OUT)?;
    Ok((train, judged))
}

/// How the network begins, and what one unit of the search changes in each of its tensors.
fn model_options(seed: u64) -> ModelOptions {
    ModelOptions::default().key(Key::new(seed))
}

impl Problem for Digits {
    fn objective(&self, seed: u64) -> Result<Box<dyn Objective + Send>> {
        Ok(Box::new(self.model(model_options(seed), Path::Fused)?))
    }

    fn examiner(&self, seed: u64) -> Result<Box<dyn Examiner>> {
        let model = self.model(model_options(seed), Path::Plain)?;
        Ok(Box::new(Judge { model, train: self.train.clone(), judged: self.judged.clone() }))
    }

    fn measures(&self) -> &[Measure] {
        &self.measures
    }

    fn answer(&self) -> Answer {
        Answer::Optimizers
    }

    fn differentiable(&self) -> bool {
        true
    }

    fn shows_outputs(&self) -> bool {
        true
    }

    /// Chosen with `--validate`, at 50,000 evaluations and 5 to 8 seeds: wide perturbations and a little weight decay keep a
    /// network that reads every training image rightly from reading them too literally.
    fn default_optimizer(&self) -> Spec {
        let rate = json!({ "cosine": { "from": 0.3, "to": 0.0 } });
        let descent = json!({ "name": "adamw", "rate": rate, "weight_decay": 0.005 });
        let settings = [("pairs", json!(PAIRS)), ("sigma", json!(0.8)), ("descent", descent)];
        Spec { name: "open-es".into(), settings: settings.map(|(name, value)| (name.to_owned(), value)).into_iter().collect() }
    }

    fn default_evaluations(&self) -> u64 {
        50_000
    }

    fn default_threads(&self) -> usize {
        std::thread::available_parallelism().map_or(1, usize::from)
    }
}

struct Judge {
    model: FlatModel<Network>,
    train: Images,
    judged: Images,
}

impl Examiner for Judge {
    fn examine(&mut self, answer: &CowTensor) -> Result<Vec<f64>> {
        self.model.load(answer)?;
        let network = self.model.model();
        let device = network.output.weight().device();
        let (train, judged) = (self.train.on(device)?, self.judged.on(device)?);
        let logits = network.logits(&train.pixels)?;
        let loss = candle_nn::loss::cross_entropy(&logits, &train.labels)?.to_dtype(DType::F64)?.to_scalar()?;
        let trained = accuracy(&logits, &train)?;
        Ok(vec![loss, trained, accuracy(&network.logits(&judged.pixels)?, &judged)?])
    }

    fn tensors(&mut self, answer: &CowTensor) -> Result<Option<HashMap<String, Tensor>>> {
        self.model.load(answer)?;
        self.model.tensors().map(Some)
    }
}

/// The share of images whose highest logit is the right one.
fn accuracy(logits: &Tensor, images: &Images) -> Result<f64> {
    let right = logits.argmax(D::Minus1)?.eq(&images.labels)?.to_dtype(DType::F64)?;
    Ok(right.mean_all()?.to_scalar()?)
}

pub(super) fn entry() -> Entry {
    Entry {
        name: "net/digits".into(),
        kind: Kind::Model,
        summary: "1,797 handwritten digits of 8 x 8 pixels, a network 64-32-10 (2,410 parameters).".into(),
        group: String::new(),
        citation: "Alpaydin & Kaynak 1998, UCI, doi:10.24432/C50P49, CC BY 4.0".into(),
        hidden: false,
        reads_files: false,
        defaults: Options::default(),
        build: Box::new(|options| match options.minibatch {
            None => Ok(Box::new(Digits::new(options)?)),
            Some(_) => Ok(Box::new(on_digits::in_minibatches(options)?)),
        }),
    }
}

#[cfg(test)]
mod tests {
    use moths::{Batch, Sampler, Space};

    use super::*;

    /// Points near the start and far from it.
    fn points(space: &Space) -> Result<Batch> {
        let probes: Vec<moths::objective::Probe> =
            (0..8).map(|i| moths::objective::Probe::new(Key::new(i), 0.4 * i as f64)).collect();
        Ok(Batch::seeded(&space.start(), Sampler::Normal, probes))
    }

    #[test]
    fn the_fused_loss_is_the_plain_one() -> Result<()> {
        let digits = Digits::new(&Options::default())?;
        let mut fused = digits.model(model_options(1), Path::Fused)?;
        let mut plain = digits.model(model_options(1), Path::Plain)?;
        let batch = points(plain.space())?;
        for (fast, slow) in fused.evaluate(&batch)?.into_iter().zip(plain.evaluate(&batch)?) {
            assert!((fast - slow).abs() <= 1e-6 * slow.max(1.0), "{fast} against {slow}");
        }
        Ok(())
    }

    #[test]
    fn the_fused_objective_has_the_plain_gradient() -> Result<()> {
        let digits = Digits::new(&Options::default())?;
        let start = CowTensor::new(digits.model(model_options(1), Path::Plain)?.space().start().copy()?);
        let gradient = |path| -> Result<Vec<f64>> {
            let found = digits.model(model_options(1), path)?.gradient(&start)?.expect("differentiable");
            moths::tensor::host::to_f64s(&found.1)
        };
        let fused = gradient(Path::Fused)?;
        assert_eq!(fused, gradient(Path::Plain)?);
        assert!(fused.iter().any(|g| g.abs() > 1e-4));
        Ok(())
    }

    /// `cargo test -p moths-cli -- --ignored --nocapture what_an_evaluation_costs`
    #[test]
    #[ignore = "a measurement"]
    fn what_an_evaluation_costs() -> Result<()> {
        let digits = Digits::new(&Options::default())?;
        let measure = |path| -> Result<f64> {
            let mut model = digits.model(model_options(1), path)?;
            let batch = points(model.space())?;
            let mut best = f64::INFINITY;
            for _ in 0..50 {
                let began = std::time::Instant::now();
                model.evaluate(&batch)?;
                best = best.min(began.elapsed().as_secs_f64() / batch.len() as f64);
            }
            Ok(1e6 * best)
        };
        let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
        let (fused, plain) = one_thread.install(|| (measure(Path::Fused), measure(Path::Plain)));
        println!("fused {:.1} us, plain {:.1} us an evaluation on one thread", fused?, plain?);
        Ok(())
    }

    #[test]
    fn parameters_that_are_nan_give_a_loss_that_is_nan() -> Result<()> {
        let mut model = Digits::new(&Options::default())?.model(model_options(1), Path::Fused)?;
        let nan = CowTensor::new((&*model.space().start() * f64::NAN)?);
        assert!(model.evaluate(&Batch::one(&nan)?)?[0].is_nan());
        Ok(())
    }

    /// The update rules that began this project, at their defaults: the figure is what is asked of them, not what they were chosen by.
    #[test]
    fn the_founding_descents_learn_the_digits() -> Result<()> {
        for descent in ["accumulate", "momentum-to-best"] {
            let spsa = Spec::new("spsa").with("descent", descent)?;
            let [before, after] =
                crate::problem::net::tests::before_and_after(&Digits::new(&Options::default())?, &spsa, 20_000)?;
            assert!(before < 0.3 && after >= 0.9, "{descent}: a test accuracy of {after}");
        }
        Ok(())
    }

    #[test]
    fn validation_holds_out_training_images_only() -> Result<()> {
        let (all, held) = (Digits::new(&Options::default())?, Digits::new(&Options { validate: true, ..Options::default() })?);
        assert_eq!((all.train.len(), all.judged.len()), (1437, 360));
        assert_eq!((held.train.len(), held.judged.len()), (1149, 288));
        let rows = |images: &Images| images.pixels.to_vec2::<f32>();
        let (kept, judged) = (rows(&held.train)?, rows(&held.judged)?);
        let again: Vec<_> = (0..1437).map(|i| if i % 5 == 0 { &judged[i / 5] } else { &kept[i - i / 5 - 1] }).cloned().collect();
        assert_eq!(again, rows(&all.train)?);
        Ok(())
    }
}
