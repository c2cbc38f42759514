//! Steps beside the equations of the paper, and losers at a bound.

use moths_core::{Function, kernel};

use super::*;

kernel! { fn uniforms(x: out, u: uniform) { x = u; } }

fn rows(x: &Tensor) -> Vec<Vec<f64>> {
    x.to_vec2().unwrap()
}

fn ridge(x: &[f64]) -> f64 {
    x.iter().enumerate().map(|(i, x)| (1 + i) as f64 * (x - 1.0).powi(2)).sum()
}

fn swarm_of(n: usize, phi: f64, space: &Space) -> Cso {
    Cso::new(CsoConfig { particles: Some(n.into()), phi: Some(phi), ..CsoConfig::default() }, space, Key::new(5)).unwrap()
}

/// Steps against the equations of the module, particle by particle, on the same pairs and the same random numbers.
#[test]
fn steps_are_those_of_the_paper() {
    let (space, key, phi) = (Space::real(3).unwrap(), Key::new(5), 0.3);
    for n in [6, 7] {
        let mut cso = swarm_of(n, phi, &space);
        let (mut x, mut v) = (rows(cso.swarm.members.points()), rows(&cso.swarm.v));
        let first = cso.step(&mut Function::new(space.clone(), ridge)).unwrap();
        assert_eq!((first.evaluations, rows(cso.swarm.members.points())), (n as u64, x.clone()), "the first step moves nobody");
        for t in 1..5 {
            let key = key.fold(t);
            let mut drawn: Vec<usize> = (0..n).collect();
            drawn.shuffle(&mut key.fold(4).stream());
            let [r1, r2, r3] = [1, 2, 3].map(|purpose| {
                let mut r = space.zeros_for(n / 2).unwrap();
                uniforms(&mut r, key.fold(purpose)).unwrap();
                rows(&r)
            });
            let mean: Vec<f64> = (0..3).map(|j| x.iter().map(|x| x[j]).sum::<f64>() / n as f64).collect();
            let (mut order, mut losers) = (vec![], vec![]);
            for (k, pair) in drawn.chunks_exact(2).enumerate() {
                let (a, b) = (pair[0], pair[1]);
                let (w, l) = if ridge(&x[b]) < ridge(&x[a]) { (b, a) } else { (a, b) };
                for j in 0..3 {
                    v[l][j] = r1[k][j] * v[l][j] + r2[k][j] * (x[w][j] - x[l][j]) + phi * r3[k][j] * (mean[j] - x[l][j]);
                    x[l][j] += v[l][j];
                }
                order.push(w);
                losers.push(l);
            }
            order.extend(drawn.chunks_exact(2).remainder());
            order.extend(losers);
            let in_order = |rows: &[Vec<f64>]| order.iter().map(|&i| rows[i].clone()).collect::<Vec<_>>();
            (x, v) = (in_order(&x), in_order(&v));
            let report = cso.step(&mut Function::new(space.clone(), ridge)).unwrap();
            assert_eq!(report.evaluations, n as u64 / 2, "winners, and who sits out, are not evaluated again");
            for (ours, theirs) in [(rows(cso.swarm.members.points()), &x), (rows(&cso.swarm.v), &v)] {
                let differ = ours.iter().flatten().zip(theirs.iter().flatten()).map(|(a, b)| (a - b).abs());
                assert!(differ.fold(0.0, f64::max) < 1e-14, "{n} particles, step {t}: {ours:?} {theirs:?}");
            }
            let losses: Vec<f64> = x.iter().map(|x| ridge(x)).collect();
            assert!(cso.swarm.members.losses().iter().zip(&losses).all(|(ours, theirs)| (ours - theirs).abs() < 1e-12));
            let lowest = (0..n).min_by(|&a, &b| losses[a].total_cmp(&losses[b])).unwrap();
            assert_eq!(cso.answer().unwrap().to_vec1::<f64>().unwrap(), rows(cso.swarm.members.points())[lowest]);
        }
    }
}

#[test]
fn the_pull_to_the_middle_is_that_of_the_paper() {
    let phi = |n| CsoConfig::default().phi(n);
    assert_eq!(phi(100), 0.0);
    for n in [200, 250, 500, 1000] {
        let lg = (n as f64).log10();
        assert!((0.14 * lg - 0.30..=0.27 * lg - 0.51).contains(&phi(n)), "{n}: {}", phi(n));
    }
    assert!((phi(1000) - 0.21).abs() < 1e-12);
    let particles = |d| CsoConfig::default().size(&Space::real(d).unwrap()).at(0);
    assert_eq!([2, 100, 500, 1000, 2000, 9000].map(particles), [100, 100, 250, 500, 1000, 1000]);
}

#[test]
fn at_a_bound_a_loser_turns_back() {
    let space = Space::bounded([(0.0, 1.0); 2]).unwrap();
    let mut cso = swarm_of(10, 0.0, &space);
    let mut turned = 0;
    for _ in 0..40 {
        // The lowest point is a corner outside the box.
        cso.step(&mut Function::new(space.clone(), |x| -x[0] - x[1])).unwrap();
        for (x, v) in rows(cso.swarm.members.points()).into_iter().flatten().zip(rows(&cso.swarm.v).into_iter().flatten()) {
            assert!((0.0..=4.0).contains(&x));
            turned += usize::from(x == 4.0 && v < 0.0) + usize::from(x == 0.0 && v > 0.0);
        }
    }
    assert!(turned > 0);
}
