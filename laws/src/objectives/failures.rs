//! Who fails, fails alone.

use super::{
    super::{Law, broken::Verdict},
    Judged, batch, bits,
};
use moths_core::{Batch, CowTensor};

pub(super) const LAW: Law<Judged> = Law {
    name: "failures",
    statement: "candidates that are far outside or no numbers, whatever becomes of them, change no loss of others, in their batch or after it",
    holds,
};

fn holds(judged: &Judged) -> Verdict {
    for far in [f64::NAN, f64::INFINITY, 1e30] {
        let mut objective = judged.make()?;
        let sound = batch(&*objective)?;
        let expected = bits(&judged.make()?.evaluate(&sound)?);
        let start = objective.space().start();
        let outlier = Batch::one(&CowTensor::new((start.zeros_like()? + far)?))?;
        let mixed = Batch::Joined([outlier.clone(), sound.clone(), outlier].into());
        // It may also refuse the whole.
        if let Ok(losses) = objective.evaluate(&mixed) {
            let within = bits(&losses[1..=sound.len()]);
            ensure!(within == expected, "beside a candidate of {far} everywhere, other candidates have other losses");
        }
        let after = bits(&objective.evaluate(&sound)?);
        ensure!(after == expected, "after a candidate of {far} everywhere, other candidates have other losses");
    }
    Ok(())
}
