//! What a candidate of low rank costs, beside a plain forward pass of the same network on the same data.
//!
//! ```text
//! cargo run --release -p moths-nn --example low_rank -- 1m        # or 100m; a second argument is the population, 256 without one
//! ```
//!
//! Data are 32 examples that all candidates share; the plain pass is candle's. Everything runs on one thread (`RAYON_NUM_THREADS=1`); times are medians of
//! passes by turns, memory is the most that the process ever held (Linux).

use std::time::Instant;

use candle_core::{DType, Device, Module, Tensor};
use candle_nn::{VarBuilder, VarMap};
use moths_core::{
    Batch, Error, FlatModel, Key, Objective, Result, Sampler,
    objective::{OutputLoss, Probe},
};
use moths_nn::{PopulationModel, Sequential, linear, seq};

const EXAMPLES: usize = 32;

fn network(widths: &'static [usize]) -> impl Fn(VarBuilder<'_>) -> candle_core::Result<Sequential> {
    move |vb| {
        widths.windows(2).enumerate().try_fold(seq(), |all, (i, width)| {
            let all = if i > 0 { all.add_fn(|x| x.relu()) } else { all };
            Ok(all.add(linear(width[0], width[1], vb.pp(format!("layer{i}")))?))
        })
    }
}

/// The same in candle alone.
fn plain(widths: &'static [usize], vb: VarBuilder<'_>) -> candle_core::Result<candle_nn::Sequential> {
    widths.windows(2).enumerate().try_fold(candle_nn::seq(), |all, (i, width)| {
        let all = if i > 0 { all.add_fn(|x| x.relu()) } else { all };
        Ok(all.add(candle_nn::linear(width[0], width[1], vb.pp(format!("layer{i}")))?))
    })
}

fn most_memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<f64>().ok()).map_or(f64::NAN, |kib| kib / 1024.0)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let widths: &[usize] = match arguments.next().as_deref() {
        Some("100m") => &[64, 5000, 5000, 5000, 5000, 5000, 10],
        Some("1m") | None => &[64, 960, 960, 10],
        Some(other) => return Err(Error::invalid("size", other, "1m or 100m")),
    };
    let population: u64 = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(256);
    let x = Tensor::rand(0f32, 1.0, (EXAMPLES, widths[0]), &Device::Cpu)?;
    let classes = Tensor::from_iter((0..EXAMPLES).map(|i| (i % 10) as u32), &Device::Cpu)?;

    let vars = VarMap::new();
    let in_candle = plain(widths, VarBuilder::from_varmap(&vars, DType::F32, &Device::Cpu))?;
    let loss = || -> Result<f32> { Ok(candle_nn::loss::cross_entropy(&in_candle.forward(&x)?, &classes)?.to_scalar()?) };
    loss()?;
    println!("plain network: {:.0} MiB", most_memory());

    let data = (x.clone(), classes.clone());
    let mut model = PopulationModel::new(network(widths), move |_| Ok(data.clone()), OutputLoss::CrossEntropy)?;
    let space = model.space().clone();
    let pair = |i| [0.01, -0.01].map(|scale| Probe::new(Key::new(i), scale));
    let probes: Vec<Probe> = (0..population / 2).flat_map(pair).collect();
    let batch = |sampler: Sampler| Batch::seeded(&space.start(), sampler.over(&space), probes.clone());
    println!("{} parameters, population {population}; with the model and its start: {:.0} MiB", space.dim(), most_memory());

    let low = batch(Sampler::LowRank { rank: 1 });
    let (mut forwards, mut candidates) = (vec![], vec![]);
    for _ in 0..5 {
        let began = Instant::now();
        let passes = (population / 8).clamp(3, 32);
        for _ in 0..passes {
            loss()?;
        }
        forwards.push(began.elapsed().as_secs_f64() / passes as f64);
        let began = Instant::now();
        model.evaluate(&low)?;
        candidates.push(began.elapsed().as_secs_f64() / population as f64);
    }
    let ratio = median(candidates.iter().zip(&forwards).map(|(a, b)| a / b).collect());
    println!(
        "a plain forward {:.3} ms, a candidate of rank 1 {:.3} ms: {ratio:.2} of it; {:.0} MiB",
        1e3 * median(forwards),
        1e3 * median(candidates),
        most_memory()
    );

    // As it was before: the perturbed weights are written, by whichever thread.
    let few = low.part(0..(population as usize).min(16));
    let whole = move |network: &mut candle_nn::Sequential, _| candle_nn::loss::cross_entropy(&network.forward(&x)?, &classes);
    let mut one_by_one = FlatModel::new(move |vb| plain(widths, vb), whole)?;
    for (name, objective) in [
        ("written out, by candle one by one", &mut one_by_one as &mut dyn Objective),
        ("full noise, drawn by layers", &mut model),
    ] {
        let few = if name.starts_with("full") { batch(Sampler::Normal).part(0..few.len()) } else { few.clone() };
        objective.evaluate(&few)?;
        let began = Instant::now();
        objective.evaluate(&few)?;
        println!(
            "{name}: {:.3} ms a candidate; {:.0} MiB",
            1e3 * began.elapsed().as_secs_f64() / few.len() as f64,
            most_memory()
        );
    }
    Ok(())
}
