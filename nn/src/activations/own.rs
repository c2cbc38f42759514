//! Layers of one's own.

use candle_core::Tensor;
use moths_core::{Error, Result};

use super::{Activations, Inner, Side, shape::elements};
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
    /// that room means nothing. `by_candle` makes \[examples, shape..\] of \[examples, ..\], and is what gradients go through. Every example must be treated
    /// alone: a gradient sees all of a batch, `on_lanes` thirty-two.
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
    /// What `by_candle` fails with, and [`Error::Shape`] where it makes another shape; where a parameter cannot be read.
    pub fn layer(
        &self,
        parameters: &[&Tensor],
        shape: &[usize],
        on_lanes: impl Fn(&[&[f32]], &[Lanes], &mut [Lanes]),
        by_candle: impl Fn(&Tensor) -> candle_core::Result<Tensor>,
    ) -> Result<Self> {
        match &self.0 {
            Inner::Tensor(tensor) => {
                let made = by_candle(tensor)?;
                let expected = [tensor.dims().get(..1).unwrap_or_default(), shape].concat();
                if made.dims() != expected {
                    let got = format!("{:?}", made.dims());
                    return Err(Error::shape("what candle makes of activations", format!("{expected:?}"), got));
                }
                Ok(made.into())
            }
            Inner::Side(_) if elements(shape).is_none() => {
                Err(Error::shape("activations of a layer", "as many values as there can be", format!("{shape:?}")))
            }
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
            let x = self.of_member(member);
            with_all(group, member, parameters, Vec::with_capacity(parameters.len()), &mut |parameters| {
                // There may be no inputs, or nothing that comes out.
                for block in 0..self.blocks() {
                    on_lanes(parameters, &x[block * inputs..][..inputs], &mut own[block * outputs..][..outputs]);
                }
            })?;
        }
        Ok(self.with(values, each, shape.to_vec()))
    }
}

/// Each parameter is lent for the length of a call only, so the calls are nested.
fn with_all(
    group: &Group,
    member: usize,
    parameters: &[&Tensor],
    before: Vec<&[f32]>,
    f: &mut dyn FnMut(&[&[f32]]),
) -> Result<()> {
    match parameters {
        [] => {
            f(&before);
            Ok(())
        }
        [first, rest @ ..] => group.read_all(first, member, |values| {
            let mut all = before;
            all.push(values);
            with_all(group, member, rest, all, f)
        })?,
    }
}

/// Activations of candle's kind and of this one do not go together.
pub(crate) fn mixed() -> Error {
    Error::unsupported("activations", "are all of one set of weights, or all of several candidates")
}
