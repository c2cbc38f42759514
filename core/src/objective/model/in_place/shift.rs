//! There and back: weights displaced by noise, and restored to the bit.

use std::sync::Mutex;

use candle_core::Tensor;

use super::residue::{CHUNK, Residue};
use crate::{
    Error, Result,
    fuse::threads,
    noise::{Draw, Perturbation},
    objective::model::number::{self, Number, with_number},
    rng::{Element, Seed},
};

/// Weights that pass through buffers at a time.
pub(super) const BLOCK: usize = 1024;

/// Where a model is, seen from its own point: scale · noise(seed) away.
#[derive(Clone, Debug)]
pub(super) struct Away {
    pub(super) noise: Perturbation,
    pub(super) seed: Seed,
    pub(super) scale: f64,
}

impl Away {
    /// Is it another length of the same noise?
    fn is_along(&self, other: &Self) -> bool {
        self.seed == other.seed && self.noise.draws_as(&other.noise)
    }
}

/// What a displacement is drawn by, for tensors one after another.
#[derive(Clone, Copy)]
pub(super) struct Way<'a> {
    pub(super) draw: &'a Draw<'a, f32>,
    pub(super) scale: f64,
}

/// From where to where. Neither: from the point to the point.
#[derive(Clone, Copy, Default)]
pub(super) struct Move<'a> {
    pub(super) back: Option<Way<'a>>,
    pub(super) forth: Option<Way<'a>>,
    /// Both by the same noise, which is drawn once.
    pub(super) along: bool,
}

/// Gives `work` the ways back from one place and forth to another, in a space of `len` coordinates.
pub(super) fn between<R>(from: Option<&Away>, to: Option<&Away>, len: usize, work: impl FnOnce(Move<'_>) -> R) -> Result<R> {
    match (from, to) {
        // Made ready once.
        (Some(from), Some(to)) if from.is_along(to) => drawn(Some(from), len, |back| {
            let forth = back.map(|way| Way { scale: to.scale, ..way });
            work(Move { back, forth, along: true })
        }),
        _ => drawn(from, len, |back| drawn(to, len, |forth| work(Move { back, forth, along: false })))?,
    }
}

fn drawn<R>(away: Option<&Away>, len: usize, work: impl FnOnce(Option<Way<'_>>) -> R) -> Result<R> {
    match away {
        None => Ok(work(None)),
        Some(Away { noise, seed, scale }) => noise
            .with_noise::<f32, _>(&[*seed], len, |draw| work(Some(Way { draw: &|_, at, out| draw(0, at, out), scale: *scale }))),
    }
}

/// Moves a tensor whose first element is coordinate `from`, and one unit of which is `unit`; `residues` are those of its chunks.
pub(super) fn shift(tensor: &Tensor, from: usize, unit: f64, residues: &[Mutex<Residue>], way: Move<'_>) -> Result<()> {
    with_number!(tensor.dtype(), T => {
        // Locks are taken inside: see `threads`.
        threads::enter(tensor.elem_count(), |pieces| number::edit::<T, _>(tensor, |weights| {
            pieces.split([weights], 0, CHUNK, &|[weights]: [&mut [T]; 1], at| {
                let mut noise = vec![0.0; CHUNK.min(weights.len())];
                for (k, chunk) in weights.chunks_mut(CHUNK).enumerate() {
                    let Ok(mut residue) = residues[at / CHUNK + k].lock() else { continue };
                    let noise = &mut noise[..chunk.len()];
                    shift_chunk(chunk, from + at + k * CHUNK, unit, noise, &mut residue, way);
                }
            });
        }))
    })
}

fn shift_chunk<T: Number>(weights: &mut [T], at: usize, unit: f64, noise: &mut [f32], residue: &mut Residue, way: Move<'_>) {
    if let Some(Way { draw, scale }) = way.back {
        draw(0, at, noise);
        back(weights, (scale * unit) as f32, noise);
        residue.mend(weights);
    }
    if let Some(Way { draw, scale }) = way.forth {
        if !way.along {
            draw(0, at, noise);
        }
        forth(weights, (scale * unit) as f32, noise, residue);
    }
}

/// x ← x − scale · z.
fn back<T: Number>(weights: &mut [T], scale: f32, noise: &[f32]) {
    let mut wide = [0.0; BLOCK];
    for (weights, noise) in weights.chunks_mut(BLOCK).zip(noise.chunks(BLOCK)) {
        let wide = &mut wide[..weights.len()];
        T::widen(weights, wide);
        f32::add_scaled(-scale, noise, wide);
        T::narrow(wide, weights);
    }
}

/// x ← x + scale · z, and what is needed to come back.
fn forth<T: Number>(weights: &mut [T], scale: f32, noise: &[f32], residue: &mut Residue) {
    residue.clear();
    let (mut wide, mut moved, mut home) = ([0.0; BLOCK], [T::default(); BLOCK], [T::default(); BLOCK]);
    for (k, (weights, noise)) in weights.chunks_mut(BLOCK).zip(noise.chunks(BLOCK)).enumerate() {
        let n = weights.len();
        let (wide, moved, home) = (&mut wide[..n], &mut moved[..n], &mut home[..n]);
        T::widen(weights, wide);
        f32::add_scaled(scale, noise, wide);
        T::narrow(wide, moved);
        home.copy_from_slice(moved);
        back(home, scale, noise);
        for (i, (weight, end)) in weights.iter().zip(&*home).enumerate() {
            residue.note(k * BLOCK + i, *weight, *end);
        }
        weights.copy_from_slice(moved);
    }
}

/// A refusal of candidates that are not seeds around where the model is.
pub(super) fn not_near(what: &str) -> Error {
    Error::unsupported("a model in place", format!("evaluates seeds around where it is, and no {what}"))
}
