//! Where the parameters of candidates come from: written out, drawn where they are read, or as products of low rank.

mod plan;
mod source;

pub(crate) use plan::{Kind, Part, plan};
pub(crate) use source::{Member, Source};

use std::{
    cell::{Cell, RefCell},
    ops::Range,
    rc::Rc,
};

use candle_core::{Tensor, TensorId};
use moths_core::{
    Error, Result, Space,
    noise::{Factors, Parts},
    objective::model::Views,
    tensor::host,
};

use crate::lanes::Buffer;

/// Parameters with so many elements, or fewer, are kept once they are made.
const VECTOR: usize = 1 << 12;

/// The candidates that one forward pass is of. All are of the same kind.
pub(crate) struct Group {
    views: Views,
    space: Space,
    source: Source,
    /// What tensors are, once it was asked.
    known: RefCell<Vec<(TensorId, Option<Leaf>)>>,
    /// Small parameters of candidates that are not written out.
    vectors: RefCell<Vec<Vector>>,
    /// The noise that was drawn last: the other candidate of a pair wants it too.
    drawn: RefCell<Drawn>,
    /// The most values that a product made of a candidate.
    widest: Cell<usize>,
}

/// The values of a candidate from this coordinate on.
struct Vector {
    at: usize,
    member: usize,
    values: Rc<Buffer<f32>>,
}

/// A free leaf of the model.
#[derive(Clone, Debug)]
struct Leaf {
    /// Its coordinates.
    place: Range<usize>,
    /// Which of the free leaves, where the tensor is all of it.
    index: Option<usize>,
    /// What a coordinate is multiplied by, where that is all that is done to it.
    unit: Option<f64>,
}

#[derive(Default)]
struct Drawn {
    of: Option<(usize, Range<usize>)>,
    noise: Vec<f32>,
}

impl Group {
    pub(crate) fn new(views: Views, space: &Space, source: Source) -> Self {
        Self {
            views,
            space: space.clone(),
            source,
            known: RefCell::default(),
            vectors: RefCell::default(),
            drawn: RefCell::default(),
            widest: Cell::default(),
        }
    }

    /// How many candidates.
    pub(crate) fn len(&self) -> usize {
        self.source.len()
    }

    /// A product made so many values of each candidate.
    pub(crate) fn made_of_each(&self, values: usize) {
        self.widest.set(self.widest.get().max(values));
    }

    /// The most values that a product made of a candidate so far.
    pub(crate) fn widest(&self) -> usize {
        self.widest.get()
    }

    /// Do the values of this tensor differ between candidates? Not those of what is frozen.
    pub(crate) fn differs(&self, tensor: &Tensor) -> bool {
        self.leaf(tensor).is_some()
    }

    fn leaf(&self, tensor: &Tensor) -> Option<Leaf> {
        let id = tensor.id();
        if let Some((_, leaf)) = self.known.borrow().iter().find(|(known, _)| *known == id) {
            return leaf.clone();
        }
        let leaf = self.views.place(tensor).map(|place| {
            let index = self.space.places().position(|(_, of)| of == place);
            Leaf { unit: self.space.multiplies(place.clone()), place, index }
        });
        self.known.borrow_mut().push((id, leaf.clone()));
        leaf
    }

    /// Gives `f` the elements `part` of a candidate's values of a tensor.
    pub(crate) fn read<R>(&self, tensor: &Tensor, part: Range<usize>, member: usize, f: impl FnOnce(&[f32]) -> R) -> Result<R> {
        let Some(Leaf { place, .. }) = self.leaf(tensor) else {
            if self.views.shows(tensor) {
                let what = format!("a parameter seen as {:?} with strides {:?}", tensor.dims(), tensor.stride());
                return Err(Error::unsupported(what, "must be contiguous: a layer takes a parameter as the model gave it out"));
            }
            return host::read(tensor, |values: &[f32]| f(&values[part]));
        };
        let part = place.start + part.start..place.start + part.end;
        match &self.source {
            Source::Written(members) => Ok(f(&members[member][part])),
            Source::Near { centre, members } => Ok(f(&self.made(centre, &members[member], part)?)),
        }
    }

    /// Gives `f` all values of a tensor.
    pub(crate) fn read_all<R>(&self, tensor: &Tensor, member: usize, f: impl FnOnce(&[f32]) -> R) -> Result<R> {
        let small = tensor.elem_count() <= VECTOR;
        match (self.leaf(tensor), &self.source) {
            (Some(Leaf { place, .. }), Source::Near { centre, members }) if small => {
                let kept = self
                    .vectors
                    .borrow()
                    .iter()
                    .find(|kept| (kept.at, kept.values.len(), kept.member) == (place.start, place.len(), member))
                    .map(|kept| Rc::clone(&kept.values));
                let values = match kept {
                    Some(values) => values,
                    None => {
                        let (at, values) = (place.start, Rc::new(self.made(centre, &members[member], place)?));
                        self.vectors.borrow_mut().push(Vector { at, member, values: Rc::clone(&values) });
                        values
                    }
                };
                Ok(f(&values))
            }
            _ => self.read(tensor, 0..tensor.elem_count(), member, f),
        }
    }

    /// These coordinates of a candidate, decoded.
    fn made(&self, centre: &Tensor, member: &Member, part: Range<usize>) -> Result<Buffer<f32>> {
        let mut values = Buffer::new(part.len());
        host::read(centre, |centre: &[f32]| self.draw(member, &centre[part.clone()], part.start, &mut values))?;
        self.space.decode_part(part.start, &mut values)?;
        Ok(values)
    }

    fn draw(&self, member: &Member, centre: &[f32], at: usize, out: &mut [f32]) {
        let of = (Rc::as_ptr(&member.noise).addr(), at..at + out.len());
        let mut drawn = self.drawn.borrow_mut();
        if drawn.of.as_ref() != Some(&of) {
            drawn.noise.resize(out.len(), 0.0);
            member.noise.fill(at, &mut drawn.noise);
            drawn.of = Some(of);
        }
        Parts::moved(centre, member.scale, &drawn.noise, out);
    }

    /// The noise of a matrix as a product, where it is one, in parameter units: what is added to the model's own values W is `scale` A B.
    pub(crate) fn factors(&self, tensor: &Tensor, member: usize) -> Option<(Factors<'_>, f32)> {
        let Source::Near { members, .. } = &self.source else { return None };
        let Leaf { index, unit, .. } = self.leaf(tensor)?;
        let (member, rows) = (&members[member], *tensor.dims().first()?);
        let factors = member.noise.factors(index?)?;
        // The leaf as it was asked for, and in no other shape.
        let fits = factors.a.len() == factors.rank * rows && factors.b.len() * rows == factors.rank * tensor.elem_count();
        fits.then_some((factors, (unit? * member.scale) as f32))
    }

    /// Is the noise of every candidate such a product? A group may hold candidates of several laws.
    pub(crate) fn are_of_low_rank(&self, tensor: &Tensor) -> bool {
        (0..self.len()).all(|member| self.factors(tensor, member).is_some())
    }

    /// Do two candidates have the same noise, but for its scale?
    pub(crate) fn are_pair(&self, a: usize, b: usize) -> bool {
        let Source::Near { members, .. } = &self.source else { return false };
        Rc::ptr_eq(&members[a].noise, &members[b].noise)
    }
}
