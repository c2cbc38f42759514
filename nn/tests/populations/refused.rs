//! Layers of tensors that do not fit each other are refused with words.

use candle_core::{DType, Device, Tensor};
use moths_core::{
    Batch, Error, Key, Objective, Result,
    candle_nn::{Conv1dConfig, Conv2dConfig, VarBuilder},
    objective::OutputLoss,
};
use moths_nn::{Conv1d, Conv2d, Module, PopulationModel, linear, seq};

fn zeros(shape: &[usize]) -> Result<Tensor> {
    Ok(Tensor::zeros(shape, DType::F32, &Device::Cpu)?)
}

/// What is said of images of a layer behind a network's, by candidates and by candle.
fn said(layer: impl Module + Clone + Send + Sync + 'static, shape: &'static [usize]) -> Result<[Error; 2]> {
    let x = zeros(&[&[3], shape].concat())?;
    let by_candle = layer.forward(&x.clone().into()).expect_err("refused");
    let data = (x.clone(), x);
    let build = move |vb: VarBuilder<'_>| {
        let width = shape.last().copied().unwrap_or(1);
        Ok(seq().add(linear(width, width, vb)?).add(layer.clone()))
    };
    let mut model = PopulationModel::new(build, move |_: Key| Ok(data.clone()), OutputLoss::MeanSquaredError)?;
    let start = Batch::one(&model.space().start())?;
    Ok([model.evaluate(&start).expect_err("refused"), by_candle])
}

#[test]
fn convolutions_of_what_does_not_fit() -> Result<()> {
    for groups in [1, 2] {
        let config = Conv2dConfig { groups, ..Default::default() };
        let layer = Conv2d::new(zeros(&[6, 4 / groups, 2, 2])?, Some(zeros(&[5])?), config);
        for why in said(layer, &[4, 3, 3])? {
            assert!(matches!(why, Error::Shape { .. }), "{why}");
            assert!(why.to_string().contains("the bias of a convolution: expected [6], got [5]"), "{why}");
        }
        let config = Conv1dConfig { groups, ..Default::default() };
        let layer = Conv1d::new(zeros(&[6, 0, 2])?, None, config);
        for why in said(layer, &[0, 3])? {
            assert!(why.to_string().contains("expected at least one, got 0 and 6"), "{why}");
        }
    }
    Ok(())
}
