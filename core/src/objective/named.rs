//! Functions of parameters that have names.

use super::{Batch, Function, Objective, function_losses};
use crate::{
    Error, Result,
    space::{Domain, Leaf, Space},
};

/// The parameter values of one candidate by the names of their leaves.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    space: &'a Space,
    values: &'a [f64],
}

impl<'a> Named<'a> {
    /// The values of all free leaves of a space, in order.
    pub(crate) fn over(space: &'a Space, values: &'a [f64]) -> Self {
        Self { space, values }
    }

    /// All values of a leaf, in row-major order.
    ///
    /// # Errors
    /// [`Error::Unknown`], which offers the nearest, for what is no free leaf of the space.
    pub fn values(&self, leaf: &str) -> Result<&'a [f64]> {
        Ok(self.find(leaf)?.1)
    }

    /// The value of a leaf of one element, whatever its domain.
    ///
    /// # Errors
    /// As [`Named::values`]; [`Error::Shape`] for a leaf of several elements.
    pub fn real(&self, leaf: &str) -> Result<f64> {
        Ok(self.one(leaf)?.1)
    }

    /// The value of an integer, a category or a flag.
    ///
    /// # Errors
    /// As [`Named::real`]; [`Error::Invalid`] for a leaf that is real, or has levels.
    pub fn integer(&self, leaf: &str) -> Result<i64> {
        match self.one(leaf)? {
            (found, value) if is_whole(found) => Ok(value as i64),
            (found, _) => Err(of_another_kind(found, "an integer, a category or a flag")),
        }
    }

    /// Which of the choices a category is: an index.
    ///
    /// # Errors
    /// As [`Named::real`]; [`Error::Invalid`] for a leaf that is no category.
    pub fn choice(&self, leaf: &str) -> Result<usize> {
        match self.one(leaf)? {
            (found, value) if matches!(found.domain(), Domain::Category { .. }) => Ok(value as usize),
            (found, _) => Err(of_another_kind(found, "a category")),
        }
    }

    /// Is a flag set?
    ///
    /// # Errors
    /// As [`Named::real`]; [`Error::Invalid`] for a leaf that is no flag.
    pub fn flag(&self, leaf: &str) -> Result<bool> {
        match self.one(leaf)? {
            (found, value) if found.domain() == Domain::Bool => Ok(value == 1.0),
            (found, _) => Err(of_another_kind(found, "a flag")),
        }
    }

    fn find(&self, name: &str) -> Result<(&'a Leaf, &'a [f64])> {
        let found = self.space.places().find(|(leaf, _)| leaf.name() == name);
        let (leaf, place) = found.ok_or_else(|| {
            Error::unknown("leaf of the space", name, self.space.places().map(|(leaf, _)| leaf.name()).collect::<Vec<_>>())
        })?;
        Ok((leaf, &self.values[place]))
    }

    fn one(&self, name: &str) -> Result<(&'a Leaf, f64)> {
        match self.find(name)? {
            (leaf, [value]) => Ok((leaf, *value)),
            (leaf, values) => {
                Err(Error::shape(format!("leaf {name}"), "one element", format!("{} in {:?}", values.len(), leaf.shape())))
            }
        }
    }
}

fn is_whole(leaf: &Leaf) -> bool {
    !matches!(leaf.domain(), Domain::Real | Domain::Levels { .. })
}

fn of_another_kind(leaf: &Leaf, valid: &str) -> Error {
    Error::invalid(format!("domain of leaf {}", leaf.name()), format!("{:?}", leaf.domain()), valid)
}

/// An objective from a function of parameters by name: what [`Function::named`] makes.
pub struct NamedFunction<F> {
    space: Space,
    f: F,
}

impl Function<()> {
    /// An objective from a function that asks for its parameters by name. What it fails with ends the step that evaluated it.
    ///
    /// ```
    /// use moths_core::{Function, Leaf, Space};
    /// let space = Space::new(vec![
    ///     Leaf::real("rate", [1]).bounds(1e-5, 1.0).logarithmic(),
    ///     Leaf::integer("layers", [1], 1, 8),
    ///     Leaf::category("optimizer", [1], 3),
    ///     Leaf::real("momentum", [1]).bounds(0.0, 1.0).when("optimizer", [1.0, 2.0]),
    /// ])?;
    /// let objective = Function::named(space, |p| {
    ///     let rate = [1e-3, 1e-2, 3e-2][p.choice("optimizer")?];
    ///     let depth = p.integer("layers")? as f64;
    ///     Ok((p.real("rate")? / rate).ln().powi(2) + (depth - 3.0).powi(2) + (p.real("momentum")? - 0.9).powi(2))
    /// });
    /// # Ok::<(), moths_core::Error>(())
    /// ```
    pub fn named<G: FnMut(&Named<'_>) -> Result<f64>>(space: Space, f: G) -> NamedFunction<G> {
        NamedFunction { space, f }
    }
}

impl<F: FnMut(&Named<'_>) -> Result<f64>> Objective for NamedFunction<F> {
    fn space(&self) -> &Space {
        &self.space
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        let Self { space, f } = self;
        let mut values = vec![0.0; space.dim()];
        function_losses(space, batch, &mut values, |values| f(&Named { space, values }))
    }
}
