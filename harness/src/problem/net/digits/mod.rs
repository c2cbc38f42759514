//! Handwritten digits, read by a small network.

mod data;

use candle_core::{Device, Tensor};
use candle_nn::VarBuilder;
use moths::nn::{Activations, linear, seq};

use super::{
    classification::Classification,
    examples::Share,
    on_digits,
    training::{Architecture, Defaults, Network, Training},
};
use crate::{
    Result,
    problem::{Entry, Has, Kind, Options},
};
pub(super) use data::Images;
use data::PIXELS;

/// Neurons of the hidden layer.
const HIDDEN: usize = 32;
/// Digits there are.
const CLASSES: usize = 10;
/// One training image in so many is held out for validation. Not a run of them: neighbours are by the same writer.
const HELD_OUT: usize = 5;

/// Chosen with `--validate`, at 50,000 evaluations and 5 to 8 seeds: wide perturbations and a little weight decay keep a
/// network that reads every training image rightly from reading them too literally.
const DEFAULTS: Defaults = Defaults { evaluations: 50_000, pairs: 32, sigma: 0.8, rate: 0.3, weight_decay: Some(0.005) };

/// 64-32-10 with ReLU: `hidden`, `output`.
struct Reader;

impl Architecture for Reader {
    fn build(&self, vb: VarBuilder<'_>) -> candle_core::Result<Network> {
        let hidden = linear(PIXELS, HIDDEN, vb.pp("hidden"))?;
        Ok(Box::new(seq().add(hidden).add_fn(Activations::relu).add(linear(HIDDEN, CLASSES, vb.pp("output"))?)))
    }
}

/// Train a network 64-32-10 with ReLU on 1,437 images of 8 x 8 pixels; the loss is the mean cross-entropy of all of them. (With
/// [`Options::minibatch`] the same network is trained on minibatches, as the other networks on the digits are.)
///
/// The judge also counts how many of the 360 test images are read rightly, or with [`Options::validate`] of every fifth
/// training image, which is then not trained on. Neither ever reaches the optimizer.
pub(super) fn digits(options: &Options) -> Result<Training<Classification>> {
    options.only("digits", &[Has::HeldOut, Has::Device])?;
    let (train, judged) = parts(options.validate)?;
    let data = Classification { train: train.examples()?, judged: judged.examples()?, share: Share::All };
    data.training(Reader, DEFAULTS, options)
}

/// The training images \[n, 64\] of `digits`, f32 from 0 to 1, and what they show \[n\], u32, on a device.
///
/// # Errors
/// [`Error::Tensor`](crate::Error::Tensor) where there is no room.
pub fn training_images(device: &Device) -> Result<(Tensor, Tensor)> {
    let (Images { pixels, labels }, _) = parts(false)?;
    Ok((pixels.to_device(device)?, labels.to_device(device)?))
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
            None => Ok(Box::new(digits(options)?)),
            Some(_) => Ok(Box::new(on_digits::in_minibatches(options)?)),
        }),
    }
}

#[cfg(test)]
mod tests {
    use moths::Spec;

    use super::*;

    /// The update rules that began this project, at their defaults: the figure is what is asked of them, not what they were chosen by.
    #[test]
    fn the_founding_descents_learn_the_digits() -> Result<()> {
        for descent in ["accumulate", "momentum-to-best"] {
            let spsa = Spec::new("spsa").with("descent", descent)?;
            let [before, after] = super::super::tests::before_and_after(&digits(&Options::default())?, &spsa, 20_000)?;
            assert!(before < 0.3 && after >= 0.9, "{descent}: a test accuracy of {after}");
        }
        Ok(())
    }

    #[test]
    fn validation_holds_out_training_images_only() -> Result<()> {
        let ((train, test), (kept, judged)) = (parts(false)?, parts(true)?);
        assert_eq!((train.len(), test.len()), (1437, 360));
        assert_eq!((kept.len(), judged.len()), (1149, 288));
        let rows = |images: &Images| images.pixels.to_vec2::<f32>();
        let (kept, judged) = (rows(&kept)?, rows(&judged)?);
        let again: Vec<_> = (0..1437).map(|i| if i % 5 == 0 { &judged[i / 5] } else { &kept[i - i / 5 - 1] }).cloned().collect();
        assert_eq!(again, rows(&train)?);
        Ok(())
    }
}
