//! Fine-tunes a pre-trained BERT on labelled text from losses alone, in the memory that running it takes.
//!
//! `cargo run --release --example finetune -- FOLDER DATA.tsv [PATTERN]`: FOLDER holds `config.json`, `tokenizer.json` and `model.safetensors`, as of
//! MiniLM (`harness/finetune/fetch.sh` gets one, and texts); lines of DATA are `text<TAB>label`, of two labels. `PATTERN` names what is trained beside
//! the new head: the last layer, or `*` for everything.

use std::{env, error::Error, fs::read_to_string};

use candle_core::{DType, Device, Tensor};
use candle_nn::{Linear, Module, linear, loss::cross_entropy};
use candle_transformers::models::bert::{BertModel, Config};
use moths::{InPlaceModel, Key, ModelOptions, Objective, Spec, Stop, Weights, minimize, registry};
use tokenizers::{PaddingParams, Tokenizer, TruncationParams};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let [folder, data, pattern @ ..] = &args[..] else { return Err("usage: finetune FOLDER DATA.tsv [PATTERN]".into()) };
    let config: Config = serde_json::from_str(&read_to_string(format!("{folder}/config.json"))?)?;
    let (ids, mask, labels) = texts(folder, data)?;
    let last = format!("encoder.layer.{}", config.num_hidden_layers - 1);

    let weights = Weights::open(format!("{folder}/model.safetensors"))?;
    let options = ModelOptions::default()
        .weights(&weights)
        .fresh("head")
        .train("head")
        .train(pattern.first().unwrap_or(&last))
        .stochastic();
    let build = |vb: candle_nn::VarBuilder<'_>| {
        Ok((BertModel::load(vb.clone(), &config)?, linear(config.hidden_size, 2, vb.pp("head"))?))
    };
    let loss = move |(bert, head): &mut (BertModel, Linear), key: Key| {
        let some = (0..16).map(|i| (key.fold(i).to_bits() % labels.elem_count() as u64) as u32);
        let some = Tensor::from_iter(some, &Device::Cpu)?; // equal keys, equal sentences
        let (ids, mask) = (ids.index_select(&some, 0)?, mask.index_select(&some, 0)?);
        let words = bert.forward(&ids, &ids.zeros_like()?, Some(&mask))?;
        let mask = mask.to_dtype(DType::F32)?.unsqueeze(2)?;
        let pooled = words.broadcast_mul(&mask)?.sum(1)?.broadcast_div(&mask.sum(1)?)?;
        cross_entropy(&head.forward(&pooled)?, &labels.index_select(&some, 0)?)
    };
    let mut model = InPlaceModel::new(options, build, loss)?;
    model.log_to("finetune.journal")?;
    let mut optimizer = registry::build(&Spec::new("fzoo"), model.space(), Key::new(1))?;
    let outcome = minimize(&mut *optimizer, &mut model, &Stop::evaluations(9_000))?;
    model.save("tuned.safetensors")?;
    println!("{} losses of {} weights, lowest {:.3}", outcome.tally.evaluations, model.space().dim(), outcome.tally.lowest);
    Ok(())
}

/// Words and masks \[n, words\], and labels \[n\].
fn texts(folder: &str, data: &str) -> Result<(Tensor, Tensor, Tensor), Box<dyn Error>> {
    let mut tokenizer = Tokenizer::from_file(format!("{folder}/tokenizer.json")).map_err(|e| e.to_string())?;
    tokenizer.with_padding(Some(PaddingParams::default()));
    tokenizer.with_truncation(Some(TruncationParams { max_length: 64, ..Default::default() })).map_err(|e| e.to_string())?;
    let text = read_to_string(data)?;
    let lines: Vec<(&str, &str)> = text.lines().filter_map(|line| line.rsplit_once('\t')).collect();
    let encoded = tokenizer.encode_batch(lines.iter().map(|(text, _)| *text).collect(), true).map_err(|e| e.to_string())?;
    let table = |rows: Vec<&[u32]>| Tensor::new(rows, &Device::Cpu);
    let (ids, mask) = (encoded.iter().map(|e| e.get_ids()).collect(), encoded.iter().map(|e| e.get_attention_mask()).collect());
    let first = lines.iter().map(|(_, label)| label.trim()).min().unwrap_or_default();
    let labels: Vec<u32> = lines.iter().map(|(_, label)| u32::from(label.trim() != first)).collect();
    Ok((table(ids)?, table(mask)?.to_dtype(DType::F32)?, Tensor::new(labels, &Device::Cpu)?))
}
