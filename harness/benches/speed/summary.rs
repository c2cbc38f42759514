//! Every goal beside what was measured, as ratios to references of the same run.

use std::{fs, path::Path};

use comfy_table::Table;
use moths::registry;
use serde_json::Value;

use crate::runs::{EVALUATIONS, OPTIMIZERS};

/// (d, population).
const SHAPES: [(usize, usize); 6] = [(10, 10), (100, 17), (1000, 32), (10_000, 64), (100_000, 256), (1_000_000, 32)];
/// Microseconds a candidate: the best of the field's libraries, half of that in the large shapes.
#[rustfmt::skip]
const GOALS: &[(&str, &[Option<f64>; 6])] = &[
    ("pso", &[Some(2.0), None, Some(3.0), None, None, None]),
    ("open-es", &[Some(2.0), Some(1.7), Some(2.0), Some(19.0), Some(550.0), None]),
    ("cma-es", &[Some(0.82), Some(25.0), Some(410.0), None, None, None]),
    ("sep-cma-es", &[Some(1.2), Some(2.2), Some(4.0), Some(31.0), Some(1325.0), None]),
    ("snes", &[Some(1.6), Some(5.8), Some(7.8), Some(38.0), Some(800.0), Some(8250.0)]),
    ("xnes", &[Some(4.4), Some(90.0), Some(8180.0), None, None, None]),
    ("cr-fm-nes", &[Some(0.71), Some(2.2), Some(6.7), Some(30.0), Some(910.0), None]),
    ("lm-ma-es", &[None, Some(3.3), Some(11.0), Some(65.0), None, None]),
    ("de", &[Some(0.19), Some(0.44), Some(0.84), Some(5.1), Some(790.0), Some(11450.0)]),
];

/// What a step of every optimizer takes, in microseconds and in passes over d numbers.
pub(crate) fn steps(output: &Path) -> String {
    let mut table = Table::new();
    table.set_header(["a step of", "d = 1,000", "passes", "d = 1,000,000", "passes"]);
    let pass = [1_000, 1_000_000].map(|d| median(output, &format!("step_{d}"), "read_and_write"));
    let ids = registry::entries().into_iter().map(|entry| entry.meta.id);
    for id in std::iter::once("read_and_write").chain(ids) {
        let cells = [1_000, 1_000_000].into_iter().zip(pass).flat_map(|(d, pass)| {
            let step = median(output, &format!("step_{d}"), id);
            [step.map(|ns| format!("{:.1} us", ns / 1e3)), step.zip(pass).map(|(step, pass)| format!("{:.1}", step / pass))]
        });
        table.add_row(std::iter::once(id.to_owned()).chain(cells.map(|cell| cell.unwrap_or_else(|| "-".into()))));
    }
    table.to_string()
}

pub(crate) fn table(output: &Path) -> String {
    let median = |group: &str, name: &str| median(output, group, name);
    let mut table = Table::new();
    table.set_header(["what", "measured", "goal"]);
    let mut row = |what: &str, measured: Option<String>, goal: &str| {
        table.add_row([what, measured.as_deref().unwrap_or("not run"), goal]);
    };
    let ratio = |a: Option<f64>, b: Option<f64>| Some(a? / b?);
    let share = ratio(median("noise_16M", "copy"), median("noise_16M", "rademacher_add"));
    row("Rademacher noise added in place, of copy bandwidth", share.map(|r| format!("{:.0} %", 100.0 * r)), ">= 70 %");
    let normal = ratio(median("normal_64k", "sampler_add"), median("normal_64k", "hand_loop_add"));
    row("normal noise, of a hand loop's time", normal.map(|r| format!("{r:.2} x")), "<= 1.5 x");
    for shape in ["32x1000", "1000x32", "10x10"] {
        let group = format!("pso_{shape}");
        let hand = ratio(median(&group, "kernel"), median(&group, "hand_loop"));
        row(&format!("fused PSO {shape}, of a hand loop's time"), hand.map(|r| format!("{r:.2} x")), "<= 1.5 x");
        let plain = ratio(median(&group, "candle_ops"), median(&group, "kernel"));
        row(&format!("fused PSO {shape}, faster than candle ops"), plain.map(|r| format!("{r:.1} x")), ">= 8 x");
    }
    let swap = ratio(median("flat_model", "swap_10000000"), median("flat_model", "swap_1000"));
    row("loading a FlatModel of 10M by swap, of one of 1k", swap.map(|r| format!("{r:.2} x")), "1 x");
    let training = ratio(median("train_digits", "step"), median("train_digits", "forward"));
    row(
        "`train digits`, what is not the model's forward",
        training.map(|r| format!("{:.1} %", 100.0 * (1.0 - 1.0 / r))),
        "< 10 %",
    );
    for (id, goals) in GOALS {
        for ((d, n), goal) in SHAPES.into_iter().zip(*goals) {
            let per_candidate = |name: &str| median(&format!("candidate_{d}x{n}"), name).map(|ns| ns / 1e3 / n as f64);
            let (bare, rows) = (per_candidate(id), per_candidate(&format!("{id}_and_rows")));
            let measured = bare.zip(rows).map(|(bare, rows)| format!("{bare:.2} us ({rows:.2} with rows written)"));
            let goal = goal.map_or_else(String::new, |goal| format!("<= {goal} us"));
            row(&format!("{id} ({d}, {n}), a candidate"), measured, &goal);
        }
    }
    for id in OPTIMIZERS {
        let each = |name: &str| median(&format!("bench_run_{id}"), name).map(|ns| ns / EVALUATIONS as f64);
        let beyond = || Some(each("run")? - each("optimizer")? - median("bench_run", "function")?);
        row(
            &format!("`moths bench`, beyond the function and {id}, an evaluation"),
            beyond().map(|ns| format!("{ns:.0} ns")),
            "< 1000 ns",
        );
    }
    table.to_string()
}

/// Median nanoseconds of one iteration, from criterion's own record of this run.
fn median(output: &Path, group: &str, name: &str) -> Option<f64> {
    let path = output.join(group).join(name).join("new/estimates.json");
    let estimates: Value = serde_json::from_str(&fs::read_to_string(path).ok()?).ok()?;
    estimates["median"]["point_estimate"].as_f64()
}
