//! Steps and exemplars beside the equations of the paper.

use moths_core::Function;

use super::*;

kernel! { fn uniforms(x: out, u: uniform) { x = u; } }

fn rows(x: &Tensor) -> Vec<Vec<f64>> {
    x.to_vec2().unwrap()
}

fn ridge(x: &[f64]) -> f64 {
    x.iter().enumerate().map(|(i, x)| (1 + i) as f64 * (x - 1.0).powi(2)).sum()
}

fn drawn(space: &Space, n: usize, key: Key) -> Vec<Vec<f64>> {
    let mut u = space.zeros_for(n).unwrap();
    uniforms(&mut u, key).unwrap();
    rows(&u)
}

/// Who learns from whom, worked out coordinate by coordinate from the same random numbers.
fn exemplars_of(of: &[usize], loss: &[f64], space: &Space, key: Key) -> Vec<Vec<usize>> {
    let (n, d) = (loss.len(), space.dim());
    let [u, a, b] = [2, 3, 4].map(|purpose| drawn(space, of.len(), key.fold(purpose)));
    let mut draws = key.fold(5).stream();
    let by_rank = |but: usize| {
        let mut others: Vec<usize> = (0..n).filter(|&i| i != but).collect();
        others.sort_by(|&i, &k| loss[i].total_cmp(&loss[k]));
        others
    };
    let one = |(row, &i): (usize, &usize)| {
        let others = by_rank(i);
        let pick = |u: f64| (u * (n - 1) as f64) as usize;
        let pc = 0.05 + 0.45 * ((10.0 * i as f64 / (n - 1) as f64).exp() - 1.0) / (10f64.exp() - 1.0);
        let winner = |j: usize| others[pick(a[row][j]).min(pick(b[row][j]))];
        let mut e: Vec<usize> = (0..d).map(|j| if u[row][j] < pc { winner(j) } else { i }).collect();
        if e.iter().all(|&e| e == i) {
            let mut all: Vec<usize> = (0..n).collect();
            all.sort_by(|&i, &k| loss[i].total_cmp(&loss[k]));
            let own = all.iter().position(|&k| k == i).unwrap();
            let another = all[(own + draws.random_range(1..n)) % n];
            e[draws.random_range(0..d)] = another;
        }
        e
    };
    of.iter().enumerate().map(one).collect()
}

/// Steps against the equations of the module, coordinate by coordinate, on the same random numbers.
#[test]
fn steps_are_those_of_the_paper() {
    let (space, key, n, d) = (Space::bounded([(-5.0, 5.0); 4]).unwrap(), Key::new(5), 5, 4);
    let inertia = Schedule::from(0.8);
    let config = ClpsoConfig { particles: Some(n), gap: 2, inertia, velocity_limit: Some(0.25), ..ClpsoConfig::default() };
    let mut pso = Clpso::new(config, &space, key).unwrap();
    let (mut x, mut v, mut p) = (rows(&pso.swarm.x), rows(&pso.swarm.v), rows(&pso.swarm.x));
    let (mut loss, mut e) = (vec![f64::INFINITY; n], vec![vec![0; d]; n]);
    let (mut stale, mut limited, mut refreshed) = (vec![2; n], 0, 0);
    for step in 0..30 {
        let key = key.fold(step);
        for i in 0..n {
            let better = ridge(&x[i]) < loss[i];
            if better {
                (p[i], loss[i]) = (x[i].clone(), ridge(&x[i]));
            }
            if step > 0 {
                stale[i] = if better { 0 } else { stale[i] + 1 };
            }
        }
        let of: Vec<usize> = (0..n).filter(|&i| stale[i] >= 2).collect();
        for (&i, chosen) in of.iter().zip(exemplars_of(&of, &loss, &space, key)) {
            (e[i], stale[i], refreshed) = (chosen, 0, refreshed + 1);
        }
        let r = drawn(&space, n, key.fold(1));
        for i in 0..n {
            for j in 0..d {
                // The box is [−2, 2].
                let wanted = 0.8 * v[i][j] + 1.49445 * r[i][j] * (p[e[i][j]][j] - x[i][j]);
                v[i][j] = wanted.clamp(-0.5, 0.5);
                limited += usize::from(v[i][j] != wanted);
                let to = x[i][j] + v[i][j];
                x[i][j] = to.clamp(-2.0, 2.0);
                if x[i][j] != to {
                    v[i][j] *= -0.5;
                }
            }
        }
        pso.step(&mut InSearch(space.clone())).unwrap();
        assert_eq!((rows(&pso.swarm.x), rows(&pso.swarm.v)), (x.clone(), v.clone()), "step {step}");
    }
    assert!(limited > 0 && refreshed > 2 * n, "{limited} {refreshed}");
}

/// The ridge, in search coordinates.
struct InSearch(Space);

impl Objective for InSearch {
    fn space(&self) -> &Space {
        &self.0
    }

    fn evaluate(&mut self, batch: &moths_core::Batch) -> Result<Vec<f64>> {
        let row = |i| Ok(ridge(&batch.row(i, &self.0)?.to_vec1::<f64>()?));
        (0..batch.len()).map(row).collect()
    }
}

#[test]
fn probabilities_are_those_of_the_paper() {
    let all: Vec<f64> = (0..30).map(|i| learning_probability(i, 30)).collect();
    assert!((all[0] - 0.05).abs() < 1e-15 && (all[29] - 0.5).abs() < 1e-15);
    assert!(all.windows(2).all(|pair| pair[0] < pair[1]));
}

/// With one coordinate nobody can learn from itself.
#[test]
fn everybody_learns_something_from_another() {
    let space = Space::real(1).unwrap();
    let mut pso = Clpso::new(ClpsoConfig { particles: Some(6), ..ClpsoConfig::default() }, &space, Key::new(2)).unwrap();
    pso.step(&mut Function::new(space.clone(), ridge)).unwrap();
    let e = rows(&pso.exemplars);
    assert!(e.iter().enumerate().all(|(i, e)| e[0] != i as f64 && e[0] < 6.0), "{e:?}");
}
