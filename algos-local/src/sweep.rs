//! What searches that ask for one coordinate after another have in common.

use moths_core::{Error, Result};

/// A round takes d evaluations of d numbers, none of which can begin before the last has ended.
const MOST_COORDINATES: usize = 10_000;

/// Refuses a space for which a round would take for ever.
///
/// # Errors
/// [`Error::Unsupported`] above 10,000 dimensions.
pub(crate) fn refuse_more_coordinates(who: &str, d: usize) -> Result<()> {
    if d <= MOST_COORDINATES {
        return Ok(());
    }
    Err(Error::unsupported(who, format!("asks for {d} coordinates one after another; it takes {MOST_COORDINATES} at most")))
}
