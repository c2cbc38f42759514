//! Steps beside the equations of the papers, and swarms that keep their size, are scattered, join and leave.

use candle_core::Tensor;
use moths_core::{
    Function, kernel,
    optimizer::{
        Size,
        schedule::{Curve, Ramp},
    },
    persist::{Keep, State},
};

use super::*;

kernel! { fn normals(x: out, z: normal) { x = z; } }

fn rows(x: &Tensor) -> Vec<Vec<f64>> {
    x.to_vec2().unwrap()
}

fn ridge(x: &[f64]) -> f64 {
    x.iter().enumerate().map(|(i, x)| (1 + i) as f64 * (x - 1.0).powi(2)).sum()
}

/// The header, particle by particle, with plain numbers.
struct Reference {
    config: ConsensusConfig,
    x: Vec<Vec<f64>>,
    y: Vec<Vec<f64>>,
    m: Vec<Vec<f64>>,
    v: Vec<Vec<f64>>,
    c: Vec<f64>,
}

fn apart(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

impl Reference {
    fn of(config: ConsensusConfig, swarm: &Swarm) -> Self {
        let x = rows(swarm.x.points());
        let zeros = vec![vec![0.0; x[0].len()]; x.len()];
        Self { config, y: x.clone(), m: zeros.clone(), v: zeros, c: vec![], x }
    }

    fn step(&mut self, t: i32, drawn: &[usize], z: &[Vec<f64>]) {
        let ConsensusConfig { dt, lambda, .. } = self.config;
        let (n, d, memory) = (self.x.len(), self.x[0].len(), self.config.memory.unwrap_or(0.0));
        for i in 0..n {
            if self.config.memory.is_none() || ridge(&self.x[i]) < ridge(&self.y[i]) {
                self.y[i] = self.x[i].clone();
            }
        }
        let f: Vec<f64> = drawn.iter().map(|&j| ridge(&self.y[j])).collect();
        let alpha = self.config.alpha.unwrap();
        let lowest = f.iter().copied().fold(f64::INFINITY, f64::min);
        let mut w = vec![0.0; n];
        drawn.iter().zip(&f).for_each(|(&j, f)| w[j] = (-alpha * (f - lowest)).exp());
        let sum: f64 = w.iter().sum();
        w.iter_mut().for_each(|w| *w /= sum);
        let mean = |w: &[f64], k: usize| (0..n).map(|j| w[j] * self.y[j][k]).sum::<f64>() / w.iter().sum::<f64>();
        self.c = (0..d).map(|k| mean(&w, k)).collect();
        let growth = 1.0 - 2.0 / drawn.len() as f64 + w.iter().map(|w| w * w).sum::<f64>();
        let s = match &self.config.sigma {
            Some(sigma) => sigma.at(t as u64) * dt.sqrt(),
            None => (1.0 + 0.25 / d as f64) * (1.0 / growth - (1.0 - lambda * dt).powi(2)).sqrt(),
        };
        let centres: Vec<Vec<f64>> = (0..n)
            .map(|i| match self.config.polarised {
                None => self.c.clone(),
                Some(kappa) => {
                    let near = |j: usize| w[j] * (-(apart(&self.x[i], &self.y[j]) / kappa).powi(2) / 2.0).exp();
                    let w: Vec<f64> = (0..n).map(near).collect();
                    (0..d).map(|k| mean(&w, k)).collect()
                }
            })
            .collect();
        let jitter = self.config.jitter.as_ref().map_or(0.0, |jitter| jitter.at(t as u64));
        for i in (0..n).filter(|i| self.config.update == Update::Full || drawn.contains(i)) {
            let (x, y, c) = (self.x[i].clone(), &self.y[i], &centres[i]);
            let root = (d as f64).sqrt();
            for k in 0..d {
                let (to, e) = (x[k] - c[k], x[k] - y[k]);
                let (wide, wide_e) = match self.config.noise {
                    Diffusion::ComponentWise => (to, e),
                    Diffusion::Isotropic => (apart(&x, c) / root, apart(&x, y) / root),
                };
                let variance = (s * wide).powi(2) + (memory * s * wide_e).powi(2) + dt * jitter * jitter;
                let u = match self.config.drift {
                    Drift::Plain => to,
                    Drift::Adam => {
                        let (m, v) = (&mut self.m[i][k], &mut self.v[i][k]);
                        *m = 0.9 * *m + 0.1 * to;
                        *v = 0.99 * *v + 0.01 * to * to;
                        *m / (1.0 - 0.9f64.powi(t + 1)) / ((*v / (1.0 - 0.99f64.powi(t + 1))).sqrt() + 1e-8)
                    }
                };
                self.x[i][k] = x[k] - lambda * dt * u - memory * dt * e + variance.sqrt() * z[i][k];
            }
        }
    }
}

/// Steps against the equations of the module, on the same random numbers, in all forms that they have.
#[test]
fn steps_are_those_of_the_papers() {
    let (space, key, n) = (Space::real(3).unwrap(), Key::new(5), 5);
    let plain = ConsensusConfig {
        particles: Size::from(n),
        alpha: Some(0.3),
        dt: 0.2,
        sigma: Some(0.7.into()),
        resample: 0,
        ..ConsensusConfig::default()
    };
    let neutral = ConsensusConfig { sigma: None, dt: 1.0, ..plain.clone() };
    let mut configs = vec![neutral.clone(), ConsensusConfig { jitter: Some(0.4.into()), ..neutral }];
    for noise in [Diffusion::ComponentWise, Diffusion::Isotropic] {
        for drift in [Drift::Plain, Drift::Adam] {
            for (memory, polarised) in [(None, None), (Some(0.4), None), (None, Some(1.5)), (Some(0.4), Some(1.5))] {
                configs.push(ConsensusConfig { noise, drift, memory, polarised, ..plain.clone() });
            }
        }
    }
    for update in [Update::Full, Update::Partial] {
        configs.push(ConsensusConfig { batch: Some(3), update, ..plain.clone() });
    }
    for config in configs {
        let mut ours = Consensus::new(config.clone(), &space, key).unwrap();
        let mut theirs = Reference::of(config.clone(), &ours.swarm);
        for t in 0..4 {
            let mut z = space.zeros_for(n).unwrap();
            normals(&mut z, key.fold(t).fold(2)).unwrap();
            theirs.step(t as i32, &ours.drawn(n), &rows(&z));
            let report = ours.step(&mut Function::new(space.clone(), ridge)).unwrap();
            assert_eq!(report.evaluations, config.batch.unwrap_or(n) as u64);
            let answer = ours.answer().unwrap().to_vec1::<f64>().unwrap();
            assert!(apart(&answer, &theirs.c) < 1e-12, "step {t} of {config:?}");
            for (ours, theirs) in rows(ours.swarm.x.points()).iter().zip(&theirs.x) {
                assert!(apart(ours, theirs) < 1e-11, "step {t} of {config:?}: {ours:?} {theirs:?}");
            }
        }
    }
}

/// Where losses say nothing, the mean distance from the consensus stays what it is, within chance.
#[test]
fn a_swarm_that_learns_nothing_keeps_its_size() {
    for (n, d) in [(10, 20), (20, 50), (50, 200)] {
        let space = Space::real(d).unwrap();
        let config = ConsensusConfig { particles: Size::from(n), resample: 0, ..ConsensusConfig::default() };
        let mut swarm = Consensus::new(config, &space, Key::new(3)).unwrap();
        let mut size = vec![];
        for step in 0..60 {
            let mut draws = Key::new(9).fold(step).stream();
            swarm.step(&mut Function::new(space.clone(), |_| draws.normals().0)).unwrap();
            let apart = fuse::distances(swarm.swarm.x.points(), &swarm.consensus).unwrap();
            size.push((apart.iter().sum::<f64>() / n as f64).ln());
        }
        // The logarithm of a mean falls by half the variance of what it is a mean of; e-fold a run is far from a collapse.
        let change = size[59] - size[0];
        assert!(change.abs() < 1.5, "{n} particles in {d} dimensions: {change}");
    }
}

#[test]
fn a_swarm_without_better_points_is_scattered() {
    let space = Space::real(2).unwrap();
    let config = ConsensusConfig { resample: 3, scatter: 5.0, sigma: Some(1e-9.into()), ..ConsensusConfig::default() };
    let mut swarm = Consensus::new(config, &space, Key::new(1)).unwrap();
    let wide =
        |swarm: &Consensus| fuse::distances(swarm.swarm.x.points(), &swarm.consensus).unwrap().into_iter().fold(0.0, f64::max);
    let mut sizes = vec![];
    for _ in 0..6 {
        swarm.step(&mut Function::new(space.clone(), |_| 1.0)).unwrap();
        sizes.push(wide(&swarm));
    }
    // The first step has the first best point ever; then there is none for three.
    assert!(sizes[2] < 1e-3 && sizes[3] > 1.0 && sizes[4] < 1e-3, "{sizes:?}");
}

/// Members join and leave as the schedule says, and a run that is resumed in between is the same run.
#[test]
fn the_swarm_is_as_large_as_its_schedule_says() -> Result<()> {
    let space = Space::real(3)?;
    for (from, to) in [(4, 12i64), (12, 4)] {
        let ramp = Ramp { from: from as f64, to: to as f64, steps: Some(8) };
        let config = ConsensusConfig {
            particles: Size::Curve(Curve::Linear(ramp)),
            memory: Some(0.4),
            drift: Drift::Adam,
            ..ConsensusConfig::default()
        };
        let (mut one, mut other) =
            (Consensus::new(config.clone(), &space, Key::new(1))?, Consensus::new(config, &space, Key::new(1))?);
        let mut objective = Function::new(space.clone(), ridge);
        for t in 0..5 {
            let evaluations = one.step(&mut objective)?.evaluations as i64;
            assert_eq!(evaluations, from + (to - from) * t / 8);
        }
        State::of(&mut one)?.restore(&mut other, Keep::Nothing)?;
        for _ in 0..5 {
            assert_eq!(one.step(&mut objective)?, other.step(&mut objective)?);
        }
        assert_eq!(one.answer()?.to_vec1::<f64>()?, other.answer()?.to_vec1::<f64>()?);
    }
    Ok(())
}
