//! CMA-ES with a diagonal covariance: linear in the dimension, for large or nearly separable problems.
//!
//! ```text
//! y_k = √C ⊙ z_k,  x_k = m + σ y_k                                  z_k ~ N(0, I), k = 1..λ
//! ⟨y⟩  = Σ_i w_i y_{i:λ}                                            i:λ the i-th best
//! p_σ ← (1 − c_σ) p_σ + √(c_σ (2 − c_σ) μ_eff) ⟨y⟩ / √C
//! h   = 1 if ‖p_σ‖ / √(1 − (1 − c_σ)^{2(t+1)}) < (1.4 + 2/(d+1)) E‖z‖, else 0
//! p_c ← (1 − c_c) p_c + h √(c_c (2 − c_c) μ_eff) ⟨y⟩
//! C   ← (1 − c_1 − c_μ + (1 − h) c_1 c_c (2 − c_c)) C + c_1 p_c² + c_μ Σ_i w_i y_{i:λ}²
//! m   ← m + σ ⟨y⟩
//! σ   ← σ exp(c_σ/d_σ (‖p_σ‖ / E‖z‖ − 1))
//! ```
//!
//! m, p_σ, p_c, C (variances): \[d\]; y, x, z: \[λ, d\]; products and roots go element by element. Source: Ros & Hansen 2008,
//! doi:10.1007/978-3-540-87700-4_30 (c_1 and c_μ of the full method, times (d + 2)/3); constants of Hansen 2016, arXiv:1604.00772.
//! Differs from the papers: only the μ best have weight (no active update); candidates that failed have none; coordinates with bounds
//! are moved to the nearest point inside, and count as sampled there; σ grows e-fold in a step at most.
//! Cost per step: λ evaluations in one round; 4 numbers of state per parameter.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_evolution as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("sep-cma-es").with("population", 12)?, &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..50 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```

use candle_core::Tensor;
use moths_core::{
    Algorithm, Batch, Capabilities, Clock, CowTensor, Family, Key, Meta, Objective, Optimizer, Report, Result, Space, fuse,
    kernel, persist, register, settings,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::covariance::Constants;

/// Settings of [`SepCmaEs`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SepCmaEsConfig {
    /// λ, candidates a step; null: 4 + ⌊3 ln d⌋.
    #[schemars(range(min = 4, max = 1_000_000))]
    pub population: Option<usize>,
    /// σ, the initial deviation in search coordinates.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1e6))]
    pub sigma: f64,
}

impl Default for SepCmaEsConfig {
    fn default() -> Self {
        Self { population: None, sigma: 1.0 }
    }
}

/// Separable CMA-ES. See the [module documentation](self) for equations.
pub struct SepCmaEs {
    space: Space,
    constants: Constants,
    sigma_0: f64,
    clock: Clock,
    m: CowTensor,
    sigma: f64,
    c: CowTensor,
    p_sigma: CowTensor,
    p_c: CowTensor,
    scratch: Scratch,
}

/// Memory that is overwritten within every step and means nothing between two.
struct Scratch {
    y: CowTensor,
    x: CowTensor,
    deviation: CowTensor,
    mean_y: CowTensor,
    mean_y2: CowTensor,
    zero: Tensor,
}

kernel! { fn deviations(s: out, c: mat) {
    s = sqrt(c);
} }
kernel! { fn sample(y: out, x: out, m: row, deviation: row, sigma: num, z: normal) {
    let step = deviation * z;
    y = step;
    x = m + sigma * step;
} }
kernel! { fn steps_taken(y: out, x: mat, m: row, inverse_sigma: num) {
    y = (x - m) * inverse_sigma;
} }
kernel! { fn step_size_path(p: inout, y: mat, deviation: mat, keep: num, gain: num) {
    p = keep * p + gain * (y / deviation);
} }
kernel! { fn adapt(m: inout, p: inout, c: inout, y: mat, y2: mat, sigma: num, keep_p: num, gain_p: num, keep_c: num, c1: num, c_mu: num) {
    let np = keep_p * p + gain_p * y;
    p = np;
    c = keep_c * c + c1 * (np * np) + c_mu * y2;
    m = m + sigma * y;
} }

impl Algorithm for SepCmaEs {
    const META: Meta = Meta {
        id: "sep-cma-es",
        family: Family::Evolution,
        summary: "Adapts a mean, a step size and a variance for every coordinate from the ranks of samples.",
        citation: "Ros & Hansen 2008, doi:10.1007/978-3-540-87700-4_30",
        capabilities: Capabilities {
            rank_based: true,
            translation: true,
            beats_random: true,
            state_per_parameter: 4.0,
            ..Capabilities::NONE
        },
    };
    type Config = SepCmaEsConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        let constants = Constants::separable(space.dim(), config.population);
        let lambda = constants.lambda;
        Ok(Self {
            constants,
            sigma_0: config.sigma,
            clock: Clock::new(key),
            m: space.start(),
            sigma: config.sigma,
            c: CowTensor::new(Tensor::ones(space.dim(), space.dtype(), space.device())?),
            p_sigma: space.zeros()?,
            p_c: space.zeros()?,
            scratch: Scratch {
                y: space.zeros_for(lambda)?,
                x: space.zeros_for(lambda)?,
                deviation: space.zeros()?,
                mean_y: space.zeros()?,
                mean_y2: space.zeros()?,
                zero: space.zeros()?.copy()?,
            },
            space: space.clone(),
        })
    }
}

impl SepCmaEs {
    /// x_k and y_k of this step, into the scratch.
    fn sample(&mut self) -> Result<()> {
        let Scratch { y, x, deviation, .. } = &mut self.scratch;
        deviations(deviation, &self.c)?;
        sample(y, x, &self.m, deviation, self.sigma, self.clock.key())?;
        if self.space.is_bounded() {
            self.space.confine(x)?;
            steps_taken(y, x, &self.m, 1.0 / self.sigma)?;
        }
        Ok(())
    }

    /// Steps are σ √C; the run has converged when their root mean square is 1e-12 of the initial one.
    fn convergence(&self) -> Result<Option<&'static str>> {
        let rms = fuse::norm(&self.scratch.deviation)? / (self.space.dim() as f64).sqrt();
        Ok((self.sigma * rms < 1e-12 * self.sigma_0).then_some("steps became 1e-12 of the first"))
    }

    fn adapt(&mut self, weights: &[f64]) -> Result<()> {
        let k = &self.constants;
        let Scratch { y, deviation, mean_y, mean_y2, zero, .. } = &mut self.scratch;
        fuse::weighted_moments(y, zero, weights, mean_y, mean_y2)?;
        let (keep, gain) = k.sigma_path();
        step_size_path(&mut self.p_sigma, mean_y, deviation, keep, gain)?;
        let length = fuse::norm(&self.p_sigma)?;
        let h = k.h(length, self.clock.step);
        let (keep, gain) = k.covariance_path(h);
        let Self { m, p_c, c, sigma, .. } = self;
        adapt(m, p_c, c, mean_y, mean_y2, *sigma, keep, gain, k.keep(h, 1.0), k.c_1, k.c_mu)?;
        *sigma *= k.growth(length);
        self.space.confine(&mut self.m)
    }
}

impl Optimizer for SepCmaEs {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        self.sample()?;
        let losses = objective.losses(&Batch::Dense(self.scratch.x.clone()))?;
        if let Some(weights) = self.constants.weights_by_candidate(&losses) {
            self.adapt(&weights)?;
        }
        self.clock.tick();
        Ok(Report { converged: self.convergence()?, ..Report::of(&losses) })
    }

    fn answer(&self) -> Result<CowTensor> {
        Ok(self.m.clone())
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.m = self.space.point(at)?;
        Ok(())
    }
}

persist!(SepCmaEs { clock, m, sigma, c, p_sigma, p_c });
register!(SepCmaEs);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Function, Sampler};

    fn ellipsoid(x: &[f64]) -> f64 {
        x.iter().enumerate().map(|(i, x)| 10f64.powi(i as i32) * (x - 0.5).powi(2)).sum()
    }

    /// The equations of the module in plain loops, with the tutorial's constants worked out for d = 4, λ = 8.
    struct Plain {
        m: [f64; 4],
        sigma: f64,
        c: [f64; 4],
        p_sigma: [f64; 4],
        p_c: [f64; 4],
    }

    impl Plain {
        fn step(&mut self, z: &[Vec<f64>], t: u32) {
            let (d, lambda) = (4.0f64, 8.0f64);
            let raw: Vec<f64> = (1..=4).map(|i| (lambda / 2.0 + 0.5).ln() - f64::from(i).ln()).collect();
            let w: Vec<f64> = raw.iter().map(|w| w / raw.iter().sum::<f64>()).collect();
            let mu_eff = 1.0 / w.iter().map(|w| w * w).sum::<f64>();
            let cs = (mu_eff + 2.0) / (d + mu_eff + 5.0);
            let ds = 1.0 + cs + 2.0 * f64::max(0.0, ((mu_eff - 1.0) / (d + 1.0)).sqrt() - 1.0);
            let cc = (4.0 + mu_eff / d) / (d + 4.0 + 2.0 * mu_eff / d);
            let c1 = 2.0 / ((d + 1.3).powi(2) + mu_eff) * (d + 2.0) / 3.0;
            let cm = 2.0 * (mu_eff - 2.0 + 1.0 / mu_eff) / ((d + 2.0).powi(2) + mu_eff) * (d + 2.0) / 3.0;
            let chi = d.sqrt() * (1.0 - 1.0 / (4.0 * d) + 1.0 / (21.0 * d * d));
            let y: Vec<Vec<f64>> = z.iter().map(|z| (0..4).map(|j| self.c[j].sqrt() * z[j]).collect()).collect();
            let f: Vec<f64> =
                y.iter().map(|y| ellipsoid(&(0..4).map(|j| self.m[j] + self.sigma * y[j]).collect::<Vec<_>>())).collect();
            let mut best: Vec<usize> = (0..8).collect();
            best.sort_by(|&a, &b| f[a].total_cmp(&f[b]));
            let mean = |g: &dyn Fn(usize) -> f64| -> f64 { (0..4).map(|i| w[i] * g(best[i])).sum() };
            let y_w: Vec<f64> = (0..4).map(|j| mean(&|k| y[k][j])).collect();
            for (j, y_w) in y_w.iter().enumerate() {
                self.p_sigma[j] = (1.0 - cs) * self.p_sigma[j] + (cs * (2.0 - cs) * mu_eff).sqrt() * y_w / self.c[j].sqrt();
            }
            let length = self.p_sigma.iter().map(|p| p * p).sum::<f64>().sqrt();
            let stalled = length / (1.0 - (1.0 - cs).powf(2.0 * f64::from(t + 1))).sqrt() >= (1.4 + 2.0 / (d + 1.0)) * chi;
            let h = if stalled { 0.0 } else { 1.0 };
            for j in 0..4 {
                self.p_c[j] = (1.0 - cc) * self.p_c[j] + h * (cc * (2.0 - cc) * mu_eff).sqrt() * y_w[j];
                self.c[j] = (1.0 - c1 - cm + (1.0 - h) * c1 * cc * (2.0 - cc)) * self.c[j]
                    + c1 * self.p_c[j].powi(2)
                    + cm * mean(&|k| y[k][j].powi(2));
                self.m[j] += self.sigma * y_w[j];
            }
            self.sigma *= (cs / ds * (length / chi - 1.0)).exp();
        }
    }

    #[test]
    fn ten_generations_are_those_of_the_paper() {
        let (space, key) = (Space::real(4).unwrap(), Key::new(2));
        let mut es = SepCmaEs::new(SepCmaEsConfig::default(), &space, key).unwrap();
        let mut plain = Plain { m: [0.0; 4], sigma: 1.0, c: [1.0; 4], p_sigma: [0.0; 4], p_c: [0.0; 4] };
        for t in 0..10 {
            let mut z = space.zeros_for(8).unwrap();
            Sampler::Normal.fill(key.fold(u64::from(t)), &mut z).unwrap();
            plain.step(&z.to_vec2().unwrap(), t);
            es.step(&mut Function::new(space.clone(), ellipsoid)).unwrap();
            let close = |got: &Tensor, expected: &[f64]| {
                let got: Vec<f64> = got.to_vec1().unwrap();
                got.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1e-12 * b.abs().max(1e-3))
            };
            assert!(close(&es.m, &plain.m) && close(&es.c, &plain.c), "step {t}");
            assert!(close(&es.p_sigma, &plain.p_sigma) && close(&es.p_c, &plain.p_c), "step {t}");
            assert!((es.sigma / plain.sigma - 1.0).abs() < 1e-12, "step {t}");
        }
    }

    #[test]
    fn it_solves_an_ill_conditioned_separable_problem_to_machine_precision() {
        let space = Space::real(10).unwrap();
        let mut used: Vec<u64> = (0..11)
            .map(|seed| {
                let mut es = SepCmaEs::new(SepCmaEsConfig::default(), &space, Key::new(seed)).unwrap();
                let mut objective = Function::new(space.clone(), |x| {
                    x.iter().enumerate().map(|(i, x)| 10f64.powf(6.0 * i as f64 / 9.0) * (x - 1.0).powi(2)).sum()
                });
                let stop = moths_core::Stop::evaluations(20_000).or_target(1e-9);
                moths_core::minimize(&mut es, &mut objective, &stop).unwrap().tally.evaluations
            })
            .collect();
        used.sort_unstable();
        // pycma 4.5 with `CMA_diagonal` needs 1,980 to 2,620, median 2,330, from the same start and step size.
        assert!((1_900..2_800).contains(&used[5]), "{used:?}");
    }
}
