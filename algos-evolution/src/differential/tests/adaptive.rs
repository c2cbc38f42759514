//! The family of JADE beside the equations of its papers, point by point, on the same random numbers.

use moths_core::{Function, Key, Optimizer, Sampler, Space, optimizer::Algorithm};
use rand::RngExt;

use super::{Exponentials, other, ridge};
use crate::{
    differential::adaptive::{AdaptiveDe, Preset},
    jade::JadeConfig,
    jso::JsoConfig,
    l_shade::LShadeConfig,
    shade::ShadeConfig,
};

const D: usize = 4;
const BUDGET: u64 = 150;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Method {
    Jade,
    Shade,
    LShade,
    Jso,
}
use Method::*;

/// One method, as its paper has it.
struct Plain {
    method: Method,
    first: usize,
    used: usize,
    x: Vec<Vec<f64>>,
    f: Vec<f64>,
    archive: Vec<Vec<f64>>,
    m_f: Vec<f64>,
    m_cr: Vec<f64>,
    k: usize,
}

impl Plain {
    fn step(&mut self, key: Key) {
        let n = self.x.len();
        let (mut stream, mut e) = (key.fold(1).stream(), Exponentials::new(key.fold(3).fold(0)));
        let mut z = vec![0.0; n];
        Sampler::Normal.fill_slice(key.fold(2), &mut z);
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|a, b| self.f[*a].total_cmp(&self.f[*b]));
        let (mut trials, mut drawn) = (vec![], vec![]);
        for (i, z) in z.into_iter().enumerate() {
            let (f, cr) = self.parameters(z, &mut stream);
            let top = self.top(n, &mut stream);
            let best = order[stream.random_range(0..top)];
            let a = other(&mut stream, n, &[i]);
            let b = other(&mut stream, n + self.archive.len(), &[i, a]);
            let x_b = if b < n { &self.x[b] } else { &self.archive[b - n] };
            let taken = e.taken(cr, stream.random_range(0..D), D);
            let f_w = f * self.pull();
            let v = |j: usize| self.x[i][j] + f_w * (self.x[best][j] - self.x[i][j]) + f * (self.x[a][j] - x_b[j]);
            trials.push((0..D).map(|j| if taken[j] { v(j) } else { self.x[i][j] }).collect::<Vec<_>>());
            drawn.push((f, cr));
        }
        self.select(trials, &drawn, key);
    }

    fn time(&self) -> f64 {
        self.used as f64 / BUDGET as f64
    }

    fn parameters(&self, z: f64, stream: &mut moths_core::rng::Stream) -> (f64, f64) {
        let h = self.m_f.len();
        let r = if self.method == Jade { 0 } else { stream.random_range(0..h) };
        let fixed = self.method == Jso && r == h - 1;
        let (m_f, m_cr) = if fixed { (0.9, 0.9) } else { (self.m_f[r], self.m_cr[r]) };
        let u: f64 = stream.random();
        // Of the angles that give F > 0, the one at the part u.
        let least = (-m_f / 0.1).atan();
        let mut f = (m_f + 0.1 * (least + u * (std::f64::consts::FRAC_PI_2 - least)).tan()).min(1.0);
        let mut cr = if m_cr < 0.0 { 0.0 } else { (m_cr + 0.1 * z).clamp(0.0, 1.0) };
        if self.method == Jso {
            let t = self.time();
            f = if t < 0.6 { f.min(0.7) } else { f };
            cr = if t < 0.25 {
                cr.max(0.7)
            } else if t < 0.5 {
                cr.max(0.6)
            } else {
                cr
            };
        }
        (f, cr)
    }

    fn pull(&self) -> f64 {
        match self.time() {
            _ if self.method != Jso => 1.0,
            t if t < 0.2 => 0.7,
            t if t < 0.4 => 0.8,
            _ => 1.2,
        }
    }

    fn top(&self, n: usize, stream: &mut moths_core::rng::Stream) -> usize {
        let p = match self.method {
            Jade => 0.05,
            Shade => 2.0 / n as f64 + (0.2 - 2.0 / n as f64).max(0.0) * stream.random::<f64>(),
            LShade => 0.11,
            Jso => 0.25 - 0.125 * self.time(),
        };
        ((p * n as f64).round() as usize).max(2)
    }

    fn select(&mut self, trials: Vec<Vec<f64>>, drawn: &[(f64, f64)], key: Key) {
        let n = self.x.len();
        let mut lots = key.fold(4).stream();
        let capacity = if self.method == LShade { (2.6 * n as f64) as usize } else { n };
        let mut successes = vec![];
        for (i, u) in trials.into_iter().enumerate() {
            let f = ridge(&u);
            if f < self.f[i] {
                successes.push((drawn[i].0, drawn[i].1, self.f[i] - f));
                if self.archive.len() < capacity {
                    self.archive.push(self.x[i].clone());
                } else {
                    self.archive[lots.random_range(0..capacity)] = self.x[i].clone();
                }
            }
            if f < self.f[i] || f == self.f[i] && self.method != Jade {
                (self.f[i], self.x[i]) = (f, u);
            }
        }
        self.learn(&successes);
        self.used += n;
        if matches!(self.method, LShade | Jso) {
            self.shrink(&mut lots);
        }
    }

    fn learn(&mut self, successes: &[(f64, f64, f64)]) {
        if successes.is_empty() {
            return;
        }
        let weight = |gain: f64| if self.method == Jade { 1.0 } else { gain };
        let sum = |g: &dyn Fn(f64, f64) -> f64| -> f64 { successes.iter().map(|(f, cr, gain)| weight(*gain) * g(*f, *cr)).sum() };
        let f = sum(&|f, _| f * f) / sum(&|f, _| f);
        let arithmetic = sum(&|_, cr| cr) / sum(&|_, _| 1.0);
        let lehmer = sum(&|_, cr| cr * cr) / sum(&|_, cr| cr);
        let (k, h) = (self.k, self.m_f.len());
        (self.m_f[k], self.m_cr[k]) = match self.method {
            Jade => (0.9 * self.m_f[k] + 0.1 * f, 0.9 * self.m_cr[k] + 0.1 * arithmetic),
            Shade => (f, arithmetic),
            LShade => (f, lehmer),
            Jso => ((self.m_f[k] + f) / 2.0, (self.m_cr[k] + lehmer) / 2.0),
        };
        self.k = (k + 1) % h;
    }

    fn shrink(&mut self, lots: &mut moths_core::rng::Stream) {
        let n = (self.first as f64 - (self.first as f64 - 4.0) * self.time().min(1.0)).round() as usize;
        if self.x.len() <= n {
            return;
        }
        while self.x.len() > n {
            // The last of the worst.
            let worst = (0..self.x.len()).fold(0, |w, i| if self.f[i] >= self.f[w] { i } else { w });
            self.x.remove(worst);
            self.f.remove(worst);
        }
        let capacity = if self.method == LShade { (2.6 * n as f64) as usize } else { n };
        while self.archive.len() > capacity {
            self.archive.swap_remove(lots.random_range(0..self.archive.len()));
        }
        // Whoever stays, stays from best to worst.
        let mut order: Vec<usize> = (0..self.x.len()).collect();
        order.sort_by(|a, b| self.f[*a].total_cmp(&self.f[*b]));
        self.x = order.iter().map(|i| self.x[*i].clone()).collect();
        self.f = order.iter().map(|i| self.f[*i]).collect();
    }
}

fn agrees<P: Preset>(config: P, method: Method, (h, m_f, m_cr): (usize, f64, f64)) {
    let (space, key) = (Space::real(D).unwrap(), Key::new(4));
    let mut ours = AdaptiveDe::<P>::new(config, &space, key).unwrap();
    let x: Vec<Vec<f64>> = ours.population.points().to_vec2().unwrap();
    let (n, f) = (x.len(), x.iter().map(|x| ridge(x)).collect());
    let mut plain = Plain { method, first: n, used: n, x, f, archive: vec![], m_f: vec![m_f; h], m_cr: vec![m_cr; h], k: 0 };
    let mut objective = Function::new(space, ridge);
    ours.step(&mut objective).unwrap();
    if matches!(method, LShade | Jso) {
        plain.shrink(&mut key.stream());
    }
    for t in 1..20 {
        plain.step(key.fold(t));
        ours.step(&mut objective).unwrap();
        let close = |a: &[f64], b: &[f64]| {
            assert_eq!(a.len(), b.len(), "{method:?} in step {t}");
            assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9), "{method:?} in step {t}: {a:?} {b:?}");
        };
        close(&ours.population.points().flatten_all().unwrap().to_vec1().unwrap(), &plain.x.concat());
        close(&ours.memory.weights, &plain.m_f);
        close(&ours.memory.rates, &plain.m_cr);
        assert_eq!(ours.archive.len, plain.archive.len(), "{method:?} in step {t}");
    }
}

#[test]
fn twenty_steps_are_those_of_the_papers() {
    let population = Some(12);
    let size = population.map(Into::into);
    agrees(JadeConfig { population: size.clone(), ..JadeConfig::default() }, Jade, (1, 0.5, 0.5));
    agrees(ShadeConfig { population: size, memory: 5, ..ShadeConfig::default() }, Shade, (5, 0.5, 0.5));
    agrees(LShadeConfig { population, evaluations: Some(BUDGET), ..LShadeConfig::default() }, LShade, (6, 0.5, 0.5));
    agrees(JsoConfig { population, evaluations: Some(BUDGET), ..JsoConfig::default() }, Jso, (5, 0.3, 0.8));
}

/// On a plain without slopes the parents of JADE stay, those of the others make way.
#[test]
fn a_tie_keeps_the_parent_in_jade_only() {
    fn stays<P: Preset>() -> bool {
        let space = Space::real(D).unwrap();
        let mut search = AdaptiveDe::<P>::new(P::default(), &space, Key::new(4)).unwrap();
        let mut points = || {
            search.step(&mut Function::new(space.clone(), |_| 1.0)).unwrap();
            search.population.points().flatten_all().unwrap().to_vec1::<f64>().unwrap()
        };
        points() == points()
    }
    assert!(stays::<JadeConfig>() && !stays::<ShadeConfig>());
}
