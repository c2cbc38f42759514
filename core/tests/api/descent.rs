//! Update rules against the formulas in plain loops, and against candle's own AdamW.

use crate::toy::{Test, bowl};
use candle_core::{DType, Device, Tensor};
use candle_nn::ParamsAdamW;
use moths_core::{
    Batch, CowTensor, Error, Key, Leaf, Objective, Optimizer, Result, Sampler, Space, Spec,
    optimizer::{
        Descent, Estimate, Estimator, GradientDescent,
        descent::{self, CandleDescent},
    },
    persist,
    persist::State,
    tensor::host::to_f64s,
};

const D: usize = 300;
const STEPS: usize = 50;

fn space(dtype: DType) -> Result<Space> {
    Space::with_dtype(vec![Leaf::real("x", [D]).dtype(dtype)], dtype)
}

/// A point or a gradient of normal numbers.
fn noise(space: &Space, key: u64) -> Result<CowTensor> {
    let mut z = space.zeros()?;
    Sampler::Normal.fill(Key::new(key), &mut z)?;
    Ok(z)
}

/// The points a descent goes through from `noise(0)`, by the gradients `noise(1)`, `noise(2)`, ...
fn path(space: &Space, descent: &mut dyn Descent) -> Result<Vec<Vec<f64>>> {
    let mut at = noise(space, 0)?;
    (1..=STEPS)
        .map(|t| {
            descent.descend(&mut at, &noise(space, t as u64)?.into())?;
            to_f64s(&at)
        })
        .collect()
}

/// Holds a registered descent against one coordinate's formula: `rule(state, x, g, t)` with four numbers of state.
fn agrees(spec: &str, rule: impl Fn(&mut [f64; 4], &mut f64, f64, usize)) -> Test {
    for (dtype, tolerance) in [(DType::F32, 2e-5), (DType::F64, 1e-13)] {
        let space = space(dtype)?;
        let found = path(&space, &mut *descent::build(&spec.parse::<Spec>()?, &space)?)?;
        let mut x = to_f64s(&*noise(&space, 0)?)?;
        let mut states = vec![[0.0; 4]; D];
        for (t, found) in found.iter().enumerate() {
            let g = to_f64s(&*noise(&space, t as u64 + 1)?)?;
            for i in 0..D {
                rule(&mut states[i], &mut x[i], g[i], t);
                assert!((found[i] - x[i]).abs() <= tolerance * (1.0 + x[i].abs()), "{spec} step {t}: {} and {}", found[i], x[i]);
            }
        }
    }
    Ok(())
}

#[test]
fn sgd_is_its_formula() -> Test {
    agrees(r#"{"name": "sgd", "rate": 0.1}"#, |_, x, g, _| *x -= 0.1 * g)?;
    agrees(r#"{"name": "sgd", "rate": 0.1, "momentum": 0.9}"#, |[v, ..], x, g, _| {
        *v = 0.9 * *v + g;
        *x -= 0.1 * *v;
    })?;
    agrees(r#"{"name": "sgd", "rate": 0.1, "momentum": 0.9, "nesterov": true}"#, |[v, ..], x, g, _| {
        *v = 0.9 * *v + g;
        *x -= 0.1 * (g + 0.9 * *v);
    })
}

#[test]
fn rmsprop_is_its_formula() -> Test {
    agrees(r#"{"name": "rmsprop", "rate": 0.01, "memory": 0.9, "eps": 1e-6}"#, |[s, ..], x, g, _| {
        *s = 0.9 * *s + 0.1 * g * g;
        *x -= 0.01 * g / (s.sqrt() + 1e-6);
    })
}

#[test]
fn sign_is_its_formula() -> Test {
    agrees(r#"{"name": "sign", "rate": 0.01}"#, |_, x, g, _| *x -= 0.01 * g.signum())?;
    let space = Space::real(3)?;
    let mut at = space.zeros()?;
    let g = CowTensor::new(Tensor::new(&[0.0, -0.0, -3.0], &Device::Cpu)?);
    descent::build(&moths_core::Spec::new("sign"), &space)?.descend(&mut at, &g.into())?;
    assert_eq!(to_f64s(&at)?, [0.0, 0.0, 0.01]);
    Ok(())
}

#[test]
fn adamw_is_its_formula() -> Test {
    agrees(r#"{"name": "adamw", "rate": 0.05, "weight_decay": 0.1}"#, |[m, v, ..], x, g, t| {
        let t = t as i32 + 1;
        *m = 0.9 * *m + 0.1 * g;
        *v = 0.999 * *v + 0.001 * g * g;
        let (m, v) = (*m / (1.0 - 0.9f64.powi(t)), *v / (1.0 - 0.999f64.powi(t)));
        *x = *x * (1.0 - 0.05 * 0.1) - 0.05 * m / (v.sqrt() + 1e-8);
    })
}

#[test]
fn lion_is_its_formula() -> Test {
    agrees(r#"{"name": "lion", "rate": 0.1, "weight_decay": 0.2}"#, |[m, ..], x, g, _| {
        let direction = 0.9 * *m + 0.1 * g;
        let sign = if direction == 0.0 { 0.0 } else { direction.signum() };
        *x = *x * (1.0 - 0.1 * 0.2) - 0.1 * sign;
        *m = 0.99 * *m + 0.01 * g;
    })
}

/// Speed is reached in two steps here, and held.
#[test]
fn clip_up_is_its_formula() -> Test {
    let space = space(DType::F64)?;
    let spec: Spec = r#"{"name": "clip-up", "rate": 0.1, "momentum": 0.9, "max_speed": 1.2}"#.parse()?;
    let rms = |x: &[f64]| (x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64).sqrt();
    let mut rule = descent::build(&spec, &space)?;
    let (mut at, mut x, mut v) = (noise(&space, 0)?, to_f64s(&*noise(&space, 0)?)?, vec![0.0; D]);
    let gradients = [noise(&space, 1)?, noise(&space, 1)?, space.zeros()?, noise(&space, 2)?];
    for (g, clipped) in gradients.iter().zip([false, true, false, true]) {
        let gs = to_f64s(g)?;
        let length = rms(&gs).max(f64::MIN_POSITIVE);
        v.iter_mut().zip(&gs).for_each(|(v, g)| *v = 0.9 * *v + 0.1 * g / length);
        let speed = rms(&v);
        assert_eq!(speed > 0.12, clipped, "{speed}");
        v.iter_mut().for_each(|v| *v *= (0.12 / speed).min(1.0));
        x.iter_mut().zip(&v).for_each(|(x, v)| *x -= v);
        rule.descend(&mut at, &g.clone().into())?;
        assert!(to_f64s(&at)?.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-13));
    }
    Ok(())
}

#[test]
fn presets_are_what_they_say() -> Test {
    agrees(r#"{"name": "heavy-ball", "rate": 0.1}"#, |[v, ..], x, g, _| {
        *v = 0.9 * *v + g;
        *x -= 0.1 * *v;
    })?;
    agrees(r#"{"name": "nesterov", "rate": 0.1, "momentum": 0.5}"#, |[v, ..], x, g, _| {
        *v = 0.5 * *v + g;
        *x -= 0.1 * (g + 0.5 * *v);
    })?;
    agrees(r#"{"name": "adam", "rate": 0.05}"#, |[m, v, ..], x, g, t| {
        let t = (t + 1) as i32;
        *m = 0.9 * *m + 0.1 * g;
        *v = 0.999 * *v + 0.001 * g * g;
        *x -= 0.05 * (*m / (1.0 - 0.9f64.powi(t))) / ((*v / (1.0 - 0.999f64.powi(t))).sqrt() + 1e-8);
    })
}

/// What `moths show` and schemas tell as defaults is what happens when nothing is given.
#[test]
fn defaults_are_those_that_schemas_tell() -> Test {
    let space = space(DType::F64)?;
    for entry in descent::entries() {
        let schema = entry.schema();
        let properties = schema["properties"].as_object().into_iter().flatten();
        let told = properties.filter_map(|(name, property)| Some((name.clone(), property.get("default")?.clone()))).collect();
        let [implied, explicit] = [Default::default(), told].map(|settings| Spec { name: entry.id.into(), settings });
        if let Ok(mut descent) = descent::build(&implied, &space) {
            let expected = path(&space, &mut *descent)?;
            assert_eq!(path(&space, &mut *descent::build(&explicit, &space)?)?, expected, "{explicit:?}");
        }
    }
    assert_eq!(descent::find("nesterov")?.schema()["properties"]["momentum"]["default"], 0.9);
    assert_eq!(descent::find("adam")?.schema()["properties"]["weight_decay"]["default"], 0.0);
    Ok(())
}

#[test]
fn accumulate_never_zeroes_gradients() -> Test {
    agrees(r#"{"name": "accumulate", "inner": {"name": "sgd", "rate": 0.1}}"#, |[sum, ..], x, g, _| {
        *sum += g;
        *x -= 0.1 * *sum;
    })
}

#[test]
fn momentum_to_best_points_to_the_best_point_seen() -> Test {
    let space = Space::real(1)?;
    let spec: Spec =
        r#"{"name": "momentum-to-best", "memory": 0.5, "pull": 0.2, "inner": {"name": "sgd", "rate": 0.1}}"#.parse()?;
    let mut rule = descent::build(&spec, &space)?;
    let mut at = CowTensor::new(Tensor::new(&[1f64], space.device())?);
    let (mut x, mut v, mut best, mut lowest) = (1.0, 0.0, 0.0, f64::INFINITY);
    for (loss, g) in [(f64::INFINITY, 1.0), (3.0, -2.0), (5.0, 1.0), (2.0, 0.5), (2.0, 4.0)] {
        rule.witness(&at, loss);
        rule.descend(&mut at, &Tensor::new(&[g], space.device())?.into())?;
        if loss < lowest {
            (lowest, best) = (loss, x);
        }
        if lowest.is_finite() {
            v = 0.5 * v + 0.5 * (best - x);
        }
        x = x - 0.1 * g + 0.2 * v;
        assert!((at.to_vec1::<f64>()?[0] - x).abs() < 1e-14);
    }
    Ok(())
}

#[test]
fn what_a_descent_feeds_is_named_where_it_is_wrong() {
    let space = Space::real(2).expect("a space");
    let spec: Spec = r#"{"name": "accumulate", "inner": {"name": "sgd", "momentum": 2.0}}"#.parse().expect("a spec");
    let refused = descent::build(&spec, &space).err();
    assert!(matches!(refused, Some(Error::Invalid { field, .. }) if field == "descent.inner.momentum"));
}

#[test]
fn rates_follow_their_schedules() -> Test {
    agrees(r#"{"name": "sgd", "rate": {"linear": {"from": 1.0, "to": 0.0, "steps": 10}}}"#, |_, x, g, t| {
        *x -= (1.0 - t.min(10) as f64 / 10.0) * g;
    })
}

#[test]
fn adamw_takes_the_steps_of_candles_adamw() -> Test {
    let params = ParamsAdamW { lr: 0.05, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.01 };
    let spec: Spec = r#"{"name": "adamw", "rate": 0.05, "weight_decay": 0.01}"#.parse()?;
    for (dtype, tolerance) in [(DType::F32, 1e-5), (DType::F64, 1e-13)] {
        let space = space(dtype)?;
        let own = path(&space, &mut *descent::build(&spec, &space)?)?;
        let candle = path(&space, &mut CandleDescent::<candle_nn::AdamW>::new(&space.start(), params.clone())?)?;
        for (t, (own, candle)) in own.iter().zip(&candle).enumerate() {
            for (own, candle) in own.iter().zip(candle) {
                assert!((own - candle).abs() <= tolerance * (1.0 + candle.abs()), "{dtype:?}, step {t}: {own} and {candle}");
            }
        }
    }
    Ok(())
}

#[test]
fn a_candle_descent_leaves_what_others_hold_alone_and_cannot_be_saved() -> Test {
    let space = space(DType::F32)?;
    let mut descent = CandleDescent::<candle_nn::SGD>::new(&space.start(), 0.5)?;
    let mut at = noise(&space, 0)?;
    let held = at.clone();
    let before = to_f64s(&held)?;
    descent.descend(&mut at, &noise(&space, 1)?.into())?;
    assert_eq!(to_f64s(&held)?, before);
    assert_ne!(to_f64s(&at)?, before);
    assert!(matches!(State::of(&mut descent), Err(Error::Unsupported { .. })));
    Ok(())
}

#[test]
fn a_descent_that_is_saved_and_loaded_goes_on_bit_for_bit() -> Test {
    for id in descent::entries().iter().map(|e| e.id) {
        let spec = if id == "sgd" { Spec::new(id).with("momentum", 0.9)? } else { Spec::new(id) };
        let space = space(DType::F32)?;
        let mut one = descent::build(&spec, &space)?;
        let mut at = noise(&space, 0)?;
        one.descend(&mut at, &noise(&space, 1)?.into())?;
        let mut other = descent::build(&spec, &space)?;
        State::of(&mut one)?.restore(&mut other, moths_core::persist::Keep::Nothing)?;
        let mut there = at.clone();
        one.descend(&mut at, &noise(&space, 2)?.into())?;
        other.descend(&mut there, &noise(&space, 2)?.into())?;
        assert_eq!(to_f64s(&at)?, to_f64s(&there)?, "{id}");
    }
    Ok(())
}

/// Gives the gradients it was given, one after another.
struct Given(Vec<Option<f64>>, u64);

persist!(Given {});

impl Estimator for Given {
    fn estimate(&mut self, at: &CowTensor, _: &mut dyn Objective) -> Result<Estimate> {
        let value = self.0[self.1 as usize];
        self.1 += 1;
        let gradient = value.map(|g| Ok::<_, Error>((at.ones_like()? * g)?.into())).transpose()?;
        Ok(Estimate::new(f64::INFINITY, gradient, 2))
    }
}

#[test]
fn descend_skips_gradients_that_say_nothing() -> Test {
    let space = Space::real(3)?;
    for id in descent::entries().iter().map(|e| e.id) {
        let given = Given(vec![None, Some(f64::NAN), Some(f64::INFINITY), Some(f64::NEG_INFINITY), Some(1.0)], 0);
        let mut optimizer = GradientDescent::new(given, descent::build(&moths_core::Spec::new(id), &space)?, &space);
        let mut objective = moths_core::Function::new(space.clone(), bowl);
        let before = State::of(&mut optimizer)?.digest()?;
        for _ in 0..4 {
            assert_eq!(optimizer.step(&mut objective)?.evaluations, 2);
            assert_eq!(State::of(&mut optimizer)?.digest()?, before, "{id}");
        }
        optimizer.step(&mut objective)?;
        assert!(to_f64s(&*optimizer.answer()?)?.iter().all(|x| x.is_finite() && *x < 0.0), "{id}");
    }
    Ok(())
}

#[test]
fn descend_stays_inside_the_bounds() -> Test {
    let space = Space::bounded([(-1.0, 1.0); 2])?;
    let sgd = Spec::new("sgd").with("rate", 1e6)?;
    let mut optimizer = GradientDescent::new(Given(vec![Some(1.0)], 0), descent::build(&sgd, &space)?, &space);
    optimizer.step(&mut moths_core::Function::new(space.clone(), bowl))?;
    assert_eq!(to_f64s(&*space.decode(&*optimizer.answer()?)?)?, [-1.0, -1.0]);
    assert!(space.intervals().zip(to_f64s(&*optimizer.answer()?)?).all(|((lo, _), x)| x == lo));
    Ok(())
}

/// Says that uphill is down.
struct Astray {}
persist!(Astray {});

impl Estimator for Astray {
    fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
        let loss = objective.losses(&Batch::one(at)?)?[0];
        Ok(Estimate::new(loss, Some(CowTensor::new((&**at * -1.0)?).into()), 1))
    }
}

/// x², on data that become easier in every step.
struct Easing(Space, f64);

impl Objective for Easing {
    fn space(&self) -> &Space {
        &self.0
    }
    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        (0..batch.len()).map(|i| Ok(to_f64s(&*batch.row(i, &self.0)?)?[0].powi(2) - self.1)).collect()
    }
    fn stochastic(&self) -> bool {
        true
    }
    fn refresh(&mut self) -> Result<()> {
        self.1 += 100.0;
        Ok(())
    }
}

#[test]
fn the_best_point_of_a_momentum_is_judged_on_the_data_of_the_step() -> Test {
    let space = Space::real(1)?;
    let space = space.starting_at(&Tensor::new(&[1.0], &Device::Cpu)?)?;
    let mut objective = Easing(space.clone(), 0.0);
    let mut walk = GradientDescent::new(Astray {}, descent::build(&Spec::new("momentum-to-best"), &space)?, &space);
    for step in 0..5 {
        let report = walk.step(&mut objective)?;
        assert_eq!(report.evaluations, if step == 0 { 1 } else { 2 }, "the best point is evaluated beside the others");
        objective.refresh()?;
    }
    assert!(to_f64s(&*walk.answer()?)?[0] > 1.0, "it was led astray");
    let best = State::of(&mut walk)?.digest()?.into_iter().find(|(name, _)| name == "descent.best").ok_or("a best point")?.1;
    assert_eq!(best, [1f64.to_bits()], "later data were easier, and no point on the way was better");
    Ok(())
}
