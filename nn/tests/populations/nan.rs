//! NaN goes through every operation as through candle's, but for two that candle stops it in.

use candle_core::{Device, Tensor};
use moths_core::{
    Key, Result,
    candle_nn::{Activation, Init, VarBuilder},
    objective::OutputLoss,
};
use moths_nn::{Activations, Module, PopulationModel};

type Step = fn(&Activations) -> Result<Activations>;

struct Scaled(Tensor, Step);

impl Module for Scaled {
    fn forward(&self, x: &Activations) -> Result<Activations> {
        (self.1)(&x.clone().mul_parameter(&self.0)?)
    }
}

/// Images \[1, 4, 6\] with NaN here and there.
fn images() -> Result<Tensor> {
    let value = |i: usize| if i % 13 == 5 { f32::NAN } else { ((i * 31) % 17) as f32 / 4.0 - 2.0 };
    Ok(Tensor::from_vec((0..40 * 24).map(value).collect(), (40, 1, 4, 6), &Device::Cpu)?)
}

/// By candidates and by candle.
fn both(step: Step) -> Result<[Vec<f32>; 2]> {
    let x = images()?;
    let data = (x.clone(), x.clone());
    let build = move |vb: VarBuilder<'_>| Ok(Scaled(vb.get_with_hints(1, "scale", Init::Const(1.0))?, step));
    let model = PopulationModel::new(build, move |_: Key| Ok(data.clone()), OutputLoss::MeanSquaredError)?;
    let by_candle = model.model().forward(&x.clone().into())?.to_tensor()?;
    Ok([model.predict(&x)?.flatten_all()?.to_vec1()?, by_candle.flatten_all()?.to_vec1()?])
}

/// Those that are the same.
const SAME: [(&str, Step); 25] = [
    ("tanh", |x| x.clone().tanh()),
    ("sigmoid", |x| x.clone().sigmoid()),
    ("silu", |x| x.clone().silu()),
    ("gelu", |x| x.clone().gelu()),
    ("exp", |x| x.clone().exp()),
    ("sqr", |x| x.clone().sqr()),
    ("sqrt", |x| x.clone().sqrt()),
    ("abs", |x| x.clone().abs()),
    ("floor", |x| x.clone().floor()),
    ("round", |x| x.clone().round()),
    ("step", |x| x.clone().step()),
    ("sign", |x| x.clone().sign()),
    ("affine", |x| x.clone().affine(2.0, 1.0)),
    ("clamp", |x| x.clone().clamp(-1.0, 1.0)),
    ("softmax", |x| x.clone().softmax()),
    ("mean", |x| x.mean(2)),
    ("sum", |x| x.sum(1)),
    ("add", |x| x.clone().add(&x.clone().sqr()?)),
    ("mul", |x| x.clone().mul(&x.clone().abs()?)),
    ("avg_pool2d", |x| x.avg_pool2d(2)),
    ("avg_pool2d_with_stride", |x| x.avg_pool2d_with_stride(3, 1)),
    ("relu6", |x| Activation::Relu6.forward(x)),
    ("hard sigmoid", |x| Activation::HardSigmoid.forward(x)),
    ("hard swish", |x| Activation::HardSwish.forward(x)),
    ("elu", |x| Activation::Elu(0.5).forward(x)),
];

#[test]
fn nan_is_where_candle_has_it() -> Result<()> {
    for (name, step) in SAME {
        let [got, expected] = both(step)?;
        for (i, (got, expected)) in got.iter().zip(&expected).enumerate() {
            let same = (got - expected).abs() <= 1e-5 * expected.abs().max(1.0) || (got.is_nan() && expected.is_nan());
            assert!(same, "{name}, value {i}: {got} instead of {expected}");
        }
    }
    Ok(())
}

/// candle makes numbers of NaN in these: a candidate that fails would not be seen to.
#[test]
fn nan_stays_where_candle_drops_it() -> Result<()> {
    let x = images()?.flatten_all()?.to_vec1::<f32>()?;
    let steps: [(Step, Step); 5] = [
        (|x| x.clone().relu(), |x| x.clone().abs()),
        (|x| Activation::Relu2.forward(x), |x| x.clone().abs()),
        (|x| Activation::LeakyRelu(0.1).forward(x), |x| x.clone().abs()),
        (|x| x.max_pool2d(2), |x| x.avg_pool2d(2)),
        (|x| x.max_pool2d_with_stride((2, 3), (1, 2)), |x| x.avg_pool2d_with_stride((2, 3), (1, 2))),
    ];
    for (i, (step, where_nan)) in steps.into_iter().enumerate() {
        let ([got, by_candle], [expected, _]) = (both(step)?, both(where_nan)?);
        assert_eq!(got.len(), expected.len());
        assert!(x.iter().any(|x| x.is_nan()) && got.iter().any(|x| x.is_nan()));
        for ((got, candles), expected) in got.iter().zip(by_candle).zip(expected) {
            assert_eq!(got.is_nan(), expected.is_nan(), "operation {i}");
            assert!(got.is_nan() || candles.is_nan() || (got - candles).abs() < 1e-6, "operation {i}: {got}, {candles}");
        }
    }
    Ok(())
}
