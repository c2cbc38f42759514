//! How a run went: rows of figures, and the CSV of them.

use moths::{
    persist::{Fields, Persist},
    run::Tally,
};

use crate::{Error, Result, problem::Measure};

/// How many rows the curve of a run of full length has.
const ROWS: u64 = 200;

/// Rows at places that follow from the budget alone, so that a resumed run has the same ones.
#[derive(Clone, Debug)]
pub struct Curve {
    measures: Vec<Measure>,
    every: u64,
    rows: Vec<Row>,
}

/// What was known after so many evaluations.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Loss evaluations used.
    pub evaluations: u64,
    /// Seconds spent in steps.
    pub seconds: f64,
    /// The lowest loss of any candidate.
    pub lowest: f64,
    /// One figure a measure of the problem, of the answer.
    pub figures: Vec<f64>,
}

impl Row {
    /// What a tally says, and these figures.
    pub fn of(tally: &Tally, figures: Vec<f64>) -> Self {
        Self { evaluations: tally.evaluations, seconds: tally.seconds, lowest: tally.lowest, figures }
    }
}

impl Curve {
    /// No rows yet.
    pub fn new(measures: &[Measure], budget: u64) -> Self {
        Self { measures: measures.to_vec(), every: budget.div_ceil(ROWS).max(1), rows: vec![] }
    }

    /// No rows yet, with so many evaluations between two.
    pub fn at_every(measures: &[Measure], every: u64) -> Self {
        Self { measures: measures.to_vec(), every: every.max(1), rows: vec![] }
    }

    /// The curve of a run that is over, from its rows.
    pub fn of(measures: &[Measure], budget: u64, rows: Vec<Row>) -> Self {
        Self { rows, ..Self::new(measures, budget) }
    }

    /// What the figures of its rows are.
    pub fn measures(&self) -> &[Measure] {
        &self.measures
    }

    /// The rows, in order.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// How many evaluations lie between two rows.
    pub fn every(&self) -> u64 {
        self.every
    }

    /// Is it time for a row?
    pub fn is_due(&self, evaluations: u64) -> bool {
        self.rows.last().is_none_or(|last| evaluations / self.every > last.evaluations / self.every)
    }

    /// Adds a row.
    pub fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// The same curve up to a last row, wherever it is.
    pub fn ending_with(mut self, last: Row) -> Self {
        self.rows.retain(|row| row.evaluations < last.evaluations);
        self.rows.push(last);
        self
    }

    /// The CSV: `evaluations,seconds,lowest` and the measures. What is not finite is left empty.
    ///
    /// # Errors
    /// When the CSV writer fails; in memory it does not.
    pub fn csv(&self) -> Result<String> {
        let head = ["evaluations", "seconds", "lowest"].into_iter().chain(self.measures.iter().map(|m| m.name));
        let body = self.rows.iter().map(|row| {
            let numbers = [row.seconds, row.lowest].into_iter().chain(row.figures.iter().copied());
            std::iter::once(row.evaluations.to_string()).chain(numbers.map(cell)).collect()
        });
        table(head.map(str::to_owned).collect(), body)
    }
}

/// A number as a CSV cell: shortest form that reads back the same, empty where it is not finite.
pub fn cell(number: f64) -> String {
    if number.is_finite() { number.to_string() } else { String::new() }
}

/// A CSV of a head and rows.
///
/// # Errors
/// When rows differ in length.
pub fn table(head: Vec<String>, body: impl IntoIterator<Item = Vec<String>>) -> Result<String> {
    let failed = |e: String| Error::unsupported("the CSV", format!("cannot be written: {e}"));
    let mut writer = csv::Writer::from_writer(vec![]);
    for record in std::iter::once(head).chain(body) {
        writer.write_record(record).map_err(|e| failed(e.to_string()))?;
    }
    let bytes = writer.into_inner().map_err(|e| failed(e.to_string()))?;
    String::from_utf8(bytes).map_err(|e| failed(e.to_string()))
}

/// A checkpoint holds the curve so far.
impl Persist for Curve {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        let width = 2 + self.measures.len();
        let mut evaluations: Vec<u64> = self.rows.iter().map(|row| row.evaluations).collect();
        let mut numbers: Vec<f64> =
            self.rows.iter().flat_map(|row| [&[row.seconds, row.lowest], row.figures.as_slice()].concat()).collect();
        fields.within("evaluations", &mut evaluations, ..)?;
        if !evaluations.is_sorted() {
            return Err(fields.refusal("`evaluations` are not in order".into()));
        }
        let len = evaluations.len().saturating_mul(width);
        fields.within("numbers", &mut numbers, len..=len)?;
        let rows = evaluations.into_iter().zip(numbers.chunks(width));
        self.rows = rows
            .map(|(evaluations, row)| Row { evaluations, seconds: row[0], lowest: row[1], figures: row[2..].to_vec() })
            .collect();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve() -> Curve {
        let mut curve = Curve::new(&[Measure::LOSS], 1000);
        curve.push(Row { evaluations: 0, seconds: 0.0, lowest: f64::INFINITY, figures: vec![2.5] });
        curve.push(Row { evaluations: 8, seconds: 0.25, lowest: 0.1, figures: vec![f64::NAN] });
        curve
    }

    #[test]
    fn rows_are_due_at_multiples_of_their_distance() {
        let curve = curve();
        assert_eq!(curve.every(), 5);
        assert!(!curve.is_due(8) && !curve.is_due(9) && curve.is_due(10));
        assert!(Curve::new(&[], 1).is_due(0));
    }

    #[test]
    fn the_csv_leaves_out_what_is_not_finite() -> Result<()> {
        assert_eq!(curve().csv()?, "evaluations,seconds,lowest,loss\n0,0,,2.5\n8,0.25,0.1,\n");
        Ok(())
    }

    #[test]
    fn a_last_row_replaces_one_at_the_same_place() {
        let last = Row { evaluations: 8, seconds: 0.5, lowest: 0.1, figures: vec![0.1] };
        let ended = curve().ending_with(last.clone());
        assert_eq!((ended.rows().len(), ended.rows().last()), (2, Some(&last)));
    }

    #[test]
    fn a_curve_survives_being_saved() -> Result<()> {
        let state = moths::persist::State::of(&mut curve())?;
        let mut empty = Curve::new(&[Measure::LOSS], 1000);
        state.restore(&mut empty, moths::persist::Keep::Nothing)?;
        assert_eq!(empty.csv()?, curve().csv()?);
        assert!(state.restore(&mut Curve::new(&[], 1000), moths::persist::Keep::Nothing).is_err());
        Ok(())
    }
}
