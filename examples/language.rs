//! Trains a language model of characters from its losses alone, beside the entropy of single characters and of pairs of them.
//!
//! `cargo run --example language -- text.txt --minutes 10`; without a file it reads what the harness carries, two chapters of a book.

use std::{error::Error, f64::consts::LN_2, fs, ops::ControlFlow, time::Instant};

use candle_core::{Device, Tensor};
use candle_nn::{Init, VarBuilder};
use moths::{
    Key, ModelOptions, Objective, Result, Spec, Stop,
    nn::{Activations, Embedding, LayerNorm, Linear, Module, PopulationModel, attention, embedding, layer_norm, linear},
    objective::OutputLoss,
    registry,
    run::{Tally, minimize_from},
};

/// Characters of a window.
const CONTEXT: usize = 32;
/// Windows of a minibatch.
const WINDOWS: u64 = 32;
/// Values of a character; four heads share them.
const WIDTH: usize = 32;
const HEADS: usize = 4;
const BLOCKS: usize = 2;

/// A transformer with its normalisations before attention and layers.
struct Transformer {
    characters: Embedding,
    places: Tensor,
    /// What follows each character, whatever stood before: a good beginning.
    pairs: Embedding,
    blocks: Vec<Block>,
    norm: LayerNorm,
    output: Linear,
}

struct Block {
    before_attention: LayerNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    projection: Linear,
    before_layers: LayerNorm,
    wide: Linear,
    narrow: Linear,
}

impl Block {
    fn new(vb: VarBuilder<'_>) -> candle_core::Result<Self> {
        Ok(Self {
            before_attention: layer_norm(WIDTH, 1e-5, vb.pp("before_attention"))?,
            query: linear(WIDTH, WIDTH, vb.pp("query"))?,
            key: linear(WIDTH, WIDTH, vb.pp("key"))?,
            value: linear(WIDTH, WIDTH, vb.pp("value"))?,
            projection: linear(WIDTH, WIDTH, vb.pp("projection"))?,
            before_layers: layer_norm(WIDTH, 1e-5, vb.pp("before_layers"))?,
            wide: linear(WIDTH, 4 * WIDTH, vb.pp("wide"))?,
            narrow: linear(4 * WIDTH, WIDTH, vb.pp("narrow"))?,
        })
    }
}

impl Module for Block {
    fn forward(&self, x: &Activations) -> Result<Activations> {
        let normed = self.before_attention.forward(x)?;
        let (query, key, value) = (self.query.forward(&normed)?, self.key.forward(&normed)?, self.value.forward(&normed)?);
        let x = self.projection.forward(&attention(&query, &key, &value, HEADS, true)?)?.add(x)?;
        self.narrow.forward(&self.wide.forward(&self.before_layers.forward(&x)?)?.relu()?)?.add(&x)
    }
}

impl Transformer {
    fn new(alphabet: usize, vb: VarBuilder<'_>) -> candle_core::Result<Self> {
        Ok(Self {
            characters: embedding(alphabet, WIDTH, vb.pp("characters"))?,
            places: vb.get_with_hints((CONTEXT, WIDTH), "places", Init::Randn { mean: 0.0, stdev: 0.1 })?,
            pairs: embedding(alphabet, alphabet, vb.pp("pairs"))?,
            blocks: (0..BLOCKS).map(|i| Block::new(vb.pp(format!("block{i}")))).collect::<candle_core::Result<_>>()?,
            norm: layer_norm(WIDTH, 1e-5, vb.pp("norm"))?,
            output: linear(WIDTH, alphabet, vb.pp("output"))?,
        })
    }
}

impl Module for Transformer {
    /// Characters [context] to the logits [context, alphabet] of those after them.
    fn forward(&self, x: &Activations) -> Result<Activations> {
        let seen = self.characters.forward(x)?.add_parameter(&self.places)?;
        let seen = self.blocks.iter().try_fold(seen, |x, block| block.forward(&x))?;
        self.output.forward(&self.norm.forward(&seen)?)?.add(&self.pairs.forward(x)?)
    }
}

/// Windows that begin at these places, and the same one character on.
fn windows(text: &[u32], starts: &[usize]) -> Result<(Tensor, Tensor)> {
    let rows = |ahead: usize| {
        let characters = starts.iter().flat_map(|start| &text[start + ahead..][..CONTEXT]).copied();
        Tensor::from_iter(characters, &Device::Cpu)?.reshape((starts.len(), CONTEXT))
    };
    Ok((rows(0)?, rows(1)?))
}

/// Bits a character of a text if characters were independent, and if each depended on the one before: from the counts of another text, and one more.
fn entropies(train: &[u32], test: &[u32], alphabet: usize) -> [f64; 2] {
    let (mut single, mut pairs) = (vec![1.0; alphabet], vec![vec![0.0; alphabet]; alphabet]);
    train.iter().for_each(|c| single[*c as usize] += 1.0);
    train.windows(2).for_each(|pair| pairs[pair[0] as usize][pair[1] as usize] += 1.0);
    let (all, count) = (single.iter().sum::<f64>(), (test.len() - 1) as f64);
    let share = |c: u32| single[c as usize] / all;
    // What was never seen together is as likely as the character alone.
    let after = |a: u32, b: u32| {
        let row = &pairs[a as usize];
        (row[b as usize] + 4.0 * share(b)) / (row.iter().sum::<f64>() + 4.0)
    };
    let bits = |of: &dyn Fn(u32, u32) -> f64| test.windows(2).map(|pair| -of(pair[0], pair[1]).log2()).sum::<f64>() / count;
    [bits(&|_, b| share(b)), bits(&after)]
}

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let (mut file, mut minutes, mut spec) = (None, 1.0, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match &*argument {
            "--minutes" => minutes = arguments.next().ok_or("--minutes needs a number")?.parse()?,
            "--optimizer" => spec = Some(arguments.next().ok_or("--optimizer needs a specification")?.parse::<Spec>()?),
            _ => file = Some(argument),
        }
    }
    let text = match file {
        Some(file) => fs::read(file)?,
        None => include_bytes!("../harness/data/alice/alice.txt").to_vec(),
    };
    let least = 10 * CONTEXT + 1;
    if text.len() < least {
        return Err(format!(
            "a text of {} characters: at least {least}, so that its last tenth is more than a window",
            text.len()
        )
        .into());
    }
    let text = text.to_ascii_lowercase();
    let mut alphabet = text.clone();
    alphabet.sort_unstable();
    alphabet.dedup();
    let text: Vec<u32> = text.iter().map(|c| alphabet.partition_point(|known| known < c) as u32).collect();
    let (train, test) = text.split_at(text.len() * 9 / 10);
    let [single, pairs] = entropies(train, test, alphabet.len());
    println!(
        "{} characters of {}; bits a character of the last tenth: {single:.3} singly, {pairs:.3} by the one before",
        text.len(),
        alphabet.len()
    );

    let (all, most) = (train.to_vec(), (train.len() - CONTEXT) as u64);
    let data = move |key: Key| {
        let starts: Vec<usize> = (0..WINDOWS).map(|i| (key.fold(i).to_bits() % most) as usize).collect();
        windows(&all, &starts)
    };
    let characters = alphabet.len();
    let options = ModelOptions::default().stochastic().init("pairs", Init::Const(0.0)).init("output", Init::Const(0.0));
    let mut objective =
        PopulationModel::with(options, move |vb| Transformer::new(characters, vb), data, OutputLoss::CrossEntropy)?;

    let spec = spec.map_or_else(
        || r#"{"name": "open-es", "pairs": 64, "sigma": 0.1, "descent": {"name": "adamw", "rate": 0.03}}"#.parse(),
        Ok,
    )?;
    let mut optimizer = registry::build(&spec, objective.space(), Key::new(1))?;
    println!("{} parameters; {}", objective.space().dim(), spec.name);
    let judged: Vec<usize> = (0..(test.len() - 1) / CONTEXT).map(|i| i * CONTEXT).collect();
    let (seen, next) = windows(test, &judged)?;
    let began = Instant::now();
    let mut told = 0.0;
    let stop = Stop::never().or_seconds(60.0 * minutes);
    let outcome = minimize_from(Tally::default(), &mut *optimizer, &mut objective, &stop, |progress| {
        let seconds = began.elapsed().as_secs_f64();
        if seconds - told > 6.0 * minutes {
            told = seconds;
            let tokens = progress.tally.evaluations as f64 * (WINDOWS as usize * CONTEXT) as f64 / seconds;
            println!(
                "{seconds:6.0} s  {:8} evaluations  {:.3} bits  {tokens:.2e} characters a second",
                progress.tally.evaluations,
                progress.report.loss / LN_2
            );
        }
        Ok(ControlFlow::Continue(()))
    })?;
    objective.load(&outcome.answer)?;
    let logits = objective.predict(&seen)?;
    let loss = candle_nn::loss::cross_entropy(&logits.flatten_to(1)?, &next.flatten_all()?)?.to_scalar::<f32>()?;
    println!("{:.3} bits a character of the last tenth, after {} evaluations", f64::from(loss) / LN_2, outcome.tally.evaluations);
    Ok(())
}
