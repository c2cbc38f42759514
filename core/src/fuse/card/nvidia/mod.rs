//! Cards by CUDA.
//!
//! | file | what it answers |
//! |---|---|
//! | `program` | a text compiled by NVRTC, once for every kind of card, and loaded, once for every card |
//! | `pointers` | where tensors are on their card, while nobody else writes them |

mod pointers;
mod program;

use std::fmt;

use candle_core::cuda_backend::{
    CudaDevice,
    cudarc::driver::{CudaFunction, CudaSlice, CudaStream, LaunchConfig, PushKernelArg},
};

use self::pointers::with_pointers;
use super::{Card, Launch, Value};
use crate::{Error, Result};

/// Threads of a block: a multiple of a warp.
const THREADS: u64 = 256;
/// Blocks of a grid, at most: several for each processor of any card. What is left over is done in turns.
const BLOCKS: u64 = 8192;

/// A card as candle has it.
pub(super) struct Nvidia(CudaDevice);

impl Nvidia {
    pub(super) fn new(device: CudaDevice) -> Self {
        Self(device)
    }
}

impl fmt::Debug for Nvidia {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// An argument as the kernel is given it.
enum Argument {
    Pointer(u64),
    Number(f64),
    /// Brought to the card for this launch.
    Words(CudaSlice<u64>),
    Numbers(CudaSlice<f64>),
}

impl Card for Nvidia {
    fn takes(&self, launch: &Launch<'_>) -> Result<bool> {
        program::function(&self.0, &launch.program).map(|_| true)
    }

    fn launch(&self, launch: &Launch<'_>) -> Result<()> {
        let function = program::function(&self.0, &launch.program)?;
        with_pointers(&self.0, launch.values, &mut |pointers| {
            let arguments = self.arguments(launch.values, pointers)?;
            start(&self.0, &function, launch.threads, &arguments)
        })
        .map_err(|why| failed(launch, why))
    }
}

impl Nvidia {
    fn arguments(&self, values: &[Value<'_>], pointers: &[u64]) -> candle_core::Result<Vec<Argument>> {
        let argument = |(value, pointer): (&Value<'_>, &u64)| {
            Ok(match *value {
                Value::Word(word) => Argument::Pointer(word),
                Value::Number(number) => Argument::Number(number),
                // Nothing is brought of an empty list, and nothing is read of it.
                Value::Words([]) | Value::Numbers([]) | Value::Nothing => Argument::Pointer(0),
                Value::Words(words) => Argument::Words(self.0.clone_htod(words)?),
                Value::Numbers(numbers) => Argument::Numbers(self.0.clone_htod(numbers)?),
                Value::Read(_) | Value::Written(_) => Argument::Pointer(*pointer),
            })
        };
        values.iter().zip(pointers).map(argument).collect()
    }
}

/// Puts the kernel behind what the card has still to do.
#[allow(unsafe_code)]
fn start(device: &CudaDevice, function: &CudaFunction, threads: u64, arguments: &[Argument]) -> candle_core::Result<()> {
    let blocks = threads.div_ceil(THREADS).clamp(1, BLOCKS) as u32;
    let shape = LaunchConfig { grid_dim: (blocks, 1, 1), block_dim: (THREADS as u32, 1, 1), shared_mem_bytes: 0 };
    let stream = device.cuda_stream();
    let mut launch = stream.launch_builder(function);
    for argument in arguments {
        match argument {
            Argument::Pointer(bits) => launch.arg(bits),
            Argument::Number(number) => launch.arg(number),
            Argument::Words(words) => launch.arg(words),
            Argument::Numbers(numbers) => launch.arg(numbers),
        };
    }
    // SAFETY: the arguments are as many as the kernel has, and of its types: `Program` and `Value`s are made together, from one
    // list of parameters, in `Call` (of which only `kernel!` makes formulas) and `lanes`, and every such pair is run against the CPU in tests/cuda. Pointers are those of
    // tensors of this device that this call holds locked, with as many elements as the kernel is told of; it touches no others. It is put
    // behind all earlier work of this thread; work of others is waited for by the events of the pointers where the device has a
    // stream of its own, and where it has one for every thread, nobody gets at the tensors before the kernel has run.
    unsafe { launch.launch(shape) }.map_err(candle_core::Error::wrap)?;
    if is_of_thread(&stream) {
        stream.synchronize().map_err(candle_core::Error::wrap)?;
    }
    Ok(())
}

/// Is it another stream on every thread? That is what `Device::new_cuda` takes; `Device::new_cuda_with_stream` takes one for all.
fn is_of_thread(stream: &CudaStream) -> bool {
    /// What CUDA calls `CU_STREAM_PER_THREAD`.
    const PER_THREAD: usize = 2;
    stream.cu_stream().addr() == PER_THREAD
}

fn failed(launch: &Launch<'_>, why: candle_core::Error) -> Error {
    Error::Kernel { name: launch.program.symbol(), why: why.to_string(), text: String::new() }
}
