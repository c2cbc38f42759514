//! Where a search starts: a point that is kept, or one that is drawn whenever somebody asks.

use std::{fmt, sync::Arc};

use crate::{CowTensor, Result};

#[derive(Clone)]
pub(super) enum Start {
    At(CowTensor),
    /// The initial values of a big model follow from a key: to keep them would cost as much memory as the model.
    Drawn(Arc<dyn Fn() -> Result<CowTensor> + Send + Sync>),
}

impl Start {
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
