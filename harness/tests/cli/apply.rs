//! `moths apply`: a base and a log.

use std::fs;

use crate::{
    finetune::{LINE, prepared},
    support::{Tested, events, last, refusal, said},
};

#[test]
fn logs_of_something_else_are_refused() -> Tested {
    let place = prepared()?;
    let at = |name: &str| place.path().join(name);
    events(&place, &format!("{LINE} --out run --evaluations 100"))?;
    let log = fs::read(at("run/tune.journal"))?;
    let mut damaged = log.clone();
    damaged[log.len() / 2] ^= 1;
    fs::write(at("damaged"), damaged)?;
    fs::write(at("there"), "mine")?;
    let cases = [
        ("base/model.safetensors run/tune.journal -o there", "there: is there already; replace it with --overwrite"),
        ("run/tuned.safetensors run/tune.journal -o new", "does not belong to this base"),
        ("run/tuned.safetensors run/tune.journal -o new", "run/tune.journal: "),
        ("base/model.safetensors damaged -o new", "damaged: is damaged"),
        ("base/model.safetensors data.tsv -o new", "is no log of a fine-tune"),
        ("base/model.safetensors nowhere -o new", "nowhere: "),
        ("nowhere run/tune.journal -o new", "nowhere: "),
        (
            "base/model.safetensors run/tune.journal -o base/model.safetensors --overwrite",
            "another file than those that are read",
        ),
        ("base/model.safetensors run/tune.journal -o nowhere/new", "nowhere/new: "),
    ];
    for (line, why) in cases {
        let refused = refusal(&place, &format!("apply {line}"))?;
        assert!(refused.contains(why), "moths apply {line}: {refused}");
        assert!(!at("new").exists(), "{line}");
    }
    assert_eq!(fs::read(at("there"))?, b"mine");
    Ok(())
}

/// A log that was cut off within a step holds those before it.
#[test]
fn a_log_that_was_cut_off_leads_as_far_as_it_goes() -> Tested {
    let place = prepared()?;
    let at = |name: &str| place.path().join(name);
    events(&place, &format!("{LINE} --out run --evaluations 100"))?;
    let line = "apply base/model.safetensors run/tune.journal --out one --json";
    let whole = last(events(&place, &line.replace(" --json", ""))?);
    let log = fs::read(at("run/tune.journal"))?;
    fs::write(at("cut"), &log[..log.len() - 1])?;
    let cut = last(events(&place, "apply base/model.safetensors cut --out two")?);
    assert_eq!(cut["steps"].as_u64().map(|steps| steps + 1), whole["steps"].as_u64());
    assert_ne!(fs::read(at("one"))?, fs::read(at("two"))?);
    let words = said(&place, "apply base/model.safetensors cut --out three")?;
    assert!(words.contains(" weights: three"), "{words}");
    Ok(())
}
