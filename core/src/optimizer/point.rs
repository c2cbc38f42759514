//! The one point that a search moves, wherever it is held.

use crate::{
    Error, Result, kernel,
    noise::Gradient,
    objective::{Advance, Home, Objective},
    persist::{Fields, Persist},
    space::Space,
    tensor::CowTensor,
};

/// The point of an optimizer that has one: its own, or that of a model which holds it, in a space [in place](Space::in_place).
///
/// It begins where the space says. An optimizer that moves it by seeds alone, through [`advance`](Self::advance), does not know which of the two it is.
#[derive(Clone, Debug)]
pub struct Point {
    space: Space,
    at: CowTensor,
    /// In place: the version of the model as the last step left it; 0 before the first one.
    left: u64,
}

kernel! { fn shrink(x: inout, by: num) {
    x = by * x;
} }
kernel! { fn down(x: inout, g: sum, rate: num) {
    x = x - rate * g;
} }

impl Point {
    /// Where the space says that a search starts.
    pub fn new(space: &Space) -> Self {
        Self { space: space.clone(), at: space.start(), left: 0 }
    }

    /// The point \[d\]; in place, "here": what candidates are near.
    pub fn at(&self) -> &CowTensor {
        &self.at
    }

    /// The point for being written; not in place.
    pub(crate) fn at_mut(&mut self) -> &mut CowTensor {
        &mut self.at
    }

    /// Does the model hold it?
    pub fn is_in_place(&self) -> bool {
        self.space.is_in_place()
    }

    /// Continues from another point: what a [`move_to`](crate::Optimizer::move_to) is.
    ///
    /// # Errors
    /// As [`Space::point`]; [`Error::Unsupported`] in place, where the model is moved, unless it is "here" that one is to move to.
    pub fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        let point = self.space.point(at)?;
        if self.is_in_place() {
            return match crate::space::is_here(&point) {
                true => Ok(()),
                false => Err(Error::unsupported("a search in place", "goes on from where the model is: move the model")),
            };
        }
        self.at = point;
        Ok(())
    }

    /// Before a step looks at the objective: is the model where the last step left it?
    ///
    /// # Errors
    /// [`Error::Unsupported`] for an objective that holds no model in place where the space is one; [`Error::State`] for a model that is elsewhere.
    pub fn check(&self, objective: &mut dyn Objective) -> Result<()> {
        if !self.is_in_place() {
            return Ok(());
        }
        let version = home(objective)?.version();
        if self.left == 0 || self.left == version {
            return Ok(());
        }
        let why = format!("the model is at version {version:016x}, and this search left it at {:016x}: restore both", self.left);
        Err(Error::State { field: "version".into(), why })
    }

    /// Moves it by noise; a sum that is not finite is no step, and it stays.
    ///
    /// # Errors
    /// What [`Home::advance`] refuses, [`Error::Shape`] for noise over another space: nothing has then changed.
    pub fn advance(&mut self, objective: &mut dyn Objective, step: &Advance<'_>) -> Result<()> {
        let gradient = Gradient::drawn(step.noise.clone(), step.terms.to_vec(), &self.space)?;
        if !gradient.is_finite()? {
            return Ok(());
        }
        if self.is_in_place() {
            return self.told(objective, |home| home.advance(step));
        }
        gradient.check(&self.at)?;
        if step.shrink > 0.0 {
            shrink(&mut self.at, 1.0 - step.shrink)?;
        }
        down(&mut self.at, &gradient, step.rate)?;
        self.space.confine(&mut self.at)
    }

    /// The model is moved by `how`, and what it then is is remembered.
    pub(crate) fn told(&mut self, objective: &mut dyn Objective, how: impl FnOnce(&mut dyn Home) -> Result<()>) -> Result<()> {
        let home = home(objective)?;
        how(home)?;
        self.left = home.version();
        Ok(())
    }
}

fn home(objective: &mut dyn Objective) -> Result<&mut dyn Home> {
    objective.home().ok_or_else(|| Error::unsupported("the objective", "holds no model in place, which this space is of"))
}

impl Persist for Point {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        if !self.is_in_place() {
            return self.at.visit(fields);
        }
        let mut left = vec![self.left];
        fields.words(&mut left, 1..=1)?;
        self.left = left[0];
        Ok(())
    }
}
