//! How an optimizer is named anywhere: in Rust, on a command line, in a file, in a checkpoint.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::{Map, Value, json};

use crate::{Error, Result};

/// A name and settings: `"pso"`, or `{"name": "pso", "particles": 80}`, nested where a setting is itself an optimizer or a descent.
///
/// A setting of this type names an optimizer. One that names a descent says so in its schema: `#[schemars(extend("x-names" = "descent"))]`.
///
/// ```
/// use moths_core::Spec;
/// let spec: Spec = r#"{"name": "undo", "inner": {"name": "spsa", "descent": "adamw"}}"#.parse()?;
/// let same = Spec::new("undo").with("inner.name", "spsa")?.with("inner.descent", "adamw")?;
/// assert_eq!(spec, same);
/// # Ok::<(), moths_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// What it is registered under.
    pub name: String,
    /// The settings that differ from the defaults.
    pub settings: Map<String, Value>,
}

impl Spec {
    /// The default settings of `name`.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), settings: Map::new() }
    }

    /// Sets one setting by its dotted path (`"inner.descent.rate"`).
    ///
    /// # Errors
    /// [`Error::Invalid`] when the path goes through something that has no settings.
    pub fn with(mut self, path: &str, value: impl Into<Value>) -> Result<Self> {
        set(&mut self.settings, path, path, value.into())?;
        Ok(self)
    }

    /// Sets one setting from text as it stands on a command line: `path=value`, the value as JSON or else as a string.
    ///
    /// # Errors
    /// [`Error::Invalid`] without `=`, or as [`Spec::with`].
    pub fn with_text(self, assignment: &str) -> Result<Self> {
        let Some((path, text)) = assignment.split_once('=') else {
            return Err(Error::invalid("setting", assignment, "write `name=value`"));
        };
        let value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.into()));
        self.with(path.trim(), value)
    }
}

fn set(settings: &mut Map<String, Value>, path: &str, whole: &str, value: Value) -> Result<()> {
    let Some((head, rest)) = path.split_once('.') else {
        settings.insert(path.into(), value);
        return Ok(());
    };
    let inner = settings.entry(head).or_insert_with(|| Value::Object(Map::new()));
    if let Value::String(name) = inner {
        *inner = json!({ "name": name });
    }
    match inner {
        Value::Object(settings) => set(settings, rest, whole, value),
        other => Err(Error::invalid(whole, other.to_string(), format!("`{head}` has no settings"))),
    }
}

impl std::str::FromStr for Spec {
    type Err = Error;

    /// A bare name, or a JSON object with a `name`.
    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        if !text.starts_with('{') {
            return Ok(Self::new(text));
        }
        serde_json::from_str(text).map_err(|e| Error::invalid("optimizer", text, e.to_string()))
    }
}

impl std::fmt::Display for Spec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.settings.is_empty() { f.write_str(&self.name) } else { write!(f, "{}", json!(self)) }
    }
}

impl Serialize for Spec {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        if self.settings.is_empty() {
            return to.serialize_str(&self.name);
        }
        let mut whole = Map::from_iter([("name".to_owned(), json!(self.name))]);
        whole.extend(self.settings.clone());
        whole.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Spec {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        match Value::deserialize(from)? {
            Value::String(name) => Ok(Self::new(name)),
            Value::Object(mut settings) => match settings.remove("name") {
                Some(Value::String(name)) => Ok(Self { name, settings }),
                _ => Err(D::Error::custom("needs a `name`, a string")),
            },
            _ => Err(D::Error::custom("a name, or an object with a `name` and settings")),
        }
    }
}

impl JsonSchema for Spec {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Spec".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["string", "object"], "x-names": "optimizer" })
    }
}
