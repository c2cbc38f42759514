//! Steps beside the equations of the header, and descents that join and leave.

use moths_core::Function;

use super::*;

fn rows(x: &CowTensor) -> Vec<Vec<f64>> {
    x.to_vec2().unwrap()
}

fn ridge(x: &[f64]) -> f64 {
    x.iter().enumerate().map(|(i, x)| (1 + i) as f64 * (x - 1.0).powi(2)).sum()
}

/// Steps against the equations of the module, particle by particle, with gradient descent that has momentum.
#[test]
fn steps_are_those_of_the_header() {
    let (space, key, n, m, c, rate) = (Space::real(3).unwrap(), Key::new(5), 3, 2, 0.2, 0.1);
    for on in [On::Parameters, On::Gradients] {
        for centre in [Centre::Best, Centre::Mean] {
            let config = GravityDescentConfig {
                particles: Size::from(n),
                pairs: m,
                sigma: c.into(),
                strength: 0.3,
                power: 1.5,
                centre,
                on,
                descent: Spec::new("sgd").with("rate", rate).unwrap(),
                ..GravityDescentConfig::default()
            };
            let mut swarm = GravityDescent::new(config, &space, key).unwrap();
            let mut x = rows(swarm.x.points());
            for t in 0..3 {
                let mut s = vec![vec![0.0; m]; n];
                let mut f = vec![0.0; n];
                let z = |i: usize, k: usize| {
                    let mut z = space.zeros().unwrap();
                    Sampler::Normal.fill(key.fold(t).fold(1).fold(i as u64).member(k as u64), &mut z).unwrap();
                    z.to_vec1::<f64>().unwrap()
                };
                for i in 0..n {
                    for (k, slope) in s[i].iter_mut().enumerate() {
                        let at = |c: f64| ridge(&x[i].iter().zip(z(i, k)).map(|(x, z)| x + c * z).collect::<Vec<_>>());
                        *slope = (at(c) - at(-c)) / (2.0 * c);
                        f[i] += (at(c) + at(-c)) / (2 * m) as f64;
                    }
                }
                let unit = (s.iter().flatten().map(|s| s * s).sum::<f64>() / (n * m) as f64).sqrt();
                let best = (0..n).min_by(|&a, &b| f[a].total_cmp(&f[b])).unwrap();
                let to: Vec<f64> = match centre {
                    Centre::Best => x[best].clone(),
                    Centre::Mean => (0..3).map(|j| x.iter().map(|x| x[j]).sum::<f64>() / n as f64).collect(),
                };
                for (i, x) in x.iter_mut().enumerate() {
                    for j in 0..3 {
                        let g: f64 = (0..m).map(|k| s[i][k] / unit * z(i, k)[j] / m as f64).sum();
                        let d = x[j] - to[j];
                        let pull = 0.3 * d.signum() * d.abs().powf(1.5) * f64::from(u8::from(d != 0.0));
                        x[j] -= if on == On::Gradients { rate * (g + pull) } else { rate * g + pull };
                    }
                }
                swarm.step(&mut Function::new(space.clone(), ridge)).unwrap();
                let differ = rows(swarm.x.points()).concat().into_iter().zip(x.concat()).map(|(a, b)| (a - b).abs());
                assert!(differ.fold(0.0, f64::max) < 1e-9, "{on:?} {centre:?} step {t}");
                assert_eq!(swarm.answer().unwrap().to_vec1::<f64>().unwrap(), rows(swarm.x.points())[best]);
            }
        }
    }
}

/// A run that is resumed while particles join and leave is the same run.
#[test]
fn descents_join_and_leave_with_their_particles() -> Result<()> {
    use moths_core::persist::{Keep, State};
    let space = Space::real(3)?;
    for (from, to) in [(2, 6), (6, 2)] {
        let particles = format!(r#"particles={{"linear": {{"from": {from}, "to": {to}, "steps": 8}}}}"#);
        let spec = Spec::new("gravity-descent").with_text(&particles)?;
        let build = || moths_core::registry::build(&spec, &space, Key::new(1));
        let (mut one, mut other) = (build()?, build()?);
        let mut objective = Function::new(space.clone(), ridge);
        for _ in 0..5 {
            one.step(&mut objective)?;
        }
        State::of(&mut *one)?.restore(&mut *other, Keep::Nothing)?;
        for _ in 0..5 {
            assert_eq!(one.step(&mut objective)?, other.step(&mut objective)?);
        }
        assert_eq!(one.answer()?.to_vec1::<f64>()?, other.answer()?.to_vec1::<f64>()?);
    }
    Ok(())
}
