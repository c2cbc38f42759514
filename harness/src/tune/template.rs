//! Where settings stand in a command: `{lr:log:1e-5..1}`, and `{lr}` where it stands again.

use std::collections::BTreeMap;

use moths::Space;
use serde_json::{Map, Value};

use super::kind::{Kind, text};
use crate::{Error, Result};

/// What a placeholder can be.
const VALID: &str = "write {x:1e-3..1}, {x:log:1e-5..1}, {n:1..8}, {n:log:1..1024}, {c:this|that} or {b:bool}, {m:0..1?c=that} where that matters with a choice alone, {x} where it stands again, and {{ }} for braces";
/// The beginning of the name of every variable that the command is given.
const PREFIX: &str = "MOTHS_";
/// Names of other variables that it is given.
const TAKEN: [&str; 2] = ["SEED", "TRIAL"];

/// Something that is tuned.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// What it is called.
    pub name: String,
    /// What values it may take.
    pub kind: Kind,
    /// With which values of which other setting it matters; `None`: with any. Elsewhere it keeps one value.
    pub(super) when: Option<(String, Vec<f64>)>,
}

/// A command with places for settings.
#[derive(Clone, Debug)]
pub struct Template {
    words: Vec<Vec<Piece>>,
    settings: Vec<Setting>,
}

/// A part of a word.
#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    /// The value of the setting of this name.
    Place(String),
}

impl Template {
    /// Of the words of a command.
    ///
    /// # Errors
    /// [`Error::Invalid`], naming the placeholder that is none, and for a command without any; [`Error::Unknown`] for a name that has no kind.
    pub fn new(command: &[String]) -> Result<Self> {
        let mut settings = vec![];
        let words: Vec<Vec<Piece>> = command.iter().map(|word| pieces(word, &mut settings)).collect::<Result<_>>()?;
        if settings.is_empty() {
            return Err(Error::invalid("COMMAND", command.join(" "), format!("has nothing to tune: {VALID}")));
        }
        for piece in words.iter().flatten() {
            if let Piece::Place(name) = piece
                && !settings.iter().any(|setting| setting.name == *name)
            {
                let known: Vec<&str> = settings.iter().map(|setting| setting.name.as_str()).collect();
                return Err(Error::unknown_of_few("placeholder", name, known));
            }
        }
        Ok(Self { words, settings })
    }

    /// What is tuned, in the order in which it is written.
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// The space of the settings.
    ///
    /// # Errors
    /// As [`Space::with_dtype`].
    pub(super) fn space(&self) -> Result<Space> {
        let leaf = |setting: &Setting| {
            let leaf = setting.kind.leaf(&setting.name);
            setting.when.iter().fold(leaf, |leaf, (other, values)| leaf.when(other, values.clone()))
        };
        let leaves = self.settings.iter().map(leaf).collect();
        Space::with_dtype(leaves, candle_core::DType::F64)
    }

    /// The settings that values of the leaves mean.
    pub(super) fn named(&self, values: &[f64]) -> Map<String, Value> {
        self.settings.iter().zip(values).map(|(setting, x)| (setting.name.clone(), setting.kind.value(*x))).collect()
    }

    /// The command with these settings.
    pub fn words(&self, settings: &Map<String, Value>) -> Vec<String> {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Place(name) => settings.get(name).map_or_else(String::new, text),
        };
        self.words.iter().map(|pieces| pieces.iter().map(piece).collect()).collect()
    }

    /// The variables that the command is given.
    pub(super) fn variables(&self, settings: &Map<String, Value>, seed: u64, trial: u64) -> BTreeMap<String, String> {
        let own = settings.iter().map(|(name, value)| (name.clone(), text(value)));
        let others = TAKEN.map(str::to_owned).into_iter().zip([seed, trial].map(|number| number.to_string()));
        own.chain(others).map(|(name, value)| (format!("{PREFIX}{name}"), value)).collect()
    }

    /// Settings on one line, for people: `lr=0.001 layers=4`.
    pub fn in_words(&self, settings: &Map<String, Value>) -> String {
        let one = |setting: &Setting| settings.get(&setting.name).map(|value| format!("{}={}", setting.name, text(value)));
        self.settings.iter().filter_map(one).collect::<Vec<_>>().join(" ")
    }
}

/// The parts of a word; settings that have their kind in it are added.
fn pieces(word: &str, settings: &mut Vec<Setting>) -> Result<Vec<Piece>> {
    let (mut pieces, mut text, mut rest) = (vec![], String::new(), word);
    while let Some(at) = rest.find(['{', '}']) {
        text.push_str(&rest[..at]);
        let (brace, after) = rest[at..].split_at(1);
        if let Some(after) = after.strip_prefix(brace) {
            text.push_str(brace);
            rest = after;
            continue;
        }
        let Some((inside, after)) = after.split_once('}').filter(|_| brace == "{") else {
            return Err(refused(&rest[at..], "a brace stands alone"));
        };
        pieces.push(Piece::Text(std::mem::take(&mut text)));
        pieces.push(Piece::Place(place(inside, settings)?));
        rest = after;
    }
    pieces.push(Piece::Text(text + rest));
    Ok(pieces)
}

/// The name of a placeholder.
fn place(inside: &str, settings: &mut Vec<Setting>) -> Result<String> {
    let wrong = |why: &str| refused(&format!("{{{inside}}}"), why);
    let (name, kind) = inside.split_once(':').map_or((inside, None), |(name, kind)| (name, Some(kind)));
    if !is_name(name) {
        return Err(wrong("a name is letters, digits and `_`, and begins with no digit"));
    }
    if TAKEN.contains(&name) {
        return Err(wrong(&format!("{PREFIX}{name} says something else: take another name")));
    }
    let Some(kind) = kind else { return Ok(name.into()) };
    // A choice may have a question mark in it; a condition is the name of a setting, and a value.
    let mut marks = kind.rmatch_indices('?').map(|(at, _)| (&kind[..at], &kind[at + 1..]));
    let condition = marks.find(|(_, after)| after.split_once('=').is_some_and(|(name, _)| is_name(name)));
    let (kind, when) = match condition {
        Some((kind, condition)) => (kind, Some(when(condition, settings).map_err(|why| wrong(&why))?)),
        None => (kind, None),
    };
    let kind = kind.parse().map_err(|why: String| wrong(&why))?;
    if settings.iter().any(|setting| setting.name == name) {
        return Err(wrong(&format!("what `{name}` is has been said before")));
    }
    settings.push(Setting { name: name.into(), kind, when });
    Ok(name.into())
}

/// `opt=sgd`, or `opt=sgd|adam`: with which values of a setting before another one matters.
fn when(condition: &str, settings: &[Setting]) -> std::result::Result<(String, Vec<f64>), String> {
    let (name, values) = condition.split_once('=').unwrap_or((condition, ""));
    let Some(other) = settings.iter().find(|setting| setting.name == name) else {
        return Err(format!("say what `{name}` is before what depends on it"));
    };
    if matches!(other.kind, Kind::Real { .. }) {
        return Err(format!("nothing can depend on `{name}`, which is a real number"));
    }
    let values = values.split('|').map(|value| other.kind.parse(value)).collect::<std::result::Result<_, _>>();
    Ok((name.into(), values.map_err(|valid| format!("`{name}` is {valid}"))?))
}

fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.chars().all(plain) && text.chars().next().is_some_and(|first| !first.is_ascii_digit())
}

fn refused(what: &str, why: &str) -> Error {
    Error::invalid("placeholder", what, format!("{why}; {VALID}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(words: &[&str]) -> Result<Template> {
        Template::new(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn settings_stand_where_they_are_wanted() -> Result<()> {
        let template = template(&["./train", "--lr={lr}", "{{{lr:log:1e-5..1}}}", "{n:1..8}x{c:a b|c}", "é"])?;
        let names: Vec<&str> = template.settings().iter().map(|setting| setting.name.as_str()).collect();
        assert_eq!(names, ["lr", "n", "c"]);
        let settings = template.named(&[0.01, 3.0, 0.0]);
        assert_eq!(template.words(&settings), ["./train", "--lr=0.01", "{0.01}", "3xa b", "é"]);
        assert_eq!(template.in_words(&settings), "lr=0.01 n=3 c=a b");
        let variables = template.variables(&settings, 7, 12);
        let expected = [("MOTHS_SEED", "7"), ("MOTHS_TRIAL", "12"), ("MOTHS_c", "a b"), ("MOTHS_lr", "0.01"), ("MOTHS_n", "3")];
        assert!(variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).eq(expected));
        Ok(())
    }

    #[test]
    fn a_setting_may_matter_with_some_values_of_another() -> Result<()> {
        let template = template(&["{opt:adam|sgd|what?}", "{momentum:0.0..1?opt=sgd|what?}", "{n:1..8}", "{depth:1..3?n=7}"])?;
        let space = template.space()?;
        let named = |values: [f64; 4]| {
            let there = space.encode(&space.numbers(values, 4)?)?;
            Ok::<_, Error>(template.in_words(&template.named(&space.decode(&there)?.to_vec1::<f64>()?)))
        };
        assert_eq!(named([0.0, 0.25, 7.0, 3.0])?, "opt=adam momentum=0.5 n=7 depth=3");
        assert_eq!(named([1.0, 0.25, 6.0, 3.0])?, "opt=sgd momentum=0.25 n=6 depth=2");
        assert_eq!(named([2.0, 0.25, 6.0, 1.0])?, "opt=what? momentum=0.25 n=6 depth=2");
        Ok(())
    }

    #[test]
    fn what_is_no_placeholder_is_named() {
        let cases = [
            (vec!["true"], "has nothing to tune"),
            (vec!["{lr:1..x}"], "placeholder = {lr:1..x}: `x` is no finite number"),
            (vec!["{lr:2..1}"], "below the upper one"),
            (vec!["{l r:1..2}"], "a name is letters"),
            (vec!["{1:1..2}"], "a name is letters"),
            (vec!["{}"], "a name is letters"),
            (vec!["{lr:adam}"], "`adam` is no kind of setting"),
            (vec!["{SEED:1..2}"], "MOTHS_SEED says something else"),
            (vec!["{a:1..2}", "{a:1..2}"], "has been said before"),
            (vec!["{a:1..2"], "a brace stands alone"),
            (vec!["{a:1..2}}x"], "a brace stands alone"),
            (vec!["{m:0..1?opt=sgd}", "{opt:sgd|adam}"], "say what `opt` is before"),
            (vec!["{opt:sgd|adam}", "{m:0..1?opt=lion}"], "`opt` is one of sgd, adam"),
            (vec!["{x:0.0..1}", "{m:0..1?x=0.5}"], "nothing can depend on `x`"),
            (vec!["{layers:1..2}", "{layer}"], "unknown placeholder `layer`; did you mean `layers`?"),
        ];
        for (words, why) in cases {
            let said = template(&words).err().map(|e| e.to_string()).unwrap_or_default();
            assert!(said.contains(why), "{words:?}: {said}");
        }
    }
}
