//! What a card does beside the limits of its memory, and beside a core of the CPU.
//!
//! `cargo run -p moths-cli --features cuda --example card`, or, to try it without one: `cargo run -p moths-cli --example card -- --device cpu --small`
//!
//! Formulas, noise and reductions: nanoseconds an element, and which share of the bandwidth of a copy they reach. Many candidates of a network in one
//! forward, beside one core. Steps of fine-tuning beside their forward passes. A search that begins on the CPU and goes on there.

use std::{env, time::Instant};

use candle_core::{D, DType, Device, Tensor};
use candle_nn::{VarBuilder, loss::cross_entropy};
use candle_transformers::models::qwen2;
use moths::{
    Batch, CowTensor, InPlaceModel, Key, ModelOptions, Objective, Optimizer, Sampler, Space, Spec, TensorFunction, fuse, kernel,
    noise::Gradient,
    optimizer::descent,
    persist::{Keep, State},
    registry,
    tensor::host,
};
use moths_harness::problem::{Options, Place, find, training_images};

type Failure = Box<dyn std::error::Error>;

kernel! { fn fly(v: inout, x: inout, best: mat, leader: row, w: num, c: num, r1: uniform, r2: uniform) {
    let nv = w * v + c * r1 * (best - x) + c * r2 * (leader - x);
    v = nv;
    x = x + nv;
} }

/// The sizes of what is measured.
struct Sizes {
    elements: usize,
    candidates: usize,
    layers: usize,
    tokens: usize,
    repeats: usize,
}

fn main() -> Result<(), Failure> {
    let args: Vec<String> = env::args().skip(1).collect();
    let named = args.iter().position(|arg| arg == "--device").and_then(|at| args.get(at + 1));
    let device = named.map_or(Ok(Place::Cuda(0)), |name| name.parse::<Place>())?.device()?;
    let sizes = match args.iter().any(|arg| arg == "--small") {
        true => Sizes { elements: 1 << 20, candidates: 20, layers: 1, tokens: 64, repeats: 3 },
        false => Sizes { elements: 1 << 27, candidates: 1000, layers: 14, tokens: 2048, repeats: 20 },
    };
    memory(&device, &sizes)?;
    candidates(&device, &sizes)?;
    for dtype in [DType::F32, DType::BF16] {
        for optimizer in ["mezo", "fzoo"] {
            fine_tuning(&device, dtype, optimizer, &sizes)?;
        }
    }
    goes_on(&device)
}

/// Seconds, the least of several times.
fn time(device: &Device, repeats: usize, mut work: impl FnMut() -> Result<(), Failure>) -> Result<f64, Failure> {
    work()?; // compiles
    let mut least = f64::INFINITY;
    for _ in 0..repeats {
        device.synchronize()?;
        let began = Instant::now();
        work()?;
        device.synchronize()?;
        least = least.min(began.elapsed().as_secs_f64());
    }
    Ok(least)
}

fn memory(device: &Device, sizes: &Sizes) -> Result<(), Failure> {
    let n = sizes.elements;
    let space = Space::real(n)?.on(device)?;
    let fresh = || Ok::<_, Failure>(space.zeros()?);
    let (from, mut x, mut v) = (space.zeros()?, fresh()?, fresh()?);
    let noise = Sampler::Normal.over(&space);
    let terms: Vec<_> = (0..64).map(|k| (Key::new(k).into(), 1e-3)).collect();
    let gradient = Gradient::from(fresh()?);
    let drawn = Gradient::drawn(noise.clone(), terms[..2].to_vec(), &space)?;
    let mut adam = descent::build(&Spec::new("adamw"), &space)?;
    let rows = CowTensor::new(Tensor::zeros((64, n / 64), DType::F32, device)?);
    let mut mean = CowTensor::new(Tensor::zeros(n / 64, DType::F32, device)?);
    let weights = vec![1.0 / 64.0; 64];

    println!("what | bytes an element | ns an element | GB/s | of a copy");
    let mut copied = 0.0;
    let mut tell = |what: &str, bytes: f64, work: &mut dyn FnMut() -> Result<(), Failure>| -> Result<(), Failure> {
        let seconds = time(device, sizes.repeats, work)?;
        let rate = bytes * n as f64 / seconds / 1e9;
        if copied == 0.0 {
            copied = rate;
        }
        println!("{what} | {bytes} | {:.4} | {rate:.0} | {:.2}", seconds / n as f64 * 1e9, rate / copied);
        Ok(())
    };
    tell("copy", 8.0, &mut || Ok(x.make_mut()?.slice_set(&from, 0, 0)?))?;
    tell("normal noise", 4.0, &mut || Ok(noise.fill(Key::new(1), &mut x)?))?;
    tell("signs", 4.0, &mut || Ok(Sampler::Rademacher.fill(Key::new(1), &mut x)?))?;
    tell("x + s z, a point elsewhere", 8.0, &mut || Ok(noise.perturb(&from, 0.1, Key::new(2), &mut x)?))?;
    tell("sum of 1 seed", 8.0, &mut || Ok(noise.add_weighted(&terms[..1], &mut x)?))?;
    tell("sum of 64 seeds", 8.0, &mut || Ok(noise.add_weighted(&terms, &mut x)?))?;
    tell("pso", 20.0, &mut || Ok(fly(&mut v, &mut x, &from, &from, 0.7, 1.5, Key::new(3), Key::new(4))?))?;
    tell("adamw", 28.0, &mut || Ok(adam.descend(&mut x, &gradient)?))?;
    tell("adamw on a sum of 2 seeds", 36.0, &mut || Ok(adam.descend(&mut x, &drawn)?))?;
    tell("weighted sum of 64 rows", 4.0, &mut || Ok(fuse::weighted_sum(&rows, &weights, &mut mean)?))?;
    tell("dot", 8.0, &mut || Ok(fuse::dot(&x, &from).map(drop)?))?;
    Ok(())
}

/// The digits, all candidates in one forward.
fn candidates(device: &Device, sizes: &Sizes) -> Result<(), Failure> {
    let mut one = find("digits")?.build(&Options::default())?.objective(0)?;
    let (pixels, labels) = training_images(device)?;
    let space = one.space().on(device)?;
    let many = move |x: &Tensor| {
        let n = x.dim(0)?;
        let part = |from: usize, rows: usize, columns: usize| x.narrow(1, from, rows * columns)?.reshape((n, rows, columns));
        let (w1, b1, w2, b2) = (part(0, 32, 64)?, part(2048, 1, 32)?, part(2080, 10, 32)?, part(2400, 1, 10)?);
        let hidden = pixels.broadcast_matmul(&w1.transpose(1, 2)?)?.broadcast_add(&b1)?.relu()?;
        let logits = hidden.matmul(&w2.transpose(1, 2)?.contiguous()?)?.broadcast_add(&b2)?;
        let right = labels.reshape((1, (), 1))?.broadcast_as((n, labels.dim(0)?, 1))?.contiguous()?;
        let said = logits.gather(&right, 2)?.squeeze(2)?;
        (logits.log_sum_exp(D::Minus1)? - said)?.mean(1)
    };
    let mut all = TensorFunction::new(space.clone(), many);
    let probes = (0..sizes.candidates).map(|i| moths::objective::Probe::new(Key::new(i as u64), 0.3)).collect::<Vec<_>>();
    let here = Batch::seeded(&one.space().start(), Sampler::Normal, probes.clone());
    let there = Batch::seeded(&space.start(), Sampler::Normal, probes);
    let core = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let few = here.part(0..sizes.candidates.min(100));
    let began = Instant::now();
    let losses = core.install(|| one.evaluate(&few))?;
    let alone = began.elapsed().as_secs_f64() / few.len() as f64;
    let mut found = vec![];
    let seconds = time(device, sizes.repeats.min(5), || {
        found = all.evaluate(&there)?;
        Ok(())
    })?;
    let apart = losses.iter().zip(&found).map(|(a, b)| (a - b).abs() / a).fold(0.0, f64::max);
    let each = seconds / sizes.candidates as f64;
    println!(
        "\n{} candidates of the digits in one forward: {:.2} us each; one core, one by one: {:.1} us; {:.0} times (losses apart by {apart:.1e} at most)",
        sizes.candidates,
        each * 1e6,
        alone * 1e6,
        alone / each
    );
    Ok(())
}

fn fine_tuning(device: &Device, dtype: DType, optimizer: &str, sizes: &Sizes) -> Result<(), Failure> {
    let config: qwen2::Config = serde_json::from_value(serde_json::json!({
        "vocab_size": 16_000, "hidden_size": 768, "intermediate_size": 2048, "num_hidden_layers": sizes.layers, "num_attention_heads": 12,
        "num_key_value_heads": 12, "max_position_embeddings": 256, "sliding_window": 256, "max_window_layers": sizes.layers,
        "tie_word_embeddings": true, "rope_theta": 1e4, "rms_norm_eps": 1e-6, "use_sliding_window": false, "hidden_act": "silu"
    }))?;
    let ids: Vec<u32> = (0..sizes.tokens as u32).map(|i| i.wrapping_mul(2_654_435_761) % 16_000).collect();
    let rows = (sizes.tokens / 64).max(1);
    let ids = Tensor::from_vec(ids, (rows, sizes.tokens / rows), device)?;
    let targets = Tensor::zeros(rows, DType::U32, device)?;
    let loss = move |model: &mut qwen2::ModelForCausalLM, _: Key| {
        model.clear_kv_cache();
        cross_entropy(&model.forward(&ids, 0)?.squeeze(1)?.to_dtype(DType::F32)?, &targets)
    };
    let options = ModelOptions::default().dtype(dtype).device(device);
    let build = |vb: VarBuilder<'_>| qwen2::ModelForCausalLM::new(&config, vb);
    let mut model = InPlaceModel::new(options, build, loss)?;
    let space = model.space().clone();
    let here = Batch::one(&space.start())?;
    let repeats = sizes.repeats.min(5);
    let forward = time(device, repeats, || Ok(model.evaluate(&here).map(drop)?))?;
    let mut search = registry::build(&Spec::new(optimizer), &space, Key::new(1))?;
    let mut evaluations = 0;
    let step = time(device, repeats, || {
        evaluations = search.step(&mut model)?.evaluations;
        Ok(())
    })?;
    println!(
        "{optimizer} on {:.0} M parameters in {}: a step of {evaluations} forwards {:.1} ms, a forward {:.1} ms: {:.2} of its forwards",
        space.dim() as f64 / 1e6,
        dtype.as_str(),
        step * 1e3,
        forward * 1e3,
        step / (forward * evaluations as f64)
    );
    Ok(())
}

/// A search on the CPU, and from its state one on the card: the same numbers.
fn goes_on(device: &Device) -> Result<(), Failure> {
    let space = Space::real(1000)?;
    let sphere = |space: &Space| TensorFunction::new(space.clone(), |x| x.sqr()?.sum(1));
    for id in ["pso", "snes", "open-es", "de"] {
        let (there, mut here) = (space.on(device)?, sphere(&space));
        let mut search = registry::build(&Spec::new(id), &space, Key::new(1))?;
        for _ in 0..5 {
            search.step(&mut here)?;
        }
        let mut other = registry::build(&Spec::new(id), &there, Key::new(2))?;
        State::of(&mut search)?.restore(&mut other, Keep::Nothing)?;
        let same = host::to_f64s(&*search.answer()?)? == host::to_f64s(&*other.answer()?)?;
        let (one, two) = (search.step(&mut here)?.loss, other.step(&mut sphere(&there))?.loss);
        println!(
            "{id} goes on there: {}; losses of the next step {one:.6} and {two:.6}",
            if same { "the same point" } else { "ANOTHER POINT" }
        );
    }
    Ok(())
}
