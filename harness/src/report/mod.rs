//! Reports: one HTML file each, which needs nothing else and asks for nothing else.
//!
//! | module | what of |
//! |---|---|
//! | [`race`] | `moths race`: pictures in SVG, no script |
//! | `tree` | its part on ensembles: who was born of whom |
//! | [`mod@tune`] | `moths tune`: pictures in SVG |
//! | [`mod@bench`] | results folders: charts that a script draws, from figures that are computed here |

pub mod bench;
pub mod race;
mod tree;
pub mod tune;

pub use race::{html, seconds};

/// A page that may not ask for anything: whatever should slip in, the browser refuses to fetch it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// Text as HTML shows it.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
