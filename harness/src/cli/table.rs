//! Tables for people.

use comfy_table::{ContentArrangement, Table, presets};

/// An empty table with a head; as wide as the terminal, and not wrapped where there is none.
pub(super) fn table<const N: usize>(head: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic).set_header(head);
    table
}
