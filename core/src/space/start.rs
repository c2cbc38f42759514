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
    /// Where the model is: zeros that take no memory.
    Here(CowTensor),
}

/// Is this point of a space in place where the model is?
pub(crate) fn is_here(point: &Tensor) -> bool {
    point.rank() == 1 && point.stride() == [0]
}

impl Start {
    /// The middle of every interval, zero where there is none; a unit from a bound that is alone, if zero is not farther inside.
    pub(super) fn middle(segments: Vec<Segment>, dtype: DType) -> Self {
        let dim: usize = segments.iter().map(|s| s.len).sum();
        // Not tried: that would take the memory of a point.
        Self::Drawn(Arc::new(move || {
            with_scalar!(dtype, T => {
                let values: Vec<T> = segments.iter().flat_map(|s| std::iter::repeat_n(s.middle() as T, s.len)).collect();
                Ok(Tensor::from_vec(values, dim, &Device::Cpu)?.into())
            })
        }))
    }

    /// One number, seen as `dim` of them.
    pub(super) fn here(dim: usize, dtype: DType) -> Result<Self> {
        // Of one number, stride 0 is made by hand: `broadcast_as` leaves what has the right shape alone.
        let one = Tensor::zeros((), dtype, &Device::Cpu)?;
        Ok(Self::Here(CowTensor::new(one.broadcast_as(dim)?)))
    }

    /// A start by this rule, which is tried once.
    pub(super) fn drawn(rule: impl Fn() -> Result<CowTensor> + Send + Sync + 'static) -> Result<Self> {
        rule()?;
        Ok(Self::Drawn(Arc::new(rule)))
    }

    /// The same start on another device.
    pub(super) fn on(&self, device: &Device) -> Result<Self> {
        Ok(match self {
            Self::At(point) if !point.device().same_device(device) => Self::At(point.to_device(device)?.into()),
            // Kept, and not drawn whenever somebody asks: a card may have no room for it then.
            Self::Drawn(rule) if !device.is_cpu() => Self::At(rule()?.to_device(device)?.into()),
            same => same.clone(),
        })
    }

    pub(super) fn point(&self) -> CowTensor {
        match self {
            Self::At(point) | Self::Here(point) => point.clone(),
            Self::Drawn(rule) => rule().expect("a rule without a state, which has succeeded before"),
        }
    }
}

impl fmt::Debug for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(point) => point.fmt(f),
            Self::Here(_) => f.write_str("here"),
            Self::Drawn(_) => f.write_str("drawn"),
        }
    }
}
