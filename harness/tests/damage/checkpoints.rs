//! Checkpoints.

use std::fs;

use serde_json::Value;
use tempfile::tempdir;

use crate::{
    bounded, by_chance, damages,
    sealed::Sealed,
    stream,
    support::{Tested, facts, said},
};

/// Optimizers of every kind of state, on functions and a model.
const RUNS: [&str; 11] = [
    "minimize rosenbrock --optimizer pso",
    "minimize rastrigin --optimizer jso",
    "minimize sphere --optimizer cma-es",
    r#"minimize rastrigin --optimizer {"name":"restart","scheme":"bipop","inner":{"name":"cma-es","sigma":1e-3}}"#,
    "minimize sphere --optimizer genetic",
    "minimize rastrigin --optimizer dual-annealing",
    "minimize ackley --optimizer convex-inf-order-walk",
    r#"minimize sphere --optimizer {"name":"undo","inner":{"name":"spsa","descent":"adamw"}}"#,
    "minimize ackley --optimizer asebo",
    "train spirals --optimizer open-es",
    r#"minimize sphere --optimizer {"name":"optimizer-swarm","size":4,"old":1,"die_after":1,"mutation":0.5}"#,
];

const RESUME: &str = "--resume run.ckpt --evaluations 600 --out out --json";

/// A run that was ended halfway: its checkpoint, and how it ends.
struct Base {
    bytes: Vec<u8>,
    end: Value,
    command: &'static str,
}

fn last(out: &str) -> Value {
    out.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default()
}

fn bases() -> Result<Vec<Base>, Box<dyn std::error::Error>> {
    let base = |line: &'static str| {
        let place = tempdir()?;
        said(&place, &format!("{line} --evaluations 300 --horizon 600 --seed 3 --checkpoint run.ckpt --out out"))?;
        let bytes = fs::read(place.path().join("run.ckpt"))?;
        let command = line.split(' ').next().unwrap_or_default();
        let end = last(&bounded(&place, &format!("{command} {RESUME}"))?.out);
        Ok(Base { bytes, end, command })
    };
    RUNS.into_iter().map(base).collect()
}

#[test]
fn what_chance_does_to_a_checkpoint_is_found() -> Tested {
    let bases = bases()?;
    let (cases, mut taken) = (damages(0.45)?, 0);
    for case in 0..cases {
        let (base, mut stream) = (&bases[case as usize % bases.len()], stream(1, case));
        let mut bytes = base.bytes.clone();
        by_chance(&mut bytes, &mut stream);
        let place = tempdir()?;
        fs::write(place.path().join("run.ckpt"), &bytes)?;
        let ended = bounded(&place, &format!("{} {RESUME}", base.command))?;
        if ended.status.success() {
            taken += 1;
            assert_eq!(facts(&last(&ended.out)), facts(&base.end), "case {case}: damage that was not noticed");
        } else {
            assert_eq!(ended.err.lines().count(), 1, "case {case}: {}", ended.err);
            assert_eq!(fs::read(place.path().join("run.ckpt"))?, bytes, "case {case}: a file that was refused was changed");
        }
    }
    println!("{cases} checkpoints were damaged by chance, of which {taken} mean the same");
    Ok(())
}

#[test]
fn a_checkpoint_that_somebody_made_is_refused_or_gone_on_from() -> Tested {
    let bases = bases()?;
    let (cases, mut taken) = (damages(0.45)?, 0);
    for case in 0..cases {
        let (base, mut stream) = (&bases[case as usize % bases.len()], stream(2, case));
        let place = tempdir()?;
        let path = place.path().join("run.ckpt");
        fs::write(&path, Sealed::open(&base.bytes)?.altered(&mut stream).bytes()?)?;
        let ended = bounded(&place, &format!("{} {RESUME}", base.command)).map_err(|e| format!("case {case}: {e}"))?;
        taken += u64::from(ended.status.success());
    }
    println!("{cases} checkpoints were made by somebody, of which {taken} were gone on from");
    Ok(())
}

/// Whoever seals what is there writes the file that was there: the format is as documented.
#[test]
fn the_digest_is_as_documented() -> Tested {
    for base in bases()? {
        let place = tempdir()?;
        fs::write(place.path().join("run.ckpt"), Sealed::open(&base.bytes)?.bytes()?)?;
        let ended = bounded(&place, &format!("{} {RESUME}", base.command))?;
        assert_eq!(facts(&last(&ended.out)), facts(&base.end));
    }
    Ok(())
}
