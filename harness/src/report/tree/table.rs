//! What the breeding found: the lives that most of the living descend from, the oldest of the living, and the longest.

use std::fmt::{self, Write};

use super::{Tree, escape};
use crate::output::grouped;

/// Rows at most.
const ROWS: usize = 20;

pub(super) fn write(out: &mut String, tree: &Tree<'_>) -> fmt::Result {
    let rows = rows(tree);
    let of = if rows.len() < tree.lives.len() {
        format!("{} lives: some with the most descendants alive, the oldest alive, and the longest.", rows.len())
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

/// A third of them by their heirs, as many of the oldest alive, and the longest; then from most heirs to fewest, and the longest first.
fn rows(tree: &Tree<'_>) -> Vec<usize> {
    let longest = |i: &usize| u64::MAX - tree.length(*i);
    let by_heirs = |i: &usize| (u64::MAX - tree.kin.heirs(*i), longest(i));
    let mut rest: Vec<usize> = (0..tree.lives.len()).collect();
    rest.sort_by_key(by_heirs);
    let mut rows: Vec<usize> = vec![];
    let take = |rest: &mut Vec<usize>, rows: &mut Vec<usize>, n: usize| rows.extend(rest.drain(..n.min(rest.len())));
    take(&mut rest, &mut rows, ROWS / 3);
    rest.sort_by_key(|i| (!tree.kin.lives(*i), longest(i)));
    let alive = rest.iter().filter(|i| tree.kin.lives(**i)).count();
    take(&mut rest, &mut rows, alive.min(ROWS / 3));
    rest.sort_by_key(longest);
    let left = ROWS - rows.len();
    take(&mut rest, &mut rows, left);
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
