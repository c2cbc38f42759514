//! What was measured: members and rounds, by the number of parameters and the evaluations a parameter.
//!
//! `table.json` is made by `cargo run --release -p moths-cli --example auto_table` from runs of `moths bench`; nobody writes in it.

use std::{collections::BTreeMap, sync::OnceLock};

use moths_core::{Error, Result, Spec};
use serde::Deserialize;

use super::{choice::Choice, situation::Situation};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    /// By a short name.
    arms: BTreeMap<String, Spec>,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    dim: usize,
    /// Evaluations a parameter.
    budget: f64,
    members: Vec<String>,
    /// Evaluations a parameter.
    rounds: Vec<f64>,
    /// The share that is reached on functions that a row was not chosen by.
    held_out: f64,
}

fn table() -> Result<&'static Table> {
    static TABLE: OnceLock<std::result::Result<Table, String>> = OnceLock::new();
    let table = TABLE.get_or_init(|| serde_json::from_str(include_str!("table.json")).map_err(|e| e.to_string()));
    table.as_ref().map_err(|e| Error::invalid("the table of `auto`", "table.json", e.clone()))
}

/// The row that is nearest in the logarithms of parameters and budget.
pub(super) fn choice(situation: &Situation) -> Result<Choice> {
    let table = table()?;
    let (dim, budget) = (situation.dim as f64, situation.budget());
    let far = |row: &Row| libm::fabs(libm::log(row.dim as f64 / dim)) + libm::fabs(libm::log(row.budget / budget));
    let Some(row) = table.rows.iter().min_by(|a, b| far(a).total_cmp(&far(b))) else {
        return Err(Error::invalid("the table of `auto`", "no rows", "at least one"));
    };
    let members = row.members.iter().filter_map(|name| table.arms.get(name).cloned()).collect();
    let rounds = row.rounds.iter().map(|round| (round * dim).ceil() as u64).collect();
    let why = format!(
        "measured in {} dimensions at {} evaluations a parameter, where it reaches {:.3} of the targets of functions it was not chosen by",
        row.dim, row.budget, row.held_out
    );
    Ok(Choice { members, rounds, why })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_names_arms_and_rising_rounds() -> Result<()> {
        let table = table()?;
        assert!(!table.rows.is_empty());
        for row in &table.rows {
            assert!(!row.members.is_empty() && row.members.iter().all(|name| table.arms.contains_key(name)), "{:?}", row.members);
            let rise = row.rounds.windows(2).all(|pair| pair[0] < pair[1]);
            assert!(rise && row.rounds.len() >= row.members.len().next_power_of_two().ilog2() as usize, "{:?}", row.rounds);
        }
        Ok(())
    }
}
