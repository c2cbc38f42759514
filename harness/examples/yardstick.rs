//! Estimators of fine-tuning beside each other: the last layer of a pre-trained BERT and a new head, on labelled text, at equal forward passes.
//!
//! `cargo run -p moths-cli --example yardstick -- FOLDER TRAIN.tsv HELD.tsv OTHER.tsv [--at N,..] [--tried N] [--seeds K] [--head
//! drawn] [--train PATTERN,..] [--out FILE] [--only METHOD,..]`
//!
//! The layers below stay as they are, so what they give is computed once. The head begins as logistic regression on the frozen
//! features, or is drawn. The rate of every method, backpropagation with AdamW through the same layer among them, is chosen from a ladder by the loss on
//! a tenth of the training text, by the first seed at half of the evaluations or `--tried`; the held-out texts are looked at after
//! the evaluations that `--at` names. Backpropagation gets as many forward passes, of which its backward pass is two; as its rate falls to
//! zero, each of these is a run of its own, with a rate of its own. Said is also what a pass takes, steps included and looking apart.

use std::{cmp::Ordering, collections::BTreeMap, env, error::Error, fs, io::Write, time::Instant};

use candle_core::{D, DType, Device, Tensor};
use candle_nn::{Linear, Module, VarBuilder, linear, loss::cross_entropy, ops};
use candle_transformers::models::bert::{BertModel, Config};
use moths::{FlatModel, InPlaceModel, Key, ModelOptions, Objective, Optimizer, Spec, Weights, objective::model::Model, registry};
use tokenizers::{PaddingParams, PaddingStrategy, Tokenizer, TruncationParams};

type Failure = Box<dyn Error>;

const TOKENS: usize = 32;
const BATCH: usize = 16;

/// The part of the training text by which rates are chosen.
const CHECK: &str = "check";

/// The methods, each with the rate that is tried first.
const METHODS: [(&str, &str, &str, f64); 7] = [
    ("mezo", r#"{"name": "mezo"}"#, "rate", 0.01),
    ("fzoo", r#"{"name": "fzoo", "descent": {"name": "sgd"}}"#, "descent.rate", 0.01),
    ("lozo", r#"{"name": "lozo", "descent": {"name": "sgd"}}"#, "descent.rate", 0.01),
    ("subzero", r#"{"name": "subzero", "descent": {"name": "sgd"}}"#, "descent.rate", 0.01),
    ("hizoo", r#"{"name": "hizoo", "descent": {"name": "sgd"}}"#, "descent.rate", 0.01),
    ("open-es", r#"{"name": "open-es", "pairs": 15, "sigma": 0.05, "descent": {"name": "sgd"}}"#, "descent.rate", 0.001),
    ("low-rank-es", r#"{"name": "low-rank-es", "pairs": 15, "sigma": 0.05, "descent": {"name": "sgd"}}"#, "descent.rate", 0.001),
];

/// Rates are tried upwards by this factor while the figure rises, or else downwards.
const RUNG: f64 = 4.0;

/// A step of backpropagation, in forward passes: the backward one takes two.
const PASSES: u64 = 3;

/// The rate of backpropagation that is tried first.
const BACKPROP: f64 = 0.001;

/// One layer of BERT by plain operations, which can be differentiated, and a head.
struct Net {
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
    norms: [(Tensor, Tensor); 2],
    wide: Linear,
    narrow: Linear,
    head: Linear,
    heads: usize,
}

impl Net {
    fn new(vb: VarBuilder<'_>, config: &Config) -> candle_core::Result<Self> {
        let (h, w) = (config.hidden_size, config.intermediate_size);
        let layer = vb.pp(format!("encoder.layer.{}", config.num_hidden_layers - 1));
        let (attention, output) = (layer.pp("attention"), layer.pp("output"));
        let norm = |vb: VarBuilder<'_>| Ok::<_, candle_core::Error>((vb.get(h, "weight")?, vb.get(h, "bias")?));
        Ok(Self {
            query: linear(h, h, attention.pp("self.query"))?,
            key: linear(h, h, attention.pp("self.key"))?,
            value: linear(h, h, attention.pp("self.value"))?,
            out: linear(h, h, attention.pp("output.dense"))?,
            norms: [norm(attention.pp("output.LayerNorm"))?, norm(output.pp("LayerNorm"))?],
            wide: linear(h, w, layer.pp("intermediate.dense"))?,
            narrow: linear(w, h, output.pp("dense"))?,
            head: linear(h, 2, vb.pp("head"))?,
            heads: config.num_attention_heads,
        })
    }

    /// \[n, h\] of the layer below \[n, t, h\] and masks \[n, t\].
    fn features(&self, x: &Tensor, mask: &Tensor) -> candle_core::Result<Tensor> {
        let (n, t, h) = x.dims3()?;
        let split = |x: Tensor| x.reshape((n, t, self.heads, h / self.heads))?.transpose(1, 2)?.contiguous();
        let (q, k, v) = (split(self.query.forward(x)?)?, split(self.key.forward(x)?)?, split(self.value.forward(x)?)?);
        let hidden = ((mask.unsqueeze(1)?.unsqueeze(1)? - 1.0)? * 1e4)?;
        let scores = (q.matmul(&k.t()?.contiguous()?)? / ((h / self.heads) as f64).sqrt())?.broadcast_add(&hidden)?;
        let seen = ops::softmax(&scores, D::Minus1)?.matmul(&v)?.transpose(1, 2)?.contiguous()?.reshape((n, t, h))?;
        let [first, second] = &self.norms;
        let x = ops::layer_norm_slow(&(self.out.forward(&seen)? + x)?, &first.0, &first.1, 1e-12)?;
        let wide = self.narrow.forward(&self.wide.forward(&x)?.gelu_erf()?)?;
        let x = ops::layer_norm_slow(&(wide + x)?, &second.0, &second.1, 1e-12)?;
        let mask = mask.unsqueeze(2)?;
        x.broadcast_mul(&mask)?.sum(1)?.broadcast_div(&mask.sum(1)?)
    }

    fn logits(&self, text: &Text) -> candle_core::Result<Tensor> {
        self.head.forward(&self.features(&text.below, &text.mask)?)
    }

    /// The share of sentences whose label is found, and the mean loss.
    fn figures(&self, text: &Text) -> candle_core::Result<[f64; 2]> {
        let (mut right, mut loss) = (0.0, 0.0);
        for from in (0..text.len()).step_by(64) {
            let part = text.rows(&Tensor::arange(from as u32, text.len().min(from + 64) as u32, &Device::Cpu)?)?;
            let logits = self.logits(&part)?;
            let found = logits.argmax(D::Minus1)?.eq(&part.labels)?.to_dtype(DType::F64)?.sum_all()?;
            right += found.to_scalar::<f64>()?;
            loss += f64::from(cross_entropy(&logits, &part.labels)?.to_scalar::<f32>()?) * part.len() as f64;
        }
        Ok([right, loss].map(|sum| sum / text.len() as f64))
    }
}

/// Sentences as the layers below leave them.
#[derive(Clone)]
struct Text {
    below: Tensor,
    mask: Tensor,
    labels: Tensor,
}

impl Text {
    fn len(&self) -> usize {
        self.labels.elem_count()
    }

    fn rows(&self, which: &Tensor) -> candle_core::Result<Self> {
        let of = |x: &Tensor| x.index_select(which, 0);
        Ok(Self { below: of(&self.below)?, mask: of(&self.mask)?, labels: of(&self.labels)? })
    }

    fn batch(&self, key: Key) -> candle_core::Result<Self> {
        let some = (0..BATCH as u64).map(|i| (key.fold(i).to_bits() % self.len() as u64) as u32);
        self.rows(&Tensor::from_iter(some, &Device::Cpu)?)
    }

    fn read(path: &str, tokenizer: &Tokenizer, below: &BertModel, most: usize) -> Result<Self, Failure> {
        let text = fs::read_to_string(path)?;
        let lines: Vec<(&str, &str)> = text.lines().filter_map(|line| line.rsplit_once('\t')).collect();
        // Evenly: sources and moods lie one after another.
        let taken = most.min(lines.len());
        let lines: Vec<(&str, &str)> = (0..taken).map(|i| lines[i * lines.len() / taken]).collect();
        let encoded = tokenizer.encode_batch(lines.iter().map(|(text, _)| *text).collect(), true).map_err(|e| e.to_string())?;
        let table = |rows: Vec<&[u32]>| Tensor::new(rows, &Device::Cpu);
        let (mut parts, mut masks) = (vec![], vec![]);
        for encoded in encoded.chunks(32) {
            let ids = table(encoded.iter().map(|e| e.get_ids()).collect())?;
            let mask = table(encoded.iter().map(|e| e.get_attention_mask()).collect())?.to_dtype(DType::F32)?;
            parts.push(below.forward(&ids, &ids.zeros_like()?, Some(&mask))?);
            masks.push(mask);
        }
        let labels: Vec<u32> = lines.iter().map(|(_, label)| u32::from(label.trim() == "positive")).collect();
        Ok(Self { below: Tensor::cat(&parts, 0)?, mask: Tensor::cat(&masks, 0)?, labels: Tensor::new(labels, &Device::Cpu)? })
    }
}

struct Task {
    config: Config,
    weights: Weights,
    text: BTreeMap<&'static str, Text>,
    /// Where the head begins, by the text it was fitted on; none: drawn.
    heads: BTreeMap<&'static str, Weights>,
    /// What is trained; all, where nothing is said.
    train: Vec<String>,
}

impl Task {
    fn options(&self, on: &str, seed: u64) -> ModelOptions {
        let options = ModelOptions::default().weights(&self.weights).key(Key::new(seed)).stochastic();
        let options = self.train.iter().fold(options, |options, leaves| options.train(leaves));
        self.heads.get(on).map_or_else(|| options.clone().fresh("head"), |head| options.clone().beside(head))
    }

    fn in_place(&self, on: &str, seed: u64) -> Result<InPlaceModel<Net>, Failure> {
        let text = self.text[on].clone();
        let loss = move |net: &mut Net, key| {
            let batch = text.batch(key)?;
            cross_entropy(&net.logits(&batch)?, &batch.labels)
        };
        Ok(InPlaceModel::new(self.options(on, seed), |vb| Net::new(vb, &self.config), loss)?)
    }

    /// How a model does on texts: its accuracy, and on what rates are chosen by, minus its loss, as accuracies of a few hundred sentences tie.
    fn judge(&self, net: &Net, judged: &[&str]) -> Result<Vec<f64>, Failure> {
        let figure =
            |name: &str| net.figures(&self.text[name]).map(|[accuracy, loss]| if name == CHECK { -loss } else { accuracy });
        judged.iter().map(|name| Ok(figure(name)?)).collect()
    }

    /// Trains on one text, and says how it does on others after so many evaluations, of which the last are the end; and the seconds that one took.
    fn run(&self, spec: &Spec, seed: u64, at: &[u64], on: &str, judged: &[&str]) -> Result<(Vec<Vec<f64>>, f64), Failure> {
        let mut model = self.in_place(on, seed)?;
        let mut optimizer = registry::build(spec, model.space(), Key::new(seed))?;
        let (mut used, mut seconds, mut found) = (0, 0.0, vec![]);
        for until in at {
            let began = Instant::now();
            while used < *until {
                used += optimizer.step(&mut model)?.evaluations;
                model.refresh()?;
            }
            seconds += began.elapsed().as_secs_f64();
            found.push(self.judge(model.model(), judged)?);
        }
        Ok((found, seconds / used as f64))
    }

    /// The same by gradients, for so many steps of three passes each.
    fn backprop(&self, seed: u64, steps: u64, rate: f64, on: &str, judged: &[&str]) -> Result<(Vec<f64>, f64), Failure> {
        let (text, config) = (self.text[on].clone(), self.config.clone());
        let loss = move |net: &mut Net, key| {
            let batch = text.batch(key)?;
            cross_entropy(&net.logits(&batch)?, &batch.labels)
        };
        let mut model = FlatModel::with(self.options(on, seed), move |vb| Net::new(vb, &config), loss)?;
        let rate = serde_json::json!({ "cosine": { "from": rate, "to": 0.0, "steps": steps } });
        let spec = Spec::new("backprop").with("descent", serde_json::json!({ "name": "adamw", "rate": rate }))?;
        let mut optimizer = registry::build(&spec, model.space(), Key::new(seed))?;
        let began = Instant::now();
        for _ in 0..steps {
            optimizer.step(&mut model)?;
            model.refresh()?;
        }
        let seconds = began.elapsed().as_secs_f64() / (PASSES * steps) as f64;
        Model::load(&mut model, &optimizer.answer()?)?;
        Ok((self.judge(model.model(), judged)?, seconds))
    }

    /// The head alone, with a ridge, over the features as they come.
    fn fitted(&self, on: &str) -> Result<Weights, Failure> {
        let model = self.in_place(on, 0)?;
        let (net, text) = (model.model(), &self.text[on]);
        let parts = (0..text.len()).step_by(64).map(|from| {
            let part = text.rows(&Tensor::arange(from as u32, text.len().min(from + 64) as u32, &Device::Cpu)?)?;
            net.features(&part.below, &part.mask)
        });
        let x = Tensor::cat(&parts.collect::<candle_core::Result<Vec<_>>>()?, 0)?;
        let (width, y) = (x.dim(1)?, text.labels.clone());
        let loss = move |head: &mut Linear, _| cross_entropy(&head.forward(&x)?, &y)? + (head.weight().sqr()?.sum_all()? * 1e-4)?;
        let mut model = FlatModel::new(move |vb| linear(width, 2, vb.pp("head")), loss)?;
        let spec = Spec::new("backprop").with("descent", serde_json::json!({ "name": "adamw", "rate": 0.02 }))?;
        let mut optimizer = registry::build(&spec, model.space(), Key::new(0))?;
        for _ in 0..2000 {
            optimizer.step(&mut model)?;
        }
        Model::load(&mut model, &optimizer.answer()?)?;
        Ok(Weights::of(model.tensors()?)?)
    }
}

/// What is said after a flag.
fn said(args: &[String], name: &str) -> Option<String> {
    args.iter().position(|a| a == name).and_then(|at| args.get(at + 1).cloned())
}

fn main() -> Result<(), Failure> {
    let args: Vec<String> = env::args().skip(1).collect();
    let [folder, train, held, other, ..] = &args[..] else { return Err("usage: yardstick FOLDER TRAIN HELD OTHER".into()) };
    let said = |name: &str| said(&args, name);
    let mut at = said("--at").unwrap_or("600".into()).split(',').map(str::parse).collect::<Result<Vec<u64>, _>>()?;
    at.sort_unstable();
    let evaluations = at.iter().copied().max().unwrap_or(0);
    let tried = said("--tried").map_or(Ok(evaluations / 2), |n| n.parse())?;
    let seeds: u64 = said("--seeds").map_or(Ok(3), |n| n.parse())?;
    let mut out = fs::OpenOptions::new().create(true).append(true).open(said("--out").unwrap_or("yardstick.txt".into()))?;
    let only = said("--only");
    let wanted = |name: &str| only.as_ref().is_none_or(|only| only.split(',').any(|one| one == name));
    let mut task = task(folder, train, held, other)?;
    let began = Instant::now();
    let mut tell = |line: String| -> Result<(), Failure> {
        println!("{line}");
        writeln!(out, "{line}   ({:.0} s)", began.elapsed().as_secs_f64())?;
        Ok(())
    };
    let judged = ["held", "other"];
    task.train = said("--train").iter().flat_map(|all| all.split(',')).map(str::to_owned).collect();
    if said("--head").as_deref() != Some("drawn") {
        task.heads = ["fit", "train"].into_iter().map(|on| Ok((on, task.fitted(on)?))).collect::<Result<_, Failure>>()?;
    }
    tell(format!("the head alone: {:.3?}", task.judge(task.in_place("train", 0)?.model(), &judged)?))?;
    for passes in at.iter().filter(|_| wanted("backprop")) {
        let steps = passes / PASSES;
        let (rate, all) = climbed(BACKPROP, |rate| Ok(task.backprop(1, steps, rate, "fit", &[CHECK])?.0[0]))?;
        let found = (1..=seeds).map(|seed| task.backprop(seed, steps, rate, "train", &judged));
        let (found, seconds): (Vec<_>, Vec<_>) = found.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        let line =
            format!("backprop, adamw, {passes} passes, tried {all:?}; rate {rate}: {found:.3?}; median {:.3?}", medians(&found));
        tell(format!("{line}; {:.4} s a pass", median(seconds)))?;
    }
    for (name, spec, field, first) in METHODS.into_iter().filter(|(name, ..)| wanted(name)) {
        let spec: Spec = spec.parse()?;
        let trial = |rate: f64| Ok(task.run(&spec.clone().with(field, rate)?, 1, &[tried], "fit", &[CHECK])?.0[0][0]);
        let (rate, all) = climbed(first, trial)?;
        let found = (1..=seeds).map(|seed| task.run(&spec.clone().with(field, rate)?, seed, &at, "train", &judged));
        let (found, seconds): (Vec<_>, Vec<_>) = found.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        for (k, until) in at.iter().enumerate() {
            let here: Vec<Vec<f64>> = found.iter().map(|run| run[k].clone()).collect();
            tell(format!("{name} after {until}: tried {all:?}; rate {rate}: {here:.3?}; median {:.3?}", medians(&here)))?;
        }
        tell(format!("{name}: {:.4} s a pass", median(seconds)))?;
    }
    Ok(())
}

/// The best rate of a ladder that is climbed, or descended, from its first rung while the figure rises, and all that was seen.
fn climbed(first: f64, figure: impl Fn(f64) -> Result<f64, Failure>) -> Result<(f64, Vec<(f64, f64)>), Failure> {
    let mut all = vec![(first, figure(first)?)];
    let mut best = all[0];
    for factor in [RUNG, 1.0 / RUNG] {
        let begun = best;
        loop {
            let rate = best.0 * factor;
            let found = figure(rate)?;
            all.push((rate, found));
            if found.partial_cmp(&best.1) != Some(Ordering::Greater) {
                break;
            }
            best = (rate, found);
        }
        if best != begun {
            break;
        }
    }
    Ok((best.0, all))
}

fn medians(found: &[Vec<f64>]) -> Vec<f64> {
    (0..found[0].len()).map(|k| median(found.iter().map(|row| row[k]).collect())).collect()
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn task(folder: &str, train: &str, held: &str, other: &str) -> Result<Task, Failure> {
    let config: Config = serde_json::from_str(&fs::read_to_string(format!("{folder}/config.json"))?)?;
    let weights = Weights::open(format!("{folder}/model.safetensors"))?;
    let mut tokenizer = Tokenizer::from_file(format!("{folder}/tokenizer.json")).map_err(|e| e.to_string())?;
    tokenizer.with_padding(Some(PaddingParams { strategy: PaddingStrategy::Fixed(TOKENS), ..Default::default() }));
    tokenizer.with_truncation(Some(TruncationParams { max_length: TOKENS, ..Default::default() })).map_err(|e| e.to_string())?;
    let shallow = Config { num_hidden_layers: config.num_hidden_layers - 1, ..config.clone() };
    let model = InPlaceModel::new(
        ModelOptions::default().weights(&weights),
        |vb| BertModel::load(vb, &shallow),
        |_: &mut BertModel, _| Tensor::new(0f32, &Device::Cpu),
    )?;
    let read = |path: &str, most| Text::read(path, &tokenizer, model.model(), most);
    let train = read(train, usize::MAX)?;
    let tenth = |rest: bool| {
        let rows: Vec<u32> = (0..train.len() as u32).filter(|i| (i % 10 == 0) != rest).collect();
        train.rows(&Tensor::new(rows, &Device::Cpu)?)
    };
    let text = BTreeMap::from([
        ("fit", tenth(true)?),
        (CHECK, tenth(false)?),
        ("held", read(held, 600)?),
        ("other", read(other, 600)?),
        ("train", train.clone()),
    ]);
    Ok(Task { config, weights, text, heads: BTreeMap::new(), train: vec![] })
}
