//! What fails changes nothing.

use candle_core::{DType, Tensor};

use super::{
    super::{Law, broken::Verdict},
    Judged, batch, bits,
};
use moths_core::{Batch, CowTensor};

pub(super) const LAW: Law<Judged> = Law {
    name: "errors",
    statement: "candidates of another length or dtype are refused with an error, and it is then as it was",
    holds,
};

fn holds(judged: &Judged) -> Verdict {
    let mut objective = judged.make()?;
    let sound = batch(&*objective)?;
    let expected = bits(&objective.evaluate(&sound)?);
    let (d, dtype, device) = (objective.space().dim(), objective.space().dtype(), objective.space().device().clone());
    let other = if dtype == DType::F32 { DType::F64 } else { DType::F32 };
    let strangers =
        [("longer", Tensor::zeros((2, d + 1), dtype, &device)?), ("of another dtype", Tensor::zeros((2, d), other, &device)?)];
    for (name, points) in strangers {
        let stranger = Batch::Dense(CowTensor::new(points));
        let joined = Batch::Joined([sound.clone(), stranger.clone()].into());
        for (how, batch) in [("alone", stranger), ("behind others", joined)] {
            let refused = objective.evaluate(&batch);
            ensure!(refused.is_err(), "candidates that are {name}, {how}, have the losses {refused:?}");
            let after = bits(&objective.evaluate(&sound)?);
            ensure!(after == expected, "after candidates that are {name}, {how}, had been refused, losses are others");
        }
    }
    Ok(())
}
