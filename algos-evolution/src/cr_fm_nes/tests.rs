use super::*;
use crate::convergence::{self, Problem};
use moths_core::{Function, Optimizer, optimizer::Algorithm};

type Vector = [f64; 7];

fn vector(f: impl FnMut(usize) -> f64) -> Vector {
    std::array::from_fn(f)
}

fn inner(a: &Vector, b: &Vector) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

struct Plain {
    m: Vector,
    sigma: f64,
    v: Vector,
    d: Vector,
    p_sigma: Vector,
    p_c: Vector,
    moved: u32,
}

impl Plain {
    /// The equations of the paper sample by sample, d = 7 and λ = 8, from the noise of the first half.
    fn step(&mut self, half: &[Vec<f64>], f: impl Fn(&Vector) -> f64) {
        let (n, lambda) = (7.0f64, 8.0f64);
        let z: Vec<Vector> = (0..8).map(|k| vector(|j| if k < 4 { half[k][j] } else { -half[k - 4][j] })).collect();
        let length = inner(&self.v, &self.v).sqrt();
        let bar = vector(|j| self.v[j] / length);
        let gamma = 1.0 + length.powi(2);
        let y: Vec<Vector> = z.iter().map(|z| vector(|j| z[j] + (gamma.sqrt() - 1.0) * inner(&bar, z) * bar[j])).collect();
        let loss: Vec<f64> = y.iter().map(|y| f(&vector(|j| self.m[j] + self.sigma * self.d[j] * y[j]))).collect();
        let hat: Vec<f64> = loss
            .iter()
            .map(|l| loss.iter().filter(|other| *other < l).count() as f64 + 1.0)
            .map(|rank| (5f64.ln() - rank.ln()).max(0.0))
            .collect();
        let centred = |w: Vec<f64>| -> Vec<f64> { w.iter().map(|x| x / w.iter().sum::<f64>() - 1.0 / lambda).collect() };
        let u = centred(hat.clone());
        let mu_eff = 1.0 / u.iter().map(|u| (u + 1.0 / lambda).powi(2)).sum::<f64>();
        let c_s = (mu_eff + 2.0) / (n + mu_eff + 5.0);
        let c_c = (4.0 + mu_eff / n) / (n + 4.0 + 2.0 * mu_eff / n);
        let chi = n.sqrt() * (1.0 - 1.0 / (4.0 * n) + 1.0 / (21.0 * n * n));
        let mean = |w: &[f64], of: &[Vector], j: usize| -> f64 { w.iter().zip(of).map(|(w, of)| w * of[j]).sum() };
        self.p_sigma = vector(|j| (1.0 - c_s) * self.p_sigma[j] + (c_s * (2.0 - c_s) * mu_eff).sqrt() * mean(&u, &z, j));
        let path = inner(&self.p_sigma, &self.p_sigma).sqrt();
        // The root of (1 + a²) exp(a²/2) = .24 · 17; λ > d.
        let far = z.iter().zip(&hat).map(|(z, w)| w * (1.103_864_352_908_943 * inner(z, z).sqrt()).exp()).collect();
        let w = if path >= chi { centred(far) } else { u };
        self.moved += u32::from(path >= chi);
        let eta_s = if path >= chi {
            1.0
        } else if path >= 0.1 * chi {
            ((0.024 * 8.0 + 4.9 + 20.0) / 19.0f64).tanh()
        } else {
            2.0 * ((0.2 + 5.25 + 10.0) / 11.0f64).tanh()
        };
        let eta_b = ((0.16 + 5.0) / (0.23 * 7.0 + 25.0f64)).tanh();
        let c_1 = 2.0 / 6.0 * 2.0 / (8.3f64.powi(2) + mu_eff);
        let y_w = vector(|j| mean(&w, &y, j));
        self.p_c = vector(|j| (1.0 - c_c) * self.p_c[j] + (c_c * (2.0 - c_c) * mu_eff).sqrt() * self.d[j] * y_w[j]);
        self.m = vector(|j| self.m[j] + self.sigma * self.d[j] * y_w[j]);
        let all: Vec<(f64, Vector)> =
            w.iter().map(|w| eta_b * w).zip(y).chain([(c_1, vector(|j| self.p_c[j] / self.d[j]))]).collect();
        let (mut dv, mut dd) = ([0.0; 7], [0.0; 7]);
        for (q, y) in all {
            let (t, s) = natural(&self.v, &y);
            (0..7).for_each(|j| (dv[j], dd[j]) = (dv[j] + q * t[j] / length, dd[j] + q * s[j]));
        }
        self.v = vector(|j| self.v[j] + dv[j]);
        self.d = vector(|j| self.d[j] * (1.0 + dd[j]));
        let det = self.d.iter().product::<f64>() * (1.0 + inner(&self.v, &self.v)).sqrt();
        self.d = vector(|j| self.d[j] / det.powf(1.0 / 7.0));
        self.sigma *= (eta_s / 2.0 * w.iter().zip(&z).map(|(w, z)| w * (inner(z, z) - n) / n).sum::<f64>()).exp();
    }
}

/// t and s of one sample.
fn natural(v: &Vector, y: &Vector) -> (Vector, Vector) {
    let v2 = inner(v, v);
    let gamma = 1.0 + v2;
    let e = vector(|j| v[j] / v2.sqrt());
    let ip = inner(&e, y);
    let most = e.iter().map(|e| e * e).fold(0.0, f64::max);
    let alpha = ((v2.powi(2) + (2.0 * gamma - gamma.sqrt()) / most).sqrt() / (2.0 + v2)).min(1.0);
    let b = -(1.0 - alpha.powi(2)) * v2.powi(2) / gamma + 2.0 * alpha.powi(2);
    let inverse_h = vector(|j| 1.0 / (2.0 - (b + 2.0 * alpha.powi(2)) * e[j].powi(2)));
    let t = vector(|j| y[j] * ip - e[j] * (ip.powi(2) + gamma) / 2.0);
    let s = vector(|j| y[j].powi(2) - v2 / gamma * y[j] * e[j] * ip - 1.0);
    let s = vector(|j| s[j] - alpha / gamma * ((2.0 + v2) * t[j] * e[j] - v2 * e[j].powi(2) * inner(&e, &t)));
    let g = vector(|j| inverse_h[j] * e[j].powi(2));
    let e2 = vector(|j| e[j].powi(2));
    let s = vector(|j| s[j] * inverse_h[j] - b / (1.0 + b * inner(&e2, &g)) * g[j] * inner(&g, &s));
    (vector(|j| t[j] - alpha * ((2.0 + v2) * s[j] * e[j] - e[j] * inner(&e2, &s))), s)
}

#[test]
fn ten_generations_are_those_of_the_paper() {
    let f = |x: &[f64]| x.iter().enumerate().map(|(i, x)| 4f64.powi(i as i32) * (x - 3.0).powi(2)).sum::<f64>();
    let (space, key) = (Space::real(7).unwrap(), Key::new(2));
    let mut es = CrFmNes::new(CrFmNesConfig { population: Some(8), ..CrFmNesConfig::default() }, &space, key).unwrap();
    let v: Vec<f64> = es.distribution.v.to_vec1().unwrap();
    let mut plain =
        Plain { m: [0.0; 7], sigma: 1.0, v: vector(|j| v[j]), d: [1.0; 7], p_sigma: [0.0; 7], p_c: [0.0; 7], moved: 0 };
    for t in 0..10 {
        let mut half = space.zeros_for(4).unwrap();
        Sampler::Normal.fill(key.fold(t), &mut half).unwrap();
        plain.step(&half.to_vec2().unwrap(), |x| f(x));
        es.step(&mut Function::new(space.clone(), f)).unwrap();
        let (mean, es) = (&es.mean, &es.distribution);
        for (name, got, expected) in
            [("m", mean, plain.m), ("v", &es.v, plain.v), ("D", &es.d, plain.d), ("p_c", &es.p_c, plain.p_c)]
        {
            let got: Vec<f64> = got.to_vec1().unwrap();
            assert!(
                got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-10 * b.abs().max(0.1)),
                "step {t}, {name}: {got:?} instead of {expected:?}"
            );
        }
        assert!((es.sigma / plain.sigma - 1.0).abs() < 1e-10, "step {t}: {} instead of {}", es.sigma, plain.sigma);
    }
    assert!((1..10).contains(&plain.moved), "both kinds of weights are to be met, not {} of ten", plain.moved);
}

#[test]
fn an_odd_population_is_refused() {
    let config = CrFmNesConfig { population: Some(7), ..CrFmNesConfig::default() };
    let refused = CrFmNes::new(config, &Space::real(3).unwrap(), Key::new(1)).err().unwrap();
    assert!(matches!(refused, Error::Invalid { field, .. } if field == "population"));
}

/// Evaluations to 1e-9, median of 11 seeds, of the first author's package crfmnes 1.0.0 from the same start, 0, with σ = 1.
#[test]
fn it_converges_as_fast_as_the_reference() {
    for (dim, sphere, ellipsoid, rosenbrock) in [(10, 945, 2270, 5151), (20, 1804, 3851, 12_469)] {
        convergence::check::<CrFmNes>(Problem::Sphere, dim, sphere);
        convergence::check::<CrFmNes>(Problem::Ellipsoid, dim, ellipsoid);
        convergence::check::<CrFmNes>(Problem::Rosenbrock, dim, rosenbrock);
    }
}
