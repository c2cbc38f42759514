//! What values a setting may take, and how the search sees them.

use std::str::FromStr;

use candle_core::DType;
use moths::Leaf;
use serde_json::{Value, json};

/// What values a setting may take.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// `1e-3..1`, and `log:1e-5..1`, of which the logarithm is searched.
    Real {
        /// The least value.
        lo: f64,
        /// The most value.
        hi: f64,
        /// On a logarithmic scale?
        log: bool,
    },
    /// `1..8`, and `log:1..1024`, of which the logarithm is searched and the value rounded.
    Integer {
        /// The least value.
        lo: i64,
        /// The most value.
        hi: i64,
        /// On a logarithmic scale?
        log: bool,
    },
    /// `adam|sgd|lion`: one of these words, of which none is between two others.
    Choice(Vec<String>),
    /// `bool`: `true` or `false`.
    Bool,
}

/// Integers are searched exactly up to here.
const MOST: u64 = 1 << 52;

impl FromStr for Kind {
    type Err = String;

    /// Says what is wrong where a text is no kind.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "bool" {
            return Ok(Self::Bool);
        }
        if text.contains('|') {
            return choice(text);
        }
        let (log, range) = text.strip_prefix("log:").map_or((false, text), |range| (true, range));
        let (lo, hi) = range.split_once("..").ok_or_else(|| format!("`{text}` is no kind of setting"))?;
        match (lo.parse(), hi.parse()) {
            (Ok(lo), Ok(hi)) => integer(lo, hi, log),
            _ => real(number(lo)?, number(hi)?, log),
        }
    }
}

fn number(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|x: &f64| x.is_finite()).ok_or_else(|| format!("`{text}` is no finite number"))
}

fn choice(text: &str) -> Result<Kind, String> {
    let words: Vec<String> = text.split('|').map(str::to_owned).collect();
    let again = words.iter().enumerate().find(|(i, word)| words[..*i].contains(word));
    match again {
        Some((_, word)) => Err(format!("`{word}` is a choice twice")),
        None if words.iter().any(String::is_empty) => Err("a choice is empty".into()),
        None => Ok(Kind::Choice(words)),
    }
}

fn integer(lo: i64, hi: i64, log: bool) -> Result<Kind, String> {
    ordered(lo as f64, hi as f64, log)?;
    if lo.unsigned_abs().max(hi.unsigned_abs()) > MOST {
        return Err("integers are within 2^52 of zero".into());
    }
    Ok(Kind::Integer { lo, hi, log })
}

fn real(lo: f64, hi: f64, log: bool) -> Result<Kind, String> {
    ordered(lo, hi, log)?;
    if hi - lo > 1e30 {
        return Err("the ends are at most 1e30 apart".into());
    }
    Ok(Kind::Real { lo, hi, log })
}

fn ordered(lo: f64, hi: f64, log: bool) -> Result<(), String> {
    if lo >= hi {
        return Err(format!("the lower end, {lo}, is to be below the upper one, {hi}"));
    }
    if log && lo <= 0.0 {
        return Err(format!("a logarithmic scale has no {lo}"));
    }
    Ok(())
}

impl Kind {
    /// The leaf that is searched.
    pub(super) fn leaf(&self, name: &str) -> Leaf {
        let leaf = match self {
            Self::Real { lo, hi, .. } => Leaf::real(name, [1]).dtype(DType::F64).bounds(*lo, *hi),
            Self::Integer { lo, hi, .. } => Leaf::integer(name, [1], *lo, *hi),
            Self::Choice(words) => Leaf::category(name, [1], u32::try_from(words.len()).unwrap_or(u32::MAX)),
            Self::Bool => Leaf::bool(name, [1]),
        };
        match self {
            Self::Real { log: true, .. } | Self::Integer { log: true, .. } => leaf.logarithmic(),
            _ => leaf,
        }
    }

    /// What the command is given where the leaf has this value.
    pub(super) fn value(&self, x: f64) -> Value {
        match *self {
            Self::Real { lo, hi, .. } => json!(rounded(x).clamp(lo, hi)),
            Self::Integer { lo, hi, .. } => json!((x.round() as i64).clamp(lo, hi)),
            Self::Choice(ref words) => json!(words[(x.max(0.0) as usize).min(words.len() - 1)]),
            Self::Bool => json!(x > 0.5),
        }
    }

    /// The value of the leaf that a person means by a text.
    ///
    /// # Errors
    /// What is valid, in words.
    pub(super) fn parse(&self, text: &str) -> Result<f64, String> {
        let found = match self {
            Self::Real { lo, hi, .. } => text.parse().ok().filter(|x| lo <= x && x <= hi),
            Self::Integer { lo, hi, .. } => text.parse().ok().filter(|n| lo <= n && n <= hi).map(|n: i64| n as f64),
            Self::Choice(words) => words.iter().position(|word| word == text).map(|i| i as f64),
            Self::Bool => text.parse().ok().map(|flag: bool| f64::from(u8::from(flag))),
        };
        found.ok_or_else(|| self.valid())
    }

    fn valid(&self) -> String {
        match self {
            Self::Real { lo, hi, .. } => format!("a number from {lo} to {hi}"),
            Self::Integer { lo, hi, .. } => format!("an integer from {lo} to {hi}"),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
            Self::Bool => "true or false".into(),
        }
    }
}

/// To twelve digits, which is what is left when a logarithm is taken and taken back: 0.001 is not 0.0009999999999999998.
fn rounded(x: f64) -> f64 {
    format!("{x:.11e}").parse().unwrap_or(x)
}

/// A value as the command sees it. A real number always has a point, so that no reader takes it for an integer, or for a word.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(word) => word.clone(),
        Value::Number(number) if number.is_f64() => number.as_f64().map_or_else(String::new, real_text),
        other => other.to_string(),
    }
}

fn real_text(x: f64) -> String {
    let size = x.abs();
    if x == 0.0 || (1e-4..1e15).contains(&size) {
        return format!("{x:?}");
    }
    let text = format!("{x:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0e{exponent}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> Kind {
        text.parse().expect("a kind")
    }

    #[test]
    fn kinds_are_read() {
        assert_eq!(kind("1e-3..1"), Kind::Real { lo: 1e-3, hi: 1.0, log: false });
        assert_eq!(kind("log:1e-5..1e-1"), Kind::Real { lo: 1e-5, hi: 0.1, log: true });
        assert_eq!(kind("-1..8"), Kind::Integer { lo: -1, hi: 8, log: false });
        assert_eq!(kind("1..8.0"), Kind::Real { lo: 1.0, hi: 8.0, log: false });
        assert_eq!(kind("log:1..1024"), Kind::Integer { lo: 1, hi: 1024, log: true });
        assert_eq!(kind("a..b|log:1"), Kind::Choice(vec!["a..b".into(), "log:1".into()]));
        assert_eq!(kind("bool"), Kind::Bool);
        let wrong = ["", "adam", "1..", "..1", "1-2", "2..1", "1..1", "log:0..1", "log:-1..1.0", "a|a", "a|", "NaN..1", "1..inf"];
        for text in wrong.into_iter().chain(["int:1..2", "0..9000000000000000", "-1e30..1e30", "Bool"]) {
            assert!(text.parse::<Kind>().is_err(), "{text}");
        }
    }

    #[test]
    fn values_come_back_from_the_search_as_they_were_written() {
        let cases = [("1e-3..1", "0.3"), ("log:1e-5..1e-1", "0.001"), ("log:1e-9..1", "1.0e-5"), ("log:1..1024", "77")];
        for (of, value) in cases.into_iter().chain([("1..8", "4"), ("a|b|c", "c"), ("bool", "true"), ("-4.0..4", "-0.5")]) {
            let kind = kind(of);
            assert_eq!(text(&kind.value(kind.parse(value).expect("valid"))), value, "{of}");
            assert!(kind.parse("2e9").is_err() && kind.parse("").is_err(), "{of}");
        }
    }

    #[test]
    fn both_ends_are_reached_and_none_is_passed() {
        for (of, lo, hi) in [("log:1..3", "1", "3"), ("log:0.1..0.3", "0.1", "0.3"), ("1e-7..1e20", "1.0e-7", "1.0e20")] {
            let kind = kind(of);
            let (least, most) = kind.leaf("x").interval(0);
            assert_eq!([text(&kind.value(least)), text(&kind.value(most))], [lo, hi], "{of}");
        }
        assert_eq!((kind("log:1..3").value(0.6), kind("log:1..3").value(9.0)), (json!(1), json!(3)));
    }
}
