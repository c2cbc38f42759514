//! Candidates of all kinds, beside their model one by one: leaves that are searched otherwise, weights that are shared, candidates that fail.

use candle_core::{Device, Tensor};
use moths_core::{
    Batch, FlatModel, Key, ModelOptions, Objective, Result, Sampler,
    candle_nn::{Init, VarBuilder},
    objective::{OutputLoss, Probe},
    space::Domain,
};
use moths_nn::{Activations, Embedding, Linear, Module, PopulationModel, embedding, lanes::Lanes, linear, seq};

use crate::toy::{classes, network, numbers};

const SAMPLERS: [Sampler; 3] = [Sampler::Normal, Sampler::LowRank { rank: 1 }, Sampler::LowRank { rank: 2 }];

/// None of [`classes`].
fn others(shape: &[usize]) -> Result<Tensor> {
    let values: Vec<u32> = (0..shape.iter().product()).map(|i| (3 - i * 7 % 4) as u32).collect();
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
}

/// A network on 41 examples \[3\] of four classes.
fn model<N: Module + Send + Sync + 'static>(
    options: ModelOptions,
    build: impl Fn(VarBuilder<'static>) -> candle_core::Result<N> + Send + 'static,
) -> Result<PopulationModel<N>> {
    let data = (numbers(&[41, 3])?, classes(&[41])?);
    PopulationModel::with(options, build, move |_| Ok(data.clone()), OutputLoss::CrossEntropy)
}

/// Pairs of probes, eleven in all, with the scale of one replaced.
fn probes(other: Option<(usize, f64)>) -> Vec<Probe> {
    let scale = |i: usize| if i.is_multiple_of(2) { 0.3 } else { -0.3 };
    let scale = |i: usize| other.filter(|(at, _)| *at == i).map_or_else(|| scale(i), |(_, scale)| scale);
    (0..11).map(|i| Probe::new(Key::new(i as u64 / 2), scale(i))).collect()
}

fn near(objective: &impl Objective, sampler: Sampler, probes: Vec<Probe>) -> Batch {
    Batch::seeded(&objective.space().start(), sampler.over(objective.space()), probes)
}

fn is_near(got: f64, expected: f64) -> bool {
    (got - expected).abs() <= 1e-5 * expected.abs() || (got.is_nan() && expected.is_nan())
}

/// The losses of a batch, which are those of its candidates one by one.
fn compared<N: Module + Send + Sync + 'static>(model: &mut PopulationModel<N>, batch: &Batch, what: &str) -> Result<Vec<f64>> {
    let (got, expected) = (model.evaluate(batch)?, model.as_flat_mut().evaluate(batch)?);
    for (i, (got, expected)) in got.iter().zip(&expected).enumerate() {
        assert!(is_near(*got, *expected), "{what}, candidate {i}: {got} instead of {expected}");
    }
    assert_eq!(got.len(), expected.len());
    Ok(got)
}

fn bits(losses: &[f64]) -> Vec<u64> {
    losses.iter().map(|loss| loss.to_bits()).collect()
}

#[test]
fn leaves_that_are_searched_otherwise() -> Result<()> {
    let plain = ModelOptions::default;
    let all = [
        ("a frozen bias", plain().freeze("hidden.bias")),
        ("a bounded bias", plain().bounds("hidden.bias", -0.05, 0.05)),
        ("a discrete bias", plain().domain("out.bias", Domain::Integer { lo: -1, hi: 2 })),
        ("a bias of levels", plain().levels("out.bias", [-0.5, 0.1, 0.7])),
        ("a logarithmic bias", plain().bounds("out.bias", 0.01, 10.0).logarithmic("out.bias")),
        ("a scaled matrix", plain().scale("hidden.weight", 3.0)),
        ("matrices of several scales", plain().scale("hidden.weight", 3.0).scale("out.*", 0.2)),
        ("a bounded matrix", plain().bounds("hidden.weight", -0.2, 0.3)),
        ("a matrix of levels", plain().levels("hidden.weight", [-1.0, 0.25, 1.0])),
        ("a logarithmic matrix", plain().bounds("out.weight", 0.01, 2.0).logarithmic("out.weight")),
    ];
    for (what, options) in all {
        let mut model = model(options, network)?;
        for sampler in SAMPLERS {
            let batch = near(&model, sampler, probes(None));
            compared(&mut model, &batch, &format!("{what}, {sampler:?}"))?;
        }
    }
    Ok(())
}

/// A gate that is off or on before what it lets pass.
struct Gated {
    on: Tensor,
    gain: Tensor,
    layer: Linear,
}

impl Module for Gated {
    fn forward(&self, x: &Activations) -> Result<Activations> {
        self.layer.forward(x)?.mul_parameter(&self.gain)?.mul_parameter(&self.on)
    }
}

#[test]
fn leaves_that_matter_only_with_others() -> Result<()> {
    let build = |vb: VarBuilder<'_>| {
        let on = vb.get_with_hints(1, "on", Init::Const(1.0))?;
        Ok(Gated { on, gain: vb.get_with_hints(4, "gain", Init::Const(0.5))?, layer: linear(3, 4, vb.pp("layer"))? })
    };
    let options = ModelOptions::default().domain("on", Domain::Bool).when("gain", "on", [1.0]);
    let mut model = model(options.bounds("gain", 0.1, 5.0).logarithmic("gain"), build)?;
    for sampler in SAMPLERS {
        let wide = (0..16).map(|i| Probe::new(Key::new(i), 1.5)).collect();
        let batch = near(&model, sampler, wide);
        compared(&mut model, &batch, &format!("{sampler:?}"))?;
    }
    Ok(())
}

#[test]
fn weights_that_are_multiplied_and_shifted() -> Result<()> {
    let build = |vb: VarBuilder<'_>| {
        let hidden = linear(3, 6, vb.pp("hidden"))?.with_weights(2.0, -1.0);
        Ok(seq().add(hidden).add_fn(|x| x.tanh()).add(linear(6, 4, vb.pp("out"))?.with_weights(-0.5, 0.25)))
    };
    let mut model = model(ModelOptions::default(), build)?;
    for sampler in SAMPLERS {
        let batch = near(&model, sampler, probes(None));
        compared(&mut model, &batch, &format!("{sampler:?}"))?;
    }
    Ok(())
}

#[test]
fn a_candidate_that_fails_fails_alone() -> Result<()> {
    let mut model = model(ModelOptions::default(), network)?;
    for sampler in SAMPLERS {
        let all = near(&model, sampler, probes(None));
        let all = model.evaluate(&all)?;
        // The first, the second of a pair, and the last, of no pair.
        for failing in [0, 5, 10] {
            let batch = near(&model, sampler, probes(Some((failing, f64::NAN))));
            let got = compared(&mut model, &batch, &format!("{sampler:?}, {failing} fails"))?;
            assert!(got[failing].is_nan());
            for i in (0..got.len()).filter(|i| *i != failing) {
                assert_eq!(got[i].to_bits(), all[i].to_bits(), "{sampler:?}, {failing} fails, candidate {i}");
            }
        }
    }
    Ok(())
}

#[test]
fn a_candidate_at_the_centre_is_beside_others() -> Result<()> {
    let mut model = model(ModelOptions::default(), network)?;
    for sampler in SAMPLERS {
        let all = near(&model, sampler, probes(None));
        let all = model.evaluate(&all)?;
        let batch = near(&model, sampler, probes(Some((4, 0.0))));
        let got = compared(&mut model, &batch, &format!("{sampler:?}"))?;
        let centre = Batch::one(&model.space().start())?;
        assert_eq!(model.evaluate(&centre)?[0].to_bits(), got[4].to_bits(), "{sampler:?}");
        assert_eq!((bits(&got[..4]), bits(&got[5..])), (bits(&all[..4]), bits(&all[5..])), "{sampler:?}");
    }
    Ok(())
}

#[test]
fn draws_of_several_lengths_in_one_batch() -> Result<()> {
    let (x, targets) = (numbers(&[300, 3])?, classes(&[300])?);
    let data = move |key: Key| {
        let count = 1 + (key.to_bits() % 299) as usize;
        Ok((x.narrow(0, 0, count)?, targets.narrow(0, 0, count)?))
    };
    let options = ModelOptions::default().stochastic().key(Key::new(3));
    let mut model = PopulationModel::with(options, network, data, OutputLoss::CrossEntropy)?;
    for sampler in SAMPLERS {
        let draws = (0..).map(|i| [0, 0, 1, 2, 2, 0, 3][i % 7]);
        let of_draws = probes(None).into_iter().zip(draws).map(|(probe, draw)| probe.of_draw(draw)).collect();
        let batch = near(&model, sampler, of_draws);
        compared(&mut model, &batch, &format!("{sampler:?}"))?;
    }
    Ok(())
}

/// A table that is the last layer too.
struct Tied(Embedding, Linear);

impl Module for Tied {
    fn forward(&self, x: &Activations) -> Result<Activations> {
        self.1.forward(&self.0.forward(x)?.tanh()?)
    }
}

#[test]
fn a_tensor_in_two_places() -> Result<()> {
    let build = |vb: VarBuilder<'_>| {
        let table = embedding(4, 5, vb.pp("table"))?;
        let out = Linear::new(table.embeddings().clone(), None);
        Ok(Tied(table, out))
    };
    let data = (classes(&[37, 2])?, others(&[37, 2])?);
    let mut model = PopulationModel::with(ModelOptions::default(), build, move |_| Ok(data.clone()), OutputLoss::CrossEntropy)?;
    assert_eq!(model.space().dim(), 20);
    for sampler in SAMPLERS {
        let batch = near(&model, sampler, probes(None));
        compared(&mut model, &batch, &format!("{sampler:?}"))?;
    }
    Ok(())
}

/// Distances from centres \[k, n\]: a layer of one's own.
struct Distances(Tensor);

impl Distances {
    fn by_candle(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        x.unsqueeze(1)?.broadcast_sub(&self.0)?.sqr()?.sum(2)
    }
}

impl Module for Distances {
    fn forward(&self, x: &Activations) -> Result<Activations> {
        let on_lanes = |parameters: &[&[f32]], x: &[Lanes], y: &mut [Lanes]| {
            for (centre, y) in parameters[0].chunks_exact(x.len()).zip(y) {
                *y = Lanes::ZERO;
                for (Lanes(x), c) in x.iter().zip(centre) {
                    y.0.iter_mut().zip(x).for_each(|(y, x)| *y += (x - c) * (x - c));
                }
            }
        };
        x.layer(&[&self.0], &[4], on_lanes, |x| self.by_candle(x))
    }
}

#[test]
fn a_layer_of_ones_own() -> Result<()> {
    let build =
        |vb: VarBuilder<'_>| Ok(Distances(vb.get_with_hints((4, 3), "centres", Init::Randn { mean: 0.0, stdev: 1.0 })?));
    let mut model = model(ModelOptions::default(), build)?;
    let (x, targets) = (numbers(&[41, 3])?, classes(&[41])?);
    let loss = move |layer: &mut Distances, _| candle_nn::loss::cross_entropy(&layer.by_candle(&x)?, &targets);
    let mut by_candle = FlatModel::new(build, loss)?;
    for sampler in SAMPLERS {
        let batch = near(&model, sampler, probes(None));
        compared(&mut model, &batch, &format!("{sampler:?}"))?;
    }
    let start = model.space().start();
    let (got, expected) = (model.gradient(&start)?.expect("a gradient"), by_candle.gradient(&start)?.expect("a gradient"));
    assert!(is_near(got.0, expected.0));
    assert!((got.1 - expected.1)?.abs()?.max_all()?.to_scalar::<f32>()? < 1e-6);
    Ok(())
}

/// What candle makes of a layer must be what the layer says.
#[test]
fn a_layer_that_makes_another_shape_is_refused() -> Result<()> {
    let x = Activations::from(numbers(&[5, 3])?);
    let why = x.layer(&[], &[2], |_, _, _| {}, |x| Ok(x.clone())).expect_err("another shape").to_string();
    assert!(why.contains("what candle makes of activations: expected [5, 2], got [5, 3]"), "{why}");
    Ok(())
}

/// A layer is asked for what it makes of nothing, too.
#[test]
fn a_layer_without_inputs() -> Result<()> {
    let build = |vb: VarBuilder<'_>| linear(2, 4, vb);
    let one = |_: &[&[f32]], x: &[Lanes], y: &mut [Lanes]| {
        assert!(x.is_empty());
        y.fill(Lanes::all(1.0));
    };
    let network = move |vb: VarBuilder<'static>| {
        let ones = move |x: Activations| {
            x.narrow(0, 0, 0)?.layer(&[], &[2], one, |x| Tensor::ones((x.dim(0)?, 2), x.dtype(), x.device()))
        };
        Ok(seq().add_fn(ones).add(build(vb)?))
    };
    let mut model = model(ModelOptions::default(), network)?;
    let batch = near(&model, Sampler::Normal, probes(None));
    compared(&mut model, &batch, "ones")?;
    Ok(())
}

#[test]
fn targets_that_change_alone_are_seen() -> Result<()> {
    let (x, targets) = (numbers(&[41, 3])?, [classes(&[41])?, others(&[41])?]);
    let data = move |key: Key| Ok((x.clone(), targets[(key.to_bits() % 2) as usize].clone()));
    let options = ModelOptions::default().stochastic().key(Key::new(8));
    let mut model = PopulationModel::with(options, network, data, OutputLoss::CrossEntropy)?;
    let mut seen = vec![];
    for draw in 0..8 {
        let batch = near(&model, Sampler::Normal, vec![Probe::new(Key::new(1), 0.3).of_draw(draw)]);
        seen.extend(compared(&mut model, &batch, &format!("draw {draw}"))?);
    }
    assert!(seen.iter().any(|loss| loss.to_bits() != seen[0].to_bits()), "{seen:?}");
    Ok(())
}

#[test]
fn losses_do_not_depend_on_what_was_loaded_or_evaluated_before() -> Result<()> {
    let mut model = model(ModelOptions::default(), network)?;
    let start = model.space().start();
    let there = model.space().scatter(&start, Key::new(1), 3)?;
    let batches: Vec<Batch> = SAMPLERS
        .into_iter()
        .map(|sampler| near(&model, sampler, probes(None)))
        .chain([Batch::Dense(there.clone()), Batch::one(&start)?])
        .collect();
    let before = batches.iter().map(|batch| Ok(bits(&model.evaluate(batch)?))).collect::<Result<Vec<_>>>()?;
    model.load(&there.get(1)?.into())?;
    for _ in 0..2 {
        for (batch, before) in batches.iter().zip(&before).rev() {
            assert_eq!(bits(&model.evaluate(batch)?), *before);
        }
    }
    Ok(())
}

/// A number that a candidate computed itself and that is no row: the candidate fails alone.
#[test]
fn rows_that_there_are_not_fail_their_candidate() -> Result<()> {
    struct Chosen(Tensor, Embedding);

    impl Module for Chosen {
        fn forward(&self, x: &Activations) -> Result<Activations> {
            self.1.forward(&x.get(0)?.affine(0.0, 0.0)?.reshape(&[1])?.add_parameter(&self.0)?)?.reshape(&[4])
        }
    }

    let build = |vb: VarBuilder<'_>| {
        let row = vb.get_with_hints(1, "row", Init::Const(1.0))?;
        Ok(Chosen(row, embedding(3, 4, vb.pp("table"))?))
    };
    let options = ModelOptions::default().domain("row", Domain::Integer { lo: -1, hi: 4 }).scale("row", 1.0);
    let mut model = model(options, build)?;
    let start = model.space().start().to_vec1::<f32>()?;
    let at = |row: f32| [&[row], &start[1..]].concat();
    let rows = [0.0, 3.0, 1.0, -1.0, 2.0];
    let candidates = Tensor::from_vec(rows.map(at).concat(), (5, start.len()), &Device::Cpu)?;
    let losses = model.evaluate(&Batch::Dense(candidates.into()))?;
    assert_eq!(losses.iter().map(|loss| loss.is_nan()).collect::<Vec<_>>(), [false, true, false, true, false], "{losses:?}");
    Ok(())
}

/// Of data it is everybody's mistake.
#[test]
fn rows_that_there_are_not_in_data_are_refused() -> Result<()> {
    let data =
        (Tensor::new(&[[0u32], [2], [7]], &Device::Cpu)?, Tensor::zeros((3, 1, 4), candle_core::DType::F32, &Device::Cpu)?);
    let build = |vb: VarBuilder<'_>| embedding(3, 4, vb);
    let mut model = PopulationModel::new(build, move |_| Ok(data.clone()), OutputLoss::MeanSquaredError)?;
    let batch = near(&model, Sampler::Normal, probes(None));
    let why = model.evaluate(&batch).expect_err("no row").to_string();
    assert!(why.contains("a number of an embedding = 7: a whole number below 3"), "{why}");
    Ok(())
}
