//! Noise on whole tensors: fill, perturb, add.

use candle_core::Tensor;

use super::{
    Perturbation,
    prepared::{Prepared, accumulate, add, fill, moments, perturb, perturb_rows},
};
use crate::{
    Error, Result,
    fuse::{ByType, Call, Piece},
    noise::{on_card::Lists, shaped::Shape},
    rng::{Element, Seed},
    tensor::{CowTensor, host},
    with_scalar,
};

impl Perturbation {
    /// `out_i = noise(seed)_i`; `out` is `[d]`, or any shape without leaves; its old values are not looked at.
    ///
    /// # Errors
    /// [`Error::Shape`] where the leaves have another number of elements; here and in all that follows.
    pub fn fill(&self, seed: impl Into<Seed>, out: &mut CowTensor) -> Result<()> {
        let seed = seed.into();
        let noise = self.prepare([seed], out)?;
        let lists = Lists::of(self, out, [(seed, 1.0, 0.0)]);
        let kernel = lists.perturb(noise.len, None, self.deviation_behind(0));
        let mut call = Call::new("Sampler::fill");
        kernel.enter(&mut call);
        call.out("out", out);
        self.enter(&mut call);
        call.run(&ByType::new(|piece| fill(&noise, noise.single(), piece), |piece| fill(&noise, noise.double(), piece)))
    }

    /// `out = centre + scale noise(seed)`, in one pass; `centre` has `out`'s shape, `out`'s old values are not looked at.
    ///
    /// # Errors
    /// [`Error::Shape`] where the leaves, or `centre`, have another number of elements than `out`, which is then as it was.
    pub fn perturb(&self, centre: &Tensor, scale: f64, seed: impl Into<Seed>, out: &mut CowTensor) -> Result<()> {
        let seed = seed.into();
        let noise = self.prepare([seed], out)?;
        let lists = Lists::of(self, out, [(seed, scale, 0.0)]);
        let kernel = lists.perturb(noise.len, Some(0), self.deviation_behind(1));
        let mut call = Call::new("Sampler::perturb");
        kernel.enter(&mut call);
        call.mat("centre", centre);
        call.out("out", out);
        self.enter(&mut call);
        call.run(&ByType::new(
            |piece| perturb(&noise, noise.single(), scale, piece),
            |piece| perturb(&noise, noise.double(), scale, piece),
        ))
    }

    /// `onto += scale noise(seed)`.
    ///
    /// # Errors
    /// [`Error::Shape`] where the leaves have another number of elements than `onto`, which is then as it was.
    pub fn add(&self, seed: impl Into<Seed>, scale: f64, onto: &mut CowTensor) -> Result<()> {
        self.add_weighted(&[(seed.into(), scale)], onto)
    }

    /// `onto += sum_k weight_k noise(seed_k)`, the terms `(seed_k, weight_k)` in order.
    ///
    /// Bit for bit what [`Perturbation::add`] gives term by term, but `onto` is read and written once whatever their number (once
    /// a term where the noise has to be stored to be smoothed).
    ///
    /// # Errors
    /// [`Error::Shape`] where the leaves have another number of elements than `onto`, which is then as it was.
    pub fn add_weighted(&self, terms: &[(Seed, f64)], onto: &mut CowTensor) -> Result<()> {
        terms.chunks(self.together(terms.len())).try_for_each(|terms| {
            let noise = self.prepare(terms.iter().map(|(seed, _)| *seed), onto)?;
            let lists = Lists::of(self, onto, terms.iter().map(|(seed, weight)| (*seed, *weight, 0.0)));
            let kernel = lists.add_weighted(0, noise.len, self.deviation_behind(0));
            let mut call = Call::new("Sampler::add");
            kernel.enter(&mut call);
            call.inout("onto", onto);
            self.enter(&mut call);
            call.run_heavy(
                terms.len(),
                &ByType::new(
                    |piece| add(&noise, noise.single(), terms, piece),
                    |piece| add(&noise, noise.double(), terms, piece),
                ),
            )
        })
    }

    /// The same for a part of a tensor of `len` elements: `onto` are those from `from` on.
    ///
    /// # Errors
    /// [`Error::Shape`] where the leaves have another number of elements than `len`, or `onto` more than there are behind `from`.
    pub(crate) fn add_part(&self, terms: &[(Seed, f64)], from: usize, len: usize, onto: &mut CowTensor) -> Result<()> {
        let (seeds, weights): (Vec<Seed>, Vec<f64>) = terms.iter().copied().unzip();
        let part = onto.elem_count();
        if from + part > len {
            return Err(Error::shape(
                "part of a perturbed tensor",
                format!("{} elements at most", len.saturating_sub(from)),
                part,
            ));
        }
        if self.follows_from_seeds() {
            let noise = self.prepare_for(seeds, len)?;
            let lists = Lists::of(self, onto, terms.iter().map(|(seed, weight)| (*seed, *weight, 0.0)));
            let kernel = lists.add_weighted(from, part, None);
            let mut call = Call::new("Sampler::add_part");
            kernel.enter(&mut call);
            call.inout("onto", onto);
            let shape = Shape::NONE;
            return call.run_heavy(
                terms.len(),
                &ByType::new(
                    |Piece { written: [onto, ..], span, .. }| accumulate(noise.single(), terms, shape, from + span.at, onto),
                    |Piece { written: [onto, ..], span, .. }| {
                        accumulate(noise.double(), terms, Shape::NONE, from + span.at, onto)
                    },
                ),
            );
        }
        with_scalar!(onto.dtype(), T => self.with_noise::<T, _>(&seeds, len, |draw| {
            host::edit::<T, _>(onto, |onto| {
                let mut drawn = vec![T::ZERO; onto.len()];
                for (k, weight) in weights.iter().enumerate() {
                    draw(k, from, &mut drawn);
                    T::add_scaled(T::of(*weight), &drawn, onto);
                }
            })
        })?)
    }

    /// `first += sum_k a_k noise(seed_k)` and `second += sum_k b_k noise(seed_k)^2`, the square element by element, the terms
    /// `(seed_k, a_k, b_k)` in order; every noise is drawn once.
    ///
    /// # Errors
    /// [`Error::Shape`] where the leaves, or `second`, have another number of elements than `first`; both are then as they were.
    pub fn add_moments(&self, terms: &[(Seed, f64, f64)], first: &mut CowTensor, second: &mut CowTensor) -> Result<()> {
        terms.chunks(self.together(terms.len())).try_for_each(|terms| {
            let noise = self.prepare(terms.iter().map(|(seed, ..)| *seed), first)?;
            let lists = Lists::of(self, first, terms.iter().copied());
            let kernel = lists.add_moments(noise.len, self.deviation_behind(0));
            let mut call = Call::new("Sampler::add_moments");
            kernel.enter(&mut call);
            call.inout("first", first);
            call.inout("second", second);
            self.enter(&mut call);
            call.run_heavy(
                terms.len(),
                &ByType::new(
                    |piece| moments(&noise, noise.single(), terms, piece),
                    |piece| moments(&noise, noise.double(), terms, piece),
                ),
            )
        })
    }

    /// Row `i` of `out` `= centre + scale_i noise(seed_i)`: `centre` is `[d]`, `out` `[n, d]`, `rows` the `n` `(seed_i, scale_i)`.
    ///
    /// Each row is what [`Perturbation::perturb`] gives for it alone.
    ///
    /// # Errors
    /// [`Error::Shape`] unless `out` has a row for each of `rows`, and the leaves and `centre` as many elements as a row; `out` is then as
    /// it was.
    pub fn perturb_rows(&self, centre: &Tensor, rows: &[(Seed, f64)], out: &mut CowTensor) -> Result<()> {
        let &[n, columns] = out.dims() else {
            return Err(Error::shape("Sampler::perturb_rows.out", "[n, d]", format!("{:?}", out.dims())));
        };
        if n != rows.len() {
            return Err(Error::shape("Sampler::perturb_rows.out", format!("[{}, d]", rows.len()), format!("{:?}", out.dims())));
        }
        let noise = self.prepare_for(rows.iter().map(|(seed, _)| *seed), columns)?;
        let lists = Lists::of(self, out, rows.iter().map(|(seed, scale)| (*seed, *scale, 0.0)));
        let kernel = lists.perturb(columns, Some(0), self.deviation_behind(1));
        let mut call = Call::new("Sampler::perturb_rows");
        kernel.enter(&mut call);
        call.row("centre", centre);
        call.out("out", out);
        if let Some(deviation) = &self.deviation {
            call.row("deviation", deviation);
        }
        self.enter_basis(&mut call);
        call.run(&ByType::new(
            |piece| perturb_rows(&noise, noise.single(), rows, piece),
            |piece| perturb_rows(&noise, noise.double(), rows, piece),
        ))
    }

    /// The candidates `centre + scale_i noise(seed_i)` inside the walls: `out` is `[n, d]`, or `[d]` for one.
    pub(crate) fn perturb_inside(&self, centre: &Tensor, rows: &[(Seed, f64)], out: &mut CowTensor) -> Result<()> {
        match rows {
            [(seed, scale)] if out.rank() == 1 => self.perturb(centre, *scale, *seed, out)?,
            rows => self.perturb_rows(centre, rows, out)?,
        }
        self.walls.iter().try_for_each(|space| space.fold(out))
    }

    /// How many of `terms` sources are held at a time: one where the noise has to be stored.
    fn together(&self, terms: usize) -> usize {
        if self.sampler.is_stored() { 1 } else { terms.max(1) }
    }

    /// Deviation and basis as the last tensors that a call reads, for a grid of one number an element; nothing is read where there is none.
    fn enter<'t>(&'t self, call: &mut Call<'t>) {
        if let Some(deviation) = &self.deviation {
            call.mat("deviation", deviation);
        }
        self.enter_basis(call);
    }

    /// The place of the deviation among what a call reads, behind so many others.
    fn deviation_behind(&self, others: usize) -> Option<usize> {
        self.deviation.as_ref().map(|_| others)
    }

    fn enter_basis<'t>(&'t self, call: &mut Call<'t>) {
        if let Some(subspace) = &self.subspace {
            call.free("basis", &subspace.basis);
        }
    }

    fn prepare(&self, seeds: impl IntoIterator<Item = Seed>, of: &Tensor) -> Result<Prepared<'_>> {
        self.prepare_for(seeds, of.elem_count())
    }

    pub(super) fn prepare_for(&self, seeds: impl IntoIterator<Item = Seed>, len: usize) -> Result<Prepared<'_>> {
        if let Some(shapes) = &self.shapes {
            let expected: usize = shapes.iter().map(|shape| shape.iter().product::<usize>()).sum();
            if expected != len {
                return Err(Error::shape("perturbed tensor", format!("[{expected}]"), format!("{len} elements")));
            }
        }
        self.subspace.as_ref().map_or(Ok(()), |subspace| subspace.check(len))?;
        let seeds = seeds.into_iter().collect();
        Ok(Prepared::new(self, seeds, len))
    }
}
