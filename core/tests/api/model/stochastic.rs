//! Losses that depend on a key: which data a candidate sees.

use std::sync::{Arc, Mutex};

use candle_core::DType;
use moths_core::{
    Batch, Error, FlatModel, Key, ModelOptions, Objective, Result, Sampler,
    objective::Probe,
    persist::{Keep, State},
};

use super::Mlp;
use crate::toy::Test;

/// The keys a stochastic loss is given.
fn keys_seen(model: &mut FlatModel<Mlp>, seen: &Mutex<Vec<Key>>, draws: &[u32]) -> Result<Vec<Key>> {
    let probes: Vec<Probe> = draws.iter().map(|draw| Probe::new(Key::new(1), 0.1).of_draw(*draw)).collect();
    model.evaluate(&Batch::seeded(&model.space().start(), Sampler::Normal, probes))?;
    Ok(std::mem::take(&mut *seen.lock().map_err(|e| Error::Objective(e.to_string()))?))
}

#[test]
fn stochastic_losses_are_given_one_key_a_refresh_and_draw() -> Test {
    let seen = Arc::new(Mutex::new(vec![]));
    let model = || {
        let seen = seen.clone();
        FlatModel::with(ModelOptions::default().stochastic(), Mlp::new, move |mlp: &mut Mlp, key| {
            seen.lock().map_err(|e| candle_core::Error::msg(e.to_string()))?.push(key);
            mlp.loss(DType::F32)
        })
    };
    let mut one = model()?;
    assert!(one.stochastic());
    let first = keys_seen(&mut one, &seen, &[0, 0, 1, 1, 2])?;
    assert!(first[0] == first[1] && first[2] == first[3] && first[0] != first[2] && first[2] != first[4]);
    assert_eq!(keys_seen(&mut one, &seen, &[0, 0, 1, 1, 2])?, first, "within a step everything sees the same data");
    one.gradient(&one.space().start())?;
    assert_eq!(keys_seen(&mut one, &seen, &[0])?, [first[0], first[0]], "and so does a gradient");

    one.refresh()?;
    let second = keys_seen(&mut one, &seen, &[0, 1, 2])?;
    assert!(second.iter().all(|key| !first.contains(key)), "after a refresh all data are new");

    // Where the data are is state: a run that is resumed goes on with the data that come next.
    let mut other = model()?;
    State::of(&mut one)?.restore(&mut other, Keep::Nothing)?;
    assert_eq!(keys_seen(&mut other, &seen, &[0, 1, 2])?, second);
    Ok(())
}
