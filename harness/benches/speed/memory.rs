//! Peak memory of optimizers that hold seeds, on models of many parameters, each in a process of its own; and what their steps cost
//! beside the model's own passes.

use std::{fs, process::Command, time::Instant};

use candle_core::{Device, Tensor};
use candle_nn::{Linear, Module, VarBuilder, linear_no_bias};
use moths::{FlatModel, Key, Objective, Space, Spec, Stop, minimize, registry};
use serde_json::json;

const MARK: &str = "MOTHS_MEASURE_MEMORY";
/// Blocks of the shape of a transformer's, as wide as those of the smallest GPT-2: 12 WIDTH² BLOCKS = 106,168,320 parameters.
const BLOCKS: usize = 15;
const WIDTH: usize = 768;
/// Tokens of a forward pass.
const TOKENS: usize = 512;

struct Case {
    spec: fn() -> Spec,
    steps: u64,
    /// The goal for the peak, in models.
    limit: f64,
}

const CASES: &[Case] = &[
    // The model, the centre: gradients are drawn where they are used, by every one of these.
    Case { spec: || spec("mezo", json!({})), steps: 3, limit: 2.1 },
    // ... two moments.
    Case { spec: || spec("spsa", json!({ "calibration": 0, "descent": "adamw" })), steps: 2, limit: 5.0 },
    // ... a velocity.
    Case { spec: || spec("open-es", json!({ "pairs": 2, "descent": "heavy-ball" })), steps: 2, limit: 4.0 },
    Case { spec: || spec("low-rank-es", json!({ "pairs": 2, "descent": "heavy-ball" })), steps: 2, limit: 4.0 },
];

fn spec(name: &str, settings: serde_json::Value) -> Spec {
    Spec { name: name.into(), settings: settings.as_object().cloned().unwrap_or_default() }
}

pub(crate) fn is_the_measured_process() -> bool {
    std::env::var_os(MARK).is_some()
}

pub(crate) fn report() {
    let this = std::env::current_exe().expect("the path of this benchmark");
    for case in 0..CASES.len() {
        // So that glibc gives tensors back that the model dropped, instead of keeping them for others.
        let mut command = Command::new(&this);
        command.env(MARK, case.to_string()).env("MALLOC_MMAP_THRESHOLD_", "1048576");
        let output = command.output().expect("this benchmark runs");
        print!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    }
}

/// The layers of a transformer without its attention: inputs to queries, keys and values, to outputs, up and down.
struct Block([Linear; 4]);

impl Block {
    fn new(vb: VarBuilder<'_>) -> candle_core::Result<Self> {
        let layer = |from, to, name| linear_no_bias(from, to, vb.pp(name));
        Ok(Self([
            layer(WIDTH, 3 * WIDTH, "qkv")?,
            layer(WIDTH, WIDTH, "out")?,
            layer(WIDTH, 4 * WIDTH, "up")?,
            layer(4 * WIDTH, WIDTH, "down")?,
        ]))
    }

    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let Self([qkv, out, up, down]) = self;
        let mixed = out.forward(&qkv.forward(x)?.narrow(1, WIDTH, WIDTH)?.contiguous()?)?;
        down.forward(&up.forward(&(x + mixed)?)?.relu()?)
    }
}

pub(crate) fn measure() {
    let case = std::env::var(MARK).ok().and_then(|i| CASES.get(i.parse::<usize>().ok()?)).expect("the number of a case");
    let inputs = Tensor::rand(-1f32, 1.0, (TOKENS, WIDTH), &Device::Cpu).expect("inputs");
    let build =
        |vb: VarBuilder<'_>| (0..BLOCKS).map(|i| Block::new(vb.pp(format!("block{i}")))).collect::<candle_core::Result<Vec<_>>>();
    let loss = move |blocks: &mut Vec<Block>, _: Key| {
        let outputs = blocks.iter().try_fold(inputs.clone(), |x, block| block.forward(&x))?;
        outputs.sqr()?.mean_all()
    };
    let mut model = FlatModel::new(build, loss).expect("a model");
    let space = model.space().clone();
    let batch = moths::Batch::one(&space.start()).expect("a start");
    let forward = median_seconds(|| {
        model.evaluate(&batch).expect("a loss");
    });
    drop(batch);
    let before = models("VmHWM", &space);
    let spec = (case.spec)();
    let mut optimizer = registry::build(&spec, &space, Key::new(1)).expect("an optimizer");
    minimize(&mut *optimizer, &mut model, &Stop::steps(case.steps).without_best()).expect("steps");
    let peak = models("VmHWM", &space);
    let mut evaluations = 0;
    let step = median_seconds(|| evaluations = optimizer.step(&mut model).expect("a step").evaluations);
    println!(
        "{}, d = {}: peak {peak:.2} models (goal {}; {before:.2} after a loss without an optimizer); a step {step:.2} s, {:.2} x its {evaluations} evaluations of {forward:.2} s",
        spec.name,
        space.dim(),
        case.limit,
        step / (forward * evaluations as f64),
    );
}

fn median_seconds(mut work: impl FnMut()) -> f64 {
    let mut seconds: Vec<f64> = (0..5)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[2]
}

/// A line of /proc/self/status, in units of the memory of a model.
fn models(line: &str, space: &Space) -> f64 {
    resident(line) as f64 / (4 * space.dim()) as f64
}

/// Bytes of a line of /proc/self/status.
fn resident(line: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let kilobytes =
        status.lines().find_map(|l| l.strip_prefix(line)?.trim_start_matches(':').split_whitespace().next()?.parse().ok());
    kilobytes.map_or(0, |kb: usize| kb * 1024)
}
