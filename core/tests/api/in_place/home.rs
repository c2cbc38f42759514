//! Candidates, and the way home.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use moths_core::{Batch, Error, Optimizer, objective::Probe};

const DTYPES: [DType; 3] = [DType::F32, DType::BF16, DType::F16];
const SCALES: [f64; 5] = [1e-3, -0.01, 0.05, 1.0, 300.0];

fn batch(space: &Space, sampler: Sampler) -> Batch {
    let key = Key::new(11);
    let probes: Vec<Probe> = SCALES.iter().enumerate().map(|(k, scale)| Probe::new(key.member(k as u64 / 2), *scale)).collect();
    Batch::seeded(&space.start(), sampler.over(space), probes)
}

#[test]
fn weights_are_what_they_were_to_the_bit_after_any_candidate() -> Result<()> {
    for dtype in DTYPES {
        let mut model = in_place(options(dtype)?)?;
        let before = bits(model.tensors()?)?;
        for sampler in [Sampler::Normal, Sampler::Rademacher, Sampler::LowRank { rank: 2 }, Sampler::Cauchy] {
            let space = model.space().clone();
            let losses = model.evaluate(&batch(&space, sampler))?;
            assert!(losses.windows(2).all(|pair| pair[0] != pair[1]), "{losses:?}");
            assert!(bits(model.tensors()?)? == before, "{dtype:?} {sampler:?}");
        }
        assert!(model.kept() > 0 && model.steps() == 0);
    }
    Ok(())
}

/// One loss after another fails, in the middle of a batch: by an error, by a panic, by NaN.
#[test]
fn a_loss_that_fails_leaves_the_model_where_it_was() -> Result<()> {
    for dtype in DTYPES {
        let mut calls = 0;
        let mut model = InPlaceModel::new(options(dtype)?, Net::new, move |net, _| {
            calls += 1;
            match calls {
                2 => candle_core::bail!("no loss"),
                4 => panic!("no loss at all"),
                5 => Ok(Tensor::new(f32::NAN, &Device::Cpu)?),
                _ => net.loss(),
            }
        })?;
        let before = bits(model.tensors()?)?;
        let batch = batch(&model.space().clone(), Sampler::Normal);
        assert!(model.evaluate(&batch).is_err());
        assert!(bits(model.tensors()?)? == before, "{dtype:?} after an error");
        assert!(catch_unwind(AssertUnwindSafe(|| model.evaluate(&batch))).is_err());
        assert!(bits(model.tensors()?)? == before, "{dtype:?} after a panic");
        assert!(model.evaluate(&batch)?[0].is_nan());
        assert!(bits(model.tensors()?)? == before, "{dtype:?} after a loss that is none");
    }
    Ok(())
}

/// Bit for bit the losses of the candidates written out, in the same scales.
#[test]
fn candidates_are_those_of_the_batch_written_out() -> Result<()> {
    for dtype in DTYPES {
        let options = || options(dtype).map(|options| options.train("words").train("fc*").scale_by("fc1.weight", 4.0));
        let (mut here, mut there) = (in_place(options()?)?, flat(options()?)?);
        for sampler in [Sampler::Normal, Sampler::Rademacher, Sampler::LowRank { rank: 2 }, Sampler::Orthogonal] {
            let (near, around) = (batch(&here.space().clone(), sampler), batch(&there.space().clone(), sampler));
            assert_eq!(here.evaluate(&near)?, there.evaluate(&around)?, "{dtype:?} {sampler:?}");
            let (near, around) = (near.part(1..4), Batch::Joined([around.part(1..4)].into()));
            assert_eq!(here.evaluate(&Batch::Joined([near].into()))?, there.evaluate(&around)?);
        }
    }
    Ok(())
}

/// The same search of the same weights, held by the search in one and by the model in the other: equal losses and equal weights, to the bit.
#[test]
fn a_search_in_place_is_the_search_of_a_point() -> Result<()> {
    for rule in [PLAIN, r#"{"name": "sgd", "rate": {"power": {"from": 0.05, "offset": 10, "exponent": 0.6}}, "anchor": 3.0}"#] {
        let (mut here, mut there) = (in_place(options(DType::F32)?)?, flat(options(DType::F32)?)?);
        let (mut near, mut around) = (search(&here.space().clone(), rule)?, search(&there.space().clone(), rule)?);
        let mut lowest = vec![];
        for step in 0..40 {
            let report = near.step(&mut here)?;
            assert_eq!(report, around.step(&mut there)?, "step {step} of {rule}");
            lowest.push(report.loss);
        }
        there.load(&around.answer()?)?;
        let mut expected = there.tensors()?;
        assert!(bits(here.tensors()?)? == bits(std::mem::take(&mut expected))?, "{rule}");
        assert!(lowest[39] < 0.8 * lowest[0], "{lowest:?}");
    }
    Ok(())
}

/// A step of a hundredth of what separates two numbers is taken once in a hundred times.
#[test]
fn halves_are_rounded_so_that_small_steps_add_up() -> Result<()> {
    use moths_core::objective::Advance;
    for (dtype, apart) in [(DType::BF16, 2f64.powi(-8)), (DType::F16, 2f64.powi(-11))] {
        let one = Tensor::ones(4000, DType::F32, &Device::Cpu)?.to_dtype(dtype)?.affine(0.75, 0.0)?;
        let weights = Weights::of([("x".to_owned(), one)])?;
        let options = ModelOptions::default().dtype(dtype).weights(&weights);
        let build = |vb: VarBuilder<'_>| vb.get(4000, "x");
        let mut model = InPlaceModel::new(options, build, |x: &mut Tensor, _| x.to_dtype(DType::F32)?.mean_all())?;
        let noise = Sampler::Rademacher.over(model.space());
        // The unit is 2^round(log2 0.75) = 1, and both directions are drawn: the mean square of the way is what shows.
        let rate = apart * 0.1;
        let terms = [(Key::new(1).into(), 1.0)];
        let home = model.home().expect("it is one");
        for _ in 0..100 {
            home.advance(&Advance::new(&noise, &terms, rate))?;
        }
        let moved = model.tensors()?["x"].to_dtype(DType::F64)?.affine(1.0, -0.75)?.abs()?.mean_all()?.to_scalar::<f64>()?;
        assert!((moved / (100.0 * rate) - 1.0).abs() < 0.03, "{dtype:?}: {moved} instead of {}", 100.0 * rate);
    }
    Ok(())
}

#[test]
fn what_is_not_a_seed_around_here_is_refused() -> Result<()> {
    let mut model = in_place(options(DType::F32)?)?;
    let space = model.space().clone();
    let elsewhere = Batch::seeded(&space.zeros()?, Sampler::Normal.over(&space), [Probe::new(Key::new(1), 0.1)]);
    let written = Batch::Dense(space.zeros_for(2)?);
    for batch in [elsewhere, written] {
        assert!(matches!(model.evaluate(&batch), Err(Error::Unsupported { .. })));
    }
    // Nothing makes a point of "here" by accident.
    assert!(space.decode(&space.start()).is_err() && Batch::one(&space.start())?.row(0, &space).is_err());
    for rule in ["adamw", "heavy-ball"] {
        let mut search = search(&space, &format!(r#"{{"name": "{rule}"}}"#))?;
        let refused = search.step(&mut model);
        assert!(matches!(refused, Err(Error::Unsupported { .. })), "{rule}: {refused:?}");
    }
    let mut search = search(&space, PLAIN)?;
    let mut other = moths_core::Function::new(Space::real(3)?, |x| x[0]);
    assert!(matches!(search.step(&mut other), Err(Error::Unsupported { .. })));
    Ok(())
}
