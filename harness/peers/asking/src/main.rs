//! Optimizers of other Rust libraries that ask for losses: `asking METHOD DIM SEED` prints points, a line each, and reads the loss of each
//! from a line before it goes on. `methods.py` starts it; it goes on until its input ends.

mod of_argmin;
mod of_basin;

use std::cell::RefCell;
use std::io::{StdinLock, StdoutLock, Write, stdin, stdout};
use std::rc::Rc;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Ends of the box in every coordinate.
const BOX: (f64, f64) = (-5.0, 5.0);
/// The first step, where one is asked for.
const STEP: f64 = 2.0;
/// As those of `methods.py`.
const LOSS_TOLERANCE: f64 = 1e-11;
const POINT_TOLERANCE: f64 = 1e-10;

/// A method: it searches from a start, until it has converged, again and again.
type Search = fn(&Asked, usize);

const METHODS: &[(&str, Search)] = &[
    ("basin-cma-es", of_basin::cma_es),
    ("basin-ma-ls-cma", of_basin::ma_ls_cma),
    ("basin-bobyqa", of_basin::bobyqa),
    ("basin-gbnm", of_basin::gbnm),
    ("basin-lbfgsb", of_basin::lbfgsb),
    ("basin-slsqp", of_basin::slsqp),
    ("argmin-neldermead", of_argmin::nelder_mead),
    ("argmin-lbfgs", of_argmin::lbfgs),
    ("argmin-pso", of_argmin::particle_swarm),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [method, dim, seed] = &arguments[..] else { usage() };
    let Some((_, search)) = METHODS.iter().find(|(name, _)| name == method) else { usage() };
    let (Ok(dim), Ok(seed)) = (dim.parse(), seed.parse()) else { usage() };
    let asked = Asked::new(dim, seed);
    for restart in 0.. {
        search(&asked, restart);
    }
}

fn usage() -> ! {
    let names: Vec<&str> = METHODS.iter().map(|(name, _)| *name).collect();
    eprintln!("usage: asking METHOD DIM SEED, with a method of {}", names.join(", "));
    std::process::exit(2)
}

/// The function at the other end of the pipe. Libraries keep their own clone of it.
#[derive(Clone)]
struct Asked {
    lines: Rc<RefCell<(StdoutLock<'static>, StdinLock<'static>)>>,
    rng: Rc<RefCell<StdRng>>,
    lower: Vec<f64>,
    upper: Vec<f64>,
}

impl Asked {
    fn new(dim: usize, seed: u64) -> Self {
        Self {
            lines: Rc::new(RefCell::new((stdout().lock(), stdin().lock()))),
            rng: Rc::new(RefCell::new(StdRng::seed_from_u64(seed))),
            lower: vec![BOX.0; dim],
            upper: vec![BOX.1; dim],
        }
    }

    /// The loss at a point. Ends the program where nobody answers any more.
    fn loss(&self, x: &[f64]) -> f64 {
        let (output, input) = &mut *self.lines.borrow_mut();
        let numbers: Vec<String> = x.iter().map(f64::to_string).collect();
        let mut answer = String::new();
        let sent = writeln!(output, "{}", numbers.join(" ")).and_then(|()| output.flush());
        if sent.is_err() || std::io::BufRead::read_line(input, &mut answer).is_ok_and(|bytes| bytes == 0) {
            std::process::exit(0);
        }
        answer.trim().parse().expect("a loss")
    }

    fn start(&self) -> Vec<f64> {
        self.lower.iter().map(|_| self.rng.borrow_mut().random_range(-4.0..4.0)).collect()
    }

    /// A seed for a library's own generator.
    fn seed(&self) -> u64 {
        self.rng.borrow_mut().random()
    }
}
