//! Where tensors are: near, on the CPU, whose memory is slices; or elsewhere, on a card, from where their numbers are brought and
//! sent back.
//!
//! What has no kernel of its own on a card is computed here, on copies: slower, and with the same bits.

use std::{cell::Cell, env, sync::OnceLock};

use candle_core::{Device, Tensor};

use crate::Result;

/// Are the numbers of a tensor slices of this memory?
///
/// With `MOTHS_ELSEWHERE` in the environment none are, so that the paths of cards can be walked without one: every law must hold
/// on them, to the bit.
pub(crate) fn is_near(tensor: &Tensor) -> bool {
    static PRETENDED: OnceLock<bool> = OnceLock::new();
    let pretended = || HERE.get() || *PRETENDED.get_or_init(|| env::var_os("MOTHS_ELSEWHERE").is_some());
    tensor.device().is_cpu() && !pretended()
}

thread_local! {
    static BROUGHT: Cell<u64> = const { Cell::new(0) };
    static HERE: Cell<bool> = const { Cell::new(false) };
}

/// How many numbers this thread has brought so far.
pub(crate) fn brought_so_far() -> u64 {
    BROUGHT.get()
}

/// The same as `MOTHS_ELSEWHERE` on this thread alone, or no longer.
pub(crate) fn pretend(elsewhere: bool) {
    HERE.set(elsewhere);
}

/// The numbers of a tensor on the CPU, contiguous, and nobody else's.
pub(crate) fn brought(tensor: &Tensor) -> Result<Tensor> {
    BROUGHT.set(BROUGHT.get() + tensor.elem_count() as u64);
    match tensor.device() {
        Device::Cpu => Ok(tensor.copy()?),
        _ => Ok(tensor.contiguous()?.to_device(&Device::Cpu)?),
    }
}
