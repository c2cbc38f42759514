//! `moths finetune`: a tiny BERT and sentences of our own.

mod resume;

use std::{collections::HashMap, error::Error, fs, path::Path, sync::atomic::AtomicBool};

use candle_core::{Device, Tensor, safetensors};
use moths_harness::finetune::{Base, Examples, Plan, Precision, Start, Text, Tuner};
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

pub(crate) use resume::killed_and_resumed;

use crate::support::{Tested, events, last, leftovers, moths, refusal, said};

const WORDS: &str = "the film was a meal this and very it is good great fine lovely bad awful poor dull . !";
const WIDTH: usize = 16;
const INNER: usize = 24;

/// Sentences of these words, so many of each label.
pub(crate) fn sentences(each: usize) -> String {
    let (good, bad) = (["good", "great", "fine", "lovely"], ["bad", "awful", "poor", "dull"]);
    let (things, ends) = (["film", "meal"], [".", "!", "and it is", "very"]);
    let line = |words: &[&str; 4], label: &str, i: usize| {
        let (one, other) = (words[i % 4], words[i / 4 % 4]);
        format!("The {} was {one} {} {other}\t{label}\n", things[i % 2], ends[i % 3])
    };
    (0..each).flat_map(|i| [line(&good, "good", i), line(&bad, "bad", i)]).collect()
}

/// Numbers that look random.
pub(crate) fn tensor(shape: &[usize], size: f32, seed: &mut u64) -> candle_core::Result<Tensor> {
    let mut number = || {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        size * ((*seed >> 40) as f32 / (1u64 << 23) as f32 - 1.0)
    };
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| number()).collect();
    Tensor::from_vec(values, shape, &Device::Cpu)
}

fn tensors() -> candle_core::Result<HashMap<String, Tensor>> {
    let (mut seed, mut all) = (1, HashMap::new());
    let mut add = |name: String, shape: &[usize]| -> candle_core::Result<()> {
        all.insert(name, tensor(shape, 0.6, &mut seed)?);
        Ok(())
    };
    add("embeddings.word_embeddings.weight".into(), &[WORDS.split(' ').count() + 4, WIDTH])?;
    add("embeddings.position_embeddings.weight".into(), &[32, WIDTH])?;
    add("embeddings.token_type_embeddings.weight".into(), &[2, WIDTH])?;
    add("pooler.dense.weight".into(), &[WIDTH, WIDTH])?;
    let linears = [
        ("attention.self.query", WIDTH, WIDTH),
        ("attention.self.key", WIDTH, WIDTH),
        ("attention.self.value", WIDTH, WIDTH),
        ("attention.output.dense", WIDTH, WIDTH),
        ("intermediate.dense", WIDTH, INNER),
        ("output.dense", INNER, WIDTH),
    ];
    for layer in 0..2 {
        for (name, from, to) in linears {
            add(format!("encoder.layer.{layer}.{name}.weight"), &[to, from])?;
            add(format!("encoder.layer.{layer}.{name}.bias"), &[to])?;
        }
    }
    let norms = ["attention.output.LayerNorm", "output.LayerNorm"];
    let norms = (0..2).flat_map(|layer| norms.map(|name| format!("encoder.layer.{layer}.{name}")));
    for norm in norms.chain(["embeddings.LayerNorm".to_owned()]) {
        all.insert(format!("{norm}.weight"), Tensor::ones(WIDTH, candle_core::DType::F32, &Device::Cpu)?);
        all.insert(format!("{norm}.bias"), tensor(&[WIDTH], 0.1, &mut seed)?);
    }
    Ok(all)
}

/// `base`, `data.tsv` and `other.tsv`.
pub(crate) fn prepared() -> Result<TempDir, Box<dyn Error>> {
    let place = tempdir()?;
    base(&place.path().join("base"), &tensors()?)?;
    fs::write(place.path().join("data.tsv"), sentences(12))?;
    fs::write(
        place.path().join("other.tsv"),
        sentences(16).lines().skip(24).map(|line| format!("{line}\n")).collect::<String>(),
    )?;
    Ok(place)
}

fn base(folder: &Path, tensors: &HashMap<String, Tensor>) -> Tested {
    fs::create_dir_all(folder)?;
    let vocabulary: Vec<&str> = "[PAD] [UNK] [CLS] [SEP]".split(' ').chain(WORDS.split(' ')).collect();
    let config = json!({
        "model_type": "bert", "vocab_size": vocabulary.len(), "hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 4,
        "intermediate_size": INNER, "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "max_position_embeddings": 32,
        "type_vocab_size": 2, "initializer_range": 0.02, "layer_norm_eps": 1e-12, "pad_token_id": 0,
    });
    fs::write(folder.join("vocab.txt"), vocabulary.join("\n") + "\n")?;
    fs::write(folder.join("config.json"), config.to_string())?;
    safetensors::save(tensors, folder.join("model.safetensors"))?;
    Ok(())
}

pub(crate) const LINE: &str = "finetune --base base --data data.tsv --held-out other.tsv";

fn read(place: &TempDir, file: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    Ok(fs::read(place.path().join(file))?)
}

#[test]
fn losses_alone_tune_a_model_and_its_log_makes_it_again() -> Tested {
    let place = prepared()?;
    let (drawn, mut left) = ("--head drawn --optimizer mezo", Value::Null);
    let cases = [("bf16", "", ""), ("f32", "", ""), ("bf16", "", drawn), ("f32", "--train *", drawn), ("f32", "", drawn)];
    for (dtype, train, head) in cases {
        let told =
            events(&place, &format!("{LINE} {head} --out {dtype} --overwrite --dtype {dtype} --evaluations 1200 {train}"))?;
        assert_eq!((&told[0]["event"], &told[0]["in_place"]), (&"start".into(), &true.into()));
        assert_eq!(told[1]["event"], "before");
        let end = last(told);
        let set = &end["sets"][0];
        assert_eq!((&end["event"], &set["name"], &set["examples"]), (&"end".into(), &"other".into(), &8.into()));
        let (before, after) = (set["before"]["loss"].as_f64(), set["after"]["loss"].as_f64());
        left = set["after"].clone();
        // A head that is fitted leaves little to do.
        assert!(after < before.map(|loss| 0.8 * loss) || head.is_empty(), "{dtype} {train}: {end}");
        assert!(end["log_bytes"].as_u64() < Some(120_000) && end["evaluations"] == 1200, "{end}");

        said(&place, &format!("apply base/model.safetensors {dtype}/tune.journal -o applied --overwrite"))?;
        assert!(read(&place, "applied")? == read(&place, &format!("{dtype}/tuned.safetensors"))?, "{dtype} {train}");
        let tuned = safetensors::load(place.path().join("applied"), &Device::Cpu)?;
        let mut names: Vec<String> = tensors()?.into_keys().chain(["head.weight".into(), "head.bias".into()]).collect();
        names.sort();
        let mut there: Vec<&String> = tuned.keys().collect();
        there.sort();
        assert!(there.into_iter().eq(&names));
        assert_eq!(tuned["head.weight"].dims(), [2, WIDTH]);
    }
    // What was tuned may be tuned on: it brings a head, which is neither drawn nor fitted.
    fs::copy(place.path().join("applied"), place.path().join("base/model.safetensors"))?;
    let on = last(events(&place, &format!("{LINE} --out on --evaluations 40 --train head"))?);
    assert_eq!(on["sets"][0]["before"], left, "where the one before ended");
    assert!(!said(&place, &format!("{LINE} --out again --evaluations 40"))?.contains("logistic regression"));
    assert!(leftovers(place.path())?.is_empty());
    Ok(())
}

#[test]
fn what_is_wrong_is_said_in_a_line() -> Tested {
    let place = prepared()?;
    let at = |name: &str| place.path().join(name);
    let with = |folder: &str, name: &str, tensor: Option<Tensor>| -> Tested {
        let mut all = tensors()?;
        all.remove(name);
        all.extend(tensor.map(|tensor| (name.to_owned(), tensor)));
        base(&at(folder), &all)
    };
    let query = "encoder.layer.1.attention.self.query.weight";
    with("misshapen", query, Some(Tensor::zeros((WIDTH, 3), candle_core::DType::F32, &Device::Cpu)?))?;
    with("nan", query, Some(Tensor::full(f32::NAN, (WIDTH, WIDTH), &Device::Cpu)?))?;
    with("frozen-nan", "embeddings.LayerNorm.bias", Some(Tensor::full(f32::NAN, WIDTH, &Device::Cpu)?))?;
    let lower = "encoder.layer.0.output.dense.weight";
    with("frozen-layer-nan", lower, Some(Tensor::full(f32::NAN, (WIDTH, INNER), &Device::Cpu)?))?;
    // Of a word that the first sentence does not have.
    let row = 4 + WORDS.split(' ').position(|word| word == "fine").ok_or("no such word")?;
    let rows: Vec<f32> = (0..4 + WORDS.split(' ').count()).map(|i| if i == row { f32::NAN } else { 1.0 }).collect();
    let words = tensors()?["embeddings.word_embeddings.weight"].broadcast_mul(&Tensor::new(rows, &Device::Cpu)?.unsqueeze(1)?)?;
    with("word-nan", "embeddings.word_embeddings.weight", Some(words))?;
    with("missing", query, None)?;
    with("shallow", "encoder.layer.1.intermediate.dense.weight", None)?;
    with("narrow", "embeddings.word_embeddings.weight", Some(Tensor::zeros((9, WIDTH), candle_core::DType::F32, &Device::Cpu)?))?;
    with("gpt", "pooler.dense.weight", None)?;
    fs::write(at("gpt/config.json"), r#"{"model_type":"gpt2"}"#)?;
    fs::write(at("unlabelled.tsv"), "so good\tgood\n\nso bad\tbad\nso what\n")?;
    fs::write(at("strange.tsv"), "so good\tgood\nso what\tneutral\n")?;
    fs::write(at("same.tsv"), "so good\tgood\nas good\tgood\n")?;
    fs::write(at("nothing.tsv"), "\n")?;
    let cases = [
        ("--base base --data data.tsv --train heat.*", "unknown leaf of the model `heat.*`"),
        ("--base base --data data.tsv --train head.weigth", "did you mean `head.weight`?"),
        ("--base nowhere --data data.tsv", "nowhere/config.json: "),
        ("--base base --data nowhere.tsv", "nowhere.tsv: "),
        ("--base misshapen --data data.tsv", "[16, 16]"),
        ("--base nan --data data.tsv", "weights: encoder.layer.1.attention.self.query.weight = NaN or infinite"),
        ("--base frozen-nan --data data.tsv", "the first come out of `embeddings`"),
        ("--base frozen-nan --data data.tsv --head drawn", "the first come out of `embeddings`"),
        ("--base word-nan --data data.tsv", "the first come out of `embeddings`"),
        ("--base frozen-layer-nan --data data.tsv", "the first come out of `encoder.layer.0`"),
        ("--base missing --data data.tsv", "unknown tensor of the weights `encoder.layer.1.attention.self.query.weight`"),
        (
            "--base missing --data data.tsv --optimizer backprop",
            "unknown tensor of the weights `encoder.layer.1.attention.self.query.weight`",
        ),
        ("--base shallow --data data.tsv", "has no `encoder.layer.1.intermediate.dense.weight`"),
        ("--base narrow --data data.tsv", "expected [24, 16], as config.json says, got [9, 16]"),
        ("--base gpt --data data.tsv", "model_type = \"gpt2\""),
        ("--base base --data unlabelled.tsv", "unlabelled.tsv: line 4 has no label"),
        ("--base base --data data.tsv --held-out strange.tsv", "strange.tsv: line 2 has the label `neutral`"),
        ("--base base --data same.tsv", "has the label `good` alone"),
        ("--base base --data nothing.tsv", "nothing.tsv: holds no line"),
        ("--base base --data data.tsv --held-out other.tsv --held-out base/../other.tsv", "another file name"),
        ("--base base --data data.tsv --optimizer mezzo", "did you mean `mezo`?"),
        ("--base base --data data.tsv --dtype f8", "f32 or bf16"),
        ("--base base --data data.tsv --prompt {}:", "--prompt: a BERT in a folder"),
        ("--base base --data data.tsv --resume", "a folder with a run in it"),
    ];
    for (line, why) in cases {
        let refused = refusal(&place, &format!("finetune {line} --evaluations 40 --out new"))?;
        assert!(refused.contains(why), "moths finetune {line}: {refused}");
        assert!(!at("new").exists() || line.contains("frozen"), "{line}");
        let _ = fs::remove_dir_all(at("new"));
    }
    Ok(())
}

#[test]
fn a_head_begins_fitted_to_the_frozen_model_or_drawn() -> Tested {
    let place = prepared()?;
    let end = last(events(&place, &format!("{LINE} --evaluations 40"))?);
    assert!(end["sets"][0]["before"]["accuracy"].as_f64() > Some(0.7), "{end}");
    assert!(place.path().join("moths-out/finetune-base-mezo-1/tuned.safetensors").is_file());
    let drawn = last(events(&place, &format!("{LINE} --evaluations 40 --head drawn --out drawn"))?);
    let loss = |end: &Value| end["sets"][0]["before"]["loss"].as_f64();
    assert!(loss(&end) < loss(&drawn).map(|loss| 0.8 * loss), "{end} {drawn}");
    let refused = refusal(&place, &format!("{LINE} --evaluations 60 --head drawn --resume"))?;
    assert!(refused.contains("--head = \"drawn\"") && refused.contains("fitted"), "{refused}");
    let words = said(&place, &format!("{LINE} --evaluations 40 --seed 2"))?;
    assert!(words.contains("logistic regression on frozen features") && words.contains("tune.journal, "), "{words}");
    Ok(())
}

/// Neurons that never fire hide what comes before them.
#[test]
fn tensors_that_no_loss_depends_on_are_named() -> Tested {
    let (place, dead) = (prepared()?, "encoder.layer.1.intermediate.dense");
    let mut all = tensors()?;
    all.insert(format!("{dead}.bias"), Tensor::full(-1e6f32, INNER, &Device::Cpu)?);
    let folder = place.path().join("dead");
    base(&folder, &all)?;
    let config = fs::read_to_string(folder.join("config.json"))?.replace("\"gelu\"", "\"relu\"");
    fs::write(folder.join("config.json"), config)?;
    let run = |base: &str, more: &str| -> Result<[String; 2], Box<dyn Error>> {
        let line = format!("finetune --base {base} --data data.tsv --out {base} --overwrite --json {more}");
        let output = moths(&place, &line).output()?;
        assert!(output.status.success(), "{output:?}");
        Ok([String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?])
    };
    let [out, err] = run("dead", "--evaluations 700")?;
    assert!(err.contains(&format!("no loss depends on {dead}.weight: ")) && err.lines().count() == 1, "{err}");
    let event = json!({ "event": "unread", "tensors": [format!("{dead}.weight")] }).to_string();
    assert_eq!(out.lines().nth(2), Some(&*event));
    assert_eq!(run("dead", "--evaluations 40")?[1], "", "few passes are not spent on looking");
    assert_eq!(run("base", "--evaluations 700")?[1], "", "everything has an effect");
    Ok(())
}

/// What frozen layers make of a sentence is kept, or is not: the same bits.
#[test]
fn a_run_does_not_depend_on_what_is_kept() -> Tested {
    let place = prepared()?;
    let base = Base::open(&place.path().join("base"))?;
    let text = Text::open(&place.path().join("data.tsv"))?;
    let examples = Examples::new(&text, &text.classes()?, &base, &base.tokenizer()?, 32)?;
    let losses = |examples: &Examples, room: usize| -> Result<Vec<f64>, Box<dyn Error>> {
        let mut tuner = Tuner::with_room(&base, &plan_of(&base, &text, "mezo")?, examples, None, room)?;
        let start = tuner.objective().space().start();
        Ok((0..6)
            .map(|_| {
                tuner.objective().refresh()?;
                Ok(tuner.objective().evaluate(&moths::Batch::one(&start)?)?[0])
            })
            .collect::<moths::Result<_>>()?)
    };
    let examples = examples.seen_again();
    let none = losses(&examples, 0)?;
    assert_eq!(none, losses(&examples, 1 << 20)?);
    assert_eq!(none, losses(&examples, 3000)?, "room for some of them");
    Ok(())
}

/// candle's own BERT, and the one that has gradients.
#[test]
fn both_programs_of_the_model_see_the_same_losses() -> Tested {
    let place = prepared()?;
    let base = Base::open(&place.path().join("base"))?;
    let text = Text::open(&place.path().join("data.tsv"))?;
    let classes = text.classes()?;
    let examples = Examples::new(&text, &classes, &base, &base.tokenizer()?, 32)?;
    let tuner = |optimizer: &str, examples: &Examples| -> Result<Tuner, Box<dyn Error>> {
        Ok(Tuner::new(&base, &plan_of(&base, &text, optimizer)?, examples, None)?)
    };
    let (mut stock, mut plain) = (tuner("open-es", &examples)?, tuner("backprop", &examples)?);
    let never = AtomicBool::new(false);
    let [one, other] = [stock.judge(&examples, 24, &never)?, plain.judge(&examples, 24, &never)?].map(Option::unwrap_or_default);
    assert!(one[0] == other[0] && (one[1] - other[1]).abs() < 1e-5, "{one:?} {other:?}");

    // The slope of the one along the gradient of the other, of a sentence that is every minibatch.
    fs::write(place.path().join("one.tsv"), "The film was good and very fine\tgood\n")?;
    let one = Text::open(&place.path().join("one.tsv"))?;
    let one = Examples::new(&one, &classes, &base, &base.tokenizer()?, 32)?;
    let (mut stock, mut plain) = (tuner("open-es", &one)?, tuner("backprop", &one)?);
    assert_eq!(stock.objective().space().leaves(), plain.objective().space().leaves());
    let start = plain.objective().space().start();
    let (loss, gradient) = plain.objective().gradient(&start)?.ok_or("no gradient")?;
    let size = gradient.sqr()?.sum_all()?.to_dtype(candle_core::DType::F64)?.to_scalar::<f64>()?.sqrt();
    let mut at = |by: f64| -> Result<f64, Box<dyn Error>> {
        let point = moths::CowTensor::new(((*start).clone() + (&gradient * (by / size))?)?);
        Ok(stock.objective().evaluate(&moths::Batch::one(&point)?)?[0])
    };
    let (here, slope) = (at(0.0)?, (at(0.01)? - at(-0.01)?) / 0.02);
    assert!((here - loss).abs() < 1e-5 && (slope / size - 1.0).abs() < 0.02, "{here} {loss}, {slope} {size}");
    Ok(())
}

fn plan_of(base: &Base, text: &Text, optimizer: &str) -> Result<Plan, Box<dyn Error>> {
    Ok(Plan {
        base: String::new(),
        data: text.digest(),
        held_out: vec![],
        classes: text.classes()?,
        train: base.last_layer(),
        batch: 5,
        tokens: 32,
        head: Some(Start::Drawn),
        dtype: Precision::F32,
        quantised: None,
        prompt: None,
        judge: None,
        optimizer: optimizer.parse()?,
        seed: 1,
        evaluations: 1,
        horizon: 1,
        every: 1,
    })
}
