use moths::{Spec, optimizer::Birth, run::Tally};

use crate::{
    Result,
    curve::{Curve, Row},
    lives::Lives,
    problem::Measure,
    race::{Race, Racer, Run, Standing},
    report::html,
};

const HOSTILE: &str = "</title></svg><script>alert(\"&\")</script>";

fn birth(life: u64, place: u64, parents: &[u64], spec: Spec) -> Birth {
    Birth { life, place, parents: parents.into(), spec }
}

fn rated(rate: f64) -> Spec {
    Spec::new("spsa").with("rate", rate).expect("a setting")
}

/// Two founders, a child of one in the place of the other, and a child of both.
fn family() -> Lives {
    let mut lives = Lives::default();
    let tally = |steps, evaluations| Tally { steps, evaluations, ..Tally::default() };
    lives.add(&[birth(0, 0, &[], rated(0.1)), birth(1, 1, &[], rated(0.2))], &tally(1, 10));
    lives.add(&[birth(2, 1, &[0], rated(0.123456789))], &tally(5, 50));
    lives.add(&[birth(3, 0, &[2, 0], Spec::new(HOSTILE))], &tally(8, 80));
    lives
}

fn run(seed: u64, loss: f64, lives: Lives) -> Run {
    let row = |evaluations, loss| Row { evaluations, seconds: 0.0, lowest: loss, figures: vec![loss] };
    Run { seed, curve: Curve::of(&[Measure::LOSS], 100, vec![row(0, 9.0), row(100, loss)]), lives }
}

fn page(runs: Vec<Run>) -> Result<String> {
    let racers = vec![
        Racer { spec: Spec::new("swarm"), label: "a swarm".into(), runs, failures: vec![] },
        Racer { spec: Spec::new("pso"), label: "pso".into(), runs: vec![run(1, 2.0, Lives::default())], failures: vec![] },
    ];
    let specs = racers.iter().map(|racer| racer.spec.clone()).collect();
    let race = Race { problem: "sphere".into(), options: Default::default(), racers: specs, seeds: 1, evaluations: 100 };
    let measures = vec![Measure::LOSS];
    html(&Standing { race, measures, racers, interrupted: false, unkept: None }, "moths race sphere")
}

#[test]
fn the_tree_of_the_best_run_is_drawn() -> Result<()> {
    let mut young = Lives::default();
    young.add(&[birth(0, 0, &[], rated(0.1))], &Tally { steps: 1, evaluations: 10, ..Tally::default() });
    let html = page(vec![run(1, 3.0, young.clone()), run(2, 1.0, family()), run(3, 0.5, Lives::default())])?;
    assert_eq!(html.matches("class=\"tree\"").count(), 1);
    assert!(
        html.contains("Seed 2, the best of 3 runs: 4 lives, 2 of them without parents and 2 alive at the end; 2 generations")
    );
    assert_eq!(
        (html.matches("<rect").count() - plain()?.matches("<rect").count(), html.matches("l7 ").count()),
        (4, 2),
        "bars and marks"
    );
    assert!(html.contains(
        "<title>life 2, place 1\nborn at 50 of 0, alive at the end\nrate = 0.1235 (was 0.1)\nspsa (rate = 0.1235)</title>"
    ));
    assert!(html.contains("<b>rate = 0.1235 (was 0.1)</b><br><code>spsa (rate = 0.1235)</code></td><td>50</td>"), "{html}");
    // 2 and 3 come from it, of whom both live.
    assert!(
        html.contains("<code>spsa (rate = 0.1)</code></td><td>0</td><td>80</td><td>-</td><td>2</td><td>2</td></tr>"),
        "{html}"
    );
    // Three lines to parents, and all lead to who lives on; the last one comes from its own place as well.
    let kin = html.split("<path class=\"kin\" d=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    assert_eq!((kin.matches('M').count(), html.contains("<path class=\"gone\"")), (3, false), "{kin}");
    assert!(!html.contains("Left out"));
    Ok(())
}

fn plain() -> Result<String> {
    page(vec![run(1, 1.0, Lives::default())])
}

#[test]
fn where_nobody_is_born_nothing_is_said_of_it() -> Result<()> {
    let html = plain()?;
    assert!(!html.contains("born") && !html.contains("<svg class") && !html.contains("<h3>"));
    Ok(())
}

#[test]
fn names_and_settings_stay_text() -> Result<()> {
    let html = page(vec![run(1, 1.0, family())])?;
    assert!(!html.contains("<script") && html.matches("&lt;script&gt;").count() >= 3);
    assert_eq!(html.matches("<svg").count(), html.matches("</svg>").count());
    assert_eq!(html.matches("<rect").count() - plain()?.matches("<rect").count(), html.matches("</title></rect>").count());
    Ok(())
}

#[test]
fn many_births_make_no_large_page() -> Result<()> {
    for (births, places) in [(20_000, 8), (20_000, 400), (3_000, 3_000)] {
        let mut lives = Lives::default();
        for i in 0..births {
            let parents = if i < places { vec![] } else { vec![i - 1, i / 2] };
            let tally = Tally { steps: 1 + i / places, evaluations: 10 * i, ..Tally::default() };
            lives.add(&[birth(i, i % places, &parents, rated(i as f64))], &tally);
        }
        let html = page(vec![run(1, 1.0, lives)])?;
        assert!(html.len() < 500_000 && html.contains("Left out: "), "{births} in {places}: {} bytes", html.len());
        assert_eq!(html.contains("places beyond those shown"), places > 100);
        assert_eq!(html.contains("lives, each too short"), births / places > 10);
        assert!(html.matches("<tr>").count() < 30 && !html.contains("NaN"));
    }
    Ok(())
}

#[test]
fn births_that_make_no_sense_are_drawn_somehow() -> Result<()> {
    let mut lives = Lives::default();
    let births = [birth(u64::MAX, u64::MAX, &[u64::MAX], rated(0.1)), birth(1, 0, &[u64::MAX, 1], rated(f64::MAX))];
    lives.add(&births, &Tally { steps: 3, evaluations: u64::MAX, ..Tally::default() });
    assert!(page(vec![run(1, f64::NAN, lives)])?.contains("class=\"tree\""));
    Ok(())
}
