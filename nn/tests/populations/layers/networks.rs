//! Whole networks, as their users write them.

use candle_core::{Device, Tensor};
use moths_core::{
    Batch, FlatModel, Key, ModelOptions, Objective, Result, Sampler, Space,
    candle_nn::{self, Activation, Conv2dConfig, VarBuilder, loss},
    objective::{OutputLoss, Probe},
};
use moths_nn::{self as nn, Activations, Module, PopulationModel, attention, seq};

use super::{
    Built,
    in_candle::{self, Transformer as InCandle},
};

pub(crate) const CHARACTERS: usize = 9;
pub(crate) const PLACES: usize = 6;
pub(crate) const WIDTH: usize = 8;

/// A transformer of one block.
struct Transformer {
    characters: nn::Embedding,
    places: Tensor,
    before: nn::LayerNorm,
    attention: [nn::Linear; 4],
    layers: nn::Sequential,
    output: nn::Linear,
}

impl Transformer {
    fn build(vb: VarBuilder<'_>) -> Built<Self> {
        let characters = nn::embedding(CHARACTERS, WIDTH, vb.pp("characters"))?;
        let places = vb.get((PLACES, WIDTH), "places")?;
        let before = nn::layer_norm(WIDTH, 1e-5, vb.pp("before"))?;
        let [q, k, v, o] = ["q", "k", "v", "o"].map(|name| nn::linear_no_bias(WIDTH, WIDTH, vb.pp(name)));
        let layers = seq().add(nn::rms_norm(WIDTH, 1e-6, vb.pp("norm"))?).add(nn::linear(WIDTH, 16, vb.pp("wide"))?);
        let layers = layers.add(Activation::NewGelu).add(nn::linear(16, WIDTH, vb.pp("narrow"))?);
        let output = nn::linear(WIDTH, CHARACTERS, vb.pp("output"))?;
        Ok(Self { characters, places, before, attention: [q?, k?, v?, o?], layers, output })
    }
}

impl Module for Transformer {
    fn forward(&self, x: &Activations) -> Result<Activations> {
        let x = self.characters.forward(x)?.add_parameter(&self.places)?;
        let normed = self.before.forward(&x)?;
        let [q, k, v, o] = &self.attention;
        let seen = attention(&q.forward(&normed)?, &k.forward(&normed)?, &v.forward(&normed)?, 2, true)?;
        let x = x.add(&o.forward(&seen)?)?;
        self.output.forward(&self.layers.forward(&x)?.add(&x)?)
    }
}

fn cnn(vb: VarBuilder<'_>) -> Built<nn::Sequential> {
    let first = nn::conv2d(1, 4, 3, Conv2dConfig { padding: 1, ..Default::default() }, vb.pp("first"))?;
    let second = nn::conv2d(4, 6, 3, Conv2dConfig::default(), vb.pp("second"))?;
    let all = seq().add(first).add(nn::group_norm(2, 4, 1e-5, vb.pp("norm"))?).add_fn(|x| x.relu()?.max_pool2d(2)).add(second);
    Ok(all.add_fn(|x| x.relu()?.flatten()).add(nn::linear(24, CHARACTERS, vb.pp("output"))?))
}

/// Losses and gradients of both are the same, where some of the parameters are frozen too.
fn same<N: Module + Send + Sync + 'static, M: 'static>(
    build: fn(VarBuilder<'static>) -> Built<N>,
    candles: fn(VarBuilder<'static>) -> Built<M>,
    logits: fn(&M, &Tensor) -> Built<Tensor>,
    x: Tensor,
    classes: Tensor,
    frozen: &[&str],
) -> Result<()> {
    let data = (x.clone(), classes.clone());
    let options = || frozen.iter().fold(ModelOptions::default(), |options, leaves| options.freeze(leaves));
    let mut population = PopulationModel::with(options(), build, move |_| Ok(data.clone()), OutputLoss::CrossEntropy)?;
    let mut one_by_one = FlatModel::with(options(), candles, move |network: &mut M, _| {
        let logits = logits(network, &x)?;
        loss::cross_entropy(&logits.reshape(((), CHARACTERS))?, &classes.flatten_all()?)
    })?;
    let named = |space: &Space| space.leaves().iter().map(|leaf| leaf.name().to_owned()).collect::<Vec<_>>();
    assert_eq!(named(population.space()), named(one_by_one.space()));
    let start = population.space().start();
    for sampler in [Sampler::Normal, Sampler::LowRank { rank: 1 }, Sampler::LowRank { rank: 3 }] {
        let probes = (0..9).flat_map(|i| [0.1, -0.1].map(|scale| Probe::new(Key::new(i), scale)));
        let batch = Batch::seeded(&start, sampler.over(population.space()), probes.collect::<Vec<_>>());
        for (got, expected) in population.evaluate(&batch)?.iter().zip(one_by_one.evaluate(&batch)?) {
            assert!((got - expected).abs() < 1e-5 * expected.abs(), "{sampler:?}: {got} instead of {expected}");
        }
    }
    let (got, expected) = (population.gradient(&start)?.expect("a gradient"), one_by_one.gradient(&start)?.expect("a gradient"));
    assert!((got.0 - expected.0).abs() < 1e-5 * expected.0);
    assert!((got.1 - expected.1)?.abs()?.max_all()?.to_scalar::<f32>()? < 1e-5);
    Ok(())
}

#[test]
fn a_transformer() -> Result<()> {
    let numbers = |n: u32, step: u32| Tensor::from_vec((0..n).map(|i| i * step % 9).collect(), (n as usize / 6, 6), &Device::Cpu);
    for frozen in [&[][..], &["characters.*", "before.weight"], &["before.bias", "norm.*", "q.*", "places"]] {
        same(Transformer::build, InCandle::build, InCandle::logits, numbers(40 * 6, 7)?, numbers(40 * 6, 5)?, frozen)?;
    }
    Ok(())
}

#[test]
fn a_convolutional_network() -> Result<()> {
    let pixels = (0..40 * 64).map(|i| (i * 31 % 17) as f32 / 16.0).collect();
    let classes = Tensor::from_vec((0..40).map(|i| i * 5 % 9).collect::<Vec<u32>>(), 40, &Device::Cpu)?;
    let x = Tensor::from_vec(pixels, (40, 1, 8, 8), &Device::Cpu)?;
    for frozen in [&[][..], &["first.*"], &["first.weight", "norm.bias", "second.bias"]] {
        let logits = <candle_nn::Sequential as candle_core::Module>::forward;
        same(cnn, in_candle::cnn, logits, x.clone(), classes.clone(), frozen)?;
    }
    Ok(())
}
