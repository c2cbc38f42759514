use std::cell::Cell;

use moths_core::{Function, objective::layer::Budget};
use moths_evolution as _;

use super::*;

fn ellipsoid(x: &[f64]) -> f64 {
    x.iter().enumerate().map(|(i, x)| 10f64.powi(i as i32) * (x - 0.5).powi(2)).sum()
}

fn built(spec: &str, space: &Space) -> Box<dyn Optimizer> {
    registry::build(&spec.parse().unwrap(), space, Key::new(3)).unwrap()
}

/// The first generation has no model, and is evaluated whole; a quadratic function soon takes one evaluation a generation.
#[test]
fn a_model_that_ranks_well_spares_evaluations() -> Result<()> {
    let space = Space::bounded([(-5.0, 5.0); 3])?;
    let mut optimizer = built(r#"{"name": "surrogate", "inner": "cma-es"}"#, &space);
    let mut objective = Budget::count(Function::new(space, ellipsoid));
    let steps: Vec<u64> =
        (0..40).map(|_| optimizer.step(&mut objective).map(|report| report.evaluations)).collect::<Result<_>>()?;
    assert!(steps[..2].contains(&7) && steps[2..20].iter().sum::<u64>() <= 36, "{steps:?}");
    assert_eq!(steps.iter().sum::<u64>(), objective.used());
    Ok(())
}

/// What is reported was evaluated, whatever the model said.
#[test]
fn only_true_losses_are_reported() -> Result<()> {
    let (space, lowest) = (Space::bounded([(-5.0, 5.0); 3])?, Cell::new(f64::INFINITY));
    let rugged = |x: &[f64]| ellipsoid(x) + x.iter().map(|x| (9.0 * x).sin()).sum::<f64>();
    for inner in ["cma-es", "genetic", "de", "sep-cma-es"] {
        let mut optimizer = built(&format!(r#"{{"name": "surrogate", "inner": "{inner}"}}"#), &space);
        let mut objective = Function::new(space.clone(), |x| {
            lowest.set(lowest.get().min(rugged(x)));
            rugged(x)
        });
        for _ in 0..50 {
            lowest.set(f64::INFINITY);
            assert_eq!(optimizer.step(&mut objective)?.loss, lowest.get(), "{inner}");
        }
    }
    Ok(())
}

/// Half of the box fails: failures stay failures, and the search goes on.
#[test]
fn failures_are_no_values() -> Result<()> {
    let space = Space::bounded([(-5.0, 5.0); 2])?;
    let mut optimizer = built(r#"{"name": "surrogate", "inner": "cma-es"}"#, &space);
    let mut objective = Function::new(space.clone(), |x| if x[0] < 0.0 { f64::NAN } else { ellipsoid(x) });
    for _ in 0..60 {
        optimizer.step(&mut objective)?;
    }
    let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
    assert!(ellipsoid(&answer) < 1e-3, "{answer:?}");
    Ok(())
}

#[test]
fn too_many_parameters_are_refused() {
    let space = Space::real(1000).unwrap();
    let refused =
        registry::build(&Spec::new("surrogate").with("inner", "sep-cma-es").unwrap(), &space, Key::new(1)).err().unwrap();
    assert_eq!(refused.to_string(), "surrogate models at most 999 parameters, not 1000");
}
