//! Minimises a plain function, with every optimizer that is registered.
//!
//! `cargo run --example black_box`

use moths::{Function, Key, Space, Spec, Stop, minimize, registry};

fn rosenbrock(x: &[f64]) -> f64 {
    x.windows(2).map(|x| 100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2)).sum()
}

fn main() -> moths::Result<()> {
    let space = Space::bounded([(-2.0, 2.0); 5])?;
    for entry in registry::entries() {
        let mut objective = Function::new(space.clone(), rosenbrock);
        let mut optimizer = registry::build(&Spec::new(entry.meta.id), &space, Key::new(1))?;
        match minimize(&mut *optimizer, &mut objective, &Stop::evaluations(20_000).or_target(1e-9)) {
            Ok(outcome) => {
                // Of a function one wants the best point seen; the answer, a mean for instance, may lie above it.
                let (best, answer) = (outcome.best.as_ref().map_or(f64::NAN, |best| best.loss), outcome.values()?);
                let (answer, tally) = (rosenbrock(&answer.to_vec1()?), &outcome.tally);
                let used = format!("{:6} evaluations, {:.3} s", tally.evaluations, tally.seconds);
                println!("{:26} best {best:9.2e}, answer {answer:9.2e} after {used}", entry.meta.id);
            }
            Err(error) => println!("{:26} {error}", entry.meta.id),
        }
    }
    Ok(())
}
