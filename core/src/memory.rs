//! How much memory there is, before it is asked for: what does not fit is refused, where the system would end the program.

use std::fs;

use sysinfo::{MemoryRefreshKind, RefreshKind, System};

use crate::{Error, Result};

/// What always fits, bytes: below it the system is not asked.
const LITTLE: u64 = 100_000_000;

/// # Errors
/// [`Error::Memory`] when `bytes` are more than are free; `what` needs them, for so many parameters.
pub(crate) fn check(what: impl FnOnce() -> String, parameters: usize, bytes: f64) -> Result<()> {
    let needed = bytes as u64; // of what is larger than that, nobody wants to know how much
    if needed <= LITTLE {
        return Ok(());
    }
    let available = available();
    if needed <= available { Ok(()) } else { Err(Error::Memory { who: what(), parameters, needed, available }) }
}

/// Bytes that are free, for this process too where it is confined.
fn available() -> u64 {
    let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(memory);
    // What files are cached in is given back.
    let confined = system.cgroup_limits().map_or(u64::MAX, |limits| limits.total_memory.saturating_sub(limits.rss));
    system.available_memory().min(confined).min(addresses().unwrap_or(u64::MAX))
}

/// Bytes that may still be addressed (`ulimit -v`), where the system says so.
fn addresses() -> Option<u64> {
    let number = |text: String, field: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(field).map(str::to_owned))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let limit = number(fs::read_to_string("/proc/self/limits").ok()?, "Max address space")?;
    let used = number(fs::read_to_string("/proc/self/status").ok()?, "VmSize:")?;
    Some(limit.saturating_sub(used.saturating_mul(1024)))
}
