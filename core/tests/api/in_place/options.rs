//! What is trained, where values come from, and what is wrong with either.

use super::*;
use moths_core::{Batch, Error, space::Domain};

#[test]
fn what_is_trained_is_chosen_by_name_by_pattern_and_by_rule() -> Result<()> {
    let dim = |choose: &dyn Fn(ModelOptions) -> ModelOptions| -> Result<usize> {
        let (here, there) = (in_place(choose(options(DType::F32)?))?, flat(choose(options(DType::F32)?))?);
        assert_eq!(here.space().dim(), there.space().dim());
        Ok(here.space().dim())
    };
    let (words, norm, fc1, fc2) = (WORDS * WIDTH, 2 * WIDTH, 16 * WIDTH + 16, 34);
    assert_eq!(dim(&|options| options)?, words + norm + fc1 + fc2);
    assert_eq!(dim(&|options| options.train("fc1"))?, fc1);
    assert_eq!(dim(&|options| options.train("fc*"))?, fc1 + fc2);
    assert_eq!(dim(&|options| options.train("*.bias").train("norm"))?, norm + 18);
    assert_eq!(dim(&|options| options.train_if(|_, shape| shape.len() == 1))?, norm + 18);
    assert_eq!(dim(&|options| options.train("fc*").freeze("fc2.bias"))?, fc1 + fc2 - 2);
    for wrong in ["fc3", "fc1.wieght", "words.*.*"] {
        let refused = in_place(options(DType::F32)?.train(wrong)).map(drop);
        assert!(matches!(&refused, Err(Error::Unknown { name, .. }) if name == wrong), "{refused:?}");
        assert!(matches!(flat(options(DType::F32)?.train(wrong)).map(drop), Err(Error::Unknown { .. })));
    }
    let refused = in_place(options(DType::F32)?.train("fc1.wieght")).map(drop).unwrap_err().to_string();
    assert!(refused.contains("fc1.weight"), "{refused}");
    Ok(())
}

/// The frozen ones are not drawn but given, and the head that the weights do not have begins as the model says.
#[test]
fn values_come_from_the_weights_and_what_is_new_is_told() -> Result<()> {
    let build = |vb: VarBuilder<'_>| Ok((Net::new(vb.clone())?, linear(16, 3, vb.pp("head"))?));
    let all = weights(DType::F32)?;
    let of = || ModelOptions::default().weights(&all).fresh("head").train("head");
    let here = InPlaceModel::new(of(), build, |(net, _), _| net.loss())?;
    let there = FlatModel::with(of(), build, |(net, _): &mut (Net, Linear), _| net.loss())?;
    assert_eq!(here.initialised().collect::<Vec<_>>(), ["head.weight", "head.bias"]);
    assert!(bits(here.tensors()?)? == bits(there.tensors()?)?);
    let given = here.tensors()?["words.weight"].flatten_all()?.to_vec1::<f32>()?;
    let mut expected = CowTensor::new(Tensor::zeros(WORDS * WIDTH, DType::F32, &Device::Cpu)?);
    Sampler::Normal.add(Key::new(0), 0.07, &mut expected)?;
    assert_eq!(given, expected.to_vec1::<f32>()?);
    // The unit of a leaf is the size of its weights, to the nearest power of two.
    let unit = |name: &str| here.space().leaves().iter().find(|leaf| leaf.name() == name).map(|leaf| leaf.len());
    assert_eq!(unit("head.weight"), Some(48));
    Ok(())
}

#[test]
fn weights_that_do_not_fit_are_refused_by_name() -> Result<()> {
    let with = |name: &str, shape: &[usize], value: f32| -> Result<ModelOptions> {
        let tensor = Tensor::full(value, shape, &Device::Cpu)?;
        Ok(ModelOptions::default().weights(&Weights::of([(name.to_owned(), tensor)])?).fresh("*"))
    };
    for (name, shape, value, expected) in [
        ("fc1.weight", &[16, 25][..], 1.0, "fc1.weight"),
        ("elsewhere.fc1.weight", &[16, 24], 1.0, "tensor of the weights"),
        ("fc1.weight", &[16, 24], f32::NAN, "fc1.weight"),
    ] {
        let refused = in_place(with(name, shape, value)?).map(drop).unwrap_err();
        assert!(matches!(refused, Error::Shape { .. } | Error::Unknown { .. } | Error::Invalid { .. }), "{refused:?}");
        assert!(refused.to_string().contains(expected), "{refused}");
        assert!(flat(with(name, shape, value)?).is_err());
    }
    let bounded = in_place(options(DType::F32)?.bounds("fc1", -1.0, 1.0)).map(drop);
    let discrete = in_place(options(DType::F32)?.domain("fc1", Domain::Bool)).map(drop);
    assert!(matches!(bounded, Err(Error::Unsupported { .. })) && matches!(discrete, Err(Error::Unsupported { .. })));
    assert!(matches!(in_place(options(DType::F64)?).map(drop), Err(Error::Invalid { .. })));
    Ok(())
}

/// As candle's own builders do: so a model that tries several names finds the right one, and one that is spelled otherwise is not silently drawn.
#[test]
fn a_tensor_that_is_not_there_is_missing_unless_it_is_new() -> Result<()> {
    let options = || -> Result<ModelOptions> { Ok(ModelOptions::default().weights(&weights(DType::F32)?)) };
    let other = |vb: VarBuilder<'static>| linear(WIDTH, 16, vb.pp("fc_1"));
    let loss = |layer: &mut Linear, _| layer.weight().sqr()?.mean_all();
    for refused in [InPlaceModel::new(options()?, other, loss).map(drop), FlatModel::with(options()?, other, loss).map(drop)] {
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("`fc_1.weight`; did you mean `fc1.weight`?"), "{refused}");
    }
    let either = |vb: VarBuilder<'static>| linear(WIDTH, 16, vb.pp("net.fc1")).or_else(|_| linear(WIDTH, 16, vb.pp("fc1")));
    let model = InPlaceModel::new(options()?, either, loss)?;
    assert_eq!(model.space().dim(), 16 * WIDTH + 16);
    assert_eq!(FlatModel::with(options()?, either, loss)?.space().dim(), 16 * WIDTH + 16);
    Ok(())
}

#[test]
fn leaves_that_no_loss_reads_are_found() -> Result<()> {
    let build = |vb: VarBuilder<'_>| {
        let copied = vb.get((WIDTH, WIDTH), "copied")?.t()?.contiguous()?;
        Ok((Net::new(vb.clone())?, copied, linear(4, 4, vb.pp("forgotten"))?))
    };
    let options = ModelOptions::default().weights(&weights(DType::F32)?).fresh("copied").fresh("forgotten");
    let mut model = InPlaceModel::new(options, build, |(net, copied, _), _| net.loss()? + copied.sqr()?.mean_all()?)?;
    let before = bits(model.tensors()?)?;
    assert_eq!(model.unread()?, ["copied", "forgotten.weight", "forgotten.bias"]);
    assert!(bits(model.tensors()?)? == before);
    let noisy = |net: &mut Net, _| net.loss()? * net.calls as f64;
    let mut noisy = InPlaceModel::new(super::options(DType::F32)?, Net::new, noisy)?;
    assert!(matches!(noisy.unread(), Err(Error::Unsupported { .. })));
    Ok(())
}

/// A model file with names that are there says so, and one asked for twice is one tensor.
#[test]
fn tied_weights_are_one_leaf_and_missing_ones_are_missing() -> Result<()> {
    let build = |vb: VarBuilder<'_>| {
        assert!(vb.contains_tensor("words.weight") && !vb.contains_tensor("lm_head.weight"));
        Ok((embedding(WORDS, WIDTH, vb.pp("words"))?, vb.get((WORDS, WIDTH), "words.weight")?))
    };
    let loss = |(words, tied): &mut (Embedding, Tensor), _| {
        let x = words.forward(&Tensor::new(&[3u32], &Device::Cpu)?)?;
        x.matmul(&tied.t()?)?.sqr()?.mean_all()
    };
    let options = ModelOptions::default().weights(&weights(DType::F32)?);
    let mut model = InPlaceModel::new(options, build, loss)?;
    assert_eq!(model.space().dim(), WORDS * WIDTH);
    let space = model.space().clone();
    assert!(model.evaluate(&Batch::one(&space.start())?)?[0].is_finite());
    Ok(())
}

/// A device cannot be another here: candle has only one on every computer.
#[test]
fn a_tensor_asked_for_as_another_or_without_a_shape_is_refused_by_name() -> Result<()> {
    type Build = fn(VarBuilder<'static>) -> candle_core::Result<Tensor>;
    let turned: Build = |vb| vb.get((2, 3), "x").and_then(|_| vb.get((3, 2), "x"));
    let halved: Build = |vb| vb.get((2, 3), "x").and_then(|_| vb.to_dtype(DType::BF16).get((2, 3), "x"));
    let shapeless: Build = |vb| vb.get_unchecked("x");
    let refusals = [
        (turned, "shape and dtype of `x` = [3, 2] f32: [2, 3] f32, "),
        (halved, "shape and dtype of `x` = [2, 3] bf16: [2, 3] f32, "),
        (shapeless, "`x` is asked for without its shape"),
    ];
    for (build, said) in refusals {
        let loss = |x: &mut Tensor, _: Key| x.sum_all();
        let here = InPlaceModel::new(ModelOptions::default(), build, loss).map(drop);
        for refused in [here, FlatModel::with(ModelOptions::default(), build, loss).map(drop)] {
            let refused = refused.unwrap_err();
            assert!(matches!(refused, Error::Invalid { .. } | Error::Unsupported { .. }), "{refused:?}");
            assert!(refused.to_string().starts_with(said), "{refused}");
        }
    }
    Ok(())
}
