//! Batches of candidates: described, and not stored where a description is enough.

use std::{ops::Range, sync::Arc};

use crate::{
    Error, Result,
    noise::{Perturbation, Sampler},
    rng::{Element, Key, Seed},
    space::Space,
    tensor::{CowTensor, host, place},
    with_scalar,
};

/// One candidate of a seeded batch: x = centre + scale · noise(seed).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Probe {
    /// Which noise.
    pub seed: Seed,
    /// The factor of its noise.
    pub scale: f64,
    /// Candidates of one draw see the same data of a stochastic objective.
    pub draw: u32,
}

impl Probe {
    /// The point scale · noise(seed) away from the centre; it sees the data of draw 0.
    pub fn new(seed: impl Into<Seed>, scale: f64) -> Self {
        Self { seed: seed.into(), scale, draw: 0 }
    }

    /// The same on the data of another draw.
    pub fn of_draw(self, draw: u32) -> Self {
        Self { draw, ..self }
    }
}

/// Candidates to be evaluated, in search coordinates. Cloning is cheap.
///
/// ```
/// use moths_core::{Batch, Key, objective::Probe, Sampler, Space};
///
/// let space = Space::real(1000)?;
/// let probe = |seed| Probe::new(Key::new(seed), 0.1);
/// let near = Batch::seeded(&space.start(), Sampler::Normal, [probe(1), probe(2)]); // two seeds, not 2,000 numbers
/// let both = Batch::Joined([Batch::one(&space.start())?, near].into());
/// assert_eq!((both.len(), both.is_dense()), (3, false));
/// assert_eq!(both.row(0, &space)?.to_vec1::<f64>()?, space.start().to_vec1::<f64>()?);
/// # Ok::<(), moths_core::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Batch {
    /// The rows of an \[n, d\] tensor. All of one draw.
    Dense(CowTensor),
    /// xᵢ = centre + scaleᵢ · noise(seedᵢ): n seeds instead of n × d numbers.
    Seeded {
        /// The point \[d\] all candidates are near.
        centre: CowTensor,
        /// The distribution of the noise.
        noise: Perturbation,
        /// One entry a candidate.
        probes: Arc<[Probe]>,
    },
    /// Several batches, one after another, evaluated in one go.
    Joined(Arc<[Batch]>),
    /// Some neighbouring candidates of another batch.
    Part {
        /// The whole batch.
        of: Arc<Batch>,
        /// Which of its candidates.
        range: Range<usize>,
    },
}

impl Batch {
    /// One candidate: the point \[d\].
    ///
    /// # Errors
    /// None at present.
    pub fn one(point: &CowTensor) -> Result<Self> {
        Ok(Self::Seeded {
            centre: point.clone(),
            noise: Sampler::Rademacher.into(),
            probes: [Probe::new(Key::new(0), 0.0)].into(),
        })
    }

    /// Points \[d\] of their own, and the draw of each: those of one draw see the same data of a stochastic objective.
    ///
    /// ```
    /// use moths_core::{Batch, CowTensor, Space};
    ///
    /// let space = Space::real(3)?;
    /// let (here, there) = (space.start(), CowTensor::new(space.start().affine(1.0, 0.5)?));
    /// let batch = Batch::points([(&here, 0), (&there, 7)]);
    /// assert_eq!((batch.draw(0), batch.draw(1)), (0, 7));
    /// assert_eq!(batch.row(1, &space)?.to_vec1::<f64>()?, [0.5; 3]);
    /// # Ok::<(), moths_core::Error>(())
    /// ```
    pub fn points<'a>(points: impl IntoIterator<Item = (&'a CowTensor, u32)>) -> Self {
        let here = |draw| [Probe::new(Key::new(0), 0.0).of_draw(draw)];
        let one = |(point, draw)| Self::seeded(point, Sampler::Rademacher, here(draw));
        Self::Joined(points.into_iter().map(one).collect())
    }

    /// A seeded batch. Noise is a [`Sampler`] [over](Sampler::over) the space; a sampler alone takes the point for one leaf.
    pub fn seeded(centre: &CowTensor, noise: impl Into<Perturbation>, probes: impl Into<Arc<[Probe]>>) -> Self {
        Self::Seeded { centre: centre.clone(), noise: noise.into(), probes: probes.into() }
    }

    /// Number of candidates.
    pub fn len(&self) -> usize {
        match self {
            Self::Dense(points) => points.dims()[0],
            Self::Seeded { probes, .. } => probes.len(),
            Self::Joined(parts) => parts.iter().map(Self::len).sum(),
            Self::Part { range, .. } => range.len(),
        }
    }

    /// Are there no candidates?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Candidates `range` of this batch, as a batch.
    pub fn part(&self, range: Range<usize>) -> Self {
        debug_assert!(range.end <= self.len());
        match self {
            Self::Part { of, range: outer } => {
                Self::Part { of: of.clone(), range: outer.start + range.start..outer.start + range.end }
            }
            whole => Self::Part { of: Arc::new(whole.clone()), range },
        }
    }

    /// Does any candidate stand as a row of numbers, rather than as a seed?
    pub fn is_dense(&self) -> bool {
        match self {
            Self::Dense(_) => true,
            Self::Seeded { .. } => false,
            Self::Joined(parts) => parts.iter().any(Self::is_dense),
            Self::Part { of, .. } => of.is_dense(),
        }
    }

    /// The draw of candidate `i`; 0 for rows of numbers.
    pub fn draw(&self, i: usize) -> u32 {
        match self.find(i) {
            Some(Row::Noise { probe, .. }) => probe.draw,
            Some(Row::Stored { .. }) | None => 0,
        }
    }

    /// Writes candidate `i`, in search coordinates, over the \[d\] tensor `out`.
    ///
    /// # Errors
    /// [`Error::Shape`] when there is no such candidate, or it has another number of coordinates than `out`.
    pub fn write(&self, i: usize, out: &mut CowTensor) -> Result<()> {
        if !place::is_near(out) {
            return self.write_elsewhere(i, out);
        }
        with_scalar!(out.dtype(), T => host::edit::<T, _>(out, |point| self.write_slice(i, point))?)
    }

    fn write_elsewhere(&self, i: usize, out: &mut CowTensor) -> Result<()> {
        let row = self.row_of(i, out.elem_count())?;
        let stored = match row {
            Row::Stored { points, row } => points.narrow(0, row, 1)?,
            Row::Noise { centre, probe, .. } if probe.scale == 0.0 => (**centre).clone(),
            Row::Noise { centre, noise, probe } => {
                let centre = centre.to_device(out.device())?;
                return noise.perturb_inside(&centre, &[(probe.seed, probe.scale)], out);
            }
        };
        if !stored.is_contiguous() {
            return Err(Error::unsupported("a candidate", "must be contiguous"));
        }
        let stored = stored.flatten_all()?.to_device(out.device())?;
        Ok(out.make_out()?.slice_set(&stored, 0, 0)?)
    }

    /// Candidate `i` as a \[d\] tensor of its own.
    ///
    /// # Errors
    /// [`Error::Shape`] when there is no such candidate, or it has another number of coordinates than the space.
    pub fn row(&self, i: usize, space: &Space) -> Result<CowTensor> {
        let mut row = space.zeros()?;
        self.write(i, &mut row)?;
        Ok(row)
    }

    /// All candidates as an \[n, d\] tensor.
    ///
    /// # Errors
    /// [`Error::Memory`] where there is no room for so many; [`Error::Shape`] when they have another number of coordinates than the space.
    pub fn dense(&self, space: &Space) -> Result<CowTensor> {
        if let Self::Dense(points) = self {
            return Ok(points.clone());
        }
        let mut points = space.zeros_for(self.len())?;
        if !place::is_near(&points) {
            self.dense_elsewhere(space, &mut points)?;
            return Ok(points);
        }
        with_scalar!(space.dtype(), T => host::edit::<T, _>(&mut points, |points| {
            points.chunks_mut(space.dim()).enumerate().try_for_each(|(i, row)| self.write_slice(i, row))
        })?)?;
        Ok(points)
    }

    fn dense_elsewhere(&self, space: &Space, points: &mut CowTensor) -> Result<()> {
        if let Self::Seeded { centre, noise, probes } = self
            && probes.iter().all(|probe| probe.scale != 0.0)
        {
            let rows: Vec<_> = probes.iter().map(|probe| (probe.seed, probe.scale)).collect();
            return noise.perturb_inside(&centre.to_device(points.device())?, &rows, points);
        }
        (0..self.len()).try_for_each(|i| {
            let row = self.row(i, space)?.unsqueeze(0)?;
            Ok(points.make_mut()?.slice_set(&row, 0, i)?)
        })
    }

    /// Candidate `i`, if there is one, and it has d coordinates.
    fn row_of(&self, i: usize, d: usize) -> Result<Row<'_>> {
        let row = self.find(i).ok_or_else(|| Error::shape("candidate", format!("an index below {}", self.len()), i))?;
        row.check(d)?;
        Ok(row)
    }

    /// Writes candidate `i` over a slice of d numbers.
    pub(crate) fn write_slice<T: Element>(&self, i: usize, point: &mut [T]) -> Result<()> {
        let d = point.len();
        match self.row_of(i, d)? {
            Row::Stored { points, row } => host::read::<T, _>(points, |all| point.copy_from_slice(&all[row * d..(row + 1) * d])),
            Row::Noise { centre, noise, probe } => host::read::<T, _>(centre, |centre| {
                if probe.scale == 0.0 {
                    point.copy_from_slice(centre);
                    return Ok(());
                }
                noise.perturb_slice(centre, probe.scale, probe.seed, point)
            })?,
        }
    }

    /// Writes the parameter values of candidate `i`, decoded, over a slice of d numbers.
    ///
    /// ```
    /// use moths_core::{Batch, Leaf, Space};
    ///
    /// let space = Space::new(vec![Leaf::integer("layers", [1], 1, 8), Leaf::real("rate", [1]).scale(0.1)])?;
    /// let mut values = [0f32; 2];
    /// Batch::one(&space.start())?.write_values(0, &space, &mut values)?;
    /// assert_eq!(values[0].fract(), 0.0);
    /// # Ok::<(), moths_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_values<T: Element>(&self, i: usize, space: &Space, values: &mut [T]) -> Result<()> {
        self.write_slice(i, values)?;
        space.decode_slice(values);
        Ok(())
    }

    /// Candidate `i` of a seeded batch: centre, noise, and which of it; `None` for a row of numbers.
    pub fn seed(&self, i: usize) -> Option<(&CowTensor, &Perturbation, Probe)> {
        match self.find(i)? {
            Row::Noise { centre, noise, probe } => Some((centre, noise, probe)),
            Row::Stored { .. } => None,
        }
    }

    fn find(&self, i: usize) -> Option<Row<'_>> {
        match self {
            Self::Dense(points) => (i < self.len()).then_some(Row::Stored { points, row: i }),
            Self::Seeded { centre, noise, probes } => probes.get(i).map(|probe| Row::Noise { centre, noise, probe: *probe }),
            Self::Part { of, range } => (i < range.len()).then(|| of.find(range.start + i))?,
            Self::Joined(parts) => {
                let mut i = i;
                for part in parts.iter() {
                    if i < part.len() {
                        return part.find(i);
                    }
                    i -= part.len();
                }
                None
            }
        }
    }
}

/// Where a candidate's numbers come from.
enum Row<'a> {
    Stored { points: &'a CowTensor, row: usize },
    Noise { centre: &'a CowTensor, noise: &'a Perturbation, probe: Probe },
}

impl Row<'_> {
    /// Is the candidate a point of `d` numbers?
    fn check(&self, d: usize) -> Result<()> {
        match self {
            Self::Stored { points, .. } if !matches!(points.dims(), [_, columns] if *columns == d) => {
                Err(Error::shape("candidates", format!("[n, {d}]"), format!("{:?}", points.dims())))
            }
            Self::Noise { centre, .. } if centre.dims() != [d] => {
                Err(Error::shape("centre of candidates", format!("[{d}]"), format!("{:?}", centre.dims())))
            }
            _ => Ok(()),
        }
    }
}
