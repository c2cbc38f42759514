//! Where a search starts: a point that is kept, or one that is drawn whenever somebody asks.

use std::{fmt, sync::Arc};

use candle_core::{DType, Device, Tensor};

use super::segment::Segment;
use crate::{Result, tensor::CowTensor, with_scalar};

#[derive(Clone)]
pub(super) enum Start {
    At(CowTensor),
    /// The initial values of a big model follow from a key: to keep them would cost as much memory as the model.
    Drawn(Arc<dyn Fn() -> Result<CowTensor> + Send + Sync>),
}

impl Start {
    /// The middle of every interval, zero where there is none.
    pub(super) fn middle(segments: Vec<Segment>, dtype: DType) -> Result<Self> {
        let middle = |s: &Segment| if s.is_bounded() { 0.5 * (s.lower + s.upper) } else { 0.0 };
        let dim: usize = segments.iter().map(|s| s.len).sum();
        Self::drawn(move || {
            with_scalar!(dtype, T => {
                let values: Vec<T> = segments.iter().flat_map(|s| std::iter::repeat_n(middle(s) as T, s.len)).collect();
                Ok(Tensor::from_vec(values, dim, &Device::Cpu)?.into())
            })
        })
    }

    /// A start by this rule, which is tried once.
    pub(super) fn drawn(rule: impl Fn() -> Result<CowTensor> + Send + Sync + 'static) -> Result<Self> {
        rule()?;
        Ok(Self::Drawn(Arc::new(rule)))
    }

    pub(super) fn point(&self) -> CowTensor {
        match self {
            Self::At(point) => point.clone(),
            Self::Drawn(rule) => rule().expect("a rule without a state, which has succeeded before"),
        }
    }
}

impl fmt::Debug for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(point) => point.fmt(f),
            Self::Drawn(_) => f.write_str("drawn"),
        }
    }
}
