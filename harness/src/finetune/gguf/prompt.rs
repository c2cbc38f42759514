//! What a language model is asked, and which tokens are its answers.
//!
//! ```text
//! prompt = template with the sentence in the place of {}          p(c) = softmax over the classes of logits(prompt)[first token of " c"]
//! ```
//!
//! The word of a class follows the prompt with a space, unless the prompt ends in white space.

use super::{super::examples::Examples, super::text::Text, file::Gguf};
use crate::{Error, Result};

/// Where the sentence stands.
const SENTENCE: &str = "{}";

/// A prompt for every sentence.
pub(in super::super) struct Prompts<'a> {
    gguf: &'a Gguf,
    template: &'a str,
    /// The most tokens of a prompt.
    most: usize,
}

impl<'a> Prompts<'a> {
    /// Prompts of at most so many tokens.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a template without a place for the sentence, or with several, and for too few tokens.
    pub(in super::super) fn new(gguf: &'a Gguf, template: &'a str, most: usize) -> Result<Self> {
        if template.matches(SENTENCE).count() != 1 {
            return Err(Error::invalid("--prompt", format!("{template:?}"), "one {} in it, where the sentence stands"));
        }
        let this = Self { gguf, template, most: most.min(gguf.context) };
        let alone = this.filled("")?.len();
        if alone >= this.most {
            let valid = format!("at least {}: the prompt alone has {alone}, and the model takes {}", alone + 1, gguf.context);
            return Err(Error::invalid("--tokens", this.most, valid));
        }
        Ok(this)
    }

    /// The prompts of some sentences.
    ///
    /// # Errors
    /// [`Error::File`] for labels that are not among the classes, and for tokens that the model does not have.
    pub(in super::super) fn examples(&self, text: &Text, classes: &[String]) -> Result<Examples> {
        let refuse = |why: String| Error::File { path: text.path().into(), why };
        let prompt = |sentence: &str| {
            let tokens = self.prompt(sentence)?;
            match tokens.iter().find(|token| **token as usize >= self.gguf.vocabulary) {
                Some(token) => Err(refuse(format!("has the token {token}, and the model knows {}", self.gguf.vocabulary))),
                None => Ok(tokens),
            }
        };
        Ok(Examples::of(text.texts().map(prompt).collect::<Result<_>>()?, text.labels(classes)?))
    }

    /// The token by which each class is answered.
    ///
    /// # Errors
    /// [`Error::Invalid`] for two classes with one token.
    pub(in super::super) fn answers(&self, classes: &[String]) -> Result<Vec<u32>> {
        let space = if self.template.ends_with(char::is_whitespace) { "" } else { " " };
        let mut answers: Vec<u32> = vec![];
        for class in classes {
            let word = format!("{space}{class}");
            let tokens = self.gguf.words.tokens(&word).map_err(|e| self.refused(&e))?;
            let first = tokens.first().filter(|token| (**token as usize) < self.gguf.vocabulary);
            let first = *first.ok_or_else(|| Error::invalid("label", class, "a word that begins with a token of the model"))?;
            if let Some(other) = answers.iter().position(|token| *token == first) {
                let valid =
                    format!("a word that begins with another token than the label `{}`: both begin with {first}", classes[other]);
                return Err(Error::invalid("label", class, valid));
            }
            answers.push(first);
        }
        Ok(answers)
    }

    /// The tokens of a sentence's prompt. A sentence that is too long gives way from its end, and not what is asked of it.
    fn prompt(&self, sentence: &str) -> Result<Vec<u32>> {
        let whole = self.filled(sentence)?;
        if whole.len() <= self.most {
            return Ok(whole);
        }
        let ends = self.gguf.words.ends(sentence).map_err(|e| self.refused(&e))?;
        for end in ends.into_iter().take(self.most).rev().filter(|end| sentence.is_char_boundary(*end)) {
            let cut = self.filled(&sentence[..end])?;
            if cut.len() <= self.most {
                return Ok(cut);
            }
        }
        let bare = self.filled("")?;
        match bare.is_empty() {
            false => Ok(bare),
            true => Err(Error::invalid(
                "--tokens",
                self.most,
                format!("room for the beginning of each sentence: {sentence:?} has none"),
            )),
        }
    }

    fn filled(&self, sentence: &str) -> Result<Vec<u32>> {
        self.gguf.words.prompt(&self.template.replace(SENTENCE, sentence)).map_err(|e| self.refused(&e))
    }

    fn refused(&self, why: &tokenizers::Error) -> Error {
        Error::File { path: self.gguf.path().into(), why: format!("has a tokenizer that fails ({why})") }
    }
}
