//! The one error type: typed, naming the field, the value and what would be valid.

use std::path::PathBuf;

/// What every fallible function of moths returns.
pub type Result<T> = std::result::Result<T, Error>;

/// Everything that can go wrong, each case with what a person needs to mend it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting, argument or description has a value that is not valid.
    #[error("{field} = {value}: {valid}")]
    Invalid {
        /// Which field, as a dotted path from the outside (`inner.descent.rate`).
        field: String,
        /// What it was.
        value: String,
        /// What would be valid, in words.
        valid: String,
    },

    /// A name that nothing is registered under.
    #[error("unknown {kind} `{name}`{}", hint(.nearest, .valid))]
    Unknown {
        /// What was looked for: "optimizer", "setting of pso", "problem", ...
        kind: String,
        /// The name as it was given.
        name: String,
        /// The nearest valid name, where one is near.
        nearest: Option<String>,
        /// All valid names, where they are few enough to be told: those of settings.
        valid: Vec<String>,
    },

    /// Two tensors or lists that must agree in shape or length do not.
    #[error("{what}: expected {expected}, got {got}")]
    Shape {
        /// Which tensor or list.
        what: String,
        /// The shape or length that was needed.
        expected: String,
        /// The one that came.
        got: String,
    },

    /// The objective, or the optimizer, cannot do what was asked of it.
    #[error("{who} {what}")]
    Unsupported {
        /// Who refuses.
        who: String,
        /// What it does not have or do, as the rest of the sentence.
        what: String,
    },

    /// The objective failed as a whole: no losses came back. (A single failed candidate is a loss of NaN.)
    #[error("the objective failed: {0}")]
    Objective(String),

    /// The evaluation budget is too small; the step that asked for more changed nothing.
    #[error("evaluations = {limit}: at least {}, as {used} are used and the step asks for {asked} more", .used.saturating_add(*.asked))]
    Budget {
        /// The whole budget.
        limit: u64,
        /// How many evaluations it has paid for.
        used: u64,
        /// How many more the step asked for.
        asked: u64,
    },

    /// These settings need more memory than there is.
    #[error("{who}: needs {} of memory for {parameters} parameters; {} are free", size(*.needed), size(*.available))]
    Memory {
        /// The optimizer, with its settings.
        who: String,
        /// How many numbers are searched.
        parameters: usize,
        /// Bytes of its state and its candidates.
        needed: u64,
        /// Bytes that are free.
        available: u64,
    },

    /// A run in which every candidate failed: it ends where it began, and nothing is known of any point.
    #[error(
        "all {evaluations} evaluations failed: a loss must be a finite number for one candidate at least (it ended so: {reason})"
    )]
    AllFailed {
        /// How many evaluations were made.
        evaluations: u64,
        /// Why the run ended.
        reason: crate::reason::Reason,
    },

    /// Ask/tell and replay: the step wants losses that have not been told yet.
    #[error("the step is suspended: it asked for losses that are not known yet")]
    Suspended,

    /// A checkpoint or journal that cannot be used.
    #[error("{}: {why}", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why it was refused.
        why: String,
    },

    /// A state that does not fit the optimizer it is loaded into.
    #[error("state `{field}`: {why}")]
    State {
        /// Dotted path of the field inside the state.
        field: String,
        /// Why it was refused.
        why: String,
    },

    /// Reading or writing failed.
    #[error("{}: {source}", .path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },

    /// A kernel that a card does not run.
    #[error("kernel {name}: {why}")]
    Kernel {
        /// What it is called in its text.
        name: String,
        /// What the compiler says, or the driver.
        why: String,
        /// The text that does not compile, without what stands before all kernels; empty where it does.
        text: String,
    },

    /// candle refused an operation.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

impl Error {
    /// An [`Error::Invalid`] from anything printable.
    pub fn invalid(field: impl Into<String>, value: impl ToString, valid: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), value: value.to_string(), valid: valid.into() }
    }

    /// An [`Error::Unknown`] that offers the nearest of `known`.
    pub fn unknown<'a>(kind: impl Into<String>, name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        Self::Unknown { kind: kind.into(), name: name.into(), nearest: nearest(name, known), valid: vec![] }
    }

    /// [`Error::unknown`] that tells all of `known` too.
    pub fn unknown_of_few<'a>(kind: impl Into<String>, name: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Self {
        let valid = known.clone().into_iter().map(str::to_owned).collect();
        Self::Unknown { kind: kind.into(), name: name.into(), nearest: nearest(name, known), valid }
    }

    /// An [`Error::Shape`] from anything printable.
    pub fn shape(what: impl Into<String>, expected: impl ToString, got: impl ToString) -> Self {
        Self::Shape { what: what.into(), expected: expected.to_string(), got: got.to_string() }
    }

    /// An [`Error::Unsupported`].
    pub fn unsupported(who: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Unsupported { who: who.into(), what: what.into() }
    }

    /// The same error with `parent.` put before the field it names.
    pub fn within(mut self, parent: &str) -> Self {
        match &mut self {
            Self::Invalid { field, .. } | Self::State { field, .. } => *field = format!("{parent}.{field}"),
            _ => {}
        }
        self
    }
}

/// Bytes as people read them.
fn size(bytes: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let power = (bytes.max(1).ilog10() / 3) as usize;
    format!("{:.3} {}", bytes as f64 / 1000f64.powi(power as i32), units[power])
}

/// The nearest name first, then all.
fn hint(nearest: &Option<String>, valid: &[String]) -> String {
    let nearest = nearest.as_ref().map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
    if valid.is_empty() {
        return nearest;
    }
    let before = if nearest.is_empty() { ";" } else { "" };
    format!("{nearest}{before} valid are `{}`", valid.join("`, `"))
}

/// The nearest of `known` to `name`, if any is near enough to be meant.
fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    known
        .into_iter()
        .map(|k| (strsim::jaro_winkler(name, k), k))
        .filter(|(likeness, _)| *likeness > 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, k)| k.to_owned())
}
