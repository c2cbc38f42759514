//! Labelled text: a line is `TEXT<TAB>LABEL`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use moths::durable::checksum;

use crate::{Error, Result};

/// The lines of a file.
#[derive(Clone, Debug)]
pub struct Text {
    path: PathBuf,
    digest: u64,
    lines: Vec<Line>,
}

#[derive(Clone, Debug)]
struct Line {
    /// From 1, as editors count.
    number: usize,
    text: String,
    label: String,
}

impl Text {
    /// Reads a file. Empty lines say nothing.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::File`] with the number of a line that has no label or no text, or is not UTF-8, and for a file without lines.
    pub fn open(path: &Path) -> Result<Self> {
        let io = |source| Error::Io { path: path.into(), source };
        if !fs::metadata(path).map_err(io)?.is_file() {
            return Err(Error::File { path: path.into(), why: "is no file of labelled text".into() });
        }
        let bytes = fs::read(path).map_err(io)?;
        let (numbered, digest) = (bytes.split(|byte| *byte == b'\n').enumerate(), checksum(&bytes));
        let lines = numbered.filter_map(|(i, line)| read(line).map(|read| (i + 1, read)));
        let line = |(number, read): (usize, std::result::Result<(String, String), &str>)| match read {
            Ok((text, label)) => Ok(Line { number, text, label }),
            Err(why) => Err(Error::File { path: path.into(), why: format!("line {number} {why}") }),
        };
        let lines = lines.map(line).collect::<Result<Vec<_>>>()?;
        if lines.is_empty() {
            return Err(Error::File { path: path.into(), why: "holds no line; write TEXT, a tab and LABEL on each".into() });
        }
        Ok(Self { path: path.into(), digest, lines })
    }

    /// Where it is from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A digest of the file.
    pub fn digest(&self) -> String {
        format!("{:016x}", self.digest)
    }

    /// The texts, in order.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(|line| line.text.as_str())
    }

    /// All labels, each once, in the order of the alphabet.
    ///
    /// # Errors
    /// [`Error::File`] for fewer than two.
    pub fn classes(&self) -> Result<Vec<String>> {
        let classes: BTreeSet<&String> = self.lines.iter().map(|line| &line.label).collect();
        if let (Some(only), 1) = (classes.first(), classes.len()) {
            return Err(Error::File { path: self.path.clone(), why: format!("has the label `{only}` alone: two at least") });
        }
        Ok(classes.into_iter().cloned().collect())
    }

    /// The number of every label among these.
    ///
    /// # Errors
    /// [`Error::File`] with the line of a label that is not among them.
    pub fn labels(&self, classes: &[String]) -> Result<Vec<u32>> {
        let number = |line: &Line| {
            let found = classes.iter().position(|class| *class == line.label);
            found.map(|class| class as u32).ok_or_else(|| {
                let known = classes.iter().map(|class| format!("`{class}`")).collect::<Vec<_>>().join(", ");
                let why = format!("line {} has the label `{}`; the training data have {known}", line.number, line.label);
                Error::File { path: self.path.clone(), why }
            })
        };
        self.lines.iter().map(number).collect()
    }
}

/// Text and label of a line; `None` of an empty one.
fn read(line: &[u8]) -> Option<std::result::Result<(String, String), &'static str>> {
    let Ok(line) = std::str::from_utf8(line) else { return Some(Err("is not UTF-8")) };
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.trim().is_empty() {
        return None;
    }
    Some(match line.rsplit_once('\t') {
        None => Err("has no label: write TEXT, a tab and LABEL"),
        Some((_, label)) if label.trim().is_empty() => Err("has an empty label"),
        Some((text, _)) if text.trim().is_empty() => Err("has no text before its label"),
        Some((text, label)) => Ok((text.trim().to_owned(), label.trim().to_owned())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_text_and_a_label() {
        let read = |line: &str| read(line.as_bytes());
        assert_eq!(read("so good\tpositive\r"), Some(Ok(("so good".into(), "positive".into()))));
        assert_eq!(read("a\ttab within\tno"), Some(Ok(("a\ttab within".into(), "no".into()))));
        assert!(read("").is_none() && read(" \r").is_none());
        for wrong in ["no label", "empty label\t", "\tno text", "\t"] {
            assert!(matches!(read(wrong), None | Some(Err(_))), "{wrong}");
        }
        assert_eq!(super::read(b"\xff\tx"), Some(Err("is not UTF-8")));
    }
}
