//! Noise on tensors: what estimators and seeded batches are made of.

use std::sync::OnceLock;

use candle_core::{DType, Tensor};
use serde::{Deserialize, Serialize};

use super::{
    Sampler,
    on_card::Lists,
    parts::Parts,
    shaped::{CHUNK, Noise, Shape, Subspace},
    source::{Sharing, Source},
};
use crate::{
    Error, Result,
    fuse::{ByType, Call, Drawn, Piece},
    rng::{Element, Key, Seed},
    space::{Shapes, Space},
    tensor::{CowTensor, host},
    with_scalar,
};

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
    /// What seeds have in common; `None`: nothing.
    sharing: Option<Sharing>,
    /// What every element is multiplied by; `None`: 1.
    deviation: Option<CowTensor>,
    /// What the noise is mixed with; `None`: nothing.
    pub(super) subspace: Option<Subspace>,
    /// At whose walls the candidates of a batch are mirrored; `None`: they stay where they are.
    walls: Option<Space>,
}

impl From<Sampler> for Perturbation {
    fn from(sampler: Sampler) -> Self {
        Self::new(sampler, None)
    }
}

impl Perturbation {
    pub(super) fn new(sampler: Sampler, shapes: Option<Shapes>) -> Self {
        Self { sampler, shapes, sharing: None, deviation: None, subspace: None, walls: None }
    }

    /// The same noise, element `i` of it times element `i` of `deviation`, which has as many elements as what is perturbed.
    pub fn scaled_by(self, deviation: &CowTensor) -> Self {
        Self { deviation: Some(deviation.clone()), ..self }
    }

    /// `everywhere · noise + inside · Σ_j w_j basis_j` in place of the noise: `basis` is `[k, d]`, one direction a row, and the w_j are
    /// standard normal numbers of the seed. For rows that are orthonormal, and noise of variance 1, the covariance is
    /// `everywhere² I + inside² basisᵀ basis`. A deviation multiplies the whole.
    ///
    /// Nothing of it is stored beside the basis, which is shared, not copied; an element costs k multiplications more.
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use moths_core::{CowTensor, Key, noise::Perturbation, Sampler};
    ///
    /// let basis = CowTensor::new(Tensor::new(&[[0.6f64, 0.8, 0.0]], &Device::Cpu)?);
    /// let mut x = CowTensor::new(Tensor::zeros(3, basis.dtype(), &Device::Cpu)?);
    /// Perturbation::from(Sampler::Normal).within(&basis, 0.0, 1.0).fill(Key::new(1), &mut x)?;
    /// let x = x.to_vec1::<f64>()?;
    /// assert!((x[0] / 0.6 - x[1] / 0.8).abs() < 1e-15 && x[2] == 0.0);
    /// # Ok::<(), moths_core::Error>(())
    /// ```
    pub fn within(self, basis: &CowTensor, everywhere: f64, inside: f64) -> Self {
        Self { subspace: Some(Subspace { basis: basis.clone(), everywhere, inside }), ..self }
    }

    /// The same noise, but candidates of a seeded batch that would lie outside the bounds of this space are at their mirror images inside
    /// ([`Space::fold`]). For searches that compare losses; an antithetic pair at a wall would be the same point twice. What is filled,
    /// added or summed is the noise itself.
    pub fn folded_into(self, space: &Space) -> Self {
        Self { walls: space.is_bounded().then(|| space.clone()), ..self }
    }

    /// The same law, of which a part follows from `key` in place of each seed: B of [`Sampler::LowRank`], both bases of [`Sampler::Subspace`]. All
    /// noise of a matrix then lies in one random subspace, whatever the seed. Other laws have no such part, and are as they were.
    ///
    /// Bases are made when the first noise is drawn, and held by all copies of this perturbation: keep it while the key stays.
    ///
    /// ```
    /// use moths_core::{Key, Leaf, Sampler, Space};
    ///
    /// let space = Space::new(vec![Leaf::real("weight", [3, 4])])?;
    /// let noise = Sampler::LowRank { rank: 1 }.over(&space).sharing(Key::new(9));
    /// let (mut x, mut y) = (space.zeros()?, space.zeros()?);
    /// noise.fill(Key::new(1), &mut x)?;
    /// noise.fill(Key::new(2), &mut y)?;
    /// let (x, y) = (x.to_vec1::<f32>()?, y.to_vec1::<f32>()?);
    /// assert!((x[0] / x[1] - y[0] / y[1]).abs() < 1e-4); // all rows are multiples of the one column of B
    /// # Ok::<(), moths_core::Error>(())
    /// ```
    pub fn sharing(self, key: Key) -> Self {
        Self { sharing: Some(Sharing::new(key)), ..self }
    }

    /// The key of [`Perturbation::sharing`].
    pub fn shared_key(&self) -> Option<Key> {
        self.sharing.as_ref().map(|sharing| sharing.key)
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

    /// Elements `offset ..` of the noise of `seed` into `out`, on this thread, of the law alone; without leaves, the noise ends there.
    pub(crate) fn fill_slice<T: Element>(&self, seed: Seed, offset: usize, out: &mut [T]) {
        let noise = Noise::new(self.source(seed, offset + out.len()), None, seed);
        noise.fill(Shape::NONE, offset, out);
    }

    /// `out = centre + scale noise(seed)` for all elements of a point, on this thread.
    pub(crate) fn perturb_slice<T: Element>(&self, centre: &[T], scale: f64, seed: Seed, out: &mut [T]) -> Result<()> {
        if let Some(deviation) = &self.deviation
            && deviation.elem_count() != out.len()
        {
            return Err(Error::shape("deviation of noise", format!("[{}]", out.len()), format!("{:?}", deviation.dims())));
        }
        let basis = self.subspace.as_ref().map(|subspace| subspace.check(out.len()).map(|()| &subspace.basis)).transpose()?;
        let noise = self.noise(seed, out.len());
        read_if_there(self.deviation.as_ref(), |deviation| {
            read_if_there(basis, |basis| noise.perturb(centre, scale, Shape { deviation, basis }, 0, out))
        })??;
        self.walls.iter().for_each(|space| space.fold_slice(out));
        Ok(())
    }

    /// The law and nothing else, where that and the shapes of the leaves say all of it.
    pub(crate) fn described(&self) -> Option<Described> {
        let shaped = self.deviation.is_some() || self.subspace.is_some() || self.walls.is_some();
        (!shaped).then(|| Described { sampler: self.sampler, sharing: self.shared_key() })
    }

    /// Do equal seeds give equal noise, as far as can be told without looking at tensors?
    pub(crate) fn draws_as(&self, other: &Self) -> bool {
        self.described().is_some() && self.described() == other.described()
    }

    /// Gives `work` something that draws elements `offset ..` of the noise of the k-th seed, for points of `len` numbers, on whatever thread it is
    /// called: `draw(k, offset, out)`. Walls are nothing to it.
    ///
    /// # Errors
    /// [`Error::Shape`] where leaves, deviation or basis have another number of elements.
    pub(crate) fn with_noise<T: Element, R>(
        &self,
        seeds: &[Seed],
        len: usize,
        work: impl FnOnce(&Draw<'_, T>) -> R,
    ) -> Result<R> {
        self.prepare_for([], len)?;
        if let Some(deviation) = &self.deviation
            && deviation.elem_count() != len
        {
            return Err(Error::shape("deviation of noise", format!("[{len}]"), format!("{:?}", deviation.dims())));
        }
        let noise: Vec<Noise<T>> = seeds.iter().map(|seed| self.noise(*seed, len)).collect();
        read_if_there(self.deviation.as_ref(), |deviation| {
            read_if_there(self.subspace.as_ref().map(|subspace| &subspace.basis), |basis| {
                work(&|k, offset, out: &mut [T]| noise[k].fill(Shape { deviation, basis }, offset, out))
            })
        })?
    }

    /// The noise of a seed over points of `len` numbers, to be read part by part; `None` where elements are stored, walls are in the way, or
    /// tensors shape it.
    ///
    /// # Errors
    /// [`Error::Shape`] where the leaves have another number of elements.
    pub fn parts(&self, seed: Seed, len: usize) -> Result<Option<Parts>> {
        self.prepare_for([], len)?;
        Ok(self.has_parts().then(|| Parts::new(self.noise(seed, len))))
    }

    /// Are there [parts](Self::parts) of its noise?
    pub fn has_parts(&self) -> bool {
        self.follows_from_seeds() && self.walls.is_none()
    }

    /// Are there [factors](super::Parts::factors) of its noise, of every matrix that is large enough?
    pub fn has_factors(&self) -> bool {
        let low_rank = matches!(self.sampler, Sampler::LowRank { .. } | Sampler::Subspace { .. });
        low_rank && self.shapes.is_some() && self.has_parts()
    }

    /// Does every element follow from the law, a seed and its place, without tensors beside them?
    pub(crate) fn follows_from_seeds(&self) -> bool {
        self.deviation.is_none() && self.subspace.is_none() && !self.sampler.is_stored()
    }

    /// `sum_k weight_k noise(seed_k)` over a space as something that is drawn where it is read: bit for bit what
    /// [`Perturbation::add_weighted`] makes of zeros. For noise that follows from seeds.
    pub(crate) fn summed<'a>(&'a self, terms: &'a [(Seed, f64)], space: &'a Space) -> impl Drawn + 'a {
        let (seeds, len) = (terms.iter().map(|(seed, _)| *seed).collect(), space.dim());
        let noise = Prepared { of: self, seeds, len, single: OnceLock::new(), double: OnceLock::new() };
        Summed { noise, terms, space }
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

    fn noise<T: Element>(&self, seed: Seed, len: usize) -> Noise<T> {
        Noise::new(self.source(seed, len), self.subspace.as_ref(), seed)
    }

    fn source<T: Element>(&self, seed: Seed, len: usize) -> Source<T> {
        Source::new(self.sampler, self.shapes.as_deref().unwrap_or(&[[len].into()]), seed, self.sharing.as_ref())
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
        self.subspace.as_ref().map_or(Ok(()), |subspace| subspace.check(len))?;
        let seeds = seeds.into_iter().collect();
        Ok(Prepared { of: self, seeds, len, single: OnceLock::new(), double: OnceLock::new() })
    }
}

/// A perturbation over some space, as it can be written down.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Described {
    sampler: Sampler,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sharing: Option<Key>,
}

impl Described {
    pub(crate) fn over(self, space: &Space) -> Perturbation {
        let noise = self.sampler.over(space);
        self.sharing.into_iter().fold(noise, Perturbation::sharing)
    }
}

/// Elements `offset ..` of the noise of the k-th seed: `draw(k, offset, out)`.
pub(crate) type Draw<'a, T> = dyn Fn(usize, usize, &mut [T]) + Sync + 'a;

/// The noise of some seeds, in the precision that turns out to be wanted.
struct Prepared<'a> {
    of: &'a Perturbation,
    seeds: Vec<Seed>,
    len: usize,
    single: OnceLock<Vec<Noise<f32>>>,
    double: OnceLock<Vec<Noise<f64>>>,
}

impl Prepared<'_> {
    fn single(&self) -> &[Noise<f32>] {
        self.single.get_or_init(|| self.all())
    }

    fn double(&self) -> &[Noise<f64>] {
        self.double.get_or_init(|| self.all())
    }

    fn all<T: Element>(&self) -> Vec<Noise<T>> {
        self.seeds.iter().map(|seed| self.of.noise(*seed, self.len)).collect()
    }

    /// Deviation and basis among what a call reads, behind its first tensors.
    fn shape<'a, T>(&self, behind: &[&'a [T]]) -> Shape<'a, T> {
        let mut read = behind.iter().copied();
        let mut next = |there: bool| if there { read.next().unwrap_or_default() } else { &[] };
        Shape { deviation: next(self.of.deviation.is_some()), basis: next(self.of.subspace.is_some()) }
    }
}

fn fill<T: Element>(of: &Prepared<'_>, noise: &[Noise<T>], piece: Piece<'_, T>) {
    let Piece { written: [out, ..], read, span } = piece;
    noise[0].fill(of.shape(read), span.at, out);
}

fn perturb<T: Element>(of: &Prepared<'_>, noise: &[Noise<T>], scale: f64, piece: Piece<'_, T>) {
    let Piece { written: [out, ..], read: [centre, behind @ ..], span } = piece;
    noise[0].perturb(&centre[span.at..span.at + out.len()], scale, of.shape(behind), span.at, out);
}

/// A weighted sum of noise that is drawn where it is read.
struct Summed<'a> {
    noise: Prepared<'a>,
    terms: &'a [(Seed, f64)],
    space: &'a Space,
}

impl Drawn for Summed<'_> {
    fn len(&self) -> usize {
        self.noise.len
    }

    fn dtype(&self) -> DType {
        self.space.dtype()
    }

    fn stored(&self) -> Result<Tensor> {
        let mut sum = self.space.zeros()?;
        self.noise.of.add_weighted(self.terms, &mut sum)?;
        Ok((*sum).clone())
    }

    fn weight(&self) -> usize {
        self.terms.len()
    }

    fn f32(&self, at: usize, out: &mut [f32]) {
        self.draw(self.noise.single(), at, out);
    }

    fn f64(&self, at: usize, out: &mut [f64]) {
        self.draw(self.noise.double(), at, out);
    }
}

impl Summed<'_> {
    fn draw<T: Element>(&self, noise: &[Noise<T>], at: usize, out: &mut [T]) {
        out.fill(T::ZERO);
        accumulate(noise, self.terms, Shape::NONE, at, out);
    }
}

fn add<T: Element>(of: &Prepared<'_>, noise: &[Noise<T>], terms: &[(Seed, f64)], piece: Piece<'_, T>) {
    let Piece { written: [onto, ..], read, span } = piece;
    accumulate(noise, terms, of.shape(read), span.at, onto);
}

/// `onto += sum_k weight_k noise_k` for the elements `offset ..`.
fn accumulate<T: Element>(noise: &[Noise<T>], terms: &[(Seed, f64)], shape: Shape<'_, T>, offset: usize, onto: &mut [T]) {
    let mut buffer = [T::ZERO; CHUNK];
    // Terms inside: a chunk stays in the first-level cache until it is finished.
    for (k, onto) in onto.chunks_mut(CHUNK).enumerate() {
        for (noise, (_, weight)) in noise.iter().zip(terms) {
            noise.chunks(shape, offset + k * CHUNK, onto.len(), &mut buffer, |at, drawn| {
                T::add_scaled(T::of(*weight), drawn, &mut onto[at]);
            });
        }
    }
}

fn moments<T: Element>(of: &Prepared<'_>, noise: &[Noise<T>], terms: &[(Seed, f64, f64)], piece: Piece<'_, T>) {
    let Piece { written: [first, second, ..], read, span } = piece;
    let (shape, mut buffer) = (of.shape(read), [T::ZERO; CHUNK]);
    for (k, (first, second)) in first.chunks_mut(CHUNK).zip(second.chunks_mut(CHUNK)).enumerate() {
        for (noise, (_, a, b)) in noise.iter().zip(terms) {
            noise.chunks(shape, span.at + k * CHUNK, first.len(), &mut buffer, |at, drawn| {
                T::add_scaled(T::of(*a), drawn, &mut first[at.clone()]);
                drawn.iter_mut().for_each(|z| *z *= *z);
                T::add_scaled(T::of(*b), drawn, &mut second[at]);
            });
        }
    }
}

fn perturb_rows<T: Element>(of: &Prepared<'_>, noise: &[Noise<T>], rows: &[(Seed, f64)], piece: Piece<'_, T>) {
    let Piece { written: [mut out, ..], read: [centre, behind @ ..], span } = piece;
    let shape = of.shape(behind);
    let (mut row, mut column) = (span.at / span.columns, span.at % span.columns);
    while !out.is_empty() {
        let (this, rest) = out.split_at_mut((span.columns - column).min(out.len()));
        noise[row].perturb(&centre[column..column + this.len()], rows[row].1, shape, column, this);
        (out, row, column) = (rest, row + 1, 0);
    }
}

/// Reads a tensor as a slice, which is empty where there is none.
fn read_if_there<T: Element, R>(tensor: Option<&CowTensor>, f: impl FnOnce(&[T]) -> R) -> Result<R> {
    match tensor {
        Some(tensor) => host::read(tensor, f),
        None => Ok(f(&[])),
    }
}
