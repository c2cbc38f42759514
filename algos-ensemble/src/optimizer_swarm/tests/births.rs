//! Who dies, and of whom who is born.

use moths_core::{
    Key, Optimizer, Report, Result,
    optimizer::Birth,
    persist::{Keep, State},
    registry,
};

use super::{answers, bits, bowl, build, member, run, space};

fn births(reports: &[Report]) -> Vec<Birth> {
    reports.iter().flat_map(|report| report.births.clone()).collect()
}

const DYING: &str = r#"{"name": "optimizer-swarm", "size": 4, "old": 1, "die_after": 2, "crossover": 0.5, STATE
    "members": [{"name": "spsa", "descent": {"name": "adamw", "rate": 0.05}}, {"name": "spsa", "descent": {"name": "adamw", "rate": 0.02}}]}"#;

fn dying(more: &str) -> Result<Box<dyn Optimizer>> {
    build(&DYING.replace("STATE", more))
}

#[test]
fn who_is_never_the_best_dies_and_is_born_with_the_initial_state() -> Result<()> {
    let mut swarm = dying("")?;
    let mut reports = run(&mut *swarm, 1)?;
    assert_eq!(reports[0].births.iter().map(|birth| birth.life).collect::<Vec<_>>(), [0, 1, 2, 3]);
    while reports.last().is_some_and(|report| report.births.is_empty()) || reports.len() == 1 {
        reports.extend(run(&mut *swarm, 1)?);
    }
    // Old after a step, and bad for more than two.
    assert_eq!(reports.len(), 4);
    for birth in &reports[3].births {
        assert!((1..=2).contains(&birth.parents.len()) && birth.life >= 4, "{birth:?}");
        let mut fresh = registry::build(&birth.spec, &space(), Key::new(0))?;
        let born = member(&mut swarm, birth.place as usize)?;
        let initial = State::of(&mut fresh)?;
        for (name, value) in &born {
            // The point is its parents', and the random numbers are its own.
            let is_own = name == "at" || name.contains("clock");
            let value = State::from_values([(name.clone(), value.clone())].into_iter().collect()).digest()?;
            let first = State::from_values([(name.clone(), initial.values()[name].clone())].into_iter().collect()).digest()?;
            assert!(is_own || value == first, "{name} is not as it was at the start");
        }
    }
    Ok(())
}

#[test]
fn equal_keys_and_losses_give_equal_deaths() -> Result<()> {
    let [mut one, mut other] = [dying(r#""mutation": 0.7,"#)?, dying(r#""mutation": 0.7,"#)?];
    let (whole, mut parts) = (run(&mut *one, 30)?, run(&mut *other, 11)?);
    let state = State::of(&mut other)?;
    let mut resumed = dying(r#""mutation": 0.7,"#)?;
    state.restore(&mut resumed, Keep::Nothing)?;
    parts.extend(run(&mut *resumed, 19)?);
    assert!(births(&whole).len() > 8);
    assert_eq!(whole, parts);
    assert_eq!(State::of(&mut one)?.digest()?, State::of(&mut resumed)?.digest()?);
    Ok(())
}

#[test]
fn what_is_copied_goes_on_where_its_parent_is_with_numbers_of_its_own() -> Result<()> {
    let mut swarm = dying(r#""state": "copy", "crossover": 0.0,"#)?;
    let mut reports = run(&mut *swarm, 1)?;
    while reports.last().is_some_and(|report| report.births.is_empty()) || reports.len() == 1 {
        reports.extend(run(&mut *swarm, 1)?);
    }
    let birth = reports.last().expect("a report").births[0].clone();
    let (child, parent) = (member(&mut swarm, birth.place as usize)?, member(&mut swarm, birth.parents[0] as usize)?);
    let (child, parent) = (bits(&child), bits(&parent));
    assert!(child.iter().any(|(name, _)| name.contains("descent")));
    for ((name, child), (_, parent)) in child.iter().zip(&parent) {
        match name.contains("clock") {
            true => assert!(child[0] != parent[0] && child[1] == parent[1], "{name}: {child:?} and {parent:?}"),
            false => assert_eq!(child, parent, "{name}"),
        }
    }
    Ok(())
}

#[test]
fn newcomers_are_born_of_the_best_and_the_worst_leave() -> Result<()> {
    let growing =
        r#"{"name": "optimizer-swarm", "size": {"linear": {"from": 2, "to": 5, "steps": 3}}, "members": ["spsa"], "old": null}"#;
    let reports = run(&mut *build(growing)?, 5)?;
    assert_eq!(reports.iter().map(|report| report.births.len()).collect::<Vec<_>>(), [3, 1, 1, 0, 0]);
    let shrinking = r#"{"name": "optimizer-swarm", "size": {"linear": {"from": 5, "to": 2, "steps": 3}}, "members": ["spsa"], "old": null, "init": "around"}"#;
    let mut swarm = build(shrinking)?;
    let mut all = build(&shrinking.replace(r#"{"linear": {"from": 5, "to": 2, "steps": 3}}"#, "5"))?;
    run(&mut *swarm, 1)?;
    run(&mut *all, 1)?;
    // Four of five are left, and it is the worst who has gone.
    let mut five = answers(&mut all, 5)?;
    let worst = (0..5).max_by(|a, b| bowl(&five[*a]).total_cmp(&bowl(&five[*b]))).expect("five");
    five.remove(worst);
    assert_eq!(answers(&mut swarm, 5)?, [five, vec![vec![]]].concat());
    run(&mut *swarm, 4)?;
    assert!(answers(&mut swarm, 3)?[2].is_empty() && !answers(&mut swarm, 2)?[1].is_empty());
    Ok(())
}

#[test]
fn sub_populations_keep_their_pace_and_steady_ones_their_settings() -> Result<()> {
    let spec = r#"{"name": "optimizer-swarm", "size": 6, "selection": "truncation", "fraction": 0.5, "every": [1, 4], "mutation": 1.0,
        "members": [{"name": "spsa", "c": 0.1}, {"name": "spsa", "c": 0.2}]}"#;
    let reports = run(&mut *build(spec)?, 12)?;
    let steady = |birth: &&Birth| birth.place % 2 == 1;
    for (k, report) in reports.iter().enumerate().skip(1) {
        let early = (k + 1) % 4 != 0;
        assert!(!early || report.births.iter().find(steady).is_none(), "step {k}");
    }
    let (all, mut foreign) = (births(&reports), 0);
    for birth in all.iter().skip(6).filter(steady) {
        let parent = all.iter().find(|other| other.life == birth.parents[0]).expect("a parent");
        if parent.place % 2 == 0 {
            let dead = all.iter().rev().find(|other| other.place == birth.place && other.life < birth.life).expect("one before");
            assert_eq!(birth.spec, dead.spec);
            foreign += 1;
        }
    }
    assert!(foreign > 0, "no steady one was born of a dynamic one");
    Ok(())
}
