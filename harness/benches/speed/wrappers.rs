//! What a wrapper costs beside the step that it wraps and the evaluations that it asks for: `cargo bench -- wrappers`.

use std::time::Instant;

use moths::{
    Batch, CowTensor, Key, Leaf, Objective, Optimizer, Result, Space, Spec, fuse,
    optimizer::settings::{Named, named},
    registry,
};
use serde_json::json;

/// Parameters.
const D: usize = 1_000_000;
/// Steps that are timed, one of each optimizer in turn.
const STEPS: usize = 15;
/// What is wrapped, beside the default.
const INNER: &str = "open-es";

/// The sum of squares.
struct Sphere {
    space: Space,
    point: CowTensor,
}

impl Sphere {
    fn new(space: &Space) -> Result<Self> {
        Ok(Self { space: space.clone(), point: space.zeros()? })
    }
}

impl Objective for Sphere {
    fn space(&self) -> &Space {
        &self.space
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        (0..batch.len())
            .map(|i| {
                batch.write(i, &mut self.point)?;
                fuse::dot(&self.point, &self.point)
            })
            .collect()
    }
}

pub(crate) fn report() {
    println!("\n{INNER} around {D} parameters, medians of {STEPS} steps, milliseconds:\n");
    println!("| | a step | evaluations | beyond its evaluations | of the step it wraps |\n|---|---|---|---|---|");
    match rows() {
        Ok(rows) => rows.iter().for_each(|row| println!("{row}")),
        Err(why) => println!("{why}"),
    }
}

fn rows() -> Result<Vec<String>> {
    let space = Space::new(vec![Leaf::real("x", [D])])?;
    let mut objective = Sphere::new(&space)?;
    let evaluation = median(
        (0..STEPS).map(|_| seconds(|| objective.evaluate(&Batch::one(&space.start())?).map(drop))).collect::<Result<_>>()?,
    );
    let mut rows = vec![];
    for spec in wrappers() {
        // Beside each wrapper the plain one again: the machine is not always as fast.
        let (alone, own) = steps(&Spec::new(INNER), &space, &mut objective)?;
        let Ok((wrapped, all)) = steps(&spec, &space, &mut objective) else { continue };
        let (alone, wrapped) = (median(alone), median(wrapped));
        // Of members that take turns one steps.
        let members = (all / own.max(1)).max(1) as f64;
        let asked = (all as f64 - own as f64 * members).max(0.0);
        let beyond = wrapped - members * alone - asked * evaluation;
        rows.push(format!(
            "| `{}` | {:.1} | {all} | {:.2} | {:+.1} % |",
            spec.name,
            1e3 * wrapped,
            1e3 * beyond,
            100.0 * beyond / (members * alone)
        ));
    }
    Ok(rows)
}

/// Every optimizer that is made of another, around the same one.
fn wrappers() -> Vec<Spec> {
    let made_of = |entry: &&registry::Entry| {
        let properties = &entry.schema()["properties"];
        let wraps = named(&properties["inner"]) == Some(Named::Optimizer);
        let lists = named(&properties["members"]["items"]) == Some(Named::Optimizer);
        match (wraps, lists) {
            (true, _) => Spec::new(entry.meta.id).with("inner", INNER).ok(),
            (_, true) => Spec::new(entry.meta.id).with("members", json!([INNER, INNER])).ok().map(|spec| sized(spec, properties)),
            _ => None,
        }
    };
    registry::entries().iter().filter_map(made_of).filter(|spec| registry::capabilities(spec).is_ok()).collect()
}

/// As many members as are listed.
fn sized(spec: Spec, properties: &serde_json::Value) -> Spec {
    if properties.get("size").is_some() { spec.clone().with("size", 2).unwrap_or(spec) } else { spec }
}

/// The seconds of some steps after the first two, and the evaluations of the last.
fn steps(spec: &Spec, space: &Space, objective: &mut Sphere) -> Result<(Vec<f64>, u64)> {
    let mut optimizer = registry::build(spec, space, Key::new(1))?;
    let (mut times, mut evaluations) = (vec![], 0);
    for k in 0..STEPS + 2 {
        let time = seconds(|| {
            evaluations = optimizer.step(objective)?.evaluations;
            Ok(())
        })?;
        times.extend((k > 1).then_some(time));
    }
    Ok((times, evaluations))
}

fn seconds(work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let begin = Instant::now();
    work()?;
    Ok(begin.elapsed().as_secs_f64())
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
