//! Models that are their own point: displaced and restored to the bit, moved like any other, written down, saved.

mod home;
mod log;
mod options;
mod state;

use std::collections::HashMap;

use candle_core::{DType, Device, Module, Tensor};
use candle_nn::{Embedding, LayerNorm, Linear, VarBuilder, embedding, layer_norm, linear, loss::mse};
use moths_core::{
    CowTensor, FlatModel, Key, ModelOptions, Objective, Result, Sampler, Space,
    objective::model::{InPlaceModel, Weights},
    optimizer::{Antithetic, DataDraws, Estimate, Estimator, GradientDescent, descent},
    persist,
    persist::Clock,
};

/// An embedding, a norm and two layers; the embedding is larger than a chunk.
struct Net {
    words: Embedding,
    norm: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    calls: usize,
}

const WORDS: usize = 900;
const WIDTH: usize = 24;

impl Net {
    fn new(vb: VarBuilder<'_>) -> candle_core::Result<Self> {
        Ok(Self {
            words: embedding(WORDS, WIDTH, vb.pp("words"))?,
            norm: layer_norm(WIDTH, 1e-5, vb.pp("norm"))?,
            fc1: linear(WIDTH, 16, vb.pp("fc1"))?,
            fc2: linear(16, 2, vb.pp("fc2"))?,
            calls: 0,
        })
    }

    /// Needs the model for itself, as those with a cache do.
    fn loss(&mut self) -> candle_core::Result<Tensor> {
        self.calls += 1;
        let ids = Tensor::new(&[[1u32, 5, 899], [7, 7, 3], [0, 450, 12]], &Device::Cpu)?;
        let y = Tensor::new(&[[1f32, 0.0], [-1.0, 2.0], [0.5, 0.5]], &Device::Cpu)?;
        let pooled = self.norm.forward(&self.words.forward(&ids)?.mean(1)?)?;
        mse(&self.fc2.forward(&self.fc1.forward(&pooled)?.tanh()?)?.to_dtype(DType::F32)?, &y)
    }
}

/// Numbers for every tensor of the net and one more, of different sizes.
fn weights(dtype: DType) -> Result<Weights> {
    let shapes: [(&str, Vec<usize>, f64); 8] = [
        ("words.weight", vec![WORDS, WIDTH], 0.07),
        ("norm.weight", vec![WIDTH], 0.9),
        ("norm.bias", vec![WIDTH], 0.02),
        ("fc1.weight", vec![16, WIDTH], 0.2),
        ("fc1.bias", vec![16], 0.01),
        ("fc2.weight", vec![2, 16], 0.3),
        ("fc2.bias", vec![2], 0.1),
        ("never.asked", vec![5], 1.0),
    ];
    let tensor = |(k, (name, shape, size)): (usize, (&str, Vec<usize>, f64))| {
        let mut values = CowTensor::new(Tensor::zeros(shape, DType::F32, &Device::Cpu)?);
        Sampler::Normal.add(Key::new(k as u64), size, &mut values)?;
        Ok((name.to_owned(), values.to_dtype(dtype)?))
    };
    Weights::of(shapes.into_iter().enumerate().map(tensor).collect::<Result<Vec<_>>>()?)
}

fn options(dtype: DType) -> Result<ModelOptions> {
    Ok(ModelOptions::default().dtype(dtype).weights(&weights(dtype)?).key(Key::new(3)))
}

fn in_place(options: ModelOptions) -> Result<InPlaceModel<Net>> {
    InPlaceModel::new(options, Net::new, |net, _| net.loss())
}

fn flat(options: ModelOptions) -> Result<FlatModel<Net>> {
    FlatModel::with(options, Net::new, |net, _| net.loss())
}

/// All tensors as bits, by name.
fn bits(tensors: HashMap<String, Tensor>) -> Result<Vec<(String, Vec<u32>)>> {
    let mut all = tensors
        .into_iter()
        .map(|(name, tensor)| {
            let values = tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
            Ok((name, values.into_iter().map(f32::to_bits).collect()))
        })
        .collect::<Result<Vec<_>>>()?;
    all.sort();
    Ok(all)
}

/// Two differences along normal directions.
struct Pairs {
    clock: Clock,
    space: Space,
}
persist!(Pairs { clock });

impl Estimator for Pairs {
    fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
        let (key, sampler, draws) = (self.clock.key(), Sampler::Normal, DataDraws::Shared);
        let pairs = Antithetic { key, pairs: 2, scale: 0.05, sampler, draws };
        let losses = objective.losses(&pairs.batch(at, &self.space))?;
        let gradient = pairs.combine(&losses, &self.space)?;
        self.clock.tick();
        Ok(Estimate::new(losses.lowest(), gradient, 4))
    }
}

type Search = GradientDescent<Pairs, Box<dyn moths_core::optimizer::Descent>>;

fn search(space: &Space, descent: &str) -> Result<Search> {
    let pairs = Pairs { clock: Clock::new(Key::new(5)), space: space.clone() };
    Ok(GradientDescent::new(pairs, descent::build(&descent.parse()?, space)?, space))
}

const PLAIN: &str = r#"{"name": "sgd", "rate": 0.02}"#;
