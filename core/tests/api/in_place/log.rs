//! A fine-tune as a log: any copy of the base follows it to the same bits.

use std::{fs, path::Path};

use super::*;
use moths_core::{Error, Optimizer, objective::model::apply};

fn saved(dtype: DType, path: &Path) -> Result<Weights> {
    let tensors = in_place(ModelOptions::default().dtype(dtype).weights(&weights(dtype)?))?;
    tensors.save(path)?;
    Weights::open(path)
}

fn folder() -> Result<tempfile::TempDir> {
    tempfile::tempdir().map_err(|e| Error::Objective(e.to_string()))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|e| Error::Objective(e.to_string()))
}

/// A net and a head that the base does not have.
fn with_head(base: &Weights, dtype: DType) -> Result<InPlaceModel<(Net, Linear)>> {
    let options = ModelOptions::default()
        .dtype(dtype)
        .weights(base)
        .key(Key::new(8))
        .fresh("head")
        .train("fc*")
        .train("head.weight")
        .train("words");
    let build = |vb: VarBuilder<'_>| Ok((Net::new(vb.clone())?, linear(2, 2, vb.pp("head"))?));
    InPlaceModel::new(options, build, |(net, head), _| net.loss()? + head.weight().to_dtype(DType::F32)?.sqr()?.mean_all()?)
}

#[test]
fn a_base_and_its_log_give_the_bytes_that_were_saved() -> Result<()> {
    let folder = folder()?;
    let at = |name: &str| folder.path().join(name);
    for (dtype, steps) in [(DType::F32, 1000), (DType::BF16, 30), (DType::F16, 30)] {
        let base = saved(dtype, &at("base"))?;
        let mut model = with_head(&base, dtype)?;
        model.log_to(at("tune"))?;
        let mut search = search(&model.space().clone(), r#"{"name": "sgd", "rate": 0.02, "anchor": 0.5}"#)?;
        for _ in 0..steps {
            search.step(&mut model)?;
        }
        model.save(at("tuned"))?;
        let applied = apply(&base, at("tune"), at("applied"))?;
        assert_eq!((applied.steps, applied.weights), (steps, model.space().dim()));
        assert!(read(&at("tuned"))? == read(&at("applied"))? && read(&at("tuned"))? != read(&at("base"))?);
        assert!(read(&at("tune"))?.len() < steps as usize * 105 + 1200, "{}", read(&at("tune"))?.len());

        // Stock candle reads it, under the base's names, and sees the same loss.
        let stock = candle_core::safetensors::load(at("tuned"), &Device::Cpu)?;
        assert!(stock.contains_key("never.asked") || base.names().all(|name| stock.contains_key(name)));
        let vb = VarBuilder::from_tensors(stock, dtype, &Device::Cpu);
        let mut net = Net::new(vb.clone())?;
        let head = linear(2, 2, vb.pp("head"))?;
        let loss = (net.loss()? + head.weight().to_dtype(DType::F32)?.sqr()?.mean_all()?)?.to_scalar::<f32>()?;
        let here = moths_core::Batch::one(&model.space().start())?;
        assert_eq!(model.evaluate(&here)?[0], f64::from(loss));
        drop(model);
        fs::remove_file(at("tune")).map_err(|e| Error::Objective(e.to_string()))?;
    }
    Ok(())
}

/// A head that was fitted elsewhere begins as it was given, trained or not; the log holds it, and so needs nothing but the base.
#[test]
fn values_beside_the_base_are_in_the_log() -> Result<()> {
    let folder = folder()?;
    let at = |name: &str| folder.path().join(name);
    let base = saved(DType::F32, &at("base"))?;
    let fitted = Tensor::new(&[[0.1f32, -1.7], [1e-30, 3.0]], &Device::Cpu)?;
    let beside = Weights::of([
        ("head.weight".to_owned(), fitted.clone()),
        ("head.bias".to_owned(), Tensor::new(&[0.5f32, 2.0], &Device::Cpu)?),
    ])?;
    let build = |vb: VarBuilder<'_>| Ok((Net::new(vb.clone())?, linear(2, 2, vb.pp("head"))?));
    let loss = |(net, head): &mut (Net, Linear), _| net.loss()? + head.weight().sqr()?.mean_all()?;
    let with = |trained: &str| ModelOptions::default().weights(&base).beside(&beside).train("fc*").train(trained);
    for (trained, is_moved) in [("head.weight", true), ("words", false)] {
        let mut model = InPlaceModel::new(with(trained), build, loss)?;
        assert_eq!(model.tensors()?["head.weight"].to_vec2::<f32>()?, fitted.to_vec2::<f32>()?);
        assert_eq!(
            FlatModel::with(with(trained), build, loss)?.tensors()?["head.weight"].to_vec2::<f32>()?,
            fitted.to_vec2::<f32>()?
        );
        model.log_to(at("tune"))?;
        let mut search = search(&model.space().clone(), PLAIN)?;
        for _ in 0..3 {
            search.step(&mut model)?;
        }
        model.save(at("tuned"))?;
        apply(&base, at("tune"), at("applied"))?;
        assert!(read(&at("tuned"))? == read(&at("applied"))?);
        let tuned = candle_core::safetensors::load(at("tuned"), &Device::Cpu)?;
        assert_eq!(tuned["head.weight"].to_vec2::<f32>()? != fitted.to_vec2::<f32>()?, is_moved);
        drop(model);
        fs::remove_file(at("tune")).map_err(|e| Error::Objective(e.to_string()))?;
    }
    let wrong = Weights::of([("haed.weight".to_owned(), fitted)])?;
    let refused = InPlaceModel::new(ModelOptions::default().weights(&base).beside(&wrong).fresh("head"), build, loss);
    assert!(matches!(refused.map(drop), Err(Error::Unknown { .. })));
    Ok(())
}

/// Killed after any byte: the steps that are whole are there, and the run goes on from its last state as if nothing had been.
#[test]
fn a_run_that_was_cut_off_goes_on_to_the_same_bits() -> Result<()> {
    use moths_core::persist::{Keep, State};
    let folder = folder()?;
    let at = |name: &str| folder.path().join(name);
    let base = saved(DType::BF16, &at("base"))?;
    let start = || -> Result<(InPlaceModel<(Net, Linear)>, Search)> {
        let model = with_head(&base, DType::BF16)?;
        let search = search(&model.space().clone(), PLAIN)?;
        Ok((model, search))
    };
    let (mut model, mut whole) = start()?;
    model.log_to(at("whole"))?;
    let mut states = vec![];
    for _ in 0..8 {
        states.push((State::of(&mut model)?, State::of(&mut whole)?));
        whole.step(&mut model)?;
    }
    let expected = bits(model.tensors()?)?;
    drop(model);
    let bytes = read(&at("whole"))?;
    for (kept, cut) in [(3, 0), (5, 1), (0, 7), (8, 40)] {
        let path = at(&format!("cut-{kept}"));
        let end = bytes.len() - cut;
        fs::write(&path, &bytes[..end]).map_err(|e| Error::Objective(e.to_string()))?;
        let (mut model, mut again) = start()?;
        model.log_to(&path)?;
        let from = kept.min(6);
        states[from].0.restore(&mut model, Keep::Nothing)?;
        states[from].1.restore(&mut again, Keep::Nothing)?;
        assert_eq!(model.steps(), from as u64);
        for _ in from..8 {
            again.step(&mut model)?;
        }
        assert!(bits(model.tensors()?)? == expected, "from {from}, {cut} bytes cut");
        drop(model);
        assert!(read(&path)? == bytes, "the log is another");
    }
    Ok(())
}

#[test]
fn a_log_of_something_else_is_refused_and_stays() -> Result<()> {
    let folder = folder()?;
    let at = |name: &str| folder.path().join(name);
    let base = saved(DType::F32, &at("base"))?;
    let mut model = with_head(&base, DType::F32)?;
    model.log_to(at("tune"))?;
    assert!(matches!(with_head(&base, DType::F32)?.log_to(at("tune")), Err(Error::File { .. })), "two runs write to it");
    let mut search = search(&model.space().clone(), PLAIN)?;
    (0..3).try_for_each(|_| search.step(&mut model).map(drop))?;
    drop(model);
    let bytes = read(&at("tune"))?;

    let mut other = in_place(ModelOptions::default().weights(&base))?;
    assert!(matches!(other.log_to(at("tune")), Err(Error::File { .. })), "other leaves");
    let moved = Weights::of([("fc1.bias".to_owned(), Tensor::ones(16, DType::F32, &Device::Cpu)?)])?;
    assert!(matches!(apply(&moved, at("tune"), at("out")), Err(Error::File { .. })), "another base");
    for place in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x10;
        fs::write(at("damaged"), &damaged).map_err(|e| Error::Objective(e.to_string()))?;
        assert!(matches!(apply(&base, at("damaged"), at("out")), Err(Error::File { .. })), "byte {place}");
        if place % 97 == 0 {
            assert!(matches!(with_head(&base, DType::F32)?.log_to(at("damaged")), Err(Error::File { .. })), "byte {place}");
            assert!(read(&at("damaged"))? == damaged);
        }
    }
    // Nothing of the base may be another, what is not trained neither.
    let mut tensors = candle_core::safetensors::load(at("base"), &Device::Cpu)?;
    tensors.insert("norm.weight".into(), Tensor::ones(WIDTH, DType::F32, &Device::Cpu)?);
    let other = Weights::of(tensors)?;
    assert!(matches!(apply(&other, at("tune"), at("out")), Err(Error::File { .. })), "a base with another norm");

    // Started again, a run does not write over what is there unless somebody has looked at it.
    let mut again = with_head(&base, DType::F32)?;
    again.log_to(at("tune"))?;
    let mut fresh = super::search(&again.space().clone(), PLAIN)?;
    assert!(matches!(fresh.step(&mut again), Err(Error::File { .. })));
    assert_eq!(again.follow_log()?, 3);
    drop(again);
    assert!(!at("out").exists() && read(&at("tune"))? == bytes);
    assert!(matches!(Weights::open(at("tune")), Err(Error::File { .. })));
    Ok(())
}
