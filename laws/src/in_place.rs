//! A model that is its own point.

use candle_core::{Device, Tensor};

use super::{
    Law, Subject,
    broken::{Breach, Verdict},
    path::{self, KEY},
    tap::{Round, Tap},
};
use moths_core::{
    Batch, CowTensor, Error, FlatModel, Key, ModelOptions, Objective, Optimizer, Result, Sampler,
    candle_nn::{Init, VarBuilder},
    objective::{
        Advance, Home,
        model::{InPlaceModel, Weights},
    },
    passes_on,
    persist::{Keep, State},
};

pub(super) const LAW: Law = Law {
    name: "in_place",
    statement: "where it is promised, a search of a model that holds the point itself is the search of a point, to the bit, also after steps that failed and when \
                resumed; where it is not, such a space is refused",
    holds,
};

/// No run is longer: where steps differ, they do so soon.
const LONGEST: usize = 60;

fn holds(subject: &Subject) -> Verdict {
    let model = here(false)?;
    if !subject.capabilities()?.in_place {
        return match subject.build(model.space(), KEY) {
            Err(Error::Unsupported { .. }) => Ok(()),
            Err(other) => Err(Breach::new(format!("it is refused a space in place, but not as unsupported: {other}"))),
            Ok(_) => Err(Breach::new("it does not promise to search in place, and is built for such a space".into())),
        };
    }
    let steps = subject.depth().stations().iter().copied().max().unwrap_or(0).clamp(6, LONGEST);
    for stochastic in [false, true] {
        let (half, whole) = as_a_point(subject, stochastic, steps)?;
        resumes(subject, stochastic, steps, &half, &whole)?;
    }
    fails(subject)
}

type Net = Vec<Tensor>;

/// A matrix, a vector and a block, of sizes apart; the last is new.
const SHAPES: [(&str, &[usize], f64); 4] =
    [("matrix", &[9, 7], 0.1), ("vector", &[11], 2.0), ("block", &[4, 5, 30], 0.02), ("head", &[3, 9], 0.3)];

fn options(stochastic: bool) -> Result<ModelOptions> {
    let tensor = |(k, (name, shape, size)): (usize, (&str, &[usize], f64))| {
        let len = shape.iter().product::<usize>();
        let mut values = CowTensor::new(Tensor::zeros(len, candle_core::DType::F32, &Device::Cpu)?);
        Sampler::Normal.add(Key::new(k as u64), size, &mut values)?;
        Ok((name.to_owned(), values.reshape(shape)?))
    };
    let tensors = SHAPES.into_iter().take(3).enumerate().map(tensor).collect::<Result<Vec<_>>>()?;
    let options = ModelOptions::default().weights(&Weights::of(tensors)?).fresh("head").key(Key::new(4));
    Ok(if stochastic { options.stochastic() } else { options })
}

fn build(vb: VarBuilder<'_>) -> candle_core::Result<Net> {
    let like = |size: f64| Init::Randn { mean: 0.0, stdev: size };
    SHAPES.iter().map(|(name, shape, size)| vb.get_with_hints(*shape, name, like(*size))).collect()
}

/// Squares, with a lowest loss that depends on the data where there are any.
fn loss(net: &mut Net, key: Key, stochastic: bool) -> candle_core::Result<Tensor> {
    let apart = if stochastic { 0.01 * (key.to_bits() % 7) as f64 } else { 0.0 };
    let parts = net.iter().zip(SHAPES).map(|(x, (_, _, size))| x.affine(1.0 / size, 0.5 + apart)?.sqr()?.mean_all());
    Tensor::stack(&parts.collect::<candle_core::Result<Vec<_>>>()?, 0)?.mean_all()
}

fn here(stochastic: bool) -> Result<InPlaceModel<Net>> {
    InPlaceModel::new(options(stochastic)?, build, move |net, key| loss(net, key, stochastic))
}

fn there(stochastic: bool) -> Result<FlatModel<Net>> {
    FlatModel::with(options(stochastic)?, build, move |net, key| loss(net, key, stochastic))
}

/// All weights, as bits.
fn bits(tensors: &std::collections::HashMap<String, Tensor>) -> Result<Vec<u32>> {
    let all = SHAPES.iter().map(|(name, ..)| Ok(tensors[*name].flatten_all()?.to_vec1::<f32>()?));
    Ok(all.collect::<Result<Vec<_>>>()?.concat().into_iter().map(f32::to_bits).collect())
}

/// A search and its model, as far as both can be saved.
type Saved = (State, State);

fn saved(optimizer: &mut dyn Optimizer, model: &mut InPlaceModel<Net>) -> Result<Saved> {
    Ok((State::of(optimizer)?, State::of(model)?))
}

/// Step by step beside the search of a point; gives what stands half way, and the weights at the end.
fn as_a_point(subject: &Subject, stochastic: bool, steps: usize) -> std::result::Result<(Saved, Vec<u32>), Breach> {
    let (mut here, mut there) = (here(stochastic)?, there(stochastic)?);
    let (mut near, mut around) = (subject.build(here.space(), KEY)?, subject.build(there.space(), KEY)?);
    let mut half = saved(&mut *near, &mut here)?;
    for step in 0..steps {
        if step == steps / 2 {
            half = saved(&mut *near, &mut here)?;
        }
        let (one, other) = (near.step(&mut here)?, around.step(&mut there)?);
        ensure!(one == other, "step {step} reports {one:?} in place, and {other:?} of a point");
        if stochastic {
            here.refresh()?;
            there.refresh()?;
        }
    }
    there.load(&around.answer()?)?;
    let whole = bits(&here.tensors()?)?;
    ensure!(whole == bits(&there.tensors()?)?, "after {steps} steps the model in place has other weights than the answer");
    Ok((half, whole))
}

fn resumes(subject: &Subject, stochastic: bool, steps: usize, half: &Saved, whole: &[u32]) -> Verdict {
    let mut model = here(stochastic)?;
    let mut optimizer = subject.build(model.space(), KEY)?;
    half.0.restore(&mut *optimizer, Keep::Nothing)?;
    half.1.restore(&mut model, Keep::Nothing)?;
    for _ in steps / 2..steps {
        optimizer.step(&mut model)?;
        if stochastic {
            model.refresh()?;
        }
    }
    ensure!(bits(&model.tensors()?)? == whole, "resumed half way it leads to other weights");
    Ok(())
}

/// A model whose steps cannot be written down, as where a disk is full.
struct Stuck<'a> {
    model: &'a mut InPlaceModel<Net>,
    version: u64,
}

impl Objective for Stuck<'_> {
    passes_on!(model: space, stochastic, refresh);

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        self.model.evaluate(batch)
    }

    fn home(&mut self) -> Option<&mut dyn Home> {
        Some(self)
    }
}

impl Home for Stuck<'_> {
    fn advance(&mut self, _: &Advance<'_>) -> Result<()> {
        Err(Error::Objective("as the law wants it".into()))
    }

    fn version(&self) -> u64 {
        self.version
    }
}

/// The first round of the third step fails: neither the search nor the model has moved, and the step is taken as if nothing had been.
fn fails(subject: &Subject) -> Verdict {
    let (mut model, mut undisturbed) = (here(false)?, here(false)?);
    let mut optimizer = subject.build(model.space(), KEY)?;
    let mut other = subject.build(model.space(), KEY)?;
    for step in 0..5 {
        if step == 2 {
            let (before, at) = (path::digest(&mut *optimizer)?, bits(&model.tensors()?)?);
            let strike = |round: Round<'_>| match round.losses {
                None => Ok(()),
                Some(_) => Err(Error::Objective("as the law wants it".into())),
            };
            ensure!(optimizer.step(&mut Tap::new(&mut model, strike)).is_err(), "a step in place swallows an error");
            ensure!(path::digest(&mut *optimizer)? == before, "a step in place that failed has changed the search");
            ensure!(bits(&model.tensors()?)? == at, "a step in place that failed has moved the model");
            let version = model.home().map_or(0, |home| home.version());
            let kept = State::of(&mut *optimizer)?;
            match optimizer.step(&mut Stuck { version, model: &mut model }) {
                // Not every step moves.
                Ok(_) => kept.restore(&mut *optimizer, Keep::Nothing)?,
                Err(_) => {
                    ensure!(path::digest(&mut *optimizer)? == before, "a step whose model cannot be moved has changed the search")
                }
            }
        }
        ensure!(optimizer.step(&mut model)? == other.step(&mut undisturbed)?, "step {step} is another after one that failed");
    }
    Ok(())
}
