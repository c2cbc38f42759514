//! How many candidates a second the networks of the suite `net` are evaluated for: what `harness/peers/population.py` measures of JAX and evosax.
//!
//! `RAYON_NUM_THREADS=1 cargo run -p moths-cli --example networks -- [FOLDER OF MNIST] [--seconds S]`
//!
//! A population is of 64. `evaluate`: its candidates lie there as numbers, as they do for JAX. `step`: a whole step of `open-es`, of which they are seeds, asks,
//! evaluates and tells; `rank 1`: one of `low-rank-es`. Medians of seven turns, in microseconds a candidate, by the clock and by what processors did.

use std::{error::Error, fs, time::Instant};

use moths::{Batch, Key, Objective, Result, Sampler, Spec, objective::Probe, registry};
use moths_harness::problem::{Options, find};

const POPULATION: u64 = 64;
const TURNS: usize = 7;

/// Seconds by the clock and of processors, since some time.
fn now() -> (Instant, f64) {
    // User and system time in hundredths of a second (Linux).
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = [11, 12].iter().filter_map(|i| fields.get(*i)?.parse::<f64>().ok()).sum::<f64>();
    (Instant::now(), ticks / 100.0)
}

/// Microseconds a candidate, by the clock and by processors.
fn measure(seconds: f64, mut work: impl FnMut() -> Result<()>) -> Result<[f64; 2]> {
    work()?;
    let mut turns = vec![];
    for _ in 0..TURNS {
        let ((began, processors), mut times) = (now(), 0);
        while began.elapsed().as_secs_f64() < seconds || times == 0 {
            work()?;
            times += 1;
        }
        let each = 1e6 / (times * POPULATION) as f64;
        turns.push([began.elapsed().as_secs_f64() * each, (now().1 - processors) * each]);
    }
    Ok([0, 1].map(|i| {
        let mut times: Vec<f64> = turns.iter().map(|turn| turn[i]).collect();
        times.sort_by(f64::total_cmp);
        times[TURNS / 2]
    }))
}

fn step(name: &str, objective: &mut dyn Objective, seconds: f64) -> Result<[f64; 2]> {
    let settings = format!(
        r#"{{"name": "{name}", "pairs": {}, "sigma": 0.01, "descent": {{"name": "sgd", "rate": 0.0001}}}}"#,
        POPULATION / 2
    );
    let mut optimizer = registry::build(&settings.parse::<Spec>()?, objective.space(), Key::new(1))?;
    measure(seconds, || optimizer.step(objective).map(|_| ()))
}

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let (mut folder, mut seconds) = (None, 0.5);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match &*argument {
            "--seconds" => seconds = arguments.next().ok_or("--seconds needs a number")?.parse()?,
            _ => folder = Some(argument.into()),
        }
    }
    println!(
        "{:18}{:>10}{:>22}{:>22}{:>22}{:>14}",
        "network", "parameters", "evaluate (cpu)", "step (cpu)", "rank 1 (cpu)", "candidates/s"
    );
    for name in ["digits", "mnist-mlp", "mnist-cnn", "mlp-1m", "char-transformer"] {
        let options = Options { data: folder.clone().filter(|_| name.starts_with("mnist")), ..Options::default() };
        if name.starts_with("mnist") && folder.is_none() {
            continue;
        }
        let mut objective = find(name)?.build(&options)?.objective(1)?;
        let space = objective.space().clone();
        let probes: Vec<Probe> = (0..POPULATION).map(|i| Probe::new(Key::new(i), 0.01)).collect();
        let ready = Batch::Dense(Batch::seeded(&space.start(), Sampler::Normal.over(&space), probes).dense(&space)?);
        let evaluate = measure(seconds, || objective.evaluate(&ready).map(|_| ()))?;
        let all = [evaluate, step("open-es", &mut *objective, seconds)?, step("low-rank-es", &mut *objective, seconds)?];
        let [evaluate, step, low] = all.map(|[clock, processors]| format!("{clock:.1} ({processors:.1})"));
        println!("{name:18}{:>10}{evaluate:>22}{step:>22}{low:>22}{:>14.0}", space.dim(), 1e6 / all[1][0]);
    }
    Ok(())
}
