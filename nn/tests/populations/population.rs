//! A population's losses are those of its candidates one by one.

use candle_core::{Device, Tensor};
use moths_core::{
    Batch, FlatModel, Key, Objective, Result, Sampler,
    candle_nn::{self, VarBuilder},
    noise::Perturbation,
    objective::{OutputLoss, Probe},
};
use moths_nn::{PopulationModel, Sequential, linear, seq};

fn network(vb: VarBuilder<'_>) -> candle_core::Result<Sequential> {
    let hidden = linear(7, 33, vb.pp("hidden"))?;
    Ok(seq().add(hidden).add_fn(|x| x.tanh()).add(linear(33, 5, vb.pp("middle"))?).add_fn(|x| x.relu()).add(linear(
        5,
        3,
        vb.pp("out"),
    )?))
}

fn same_in_candle(vb: VarBuilder<'_>) -> candle_core::Result<candle_nn::Sequential> {
    let hidden = candle_nn::linear(7, 33, vb.pp("hidden"))?;
    let middle = candle_nn::linear(33, 5, vb.pp("middle"))?;
    Ok(candle_nn::seq().add(hidden).add_fn(|x| x.tanh()).add(middle).add_fn(|x| x.relu()).add(candle_nn::linear(
        5,
        3,
        vb.pp("out"),
    )?))
}

fn examples(m: usize) -> Result<(Tensor, Tensor)> {
    let x: Vec<f32> = (0..m * 7).map(|i| ((i * 31) % 17) as f32 / 8.0 - 1.0).collect();
    let classes: Vec<u32> = (0..m).map(|i| (i * 5 % 3) as u32).collect();
    Ok((Tensor::from_vec(x, (m, 7), &Device::Cpu)?, Tensor::from_vec(classes, m, &Device::Cpu)?))
}

fn batch(model: &impl Objective, noise: &Perturbation) -> Batch {
    let probes = (0..13).flat_map(|i| [0.3, -0.3].map(|scale| Probe::new(Key::new(i), scale)));
    Batch::seeded(&model.space().start(), noise.clone(), probes.collect::<Vec<_>>())
}

#[test]
fn losses_are_those_of_candles_layers_one_by_one() -> Result<()> {
    use candle_core::Module;
    for m in [1, 32, 70, 300] {
        let (x, classes) = examples(m)?;
        let data = (x.clone(), classes.clone());
        let mut population = PopulationModel::new(network, move |_| Ok(data.clone()), OutputLoss::CrossEntropy)?;
        let loss = move |network: &mut candle_nn::Sequential, _| candle_nn::loss::cross_entropy(&network.forward(&x)?, &classes);
        let mut one_by_one = FlatModel::new(same_in_candle, loss)?;
        for sampler in
            [Sampler::Normal, Sampler::LowRank { rank: 1 }, Sampler::LowRank { rank: 3 }, Sampler::Subspace { rank: 2 }]
        {
            let batch = batch(&population, &sampler.over(population.space()));
            let (got, expected) = (population.evaluate(&batch)?, one_by_one.evaluate(&batch)?);
            for (got, expected) in got.iter().zip(expected) {
                assert!((got - expected).abs() < 1e-5 * expected.abs(), "{sampler:?}, {m} examples: {got} instead of {expected}");
            }
        }
        let start = population.space().start();
        let (got, expected) =
            (population.gradient(&start)?.expect("a gradient"), one_by_one.gradient(&start)?.expect("a gradient"));
        assert!((got.0 - expected.0).abs() < 1e-6);
        assert!((got.1 - expected.1)?.abs()?.max_all()?.to_scalar::<f32>()? < 1e-6);
    }
    Ok(())
}

/// The bits of a candidate's loss do not depend on who is beside it, on threads, or on how its parameters are read.
#[test]
fn a_loss_is_the_candidates_own() -> Result<()> {
    let wide = |vb: VarBuilder<'_>| {
        let hidden = linear(7, 9000, vb.pp("hidden"))?;
        Ok(seq().add(hidden).add_fn(|x| x.tanh()).add(linear(9000, 3, vb.pp("out"))?))
    };
    let model = |wide_one: bool, m: usize| {
        let data = examples(m)?;
        let build = move |vb: VarBuilder<'static>| if wide_one { wide(vb) } else { network(vb) };
        PopulationModel::new(build, move |_| Ok(data.clone()), OutputLoss::CrossEntropy)
    };
    for (wide_one, m) in [(false, 70), (true, 40), (false, 300)] {
        let mut population = model(wide_one, m)?;
        for sampler in [Sampler::Normal, Sampler::Rademacher, Sampler::LowRank { rank: 2 }] {
            let batch = batch(&population, &sampler.over(population.space()));
            let all = population.evaluate(&batch)?;
            let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
            assert_eq!(one_thread.install(|| population.evaluate(&batch))?, all, "{sampler:?}: one thread");
            for i in [0, 1, 9, 25] {
                assert_eq!(population.evaluate(&batch.part(i..i + 1))?, all[i..=i], "{sampler:?}: candidate {i} alone");
            }
            assert_eq!([population.evaluate(&batch.part(0..5))?, population.evaluate(&batch.part(5..26))?].concat(), all);
            if !matches!(sampler, Sampler::LowRank { .. }) {
                let dense = Batch::Dense(batch.dense(population.space())?);
                assert_eq!(population.evaluate(&dense)?, all, "{sampler:?}: written out");
            }
        }
    }
    Ok(())
}

#[test]
fn several_optimizers_batches_go_together() -> Result<()> {
    let data = examples(50)?;
    let mut population = PopulationModel::new(network, move |_| Ok(data.clone()), OutputLoss::CrossEntropy)?;
    let space = population.space().clone();
    let there = space.scatter(&space.start(), Key::new(3), 2)?;
    let centres = [space.start(), there.get(0)?.into(), there.get(1)?.into()];
    let near = |centre, rank| {
        let probes: Vec<Probe> = (0..5).map(|i| Probe::new(Key::new(i), 0.2)).collect();
        Batch::seeded(centre, Sampler::LowRank { rank }.over(&space), probes)
    };
    let parts: Vec<Batch> = vec![
        near(&centres[0], 1),
        Batch::Dense(there),
        near(&centres[1], 1),
        near(&centres[1], 2),
        // Of a rank that one of the matrices does not have.
        near(&centres[1], 3),
        near(&centres[1], 1),
        Batch::one(&centres[2])?,
        near(&centres[0], 1),
    ];
    let apart = parts.iter().map(|part| population.evaluate(part)).collect::<Result<Vec<_>>>()?.concat();
    assert_eq!(population.evaluate(&Batch::Joined(parts.into()))?, apart);
    assert_eq!(apart[..5], apart[apart.len() - 5..]);
    Ok(())
}
