use candle_core::DType;
use moths_core::{
    CowTensor, Function, Key, Leaf, Objective, Optimizer, Report, Result, Space, Spec,
    optimizer::{Birth, settings},
    persist::{Keep, State, Value},
    registry,
};
use moths_evolution as _;
use moths_random as _;

use super::{
    crossover::{Crossover, Unit},
    heredity::{self, Mutation},
};

fn bowl(x: &[f64]) -> f64 {
    x.iter().map(|x| (x - 1.0).powi(2)).sum()
}

fn space() -> Space {
    Space::real(4).expect("a space")
}

fn objective() -> impl Objective {
    Function::new(space(), bowl)
}

fn build(spec: &str) -> Result<Box<dyn Optimizer>> {
    registry::build(&spec.parse()?, &space(), Key::new(7))
}

/// Steps it so often; gives all reports.
fn run(optimizer: &mut dyn Optimizer, steps: usize) -> Result<Vec<Report>> {
    let mut objective = objective();
    (0..steps).map(|_| optimizer.step(&mut objective)).collect()
}

fn births(reports: &[Report]) -> Vec<Birth> {
    reports.iter().flat_map(|report| report.births.clone()).collect()
}

/// The state of the member at a place.
fn member(swarm: &mut Box<dyn Optimizer>, place: usize) -> Result<Vec<(String, Value)>> {
    let head = format!("members.{place}.optimizer.");
    let state = State::of(swarm)?;
    Ok(state.values().iter().filter_map(|(name, value)| Some((name.strip_prefix(&head)?.to_owned(), value.clone()))).collect())
}

fn bits(fields: &[(String, Value)]) -> Vec<(String, Vec<u64>)> {
    State::from_values(fields.iter().cloned().collect()).digest().expect("floats")
}

const DYING: &str = r#"{"name": "optimizer-swarm", "size": 4, "old": 1, "die_after": 2, "crossover": 0.5, STATE
    "members": [{"name": "spsa", "descent": {"name": "adamw", "rate": 0.05}}, {"name": "spsa", "descent": {"name": "adamw", "rate": 0.02}}]}"#;

fn dying(more: &str) -> Result<Box<dyn Optimizer>> {
    build(&DYING.replace("STATE", more))
}

#[test]
fn members_alone_go_their_own_way() -> Result<()> {
    let mut swarm = build(r#"{"name": "optimizer-swarm", "size": 3, "old": null, "members": ["spsa", "sep-cma-es"]}"#)?;
    let own = Key::new(7).fold(1);
    let mut alone: Vec<_> = ["spsa", "sep-cma-es", "spsa"]
        .iter()
        .zip(0..)
        .map(|(id, life)| registry::build(&Spec::new(*id), &space(), own.fold(life)))
        .collect::<Result<_>>()?;
    for report in run(&mut *swarm, 6)? {
        let mut used = 3;
        for optimizer in &mut alone {
            used += optimizer.step(&mut objective())?.evaluations;
        }
        assert_eq!(report.evaluations, used);
    }
    for (place, optimizer) in alone.iter_mut().enumerate() {
        assert_eq!(bits(&member(&mut swarm, place)?), State::of(optimizer)?.digest()?);
    }
    let best =
        alone.iter().map(|o| bowl(&o.answer().expect("an answer").to_vec1::<f64>().expect("f64"))).fold(f64::INFINITY, f64::min);
    assert_eq!(bowl(&swarm.answer()?.to_vec1::<f64>()?), best);
    Ok(())
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
fn what_is_bred_is_of_either_parent_or_between_them() -> Result<()> {
    let state = |key: u64, steps: usize| -> Result<State> {
        let mut parent = registry::build(&"spsa".parse::<Spec>()?.with("descent", "adamw")?, &space(), Key::new(key))?;
        run(&mut *parent, steps)?;
        State::of(&mut parent)
    };
    let (first, second) = (state(1, 3)?, state(2, 9)?);
    let mut seen = [0; 3];
    for key in 0..20 {
        let child = heredity::state(heredity::Inheritance::Breed, vec![first.clone(), second.clone()], Key::new(key))?;
        let child = child.expect("a state").digest()?;
        for ((field, a), ((_, b), (_, child))) in first.digest()?.into_iter().zip(second.digest()?.into_iter().zip(child)) {
            let middle = || {
                let mean = |(a, b): (&u64, &u64)| (0.5 * (f64::from_bits(*a) + f64::from_bits(*b))).to_bits();
                a.iter().zip(&b).map(mean).collect::<Vec<_>>()
            };
            let from = [child == a, child == b, child == middle()];
            assert!(from.contains(&true), "{field} is of nobody");
            from.iter().zip(&mut seen).for_each(|(is, seen)| *seen += usize::from(*is && a != b));
        }
        let mut heir = registry::build(&"spsa".parse::<Spec>()?.with("descent", "adamw")?, &space(), Key::new(3))?;
        let bred = heredity::state(heredity::Inheritance::Breed, vec![first.clone(), second.clone()], Key::new(key))?;
        heredity::inherit(&mut *heir, &bred.expect("a state"))?;
        run(&mut *heir, 3)?;
    }
    assert!(seen.iter().all(|seen| *seen > 5), "{seen:?}");
    Ok(())
}

#[test]
fn settings_are_of_either_parent_and_stay_in_their_ranges() -> Result<()> {
    let parse = |text: &str| text.parse::<Spec>();
    let first = parse(r#"{"name": "spsa", "c": 0.1, "descent": {"name": "adamw", "rate": 0.1, "beta1": 0.5}}"#)?;
    let second = parse(r#"{"name": "spsa", "c": 0.2, "descent": {"name": "adamw", "rate": 0.2}}"#)?;
    for key in 0..30 {
        let child = heredity::crossed(&first, &second, Key::new(key));
        registry::build(&child, &space(), Key::new(0))?;
        for number in settings::numbers(&child)? {
            let of = |spec: &Spec| -> Result<bool> {
                Ok(settings::numbers(spec)?.iter().any(|one| one.path == number.path && one.value == number.value))
            };
            assert!(of(&first)? || of(&second)?, "{number:?}");
        }
    }
    let near = Mutation { chance: 1.0, factors: &[1.25], resample: 0.0, of: None };
    let mut child = first.clone();
    for key in 0..3 {
        child = near.of(&child, Key::new(key))?;
    }
    let beta = child.settings["descent"]["beta2"].as_f64().expect("a number");
    assert!(beta < 0.9999, "a memory of {} steps", 1.0 / (1.0 - beta));
    let wild = Mutation { chance: 1.0, factors: &[0.001, 1000.0], resample: 0.3, of: None };
    for id in registry::entries().iter().map(|entry| entry.meta.id) {
        let mut spec = Spec::new(id);
        for key in 0..10 {
            spec = wild.of(&spec, Key::new(key))?;
            let numbers = settings::numbers(&spec)?;
            assert!(numbers.iter().all(|n| (n.range.0..=n.range.1).contains(&n.value)), "{spec}");
        }
    }
    let rates = ["descent.rate".to_owned()];
    let one = Mutation { chance: 1.0, factors: &[2.0], resample: 0.0, of: Some(&rates) };
    let child = one.of(&first, Key::new(1))?;
    assert_eq!(child, parse(r#"{"name": "spsa", "c": 0.1, "descent": {"name": "adamw", "rate": 0.2, "beta1": 0.5}}"#)?);
    Ok(())
}

#[test]
fn children_have_each_unit_of_either_parent() -> Result<()> {
    let leaves = vec![
        Leaf::real("a", [2, 3]).dtype(DType::F64),
        Leaf::real("b", [3]).dtype(DType::F64),
        Leaf::real("c", [4, 1, 2]).dtype(DType::F64),
    ];
    let space = Space::with_dtype(leaves, DType::F64)?;
    let (zero, mut one) = (space.zeros()?, space.zeros()?);
    one = CowTensor::new((&*one + 1.0)?);
    let lengths = [(Unit::Tensor, vec![6, 3, 8]), (Unit::Row, vec![3, 3, 3, 2, 2, 2, 2]), (Unit::Element, vec![1; 17])];
    for (unit, lengths) in lengths {
        for (kind, changes) in [(Crossover::Swap, 2), (Crossover::OnePoint, 1), (Crossover::Uniform, usize::MAX)] {
            let mut seen = std::collections::HashSet::new();
            for key in 0..40 {
                let child = kind.child(unit, &zero, &one, &space, Key::new(key))?.to_vec1::<f64>()?;
                let mut rest = child.as_slice();
                let units: Vec<f64> = lengths
                    .iter()
                    .map(|len| {
                        let (unit, others) = rest.split_at(*len);
                        rest = others;
                        assert!(unit.iter().all(|x| *x == unit[0] && (*x == 0.0 || *x == 1.0)), "{unit:?}");
                        unit[0]
                    })
                    .collect();
                assert!(units.windows(2).filter(|pair| pair[0] != pair[1]).count() <= changes);
                if kind == Crossover::Swap {
                    assert_eq!(units.iter().sum::<f64>(), 1.0);
                }
                if kind == Crossover::OnePoint {
                    assert!(units[0] == 0.0);
                }
                seen.insert(units.iter().map(|x| *x as u8).collect::<Vec<_>>());
            }
            assert!(seen.len() >= 3, "{kind:?} by {unit:?}: {seen:?}");
        }
    }
    let mean = Crossover::Mean.child(Unit::Row, &zero, &one, &space, Key::new(1))?.to_vec1::<f64>()?;
    assert!(mean.iter().all(|x| *x == 0.5));
    Ok(())
}

/// Moves nothing.
const STILL: &str = r#""members": [{"name": "spsa", "descent": {"name": "sgd", "rate": 1e-300}}], "init": "around", "old": null"#;

fn answers(swarm: &mut Box<dyn Optimizer>, n: usize) -> Result<Vec<Vec<f64>>> {
    (0..n)
        .map(|place| {
            let fields = member(swarm, place)?;
            let Some((_, Value::Tensor(at))) = fields.iter().find(|(name, _)| name == "at") else { return Ok(vec![]) };
            Ok(at.to_vec1()?)
        })
        .collect()
}

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

#[test]
fn what_is_wrong_is_named() {
    for (spec, named) in [
        (r#"{"name": "optimizer-swarm", "members": []}"#, "members"),
        (r#"{"name": "optimizer-swarm", "factors": []}"#, "factors"),
        (r#"{"name": "optimizer-swarm", "every": [0]}"#, "every"),
        (r#"{"name": "optimizer-swarm", "mutate": ["descent.rat"]}"#, "descent.rate"),
        (r#"{"name": "optimizer-swarm", "members": ["spsa", "spas"]}"#, "spsa"),
        (r#"{"name": "optimizer-swarm", "size": 2000}"#, "size"),
    ] {
        let why = build(spec).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(why.contains(named), "{spec}: {why}");
    }
}
