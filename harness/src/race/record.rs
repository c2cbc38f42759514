//! What a race's folder keeps: `race.json` says of what race, `runs.jsonl` holds its runs, so that none is run twice.

use moths::Spec;
use serde::{Deserialize, Serialize};

use super::{Heat, Race};
use crate::{
    Error, Result,
    bench::manifest::same,
    curve::{Curve, Row},
    lives::Lives,
    problem::{Measure, Options},
    store::Kept,
};

/// The format of such folders. A folder of another format is refused.
const FORMAT: u32 = 1;

/// What was raced, and for how long.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// That of the program that wrote it.
    pub format: u32,
    /// The program and its version.
    pub program: String,
    /// The address of the problem.
    pub problem: String,
    /// What it was built with beyond what its address says.
    #[serde(default)]
    pub options: Options,
    /// The budget of each run.
    pub evaluations: u64,
}

impl Manifest {
    /// The manifest of a race.
    pub fn of(race: &Race) -> Self {
        Self {
            format: FORMAT,
            program: crate::bench::Manifest::this_program(),
            problem: race.address(),
            options: race.options.of_the_run(),
            evaluations: race.evaluations,
        }
    }
}

/// One run: a line of `runs.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Who ran.
    pub optimizer: Spec,
    /// Its seed.
    pub seed: u64,
    /// The evaluations it was allowed.
    pub budget: u64,
    /// Why it failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    /// Its curve: evaluations, seconds, the lowest loss, and the figures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    rows: Vec<(u64, Number, Number, Vec<Number>)>,
    /// Who was born in it.
    #[serde(default, skip_serializing_if = "Lives::is_empty")]
    lives: Lives,
}

/// A number that is read back as it was; what is not finite is a word, as JSON has none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Number {
    Finite(f64),
    Other(String),
}

impl From<f64> for Number {
    fn from(number: f64) -> Self {
        if number.is_finite() { Self::Finite(number) } else { Self::Other(number.to_string()) }
    }
}

impl Number {
    fn value(&self) -> Option<f64> {
        match self {
            Self::Finite(number) => Some(*number),
            Self::Other(word) => word.parse().ok(),
        }
    }
}

impl Record {
    /// What is kept of a run of this race.
    pub fn of(race: &Race, heat: &Heat) -> Self {
        let row = |row: &Row| {
            let figures = row.figures.iter().map(|figure| Number::from(*figure)).collect();
            (row.evaluations, row.seconds.into(), row.lowest.into(), figures)
        };
        Self {
            optimizer: heat.racer.clone(),
            seed: heat.seed,
            budget: race.evaluations,
            failure: heat.outcome.as_ref().err().cloned(),
            rows: heat.outcome.iter().flat_map(Curve::rows).map(row).collect(),
            lives: heat.lives.clone(),
        }
    }

    /// The run that it was; none if a figure is missing.
    pub fn heat(self, measures: &[Measure], budget: u64) -> Option<Heat> {
        let row = |(evaluations, seconds, lowest, figures): &(u64, Number, Number, Vec<Number>)| {
            let figures: Vec<f64> = figures.iter().map(Number::value).collect::<Option<_>>()?;
            let row = Row { evaluations: *evaluations, seconds: seconds.value()?, lowest: lowest.value()?, figures };
            (row.figures.len() == measures.len()).then_some(row)
        };
        let outcome = match self.failure {
            Some(why) => Err(why),
            None if self.rows.is_empty() => return None,
            None => Ok(Curve::of(measures, budget, self.rows.iter().map(row).collect::<Option<_>>()?)),
        };
        Some(Heat { racer: self.optimizer, seed: self.seed, outcome, lives: self.lives })
    }
}

impl Kept for Record {
    type Manifest = Manifest;
    const MANIFEST: &'static str = "race.json";
    const FORMAT: u32 = FORMAT;

    fn joined(there: Manifest, wanted: &Manifest) -> Result<Manifest> {
        same("the program", &there.program, &wanted.program)?;
        same("problem", &there.problem, &wanted.problem)?;
        same("--evaluations", &there.evaluations, &wanted.evaluations)?;
        let [before, now] = [&there.options, &wanted.options].map(|options| serde_json::to_value(options).map_err(no_json));
        same("the options", &before?, &now?)?;
        Ok(there)
    }

    fn misfit(&self, manifest: &Manifest) -> Option<String> {
        let evaluations = manifest.evaluations;
        let other = self.budget != evaluations;
        other.then(|| format!("a run of {} evaluations, where `{}` says {evaluations}", self.budget, Self::MANIFEST))
    }
}

fn no_json(error: serde_json::Error) -> Error {
    Error::unsupported("the options", format!("are no JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_read_back_to_the_bit() -> serde_json::Result<()> {
        let race = Race { problem: "sphere".into(), options: Options::default(), racers: vec![], seeds: 1, evaluations: 9 };
        let numbers = [0.1, -0.0, f64::MIN_POSITIVE / 3.0, 1e300, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
        let row = |lowest: &f64| Row { evaluations: u64::MAX, seconds: 1.5, lowest: *lowest, figures: vec![-lowest] };
        let curve = Curve::of(&[Measure::LOSS], 9, numbers.iter().map(row).collect());
        let heat = Heat { racer: Spec::new("pso"), seed: 3, outcome: Ok(curve.clone()), lives: Lives::default() };
        let line = serde_json::to_string(&Record::of(&race, &heat))?;
        let read = serde_json::from_str::<Record>(&line)?.heat(&[Measure::LOSS], 9).and_then(|heat| heat.outcome.ok());
        let bits = |curve: &Curve| -> Vec<_> {
            curve
                .rows()
                .iter()
                .map(|row| [row.lowest, row.figures[0]].map(|x| if x.is_nan() { 0 } else { x.to_bits() }))
                .collect()
        };
        assert_eq!(read.as_ref().map(bits), Some(bits(&curve)));
        assert!(serde_json::from_str::<Record>(&line)?.heat(&[], 9).is_none());
        Ok(())
    }

    #[test]
    fn births_are_read_back_and_only_where_there_were_any() -> serde_json::Result<()> {
        let race = Race { problem: "sphere".into(), options: Options::default(), racers: vec![], seeds: 1, evaluations: 9 };
        let row = Row { evaluations: 9, seconds: 1.5, lowest: 0.5, figures: vec![0.5] };
        let birth = |life| moths::optimizer::Birth { life, place: 7, parents: vec![3], spec: Spec::new("spsa") };
        let mut some = Lives::default();
        some.add(&[birth(4), birth(5)], &moths::run::Tally { steps: 2, evaluations: 8, ..Default::default() });
        let without = r#"{"optimizer":"swarm","seed":3,"budget":9,"rows":[[9,1.5,0.5,[0.5]]]}"#;
        for lives in [Lives::default(), some] {
            let curve = Curve::of(&[Measure::LOSS], 9, vec![row.clone()]);
            let heat = Heat { racer: Spec::new("swarm"), seed: 3, outcome: Ok(curve), lives: lives.clone() };
            let line = serde_json::to_string(&Record::of(&race, &heat))?;
            assert_eq!(line == without, lives.is_empty(), "{line}");
            let read = serde_json::from_str::<Record>(&line)?.heat(&[Measure::LOSS], 9);
            assert_eq!(read.map(|heat| heat.lives), Some(lives));
        }
        Ok(())
    }
}
