//! What the breeding found: the lives that most of the living descend from, and the longest.

use std::fmt::{self, Write};

use super::{Tree, escape};
use crate::output::grouped;

/// Rows at most.
const ROWS: usize = 20;

pub(super) fn write(out: &mut String, tree: &Tree<'_>) -> fmt::Result {
    let rows = rows(tree);
    let of = if rows.len() < tree.lives.len() {
        format!("The {} lives with the most descendants alive, and the longest:", rows.len())
    } else {
        "All lives:".into()
    };
    writeln!(out, "<p>{of}</p>\n<div class=\"wide\"><table class=\"lives\">")?;
    writeln!(
        out,
        "<thead><tr><th>life</th><th>settings<br><small>what is not its first parent's, and all</small></th><th>born at</th>\
         <th>lived for</th><th>parents</th><th>descendants</th><th>alive<br><small>with itself</small></th></tr></thead>\n<tbody>"
    )?;
    rows.into_iter().try_for_each(|i| write_row(out, tree, i))?;
    writeln!(out, "</tbody></table></div>")
}

/// Half of them by their heirs, the rest by their length; then from most heirs to fewest, and the longest first.
fn rows(tree: &Tree<'_>) -> Vec<usize> {
    let by_heirs = |i: &usize| (u64::MAX - tree.kin.heirs(*i), u64::MAX - tree.length(*i));
    let mut all: Vec<usize> = (0..tree.lives.len()).collect();
    all.sort_by_key(by_heirs);
    let half = all.len().min(ROWS / 2);
    let (first, others) = all.split_at_mut(half);
    others.sort_by_key(|i| u64::MAX - tree.length(*i));
    let mut rows: Vec<usize> = first.iter().chain(others.iter()).copied().take(ROWS).collect();
    rows.sort_by_key(by_heirs);
    rows
}

fn write_row(out: &mut String, tree: &Tree<'_>, i: usize) -> fmt::Result {
    let changes = tree.changes(i).map(|changes| format!("<b>{}</b><br>", escape(&changes))).unwrap_or_default();
    let parents = if tree.kin.parents(i).is_empty() { "-".into() } else { tree.parents(i) };
    let lived = format!("{}{}", grouped(tree.length(i)), if tree.kin.lives(i) { "<br><small>to the end</small>" } else { "" });
    let (number, settings, born) = (tree.number(i), escape(&tree.settings(i)), grouped(tree.lives[i].evaluations));
    let [descendants, heirs] = [tree.kin.descendants(i), tree.kin.heirs(i)].map(grouped);
    writeln!(
        out,
        "<tr><td>{number}</td><td>{changes}<code>{settings}</code></td><td>{born}</td><td>{lived}</td><td>{parents}</td>\
         <td>{descendants}</td><td>{heirs}</td></tr>"
    )
}
