//! `moths finetune` of a GGUF file: a tiny quantised LLaMA, and sentences of our own.

use std::{
    collections::HashMap,
    error::Error,
    fs::{self, File},
    path::Path,
};

use candle_core::{
    DType, Device, Tensor,
    quantized::{
        GgmlDType, QTensor,
        gguf_file::{self, Content, Value},
    },
};
use candle_transformers::models::quantized_llama::ModelWeights;
use serde_json::Value as Json;
use tempfile::{TempDir, tempdir};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;

use crate::{
    finetune::{killed_and_resumed, sentences, tensor},
    support::{Tested, events, last, leftovers, refusal, said},
};

const WIDTH: usize = 64;
/// What the alphabet of bytes is merged to.
const MERGED: [&str; 2] = ["Ġg", "Ġb"];
const LINE: &str = "finetune --base base.gguf --data data.tsv --batch 8 --prompt {}\\nIt:";

/// One character a byte, in the order of their tokens.
fn alphabet() -> Vec<char> {
    let mut alphabet: Vec<char> = ByteLevel::alphabet().into_iter().collect();
    alphabet.sort_unstable();
    alphabet
}

fn metadata() -> HashMap<&'static str, Value> {
    let text = |text: &str| Value::String(text.into());
    let tokens = alphabet().into_iter().map(String::from).chain(MERGED.map(String::from)).map(Value::String).collect();
    let merges = MERGED.map(|pair| Value::String(pair.chars().map(String::from).collect::<Vec<_>>().join(" ")));
    HashMap::from([
        ("general.architecture", text("llama")),
        ("llama.block_count", Value::U32(2)),
        ("llama.context_length", Value::U32(128)),
        ("llama.embedding_length", Value::U32(WIDTH as u32)),
        ("llama.attention.head_count", Value::U32(2)),
        ("llama.attention.head_count_kv", Value::U32(1)),
        ("llama.rope.dimension_count", Value::U32(WIDTH as u32 / 2)),
        ("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
        ("tokenizer.ggml.model", text("gpt2")),
        ("tokenizer.ggml.pre", text("smollm")),
        ("tokenizer.ggml.tokens", Value::Array(tokens)),
        ("tokenizer.ggml.merges", Value::Array(merges.into())),
    ])
}

fn write(path: &Path, metadata: &HashMap<&str, Value>) -> Tested {
    let (vocabulary, mut seed) = (alphabet().len() + MERGED.len(), 3);
    let mut matrix = |rows: usize, columns: usize| -> candle_core::Result<QTensor> {
        QTensor::quantize(&tensor(&[rows, columns], 0.3, &mut seed)?, GgmlDType::Q4_0)
    };
    let mut all = vec![("token_embd.weight".to_owned(), matrix(vocabulary, WIDTH)?)];
    all.push(("output.weight".into(), matrix(vocabulary, WIDTH)?));
    for block in 0..2 {
        let shapes = [("attn_q", WIDTH), ("attn_k", WIDTH / 2), ("attn_v", WIDTH / 2), ("attn_output", WIDTH)];
        let shapes = shapes.into_iter().chain(["ffn_gate", "ffn_up", "ffn_down"].map(|name| (name, WIDTH)));
        for (name, rows) in shapes {
            all.push((format!("blk.{block}.{name}.weight"), matrix(rows, WIDTH)?));
        }
    }
    let norms = (0..2).flat_map(|block| ["attn_norm", "ffn_norm"].map(|name| format!("blk.{block}.{name}.weight")));
    for norm in norms.chain(["output_norm.weight".to_owned()]) {
        all.push((norm, QTensor::quantize(&Tensor::ones(WIDTH, DType::F32, &Device::Cpu)?, GgmlDType::F32)?));
    }
    let metadata: Vec<(&str, &Value)> = metadata.iter().map(|(name, value)| (*name, value)).collect();
    let all: Vec<(&str, &QTensor)> = all.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    gguf_file::write(&mut File::create(path)?, &metadata, &all)?;
    Ok(())
}

fn prepared() -> Result<TempDir, Box<dyn Error>> {
    let place = tempdir()?;
    write(&place.path().join("base.gguf"), &metadata())?;
    fs::write(place.path().join("data.tsv"), sentences(6))?;
    Ok(place)
}

/// The tokens of a text, by hand.
fn tokens(text: &str) -> Vec<u32> {
    let alphabet = alphabet();
    let character = |byte: u8| match byte {
        b' ' => 'Ġ',
        b'\n' => 'Ċ',
        printed => char::from(printed),
    };
    let number = |c: char| alphabet.iter().position(|other| *other == c).map_or(u32::MAX, |place| place as u32);
    let mut rest: &[u8] = text.as_bytes();
    let mut all = vec![];
    while let Some((byte, after)) = rest.split_first() {
        let merged =
            MERGED.iter().position(|pair| *byte == b' ' && after.first().is_some_and(|next| pair.ends_with(char::from(*next))));
        all.push(merged.map_or_else(|| number(character(*byte)), |place| (alphabet.len() + place) as u32));
        rest = if merged.is_some() { &after[1..] } else { after };
    }
    all
}

/// Accuracy and mean loss of a file on labelled sentences, with stock candle: what is asked behind each, and how many tokens a prompt has at most.
fn by_hand(path: &Path, sentences: &str, asked: &str, most: usize) -> Result<[f64; 2], Box<dyn Error>> {
    let mut file = File::open(path)?;
    let mut model = ModelWeights::from_gguf(Content::read(&mut file)?, &mut file, &Device::Cpu)?;
    let space = if asked.ends_with('\n') { "" } else { " " };
    let answers = ["bad", "good"].map(|word| tokens(&format!("{space}{word}"))[0] as usize);
    let (mut right, mut loss, mut n) = (0.0, 0.0, 0.0);
    for line in sentences.lines() {
        let (sentence, label) = line.split_once('\t').ok_or("no label")?;
        let prompts = (0..=sentence.len()).rev().map(|end| tokens(&format!("{}{asked}", &sentence[..end])));
        let prompt = prompts.into_iter().find(|prompt| prompt.len() <= most).ok_or("no room")?;
        let prompt = Tensor::new(prompt, &Device::Cpu)?.unsqueeze(0)?;
        let logits = model.forward(&prompt, 0)?.flatten_all()?.to_vec1::<f32>()?;
        let [bad, good] = answers.map(|answer| f64::from(logits[answer]));
        let lead = if label == "good" { good - bad } else { bad - good };
        right += f64::from(u8::from(lead > 0.0));
        loss += (-lead).exp().ln_1p();
        n += 1.0;
    }
    Ok([right / n, loss / n])
}

const QES: &str = r#"{"name":"qes","pairs":4,"sigma":1.0,"descent":{"name":"sgd","rate":0.3}}"#;

#[test]
fn losses_alone_tune_a_quantised_model() -> Tested {
    let place = prepared()?;
    let at = |name: &str| place.path().join(name);
    for (optimizer, trained, evaluations) in [("", "scales", 300), (&*format!("--optimizer {QES}"), "codes", 240)] {
        let told = events(&place, &format!("{LINE} --out {trained} --evaluations {evaluations} {optimizer}"))?;
        assert_eq!((&told[0]["in_place"], &told[0]["quantised"]), (&true.into(), &trained.into()));
        let end = last(told);
        let set = &end["sets"][0];
        let figures = |when: &str| ["accuracy", "loss"].map(|figure| set[when][figure].as_f64().unwrap_or(f64::NAN));
        assert!(figures("after")[1] < 0.9 * figures("before")[1], "{trained}: {end}");
        for (file, when) in [("base.gguf", "before"), (&*format!("{trained}/tuned.gguf"), "after")] {
            let ([accuracy, loss], ours) = (by_hand(&at(file), &sentences(6), "\nIt:", 128)?, figures(when));
            assert!(ours[0] == accuracy && (ours[1] - loss).abs() < 1e-5, "{file}: {ours:?}, by hand {accuracy} {loss}");
        }
        assert!(end["loading_share"].as_f64() > Some(0.0) && end["log_bytes"].as_u64() > Some(1000), "{end}");
        let same = fs::read(at(&format!("{trained}/work.gguf")))? == fs::read(at(&format!("{trained}/tuned.gguf")))?;
        assert!(same, "{trained}");
        let words = said(&place, &format!("apply base.gguf {trained}/work.gguf.log -o applied --overwrite"))?;
        assert!(words.contains(&format!("{} steps", end["steps"])), "{words}");
        assert!(fs::read(at("applied"))? == fs::read(at(&format!("{trained}/tuned.gguf")))?, "{trained}");
    }
    assert!(leftovers(place.path())?.is_empty());
    let words = said(&place, &format!("{LINE} --evaluations 40 --judge 4 --train output.weight --quantised codes"))?;
    assert!(
        words.contains("codes in output.weight") && words.contains("reloading") && words.contains("of 4 sentences right"),
        "{words}"
    );
    assert!(at("moths-out/finetune-base.gguf-qzo-1/tuned.gguf").is_file());
    Ok(())
}

/// A label has no space before it where the prompt ends in white space, and a sentence that is too long is cut.
#[test]
fn what_is_asked_is_the_prompt() -> Tested {
    let place = prepared()?;
    for (asked, most) in [("\n", 128), (":", 128), ("\nIt:", 20), ("\nIt:", 5)] {
        let line = LINE.replace("\\nIt:", &asked.replace('\n', "\\n"));
        let told = events(&place, &format!("{line} --tokens {most} --evaluations 20 --overwrite"))?;
        let ours = ["accuracy", "loss"].map(|figure| told[1]["sets"][0][figure].as_f64().unwrap_or(f64::NAN));
        let [accuracy, loss] = by_hand(&place.path().join("base.gguf"), &sentences(6), asked, most)?;
        assert!(ours[0] == accuracy && (ours[1] - loss).abs() < 1e-5, "{asked:?} {most}: {ours:?}, by hand {accuracy} {loss}");
    }
    Ok(())
}

#[test]
fn a_killed_run_of_a_file_goes_on_to_the_same_bytes() -> Tested {
    let place = prepared()?;
    for (optimizer, evaluations) in [("qzo", 300), (QES, 240)] {
        let line = format!("{LINE} --evaluations {evaluations} --every 20 --optimizer {optimizer}");
        let whole = last(events(&place, &format!("{line} --out whole --overwrite"))?);
        let _ = fs::remove_dir_all(place.path().join("parts"));
        let parts = killed_and_resumed(&place, &format!("{line} --out parts"))?;
        for field in ["loss_bits", "lowest_bits", "evaluations", "steps", "log_bytes"] {
            assert_eq!(whole[field], parts[field], "{optimizer}: {field}");
        }
        for file in ["tuned.gguf", "work.gguf", "work.gguf.log"] {
            let bytes = |run: &str| fs::read(place.path().join(run).join(file));
            assert!(bytes("whole")? == bytes("parts")?, "{optimizer}: {file}");
        }
    }
    let line = format!("{LINE} --out whole --evaluations 240 --every 20 --optimizer {QES}");
    assert!(refusal(&place, &line)?.contains("is of a run: go on with --resume"));
    for (flag, why) in [("--quantised scales", "--quantised = \"scales\""), ("--judge 3", "--judge = 3")] {
        let refused = refusal(&place, &format!("{line} --resume {flag}"))?;
        assert!(refused.contains(why), "{flag}: {refused}");
    }
    assert!(refusal(&place, &format!("{} --resume", line.replace("It:", "So:")))?.contains("--prompt = "));
    Ok(())
}

#[test]
fn what_is_wrong_with_a_file_is_said_in_a_line() -> Tested {
    let place = prepared()?;
    let at = |name: &str| place.path().join(name);
    let other = |name: &str, key: &'static str, value: Option<Value>| -> Tested {
        let mut metadata = metadata();
        metadata.remove(key);
        metadata.extend(value.map(|value| (key, value)));
        write(&at(name), &metadata)
    };
    let text = |text: &str| Some(Value::String(text.into()));
    other("qwen.gguf", "general.architecture", text("qwen2"))?;
    other("nameless.gguf", "general.architecture", None)?;
    other("pieces.gguf", "tokenizer.ggml.model", text("llama"))?;
    other("strange.gguf", "tokenizer.ggml.pre", text("tekken"))?;
    other("unmerged.gguf", "tokenizer.ggml.merges", None)?;
    other("headless.gguf", "llama.attention.head_count", Some(Value::U32(0)))?;
    other("odd.gguf", "llama.attention.head_count", Some(Value::U32(3)))?;
    other("deep.gguf", "llama.block_count", Some(Value::U32(7)))?;
    let whole = fs::read(at("base.gguf"))?;
    fs::write(at("short.gguf"), &whole[..whole.len() - 100])?;
    fs::write(at("shorter.gguf"), &whole[..300])?;
    fs::write(at("text.gguf"), "no model")?;
    fs::write(at("alike.tsv"), "so good\tgood\nso great\tgreat\n")?;
    let cases = [
        ("--base qwen.gguf --data data.tsv", "qwen.gguf: has general.architecture = \"qwen2\": \"llama\" is what is known here"),
        ("--base nameless.gguf --data data.tsv", "has no general.architecture"),
        ("--base pieces.gguf --data data.tsv", "has tokenizer.ggml.model = \"llama\": \"gpt2\""),
        ("--base strange.gguf --data data.tsv", "has tokenizer.ggml.pre = \"tekken\": "),
        ("--base unmerged.gguf --data data.tsv", "has a tokenizer that candle does not read"),
        ("--base headless.gguf --data data.tsv", "has llama.attention.head_count = U32(0)"),
        ("--base odd.gguf --data data.tsv", "has sizes that make no LLaMA"),
        ("--base deep.gguf --data data.tsv", "has no `blk.6.attn_q.weight`"),
        ("--base short.gguf --data data.tsv", "short.gguf: is cut short"),
        ("--base shorter.gguf --data data.tsv", "shorter.gguf: is no GGUF file that candle reads"),
        ("--base text.gguf --data data.tsv", "text.gguf: is no GGUF file that candle reads"),
        ("--base base.gguf --data alike.tsv", "label = great: a word that begins with another token than the label `good`"),
        ("--base base.gguf --data data.tsv --train blk.9", "unknown tensor of the file `blk.9`"),
        ("--base base.gguf --data data.tsv --train output_norm.weight", "has no quantised blocks"),
        ("--base base.gguf --data data.tsv --optimizer pso", "optimizer `pso` keeps a point of its own"),
        ("--base base.gguf --data data.tsv --prompt Sentiment:", "one {} in it"),
        ("--base base.gguf --data data.tsv --tokens 11", "--tokens = 11: at least 12"),
        ("--base base.gguf --data data.tsv --head drawn", "--head: a GGUF file"),
        ("--base base.gguf --data data.tsv --dtype f32", "--dtype: a GGUF file"),
        ("--base base.gguf --data data.tsv --quantised bits", "write scales or codes"),
        ("--base base.gguf --data data.tsv --resume", "a folder with a run in it"),
    ];
    for (line, why) in cases {
        let refused = refusal(&place, &format!("finetune {line} --evaluations 40 --out new"))?;
        assert!(refused.contains(why), "moths finetune {line}: {refused}");
        assert!(!at("new").exists(), "{line}");
    }
    Ok(())
}

/// A file in which the first number of a tensor is NaN, as f32 or as the scale of a block.
fn spoilt(base: &Path, tensor: &str, path: &Path) -> Tested {
    let content = Content::read(&mut File::open(base)?)?;
    let info = content.tensor_infos.get(tensor).ok_or("no such tensor")?;
    let (at, mut bytes) = ((content.tensor_data_offset + info.offset) as usize, fs::read(base)?);
    match info.ggml_dtype {
        GgmlDType::F32 => bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes()),
        _ => bytes[at..at + 2].copy_from_slice(&0x7e00u16.to_le_bytes()),
    }
    fs::write(path, bytes)?;
    Ok(())
}

/// candle would answer with finite numbers.
#[test]
fn numbers_that_are_none_are_found_in_the_file() -> Tested {
    let place = prepared()?;
    let at = |name: &str| place.path().join(name);
    for tensor in ["token_embd.weight", "blk.0.attn_v.weight", "blk.1.ffn_norm.weight", "output_norm.weight"] {
        spoilt(&at("base.gguf"), tensor, &at("nan.gguf"))?;
        let refused = refusal(&place, "finetune --base nan.gguf --data data.tsv --evaluations 40 --out new")?;
        assert!(refused.contains(&format!("weights: {tensor} = NaN or infinite")), "{tensor}: {refused}");
        assert!(!at("new").exists(), "{tensor}");
    }
    Ok(())
}

/// A working copy whose run was cut off before its first checkpoint is begun again.
#[test]
fn a_copy_without_a_checkpoint_begins_again() -> Tested {
    let place = prepared()?;
    let line = format!("{LINE} --out run --evaluations 60");
    let first: Json = last(events(&place, &line)?);
    fs::remove_file(place.path().join("run/run.ckpt"))?;
    let again = last(events(&place, &format!("{line} --resume"))?);
    assert_eq!((&first["loss_bits"], &first["log_bytes"]), (&again["loss_bits"], &again["log_bytes"]));
    Ok(())
}

#[test]
fn logs_of_other_files_are_refused() -> Tested {
    let place = prepared()?;
    let at = |name: &str| place.path().join(name);
    events(&place, &format!("{LINE} --out run --evaluations 40"))?;
    let log = fs::read(at("run/work.gguf.log"))?;
    let mut damaged = log.clone();
    damaged[log.len() / 2] ^= 1;
    fs::write(at("damaged"), damaged)?;
    fs::copy(at("run/tuned.gguf"), at("other.gguf"))?;
    let cases = [
        ("other.gguf run/work.gguf.log", "is of another base"),
        ("base.gguf damaged", "damaged: is damaged"),
        ("base.gguf data.tsv", "data.tsv: is no log of a GGUF model"),
        ("base.gguf base.gguf", "base.gguf: is no log of a GGUF model"),
        ("base.gguf nowhere", "nowhere: "),
    ];
    for (files, why) in cases {
        let refused = refusal(&place, &format!("apply {files} -o new"))?;
        assert!(refused.contains(why), "moths apply {files}: {refused}");
        assert!(!at("new").exists(), "{files}");
    }
    assert!(leftovers(place.path())?.is_empty());
    Ok(())
}
