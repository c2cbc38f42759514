//! Every kernel as text: what a back end other than the CPU's compiles, and what tests of it run over.

use std::fmt;

use super::{Sum, Summed};
use crate::{Error, Result, rng::Key, tensor::CowTensor};

/// A formula that [`kernel!`](crate::kernel!) has made a function of.
pub struct Formula {
    /// The name of the function.
    pub name: &'static str,
    /// Where it is defined.
    pub module: &'static str,
    /// Its parameters, by name and kind, in order.
    pub parameters: &'static [(&'static str, Kind)],
    /// The formula, in the words that are both Rust and C.
    pub body: &'static str,
    /// Calls the function.
    #[doc(hidden)]
    pub apply: fn(&mut [Argument]) -> Result<()>,
}

/// What a parameter of a formula is; see [`kernel!`](crate::kernel!).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A tensor that is read and written.
    InOut,
    /// A tensor that is written.
    Out,
    /// A tensor of the grid's shape.
    Mat,
    /// A vector as long as the grid: stored, or noise that is added up as it is read.
    Sum,
    /// A tensor with an element for each column.
    Row,
    /// A tensor with an element for each row.
    Col,
    /// A number.
    Num,
    /// Noise, uniform on [0, 1).
    Uniform,
    /// Noise, standard normal.
    Normal,
    /// Noise, -1 or +1.
    Sign,
}

/// One argument of [`Formula::apply`].
#[doc(hidden)]
#[derive(Clone, Debug)]
pub enum Argument {
    Tensor(CowTensor),
    Number(f64),
    Key(Key),
}

/// All formulas of the crates that are linked, in no particular order.
pub fn formulas() -> impl Iterator<Item = &'static Formula> {
    inventory::iter::<Listed>().map(|Listed(formula)| *formula)
}

/// A formula of the list.
#[doc(hidden)]
#[derive(Debug)]
pub struct Listed(pub &'static Formula);

inventory::collect!(Listed);

impl Formula {
    /// The formula as CUDA C; see [`cuda::kernel`](super::cuda::kernel).
    ///
    /// # Errors
    /// As there.
    pub fn cuda(&self, symbol: &str, dtype: candle_core::DType) -> Result<String> {
        super::cuda::kernel(self, symbol, dtype)
    }

    /// How many numbers and keys it takes.
    pub(super) fn scalars(&self) -> usize {
        let is_scalar = |kind: &Kind| matches!(kind, Kind::Num | Kind::Uniform | Kind::Normal | Kind::Sign);
        self.parameters.iter().filter(|(_, kind)| is_scalar(kind)).count()
    }

    /// Calls the function with other arguments than it takes.
    #[doc(hidden)]
    pub fn miscalled(name: &str, count: usize, found: usize) -> Error {
        Error::shape(format!("arguments of {name}"), count, found)
    }
}

impl Argument {
    pub fn tensor(&mut self) -> Result<&mut CowTensor> {
        match self {
            Self::Tensor(tensor) => Ok(tensor),
            other => Err(other.is_no("tensor")),
        }
    }

    pub fn number(&self) -> Result<f64> {
        match self {
            Self::Number(number) => Ok(*number),
            other => Err(other.is_no("number")),
        }
    }

    pub fn key(&self) -> Result<Key> {
        match self {
            Self::Key(key) => Ok(*key),
            other => Err(other.is_no("key")),
        }
    }

    fn is_no(&self, wanted: &str) -> Error {
        Error::invalid("argument of a formula", format!("{self:?}"), format!("a {wanted}"))
    }
}

/// Numbers that are there.
impl Summed for CowTensor {
    fn open(&self) -> Sum<'_> {
        Sum::Stored(self)
    }
}

impl fmt::Debug for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", self.module, self.name)
    }
}
