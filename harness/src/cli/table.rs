//! Tables and lines for people, as wide as the terminal.

use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};

/// The width where there is no terminal to ask.
const WIDTH: u16 = 120;
/// No terminal is taken to be narrower: some say that they have no columns at all.
const NARROWEST: u16 = 80;

/// An empty table with a head, as wide as the terminal at most.
pub(super) fn table<const N: usize>(head: [&str; N]) -> Table {
    let mut table = Table::new();
    table
        .load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')))
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(head);
    let width = believed(table.width());
    table.set_width(width);
    table
}

/// The width, if that is what the terminal says.
fn believed(said: Option<u16>) -> u16 {
    said.map_or(WIDTH, |width| width.max(NARROWEST))
}

/// How many columns a line may take.
pub(super) fn width() -> usize {
    usize::from(believed(Table::new().width()))
}

/// Names and what they are, a line each; what does not fit on its line is left out.
pub(super) fn lines<'a>(named: impl Iterator<Item = (&'a str, &'a str)> + Clone, indent: usize, width: usize) -> Vec<String> {
    let widest = named.clone().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    named
        .map(|(name, what)| {
            cut(&format!("{:indent$}{name:widest$}  {}", "", what.split_whitespace().collect::<Vec<_>>().join(" ")), width)
        })
        .collect()
}

/// The beginning of a text that is too long for a line.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.trim_end().to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// Text in lines between its words, all but the first line indented.
pub(super) fn wrapped(text: &str, indent: usize, width: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last().map_or(0, |line| line.chars().count());
        let new = line > 0 && line + 1 + word.chars().count() > width.saturating_sub(indent);
        if new {
            lines.push(word.to_owned());
        } else if let Some(last) = lines.last_mut() {
            *last += if line > 0 { " " } else { "" };
            *last += word;
        }
    }
    lines.join(&format!("\n{:indent$}", ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_as_long_as_they_may_be() {
        let named = [("a", "one"), ("long", "σ is too long for this"), ("b", "")];
        assert_eq!(lines(named.into_iter(), 2, 20), ["  a     one", "  long  σ is too lo…", "  b"]);
        assert_eq!(wrapped("one two  three\nfour", 2, 10), "one two\n  three\n  four");
        assert_eq!([wrapped("", 2, 10), wrapped("unbreakable", 2, 5)], ["", "unbreakable"]);
        assert_eq!([None, Some(0), Some(79), Some(200)].map(believed), [120, 80, 80, 200]);
    }
}
