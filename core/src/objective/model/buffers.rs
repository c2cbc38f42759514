//! What a model keeps beside its parameters: the running statistics of a batch normalisation.
//!
//! Buffers are handed to layers as variables, which `Var::from_tensor`, by which candle's layers make theirs, takes as they are. So a
//! layer updates the very tensor that is held here.

use std::collections::{BTreeMap, HashMap};

use candle_core::{Device, Tensor, Var};

use crate::{
    Result,
    persist::{Fields, Persist},
    tensor::{CowTensor, host},
};

/// The last parts of the names of buffers that candle's layers, and checkpoints of torch, have.
const NAMES: [&str; 3] = ["running_mean", "running_var", "num_batches_tracked"];

/// Is this the name of a tensor that is no parameter?
pub(super) fn is_buffer(name: &str) -> bool {
    name.rsplit('.').next().is_some_and(|last| NAMES.contains(&last))
}

/// Variables that layers update and a search leaves alone, by name.
#[derive(Debug, Default)]
pub(super) struct Buffers(BTreeMap<String, Var>);

impl Buffers {
    pub(super) fn insert(&mut self, name: String, var: Var) {
        self.0.insert(name, var);
    }

    /// The variables themselves, as layers get them.
    pub(super) fn shared(&self) -> impl Iterator<Item = (String, Tensor)> {
        self.0.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone()))
    }

    /// Copies of what they hold now.
    pub(super) fn copies(&self) -> Result<HashMap<String, Tensor>> {
        self.0.iter().map(|(name, var)| Ok((name.clone(), var.as_detached_tensor().copy()?))).collect()
    }

    /// What they hold becomes what it was when these copies were made.
    pub(super) fn restore(&self, copies: &HashMap<String, Tensor>) -> Result<()> {
        let held = self.0.iter().filter_map(|(name, var)| Some((var, copies.get(name)?)));
        Ok(held.into_iter().try_for_each(|(var, copy)| var.set(copy))?)
    }
}

impl FromIterator<(String, Var)> for Buffers {
    fn from_iter<I: IntoIterator<Item = (String, Var)>>(named: I) -> Self {
        Self(named.into_iter().collect())
    }
}

/// They change from step to step: a run that is resumed goes on with them.
impl Persist for Buffers {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        for (name, var) in &self.0 {
            // Of the dtypes of buffers, states know f64, which holds the numbers of all of them.
            let mut held = CowTensor::new(host::in_f64(&var.as_detached_tensor().to_device(&Device::Cpu)?)?.copy()?);
            fields.field(name, &mut held)?;
            var.set(&held.to_dtype(var.dtype())?.to_device(var.device())?)?;
        }
        Ok(())
    }
}
