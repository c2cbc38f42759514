//! What a candidate costs, beside the same network one by one in candle.
use candle_core::{Device, Module, Tensor};
use moths_core::{
    Batch, FlatModel, Key, Objective, Result, Sampler,
    candle_nn::{self, VarBuilder},
    objective::{OutputLoss, Probe},
};
use moths_nn::{PopulationModel, Sequential, linear, seq};
use std::time::Instant;

fn network(widths: &'static [usize]) -> impl Fn(VarBuilder<'_>) -> candle_core::Result<Sequential> {
    move |vb| {
        let mut all = seq();
        for (i, w) in widths.windows(2).enumerate() {
            if i > 0 {
                all = all.add_fn(|x| x.relu());
            }
            all = all.add(linear(w[0], w[1], vb.pp(format!("layer{i}")))?);
        }
        Ok(all)
    }
}
fn in_candle(widths: &'static [usize]) -> impl Fn(VarBuilder<'_>) -> candle_core::Result<candle_nn::Sequential> {
    move |vb| {
        let mut all = candle_nn::seq();
        for (i, w) in widths.windows(2).enumerate() {
            if i > 0 {
                all = all.add_fn(|x| x.relu());
            }
            all = all.add(candle_nn::linear(w[0], w[1], vb.pp(format!("layer{i}")))?);
        }
        Ok(all)
    }
}
fn main() -> Result<()> {
    let n: u64 = std::env::args().nth(1).map_or(64, |n| n.parse().expect("a number"));
    for (name, widths, m) in
        [("digits", &[64usize, 32, 10][..], 1437usize), ("mlp-1m", &[64, 960, 960, 10], 32), ("mnist-mlp", &[784, 100, 10], 32)]
    {
        let x = Tensor::rand(0f32, 1.0, (m, widths[0]), &Device::Cpu)?;
        let t = Tensor::from_vec((0..m).map(|i| (i % 10) as u32).collect(), m, &Device::Cpu)?;
        let data = (x.clone(), t.clone());
        let mut population = PopulationModel::new(network(widths), move |_| Ok(data.clone()), OutputLoss::CrossEntropy)?;
        let mut flat = FlatModel::new(in_candle(widths), move |net: &mut candle_nn::Sequential, _| {
            candle_nn::loss::cross_entropy(&net.forward(&x)?, &t)
        })?;
        for sampler in [Sampler::Normal, Sampler::LowRank { rank: 1 }] {
            let probes: Vec<Probe> = (0..n / 2).flat_map(|i| [0.1, -0.1].map(|s| Probe::new(Key::new(i), s))).collect();
            let batch = Batch::seeded(&population.space().start(), sampler.over(population.space()), probes);
            let dense = Batch::Dense(batch.dense(population.space())?);
            let reps = 30;
            let time = |objective: &mut dyn Objective, batch: &Batch| -> Result<f64> {
                let mut best = f64::MAX;
                for _ in 0..reps {
                    let t = Instant::now();
                    objective.evaluate(batch)?;
                    best = best.min(t.elapsed().as_secs_f64());
                }
                Ok(best * 1e6 / n as f64)
            };
            let p = time(&mut population, &batch)?;
            let d = time(&mut population, &dense)?;
            let f = time(&mut flat, &batch)?;
            println!("{name} {sampler:?}: population {p:.1} us, dense {d:.1} us, one by one {f:.1} us a candidate");
        }
    }
    Ok(())
}
