//! What goes to standard output, for people or for scripts, and to standard error.

use std::{
    borrow::Cow,
    fmt::Display,
    io::{self, IsTerminal, Write},
};

use serde_json::Value;

use crate::{Error, Result};

/// Characters that turn the direction of what follows, so that text reads as what it is not.
const TURNS: [char; 11] = [
    '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}', '\u{2066}', '\u{2067}', '\u{2068}',
    '\u{2069}',
];

/// Standard output: text for people, or with `--json` one JSON object a line and nothing else.
///
/// A reader that goes away (`moths list | head -1`) is no error, and does not end a run either.
#[derive(Clone, Copy, Debug)]
pub struct Console {
    json: bool,
}

impl Console {
    /// Text, or JSON.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Is it JSON?
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Does a person look on, so that a line may be drawn again?
    pub fn is_terminal(&self) -> bool {
        !self.json && io::stdout().is_terminal() && io::stderr().is_terminal()
    }

    /// A line of text, unless the output is JSON.
    ///
    /// # Errors
    /// [`Error::Io`] when standard output cannot be written, a full disk for instance.
    pub fn line(&self, text: impl Display) -> Result<()> {
        if self.json { Ok(()) } else { write(&harmless(&text.to_string(), true)) }
    }

    /// A JSON object, if the output is JSON.
    ///
    /// # Errors
    /// As [`Console::line`].
    pub fn object(&self, object: &Value) -> Result<()> {
        if self.json { write(&harmless(&object.to_string(), false)) } else { Ok(()) }
    }
}

fn write(line: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(Error::Io { path: "standard output".into(), source: e }),
        _ => Ok(()),
    }
}

/// Says that something is wrong: one line on standard error. Nobody is left to tell when that fails, and nothing ends by it.
pub fn warn(what: impl Display) {
    let line = format!("moths: {}\n", harmless(&what.to_string(), false));
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

/// Text without what a terminal would obey: control characters become `\u001b`, as in JSON. Names and paths come from files, and
/// files from anywhere.
pub fn harmless(text: &str, lines: bool) -> Cow<'_, str> {
    let obeyed = |c: char| (c.is_control() && !(lines && c == '\n')) || TURNS.contains(&c);
    if !text.contains(obeyed) {
        return text.into();
    }
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if obeyed(c) { plain.push_str(&format!("\\u{:04x}", u32::from(c))) } else { plain.push(c) }
    }
    plain.into()
}

/// A number as people read it: six digits, with an exponent where it is very large or small.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return "-".into();
    }
    if value == 0.0 || (1e-3..1e6).contains(&size) {
        let digits = 5 - size.max(1e-3).log10().floor() as i32;
        return format!("{value:.*}", digits.clamp(0, 8) as usize);
    }
    format!("{value:.4e}")
}

/// A whole number in groups of three digits.
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let read = |v: f64| number(v);
        assert_eq!([read(0.0), read(0.123456789), read(12.5)], ["0.00000000", "0.123457", "12.5000"]);
        assert_eq!([read(1234567.0), read(-1e-9), read(f64::INFINITY)], ["1.2346e6", "-1.0000e-9", "-"]);
        assert_eq!([grouped(7), grouped(999), grouped(50_000), grouped(1_234_567)], ["7", "999", "50,000", "1,234,567"]);
    }

    #[test]
    fn terminals_are_told_nothing_by_names() {
        assert_eq!(harmless("pso\n\u{1b}[2J\u{9b}1m\u{202e}ü", false), "pso\\u000a\\u001b[2J\\u009b1m\\u202eü");
        assert_eq!(harmless("a\nb\rc", true), "a\nb\\u000dc");
        let json = harmless(&serde_json::json!({ "name": "\u{1b}\u{9b}\u{7f}" }).to_string(), false).into_owned();
        assert_eq!(serde_json::from_str::<Value>(&json).expect("JSON")["name"], "\u{1b}\u{9b}\u{7f}");
    }
}
