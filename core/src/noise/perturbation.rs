//! Noise on tensors: what estimators and seeded batches are made of.

use std::{
    ops::Range,
    sync::{Arc, OnceLock},
};

use candle_core::Tensor;

use super::{Sampler, Seed, law::BLOCK, source::Source};
use crate::{
    CowTensor, Error, Result,
    fuse::{ByType, Call, Element, Piece},
    host,
};

/// Elements that are drawn at a time where noise passes through a buffer.
const CHUNK: usize = 4 * BLOCK;

/// A [`Sampler`] that knows the tensors it perturbs: noise of shape \[d\], in place, in parallel where it is big.
///
/// ```
/// use moths_core::{Key, Leaf, Sampler, Space};
///
/// let space = Space::new(vec![Leaf::real("weight", [30, 20]), Leaf::real("bias", [30])])?;
/// let noise = Sampler::LowRank { rank: 1 }.over(&space);
/// let mut x = space.zeros()?;
/// noise.add(Key::new(1), 0.1, &mut x)?;
/// let weight = x.narrow(0, 0, 600)?.reshape((30, 20))?.to_vec2::<f32>()?;
/// let minor = weight[0][0] * weight[1][1] - weight[0][1] * weight[1][0]; // zero for every matrix of rank 1
/// assert!(minor.abs() < 1e-8);
/// # Ok::<(), moths_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Perturbation {
    sampler: Sampler,
    /// One shape a leaf; `None`: one leaf without shape, as long as the tensor.
    shapes: Option<Shapes>,
    /// What every element is multiplied by; `None`: 1.
    deviation: Option<CowTensor>,
}

/// The shapes of the leaves of a flat vector, in order.
pub(crate) type Shapes = Arc<[Box<[usize]>]>;

impl From<Sampler> for Perturbation {
    fn from(sampler: Sampler) -> Self {
        Self::new(sampler, None)
    }
}

impl Perturbation {
    pub(super) fn new(sampler: Sampler, shapes: Option<Shapes>) -> Self {
        Self { sampler, shapes, deviation: None }
    }

    /// The same noise, element `i` of it times element `i` of `deviation`, which has as many elements as what is perturbed.
    pub fn scaled_by(self, deviation: &CowTensor) -> Self {
        Self { deviation: Some(deviation.clone()), ..self }
    }

    /// The law.
    pub fn sampler(&self) -> Sampler {
        self.sampler
    }

    /// `out_i = noise(seed)_i`; `out` is `[d]`, or any shape without leaves; its old values are not looked at.
    ///
    /// # Errors
    /// [`Error::Shape`] where the leaves have another number of elements; here and in all that follows.
    pub fn fill(&self, seed: impl Into<Seed>, out: &mut CowTensor) -> Result<()> {
        let noise = self.prepare([seed.into()], out)?;
        let mut call = Call::new("Sampler::fill");
        call.out("out", out);
        self.enter(&mut call);
        call.run(&ByType::new(|piece| fill(noise.single(), piece), |piece| fill(noise.double(), piece)))
    }

    /// `out = centre + scale noise(seed)`, in one pass; `centre` has `out`'s shape, `out`'s old values are not looked at.
    pub fn perturb(&self, centre: &Tensor, scale: f64, seed: impl Into<Seed>, out: &mut CowTensor) -> Result<()> {
        let noise = self.prepare([seed.into()], out)?;
        let mut call = Call::new("Sampler::perturb");
        call.mat("centre", centre);
        call.out("out", out);
        self.enter(&mut call);
        call.run(&ByType::new(|piece| perturb(noise.single(), scale, piece), |piece| perturb(noise.double(), scale, piece)))
    }

    /// `onto += scale noise(seed)`.
    pub fn add(&self, seed: impl Into<Seed>, scale: f64, onto: &mut CowTensor) -> Result<()> {
        self.add_weighted(&[(seed.into(), scale)], onto)
    }

    /// `onto += sum_k weight_k noise(seed_k)`, the terms `(seed_k, weight_k)` in order.
    ///
    /// Bit for bit what [`Perturbation::add`] gives term by term, but `onto` is read and written once whatever their number (once
    /// a term where the noise has to be stored to be smoothed).
    pub fn add_weighted(&self, terms: &[(Seed, f64)], onto: &mut CowTensor) -> Result<()> {
        terms.chunks(self.together(terms.len())).try_for_each(|terms| {
            let noise = self.prepare(terms.iter().map(|(seed, _)| *seed), onto)?;
            let mut call = Call::new("Sampler::add");
            call.inout("onto", onto);
            self.enter(&mut call);
            call.run_heavy(
                terms.len(),
                &ByType::new(|piece| add(noise.single(), terms, piece), |piece| add(noise.double(), terms, piece)),
            )
        })
    }

    /// `first += sum_k a_k noise(seed_k)` and `second += sum_k b_k noise(seed_k)^2`, the square element by element, the terms
    /// `(seed_k, a_k, b_k)` in order; every noise is drawn once.
    pub fn add_moments(&self, terms: &[(Seed, f64, f64)], first: &mut CowTensor, second: &mut CowTensor) -> Result<()> {
        terms.chunks(self.together(terms.len())).try_for_each(|terms| {
            let noise = self.prepare(terms.iter().map(|(seed, ..)| *seed), first)?;
            let mut call = Call::new("Sampler::add_moments");
            call.inout("first", first);
            call.inout("second", second);
            self.enter(&mut call);
            call.run_heavy(
                terms.len(),
                &ByType::new(|piece| moments(noise.single(), terms, piece), |piece| moments(noise.double(), terms, piece)),
            )
        })
    }

    /// Row `i` of `out` `= centre + scale_i noise(seed_i)`: `centre` is `[d]`, `out` `[n, d]`, `rows` the `n` `(seed_i, scale_i)`.
    ///
    /// Each row is what [`Perturbation::perturb`] gives for it alone.
    pub fn perturb_rows(&self, centre: &Tensor, rows: &[(Seed, f64)], out: &mut CowTensor) -> Result<()> {
        let &[n, columns] = out.dims() else {
            return Err(Error::shape("Sampler::perturb_rows.out", "[n, d]", format!("{:?}", out.dims())));
        };
        if n != rows.len() {
            return Err(Error::shape("Sampler::perturb_rows.out", format!("[{}, d]", rows.len()), format!("{:?}", out.dims())));
        }
        let noise = self.prepare_for(rows.iter().map(|(seed, _)| *seed), columns)?;
        let mut call = Call::new("Sampler::perturb_rows");
        call.row("centre", centre);
        call.out("out", out);
        if let Some(deviation) = &self.deviation {
            call.row("deviation", deviation);
        }
        call.run(&ByType::new(
            |piece| perturb_rows(noise.single(), rows, piece),
            |piece| perturb_rows(noise.double(), rows, piece),
        ))
    }

    /// Elements `offset ..` of the noise of `seed` into `out`, on this thread, times no deviation; without leaves, the noise ends there.
    pub(crate) fn fill_slice<T: Element>(&self, seed: Seed, offset: usize, out: &mut [T]) {
        self.source(seed, offset + out.len()).fill(offset, out);
    }

    /// `out = centre + scale noise(seed)` for all elements of a point, on this thread.
    pub(crate) fn perturb_slice<T: Element>(&self, centre: &[T], scale: f64, seed: Seed, out: &mut [T]) -> Result<()> {
        let source = self.source(seed, out.len());
        let Some(deviation) = &self.deviation else {
            source.perturb(centre, scale, &[], 0, out);
            return Ok(());
        };
        if deviation.elem_count() != out.len() {
            return Err(Error::shape("deviation of noise", format!("[{}]", out.len()), format!("{:?}", deviation.dims())));
        }
        host::read::<T, _>(deviation, |deviation| source.perturb(centre, scale, deviation, 0, out))
    }

    /// How many of `terms` sources are held at a time: one where the noise has to be stored.
    fn together(&self, terms: usize) -> usize {
        if self.sampler.is_stored() { 1 } else { terms.max(1) }
    }

    /// The deviation as the last tensor that a call reads, for a grid of one number an element; nothing is read where there is none.
    fn enter<'t>(&'t self, call: &mut Call<'t>) {
        if let Some(deviation) = &self.deviation {
            call.mat("deviation", deviation);
        }
    }

    fn source<T: Element>(&self, seed: Seed, len: usize) -> Source<T> {
        Source::new(self.sampler, self.shapes.as_deref().unwrap_or(&[[len].into()]), seed)
    }

    fn prepare(&self, seeds: impl IntoIterator<Item = Seed>, of: &Tensor) -> Result<Prepared<'_>> {
        self.prepare_for(seeds, of.elem_count())
    }

    fn prepare_for(&self, seeds: impl IntoIterator<Item = Seed>, len: usize) -> Result<Prepared<'_>> {
        if let Some(shapes) = &self.shapes {
            let expected: usize = shapes.iter().map(|shape| shape.iter().product::<usize>()).sum();
            if expected != len {
                return Err(Error::shape("perturbed tensor", format!("[{expected}]"), format!("{len} elements")));
            }
        }
        let seeds = seeds.into_iter().collect();
        Ok(Prepared { of: self, seeds, len, single: OnceLock::new(), double: OnceLock::new() })
    }
}

/// The sources of some seeds, in the precision that turns out to be wanted.
struct Prepared<'a> {
    of: &'a Perturbation,
    seeds: Vec<Seed>,
    len: usize,
    single: OnceLock<Vec<Source<f32>>>,
    double: OnceLock<Vec<Source<f64>>>,
}

impl Prepared<'_> {
    fn single(&self) -> &[Source<f32>] {
        self.single.get_or_init(|| self.sources())
    }

    fn double(&self) -> &[Source<f64>] {
        self.double.get_or_init(|| self.sources())
    }

    fn sources<T: Element>(&self) -> Vec<Source<T>> {
        self.seeds.iter().map(|seed| self.of.source(*seed, self.len)).collect()
    }
}

fn fill<T: Element>(noise: &[Source<T>], piece: Piece<'_, T>) {
    let Piece { written: [out, ..], read: [deviation, ..], span } = piece;
    noise[0].fill(span.at, out);
    multiply(out, deviation, span.at);
}

fn perturb<T: Element>(noise: &[Source<T>], scale: f64, piece: Piece<'_, T>) {
    let Piece { written: [out, ..], read: [centre, deviation, ..], span } = piece;
    noise[0].perturb(&centre[span.at..span.at + out.len()], scale, deviation, span.at, out);
}

fn add<T: Element>(noise: &[Source<T>], terms: &[(Seed, f64)], piece: Piece<'_, T>) {
    let Piece { written: [onto, ..], read: [deviation, ..], span } = piece;
    let mut buffer = [T::ZERO; CHUNK];
    // Terms inside: a chunk stays in the first-level cache until it is finished.
    for (k, onto) in onto.chunks_mut(CHUNK).enumerate() {
        for (source, (_, weight)) in noise.iter().zip(terms) {
            source.chunks(span.at + k * CHUNK, onto.len(), deviation, &mut buffer, |at, drawn| {
                T::add_scaled(T::of(*weight), drawn, &mut onto[at]);
            });
        }
    }
}

fn moments<T: Element>(noise: &[Source<T>], terms: &[(Seed, f64, f64)], piece: Piece<'_, T>) {
    let Piece { written: [first, second, ..], read: [deviation, ..], span } = piece;
    let mut buffer = [T::ZERO; CHUNK];
    for (k, (first, second)) in first.chunks_mut(CHUNK).zip(second.chunks_mut(CHUNK)).enumerate() {
        for (source, (_, a, b)) in noise.iter().zip(terms) {
            source.chunks(span.at + k * CHUNK, first.len(), deviation, &mut buffer, |at, drawn| {
                T::add_scaled(T::of(*a), drawn, &mut first[at.clone()]);
                drawn.iter_mut().for_each(|z| *z *= *z);
                T::add_scaled(T::of(*b), drawn, &mut second[at]);
            });
        }
    }
}

/// Elements `at ..` of some noise, times those of its deviation; an empty one stands for 1.
fn multiply<T: Element>(noise: &mut [T], deviation: &[T], at: usize) {
    if let Some(deviation) = deviation.get(at..at + noise.len()) {
        noise.iter_mut().zip(deviation).for_each(|(z, s)| *z *= *s);
    }
}

fn perturb_rows<T: Element>(noise: &[Source<T>], rows: &[(Seed, f64)], piece: Piece<'_, T>) {
    let Piece { written: [mut out, ..], read: [centre, deviation, ..], span } = piece;
    let (mut row, mut column) = (span.at / span.columns, span.at % span.columns);
    while !out.is_empty() {
        let (this, rest) = out.split_at_mut((span.columns - column).min(out.len()));
        noise[row].perturb(&centre[column..column + this.len()], rows[row].1, deviation, column, this);
        (out, row, column) = (rest, row + 1, 0);
    }
}

impl<T: Element> Source<T> {
    /// Elements `offset ..` into `out`.
    fn fill(&self, offset: usize, out: &mut [T]) {
        let ahead = (offset.next_multiple_of(BLOCK) - offset).min(out.len());
        let (ahead, rest) = out.split_at_mut(ahead);
        let whole = rest.len() / BLOCK * BLOCK;
        let (blocks, behind) = rest.split_at_mut(whole);
        let start = offset + ahead.len();
        let mut buffer = [T::ZERO; CHUNK];
        self.chunks(offset, ahead.len(), &[], &mut buffer, |at, drawn| ahead[at].copy_from_slice(drawn));
        self.draw(start, blocks);
        self.chunks(start + whole, behind.len(), &[], &mut buffer, |at, drawn| behind[at].copy_from_slice(drawn));
    }

    /// `out = centre + scale deviation noise` for the elements `offset ..`; `deviation` is that of all elements, or empty.
    fn perturb(&self, centre: &[T], scale: f64, deviation: &[T], offset: usize, out: &mut [T]) {
        self.chunks(offset, out.len(), deviation, &mut [T::ZERO; CHUNK], |at, drawn| {
            T::set_scaled(&centre[at.clone()], T::of(scale), drawn, &mut out[at]);
        });
    }

    /// Draws elements `offset .. offset + len`, times `deviation`, chunk by chunk; `then` is told which (counted from `offset`) and gets them.
    fn chunks(
        &self,
        offset: usize,
        len: usize,
        deviation: &[T],
        drawn: &mut [T; CHUNK],
        mut then: impl FnMut(Range<usize>, &mut [T]),
    ) {
        let mut at = 0;
        while at < len {
            let skipped = (offset + at) % BLOCK;
            let end = (skipped + len - at).min(CHUNK);
            self.draw(offset + at - skipped, &mut drawn[..end.next_multiple_of(BLOCK)]);
            let next = at + end - skipped;
            multiply(&mut drawn[skipped..end], deviation, offset + at);
            then(at..next, &mut drawn[skipped..end]);
            at = next;
        }
    }
}
