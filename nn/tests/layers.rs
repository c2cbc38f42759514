//! Every layer is candle-nn's: by name, by what it begins as, by what it computes and by its gradient.

use candle_core::{D, DType, Device, Tensor};
use moths_core::{
    Batch, FlatModel, Key, Objective, Result, Sampler,
    candle_nn::{self, Conv1dConfig, Conv2dConfig, Module as _, VarBuilder, VarMap, loss, ops},
    objective::{OutputLoss, Probe},
};
use moths_nn::{self as nn, Activations, Module, PopulationModel};

type Built<T> = candle_core::Result<T>;

/// A layer, candle's own, and what they see.
struct Pair<B, C, F> {
    name: &'static str,
    ours: B,
    theirs: C,
    /// What candle's computes; in a form that has a gradient.
    by_candle: F,
    /// The shape of an example.
    inputs: &'static [usize],
    /// Numbers below this are the inputs, whole ones; or fractions if it is 0.
    whole: usize,
}

impl<B, C, F, M, N> Pair<B, C, F>
where
    B: Fn(VarBuilder<'_>) -> Built<M> + Copy + Send + 'static,
    C: Fn(VarBuilder<'_>) -> Built<N> + Copy + Send + 'static,
    F: Fn(&N, &Tensor) -> Built<Tensor> + Copy + Send + 'static,
    M: Module + candle_core::Module + Send + Sync + 'static,
    N: Send + 'static,
{
    fn examples(&self, m: usize) -> Result<Tensor> {
        let count = m * self.inputs.iter().product::<usize>();
        let value = |i: usize| if self.whole > 0 { (i * 31 % self.whole) as f32 } else { ((i * 31) % 17) as f32 / 8.0 - 1.0 };
        let x = Tensor::from_vec((0..count).map(value).collect(), [&[m], self.inputs].concat(), &Device::Cpu)?;
        Ok(if self.whole > 0 { x.to_dtype(DType::U32)? } else { x })
    }

    fn holds(&self) -> Result<()> {
        let vars = VarMap::new();
        let vb = VarBuilder::from_varmap(&vars, DType::F32, &Device::Cpu);
        let (ours, theirs) = ((self.ours)(vb.clone())?, (self.theirs)(vb)?);
        for m in [1, 31, 33, 70] {
            let x = self.examples(m)?;
            let expected = (self.by_candle)(&theirs, &x)?;
            assert!(apart(&candle_core::Module::forward(&ours, &x)?, &expected)? < 1e-5, "{}", self.name);
            self.losses_are_candles(&x, &wanted(&expected)?)?;
        }
        Ok(())
    }

    fn losses_are_candles(&self, x: &Tensor, wanted: &Tensor) -> Result<()> {
        let (data, by_candle, targets) = ((x.clone(), wanted.clone()), self.by_candle, wanted.clone());
        let mut population = PopulationModel::new(self.ours, move |_| Ok(data.clone()), OutputLoss::MeanSquaredError)?;
        let x = x.clone();
        let mut one_by_one = FlatModel::new(self.theirs, move |layer: &mut N, _| loss::mse(&by_candle(layer, &x)?, &targets))?;
        let named = |space: &moths_core::Space| format!("{:?}", space.places().collect::<Vec<_>>());
        assert_eq!(named(population.space()), named(one_by_one.space()), "{}", self.name);
        let start = population.space().start();
        assert_eq!(start.to_vec1::<f32>()?, one_by_one.space().start().to_vec1::<f32>()?, "{}", self.name);
        for sampler in [Sampler::Normal, Sampler::LowRank { rank: 1 }, Sampler::LowRank { rank: 3 }] {
            let batch = pairs(&population, &sampler, 0..5);
            let (got, expected) = (population.evaluate(&batch)?, one_by_one.evaluate(&batch)?);
            for (got, expected) in got.iter().zip(expected) {
                let near = (got - expected).abs() < 1e-5 * expected.abs();
                assert!(near, "{} {sampler:?}: {got} instead of {expected}", self.name);
            }
            same_bits(&mut population, &sampler)?;
        }
        let (got, expected) =
            (population.gradient(&start)?.expect("a gradient"), one_by_one.gradient(&start)?.expect("a gradient"));
        assert!((got.0 - expected.0).abs() <= 1e-5 * expected.0.abs(), "{}", self.name);
        assert!(apart(&got.1, &expected.1)? < 1e-5, "the gradient of {}", self.name);
        Ok(())
    }
}

/// Something else than these outputs.
fn wanted(outputs: &Tensor) -> Result<Tensor> {
    let value = |i: usize| ((i * 13) % 7) as f32 / 3.0 - 1.0;
    Ok(Tensor::from_vec((0..outputs.elem_count()).map(value).collect(), outputs.shape(), &Device::Cpu)?)
}

/// The largest difference, of the largest value.
fn apart(got: &Tensor, expected: &Tensor) -> Result<f32> {
    let highest = |x: &Tensor| x.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>();
    Ok(highest(&(got - expected)?)? / highest(expected)?.max(1e-3))
}

fn pairs(model: &impl Objective, sampler: &Sampler, keys: std::ops::Range<u64>) -> Batch {
    let probes = keys.flat_map(|i| [0.3, -0.3].map(|scale| Probe::new(Key::new(i), scale)));
    Batch::seeded(&model.space().start(), sampler.over(model.space()), probes.collect::<Vec<_>>())
}

/// Losses have the same bits beside others and alone, and with one thread and several.
fn same_bits<N: Module + Send + Sync + 'static>(model: &mut PopulationModel<N>, sampler: &Sampler) -> Result<()> {
    let batch = pairs(model, sampler, 0..5);
    let together = model.evaluate(&batch)?;
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        assert_eq!(pool.install(|| model.evaluate(&batch))?, together, "{threads} threads, {sampler:?}");
    }
    for (i, loss) in together.iter().enumerate() {
        let probe = Probe::new(Key::new(i as u64 / 2), if i % 2 == 0 { 0.3 } else { -0.3 });
        let alone = Batch::seeded(&model.space().start(), sampler.over(model.space()), vec![probe]);
        assert_eq!(model.evaluate(&alone)?, [*loss], "candidate {i} alone, {sampler:?}");
    }
    Ok(())
}

#[test]
fn embeddings() -> Result<()> {
    Pair {
        name: "embedding",
        ours: |vb: VarBuilder<'_>| nn::embedding(11, 6, vb),
        theirs: |vb: VarBuilder<'_>| candle_nn::embedding(11, 6, vb),
        by_candle: |layer: &candle_nn::Embedding, x: &Tensor| layer.forward(x),
        inputs: &[3, 2],
        whole: 11,
    }
    .holds()
}

#[test]
fn convolutions_of_images() -> Result<()> {
    for config in CONFIGS {
        let square =
            Conv2dConfig { padding: config[0], stride: config[1], dilation: config[2], groups: config[3], ..Default::default() };
        let name = "conv2d";
        let by_candle = |layer: &candle_nn::Conv2d, x: &Tensor| layer.forward(x);
        let (ours, theirs) = (
            move |vb: VarBuilder<'_>| nn::conv2d(4, 6, 3, square, vb),
            move |vb: VarBuilder<'_>| candle_nn::conv2d(4, 6, 3, square, vb),
        );
        Pair { name, ours, theirs, by_candle, inputs: &[4, 6, 5], whole: 0 }.holds()?;
    }
    let name = "conv2d_no_bias";
    let by_candle = |layer: &candle_nn::Conv2d, x: &Tensor| layer.forward(x);
    let ours = |vb: VarBuilder<'_>| nn::conv2d_no_bias(2, 1, 2, Conv2dConfig::default(), vb);
    let theirs = |vb: VarBuilder<'_>| candle_nn::conv2d_no_bias(2, 1, 2, Conv2dConfig::default(), vb);
    Pair { name, ours, theirs, by_candle, inputs: &[2, 4, 3], whole: 0 }.holds()
}

/// Padding, stride, dilation and groups.
const CONFIGS: [[usize; 4]; 6] = [[0, 1, 1, 1], [1, 2, 1, 1], [2, 1, 1, 1], [1, 1, 2, 1], [0, 2, 1, 2], [2, 1, 2, 2]];

#[test]
fn convolutions_of_rows() -> Result<()> {
    for config in CONFIGS {
        let row =
            Conv1dConfig { padding: config[0], stride: config[1], dilation: config[2], groups: config[3], ..Default::default() };
        let name = "conv1d";
        let by_candle = |layer: &candle_nn::Conv1d, x: &Tensor| layer.forward(x);
        let (ours, theirs) = (
            move |vb: VarBuilder<'_>| nn::conv1d(4, 6, 3, row, vb),
            move |vb: VarBuilder<'_>| candle_nn::conv1d(4, 6, 3, row, vb),
        );
        Pair { name, ours, theirs, by_candle, inputs: &[4, 9], whole: 0 }.holds()?;
    }
    Ok(())
}

#[test]
fn normalisations_of_the_last_dimension() -> Result<()> {
    Pair {
        name: "layer_norm",
        ours: |vb: VarBuilder<'_>| nn::layer_norm(7, 1e-5, vb),
        theirs: |vb: VarBuilder<'_>| candle_nn::layer_norm(7, 1e-5, vb),
        by_candle: |layer: &candle_nn::LayerNorm, x: &Tensor| {
            ops::layer_norm_slow(x, layer.weight(), layer.bias().expect("a bias"), 1e-5)
        },
        inputs: &[3, 7],
        whole: 0,
    }
    .holds()?;
    Pair {
        name: "rms_norm",
        ours: |vb: VarBuilder<'_>| nn::rms_norm(7, 1e-6, vb),
        theirs: |vb: VarBuilder<'_>| candle_nn::rms_norm(7, 1e-6, vb),
        by_candle: |layer: &candle_nn::RmsNorm, x: &Tensor| ops::rms_norm_slow(x, layer.weight(), 1e-6),
        inputs: &[7],
        whole: 0,
    }
    .holds()
}

/// Linear layers for queries, keys and values, and attention.
struct Attending {
    all: nn::Linear,
    causal: bool,
    apart: bool,
}

impl Module for Attending {
    fn forward(&self, x: &Activations) -> Result<Activations> {
        let qkv = Module::forward(&self.all, x)?;
        if self.apart {
            // The keys are the data themselves, which all candidates share.
            return nn::attention(&qkv, x, &qkv, 2, self.causal);
        }
        nn::self_attention(&qkv, 2, self.causal)
    }
}

impl candle_core::Module for Attending {
    fn forward(&self, x: &Tensor) -> Built<Tensor> {
        candle_core::Module::forward(&nn::Plain(Borrowed(self)), x)
    }
}

struct Borrowed<'a, M>(&'a M);

impl<M: Module> Module for Borrowed<'_, M> {
    fn forward(&self, x: &Activations) -> Result<Activations> {
        Module::forward(self.0, x)
    }
}

fn attended(q: &Tensor, k: &Tensor, v: &Tensor, causal: bool) -> Built<Tensor> {
    let (n, places, width) = q.dims3()?;
    let by_heads = |x: &Tensor| x.reshape((n, places, 2, width / 2))?.transpose(1, 2)?.contiguous();
    let scores = (by_heads(q)?.matmul(&by_heads(k)?.t()?)? / ((width / 2) as f64).sqrt())?;
    let seen = Tensor::tril2(places, DType::F32, &Device::Cpu)?;
    let scores = if causal { scores.broadcast_add(&((seen - 1.0)? * 1e9)?)? } else { scores };
    ops::softmax(&scores, D::Minus1)?.matmul(&by_heads(v)?)?.transpose(1, 2)?.reshape((n, places, width))
}

#[test]
fn attention_between_places() -> Result<()> {
    for causal in [false, true] {
        Pair {
            name: "self_attention",
            ours: move |vb: VarBuilder<'_>| Ok(Attending { all: nn::linear(6, 18, vb)?, causal, apart: false }),
            theirs: |vb: VarBuilder<'_>| candle_nn::linear(6, 18, vb),
            by_candle: move |layer: &candle_nn::Linear, x: &Tensor| {
                let all = layer.forward(x)?;
                attended(&all.narrow(2, 0, 6)?, &all.narrow(2, 6, 6)?, &all.narrow(2, 12, 6)?, causal)
            },
            inputs: &[5, 6],
            whole: 0,
        }
        .holds()?;
        Pair {
            name: "attention",
            ours: move |vb: VarBuilder<'_>| Ok(Attending { all: nn::linear(6, 6, vb)?, causal, apart: true }),
            theirs: |vb: VarBuilder<'_>| candle_nn::linear(6, 6, vb),
            by_candle: move |layer: &candle_nn::Linear, x: &Tensor| attended(&layer.forward(x)?, x, &layer.forward(x)?, causal),
            inputs: &[5, 6],
            whole: 0,
        }
        .holds()?;
    }
    Ok(())
}
