//! What optimizers cost beside their objective, CPU time a candidate, ours and those of other Rust libraries in turns:
//! `RAYON_NUM_THREADS=1 cargo run --release`. All propose rows of numbers and are told the same irregular losses, ours in f32, theirs in f64.

mod ours;
mod theirs;

use std::time::Duration;

use comfy_table::Table;
use cpu_time::ProcessTime;

/// (parameters, candidates a step).
const SHAPES: [(usize, usize); 6] = [(10, 10), (100, 17), (1000, 32), (10_000, 64), (100_000, 256), (1_000_000, 32)];
/// Turns of each, of which the median counts.
const TURNS: usize = 5;
/// A turn takes so long at least, and so many steps where a matrix is decomposed now and then.
const TURN: Duration = Duration::from_millis(200);
const STEPS_WITH_A_MATRIX: usize = 64;

/// One step of an optimizer: propose, and be told losses.
type Step = Box<dyn FnMut()>;

/// A method, its steps here and elsewhere for (d, n), and the largest d.
struct Method {
    name: &'static str,
    peer: &'static str,
    largest: usize,
    ours: fn(usize, usize) -> Step,
    theirs: fn(usize, usize) -> Step,
}

const METHODS: &[Method] = &[
    Method { name: "cma-es", peer: "fcmaes-core", largest: 1000, ours: ours::cma_es, theirs: theirs::fcmaes_cma_es },
    Method { name: "cma-es", peer: "cmaes", largest: 1000, ours: ours::cma_es, theirs: theirs::cmaes },
    Method { name: "cr-fm-nes", peer: "fcmaes-core", largest: 100_000, ours: ours::cr_fm_nes, theirs: theirs::cr_fm_nes },
    Method { name: "pgpe", peer: "fcmaes-core", largest: 1_000_000, ours: ours::pgpe, theirs: theirs::pgpe },
    Method { name: "de", peer: "fcmaes-core", largest: 1_000_000, ours: ours::de, theirs: theirs::de },
];

fn main() {
    let only = std::env::args().nth(1);
    let mut table = Table::new();
    table.set_header(["method", "peer", "(d, n)", "moths, us a candidate", "peer", "moths / peer"]);
    for method in METHODS.iter().filter(|method| only.as_deref().is_none_or(|only| method.name == only)) {
        for (d, n) in SHAPES.into_iter().filter(|(d, _)| *d <= method.largest) {
            // Those that mirror candidates want an even number.
            let n = if method.name == "cma-es" { n } else { n.next_multiple_of(2) };
            let steps = if method.largest <= 1000 { STEPS_WITH_A_MATRIX } else { 1 };
            let mut subjects = [(method.ours)(d, n), (method.theirs)(d, n)];
            let mut seconds = [const { vec![] }; 2];
            for _ in 0..TURNS {
                for (step, seconds) in subjects.iter_mut().zip(&mut seconds) {
                    seconds.push(turn(step, steps));
                }
            }
            let [ours, theirs] = seconds.map(|seconds| 1e6 * median(seconds) / n as f64);
            let cells = [format!("({d}, {n})"), format!("{ours:.2}"), format!("{theirs:.2}"), format!("{:.2}", ours / theirs)];
            eprintln!("{} {}", method.name, cells.join(" "));
            table.add_row([method.name.to_owned(), method.peer.to_owned()].into_iter().chain(cells));
        }
    }
    println!("{table}");
}

/// CPU seconds of a step, of all threads.
fn turn(step: &mut Step, at_least: usize) -> f64 {
    let (start, mut steps) = (ProcessTime::now(), 0);
    while steps < at_least || start.elapsed() < TURN {
        step();
        steps += 1;
    }
    start.elapsed().as_secs_f64() / steps as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Numbers that fall irregularly, as the losses of a real run do.
struct Losses(u64);

impl Losses {
    fn next(&mut self, n: usize) -> Vec<f64> {
        self.0 += 1;
        let scatter = |i: u64| ((self.0 * 1000 + i).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f64;
        (0..n as u64).map(|i| scatter(i) / self.0 as f64).collect()
    }
}
