//! A step of a model in place: what it may be, and what it does to each weight.

use std::sync::Mutex;

use super::{Placed, Trained};
use crate::{
    Error, Result,
    fuse::threads,
    noise::Draw,
    objective::{
        Advance, Home,
        model::{
            in_place::{chance::round_by_chance, residue::CHUNK, shift::BLOCK, tune::Entry},
            number::{self, Number, with_number},
        },
    },
    rng::{Element, Key, Seed},
    tensor::place,
};

impl Home for Trained {
    fn advance(&mut self, step: &Advance<'_>) -> Result<()> {
        self.whole()?;
        check(step)?;
        // What does not fit the space is refused before anything is written.
        step.noise.with_noise::<f32, _>(&[], self.space.dim(), |_| ())?;
        self.rehearse(step)?;
        let record = Entry::of(step).bytes();
        if let Some(log) = &mut self.log {
            log.check()?;
            log.append(self.steps, step, &record)?;
        }
        if let Err(why) = self.move_by(step) {
            self.lost = Some(why.to_string());
        }
        self.count(&record);
        Ok(())
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl Trained {
    /// On a card, the step of the smallest tensor, which is then thrown away: what does not compile is found out before anything is moved.
    fn rehearse(&self, step: &Advance<'_>) -> Result<()> {
        let elsewhere = self.leaves.iter().filter(|leaf| !place::is_near(&leaf.tensor));
        let least = elsewhere.min_by_key(|leaf| leaf.tensor.elem_count());
        least.map_or(Ok(()), |leaf| leaf.moved_elsewhere(step, self.space.dim()).map(drop))
    }

    pub(super) fn move_by(&mut self, step: &Advance<'_>) -> Result<()> {
        let seeds: Vec<Seed> = step.terms.iter().map(|(seed, _)| *seed).collect();
        let (key, len) = (self.key.fold(self.steps), self.space.dim());
        let leaves = self.leaves.iter().enumerate().map(|(k, leaf)| (leaf, key.fold(k as u64)));
        let (near, elsewhere): (Vec<_>, Vec<_>) = leaves.partition(|(leaf, _)| place::is_near(&leaf.tensor));
        elsewhere.into_iter().try_for_each(|(leaf, key)| leaf.move_elsewhere(step, len, key))?;
        step.noise.with_noise::<f32, _>(&seeds, len, |draw| {
            near.into_iter().try_for_each(|(leaf, key)| leaf.move_by(step, draw, key))
        })?
    }
}

/// Numbers that a step may consist of.
fn check(step: &Advance<'_>) -> Result<()> {
    let rate = step.rate as f32;
    for (_, weight) in step.terms {
        let (weight, moved) = (*weight as f32, (*weight * step.rate) as f32);
        if !(weight.is_finite() && rate.is_finite() && moved.is_finite()) {
            return Err(Error::invalid("weight of a step", format!("{weight} times {rate}"), "finite numbers in f32"));
        }
    }
    for (name, share) in [("shrink", step.shrink), ("anchor", step.anchor)] {
        if !(0.0..=1.0).contains(&share) {
            return Err(Error::invalid(name, share, "a share, from 0 to 1"));
        }
    }
    Ok(())
}

impl Placed {
    /// x ← (1 − shrink) x, x ← x − anchor (x − x₀), x ← x − rate Σ_k weight_k z_k, and round.
    fn move_by(&self, step: &Advance<'_>, draw: &Draw<'_, f32>, key: Key) -> Result<()> {
        let failed = Mutex::new(Ok(()));
        with_number!(self.tensor.dtype(), T => {
            threads::enter(self.tensor.elem_count() * step.terms.len().max(1), |pieces| {
                number::edit::<T, _>(&self.tensor, |weights| {
                    pieces.split([weights], 0, CHUNK, &|[weights]: [&mut [T]; 1], at| {
                        for (k, block) in weights.chunks_mut(BLOCK).enumerate() {
                            if let Err(why) = self.move_block(block, at + k * BLOCK, step, draw, key)
                                && let Ok(mut failed) = failed.lock()
                            {
                                *failed = Err(why);
                            }
                        }
                    });
                })
            })
        })?;
        failed.into_inner().unwrap_or(Ok(()))
    }

    fn move_block<T: Number>(
        &self,
        weights: &mut [T],
        at: usize,
        step: &Advance<'_>,
        draw: &Draw<'_, f32>,
        key: Key,
    ) -> Result<()> {
        let (mut noise, mut sum, mut wide) = ([0.0; BLOCK], [0.0; BLOCK], [0.0; BLOCK]);
        let n = weights.len();
        let (noise, sum, wide) = (&mut noise[..n], &mut sum[..n], &mut wide[..n]);
        for (k, (_, weight)) in step.terms.iter().enumerate() {
            draw(k, self.from + at, noise);
            f32::add_scaled(*weight as f32, noise, sum);
        }
        T::widen(weights, wide);
        if step.shrink > 0.0 {
            let by = (1.0 - step.shrink) as f32;
            wide.iter_mut().for_each(|x| *x *= by);
        }
        if step.anchor > 0.0 {
            self.base.read(at, noise)?;
            let by = step.anchor as f32;
            wide.iter_mut().zip(&*noise).for_each(|(x, start)| *x -= by * (*x - start));
        }
        f32::add_scaled((-step.rate * self.unit) as f32, sum, wide);
        if T::IS_HALF {
            round_by_chance(wide, at, key, weights);
        } else {
            T::narrow(wide, weights);
        }
        Ok(())
    }
}
