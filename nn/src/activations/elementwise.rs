//! Functions of single values, of pairs of them, and of values and parameters.

use candle_core::{D, Tensor};
use moths_core::{Error, Result};

use super::{Activations, Inner, Side, own::mixed};
use crate::lanes::{self, Buffer, Lanes, unary};

/// candle's functions of the same names.
macro_rules! unary {
    ($($(#[$doc:meta])* $name:ident = |$x:ident| $by_candle:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// [`Error::Tensor`] where candle fails.
        pub fn $name(self) -> Result<Self> {
            self.each(unary::$name, |$x| $by_candle)
        }
    )*};
}

impl Activations {
    unary! {
        /// max(x, 0); of candidates NaN stays NaN, where candle's own operation makes 0 of it.
        relu = |x| x.relu();
        /// tanh x
        tanh = |x| x.tanh();
        /// 1 / (1 + e^−x)
        sigmoid = |x| candle_nn::ops::sigmoid(x);
        /// x / (1 + e^−x)
        silu = |x| x.silu();
        /// x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2, as [`Tensor::gelu`].
        gelu = |x| x.gelu();
        /// e^x
        exp = |x| x.exp();
        /// x²
        sqr = |x| x.sqr();
        /// √x
        sqrt = |x| x.sqrt();
        /// |x|
        abs = |x| x.abs();
        /// The largest whole number not above.
        floor = |x| x.floor();
        /// The nearest whole number, halves away from zero.
        round = |x| x.round();
        /// 1 where x > 0, else 0, of NaN too: its derivative is 0 wherever there is one.
        step = |x| x.gt(0.0)?.to_dtype(x.dtype());
        /// 1 where x ≥ 0, else −1, of NaN too; likewise.
        sign = |x| x.ge(0.0)?.to_dtype(x.dtype())?.affine(2.0, -1.0);
    }

    /// factor x + shift
    ///
    /// # Errors
    /// [`Error::Tensor`] where candle fails.
    pub fn affine(self, factor: f64, shift: f64) -> Result<Self> {
        self.each(|values| lanes::affine(values, factor as f32, shift as f32), |x| x.affine(factor, shift))
    }

    /// x moved into \[low, high\]
    ///
    /// # Errors
    /// [`Error::Tensor`] where candle fails.
    pub fn clamp(self, low: f64, high: f64) -> Result<Self> {
        self.each(|values| lanes::clamp(values, low as f32, high as f32), |x| x.clamp(low, high))
    }

    fn each(self, on_lanes: impl Fn(&mut [Lanes]), by_candle: impl Fn(&Tensor) -> candle_core::Result<Tensor>) -> Result<Self> {
        match self.0 {
            Inner::Tensor(tensor) => Ok(by_candle(&tensor)?.into()),
            Inner::Side(side) => Ok(side.changed(on_lanes).into()),
        }
    }

    /// x + y, of one shape.
    ///
    /// # Errors
    /// [`Error::Shape`] for another shape.
    #[expect(clippy::should_implement_trait, reason = "candle's name, and it can fail")]
    pub fn add(self, other: &Self) -> Result<Self> {
        self.pair(other, lanes::add, Tensor::add)
    }

    /// x − y, of one shape.
    ///
    /// # Errors
    /// [`Error::Shape`] for another shape.
    #[expect(clippy::should_implement_trait, reason = "candle's name, and it can fail")]
    pub fn sub(self, other: &Self) -> Result<Self> {
        self.pair(other, lanes::subtract, Tensor::sub)
    }

    /// x y, of one shape, element by element.
    ///
    /// # Errors
    /// [`Error::Shape`] for another shape.
    #[expect(clippy::should_implement_trait, reason = "candle's name, and it can fail")]
    pub fn mul(self, other: &Self) -> Result<Self> {
        self.pair(other, lanes::multiply, Tensor::mul)
    }

    fn pair(
        self,
        other: &Self,
        on_lanes: fn(&mut [Lanes], &[Lanes]),
        by_candle: fn(&Tensor, &Tensor) -> candle_core::Result<Tensor>,
    ) -> Result<Self> {
        if self.shape() != other.shape() {
            return Err(Error::shape("activations", format!("{:?}", self.shape()), format!("{:?}", other.shape())));
        }
        match (self.0, &other.0) {
            (Inner::Tensor(x), Inner::Tensor(y)) => Ok(by_candle(&x, y)?.into()),
            (Inner::Side(x), Inner::Side(y)) => Ok(of_pair(x, y, on_lanes).into()),
            _ => Err(mixed()),
        }
    }

    /// x + p, with a parameter of the shape of the last dimensions of x.
    ///
    /// # Errors
    /// [`Error::Shape`] for another shape.
    pub fn add_parameter(self, parameter: &Tensor) -> Result<Self> {
        self.scale_and_shift(None, Some(parameter))
    }

    /// x p, element by element, with a parameter of the shape of the last dimensions of x.
    ///
    /// # Errors
    /// [`Error::Shape`] for another shape.
    pub fn mul_parameter(self, parameter: &Tensor) -> Result<Self> {
        self.scale_and_shift(Some(parameter), None)
    }

    /// x p + q, element by element, with parameters of the shape of the last dimensions of x.
    pub(crate) fn scale_and_shift(self, factor: Option<&Tensor>, shift: Option<&Tensor>) -> Result<Self> {
        for parameter in factor.iter().chain(&shift) {
            if !self.shape().ends_with(parameter.dims()) && parameter.elem_count() != 1 {
                let expected = format!("the last dimensions of {:?}", self.shape());
                return Err(Error::shape("a parameter", expected, format!("{:?}", parameter.dims())));
            }
        }
        match self.0 {
            Inner::Tensor(x) => {
                let x = factor.map_or_else(|| Ok(x.clone()), |factor| x.broadcast_mul(factor))?;
                Ok(shift.map_or_else(|| Ok(x.clone()), |shift| x.broadcast_add(shift))?.into())
            }
            Inner::Side(side) => Ok(with_parameters(side, factor, shift)?.into()),
        }
    }

    /// e^x over the sum of all e^x of the last dimension.
    ///
    /// # Errors
    /// [`Error::Tensor`] where candle fails.
    pub fn softmax(self) -> Result<Self> {
        let width = self.shape().last().copied().unwrap_or(1).max(1);
        let on_lanes = |values: &mut [Lanes]| values.chunks_exact_mut(width).for_each(lanes::softmax);
        self.each(on_lanes, |x| candle_nn::ops::softmax(x, D::Minus1))
    }
}

fn of_pair(x: Side, y: &Side, on_lanes: fn(&mut [Lanes], &[Lanes])) -> Side {
    let x = if y.is_of_each() { x.of_each() } else { x };
    x.changed(|values| values.chunks_exact_mut(y.values().len().max(1)).for_each(|own| on_lanes(own, y.values())))
}

fn with_parameters(side: Side, factor: Option<&Tensor>, shift: Option<&Tensor>) -> Result<Side> {
    let group = side.group().clone();
    let differ = factor.iter().chain(&shift).any(|parameter| group.differs(parameter));
    let side = if differ { side.of_each() } else { side };
    let (members, all) = (side.members(), side.shape().iter().product::<usize>().max(1));
    let mut done = Ok(());
    let side = side.changed(|values| {
        let len = (values.len() / members.max(1)).max(1);
        done = values.chunks_exact_mut(len).enumerate().try_for_each(|(member, values)| {
            for (parameter, is_factor) in factor.map(|p| (p, true)).into_iter().chain(shift.map(|p| (p, false))) {
                group.read_all(parameter, member, |parameter| {
                    let mut one = Buffer::<f32>::new(if parameter.len() == 1 { all } else { 0 });
                    one.fill(parameter.first().copied().unwrap_or_default());
                    let parameter = if parameter.len() == 1 { &*one } else { parameter };
                    let (factors, shifts) = if is_factor { (Some(parameter), None) } else { (None, Some(parameter)) };
                    values.chunks_exact_mut(parameter.len().max(1)).for_each(|row| lanes::scale_and_shift(row, factors, shifts));
                })?;
            }
            Ok(())
        });
    });
    done.map(|()| side)
}
