//! Kernels and reductions against plain loops, bit for bit; calls that must fail, and change nothing.

mod functions;
mod kernels;
mod reductions;

use candle_core::{DType, Device, Tensor};

use crate::{Result, tensor::CowTensor};

fn bits(x: &Tensor) -> Result<Vec<u64>> {
    let x = x.flatten_all()?;
    Ok(match x.dtype() {
        DType::F32 => x.to_vec1::<f32>()?.into_iter().map(|x| x.to_bits() as u64).collect(),
        _ => x.to_vec1::<f64>()?.into_iter().map(f64::to_bits).collect(),
    })
}

fn cow(values: &[f32]) -> Result<CowTensor> {
    Ok(CowTensor::new(Tensor::new(values, &Device::Cpu)?))
}

fn on_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads").install(work)
}
