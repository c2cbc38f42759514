//! Makes the table that `auto` chooses by, `algos-ensemble/src/auto/table.json`, from runs of its arms on BBOB's functions.
//!
//! ```sh
//! cargo run --release -p moths-cli --example auto_table -- --arms > arms.json     # who is measured
//! cargo moths bench bbob --dims 2,5,10,20 --instances 1-3 --budget 1000 --optimizers "$(cat arms.json)" --out arms
//! cargo run --release -p moths-cli --example auto_table -- arms > algos-ensemble/src/auto/table.json
//! ```
//!
//! Members of a race do not know of each other, so that the race of any of them, by any rounds, follows from their runs alone. For every dimension
//! and budget all races of at most four arms are looked at, by the share of the 51 targets that they reach; the best is a row. Beside it stands the
//! share that it reaches on functions it was not chosen by: the mean, over the functions, of what the race reaches there that is best on the others.

use std::{collections::BTreeMap, error::Error, fs::File, io::BufReader, path::Path};

use moths::Spec;
use moths_harness::bench::{Manifest, Record, targets::targets};
use serde_json::{Map, Value, json};

/// Evaluations a parameter that rows are made for.
const BUDGETS: [u64; 6] = [20, 50, 100, 200, 500, 1000];
/// The most members of a race.
const MOST: usize = 4;

/// By a short name; those whose settings depend on the length of the run are told it in the run itself, so that they are measured at one budget.
fn arms() -> BTreeMap<&'static str, Value> {
    let restarted = |inner: &str| json!({ "name": "restart", "inner": { "name": inner } });
    BTreeMap::from([
        ("bipop", json!({ "name": "restart", "scheme": "bipop", "inner": { "name": "cma-es" } })),
        ("brent", restarted("brent-step")),
        ("jade", json!({ "name": "jade" })),
        ("lq", restarted("lq-cma-es")),
        ("newton", restarted("quasi-newton")),
        ("simplex", restarted("nelder-mead")),
        ("subplex", restarted("subplex")),
    ])
}

/// The runs of one dimension: of every arm, of every function, one a repetition.
type Runs = BTreeMap<String, BTreeMap<String, Vec<Record>>>;

fn main() -> Result<(), Box<dyn Error>> {
    let folders: Vec<String> = std::env::args().skip(1).collect();
    if folders.iter().any(|folder| folder == "--arms") {
        println!("{}", serde_json::to_string(&arms().values().collect::<Vec<_>>())?);
        return Ok(());
    }
    let mut by_dim: BTreeMap<u64, Runs> = BTreeMap::new();
    for folder in &folders {
        read(Path::new(folder), &mut by_dim)?;
    }
    let mut rows = vec![];
    for (dim, runs) in &by_dim {
        for budget in BUDGETS {
            let row = best(*dim, budget, runs);
            eprintln!("{row}");
            rows.push(row);
        }
    }
    let lines: Vec<String> = rows.iter().map(|row| format!("    {row}")).collect();
    let arms: Vec<String> = arms().iter().map(|(name, spec)| format!("    \"{name}\": {spec}")).collect();
    println!("{{\n  \"arms\": {{\n{}\n  }},\n  \"rows\": [\n{}\n  ]\n}}", arms.join(",\n"), lines.join(",\n"));
    Ok(())
}

/// The runs of a results folder that are those of an arm.
fn read(folder: &Path, by_dim: &mut BTreeMap<u64, Runs>) -> Result<(), Box<dyn Error>> {
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
        let of_dim = by_dim.entry(dim.trim_start_matches('d').parse()?).or_default();
        of_dim.entry(name).or_default().entry((*function).to_owned()).or_default().push(record);
    }
    Ok(())
}

/// The best race of a dimension at a budget, and what it reaches elsewhere.
fn best(dim: u64, budget: u64, runs: &Runs) -> Value {
    let names: Vec<&String> = runs.keys().collect();
    let mut best: Option<(f64, Vec<usize>, Vec<u64>)> = None;
    // By function left out: the best share on the others, and that on itself.
    let functions: Vec<&String> = runs.values().next().map(|of| of.keys().collect()).unwrap_or_default();
    let mut left_out = vec![(f64::NEG_INFINITY, 0.0); functions.len()];
    for (members, rounds) in races(names.len(), budget) {
        let shares: Vec<f64> =
            functions.iter().map(|function| share(&names, &members, &rounds, dim, budget, function, runs)).collect();
        let sum: f64 = shares.iter().sum();
        for (out, share) in left_out.iter_mut().zip(&shares).filter(|(out, share)| sum - **share > out.0) {
            *out = (sum - share, *share);
        }
        let mean = sum / functions.len() as f64;
        if best.as_ref().is_none_or(|best| mean > best.0) {
            best = Some((mean, members, rounds));
        }
    }
    let (mean, members, rounds) = best.unwrap_or_default();
    let held_out = left_out.iter().map(|(_, share)| share).sum::<f64>() / functions.len().max(1) as f64;
    let thousandths = |x: f64| (1000.0 * x).round() / 1000.0;
    let members: Vec<&String> = members.iter().map(|&i| names[i]).collect();
    json!({ "dim": dim, "budget": budget, "members": members, "rounds": rounds, "share": thousandths(mean), "held_out": thousandths(held_out) })
}

/// All races of some of `n` arms in any order, with rounds that leave the winner something.
fn races(n: usize, budget: u64) -> Vec<(Vec<usize>, Vec<u64>)> {
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
    let firsts = [5, 10, 15, 20, 30, 40, 60, 80, 120, 160, 240, 320];
    let mut races = vec![];
    for members in lists.into_iter().skip(1) {
        let count = members.len() as u64;
        let rounds: Vec<Vec<u64>> = match count {
            1 => vec![vec![]],
            2 => firsts.iter().filter(|&&a| 2 * a < budget).map(|&a| vec![a]).collect(),
            _ => {
                let second = |a: u64| [2, 4, 8].into_iter().map(move |times| vec![a, a * times]);
                let spent = |rounds: &Vec<u64>| count * rounds[0] + count.div_ceil(2) * (rounds[1] - rounds[0]);
                firsts.iter().flat_map(|&a| second(a)).filter(|rounds| spent(rounds) < budget).collect()
            }
        };
        races.extend(rounds.into_iter().map(|rounds| (members.clone(), rounds)));
    }
    races
}

/// The share of the targets that a race reaches on a function: the mean over its repetitions.
fn share(names: &[&String], members: &[usize], rounds: &[u64], dim: u64, budget: u64, function: &str, runs: &Runs) -> f64 {
    let of: Vec<&Vec<Record>> = members.iter().map(|&i| &runs[names[i]][function]).collect();
    let repetitions = of.iter().map(|runs| runs.len()).min().unwrap_or(0);
    let each = (0..repetitions).map(|k| {
        let lowest = lowest(&of.iter().map(|runs| &runs[k]).collect::<Vec<_>>(), rounds, dim, budget);
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
