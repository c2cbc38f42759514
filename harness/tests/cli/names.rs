//! Names and numbers as people write them.

use serde_json::json;
use tempfile::tempdir;

use crate::support::{Tested, events, facts, last, said};

#[test]
fn names_are_found_however_they_are_written() -> Tested {
    let place = tempdir()?;
    for (name, id) in [("CMA-ES", "cma-es"), ("cma_es", "cma-es"), ("CmaEs", "cma-es"), ("PSO", "pso"), ("Adam", "adam")] {
        assert_eq!(last(events(&place, &format!("show {name}"))?)["id"], id);
    }
    let started =
        events(&place, "minimize sphere --optimizer OpenES --set descent=AdamW --set descent.rate=0.1 --evaluations 500")?;
    assert_eq!(started[0]["optimizer"], json!({ "name": "open-es", "descent": { "name": "adamw", "rate": 0.1 } }));
    let raced = events(&place, "race sphere --optimizers PSO,Random_Search --seeds 1 --evaluations 500")?;
    assert_eq!(raced[0]["optimizers"], json!(["pso", "random-search"]));
    let benched = events(&place, "bench sphere --optimizers CMA_ES --dims 2 --seeds 1 --evaluations 1e2")?;
    assert_eq!((&benched[0]["optimizers"], &benched[0]["evaluations"]), (&json!(["cma-es"]), &json!(100)));
    Ok(())
}

#[test]
fn whole_numbers_may_be_written_in_several_ways() -> Tested {
    let place = tempdir()?;
    let run = |numbers: &str, particles: &str| -> Result<_, Box<dyn std::error::Error>> {
        let line = format!("minimize sphere --optimizer pso --set particles={particles} --evaluations {numbers}");
        events(&place, &line)
    };
    let plain = run("2000", "20")?;
    for (numbers, particles) in [("2e3", "2e1"), ("2_000", "0.2e2"), ("2,000", "2_0")] {
        let same = run(numbers, particles)?;
        assert_eq!((&same[0]["evaluations"], &same[0]["optimizer"]), (&plain[0]["evaluations"], &plain[0]["optimizer"]));
        assert_eq!(facts(&last(same)), facts(&last(plain.clone())));
    }
    for line in [
        "minimize sphere --dim 1e1 --seed 1_000 --horizon 1e6 --every 1e2 --checkpoint run.ckpt --threads 1 --evaluations 5e2",
        "race sphere --optimizers pso --seeds 1e0 --evaluations 5e2 --threads 1e0",
        "bench sphere --optimizers pso --dims 2e0 --seeds 1 --budget 1e2",
    ] {
        said(&place, line)?;
    }
    Ok(())
}

#[test]
fn specs_are_words_for_people_and_json_for_scripts() -> Tested {
    let place = tempdir()?;
    let line = "minimize sphere --optimizer open-es --set descent.rate=0.1 --evaluations 500";
    let words = said(&place, line)?;
    assert!(words.starts_with("open-es (descent = adamw (rate = 0.1)) on classic/sphere/d10: "), "{words}");
    assert!(said(&place, "show digits")?.contains("by default 50,000 evaluations of open-es (descent = adamw ("));
    assert!(events(&place, line)?[0]["optimizer"].is_object());
    Ok(())
}
