//! What every layer is held to.

use candle_core::{DType, Device, Tensor};
use moths_core::{
    Batch, FlatModel, Key, Objective, Result, Sampler,
    candle_nn::{VarBuilder, VarMap, loss},
    objective::{OutputLoss, Probe},
};
use moths_nn::{Module, PopulationModel};

use super::Built;

/// A layer, candle's own, and what they see.
pub(crate) struct Pair<B, C, F> {
    pub(crate) name: &'static str,
    pub(crate) ours: B,
    pub(crate) theirs: C,
    /// What candle's computes; in a form that has a gradient.
    pub(crate) by_candle: F,
    /// The shape of an example.
    pub(crate) inputs: &'static [usize],
    /// Numbers below this are the inputs, whole ones; or fractions if it is 0.
    pub(crate) whole: usize,
    /// Has candle a gradient of it?
    pub(crate) differentiable: bool,
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

    pub(crate) fn holds(&self) -> Result<()> {
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
        if !self.differentiable {
            return Ok(());
        }
        let (got, expected) =
            (population.gradient(&start)?.expect("a gradient"), one_by_one.gradient(&start)?.expect("a gradient"));
        assert!((got.0 - expected.0).abs() <= 1e-5 * expected.0.abs(), "{}", self.name);
        assert!(apart(&got.1, &expected.1)? < 1e-5, "the gradient of {}: {}", self.name, apart(&got.1, &expected.1)?);
        Ok(())
    }
}

/// Something else than these outputs.
fn wanted(outputs: &Tensor) -> Result<Tensor> {
    let value = |i: usize| ((i * 13) % 7) as f32 / 3.0 - 1.0;
    Ok(Tensor::from_vec((0..outputs.elem_count()).map(value).collect(), outputs.shape(), &Device::Cpu)?)
}

/// The largest difference, of the largest value.
pub(crate) fn apart(got: &Tensor, expected: &Tensor) -> Result<f32> {
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
