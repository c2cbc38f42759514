//! What an optimizer would need, before it is built.

use super::Entry;
use crate::{
    Result, memory,
    optimizer::{Size, Spec},
    space::Space,
};

impl Entry {
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) when state and candidates need more than there is. What else is wrong, building says.
    pub(super) fn fits(&self, spec: &Spec, space: &Space) -> Result<()> {
        memory::check(|| spec.to_string(), space.dim(), self.bytes(spec, space).unwrap_or(0.0))
    }

    /// The state as it is declared, and a batch of candidates.
    fn bytes(&self, spec: &Spec, space: &Space) -> Result<f64> {
        let (can, d) = ((self.capabilities)(&spec.settings)?, space.dim() as f64);
        let whole = (self.whole)(&spec.settings)?;
        // Of a curve, the most that it comes to.
        let most =
            |size: &serde_json::Value| serde_json::from_value::<Size>(size.clone()).ok().map(|size| *size.range().end() as u64);
        let size = self.meta.size.and_then(|size| whole.get(size)).and_then(most);
        let candidates = match size {
            Some(size) => size,
            None => (self.cost)(&spec.settings, space, false)?.unwrap_or(1),
        };
        let rows = can.state_per_candidate + if can.seeds_only { 0.0 } else { 1.0 };
        if space.is_in_place() {
            let beside = (can.state_per_parameter - 1.0).max(0.0) * d;
            return Ok((beside + can.state_fixed) * space.dtype().size_in_bytes() as f64);
        }
        let numbers = (can.state_per_parameter + rows * candidates as f64 + can.state_per_pair * d) * d + can.state_fixed;
        Ok(numbers * space.dtype().size_in_bytes() as f64)
    }
}
