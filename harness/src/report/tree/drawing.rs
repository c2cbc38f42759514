//! A tree of life as a picture: time to the right, a lane for each place, a bar for each life.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::{self, Write},
};

use super::{Tree, escape};
use crate::{output::grouped, plot};

const WIDTH: f64 = 920.0;
/// What is left for the names of the lanes, and for the marks of who lives.
const LEFT: f64 = 52.0;
const RIGHT: f64 = 16.0;
/// What is left for the axis.
const BOTTOM: f64 = 44.0;
/// What all lanes have together, if each can be read.
const LANES: f64 = 560.0;

/// Lanes, bars and lines in one picture; beyond that it could neither be read nor sent.
const MOST_LANES: usize = 100;
const MOST_BARS: usize = 1_000;
const MOST_LINES: usize = 1_500;
/// Letters of settings at a bar.
const MOST_SAID: usize = 600;
/// Colours that are told apart.
const MOST_COLOURS: usize = 8;

/// What is drawn of a lane.
#[derive(Debug, PartialEq)]
enum Bar {
    /// One life.
    One(usize),
    /// So many, from one to another, each too short to be seen.
    Many { first: usize, last: usize, lives: usize },
}

struct Drawing<'a> {
    tree: &'a Tree<'a>,
    /// The lives of each lane, in order.
    lanes: Vec<(u64, Vec<usize>)>,
    /// The lane of each life that has one.
    lane: HashMap<usize, usize>,
    left_out: usize,
    height: f64,
    colours: Colours,
}

pub(super) fn write(out: &mut String, tree: &Tree<'_>) -> fmt::Result {
    let drawing = Drawing::of(tree);
    let bars = drawing.bars();
    let (lines, lines_left_out) = drawing.lines(&bars);
    drawing.colours.write(out, tree)?;
    let height = drawing.bottom() + BOTTOM;
    writeln!(out, "<div class=\"wide\"><svg class=\"tree\" viewBox=\"0 0 {WIDTH} {height:.1}\" role=\"img\">")?;
    drawing.write_axes(out)?;
    drawing.write_lines(out, &lines)?;
    bars.iter()
        .flat_map(|(lane, bars)| bars.iter().map(move |bar| (*lane, bar)))
        .try_for_each(|(lane, bar)| drawing.write_bar(out, lane, bar))?;
    writeln!(out, "</svg></div>")?;
    drawing.write_left_out(out, &bars, lines_left_out)
}

impl<'a> Drawing<'a> {
    fn of(tree: &'a Tree<'a>) -> Self {
        let mut places: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        tree.lives.iter().enumerate().for_each(|(i, life)| places.entry(life.birth.place).or_default().push(i));
        let left_out = places.len().saturating_sub(MOST_LANES);
        let lanes: Vec<_> = places.into_iter().take(MOST_LANES).collect();
        let lane = lanes.iter().enumerate().flat_map(|(lane, (_, lives))| lives.iter().map(move |i| (*i, lane))).collect();
        let height = (LANES / lanes.len().max(1) as f64).clamp(5.0, 20.0);
        Self { tree, lane, left_out, height, colours: Colours::of(tree), lanes }
    }

    fn x(&self, evaluations: u64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * evaluations as f64 / self.tree.end as f64
    }

    /// The middle of a lane.
    fn y(&self, lane: usize) -> f64 {
        self.height * (lane as f64 + 0.5) + 4.0
    }

    fn bottom(&self) -> f64 {
        self.height * self.lanes.len() as f64 + 8.0
    }

    /// Bars wide enough that they are few enough; the rest as blocks.
    fn bars(&self) -> Vec<(usize, Vec<Bar>)> {
        let mut least = 1.0;
        loop {
            let bars: Vec<_> =
                self.lanes.iter().enumerate().map(|(lane, (_, lives))| (lane, self.merged(lives, least))).collect();
            if bars.iter().map(|(_, bars)| bars.len()).sum::<usize>() <= MOST_BARS || least > WIDTH {
                return bars;
            }
            least *= 1.5;
        }
    }

    fn merged(&self, lives: &[usize], least: f64) -> Vec<Bar> {
        let mut bars = vec![];
        for &i in lives {
            let width = self.x(self.tree.until(i)) - self.x(self.tree.lives[i].evaluations);
            // Who lives is never hidden.
            match bars.last_mut() {
                _ if width >= least || self.tree.kin.lives(i) => bars.push(Bar::One(i)),
                Some(Bar::Many { last, lives, .. }) => (*last, *lives) = (i, *lives + 1),
                _ => bars.push(Bar::Many { first: i, last: i, lives: 1 }),
            }
        }
        // One alone hides nobody.
        bars.into_iter().map(|bar| if let Bar::Many { first, lives: 1, .. } = bar { Bar::One(first) } else { bar }).collect()
    }

    /// From parents to children, those first whose line lives on, then those of the longest lives; and how many are left out.
    fn lines(&self, bars: &[(usize, Vec<Bar>)]) -> (Vec<(usize, usize)>, usize) {
        let tree = self.tree;
        let mut children: Vec<usize> = (0..tree.lives.len()).filter(|i| !tree.kin.parents(*i).is_empty()).collect();
        let alone: Vec<usize> = bars
            .iter()
            .flat_map(|(_, bars)| bars)
            .filter_map(|bar| if let Bar::One(i) = bar { Some(*i) } else { None })
            .collect();
        let mut is_alone = vec![false; tree.lives.len()];
        alone.into_iter().for_each(|i| is_alone[i] = true);
        let rank = |i: &usize| (tree.kin.heirs(*i) == 0, !is_alone[*i], u64::MAX - tree.length(*i));
        children.sort_by_key(rank);
        let all = children.iter().map(|child| tree.kin.parents(*child).len()).sum::<usize>();
        let seen = |i: &usize| self.lane.contains_key(i);
        let lines: Vec<_> = children
            .into_iter()
            .filter(|child| seen(child) && (is_alone[*child] || tree.kin.heirs(*child) > 0))
            .flat_map(|child| tree.kin.parents(child).iter().map(move |parent| (*parent, child)))
            .filter(|(parent, _)| seen(parent))
            .take(MOST_LINES)
            .collect();
        let left_out = all - lines.len();
        (lines, left_out)
    }

    fn write_lines(&self, out: &mut String, lines: &[(usize, usize)]) -> fmt::Result {
        for (class, living) in [("gone", false), ("kin", true)] {
            let mut path = String::new();
            for &(parent, child) in lines.iter().filter(|(_, child)| (self.tree.kin.heirs(*child) > 0) == living) {
                let (Some(from), Some(to)) = (self.lane.get(&parent), self.lane.get(&child)) else { continue };
                let born = self.tree.lives[child].evaluations;
                let [begin, end] = [self.tree.lives[parent].evaluations, self.tree.until(parent).min(born)].map(|at| self.x(at));
                // A little before the birth, so that lines from different parents are told apart, but not before the parent's own.
                let x = (self.x(born) - 8.0).clamp(begin.min(end), end);
                write!(path, "M{x:.1} {:.1}L{:.1} {:.1}", self.y(*from), self.x(born), self.y(*to))?;
            }
            if !path.is_empty() {
                writeln!(out, "<path class=\"{class}\" d=\"{path}\"/>")?;
            }
        }
        Ok(())
    }

    fn write_bar(&self, out: &mut String, lane: usize, bar: &Bar) -> fmt::Result {
        let (first, last) = match bar {
            Bar::One(i) => (*i, *i),
            Bar::Many { first, last, .. } => (*first, *last),
        };
        let (from, to) = (self.x(self.tree.lives[first].evaluations), self.x(self.tree.until(last)));
        let (thick, middle) = (self.height * 0.7, self.y(lane));
        let (colour, pale, title) = match bar {
            Bar::One(i) => (self.colours.css(self.tree, *i), self.tree.kin.heirs(*i) == 0, self.title(*i)),
            Bar::Many { lives, .. } => {
                (GREY.into(), true, format!("{} lives, each too short to be shown", grouped(*lives as u64)))
            }
        };
        let class = if pale { " class=\"gone\"" } else { "" };
        let (top, width) = (middle - thick / 2.0, (to - from - 0.5).max(0.8));
        let title = escape(&title);
        writeln!(
            out,
            "<rect x=\"{from:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{thick:.1}\" fill=\"{colour}\"{class}><title>{title}</title></rect>"
        )?;
        if *bar == Bar::One(first) && self.tree.kin.lives(first) {
            let (x, half) = (to + 3.0, thick.min(8.0) / 2.0);
            writeln!(out, "<path fill=\"{colour}\" d=\"M{x:.1} {:.1}l7 {half:.1}l-7 {half:.1}z\"/>", middle - half)?;
        }
        Ok(())
    }

    fn title(&self, i: usize) -> String {
        let (tree, birth) = (self.tree, &self.tree.lives[i].birth);
        let born = if tree.lives[i].evaluations == 0 {
            "there from the start".into()
        } else {
            format!("born at {}", grouped(tree.lives[i].evaluations))
        };
        let end = tree.kin.end(i).map_or_else(|| "alive at the end".into(), |end| format!("until {}", grouped(end)));
        let of = if tree.kin.parents(i).is_empty() { String::new() } else { format!(" of {}", tree.parents(i)) };
        let mut title = format!("life {}, place {}\n{born}{of}, {end}", tree.number(i), birth.place);
        for line in tree.changes(i).into_iter().chain([tree.settings(i)]) {
            let cut = line.char_indices().nth(MOST_SAID).map(|(at, _)| at);
            let _ = write!(title, "\n{}{}", &line[..cut.unwrap_or(line.len())], if cut.is_some() { " ..." } else { "" });
        }
        title
    }

    fn write_axes(&self, out: &mut String) -> fmt::Result {
        let (bottom, every) = (self.bottom(), distance(self.tree.end));
        for at in (0..=self.tree.end / every).map(|k| k * every) {
            let (x, y, said) = (self.x(at), bottom + 15.0, grouped(at));
            // A long number at the end does not go beyond it.
            let half = 3.5 * said.len() as f64;
            let (text, anchor) = if x + half > WIDTH { (WIDTH, "end") } else { (x, "middle") };
            write!(out, "<path class=\"grid\" d=\"M{x:.1} 0V{bottom:.1}\"/>")?;
            writeln!(out, "<text x=\"{text:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{said}</text>")?;
        }
        let middle = (LEFT + WIDTH - RIGHT) / 2.0;
        writeln!(out, "<text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">evaluations</text>", bottom + 34.0)?;
        let every = (13.0 / self.height).ceil() as usize;
        for (lane, (place, _)) in self.lanes.iter().enumerate().step_by(every) {
            let first = if lane == 0 { "place " } else { "" };
            writeln!(
                out,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{first}{place}</text>",
                LEFT - 6.0,
                self.y(lane) + 4.0
            )?;
        }
        Ok(())
    }

    fn write_left_out(&self, out: &mut String, bars: &[(usize, Vec<Bar>)], lines: usize) -> fmt::Result {
        let hidden = |bar: &Bar| if let Bar::Many { lives, .. } = bar { *lives } else { 0 };
        let short: usize = bars.iter().flat_map(|(_, bars)| bars).map(hidden).sum();
        let named = |n: usize, what: &str| (n > 0).then(|| format!("{} {what}", grouped(n as u64)));
        let left_out = [
            named(self.left_out, "places beyond those shown"),
            named(short, "lives that are too short to be shown one by one, which are grey blocks"),
            named(lines, "lines to parents"),
        ];
        let left_out: Vec<String> = left_out.into_iter().flatten().collect();
        if left_out.is_empty() { Ok(()) } else { writeln!(out, "<p><small>Left out: {}.</small></p>", left_out.join("; ")) }
    }
}

/// A round number of evaluations, of which a run has a few.
fn distance(end: u64) -> u64 {
    let power = 10u64.pow((end / 6).checked_ilog10().unwrap_or(0));
    [1, 2, 5, 10].into_iter().map(|digit| power.saturating_mul(digit)).find(|every| end / every <= 6).unwrap_or(end).max(1)
}

const GREY: &str = "#808080";

/// By what they are, where they are of several kinds; by who founded their line, where not.
struct Colours {
    by_name: bool,
    /// What the colours are of, those first that lived longest in all.
    keys: Vec<String>,
}

impl Colours {
    fn of(tree: &Tree<'_>) -> Self {
        let name = |i: usize| &tree.lives[i].birth.spec.name;
        let mut colours = Self { by_name: (1..tree.lives.len()).any(|i| name(i) != name(0)), keys: vec![] };
        let mut lengths: BTreeMap<String, u64> = BTreeMap::new();
        for i in 0..tree.lives.len() {
            let length = lengths.entry(colours.key(tree, i)).or_default();
            *length = length.saturating_add(tree.length(i));
        }
        let mut keys: Vec<(String, u64)> = lengths.into_iter().collect();
        keys.sort_by_key(|(_, length)| u64::MAX - length);
        colours.keys = keys.into_iter().map(|(key, _)| key).collect();
        colours
    }

    fn key(&self, tree: &Tree<'_>, i: usize) -> String {
        if self.by_name {
            tree.lives[i].birth.spec.name.clone()
        } else {
            format!("from life {}", tree.number(tree.kin.founder(i)))
        }
    }

    fn css(&self, tree: &Tree<'_>, i: usize) -> String {
        let (key, few) = (self.key(tree, i), self.keys.iter().take(MOST_COLOURS));
        few.enumerate().find(|(_, other)| **other == key).map_or(GREY.into(), |(k, _)| plot::css(plot::colour(k)))
    }

    fn write(&self, out: &mut String, tree: &Tree<'_>) -> fmt::Result {
        let mut lives: HashMap<String, u64> = HashMap::new();
        (0..tree.lives.len()).for_each(|i| *lives.entry(self.key(tree, i)).or_default() += 1);
        let colours = self.keys.iter().enumerate().take(MOST_COLOURS).map(|(k, key)| (plot::css(plot::colour(k)), key));
        let mut chips: Vec<_> = colours.map(|(colour, key)| (colour, key.as_str(), lives.remove(key).unwrap_or(0))).collect();
        if !lives.is_empty() {
            chips.push((GREY.into(), "others", lives.values().sum()));
        }
        write!(out, "<p class=\"legend\">")?;
        for (colour, key, lives) in chips {
            write!(out, "<span><i style=\"background:{colour}\"></i>{} ({})</span> ", escape(key), grouped(lives))?;
        }
        writeln!(out, "</p>")
    }
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn ticks_are_few_and_round() {
        assert_eq!([1, 2, 7, 100, 1_000, 20_000, 99_999].map(distance), [1, 1, 2, 20, 200, 5_000, 20_000]);
        assert!(u64::MAX / distance(u64::MAX) <= 6);
    }
}
