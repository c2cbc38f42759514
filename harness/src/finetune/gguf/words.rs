//! Text as tokens, by what a GGUF file says of its tokenizer.
//!
//! Byte-level BPE alone: its vocabulary and merges stand in the file, and how text is split before is one of a few ways that have names.

use std::collections::HashMap;

use candle_core::quantized::{
    gguf_file::{Content, Value},
    tokenizer::TokenizerFromGguf,
};
use tokenizers::{
    Tokenizer,
    pre_tokenizers::{byte_level::ByteLevel, digits::Digits, sequence::Sequence},
};

use super::file::first_line;

/// What makes tokens of text.
pub(super) struct Words {
    tokenizer: Tokenizer,
    /// What every text begins with, where the model was trained so.
    begin: Option<u32>,
}

/// How text is split before pairs are merged.
#[derive(Clone, Copy, PartialEq)]
enum Split {
    /// As GPT-2 does.
    Gpt2,
    /// As GPT-2 does, with every digit alone.
    Digits,
    /// As LLaMA 3 does; whole words that the vocabulary has are not merged.
    Llama3,
}

impl Words {
    /// The tokenizer of a file.
    pub(super) fn of(content: &Content) -> std::result::Result<Self, String> {
        let text = |key: &str| content.metadata.get(key).and_then(|value| value.to_string().ok()).map(String::as_str);
        match text("tokenizer.ggml.model") {
            Some("gpt2") => {}
            other => {
                return Err(format!(
                    "has tokenizer.ggml.model = {}: \"gpt2\" (byte-level BPE) is what is known here",
                    said(other)
                ));
            }
        }
        let split = match text("tokenizer.ggml.pre") {
            Some("gpt-2") => Split::Gpt2,
            Some("smollm") => Split::Digits,
            Some("llama-bpe" | "llama3") => Split::Llama3,
            other => {
                let known = "\"gpt-2\", \"smollm\" and \"llama-bpe\" are what is known here";
                return Err(format!("has tokenizer.ggml.pre = {}: {known}", said(other)));
            }
        };
        let flag = |key: &str| content.metadata.get(key).and_then(|value| value.to_bool().ok());
        let begins = flag("tokenizer.ggml.add_bos_token").unwrap_or(split == Split::Llama3);
        let begin = content.metadata.get("tokenizer.ggml.bos_token_id").and_then(|value| value.to_u32().ok());
        if begins && begin.is_none() {
            return Err("begins texts with a token (tokenizer.ggml.add_bos_token), and has no tokenizer.ggml.bos_token_id".into());
        }
        let tokenizer =
            tokenizer(content, split).map_err(|e| format!("has a tokenizer that candle does not read: {}", first_line(&e)))?;
        Ok(Self { tokenizer, begin: begin.filter(|_| begins) })
    }

    /// The tokens of a text, that of the beginning among them.
    pub(super) fn prompt(&self, text: &str) -> tokenizers::Result<Vec<u32>> {
        Ok(self.begin.into_iter().chain(self.tokens(text)?).collect())
    }

    /// The tokens of a text.
    pub(super) fn tokens(&self, text: &str) -> tokenizers::Result<Vec<u32>> {
        Ok(self.tokenizer.encode_fast(text, false)?.get_ids().to_vec())
    }

    /// Where in a text each of its tokens ends, in bytes.
    pub(super) fn ends(&self, text: &str) -> tokenizers::Result<Vec<usize>> {
        Ok(self.tokenizer.encode(text, false)?.get_offsets().iter().map(|(_, end)| *end).collect())
    }
}

fn said(text: Option<&str>) -> String {
    text.map_or_else(|| "nothing".into(), |text| format!("{text:?}"))
}

/// That of candle, which does not know all names of splits.
fn tokenizer(content: &Content, split: Split) -> candle_core::Result<Tokenizer> {
    let of_tokens = |(name, _): &(&String, &Value)| name.starts_with("tokenizer.ggml.");
    let mut metadata: HashMap<String, Value> =
        content.metadata.iter().filter(of_tokens).map(|(name, value)| (name.clone(), value.clone())).collect();
    if split == Split::Llama3 {
        metadata.insert("tokenizer.ggml.pre".into(), Value::String("llama3".into()));
        metadata.insert("tokenizer.ggml.ignore_merges".into(), Value::Bool(true));
    }
    let alone = Content { magic: content.magic, metadata, tensor_infos: HashMap::new(), tensor_data_offset: 0 };
    let mut tokenizer = Tokenizer::from_gguf(&alone)?;
    let bytes = ByteLevel::new(false, true, true);
    match split {
        Split::Gpt2 => drop(tokenizer.with_pre_tokenizer(Some(bytes))),
        Split::Digits => drop(tokenizer.with_pre_tokenizer(Some(Sequence::new(vec![Digits::new(true).into(), bytes.into()])))),
        Split::Llama3 => {}
    }
    Ok(tokenizer)
}
