//! Parameters reach layers as the model gave them out, in another shape, in parts, or not at all.

use candle_core::{Device, Tensor};
use candle_nn::{Init, VarBuilder};
use moths_core::{
    Batch, Key, Objective, Result, Sampler,
    objective::{OutputLoss, Probe},
};
use moths_nn::{Activations, Linear, Module, PopulationModel};

type Network = Box<dyn Module + Send + Sync>;
type Forward = fn(&Tensor, &Tensor, &Activations) -> Result<Activations>;

/// A network of two tensors.
struct Own {
    weight: Tensor,
    bias: Tensor,
    forward: Forward,
}

impl Module for Own {
    fn forward(&self, x: &Activations) -> Result<Activations> {
        (self.forward)(&self.weight, &self.bias, x)
    }
}

fn population(weight: &'static [usize], bias: usize, forward: Forward) -> Result<PopulationModel<Network>> {
    let build = move |vb: VarBuilder<'_>| -> candle_core::Result<Network> {
        let normal = Init::Randn { mean: 0.0, stdev: 0.4 };
        let (weight, bias) = (vb.get_with_hints(weight, "weight", normal)?, vb.get_with_hints(bias, "bias", normal)?);
        Ok(Box::new(Own { weight, bias, forward }))
    };
    let x: Vec<f32> = (0..45 * 8).map(|i| ((i * 31) % 17) as f32 / 8.0 - 1.0).collect();
    let x = Tensor::from_vec(x, (45, 8), &Device::Cpu)?;
    let classes = Tensor::from_iter((0..45u32).map(|i| i * 5 % 3), &Device::Cpu)?;
    PopulationModel::new(build, move |_| Ok((x.clone(), classes.clone())), OutputLoss::CrossEntropy)
}

fn near(objective: &impl Objective, sampler: Sampler) -> Batch {
    let probes = (0..5).flat_map(|i| [0.3, -0.3].map(|scale| Probe::new(Key::new(i), scale)));
    Batch::seeded(&objective.space().start(), sampler.over(objective.space()), probes.collect::<Vec<_>>())
}

fn assert_as_by_candle(mut population: PopulationModel<Network>) -> Result<()> {
    for sampler in [Sampler::Normal, Sampler::LowRank { rank: 1 }, Sampler::LowRank { rank: 2 }] {
        let batch = near(&population, sampler);
        let (got, expected) = (population.evaluate(&batch)?, population.as_flat_mut().evaluate(&batch)?);
        for (got, expected) in got.iter().zip(expected) {
            assert!((got - expected).abs() < 1e-5 * expected.abs(), "{sampler:?}: {got} instead of {expected}");
        }
    }
    Ok(())
}

#[test]
fn a_matrix_in_another_shape_has_its_own_noise() -> Result<()> {
    let forward: Forward = |weight, bias, x| Linear::new(weight.reshape((6, 8))?, Some(bias.clone())).forward(x);
    assert_as_by_candle(population(&[2, 3, 8], 6, forward)?)
}

#[test]
fn a_part_of_a_parameter_is_another_than_the_whole() -> Result<()> {
    let forward: Forward = |weight, bias, x| {
        let some = Linear::new(weight.clone(), Some(bias.narrow(0, 0, 3)?));
        let x = some.forward(x)?;
        Activations::cat(&[&x, &x], 0)?.add_parameter(bias)
    };
    assert_as_by_candle(population(&[3, 8], 6, forward)?)
}

#[test]
fn what_a_network_makes_of_a_parameter_is_refused_and_not_taken_for_constant() -> Result<()> {
    let changed: [Forward; 3] = [
        |weight, bias, x| Linear::new(weight.clone(), Some(bias.exp()?)).forward(x),
        |weight, bias, x| Linear::new(weight.t()?.contiguous()?, Some(bias.clone())).forward(x),
        |weight, bias, x| Linear::new(weight.clone(), None).forward(x)?.through(|x| x.broadcast_add(bias)),
    ];
    for forward in changed {
        let mut population = population(&[8, 8], 8, forward)?;
        let batch = near(&population, Sampler::Normal);
        for _ in 0..2 {
            let why = population.evaluate(&batch).expect_err("refused").to_string();
            assert!(why.contains("as the model gave it out"), "{why}");
        }
        // As a model of candle's it is none the worse.
        assert!(population.as_flat_mut().evaluate(&batch)?.iter().all(|loss| loss.is_finite()));
    }
    Ok(())
}

#[test]
fn what_is_transposed_is_refused_by_its_shape() -> Result<()> {
    let forward: Forward = |weight, bias, x| Linear::new(weight.t()?, Some(bias.clone())).forward(x);
    let mut population = population(&[8, 8], 8, forward)?;
    let batch = near(&population, Sampler::Normal);
    let why = population.evaluate(&batch).expect_err("refused").to_string();
    assert!(why.contains("[8, 8]") && why.contains("contiguous"), "{why}");
    Ok(())
}
