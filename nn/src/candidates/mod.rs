//! Where the parameters of candidates come from: written out, drawn where they are read, or as products of low rank.

mod plan;
mod source;

pub(crate) use plan::{Kind, Part, plan};
pub(crate) use source::{Member, Source};

use std::{cell::RefCell, ops::Range, rc::Rc};

use candle_core::Tensor;
use moths_core::{
    Result, Space,
    noise::{Factors, moved},
    objective::model::Views,
    tensor::host,
};

use crate::lanes::Buffer;

/// The candidates that one forward pass is of. All are of the same kind.
pub(crate) struct Group {
    views: Views,
    space: Space,
    source: Source,
    /// The noise that was drawn last: the other candidate of a pair wants it too.
    drawn: RefCell<Drawn>,
}

#[derive(Default)]
struct Drawn {
    of: Option<(usize, Range<usize>)>,
    noise: Vec<f32>,
}

impl Group {
    pub(crate) fn new(views: Views, space: &Space, source: Source) -> Self {
        Self { views, space: space.clone(), source, drawn: RefCell::default() }
    }

    /// How many candidates.
    pub(crate) fn len(&self) -> usize {
        self.source.len()
    }

    /// Are their parameters made where they are read?
    pub(crate) fn is_drawn(&self) -> bool {
        matches!(self.source, Source::Near { .. })
    }

    /// Do the values of this tensor differ between candidates? Not those of what is frozen.
    pub(crate) fn differs(&self, tensor: &Tensor) -> bool {
        self.views.place(tensor).is_some()
    }

    /// Gives `f` the elements `part` of a candidate's values of a tensor.
    pub(crate) fn read<R>(&self, tensor: &Tensor, part: Range<usize>, member: usize, f: impl FnOnce(&[f32]) -> R) -> Result<R> {
        let Some(place) = self.views.place(tensor) else {
            return host::read(tensor, |values: &[f32]| f(&values[part]));
        };
        let part = place.start + part.start..place.start + part.end;
        match &self.source {
            Source::Written(members) => Ok(f(&members[member][part])),
            Source::Near { centre, members } => {
                let mut values = Buffer::new(part.len());
                host::read(centre, |centre: &[f32]| self.draw(&members[member], &centre[part.clone()], part.start, &mut values))?;
                self.space.decode_part(part.start, &mut values);
                Ok(f(&values))
            }
        }
    }

    fn draw(&self, member: &Member, centre: &[f32], at: usize, out: &mut [f32]) {
        let of = (Rc::as_ptr(&member.noise).addr(), at..at + out.len());
        let mut drawn = self.drawn.borrow_mut();
        if drawn.of.as_ref() != Some(&of) {
            drawn.noise.resize(out.len(), 0.0);
            member.noise.fill(at, &mut drawn.noise);
            drawn.of = Some(of);
        }
        moved(centre, member.scale, &drawn.noise, out);
    }

    /// Gives `f` all values of a tensor.
    pub(crate) fn read_all<R>(&self, tensor: &Tensor, member: usize, f: impl FnOnce(&[f32]) -> R) -> Result<R> {
        self.read(tensor, 0..tensor.elem_count(), member, f)
    }

    /// The noise of a matrix as a product, where it is one, in parameter units: what is added to the model's own values W is `scale` A B.
    pub(crate) fn factors(&self, tensor: &Tensor, member: usize) -> Option<(Factors<'_>, f32)> {
        let Source::Near { members, .. } = &self.source else { return None };
        let place = self.views.place(tensor)?;
        let unit = self.space.multiplies(place.clone())?;
        let leaf = self.space.places().position(|(_, of)| of == place)?;
        let member = &members[member];
        Some((member.noise.factors(leaf)?, (unit * member.scale) as f32))
    }

    /// Do two candidates have the same noise, but for its scale?
    pub(crate) fn are_pair(&self, a: usize, b: usize) -> bool {
        let Source::Near { members, .. } = &self.source else { return false };
        Rc::ptr_eq(&members[a].noise, &members[b].noise)
    }
}
