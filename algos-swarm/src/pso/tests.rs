//! Steps and topologies beside the equations of the paper, and swarms that change their size or begin anew.

use moths_core::{Function, kernel};

use super::*;

kernel! { fn uniforms(x: out, u: uniform) { x = u; } }

fn rows(x: &Tensor) -> Vec<Vec<f64>> {
    x.to_vec2().unwrap()
}

fn ridge(x: &[f64]) -> f64 {
    x.iter().enumerate().map(|(i, x)| (1 + i) as f64 * (x - 1.0).powi(2)).sum()
}

/// Three steps against the equations of the module, particle by particle, on the same random numbers.
#[test]
fn steps_are_those_of_the_paper() {
    let (space, key) = (Space::real(3).unwrap(), Key::new(5));
    let config = PsoConfig { particles: Some(Size::from(4)), ..PsoConfig::default() };
    let mut pso = Pso::new(config.clone(), &space, key).unwrap();
    let (mut x, mut v, mut p) = (rows(&pso.swarm.x), rows(&pso.swarm.v), rows(&pso.swarm.x));
    let mut p_loss = [f64::INFINITY; 4];
    for step in 0..3 {
        for i in 0..4 {
            if ridge(&x[i]) < p_loss[i] {
                (p[i], p_loss[i]) = (x[i].clone(), ridge(&x[i]));
            }
        }
        let g = (0..4).min_by(|&a, &b| p_loss[a].total_cmp(&p_loss[b])).unwrap();
        let [r1, r2] = [1, 2].map(|n| {
            let mut r = space.zeros_for(4).unwrap();
            uniforms(&mut r, key.fold(step).fold(n)).unwrap();
            rows(&r)
        });
        for i in 0..4 {
            for j in 0..3 {
                v[i][j] = 0.7298 * v[i][j]
                    + config.cognitive * r1[i][j] * (p[i][j] - x[i][j])
                    + config.social * r2[i][j] * (p[g][j] - x[i][j]);
                x[i][j] += v[i][j];
            }
        }
        pso.step(&mut Function::new(space.clone(), ridge)).unwrap();
        assert_eq!((rows(&pso.swarm.x), rows(&pso.swarm.v), rows(pso.swarm.best.points())), (x.clone(), v.clone(), p.clone()));
        assert_eq!(pso.answer().unwrap().to_vec1::<f64>().unwrap(), p[g]);
    }
}

#[test]
fn at_a_bound_a_particle_turns_back() {
    let space = Space::bounded([(0.0, 1.0); 2]).unwrap();
    let mut pso = Pso::new(PsoConfig { particles: Some(Size::from(3)), ..PsoConfig::default() }, &space, Key::new(1)).unwrap();
    let mut turned = 0;
    for _ in 0..20 {
        let before = rows(&pso.swarm.x);
        // The lowest point is a corner outside the box.
        pso.step(&mut Function::new(space.clone(), |x| -x[0] - x[1])).unwrap();
        let moves = rows(&pso.swarm.x).into_iter().zip(before).zip(rows(&pso.swarm.v));
        for ((now, before), v) in moves.flat_map(|((now, before), v)| now.into_iter().zip(before).zip(v).collect::<Vec<_>>()) {
            let stopped = now == 0.0 || now == 4.0;
            assert!(if stopped { v * (now - 2.0) <= 0.0 } else { (now - before - v).abs() < 1e-12 }, "{before} {now} {v}");
            turned += usize::from(stopped && v != 0.0);
        }
    }
    assert!(turned > 0);
    assert_eq!(space.decode(&pso.answer().unwrap()).unwrap().to_vec1::<f64>().unwrap(), [1.0, 1.0]);
}

#[test]
fn one_particle_is_no_swarm() {
    for alone in [r#"1"#, r#"{"linear": {"from": 9, "to": 1, "steps": 8}}"#] {
        let particles = moths_core::Spec::new("pso").with_text(&format!("particles={alone}")).unwrap();
        let refused = moths_core::registry::build(&particles, &Space::real(2).unwrap(), Key::new(1)).err().unwrap().to_string();
        assert_eq!(refused, "particles = 1: at least 2 at every step");
    }
}

/// Members join and leave as the schedule says, and a run that is resumed in between is the same run.
#[test]
fn the_swarm_is_as_large_as_its_schedule_says() -> Result<()> {
    use moths_core::{
        optimizer::schedule::{Curve, Ramp},
        persist::{Keep, State},
    };
    let space = Space::bounded([(-5.0, 5.0); 3])?;
    for (topology, (from, to)) in TOPOLOGIES.into_iter().flat_map(|t| [(t, (4.0, 12.0)), (t, (12.0, 4.0))]) {
        let size = Size::Curve(Curve::Linear(Ramp { from, to, steps: Some(8) }));
        let config = || PsoConfig { particles: Some(size.clone()), topology, ..PsoConfig::default() };
        let new = || Pso::new(config(), &space, Key::new(5));
        let mut objective = Function::new(space.clone(), ridge);
        let (mut whole, mut resumed) = (new()?, new()?);
        let mut lowest = f64::INFINITY;
        for t in 0..12 {
            if t == 5 {
                State::of(&mut whole)?.restore(&mut resumed, Keep::Nothing)?;
            }
            let report = whole.step(&mut objective)?;
            assert_eq!(report.evaluations, size.at(t) as u64, "step {t}");
            lowest = lowest.min(report.loss);
            let answer = ridge(&space.decode(&*whole.answer()?)?.to_vec1::<f64>()?);
            assert!((answer - lowest).abs() < 1e-9, "the best left: {answer} {lowest}");
            if t >= 5 {
                assert_eq!(resumed.step(&mut objective)?, report);
                assert_eq!(State::of(&mut whole)?.digest()?, State::of(&mut resumed)?.digest()?);
            }
        }
    }
    Ok(())
}

const TOPOLOGIES: [Topology; 4] = [Topology::Global, Topology::Ring, Topology::VonNeumann, Topology::Random];

/// A step with every topology, a curve of the inertia and a velocity limit, against the equations.
#[test]
fn every_topology_follows_its_leaders() {
    let (space, key, n) = (Space::real(3).unwrap(), Key::new(5), 7);
    for topology in TOPOLOGIES {
        let inertia = crate::inertia::falling(0.9, 0.4);
        let w = |t: u64| inertia.at(t);
        let config = PsoConfig {
            particles: Some(Size::from(n)),
            topology,
            inertia: inertia.clone(),
            velocity_limit: Some(0.3),
            ..PsoConfig::default()
        };
        let mut pso = Pso::new(config, &space, key).unwrap();
        let (mut v, mut limited) = (rows(&pso.swarm.v), 0);
        for step in 0..5 {
            let x = rows(&pso.swarm.x);
            pso.step(&mut Function::new(space.clone(), ridge)).unwrap();
            let (p, loss) = (rows(pso.swarm.best.points()), pso.swarm.best.losses());
            let leaders = topology.leaders(loss, None, None, pso.graph.key().fold(5));
            let [r1, r2] = [1, 2].map(|n| {
                let mut r = space.zeros_for(7).unwrap();
                uniforms(&mut r, key.fold(step).fold(n)).unwrap();
                rows(&r)
            });
            for i in 0..n {
                for j in 0..3 {
                    let wanted = w(step) * v[i][j]
                        + 1.49618 * r1[i][j] * (p[i][j] - x[i][j])
                        + 1.49618 * r2[i][j] * (p[leaders[i]][j] - x[i][j]);
                    v[i][j] = wanted.clamp(-0.3, 0.3);
                    limited += usize::from(wanted != v[i][j]);
                }
            }
            assert_eq!(rows(&pso.swarm.v), v, "{topology:?}, step {step}");
        }
        assert!(limited > 0);
    }
}

/// A graph stays while the best point becomes better, and is another one when it has not.
#[test]
fn a_random_graph_is_drawn_anew_when_nothing_better_was_found() {
    let space = Space::real(2).unwrap();
    let config = PsoConfig { topology: Topology::Random, ..PsoConfig::default() };
    let mut pso = Pso::new(config, &space, Key::new(1)).unwrap();
    let (mut kept, mut drawn) = (0, 0);
    for _ in 0..40 {
        let (before, now) = (pso.graph, pso.clock);
        let lowest = pso.swarm.best.losses()[pso.swarm.best.best()];
        pso.step(&mut Function::new(space.clone(), ridge)).unwrap();
        let better = pso.swarm.best.losses()[pso.swarm.best.best()] < lowest;
        assert_eq!(pso.graph, if better { before } else { now });
        (kept, drawn) = (kept + usize::from(better), drawn + usize::from(!better));
    }
    assert!(kept > 0 && drawn > 0);
}

/// On two basins: a swarm that has settled begins anew, finds the other one, and its answer never becomes worse on the way.
#[test]
fn a_swarm_that_agrees_begins_anew() -> Result<()> {
    let space = Space::bounded([(-5.0, 5.0); 2])?;
    let deceptive = |x: &[f64]| {
        let bowl = |at: f64, depth: f64| x.iter().map(|x| (x - at).powi(2)).sum::<f64>() - depth;
        bowl(-2.0, 0.0).min(9.0 * bowl(3.0, 0.5))
    };
    for topology in TOPOLOGIES {
        let config = PsoConfig { topology, restart: Restart::Agree, particles: Some(Size::from(9)), ..PsoConfig::default() };
        let mut pso = Pso::new(config, &space, Key::new(2))?;
        let (mut objective, mut lowest, mut times) = (Function::new(space.clone(), deceptive), f64::INFINITY, 0);
        for _ in 0..20_000 {
            let kept = pso.keeper < 9;
            pso.step(&mut objective)?;
            times += usize::from(!kept && pso.keeper < 9);
            let loss = pso.swarm.best.losses()[pso.swarm.best.best()];
            assert!(loss <= lowest, "{topology:?}");
            lowest = loss;
            assert!(pso.keeper == 9 || pso.swarm.best.best() == pso.keeper);
        }
        assert!(times > 0 && lowest < -1.0, "{topology:?}: {times} {lowest}");
    }
    Ok(())
}

#[test]
fn more_than_all_of_a_velocity_does_not_stay() {
    let spec = moths_core::Spec::new("pso").with_text(r#"inertia={"linear": {"from": 0.4, "to": 1.2, "steps": 9}}"#).unwrap();
    let refused = moths_core::registry::build(&spec, &Space::real(2).unwrap(), Key::new(1)).err().unwrap().to_string();
    assert_eq!(refused, "inertia = 1.2: at most 1 at every step");
}
