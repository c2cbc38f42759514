//! What tells one batch from another: a digest of what it is described by, so that a replay that asks for something else is found out.

use candle_core::Tensor;

use crate::{Result, durable::seal::Check, objective::Batch, rng::Element, space::is_here, tensor::host, with_scalar};

/// The digest of a batch.
pub(super) fn of(batch: &Batch) -> Result<u64> {
    let mut check = Check::new(0);
    add(batch, &mut check)?;
    Ok(check.word())
}

fn add(batch: &Batch, check: &mut Check) -> Result<()> {
    match batch {
        Batch::Dense(points) => tensor(points, check),
        // The noise is a setting, and shows in the next centre.
        Batch::Seeded { centre, probes, .. } => {
            for probe in probes.iter() {
                for word in [probe.seed.key().to_bits(), probe.seed.family().to_bits(), probe.seed.number()] {
                    check.add(&word.to_le_bytes());
                }
                check.add(&probe.scale.to_bits().to_le_bytes());
                check.add(&probe.draw.to_le_bytes());
            }
            tensor(centre, check)
        }
        Batch::Joined(parts) => parts.iter().try_for_each(|part| add(part, check)),
        Batch::Part { of, range } => {
            check.add(&(range.start as u64).to_le_bytes());
            check.add(&(range.end as u64).to_le_bytes());
            add(of, check)
        }
    }
}

/// Numbers a block.
const BLOCK: usize = 1024;

fn tensor(tensor: &Tensor, check: &mut Check) -> Result<()> {
    // Where the model is has no numbers of its own.
    if is_here(tensor) {
        return Ok(());
    }
    with_scalar!(tensor.dtype(), T => host::read::<T, _>(&tensor.contiguous()?, |values| numbers(values, check)))
}

fn numbers<T: Element>(values: &[T], check: &mut Check) {
    let mut bytes = Vec::with_capacity(BLOCK * 8);
    for block in values.chunks(BLOCK) {
        bytes.clear();
        bytes.extend(block.iter().flat_map(|x| x.to_f64().to_bits().to_le_bytes()));
        check.add(&bytes);
    }
}
