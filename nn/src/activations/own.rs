//! Layers of one's own.

use candle_core::Tensor;
use moths_core::{Error, Result};

use super::{Activations, Inner, Side};
use crate::{
    candidates::Group,
    lanes::{Buffer, Lanes},
};

/// Parameters, the values of 32 examples, and room for what comes out.
type OnLanes<'a> = dyn Fn(&[&[f32]], &[Lanes], &mut [Lanes]) + 'a;

impl Activations {
    /// A layer of your own, written twice: over thirty-two examples side by side, and by candle's operations.
    ///
    /// `on_lanes` is given the values of the parameters of a candidate, the values of 32 examples, and room for what comes out, of `shape`; whatever is in
    /// that room means nothing. `by_candle` makes \[examples, shape..\] of \[examples, ..\], and is what gradients go through.
    ///
    /// ```
    /// use candle_core::Tensor;
    /// use moths_core::Result;
    /// use moths_nn::{Activations, Module, lanes::Lanes};
    ///
    /// /// y = |x − c|², the distance from a centre.
    /// struct Distance(Tensor);
    ///
    /// impl Module for Distance {
    ///     fn forward(&self, x: &Activations) -> Result<Activations> {
    ///         let on_lanes = |parameters: &[&[f32]], x: &[Lanes], y: &mut [Lanes]| {
    ///             y[0] = Lanes::ZERO;
    ///             for (Lanes(x), c) in x.iter().zip(parameters[0]) {
    ///                 y[0].0.iter_mut().zip(x).for_each(|(y, x)| *y += (x - c).powi(2));
    ///             }
    ///         };
    ///         x.layer(&[&self.0], &[1], on_lanes, |x| x.broadcast_sub(&self.0)?.sqr()?.sum_keepdim(1))
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// What `by_candle` fails with; where a parameter cannot be read.
    pub fn layer(
        &self,
        parameters: &[&Tensor],
        shape: &[usize],
        on_lanes: impl Fn(&[&[f32]], &[Lanes], &mut [Lanes]),
        by_candle: impl Fn(&Tensor) -> candle_core::Result<Tensor>,
    ) -> Result<Self> {
        match &self.0 {
            Inner::Tensor(tensor) => Ok(by_candle(tensor)?.into()),
            Inner::Side(side) => side.layer(parameters, shape, &on_lanes).map(Self::from),
        }
    }
}

impl Side {
    /// One example's values after another through `on_lanes`.
    pub(crate) fn layer(&self, parameters: &[&Tensor], shape: &[usize], on_lanes: &OnLanes<'_>) -> Result<Self> {
        let group = self.group();
        let each = self.is_of_each() || parameters.iter().any(|parameter| group.differs(parameter));
        let members = if each { group.len() } else { 1 };
        let (inputs, outputs) = (self.elements(), shape.iter().product::<usize>());
        let mut values = Buffer::new(members * self.blocks() * outputs);
        for member in 0..members {
            let own = &mut values[member * self.blocks() * outputs..][..self.blocks() * outputs];
            with_all(group, member, parameters, &[], &mut |parameters| {
                let blocks = self.of_member(member).chunks_exact(inputs.max(1)).zip(own.chunks_exact_mut(outputs.max(1)));
                blocks.for_each(|(x, y)| on_lanes(parameters, x, y));
            })?;
        }
        Ok(self.with(values, each, shape.to_vec()))
    }
}

/// Each parameter is lent for the length of a call only, so the calls are nested.
fn with_all(group: &Group, member: usize, parameters: &[&Tensor], before: &[&[f32]], f: &mut dyn FnMut(&[&[f32]])) -> Result<()> {
    match parameters {
        [] => {
            f(before);
            Ok(())
        }
        [first, rest @ ..] => {
            group.read_all(first, member, |values| with_all(group, member, rest, &[before, &[values]].concat(), f))?
        }
    }
}

/// Activations of candle's kind and of this one do not go together.
pub(crate) fn mixed() -> Error {
    Error::unsupported("activations", "are all of one set of weights, or all of several candidates")
}
