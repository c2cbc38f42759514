//! `kill -9` at random moments: the end is that of a run that was left alone, and nothing is left beside it.

use std::{
    error::Error,
    fs,
    process::Stdio,
    thread::sleep,
    time::{Duration, Instant},
};

use moths::Key;
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::support::{Tested, events, facts, last, leftovers, moths, run, runs, timeless};

/// How many kills there are in all where nobody says.
const KILLS: u64 = 24;

/// The most kills of one life.
const MOST: u64 = 10;

/// Lives are taken to be as long as this at least.
const SHORTEST: Duration = Duration::from_millis(50);

/// What is killed, and how it goes on.
struct Victim {
    line: &'static str,
    /// How it goes on once this file is there; as it began otherwise.
    resume: Option<(&'static str, &'static str)>,
}

const VICTIMS: [Victim; 4] = [
    Victim {
        line: "minimize rastrigin --dim 30 --optimizer pso --evaluations 60000 --every 200 --checkpoint run.ckpt",
        resume: Some(("run.ckpt", "minimize --resume run.ckpt --out out")),
    },
    Victim {
        line: "train digits --optimizer open-es --evaluations 3000 --every 50 --checkpoint run.ckpt",
        resume: Some(("run.ckpt", "train --resume run.ckpt --out out")),
    },
    Victim { line: "bench ackley,levy --optimizers pso,sep-cma-es --dims 5 --seeds 40 --budget 2000 --threads 2", resume: None },
    Victim { line: "race ackley --dim 5 --optimizers pso,sep-cma-es --seeds 40 --evaluations 10000 --threads 2", resume: None },
];

#[test]
fn kills_change_nothing() -> Tested {
    let kills = std::env::var("MOTHS_KILLS").ok().map_or(Ok(KILLS), |number| number.parse())?;
    for (i, victim) in VICTIMS.iter().enumerate() {
        let left_alone = tempdir()?;
        let began = Instant::now();
        events(&left_alone, &victim.started())?;
        let alone = victim.end(&left_alone)?;
        let mut moments = Moments { key: Key::new(i as u64), within: began.elapsed() };
        let (mut done, mut lives) = (0, 0);
        while done < kills / VICTIMS.len() as u64 {
            let place = tempdir()?;
            let killed = victim.live(&place, &moments, MOST * lives)?;
            // The machine was slower when the life was measured.
            moments.within = if killed == 0 { (moments.within / 2).max(SHORTEST) } else { moments.within };
            (done, lives) = (done + killed, lives + 1);
            assert_eq!(victim.end(&place)?, alone, "{}: life {lives}, kill {done}", victim.line);
            assert_eq!(leftovers(place.path())?, Vec::<std::path::PathBuf>::new(), "{}: life {lives}", victim.line);
        }
        println!("{}: {done} kills in {lives} lives of {:.2} s", victim.line, moments.within.as_secs_f64());
    }
    Ok(())
}

/// Random moments of a life, reproducible as far as the machine is.
struct Moments {
    key: Key,
    within: Duration,
}

impl Moments {
    /// The n-th: mostly early, so that a life has several.
    fn at(&self, n: u64) -> Duration {
        let chance = self.key.fold(n).to_bits() as f64 / u64::MAX as f64;
        self.within.mul_f64(chance * chance)
    }
}

impl Victim {
    fn started(&self) -> String {
        format!("{} --out out", self.line)
    }

    fn next(&self, place: &TempDir) -> String {
        match self.resume {
            Some((file, line)) if place.path().join(file).exists() => line.into(),
            _ => self.started(),
        }
    }

    /// Is started, killed and started again until it ends before it is killed; gives how often it was.
    fn live(&self, place: &TempDir, moments: &Moments, from: u64) -> Result<u64, Box<dyn Error>> {
        for kills in 0..MOST {
            let mut child = moths(place, &self.next(place)).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
            sleep(moments.at(from + kills));
            child.kill()?;
            let output = child.wait_with_output()?;
            match output.status.code() {
                None => {}
                Some(0) => return Ok(kills),
                Some(code) => {
                    return Err(format!("{} ended with {code}: {}", self.line, String::from_utf8(output.stderr)?).into());
                }
            }
        }
        let output = run(place, &self.next(place))?;
        assert!(output.status.success(), "{output:?}");
        Ok(MOST)
    }

    /// All that is left of it, but for clocks.
    fn end(&self, place: &TempDir) -> Result<Value, Box<dyn Error>> {
        let out = place.path().join("out");
        if let Some((_, resume)) = self.resume {
            // It has ended: it says the same again.
            let end = last(events(place, resume)?);
            return Ok(json!([facts(&end), timeless(&out.join("curve.csv"))?]));
        }
        let table = ["race.csv", "traces.csv"].map(|name| out.join(name)).into_iter().find(|path| path.exists());
        let rows = fs::read_to_string(table.ok_or("no table")?)?;
        let clock = rows.lines().next().and_then(|head| head.split(',').position(|name| name == "seconds"));
        let row = |row: &str| {
            row.split(',').enumerate().filter(|(i, _)| Some(*i) != clock).map(|(_, cell)| cell.to_owned() + ",").collect()
        };
        Ok(json!([runs(&out)?, rows.lines().map(row).collect::<Vec<String>>()]))
    }
}
