//! Which of the numbers that a program prints is its loss.

use std::{borrow::Cow, str::FromStr, sync::LazyLock};

use regex::Regex;
use serde_json::Value;

/// What stands before the path of a field.
const JSON: &str = "json:";

/// Where the loss stands in what a program prints on its standard output.
#[derive(Clone, Debug)]
pub enum LossFrom {
    /// The last number.
    Last,
    /// The first group of the last match.
    Pattern(Regex),
    /// This field of the last line that begins with a brace, a JSON object: names, or places in lists from 0.
    Field(Vec<String>),
}

/// Sequences that colour a terminal: the numbers in them are none.
static COLOURS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\x1b\[[0-9;?]*[A-Za-z]").ok());
static NUMBERS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"[-+]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|(?i:nan|inf(?:inity)?)\b)").ok());

impl FromStr for LossFrom {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix(JSON) {
            let names: Vec<String> = path.split('.').map(str::to_owned).collect();
            let whole = names.iter().all(|name| !name.is_empty());
            return if whole { Ok(Self::Field(names)) } else { Err("write json:FIELD, or json:FIELD.FIELD".into()) };
        }
        let pattern = Regex::new(text).map_err(|e| e.to_string())?;
        match pattern.captures_len() {
            1 => Err("a pattern has a group around the number: 'loss ([0-9.]+)'".into()),
            _ => Ok(Self::Pattern(pattern)),
        }
    }
}

impl LossFrom {
    /// The number in these bytes.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub fn read(&self, printed: &[u8]) -> Result<f64, String> {
        let text = String::from_utf8_lossy(printed);
        let text = COLOURS.as_ref().map_or(text.clone(), |colours| Cow::Owned(colours.replace_all(&text, "").into_owned()));
        let number = match self {
            Self::Last => last_number(&text).ok_or("it printed no number"),
            Self::Pattern(pattern) => matched(pattern, &text),
            Self::Field(names) => field(names, &text),
        }?;
        if number.is_finite() { Ok(number) } else { Err(format!("its loss is {number}")) }
    }
}

impl LossFrom {
    /// The losses on a line that a program prints while it runs: the last number, or the first groups of all matches, or the field; of what is no
    /// finite number NaN.
    pub(super) fn on_line(&self, line: &str) -> Vec<f64> {
        let line = COLOURS.as_ref().map_or(line.into(), |colours| colours.replace_all(line, ""));
        match self {
            Self::Last => last_number(&line).into_iter().collect(),
            Self::Pattern(pattern) => {
                let groups = pattern.captures_iter(&line).filter_map(|found| found.get(1));
                groups.filter_map(|group| group.as_str().trim().parse().ok()).collect()
            }
            Self::Field(names) => field(names, &line).into_iter().collect(),
        }
    }
}

fn last_number(text: &str) -> Option<f64> {
    let part_of_a_word = |c: char| c.is_alphanumeric() || c == '_';
    let glued = |c: char| part_of_a_word(c) || c == '.';
    let alone =
        |found: &regex::Match<'_>| !text[..found.start()].ends_with(glued) && !text[found.end()..].starts_with(part_of_a_word);
    let numbers = NUMBERS.as_ref()?.find_iter(text).filter(alone);
    numbers.last().and_then(|found| found.as_str().parse().ok())
}

fn matched(pattern: &Regex, text: &str) -> Result<f64, &'static str> {
    let last = pattern.captures_iter(text).last().ok_or("the pattern of --loss-from matches nothing that it printed")?;
    let number = last.get(1).and_then(|group| group.as_str().trim().parse().ok());
    number.ok_or("what the group of --loss-from matches is no number")
}

fn field(names: &[String], text: &str) -> Result<f64, &'static str> {
    let line = text.lines().rev().map(str::trim).find(|line| line.starts_with('{')).ok_or("it printed no line of JSON")?;
    let line: Value = serde_json::from_str(line).map_err(|_| "its last line of JSON is none")?;
    let inside = names.iter().try_fold(&line, |value, name| match value {
        Value::Array(items) => name.parse().ok().and_then(|i: usize| items.get(i)),
        value => value.get(name),
    });
    inside.and_then(Value::as_f64).ok_or("its last line of JSON has no number there")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(from: &str, printed: &str) -> Result<f64, String> {
        let from = if from.is_empty() { LossFrom::Last } else { from.parse()? };
        from.read(printed.as_bytes())
    }

    #[test]
    fn the_last_number_is_found_as_programs_print_it() {
        let cases = [
            ("epoch 1\nloss: 0.25\n", 0.25),
            ("loss=-1.5e-3,", -1.5e-3),
            ("[.5]", 0.5),
            ("97.2%\ndone", 97.2),
            ("loss 3\nsaved to layer2_v1\n", 3.0),
            ("\u{1b}[32mloss 4\u{1b}[0m\n", 4.0),
            ("5.", 5.0),
            ("loss 0.5\nsaved to 3f2a91.ckpt\n", 0.5),
            ("loss 0.5\n<Model at 0x7f3a>\n", 0.5),
            ("loss 0.5\ncommit 7e12ab\n", 0.5),
            ("loss 2 after 3s, 1_000 steps\n", 2.0),
        ];
        for (printed, loss) in cases {
            assert_eq!(read("", printed), Ok(loss), "{printed}");
        }
        for printed in ["", "none\n", "loss nan", "loss -inf", "1\nNaN\n"] {
            assert!(read("", printed).is_err(), "{printed}");
        }
        assert!(read("", "a nano inform 7").is_ok_and(|loss| loss == 7.0));
    }

    #[test]
    fn patterns_and_fields_are_looked_for() {
        let printed = "val 0.5\nval 0.25\ntime 12\n";
        assert_eq!(read(r"val ([0-9.]+)", printed), Ok(0.25));
        assert!(read(r"loss (\d+)", printed).is_err() && read(r"(time) ", printed).is_err());
        assert!("val [0-9]+".parse::<LossFrom>().is_err() && "val (".parse::<LossFrom>().is_err());
        let printed = "{\"v\":{\"loss\":1}}\nnoise 3\n{\"v\":{\"loss\":[2.5,7]}}\nbye\n";
        assert_eq!(read("json:v.loss.0", printed), Ok(2.5));
        assert!(read("json:v", printed).is_err() && read("json:w", printed).is_err() && read("json:v", "").is_err());
        assert!(read("json:loss", "{\"loss\":1}\n{\"loss\":NaN}\n").is_err(), "an older loss is not taken for the last");
        assert!("json:".parse::<LossFrom>().is_err() && "json:a..b".parse::<LossFrom>().is_err());
    }
}
