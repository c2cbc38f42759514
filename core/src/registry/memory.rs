//! What an optimizer would need, before it is built: what does not fit is refused, where the system would end the program.

use sysinfo::{MemoryRefreshKind, RefreshKind, System};

use super::Entry;
use crate::{Error, Result, Space, Spec};

/// What always fits, bytes: below it the system is not asked.
const LITTLE: f64 = 1e8;

impl Entry {
    /// # Errors
    /// [`Error::Memory`] when state and candidates need more than there is. What else is wrong, building says.
    pub(super) fn fits(&self, spec: &Spec, space: &Space) -> Result<()> {
        let needed = self.bytes(spec, space).unwrap_or(0.0);
        if needed <= LITTLE {
            return Ok(());
        }
        let available = available();
        if needed <= available as f64 {
            return Ok(());
        }
        Err(Error::Memory { who: spec.to_string(), parameters: space.dim(), needed: needed as u64, available })
    }

    /// The state as it is declared, and a batch of candidates.
    fn bytes(&self, spec: &Spec, space: &Space) -> Result<f64> {
        let (can, d) = ((self.capabilities)(&spec.settings)?, space.dim() as f64);
        let whole = (self.whole)(&spec.settings)?;
        let size = self.meta.size.and_then(|size| whole.get(size)).and_then(serde_json::Value::as_u64);
        let candidates = match size {
            Some(size) => size,
            None => (self.cost)(&spec.settings, space, false)?.unwrap_or(1),
        };
        let rows = can.state_per_candidate + if can.seeds_only { 0.0 } else { 1.0 };
        let numbers = (can.state_per_parameter + rows * candidates as f64 + can.state_per_pair * d) * d;
        Ok(numbers * space.dtype().size_in_bytes() as f64)
    }
}

/// Bytes that are free, for this process too where it is confined.
fn available() -> u64 {
    let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(memory);
    let confined = system.cgroup_limits().map_or(u64::MAX, |limits| limits.free_memory);
    system.available_memory().min(confined)
}
