//! Reports: one HTML file each, which needs nothing else and asks for nothing else.
//!
//! | module | what of |
//! |---|---|
//! | [`race`] | `moths race`: pictures in SVG, no script |
//! | `tree` | its part on ensembles: who was born of whom |
//! | [`mod@bench`] | results folders: charts that a script draws, from figures that are computed here |

pub mod bench;
pub mod race;
mod tree;

pub use race::{html, seconds};

/// Text as HTML shows it.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
