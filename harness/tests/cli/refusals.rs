//! What is refused before anything runs, and what it says.

use std::fs;

use tempfile::tempdir;

use crate::support::{Tested, refusal, said};

#[test]
fn wrong_names_get_the_nearest() -> Tested {
    let place = tempdir()?;
    let cases = [
        ("lst", "a similar subcommand exists: 'list'"),
        ("show psoo", "did you mean `pso`?"),
        ("show adamww", "did you mean `adamw`?"),
        ("train digit", "did you mean `digits`?"),
        ("minimize rosenbrok", "did you mean `rosenbrock`?"),
        ("minimize digits", "`moths train digits`"),
        ("train", "one of digits"),
        ("train digits --optimizer sep-cma", "did you mean `sep-cma-es`?"),
        ("train digits --optimizer pso --set partciles=3", "did you mean `particles`?"),
        (
            "train digits --optimizer pso --set partciles=3",
            "valid are `cognitive`, `inertia`, `init`, `neighbours`, `particles`, `restart`, `social`, ",
        ),
        ("train digits --optimizer pso --set zzzz=3", "unknown setting of pso `zzzz`; valid are `cognitive`, "),
        ("train digits --optimizer open-es --set descent.rat=3", "did you mean `rate`?"),
        ("train digits --optimizer open-es --set descent.rat=3", "valid are `beta1`, "),
        ("race sphere --optimizers pso,open-s", "did you mean `open-es`?"),
        ("train digits --optimiser pso", "'--optimizer'"),
    ];
    for (line, nearest) in cases {
        let refused = refusal(&place, line)?;
        assert!(refused.contains(nearest), "moths {line}: {refused}");
    }
    assert!(!place.path().join("moths-out").exists(), "nothing is made before all is well");
    Ok(())
}

#[test]
fn wrong_values_say_what_is_valid() -> Tested {
    let place = tempdir()?;
    let cases = [
        ("train digits --optimizer pso --set particles=0", "particles = 0: an integer >= 1 and <= 1000000, or a curve"),
        ("train digits --optimizer pso --set particles", "name=value"),
        ("train digits --optimizer {\"name\":3}", "needs a `name`"),
        ("train digits --evaluations 0", "--evaluations"),
        ("train digits --evaluations 1e-3", "a whole number, at least 1, as 50000, 50_000, 50,000 or 5e4"),
        ("train digits --evaluations 5,00", "a whole number"),
        ("train digits --optimizer pso --set particles=1.5e0", "an integer >= 1 and <= 1000000, or a curve"),
        ("race sphere --seeds 1e5", "from 1 to 10000"),
        ("minimize sphere --overwrite", "--overwrite = true: only beside --checkpoint"),
        ("train digits --seconds -1", "--seconds"),
        ("train digits --threads 0", "--threads"),
        ("train digits --target NaN", "a finite number"),
        ("train digits --dim 3", "fixed number of parameters"),
        ("minimize sphere --dim 1", "from 2 to"),
        ("minimize sphere --validate", "no data to hold out"),
        ("minimize sphere --optimizer backprop", "backprop"),
        ("race sphere --optimizers pso,pso", "every optimizer once"),
        ("race sphere --optimizers [1]", "--optimizers"),
        ("race", "<PROBLEM>"),
    ];
    for (line, valid) in cases {
        let refused = refusal(&place, line)?;
        assert!(refused.contains(valid), "moths {line}: {refused}");
    }
    Ok(())
}

#[test]
fn files_that_are_wrong_are_refused_before_a_run() -> Tested {
    let place = tempdir()?;
    said(&place, "minimize sphere --evaluations 500 --checkpoint good.ckpt")?;
    let good = fs::read(place.path().join("good.ckpt"))?;
    fs::write(place.path().join("cut.ckpt"), &good[..good.len() / 2])?;
    fs::write(place.path().join("text.ckpt"), "not a checkpoint")?;
    let cases = [
        ("minimize --resume cut.ckpt", "cut.ckpt"),
        ("minimize --resume text.ckpt", "text.ckpt"),
        ("minimize --resume missing.ckpt", "missing.ckpt"),
        ("train --resume good.ckpt", "`moths minimize classic/sphere`"),
        ("minimize --resume good.ckpt --seed 7", "--seed = 7: the checkpoint was taken with 1"),
        ("minimize ackley --resume good.ckpt", "problem = classic/ackley"),
        ("minimize --resume good.ckpt --optimizer pso", "--optimizer"),
        ("minimize --resume good.ckpt --dim 3", "--dim = 3"),
        ("minimize --resume good.ckpt --evaluations 90", "evaluations = 90: at least 500"),
        ("minimize --resume good.ckpt --horizon 900", "--horizon = 900: the checkpoint was taken with 500"),
        ("minimize --resume good.ckpt --extend", "--evaluations"),
        ("minimize sphere --evaluations 900 --extend", "--resume"),
        ("minimize sphere --out good.ckpt/folder", "good.ckpt/folder"),
        ("minimize sphere --checkpoint missing/run.ckpt", "moths: missing/run.ckpt: the folder `missing` does not exist"),
        ("minimize --resume missing/run.ckpt", "moths: missing/run.ckpt: the folder `missing` does not exist"),
        ("minimize sphere --checkpoint good.ckpt/run.ckpt", "moths: good.ckpt/run.ckpt: "),
        ("minimize sphere --checkpoint .", "no regular file"),
        ("race sphere --optimizers pso --out good.ckpt", "good.ckpt"),
    ];
    for (line, file) in cases {
        let refused = refusal(&place, line)?;
        assert!(refused.contains(file), "moths {line}: {refused}");
        assert!(!refused.contains(".moths-") && !refused.contains(&*place.path().to_string_lossy()), "moths {line}: {refused}");
    }
    assert_eq!(fs::read(place.path().join("good.ckpt"))?, good, "what was saved is untouched");
    said(&place, "minimize sphere --resume good.ckpt --dim 10 --seed 1 --evaluations 500")?;
    Ok(())
}
