//! How a law was broken.

use moths_core::Error;

/// What a law comes to.
pub(super) type Verdict = Result<(), Breach>;

/// A law that was broken, and how.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{who} breaks the law `{law}` ({statement}): {how}")]
pub struct Broken {
    /// The name of the law.
    pub law: &'static str,
    /// What the law says.
    pub statement: &'static str,
    /// Who broke it.
    pub who: String,
    /// What was seen.
    pub how: String,
}

/// What was seen, before it is said who broke which law.
#[derive(Debug)]
pub(super) struct Breach(String);

impl Breach {
    pub(super) fn new(how: String) -> Self {
        Self(how)
    }

    /// The same breach, and the circumstances it was seen under.
    pub(super) fn under(self, circumstances: impl std::fmt::Display) -> Self {
        Self(format!("{circumstances}: {}", self.0))
    }

    pub(super) fn of(self, law: &'static str, statement: &'static str, who: String) -> Broken {
        Broken { law, statement, who, how: self.0 }
    }
}

impl std::fmt::Display for Breach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Nothing that a law does is meant to fail unless the law expects it.
impl From<Error> for Breach {
    fn from(error: Error) -> Self {
        Self(format!("failed: {error}"))
    }
}

impl From<candle_core::Error> for Breach {
    fn from(error: candle_core::Error) -> Self {
        Error::from(error).into()
    }
}

impl From<std::io::Error> for Breach {
    fn from(error: std::io::Error) -> Self {
        Self(format!("the law itself could not write its files: {error}"))
    }
}

/// Is this how an optimizer says that it cannot do what is asked of it, whatever its settings?
pub(super) fn is_inability(error: &Error) -> bool {
    matches!(error, Error::Unsupported { .. } | Error::Memory { .. })
}

/// Is this how an optimizer says that it cannot, or with these settings will not, do what is asked of it?
pub(super) fn is_refusal(error: &Error) -> bool {
    is_inability(error) || matches!(error, Error::Invalid { .. } | Error::Unknown { .. })
}
