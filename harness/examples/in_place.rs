//! The memory and the time of training a model in place beside those of running it, each in a process of its own.
//!
//! `cargo run -p moths-cli --example in_place -- [FOLDER OF A BERT] [--tokens N] [--steps N] [--only WORD,..]`
//!
//! A Qwen2 of 83 million random weights, and, where a folder is given (`config.json`, `model.safetensors`), that model; each in f32 and bf16. Peaks are
//! `VmHWM` of Linux over what the process held before the model was loaded, in sizes of the model. What a step takes is said as a multiple of its forward
//! passes, which are timed after each step: the median of these ratios. `--only bert,mezo,f32` leaves out whatever is not named, by its kind.

use std::{env, fs, path::Path, process::Command, time::Instant};

use candle_core::{DType, Device, Tensor};
use candle_nn::{Embedding, LayerNorm, Module, VarBuilder, embedding, layer_norm, loss::cross_entropy};
use candle_transformers::models::{bert, qwen2};
use moths::{Batch, CowTensor, InPlaceModel, Key, ModelOptions, Objective, Optimizer, Sampler, Spec, Weights, registry};

type Failure = Box<dyn std::error::Error>;
type Loss<M> = Box<dyn FnMut(&mut M, Key) -> candle_core::Result<Tensor> + Send>;

const MODELS: [&str; 2] = ["qwen2", "bert"];
const DTYPES: [(&str, DType); 2] = [("f32", DType::F32), ("bf16", DType::BF16)];
const OPTIMIZERS: [&str; 7] = ["none", "mezo", "fzoo", "lozo", "subzero", "hizoo", "es-at-scale"];

fn main() -> Result<(), Failure> {
    let args: Vec<String> = env::args().skip(1).collect();
    let said = |name: &str, other: usize| -> usize {
        args.iter().position(|a| a == name).and_then(|at| args.get(at + 1)?.parse().ok()).unwrap_or(other)
    };
    let (tokens, steps) = (said("--tokens", 192), said("--steps", 4));
    if args.first().is_some_and(|a| a == "child") {
        return child(&args[1], Path::new(&args[2]), &args[3], &args[4], tokens, steps);
    }
    let folder = env::temp_dir().join("moths-in-place");
    fs::create_dir_all(&folder)?;
    println!(
        "model | dtype | optimizer | parameters | peak of inference | peak of training | more | kept beside | step over its forward passes | step, s"
    );
    let only: Vec<&str> = args.iter().skip_while(|a| *a != "--only").nth(1).map_or(vec![], |all| all.split(',').collect());
    // Of each kind what is named, or all where nothing of it is.
    let wanted = |name: &str, kind: &[&str]| only.contains(&name) || !kind.iter().any(|other| only.contains(other));
    let bert = args.first().filter(|a| !a.starts_with("--")).map(|folder| Path::new(folder).join("model.safetensors"));
    for model in MODELS.into_iter().filter(|model| wanted(model, &MODELS)) {
        for (name, dtype) in DTYPES.into_iter().filter(|(name, _)| wanted(name, &DTYPES.map(|(name, _)| name))) {
            let made = folder.join(format!("qwen2-{name}.safetensors"));
            if model == "qwen2" && !made.exists() {
                make(&made, dtype)?;
            }
            let Some(path) = (if model == "qwen2" { Some(&made) } else { bert.as_ref() }) else { continue };
            for optimizer in OPTIMIZERS.into_iter().filter(|optimizer| wanted(optimizer, &OPTIMIZERS)) {
                run(model, path, name, optimizer, tokens, steps)?;
            }
        }
    }
    Ok(())
}

fn run(model: &str, path: &Path, dtype: &str, optimizer: &str, tokens: usize, steps: usize) -> Result<(), Failure> {
    let mut child = Command::new(env::current_exe()?);
    child.args(["child", model]).arg(path).args([
        dtype,
        optimizer,
        "--tokens",
        &tokens.to_string(),
        "--steps",
        &steps.to_string(),
    ]);
    if child.status()?.success() { Ok(()) } else { Err(format!("{model} {dtype} {optimizer} failed").into()) }
}

fn child(model: &str, path: &Path, dtype: &str, optimizer: &str, tokens: usize, steps: usize) -> Result<(), Failure> {
    let of = if dtype == "f32" { DType::F32 } else { DType::BF16 };
    let weights = Weights::open(path)?;
    let options = ModelOptions::default().weights(&weights).dtype(of);
    let ids = |len: usize, words: u32| -> candle_core::Result<Tensor> {
        let ids: Vec<u32> = (0..(tokens / len * len) as u32).map(|i| i.wrapping_mul(2_654_435_761) % words).collect();
        Tensor::from_vec(ids, (tokens / len, len), &Device::Cpu)
    };
    let before = status("VmRSS:")?;
    let said = format!("{model} | {dtype} | {optimizer}");
    if model == "bert" {
        let config: bert::Config = serde_json::from_str(&fs::read_to_string(path.with_file_name("config.json"))?)?;
        let ids = ids(24, config.vocab_size as u32)?;
        let loss = move |model: &mut Bert, _: Key| {
            model.forward(&ids)?.to_dtype(DType::F32)?.mean(1)?.narrow(1, 0, 8)?.sqr()?.mean_all()
        };
        return measure(InPlaceModel::new(options, |vb| Bert::load(vb, &config), loss)?, optimizer, steps, before, &said);
    }
    let ids = ids(tokens.min(128), 16_000)?;
    let targets = Tensor::zeros(ids.dim(0)?, DType::U32, &Device::Cpu)?;
    let loss = move |model: &mut qwen2::ModelForCausalLM, _: Key| {
        model.clear_kv_cache();
        cross_entropy(&model.forward(&ids, 0)?.squeeze(1)?.to_dtype(DType::F32)?, &targets)
    };
    measure(InPlaceModel::new(options, |vb| qwen2::ModelForCausalLM::new(&config(), vb), loss)?, optimizer, steps, before, &said)
}

fn measure<M>(mut model: InPlaceModel<M>, optimizer: &str, steps: usize, before: f64, said: &str) -> Result<(), Failure> {
    let size: f64 = model.tensors()?.values().map(|t| (t.elem_count() * t.dtype().size_in_bytes()) as f64).sum();
    let space = model.space().clone();
    let here = Batch::one(&space.start())?;
    // The copies above are gone; what loading took is not counted.
    fs::write("/proc/self/clear_refs", "5")?;
    let mut forward = || -> Result<f64, Failure> {
        let began = Instant::now();
        model.evaluate(&here)?;
        Ok(began.elapsed().as_secs_f64())
    };
    let (_, second) = (forward()?, forward()?);
    let inference = (status("VmHWM:")? - before) / size;
    if optimizer == "none" {
        println!("{said} | {:.1} M | {inference:.3} | - | - | - | - | forward {second:.3}", space.dim() as f64 / 1e6);
        return Ok(());
    }
    let mut search = registry::build(&Spec::new(optimizer), &space, Key::new(1))?;
    search.step(&mut model)?;
    fs::write("/proc/self/clear_refs", "5")?;
    let (mut times, mut over) = (vec![], vec![]);
    for _ in 0..steps {
        let began = Instant::now();
        let evaluations = search.step(&mut model)?.evaluations;
        times.push(began.elapsed().as_secs_f64());
        // Right after it, as others use the machine too.
        let began = Instant::now();
        (0..evaluations).try_for_each(|_| model.evaluate(&here).map(drop))?;
        over.push(times[times.len() - 1] / began.elapsed().as_secs_f64());
    }
    let (training, kept) = ((status("VmHWM:")? - before) / size, model.kept() as f64 / size);
    println!(
        "{said} | {:.1} M | {inference:.3} | {training:.3} | {:+.3} | {kept:.3} | {:.2} | {:.2}",
        space.dim() as f64 / 1e6,
        training - inference,
        median(over),
        median(times),
    );
    Ok(())
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// candle's encoder above embeddings by plain operations: its own mask has no finite numbers in bf16.
struct Bert {
    embeddings: [Embedding; 3],
    norm: LayerNorm,
    encoder: bert::BertEncoder,
}

impl Bert {
    fn load(vb: VarBuilder<'_>, config: &bert::Config) -> candle_core::Result<Self> {
        let of = |name: &str, size: usize| embedding(size, config.hidden_size, vb.pp("embeddings").pp(name));
        Ok(Self {
            embeddings: [
                of("word_embeddings", config.vocab_size)?,
                of("position_embeddings", config.max_position_embeddings)?,
                of("token_type_embeddings", config.type_vocab_size)?,
            ],
            norm: layer_norm(config.hidden_size, config.layer_norm_eps, vb.pp("embeddings.LayerNorm"))?,
            encoder: bert::BertEncoder::load(vb.pp("encoder"), config)?,
        })
    }

    fn forward(&self, ids: &Tensor) -> candle_core::Result<Tensor> {
        let [words, positions, kinds] = &self.embeddings;
        let places = Tensor::arange(0, ids.dim(1)? as u32, ids.device())?;
        let x = (words.forward(ids)? + kinds.forward(&ids.zeros_like()?)?)?.broadcast_add(&positions.forward(&places)?)?;
        let everything_is_seen = Tensor::zeros((1, 1, 1, ids.dim(1)?), x.dtype(), x.device())?;
        self.encoder.forward(&self.norm.forward(&x)?, &everything_is_seen)
    }
}

/// Bytes, as Linux says them.
fn status(field: &str) -> Result<f64, Failure> {
    let text = fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix(field)).ok_or("no such field")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<f64>()? * 1024.0)
}

fn config() -> qwen2::Config {
    serde_json::from_value(serde_json::json!({
        "vocab_size": 16_000, "hidden_size": 768, "intermediate_size": 2048, "num_hidden_layers": 10, "num_attention_heads": 12,
        "num_key_value_heads": 12, "max_position_embeddings": 256, "sliding_window": 256, "max_window_layers": 10, "tie_word_embeddings": true,
        "rope_theta": 1e4, "rms_norm_eps": 1e-6, "use_sliding_window": false, "hidden_act": "silu"
    }))
    .expect("a configuration")
}

/// Weights of the size that trained ones have.
fn make(path: &Path, dtype: DType) -> Result<(), Failure> {
    let options = ModelOptions::default();
    let build = |vb: VarBuilder<'_>| qwen2::ModelForCausalLM::new(&config(), vb);
    let loss: Loss<qwen2::ModelForCausalLM> = Box::new(|_, _| Tensor::new(0f32, &Device::Cpu));
    let mut tensors = InPlaceModel::new(options, build, loss)?.tensors()?;
    for (k, (name, tensor)) in tensors.iter_mut().enumerate() {
        if !name.contains("norm") {
            let mut values = CowTensor::new(Tensor::zeros(tensor.elem_count(), DType::F32, &Device::Cpu)?);
            Sampler::Normal.add(Key::new(k as u64), 0.03, &mut values)?;
            *tensor = values.reshape(tensor.shape())?;
        }
        *tensor = tensor.to_dtype(dtype)?;
    }
    Ok(candle_core::safetensors::save(&tensors, path)?)
}
