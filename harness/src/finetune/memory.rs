//! The memory that this program has taken, where the system tells.

use std::fs;

/// The most bytes that were resident at once since [`forget`], or since the program began.
pub(super) fn peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

/// From now on [`peak`] is that of what comes. Where the system does not let it be forgotten, the peak is that of all.
pub(super) fn forget() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}
