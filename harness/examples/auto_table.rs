//! Makes the table that `auto` chooses by, `algos-ensemble/src/auto/table.json`, from runs of its arms on BBOB's functions.
//!
//! ```sh
//! cargo run --release -p moths-cli --example auto_table -- --arms > arms.json     # who is measured
//! cargo moths bench bbob --dims 2,5,10,20 --instances 1-3 --budget 1000 --optimizers "$(cat arms.json)" --out arms
//! cargo run --release -p moths-cli --example auto_table -- arms > algos-ensemble/src/auto/table.json
//! ```
//!
//! Members of a race do not know of each other, so that the race of any of them, by any rounds, follows from their runs alone. For every dimension
//! and budget all races of at most four arms are looked at, by the share of the 51 targets that they reach there and at the next dimensions and
//! budgets; the best is a row. `share` is what it reaches; `held_out` what is reached on functions that a race was not chosen by: the mean, over the
//! functions, of what the race reaches there that is best on the others.

use std::{collections::BTreeMap, error::Error, fs::File, io::BufReader, path::Path};

use moths::Spec;
use moths_harness::bench::{Manifest, Record, targets::targets};
use serde_json::{Map, Value, json};

/// Evaluations a parameter that rows are made for.
const BUDGETS: [u64; 8] = [20, 50, 100, 200, 500, 1000, 3000, 10_000];
/// The most members of a race.
const MOST: usize = 4;

/// By a short name; those whose settings depend on the length of the run are told it in the run itself, so that they are measured at one budget.
fn arms() -> BTreeMap<&'static str, Value> {
    let restarted = |inner: &str| json!({ "name": "restart", "inner": inner });
    BTreeMap::from([
        ("bipop", json!({ "name": "restart", "scheme": "bipop", "inner": "cma-es" })),
        ("brent", restarted("brent-step")),
        ("jade", json!({ "name": "jade" })),
        ("lq", restarted("lq-cma-es")),
        ("newton", restarted("quasi-newton")),
        ("simplex", restarted("nelder-mead")),
        ("subplex", restarted("subplex")),
    ])
}

/// The runs of one length, by dimension.
type OfLength = BTreeMap<u64, Runs>;
/// The runs of one dimension: of every arm, of every function, one a repetition.
type Runs = BTreeMap<String, BTreeMap<String, Vec<Record>>>;

fn main() -> Result<(), Box<dyn Error>> {
    let folders: Vec<String> = std::env::args().skip(1).collect();
    if folders.iter().any(|folder| folder == "--arms") {
        println!("{}", serde_json::to_string(&arms().values().collect::<Vec<_>>())?);
        return Ok(());
    }
    let mut by_length: BTreeMap<u64, OfLength> = BTreeMap::new();
    for folder in &folders {
        read(Path::new(folder), &mut by_length)?;
    }
    let arms = arms();
    let names: Vec<&str> = arms.keys().copied().collect();
    let setups = setups(names.len());
    let (mut rows, mut shorter) = (vec![], 0);
    for (length, runs) in &by_length {
        let budgets: Vec<u64> = BUDGETS.into_iter().filter(|budget| (shorter + 1..=*length).contains(budget)).collect();
        shorter = *length;
        rows.extend(table(&names, &setups, &budgets, runs));
    }
    let lines: Vec<String> = rows.iter().map(|row| format!("    {row}")).collect();
    let arms: Vec<String> = arms.iter().map(|(name, spec)| format!("    \"{name}\": {spec}")).collect();
    println!("{{\n  \"arms\": {{\n{}\n  }},\n  \"rows\": [\n{}\n  ]\n}}", arms.join(",\n"), lines.join(",\n"));
    Ok(())
}

/// The rows for these budgets.
fn table(names: &[&str], setups: &[Setup], budgets: &[u64], by_dim: &OfLength) -> Vec<Value> {
    let at = |dim: &u64, runs: &Runs| budgets.iter().map(|budget| shares(names, setups, *dim, *budget, runs)).collect();
    let all: Vec<Vec<Shares>> = by_dim.iter().map(|(dim, runs)| at(dim, runs)).collect();
    let mut rows = vec![];
    for (i, dim) in by_dim.keys().enumerate() {
        for (k, budget) in budgets.iter().enumerate() {
            let Some((setup, share, held_out)) = best(setups, *budget, &all, i, k) else { continue };
            let members: Vec<&str> = setups[setup].members.iter().map(|&i| names[i]).collect();
            let (rounds, thousandths) = (&setups[setup].rounds, |x: f64| (1000.0 * x).round() / 1000.0);
            let [share, held_out] = [share, held_out].map(thousandths);
            let row = json!({
                "dim": dim, "budget": budget, "members": members, "rounds": rounds, "share": share, "held_out": held_out,
            });
            eprintln!("{row}");
            rows.push(row);
        }
    }
    rows
}

/// The runs of a results folder that are those of an arm.
fn read(folder: &Path, by_length: &mut BTreeMap<u64, OfLength>) -> Result<(), Box<dyn Error>> {
    let manifest: Manifest = serde_json::from_reader(BufReader::new(File::open(folder.join("bench.json"))?))?;
    let arms: BTreeMap<&str, Spec> =
        arms().into_iter().map(|(name, spec)| Ok((name, serde_json::from_value(spec)?))).collect::<serde_json::Result<_>>()?;
    let named = |label: &str| {
        let spec = manifest.optimizers.iter().find(|contestant| contestant.label == label)?.spec.as_ref()?;
        arms.iter().find(|(_, arm)| *arm == spec).map(|(name, _)| (*name).to_owned())
    };
    for line in std::fs::read_to_string(folder.join("runs.jsonl"))?.lines() {
        // The checksum of the line is none of the record's.
        let mut line: Map<String, Value> = serde_json::from_str(line)?;
        line.remove("check");
        let record: Record = serde_json::from_value(Value::Object(line))?;
        let parts: Vec<&str> = record.problem.split('/').collect();
        let (Some(name), [_, function, dim, ..]) = (named(&record.optimizer), &parts[..]) else { continue };
        let dim: u64 = dim.trim_start_matches('d').parse()?;
        let of_dim = by_length.entry(record.budget / dim).or_default().entry(dim).or_default();
        of_dim.entry(name).or_default().entry((*function).to_owned()).or_default().push(record);
    }
    Ok(())
}

/// A race: members by their place in the list of arms, and rounds.
struct Setup {
    members: Vec<usize>,
    rounds: Vec<u64>,
}

/// The shares of every race, of every function, at one dimension and budget; none where an arm was not run.
type Shares = Vec<Option<Vec<f64>>>;

/// How much a figure counts for a row: its own, and half of it those of the next budgets and dimensions. What is good at one place only is luck.
fn weight(rows: usize, columns: usize) -> f64 {
    match (rows, columns) {
        (0, 0) => 1.0,
        (1, 0) | (0, 1) => 0.5,
        _ => 0.0,
    }
}

/// The best race for place (i, k) among all dimensions and budgets, and what it reaches on functions that it was not chosen by.
fn best(setups: &[Setup], budget: u64, shares: &[Vec<Shares>], i: usize, k: usize) -> Option<(usize, f64, f64)> {
    let functions = shares[i][k].iter().flatten().next()?.len();
    let mut best: Option<(usize, f64)> = None;
    // By function left out: the best score on the others, and the share on itself.
    let mut left_out = vec![(f64::NEG_INFINITY, 0.0); functions];
    for (setup, own) in shares[i][k].iter().enumerate() {
        let Some(own) = own.as_ref().filter(|_| fits(&setups[setup], budget)) else { continue };
        let (mut score, mut sum) = (vec![0.0; functions], 0.0);
        for (row, of_dim) in shares.iter().enumerate() {
            for (column, of_budget) in of_dim.iter().enumerate() {
                let weight = weight(row.abs_diff(i), column.abs_diff(k));
                let Some(there) = of_budget[setup].as_ref().filter(|_| weight > 0.0) else { continue };
                score.iter_mut().zip(there).for_each(|(score, share)| *score += weight * share);
                sum += weight;
            }
        }
        score.iter_mut().for_each(|score| *score /= sum);
        let whole: f64 = score.iter().sum();
        for (f, out) in left_out.iter_mut().enumerate().filter(|(f, out)| whole - score[*f] > out.0) {
            *out = (whole - score[f], own[f]);
        }
        if best.is_none_or(|(_, most)| whole > most) {
            best = Some((setup, whole));
        }
    }
    let (setup, _) = best?;
    let mean = |shares: &mut dyn Iterator<Item = f64>| shares.sum::<f64>() / functions as f64;
    let own = shares[i][k][setup].as_ref()?;
    Some((setup, mean(&mut own.iter().copied()), mean(&mut left_out.iter().map(|(_, share)| *share))))
}

/// Do the rounds leave the winner something?
fn fits(setup: &Setup, budget: u64) -> bool {
    let count = setup.members.len() as u64;
    let spent = match setup.rounds[..] {
        [] => 0,
        [first] => count * first,
        [first, second, ..] => count * first + count.div_ceil(2) * (second - first),
    };
    spent < budget
}

/// All races of some of `n` arms in any order.
fn setups(n: usize) -> Vec<Setup> {
    let mut lists: Vec<Vec<usize>> = vec![vec![]];
    let mut from = 0;
    for _ in 0..MOST {
        let until = lists.len();
        for k in from..until {
            let longer: Vec<Vec<usize>> =
                (0..n).filter(|i| !lists[k].contains(i)).map(|i| [&lists[k][..], &[i]].concat()).collect();
            lists.extend(longer);
        }
        from = until;
    }
    let firsts = [5, 10, 15, 20, 30, 40, 60, 80, 120, 160, 320];
    let mut setups = vec![];
    for members in lists.into_iter().skip(1) {
        let rounds: Vec<Vec<u64>> = match members.len() {
            1 => vec![vec![]],
            2 => firsts.iter().map(|&a| vec![a]).collect(),
            _ => firsts.iter().flat_map(|&a| [2, 4, 8].map(|times| vec![a, a * times])).collect(),
        };
        setups.extend(rounds.into_iter().map(|rounds| Setup { members: members.clone(), rounds }));
    }
    setups
}

/// The shares of all races at a budget.
fn shares(names: &[&str], setups: &[Setup], dim: u64, budget: u64, runs: &Runs) -> Shares {
    let functions: Vec<&String> = runs.values().max_by_key(|of| of.len()).map(|of| of.keys().collect()).unwrap_or_default();
    let whole = |i: usize| runs.get(names[i]).is_some_and(|of| functions.iter().all(|function| of.contains_key(*function)));
    let of = |setup: &Setup| {
        let there = setup.members.iter().all(|&i| whole(i));
        there.then(|| functions.iter().map(|function| share(names, setup, dim, budget, function, runs)).collect())
    };
    setups.iter().map(of).collect()
}

/// The share of the targets that a race reaches on a function: the mean over its repetitions.
fn share(names: &[&str], setup: &Setup, dim: u64, budget: u64, function: &str, runs: &Runs) -> f64 {
    let of: Vec<&Vec<Record>> = setup.members.iter().map(|&i| &runs[names[i]][function]).collect();
    let repetitions = of.iter().map(|runs| runs.len()).min().unwrap_or(0);
    let each = (0..repetitions).map(|k| {
        let lowest = lowest(&of.iter().map(|runs| &runs[k]).collect::<Vec<_>>(), &setup.rounds, dim, budget);
        targets().iter().filter(|target| lowest <= **target).count() as f64 / targets().len() as f64
    });
    each.sum::<f64>() / repetitions.max(1) as f64
}

/// The lowest gap that a race of these runs sees: what `moths_ensemble::race` would.
fn lowest(members: &[&Record], rounds: &[u64], dim: u64, budget: u64) -> f64 {
    let (mut left, mut used) = (dim * budget, vec![0u64; members.len()]);
    let mut racing: Vec<usize> = (0..members.len()).collect();
    let ends = rounds.iter().map(|round| round * dim).chain([u64::MAX]);
    for (round, end) in ends.enumerate() {
        for &i in &racing {
            let more = end.saturating_sub(used[i]).min(left);
            (used[i], left) = (used[i] + more, left - more);
        }
        racing.sort_by(|&a, &b| members[a].trace.at(used[a]).total_cmp(&members[b].trace.at(used[b])));
        racing.truncate(if round + 1 >= rounds.len() { 1 } else { racing.len().div_ceil(2) });
        racing.sort_unstable();
    }
    members.iter().zip(&used).map(|(member, used)| member.trace.at(*used)).fold(f64::INFINITY, f64::min)
}
