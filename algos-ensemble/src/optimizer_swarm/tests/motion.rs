//! What moves members: gravity, momentum, and whoever moves the swarm.

use moths_core::{CowTensor, Function, Optimizer, Result};

use super::{answers, bowl, build, run, space};

/// Moves nothing.
const STILL: &str = r#""members": [{"name": "spsa", "descent": {"name": "sgd", "rate": 1e-300}}], "init": "around", "old": null"#;

#[test]
fn gravity_and_momentum_move_members_as_they_say() -> Result<()> {
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} and {b}");
    let mut swarm =
        build(&format!(r#"{{"name": "optimizer-swarm", "size": 3, "gravity": 0.5, "power": 0.5, "towards": "mean", {STILL}}}"#))?;
    let before = answers(&mut swarm, 3)?;
    run(&mut *swarm, 1)?;
    let after = answers(&mut swarm, 3)?;
    for j in 0..4 {
        let mean = (before[0][j] + before[1][j] + before[2][j]) / 3.0;
        for i in 0..3 {
            let d = before[i][j] - mean;
            near(after[i][j], before[i][j] - d.signum() * (0.5 * d.abs().sqrt()).min(d.abs()));
        }
    }
    // The mean moves on the way it went.
    let mut swarm = build(&format!(r#"{{"name": "optimizer-swarm", "size": 2, "gravity": 0.5, "momentum": 0.9, {STILL}}}"#))?;
    let start = answers(&mut swarm, 2)?;
    run(&mut *swarm, 1)?;
    let (one, best) = (answers(&mut swarm, 2)?, swarm.answer()?.to_vec1::<f64>()?);
    run(&mut *swarm, 1)?;
    let two = answers(&mut swarm, 2)?;
    for j in 0..4 {
        let moved = (one[0][j] + one[1][j] - start[0][j] - start[1][j]) / 2.0;
        (0..2).for_each(|i| near(two[i][j], one[i][j] - 0.5 * (one[i][j] - best[j]) + 0.9 * moved));
    }
    Ok(())
}

/// A well whose gradient is the pull: a descent along exact gradients falls as on parameters, whatever its momentum makes of it.
#[test]
fn gravity_on_gradients_is_felt_by_what_follows_them() -> Result<()> {
    let flat = |_: &[f64]| 3.0;
    let spec = r#"{"name": "optimizer-swarm", "size": 2, "gravity": 0.25, "on": "gradients", "old": null, "init": "around",
        "members": [{"name": "forward-differences", "c": 1e-6, "calibrate": false, "clip": 0.0, "descent": {"name": "sgd", "rate": 0.1}}]}"#;
    let mut swarm = build(spec)?;
    let before = answers(&mut swarm, 2)?;
    let report = swarm.step(&mut Function::new(space(), flat))?;
    assert_eq!(report.loss, 3.0, "what is reported is the loss, not the well's");
    let after = answers(&mut swarm, 2)?;
    for j in 0..4 {
        let d = before[1][j] - before[0][j];
        assert!((after[1][j] - (before[1][j] - 0.1 * 0.25 * d)).abs() < 1e-5, "{} and {}", after[1][j], before[1][j]);
    }
    Ok(())
}

#[test]
fn a_swarm_that_is_moved_keeps_its_shape() -> Result<()> {
    let mut swarm = build(r#"{"name": "optimizer-swarm", "size": 3, "members": ["spsa"], "init": "around"}"#)?;
    run(&mut *swarm, 3)?;
    let (before, from) = (answers(&mut swarm, 3)?, swarm.answer()?.to_vec1::<f64>()?);
    let to = CowTensor::new((&*swarm.answer()? + 2.5)?);
    swarm.move_to(&to)?;
    assert_eq!(swarm.answer()?.to_vec1::<f64>()?, to.to_vec1::<f64>()?);
    for (now, before) in answers(&mut swarm, 3)?.iter().flatten().zip(before.iter().flatten()) {
        assert!((now - before - 2.5).abs() < 1e-12, "{from:?}");
    }
    Ok(())
}

#[test]
fn where_all_fail_everybody_stays() -> Result<()> {
    let mut swarm = build(r#"{"name": "optimizer-swarm", "size": 2, "members": ["spsa"], "noise": 0.5}"#)?;
    run(&mut *swarm, 2)?;
    let before = answers(&mut swarm, 2)?;
    swarm.step(&mut Function::new(space(), |_| f64::NAN))?;
    assert_eq!(answers(&mut swarm, 2)?, before);
    Ok(())
}

/// What remembers a loss sees another objective in each step through a well that moves.
#[test]
fn losses_through_different_wells_are_not_compared() -> Result<()> {
    let spec = r#"{"name": "optimizer-swarm", "size": 4, "on": "gradients", "gravity": 1.0, "init": "around", "old": null,
        "members": ["one-plus-one-es"]}"#;
    let mut swarm = build(spec)?;
    run(&mut *swarm, 300)?;
    assert!(bowl(&swarm.answer()?.to_vec1::<f64>()?) < 1e-2);
    Ok(())
}
