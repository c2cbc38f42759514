use moths_core::Function;

use super::*;
use crate::committee::script::{is_exact, moving, of};

fn built(spec: &Spec, space: &Space) -> Box<dyn Optimizer> {
    registry::build(spec, space, Key::new(1)).unwrap()
}

/// Scripts that walk along a line at their own pace, on |x − 100|: one evaluation a step.
#[test]
fn the_better_half_goes_on() -> Result<()> {
    let space = Space::real(1)?;
    let members = [moving(&[1.0]), moving(&[3.0]), moving(&[-1.0]), moving(&[2.0])];
    let spec = of("race", &members).with("rounds", serde_json::json!([4, 8]))?;
    let mut race = built(&spec, &space);
    let mut objective = Function::new(space, |x| (x[0] - 100.0).abs());
    let mut answers = vec![];
    for _ in 0..26 {
        race.step(&mut objective)?;
        answers.push(race.answer()?.to_vec1::<f64>()?[0]);
    }
    // Round 1: four steps each, in turn; a step evaluates where it begins: 3 a step leads once it has been at 3. It and 2 a step go on, for
    // four steps more each; then 3 alone.
    assert_eq!(answers[..8], [1.0, 1.0, 1.0, 1.0, 2.0, 6.0, 6.0, 6.0]);
    assert_eq!(answers[8..16], [6.0, 9.0, 9.0, 9.0, 9.0, 12.0, 12.0, 12.0]);
    assert_eq!(answers[16..24], [15.0, 15.0, 18.0, 18.0, 21.0, 21.0, 24.0, 24.0]);
    assert_eq!(answers[24..], [27.0, 30.0]);
    let told = race.explain().unwrap_or_default();
    let fates: Vec<&str> =
        told.lines().map(|line| line.split("` ").nth(1).and_then(|rest| rest.split(';').next()).unwrap_or("")).collect();
    assert_eq!(fates, ["fell out after round 1", "has the rest of the run", "fell out after round 1", "fell out after round 2"]);
    Ok(())
}

#[test]
fn rounds_rise() {
    let spec = Spec::new("race").with("rounds", serde_json::json!([4, 4])).unwrap();
    let refused = registry::build(&spec, &Space::real(1).unwrap(), Key::new(1)).err().unwrap();
    assert_eq!(refused.to_string(), "rounds.1 = 4: more than 4");
}

#[test]
fn it_is_exact() {
    let members = ["spsa", "random-grad", "one-plus-one-es"].map(Spec::new);
    is_exact(&of("race", &members).with("rounds", serde_json::json!([3, 9])).unwrap());
}
