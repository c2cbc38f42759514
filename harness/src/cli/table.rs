//! Tables for people.

use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};

/// The width where there is no terminal to ask.
const WIDTH: u16 = 120;

/// An empty table with a head, as wide as the terminal at most.
pub(super) fn table<const N: usize>(head: [&str; N]) -> Table {
    let mut table = Table::new();
    table
        .load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')))
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(head);
    if table.width().is_none() {
        table.set_width(WIDTH);
    }
    table
}
