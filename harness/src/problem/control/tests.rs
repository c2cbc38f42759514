use moths::{
    Batch, Optimizer, Sampler,
    objective::{Probe, layer::Pool},
    registry,
};

use super::*;
use crate::Error;

fn control<T: Task>() -> Result<Control<T>> {
    Control::new(&Options::default())
}

fn bits(losses: &[f64]) -> Vec<u64> {
    losses.iter().map(|l| l.to_bits()).collect()
}

/// Candidates of three draws.
fn batch(space: &Space, n: u64) -> Batch {
    let probes: Vec<Probe> = (0..n).map(|i| Probe::new(Key::new(i), 3.0).of_draw((i % 3) as u32)).collect();
    Batch::seeded(&space.start(), Sampler::Normal, probes)
}

fn splitting_threads_and_replicas_change_nothing<T: Task>() -> Result<()> {
    let problem = control::<T>()?;
    let (mut whole, mut again) = (problem.objective(4)?, problem.objective(4)?);
    let mut pool = Pool::new(vec![problem.objective(4)?, problem.objective(4)?])?;
    let batch = batch(whole.space(), 11);
    let confined = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    let mut seen = vec![];
    for _ in 0..3 {
        let losses = bits(&confined(3).install(|| whole.evaluate(&batch))?);
        let mut split = vec![];
        for part in [batch.part(0..4), batch.part(4..5), batch.part(5..11)] {
            split.extend(confined(1).install(|| again.evaluate(&part))?);
        }
        assert_eq!(bits(&split), losses, "{}", T::NAME);
        assert_eq!(bits(&pool.evaluate(&batch)?), losses, "{}", T::NAME);
        assert!(!seen.contains(&losses), "{}: new episodes after a refresh", T::NAME);
        seen.push(losses);
        [&mut whole as &mut dyn Objective, &mut again, &mut pool].into_iter().try_for_each(Objective::refresh)?;
    }
    assert!(whole.stochastic());
    Ok(())
}

#[test]
fn losses_depend_on_candidate_and_step_alone() -> Result<()> {
    splitting_threads_and_replicas_change_nothing::<CartPole>()?;
    splitting_threads_and_replicas_change_nothing::<Acrobot>()?;
    splitting_threads_and_replicas_change_nothing::<Pendulum>()
}

#[test]
fn candidates_of_one_draw_see_the_same_episodes() -> Result<()> {
    let mut objective = control::<Pendulum>()?.objective(1)?;
    let point = Batch::one(&objective.space().start())?.row(0, objective.space())?;
    let probe = |draw| Probe::new(Key::new(0), 0.0).of_draw(draw);
    let losses = objective.evaluate(&Batch::seeded(&point, Sampler::Normal, [probe(0), probe(0), probe(1)]))?;
    assert!(losses[0] == losses[1] && losses[0] != losses[2], "{losses:?}");
    Ok(())
}

#[test]
fn seeds_differ_in_start_and_episodes_but_not_in_the_judge() -> Result<()> {
    let problem = control::<CartPole>()?;
    let (first, other) = (problem.objective(1)?, problem.objective(2)?);
    let answer = problem.objective(1)?.space().scatter(&first.space().start(), Key::new(9), 1)?.flatten_all()?.copy()?.into();
    assert_ne!(host::to_f64s(&first.space().start())?, host::to_f64s(&other.space().start())?);
    assert_eq!(problem.examiner(1)?.examine(&answer)?, problem.examiner(2)?.examine(&answer)?);
    let validated = Control::<CartPole>::new(&Options { validate: true, ..Options::default() })?;
    assert_ne!(problem.examiner(1)?.examine(&answer)?, validated.examiner(1)?.examine(&answer)?);
    Ok(())
}

#[test]
fn a_policy_that_is_no_number_fails_alone() -> Result<()> {
    let mut objective = control::<Acrobot>()?.objective(1)?;
    let space = objective.space().clone();
    let mut rows = space.zeros_for(3)?;
    rows.set_row(1, &(space.start().ones_like()? * f64::NAN)?)?;
    let losses = objective.evaluate(&Batch::Dense(rows))?;
    assert!(losses[1].is_nan() && losses[0] == 500.0 && losses[2] == 500.0, "{losses:?}");
    Ok(())
}

#[test]
fn figures_are_named_and_agree() -> Result<()> {
    fn figures<T: Task>() -> Result<Vec<(&'static str, f64)>> {
        let problem = control::<T>()?;
        let start = problem.objective(1)?.space().start();
        let names = problem.measures().iter().map(|m| m.name);
        Ok(names.zip(problem.examiner(1)?.examine(&start)?).collect())
    }
    // Pushed to one side the pole falls at once; a torque of -1 alone never lifts the tip.
    let cart_pole = figures::<CartPole>()?;
    let [("loss", loss), ("solved", 0.0), ("mean_return", mean)] = cart_pole[..] else { panic!("{cart_pole:?}") };
    assert!(loss == -mean && (8.0..11.0).contains(&mean), "{cart_pole:?}");
    assert_eq!(figures::<Acrobot>()?, [("loss", 500.0), ("solved", 0.0), ("mean_return", -500.0)]);
    let pendulum = figures::<Pendulum>()?;
    let [("loss", loss), ("mean_return", mean)] = pendulum[..] else { panic!("{pendulum:?}") };
    assert!(loss == -mean && (-1500.0..-900.0).contains(&mean), "{pendulum:?}");
    Ok(())
}

/// Mean returns before and after so many evaluations of the default optimizer.
fn trained<T: Task>(evaluations: u64) -> Result<(f64, f64)> {
    let problem = control::<T>()?;
    let (mut objective, mut judge) = (problem.objective(1)?, problem.examiner(1)?);
    let mut optimizer = registry::build(&problem.default_optimizer(), objective.space(), Key::new(1).fold(1))?;
    let mut mean = |answer| Ok::<_, Error>(*judge.examine(&answer)?.last().expect("figures"));
    let before = mean(optimizer.answer()?)?;
    let mut used = 0;
    while used < evaluations {
        used += optimizer.step(&mut *objective)?.evaluations;
        objective.refresh()?;
    }
    Ok((before, mean(optimizer.answer()?)?))
}

#[test]
fn policies_learn() -> Result<()> {
    let (before, after) = trained::<CartPole>(1000)?;
    assert!(before < 20.0 && after > 450.0, "cart-pole: {before} became {after}");
    let (before, after) = trained::<Acrobot>(1500)?;
    assert!(before == -500.0 && after > -150.0, "acrobot: {before} became {after}");
    let (before, after) = trained::<Pendulum>(2500)?;
    assert!(before < -900.0 && after > -400.0, "pendulum: {before} became {after}");
    Ok(())
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let refused = |options: &Options| matches!(Control::<Pendulum>::new(options), Err(Error::Invalid { .. }));
    assert!(refused(&Options { dim: Some(3), ..Options::default() }));
    assert!(refused(&Options { instance: Some(3), ..Options::default() }));
}
