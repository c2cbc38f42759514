use candle_core::{DType, Device, Tensor};
use moths_core::{Batch, Function, Leaf, tensor::host};

use super::*;

/// f(x) = Σ (A x − b)², whose outputs are A x − b.
#[derive(Clone)]
struct Linear {
    space: Space,
    /// Candidates of these numbers fail.
    failing: Vec<usize>,
}

const A: [[f64; 3]; 2] = [[1.0, 2.0, -1.0], [0.5, -1.0, 1.0]];
const B: [f64; 2] = [1.0, -2.0];

fn outputs(x: &[f64]) -> Vec<f64> {
    A.iter().zip(B).map(|(row, b)| row.iter().zip(x).map(|(a, x)| a * x).sum::<f64>() - b).collect()
}

fn loss(x: &[f64]) -> f64 {
    outputs(x).iter().map(|o| o * o).sum()
}

impl Linear {
    fn new() -> Self {
        Self { space: Space::real(3).unwrap(), failing: vec![] }
    }
}

impl Objective for Linear {
    fn space(&self) -> &Space {
        &self.space
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        (0..batch.len()).map(|i| Ok(loss(&host::to_f64s(&*batch.row(i, &self.space)?)?))).collect()
    }

    fn outputs(&mut self, batch: &Batch) -> Result<Option<Outputs>> {
        let mut losses = self.evaluate(batch)?;
        let rows = (0..batch.len()).map(|i| Ok(outputs(&host::to_f64s(&*batch.row(i, &self.space)?)?)));
        let mut rows = rows.collect::<Result<Vec<_>>>()?;
        for &i in &self.failing {
            losses[i] = f64::NAN;
            rows[i].fill(f64::NAN);
        }
        let values = Tensor::from_vec(rows.concat(), (batch.len(), 1, 2), &Device::Cpu)?.to_dtype(self.space.dtype())?;
        let slopes = (values.nan_to_zero()? * 2.0)?;
        Ok(Some(Outputs { losses: losses.into(), values, slopes }))
    }
}

trait NanToZero {
    fn nan_to_zero(&self) -> candle_core::Result<Tensor>;
}

impl NanToZero for Tensor {
    fn nan_to_zero(&self) -> candle_core::Result<Tensor> {
        self.eq(self)?.where_cond(self, &self.zeros_like()?)
    }
}

fn built(settings: &str) -> Result<Box<dyn Optimizer>> {
    let spec: moths_core::Spec = format!(r#"{{"name":"ensemble-kalman",{settings}}}"#).parse()?;
    moths_core::registry::build(&spec, &Space::real(3)?, Key::new(5))
}

fn carried(settings: EnsembleKalmanConfig) -> (EnsembleKalman, Vec<Vec<f64>>) {
    let config = EnsembleKalmanConfig { ensemble: Ensemble::Carried, particles: Size::from(4), ..settings };
    let optimizer = EnsembleKalman::new(config, &Space::real(3).unwrap(), Key::new(5)).unwrap();
    let points = points(&optimizer);
    (optimizer, points)
}

fn points(optimizer: &EnsembleKalman) -> Vec<Vec<f64>> {
    let Particles::Carried(ensemble) = &optimizer.particles else { panic!("carried") };
    ensemble.points().to_vec2().unwrap()
}

fn mean(rows: &[Vec<f64>]) -> Vec<f64> {
    (0..rows[0].len()).map(|j| rows.iter().map(|row| row[j]).sum::<f64>() / rows.len() as f64).collect()
}

fn near(a: &[Vec<f64>], b: &[Vec<f64>]) -> bool {
    a.iter().flatten().zip(b.iter().flatten()).all(|(a, b)| (a - b).abs() < 1e-9)
}

/// The explicit step against the sum of the paper, particle by particle: θ_j − (Δt/J) Σ_k ⟨G_k − Ḡ, S_j⟩ θ_k.
#[test]
fn explicit_steps_are_those_of_the_paper() {
    let (mut optimizer, mut theta) =
        carried(EnsembleKalmanConfig { step: StepRule::Explicit, rate: Schedule::from(0.3), ..Default::default() });
    for _ in 0..3 {
        let g: Vec<Vec<f64>> = theta.iter().map(|x| outputs(x)).collect();
        let centre = mean(&g);
        let d = |j: usize, k: usize| (0..2).map(|o| (g[k][o] - centre[o]) * 2.0 * g[j][o]).sum::<f64>() / 4.0;
        let norm = (0..16).map(|at| d(at / 4, at % 4).powi(2)).sum::<f64>().sqrt();
        let step = |j: usize, i: usize| (0..4).map(|k| d(j, k) * theta[k][i]).sum::<f64>() * 0.3 / norm;
        theta = (0..4).map(|j| (0..3).map(|i| theta[j][i] - step(j, i)).collect()).collect();
        optimizer.step(&mut Linear::new()).unwrap();
        let found = points(&optimizer);
        assert!(near(&found, &theta), "{found:?} {theta:?}");
        assert!(near(&[optimizer.answer().unwrap().to_vec1().unwrap()], &[mean(&theta)]));
    }
}

/// The implicit step against Kalman's formula in output space: θ_j − C^{θG} (C^{GG} + λ/(2J) I)⁻¹ G_j, with f = |G|².
#[test]
fn implicit_steps_are_kalmans() {
    let (mut optimizer, theta) = carried(EnsembleKalmanConfig { damping: Schedule::from(0.5), ..Default::default() });
    let g: Vec<Vec<f64>> = theta.iter().map(|x| outputs(x)).collect();
    let (centre, middle) = (mean(&g), mean(&theta));
    let sum = |f: &dyn Fn(usize) -> f64| (0..4).map(f).sum::<f64>() / 4.0;
    // S = 2 G, so that M = 2 ΔG ΔGᵀ: λ is half of its mean diagonal, and in output space λ / 2.
    let lambda = 0.5 * (0..4).map(|k| (0..2).map(|o| 2.0 * (g[k][o] - centre[o]).powi(2)).sum::<f64>()).sum::<f64>() / 4.0;
    let c =
        |p: usize, o: usize| sum(&|k| (g[k][p] - centre[p]) * (g[k][o] - centre[o])) + if p == o { lambda / 8.0 } else { 0.0 };
    let det = c(0, 0) * c(1, 1) - c(0, 1) * c(1, 0);
    let expected: Vec<Vec<f64>> = (0..4)
        .map(|j| {
            let solved = [(c(1, 1) * g[j][0] - c(0, 1) * g[j][1]) / det, (c(0, 0) * g[j][1] - c(1, 0) * g[j][0]) / det];
            let gain = |i: usize, o: usize| sum(&|k| (theta[k][i] - middle[i]) * (g[k][o] - centre[o]));
            (0..3).map(|i| theta[j][i] - gain(i, 0) * solved[0] - gain(i, 1) * solved[1]).collect()
        })
        .collect();
    optimizer.step(&mut Linear::new()).unwrap();
    let found = points(&optimizer);
    assert!(near(&found, &expected), "{found:?} {expected:?}");
}

#[test]
fn without_noise_particles_stay_in_the_span_of_the_first() {
    for (rejuvenate, stay) in [(Rejuvenate::None, true), (Rejuvenate::Jitter, false), (Rejuvenate::Redraw, false)] {
        let (mut optimizer, first) =
            carried(EnsembleKalmanConfig { particles: Size::from(3), rejuvenate, epoch: 3, ..Default::default() });
        // Four points of three coordinates: what their differences do not span is nothing, so two of the four are made one.
        let Particles::Carried(ensemble) = &mut optimizer.particles else { panic!("carried") };
        let flat = |row: &[f64]| [row[0], row[1], 1.0];
        let rows: Vec<f64> = first.iter().flat_map(|row| flat(row)).collect();
        ensemble.place(Tensor::from_vec(rows, (4, 3), &Device::Cpu).unwrap().into());
        for _ in 0..3 {
            optimizer.step(&mut Linear::new()).unwrap();
        }
        let inside = points(&optimizer).iter().all(|row| (row[2] - 1.0).abs() < 1e-9);
        assert_eq!(inside, stay, "{rejuvenate:?}");
    }
}

#[test]
fn a_linear_model_is_solved_by_either_ensemble() -> Result<()> {
    for settings in [
        r#""particles":6,"damping":0.01,"sigma":{"exponential":{"from":1.0,"to":0.01,"steps":60}}"#,
        r#""particles":6,"damping":0.01,"ensemble":"carried""#,
        r#""particles":6,"damping":0.1,"ensemble":"carried","momentum":null"#,
        r#""particles":6,"step":"explicit","ensemble":"carried","rate":0.5,"momentum":0.3"#,
    ] {
        let mut optimizer = built(settings)?;
        for _ in 0..60 {
            optimizer.step(&mut Linear::new())?;
        }
        let left = loss(&host::to_f64s(&*optimizer.answer()?)?);
        assert!(left < 1e-3, "{settings}: {left}");
    }
    Ok(())
}

#[test]
fn who_fails_has_no_say_and_comes_back() -> Result<()> {
    for ensemble in ["fresh", "carried"] {
        let mut optimizer = built(&format!(r#""particles":6,"damping":0.1,"sigma":0.1,"ensemble":"{ensemble}""#))?;
        let mut objective = Linear { failing: vec![0, 3], ..Linear::new() };
        for _ in 0..60 {
            let report = optimizer.step(&mut objective)?;
            assert!(report.loss.is_finite() && report.evaluations == 6);
        }
        let left = loss(&host::to_f64s(&*optimizer.answer()?)?);
        assert!(left < 1e-2, "{ensemble}: {left}");
        let before = optimizer.answer()?.to_vec1::<f64>()?;
        objective.failing = (0..6).collect();
        assert!(optimizer.step(&mut objective)?.loss.is_infinite());
        assert_eq!(optimizer.answer()?.to_vec1::<f64>()?, before, "where all fail nothing is learnt");
    }
    Ok(())
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let refusal = |settings: &str| built(settings).err().map(|e| e.to_string()).unwrap_or_default();
    assert_eq!(refusal(r#""particles":1"#), "particles = 1: at least 2 at every step");
    assert_eq!(
        refusal(r#""rejuvenate":"jitter""#),
        "rejuvenate = jitter: none with `ensemble` = fresh, which is new in every step"
    );
    assert!(refusal(r#""ensemble":"carried","init":"same""#).starts_with("init = same: members that differ"));
    let space = Space::with_dtype(vec![Leaf::real("x", [3])], DType::F64).unwrap();
    let mut optimizer = built(r#""particles":4"#).unwrap();
    let refused = optimizer.step(&mut Function::new(space, |x| x[0])).unwrap_err();
    assert_eq!(refused.to_string(), "ensemble-kalman needs a model's outputs, which this objective does not show");
}
