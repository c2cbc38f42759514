//! Who was born of whom, from a step's report to files: of an ensemble that is none, but says that its members come and go.

use std::{ffi::OsString, fs, path::Path, process::ExitCode, sync::atomic::AtomicBool};

use moths_core::{
    CowTensor, Key, Objective, Optimizer, Report, Result, Space, Spec,
    optimizer::{Algorithm, Birth, Capabilities, Family, Meta},
    persist, register, registry,
};
use moths_harness::{
    cli,
    lives::Life,
    problem,
    race::{Race, Standing},
    report,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Tested;

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct FlockConfig {}

/// Two random points a step, and the word that three members began, and that after every eighth step the next one in turn gave its place to a
/// child of the last.
struct Flock {
    inner: Box<dyn Optimizer>,
    steps: u64,
}

persist!(Flock { inner, steps });
register!(Flock);

impl Algorithm for Flock {
    const META: Meta =
        Meta::new("flock", Family::Ensemble, "Says that members come and go.", "none").capabilities(Capabilities::NONE);
    type Config = FlockConfig;

    fn new(_: FlockConfig, space: &Space, key: Key) -> Result<Self> {
        Ok(Self { inner: registry::build(&Spec::new("random-search").with("candidates", 2)?, space, key)?, steps: 0 })
    }
}

impl Optimizer for Flock {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let report = self.inner.step(objective)?;
        self.steps += 1;
        let born = |life: u64, parents: Vec<u64>| -> Result<Birth> {
            Ok(Birth { life, place: life % 3, parents, spec: Spec::new("spsa").with("rate", 0.1 / (1.0 + life as f64))? })
        };
        Ok(match self.steps {
            1 => report.with_births((0..3).map(|life| born(life, vec![])).collect::<Result<Vec<_>>>()?),
            t if t % 8 == 0 => report.with_births([born(2 + t / 8, vec![1 + t / 8])?]),
            _ => report,
        })
    }

    fn answer(&self) -> Result<CowTensor> {
        self.inner.answer()
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.inner.move_to(at)
    }
}

fn race(seeds: u64) -> Race {
    let racers = vec![Spec::new("flock"), Spec::new("pso")];
    Race { problem: "sphere".into(), options: problem::Options::default(), racers, seeds, evaluations: 400 }
}

/// A race in this folder.
fn raced(folder: &Path, seeds: u64) -> Result<Standing> {
    let opened = race(seeds).open(folder)?;
    Ok(race(seeds).go_on(opened, 1, &(), &AtomicBool::new(false))?.0)
}

#[test]
fn a_race_keeps_who_was_born_and_shows_it_again() -> Tested {
    let place = tempfile::tempdir()?;
    let html = report::html(&raced(place.path(), 1)?, "moths race sphere")?;
    assert!(
        html.matches("class=\"tree\"").count() == 1 && html.contains("Seed 1: 28 lives, 3 of them without parents"),
        "{html}"
    );
    let lines = fs::read_to_string(place.path().join("runs.jsonl"))?;
    let births = |line: &str| -> serde_json::Result<Value> { Ok(serde_json::from_str::<Value>(line)?["lives"].clone()) };
    for line in lines.lines() {
        let births = births(line)?;
        assert_eq!(births.as_array().map(Vec::len), line.contains("flock").then_some(28), "{line}");
        assert!(
            births.is_null()
                || births[3]
                    == serde_json::json!({ "evaluations": 16, "life": 3, "place": 0, "parents": [2], "spec": { "name": "spsa", "rate": 0.025 } }),
            "{births}"
        );
    }
    // From the folder alone.
    assert_eq!(report::html(&raced(place.path(), 1)?, "moths race sphere")?, html);
    // A folder of before, when nobody kept births: its runs count, and only new ones have a tree.
    let without = lines.lines().map(|line| -> serde_json::Result<String> {
        let mut run: Value = serde_json::from_str(line)?;
        let fields = run.as_object_mut().map(|run| (run.remove("lives"), run.remove("check")));
        assert!(fields.is_some_and(|(_, check)| check.is_some()));
        Ok(run.to_string() + "\n")
    });
    fs::write(place.path().join("runs.jsonl"), without.collect::<serde_json::Result<String>>()?)?;
    assert!(!report::html(&raced(place.path(), 1)?, "")?.contains("class=\"tree\""));
    let html = report::html(&raced(place.path(), 2)?, "")?;
    assert!(html.contains("Seed 2, the best of 2 runs: 28 lives"), "{html}");
    Ok(())
}

fn moths(line: &str, place: &Path) -> ExitCode {
    let place = place.display().to_string();
    cli::run(["moths".to_owned()].into_iter().chain(line.split(' ').map(|word| word.replace('@', &place))).map(OsString::from))
}

#[test]
fn a_run_leaves_who_was_born_once_however_often_it_went_on() -> Tested {
    let place = tempfile::tempdir()?;
    let lives = |out: &str| fs::read_to_string(place.path().join(out).join("lives.jsonl"));
    let line = "minimize sphere --optimizer flock --horizon 600 --threads 1";
    let ended = |line: &str| assert_eq!(format!("{:?}", moths(line, place.path())), format!("{:?}", ExitCode::SUCCESS), "{line}");
    ended(&format!("{line} --evaluations 600 --out @/whole"));
    ended(&format!("{line} --evaluations 90 --out @/parts --checkpoint @/run.ckpt"));
    let first = lives("parts")?;
    for evaluations in [90, 200, 203, 600] {
        ended(&format!("minimize --resume @/run.ckpt --checkpoint @/run.ckpt --evaluations {evaluations} --out @/parts"));
    }
    assert_eq!(lives("parts")?, lives("whole")?);
    let all: Vec<Life> = lives("whole")?.lines().map(serde_json::from_str).collect::<serde_json::Result<_>>()?;
    assert_eq!(all.iter().map(|life| life.birth.life).collect::<Vec<_>>(), (0..40).collect::<Vec<_>>());
    assert!(all.iter().all(|life| life.evaluations == 16 * life.birth.life.saturating_sub(2)));
    assert!(lives("whole")?.starts_with(&first) && first.lines().count() == 8, "{first}");
    // One in which nobody is born leaves no file, and none of another run's; a file of somebody else's is not touched.
    ended("minimize sphere --optimizer pso --evaluations 90 --out @/whole");
    assert!(lives("whole").is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound));
    fs::write(place.path().join("whole/lives.jsonl"), "nine\n")?;
    ended("minimize sphere --optimizer pso --evaluations 90 --out @/whole");
    assert_eq!(lives("whole")?, "nine\n");
    Ok(())
}
