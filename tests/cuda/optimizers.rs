//! Every optimizer, with all that it has on a card.

use std::{collections::BTreeMap, error::Error, sync::Mutex};

use candle_core::{DType, Device};
use moths::{Function, Key, Leaf, Space, Spec, TensorFunction, fuse::card, registry};

use crate::{
    Tested,
    host::{Found, numbers, same_on_both},
};

const STEPS: usize = 4;
/// Far more than numbers of any population.
const D: usize = 900;
/// Those whose noise has factors or prefers directions: it is drawn on the CPU so far, and sent.
const DRAWN_HERE: [&str; 4] = ["guided-es", "low-rank-es", "lozo", "subzero"];

/// Two leaves, one of them a matrix; odd lengths.
fn space(dtype: DType, device: &Device) -> Result<Space, Box<dyn Error>> {
    let leaves = vec![Leaf::real("weight", [5, 7]).bounds(-3.0, 3.0), Leaf::real("bias", [6]).bounds(-2.0, 2.0)];
    Ok(Space::with_dtype(leaves, dtype)?.on(device)?)
}

/// The lowest losses and the answer of a short run.
fn run(id: &str, dtype: DType, device: &Device) -> Result<Found, Box<dyn Error>> {
    let space = space(dtype, device)?;
    let mut optimizer = registry::build(&Spec::new(id), &space, Key::new(3))?;
    let mut objective = Function::new(space, |x| x.iter().enumerate().map(|(i, x)| (x - 0.1 * (i % 7) as f64).powi(2)).sum());
    let mut losses = vec![];
    for _ in 0..STEPS {
        losses.push(optimizer.step(&mut objective)?.loss);
    }
    Ok(vec![(format!("losses of {id}"), numbers(losses)?), (format!("answer of {id}"), optimizer.answer()?)])
}

/// Numbers that a step brings from the card, as a share of those of a point.
fn brought(id: &str, device: &Device) -> Result<f64, Box<dyn Error>> {
    let space = Space::real(D)?.on(device)?;
    let mut optimizer = registry::build(&Spec::new(id), &space, Key::new(3))?;
    let mut objective = TensorFunction::new(space, |x| x.sqr()?.sum(1));
    optimizer.step(&mut objective)?;
    let before = card::brought();
    for _ in 0..STEPS {
        optimizer.step(&mut objective)?;
    }
    Ok((card::brought() - before) as f64 / (STEPS * D) as f64)
}

#[test]
fn what_follows_from_seeds_stays_on_the_card() -> Tested {
    let shares = Mutex::new(BTreeMap::new());
    let ran = same_on_both(|device| {
        for id in ids() {
            shares.lock().map_err(|_| "the shares are lost")?.insert(id, brought(id, device)?);
        }
        Ok(vec![])
    })?;
    let shares = shares.into_inner().map_err(|_| "the shares are lost")?;
    shares.iter().for_each(|(id, share)| println!("{id:30} {share:10.3}"));
    let seeds_only = |id: &str| registry::capabilities(&Spec::new(id)).is_ok_and(|promises| promises.seeds_only);
    let bring: Vec<_> =
        shares.iter().filter(|(id, share)| seeds_only(id) && !DRAWN_HERE.contains(id) && **share >= 0.5).collect();
    assert!(ran.is_none() || bring.is_empty(), "points that are brought a step: {bring:?}");
    Ok(())
}

fn ids() -> Vec<&'static str> {
    // What needs more than losses needs a model, whose tensors are candle's to compute.
    let mut ids: Vec<&str> = registry::entries().into_iter().map(|entry| entry.meta.id).filter(|id| takes_losses(id)).collect();
    ids.sort_unstable();
    ids
}

fn takes_losses(id: &str) -> bool {
    registry::capabilities(&Spec::new(id)).is_ok_and(|capabilities| capabilities.needs_only_losses())
}

#[test]
fn every_optimizer_goes_the_same_way() -> Tested {
    let ids = ids();
    let ran = same_on_both(|device| {
        let found: Vec<Found> = ids.iter().map(|id| run(id, DType::F32, device)).collect::<Result<_, _>>()?;
        Ok(found.concat())
    })?;
    assert!(ran.is_none_or(|ran| ran > 10 * ids.len()), "{ran:?}");
    Ok(())
}
