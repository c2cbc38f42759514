//! Members as they are alone, and what is refused.

mod births;
mod heredity;
mod motion;

use moths_core::{
    Function, Key, Objective, Optimizer, Report, Result, Space, Spec,
    persist::{State, Value},
    registry,
};
use moths_evolution as _;
use moths_random as _;

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

/// The state of the member at a place.
fn member(swarm: &mut Box<dyn Optimizer>, place: usize) -> Result<Vec<(String, Value)>> {
    let head = format!("members.{place}.optimizer.");
    let state = State::of(swarm)?;
    Ok(state.values().iter().filter_map(|(name, value)| Some((name.strip_prefix(&head)?.to_owned(), value.clone()))).collect())
}

fn bits(fields: &[(String, Value)]) -> Vec<(String, Vec<u64>)> {
    State::from_values(fields.iter().cloned().collect()).digest().expect("floats")
}

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
