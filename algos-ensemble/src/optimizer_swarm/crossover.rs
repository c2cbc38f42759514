//! Crossing two points: what a child has of either parent.

use moths_core::{CowTensor, Key, Result, Space, kernel, tensor::host, with_scalar};
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the points of two parents are crossed, unit by unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Crossover {
    /// One of the following at each birth, with odds of 8, 1, 4 and 4.
    #[default]
    Any,
    /// One unit is of the second parent, all others of the first.
    Swap,
    /// Each unit is of either parent, with equal odds.
    Uniform,
    /// Units up to a random one are of the first parent, those behind it of the second.
    OnePoint,
    /// The middle between both.
    Mean,
}

/// What is inherited as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// A tensor of the model; an element where there is one tensor only.
    #[default]
    Tensor,
    /// A row of a tensor: the numbers that differ in its last index only.
    Row,
    /// A number.
    Element,
}

kernel! { fn chosen(child: out, first: mat, second: mat, of: mat) {
    child = select(of > 0.5, second, first);
} }
kernel! { pub(super) fn middle(child: out, first: mat, second: mat) {
    child = 0.5 * (first + second);
} }

impl Crossover {
    /// A child \[d\] of two points \[d\].
    pub(super) fn child(self, unit: Unit, first: &CowTensor, second: &CowTensor, space: &Space, key: Key) -> Result<CowTensor> {
        let mut child = space.zeros()?;
        let kind = self.at(key.fold(0));
        if kind == Self::Mean {
            middle(&mut child, first, second)?;
            space.confine(&mut child)?;
            return Ok(child);
        }
        chosen(&mut child, first, second, &*kind.shares(&unit.lengths(space), space, key.fold(1))?)?;
        Ok(child)
    }

    fn at(self, key: Key) -> Self {
        match (self, key.stream().random_range(0..17)) {
            (Self::Any, 0..8) => Self::Swap,
            (Self::Any, 8) => Self::Uniform,
            (Self::Any, 9..13) => Self::OnePoint,
            (Self::Any, _) => Self::Mean,
            (kind, _) => kind,
        }
    }

    /// Which coordinates \[d\] are of the second parent: 1, else 0.
    fn shares(self, units: &[usize], space: &Space, key: Key) -> Result<CowTensor> {
        let mut stream = key.stream();
        let place = stream.random_range(0..units.len().max(1));
        let mut of_second = |i: usize| match self {
            Self::Swap => i == place,
            Self::OnePoint => i > place,
            _ => stream.random_bool(0.5),
        };
        let mut shares = space.zeros()?;
        with_scalar!(space.dtype(), T => host::edit::<T, _>(&mut shares, |shares| {
            let mut rest = shares;
            for (i, len) in units.iter().enumerate() {
                let len = (*len).min(rest.len());
                let (unit, others) = std::mem::take(&mut rest).split_at_mut(len);
                if of_second(i) {
                    unit.fill(1.0);
                }
                rest = others;
            }
        }))?;
        Ok(shares)
    }
}

impl Unit {
    /// How many coordinates each unit has, in order.
    fn lengths(self, space: &Space) -> Vec<usize> {
        let leaves: Vec<&[usize]> = space.leaves().iter().filter(|leaf| !leaf.is_frozen()).map(|leaf| leaf.shape()).collect();
        match self {
            Self::Tensor if leaves.len() > 1 => leaves.iter().map(|shape| shape.iter().product()).collect(),
            Self::Row => {
                let rows = |shape: &&[usize]| {
                    let len = shape.last().copied().unwrap_or(1);
                    std::iter::repeat_n(len, shape.iter().product::<usize>() / len.max(1))
                };
                leaves.iter().flat_map(rows).collect()
            }
            _ => vec![1; space.dim()],
        }
    }
}
