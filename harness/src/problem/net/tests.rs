//! What holds of every network.

use moths::{Batch, CowTensor, Horizon, Key, Objective, Sampler, Space, Spec, nn::PopulationModel, objective::Probe, registry};

use super::{
    characters, digits, mnist, on_digits, spirals,
    training::{Data, Network, Training},
};
use crate::{
    Result,
    problem::{Options, Problem},
};

/// Points near the start and far from it, all of one draw.
fn points(space: &Space) -> Batch {
    let probes: Vec<Probe> = (0..6).map(|i| Probe::new(Key::new(i), 0.4 * i as f64)).collect();
    Batch::seeded(&space.start(), Sampler::Normal, probes)
}

/// The start twice, with data of different draws.
fn two_draws(space: &Space) -> Batch {
    let probe = |draw| Probe::new(Key::new(0), 0.0).of_draw(draw);
    Batch::seeded(&space.start(), Sampler::Normal, [probe(0), probe(1)])
}

/// The laws of a training problem with this network, so many parameters and classes.
fn laws(problem: &dyn Problem, network: &mut PopulationModel<Network>, parameters: usize, classes: usize) -> Result<()> {
    let mut objective = problem.objective(1)?;
    assert_eq!(objective.space().dim(), parameters);
    starts_without_a_preference(&mut objective, classes)?;
    equal_seeds_agree(problem, &mut objective)?;
    minibatches_differ(&mut objective)?;
    losses_are_those_of_candle(network)?;
    outputs_are_there_or_not(problem)?;
    gradients_are_there_or_not(problem)?;
    failures_are_seen(&mut objective)
}

/// The same of a network without anything around it.
pub(super) fn laws_of<D: Data>(problem: &Training<D>, parameters: usize, classes: usize) -> Result<()> {
    laws(problem, &mut problem.model(1)?, parameters, classes)
}

/// ln(classes), and a little more for logits that are not zero.
fn starts_without_a_preference(objective: &mut dyn Objective, classes: usize) -> Result<()> {
    let loss = objective.evaluate(&Batch::one(&objective.space().start())?)?[0];
    let excess = loss - (classes as f64).ln();
    assert!((-0.1..1.0).contains(&excess), "{loss} for {classes} classes");
    Ok(())
}

fn equal_seeds_agree(problem: &dyn Problem, objective: &mut dyn Objective) -> Result<()> {
    let (mut again, mut other) = (problem.objective(1)?, problem.objective(2)?);
    let losses = objective.evaluate(&points(objective.space()))?;
    assert_eq!(losses, again.evaluate(&points(again.space()))?);
    assert_ne!(losses, other.evaluate(&points(other.space()))?);
    let start = objective.space().start();
    assert_eq!(problem.examiner(1)?.examine(&start)?, problem.examiner(1)?.examine(&start)?);
    Ok(())
}

fn minibatches_differ(objective: &mut dyn Objective) -> Result<()> {
    let batch = two_draws(objective.space());
    let first = objective.evaluate(&batch)?;
    assert_eq!(first, objective.evaluate(&batch)?, "a step sees the same data throughout");
    assert_eq!(first[0] != first[1], objective.stochastic(), "each draw has its own data");
    objective.refresh()?;
    assert_eq!(first[0] != objective.evaluate(&batch)?[0], objective.stochastic(), "the next step has its own data");
    Ok(())
}

/// Candidates that are evaluated together have the losses that they have one by one, by candle's operations.
fn losses_are_those_of_candle(network: &mut PopulationModel<Network>) -> Result<()> {
    let batch = points(network.space());
    let together = network.evaluate(&batch)?;
    for (fast, slow) in together.into_iter().zip(network.as_flat_mut().evaluate(&batch)?) {
        assert!((fast - slow).abs() <= 1e-5 * slow.max(1.0), "{fast} against {slow}");
    }
    Ok(())
}

/// Losses by way of outputs are those of evaluations, on the same data.
fn outputs_are_there_or_not(problem: &dyn Problem) -> Result<()> {
    let mut objective = problem.objective(1)?;
    let batch = points(objective.space());
    let shown = objective.outputs(&batch)?;
    assert_eq!(shown.is_some(), problem.shows_outputs());
    let losses = objective.evaluate(&batch)?;
    for (by_outputs, loss) in shown.iter().flat_map(|outputs| outputs.losses.iter()).zip(losses) {
        assert!((by_outputs - loss).abs() <= 1e-5 * loss.max(1.0), "{by_outputs} against {loss}");
    }
    Ok(())
}

/// A step against the gradient lowers the loss by its length times the gradient's, and backprop is refused where there is none.
fn gradients_are_there_or_not(problem: &dyn Problem) -> Result<()> {
    let mut objective = problem.objective(1)?;
    let start = CowTensor::new(objective.space().start().copy()?);
    assert_eq!(objective.gradient(&start)?.is_some(), problem.differentiable());
    let Some((loss, gradient)) = objective.gradient(&start)? else {
        let spec = "backprop".parse()?;
        let stepped = registry::build(&spec, objective.space(), Key::new(1)).and_then(|mut it| it.step(&mut objective));
        let refusal = stepped.err().map(|e| e.to_string()).unwrap_or_default();
        assert!(refusal.starts_with("backprop needs gradients"), "{refusal}");
        return Ok(());
    };
    let square = f64::from(gradient.sqr()?.sum_all()?.to_scalar::<f32>()?);
    let moved = |by: f64| -> Result<Batch> { Batch::one(&CowTensor::new(((&*start) + (&gradient * by)?)?)) };
    let step = 1e-2 / square.sqrt();
    let (ahead, behind) = (objective.evaluate(&moved(step)?)?[0], objective.evaluate(&moved(-step)?)?[0]);
    let slope = (ahead - behind) / (2.0 * step * square);
    assert!((slope - 1.0).abs() < 0.05, "the loss {loss} rises {slope} times as its gradient says");
    Ok(())
}

fn failures_are_seen(objective: &mut dyn Objective) -> Result<()> {
    let nan = CowTensor::new((&*objective.space().start() * f64::NAN)?);
    assert!(objective.evaluate(&Batch::one(&nan)?)?[0].is_nan());
    Ok(())
}

/// The last figure at the start, and of the answer of an optimizer after so many evaluations.
pub(super) fn before_and_after(problem: &dyn Problem, optimizer: &Spec, evaluations: u64) -> Result<[f64; 2]> {
    let (mut objective, mut examiner) = (problem.objective(1)?, problem.examiner(1)?);
    let horizon = Horizon::evaluations(evaluations).on(&*objective);
    let mut optimizer = registry::build_for(optimizer, objective.space(), Key::new(1), horizon)?;
    let mut last = |answer: &CowTensor| -> Result<f64> { Ok(*examiner.examine(answer)?.last().expect("a figure")) };
    let before = last(&optimizer.answer()?)?;
    let mut used = 0;
    while used < evaluations {
        used += optimizer.step(&mut objective)?.evaluations;
        objective.refresh()?;
    }
    Ok([before, last(&optimizer.answer()?)?])
}

/// By the optimizer that is the problem's default for so many evaluations.
fn by_default(problem: &dyn Problem, evaluations: u64) -> Result<[f64; 2]> {
    before_and_after(problem, &problem.default_optimizer(), evaluations)
}

#[test]
fn networks_on_digits_and_spirals_are_as_documented() -> Result<()> {
    let options = Options::default();
    laws_of(&digits::digits(&options)?, 2_410, 10)?;
    laws_of(&spirals::spirals(&options)?, 354, 2)?;
    laws_of(&on_digits::in_minibatches(&options)?, 2_410, 10)?;
    laws_of(&on_digits::heaviside(&options)?, 2_410, 10)?;
    laws_of(&on_digits::binary(&options)?, 2_412, 10)?;
    laws_of(&on_digits::binary_sign(&options)?, 9_472, 10)?;
    laws_of(&on_digits::four_bit(&options)?, 2_410, 10)?;
    let masked = on_digits::masked(&options)?;
    laws(&masked, &mut masked.of.model(1)?, 714, 10)?;
    laws_of(&on_digits::wide(&options)?, 994_570, 10)
}

#[test]
fn short_runs_learn() -> Result<()> {
    let options = Options::default();
    let gradients = r#"{"name":"backprop","descent":{"name":"adamw","rate":0.01}}"#.parse()?;
    let accuracies = [
        by_default(&on_digits::in_minibatches(&options)?, 25_600)?,
        by_default(&on_digits::heaviside(&options)?, 6_400)?,
        by_default(&on_digits::binary(&options)?, 12_800)?,
        by_default(&on_digits::masked(&options)?, 38_400)?,
        before_and_after(&on_digits::wide(&options)?, &gradients, 60)?,
    ];
    assert!(accuracies.iter().all(|[before, after]| *before < 0.3 && *after > 0.8), "{accuracies:?}");
    let spirals = by_default(&spirals::spirals(&options)?, 100_000)?;
    assert!(spirals[0] < 0.6 && spirals[1] > 0.8, "{spirals:?}");
    Ok(())
}

/// `cargo test -p moths-cli -- --ignored --nocapture what_an_evaluation_costs`
#[test]
#[ignore = "a measurement"]
fn what_an_evaluation_costs() -> Result<()> {
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    one_thread.install(|| {
        let folder = mnist::tests::folder();
        let (here, there) = (Options::default(), Options { data: Some(folder.path().into()), ..Options::default() });
        cost("digits", &digits::digits(&here)?)?;
        cost("mnist-cnn", &mnist::cnn(&there)?)?;
        cost("mnist-mlp", &mnist::mlp(&there)?)?;
        cost("mnist-lookup", &mnist::lookup(&there)?)?;
        cost("spirals", &spirals::spirals(&here)?)?;
        cost("heaviside", &on_digits::heaviside(&here)?)?;
        cost("binary", &on_digits::binary(&here)?)?;
        cost("binary-sign", &on_digits::binary_sign(&here)?)?;
        cost("four-bit", &on_digits::four_bit(&here)?)?;
        cost("mlp-1m", &on_digits::wide(&here)?)?;
        cost("char-transformer", &characters::characters(&here)?)
    })
}

/// Microseconds a candidate of antithetic pairs: of normal noise and of rank 1 as a population, and of normal noise one by one by candle's operations; of a
/// gradient, and of an examination.
fn cost<D: Data>(name: &str, problem: &Training<D>) -> Result<()> {
    let measure = |work: &mut dyn FnMut() -> Result<()>| -> Result<f64> {
        let mut best = f64::INFINITY;
        for _ in 0..10 {
            let began = std::time::Instant::now();
            work()?;
            best = best.min(began.elapsed().as_secs_f64());
        }
        Ok(1e6 * best)
    };
    let mut model = problem.model(1)?;
    let (space, start) = (model.space().clone(), model.space().start());
    let pairs = |sampler: Sampler| {
        let probes: Vec<Probe> = (0..8).flat_map(|i| [0.1, -0.1].map(|scale| Probe::new(Key::new(i), scale))).collect();
        Batch::seeded(&start, sampler.over(&space), probes)
    };
    let (normal, low) = (pairs(Sampler::Normal), pairs(Sampler::LowRank { rank: 1 }));
    let each = 1.0 / normal.len() as f64;
    let together = each * measure(&mut || model.evaluate(&normal).map(drop))?;
    let low = each * measure(&mut || model.evaluate(&low).map(drop))?;
    let one_by_one = each * measure(&mut || model.as_flat_mut().evaluate(&normal).map(drop))?;
    let gradient = measure(&mut || model.gradient(&start).map(drop))?;
    let mut examiner = problem.examiner(1)?;
    let examined = measure(&mut || examiner.examine(&start).map(drop))?;
    println!(
        "{name}: {together:.1}, rank 1 {low:.1}, one by one {one_by_one:.1}, gradient {gradient:.0}, examined {examined:.0} us"
    );
    Ok(())
}
