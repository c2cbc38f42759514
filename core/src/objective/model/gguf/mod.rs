//! Quantised models in GGUF files: trained from losses alone, file in, file out.
//!
//! A model of one to eight bits a weight is mostly fine-tuned by training something beside it, since a gradient step of its own
//! numbers is smaller than they can show. Losses need no gradient: here its own numbers move, the scales of its blocks or its
//! integer codes, and what comes out is the same file with other numbers in it, for whatever reads GGUF.
//!
//! ```
//! use candle_core::{Device, Module, Tensor, quantized::{GgmlDType, QMatMul, QTensor, gguf_file}};
//! use moths_core::{Batch, Key, Objective, Sampler, objective::{Advance, Home, Probe}};
//! use moths_core::objective::model::gguf::{GgufModel, GgufOptions, GgufReader};
//!
//! # let folder = tempfile::tempdir().unwrap().keep();
//! # let (base, work, tuned) = (folder.join("base.gguf"), folder.join("work.gguf"), folder.join("tuned.gguf"));
//! # let weights = (Tensor::arange(0f32, 8192.0, &Device::Cpu)?.cos()? * 0.1)?.reshape((32, 256))?;
//! # let quantised = QTensor::quantize(&weights, GgmlDType::Q4K)?;
//! # gguf_file::write(&mut std::fs::File::create(&base).unwrap(), &[], &[("out.weight", &quantised)])?;
//! // Of candle-transformers: `let content = Content::read(reader)?; ModelWeights::from_gguf(content, reader, &Device::Cpu)`.
//! let load = |reader: &mut GgufReader<'_>| {
//!     let content = gguf_file::Content::read(reader)?;
//!     QMatMul::from_qtensor(content.tensor(reader, "out.weight", &Device::Cpu)?)
//! };
//! let x = Tensor::arange(0f32, 1024.0, &Device::Cpu)?.sin()?.reshape((4, 256))?;
//! let loss = move |model: &mut QMatMul, _| (model.forward(&x)? - 1.0)?.sqr()?.mean_all();
//! let mut model = GgufModel::open(&base, &work, GgufOptions::scales(), load, loss)?;
//!
//! // What an optimizer does, `qzo` or `mezo`: it is built over `model.space()`, and steps on the model.
//! let (here, noise) = (model.space().start(), Sampler::Normal.over(model.space()));
//! # let first = model.evaluate(&Batch::one(&here)?)?[0];
//! for key in (0..100).map(Key::new) {
//!     let losses = model.evaluate(&Batch::seeded(&here, noise.clone(), [Probe::new(key, 0.05), Probe::new(key, -0.05)]))?;
//!     model.advance(&Advance::new(&noise, &[(key.into(), (losses[0] - losses[1]) / 0.1)], 0.002))?;
//! }
//! let losses = model.evaluate(&Batch::one(&here)?)?;
//! model.save(&tuned)?;
//! let mut file = std::fs::File::open(&tuned).unwrap();
//! let stock = gguf_file::Content::read(&mut file)?.tensor(&mut file, "out.weight", &Device::Cpu)?;
//! # let x = Tensor::arange(0f32, 1024.0, &Device::Cpu)?.sin()?.reshape((4, 256))?;
//! # let loss = (QMatMul::from_qtensor(stock)?.forward(&x)? - 1.0)?.sqr()?.mean_all()?.to_scalar::<f32>()?;
//! # assert!(losses[0] == f64::from(loss) && losses[0] < 0.5 * first, "{first} {losses:?}");
//! # Ok::<(), moths_core::Error>(())
//! ```
//!
//! **Two kinds of coordinates.** [`GgufOptions::scales`], one a block of 32 or 256 weights, for the noise z of a candidate:
//!
//! ```text
//! d → f16(d (1 + scale z))                                       both factors of a block where it has two
//! d ← f16((1 − anchor)(1 − shrink) d + anchor d₀ − s d)          s = rate Σ_k weight_k z_k; up or down by chance
//! ```
//!
//! Rounded to the nearest, steps of less than 1/4096 of a factor would never be made; rounded by chance they are in the mean.
//! Candidates are rounded to the nearest, so that a scale below 1e-3 hardly shows. [`GgufOptions::codes`], one a weight:
//!
//! ```text
//! q → q + round(scale z)                                         up or down by chance; a code that would leave its range stays
//! u = 0.9 r − s − anchor (q − q₀),  D = round(u),  r ← u − D,  q ← q + D
//! ```
//!
//! with D = 0 where q + D is no code, and r kept within ±1.5. r is not held: it is made again from the last K steps
//! ([`GgufOptions::replay`]). Mirrored candidates are mirrored code by code. The chance is a function of the step, so that equal
//! seeds give equal bytes.
//!
//! Sources: QZO, arXiv:2505.13430; QES, arXiv:2602.03120. Differs from them: factors move in proportion to themselves and are
//! written back as f16s, where QZO holds them as f32s; codes follow the noise z itself where QES takes the moves it was rounded
//! to, which are it in the mean; a residual is made again with the codes of now.
//!
//! **Memory.** No bytes of the file are held. Each candidate is read from the working copy through a [`GgufReader`], which
//! changes blocks on the way into the model; the model before it has been dropped by then. So a search takes what loading the
//! model once takes. A step reads the trained tensors once, and writes what changes twice: beside the copy, and into it.
//!
//! **On the disk.** The base is only read. The working copy is made at first, and is a GGUF file of the same size, offsets and
//! metadata, whenever no step is being made. Beside it stand a log of the steps, some tens of bytes for each seed, and within a
//! step a list of the bytes that change. A run that is killed goes on to the same bits: what was broken off is undone when the
//! copy is opened, and a model that is restored from a checkpoint of an earlier step is made again from the base and the log.
//! Later steps stay in the log until another is made; opened before that, the copy is what the log ends with. A step that fails, as on
//! a full disk, is undone before the model is used again. Going back takes room for a second copy.
//! Base and log give the copy again, should it be lost.
//!
//! **What it takes.** Space [in place](crate::Space::in_place): optimizers that promise it, and candidates that are seeds around
//! "here". Noise that follows from seeds: no smoothed samplers. The CPU's or any other device, as `load` says.
//!
//! **What else there is.** Weights that are floats are trained in place by an [`InPlaceModel`](super::InPlaceModel). A quantised
//! base that stays as it is under adapters in f32 is an ordinary [`FlatModel`](super::FlatModel), which searches what its builder
//! gives out:
//!
//! ```
//! use candle_core::{Device, Module, Tensor, quantized::{GgmlDType, QMatMul, QTensor}};
//! use candle_nn::{Init, VarBuilder};
//! use moths_core::{FlatModel, Objective};
//!
//! // From a file: `content.tensor(&mut file, "blk.0.ffn_down.weight", &Device::Cpu)?`.
//! let weights = (Tensor::arange(0f32, 2048.0, &Device::Cpu)?.cos()? * 0.1)?.reshape((8, 256))?;
//! let frozen = std::sync::Arc::new(QTensor::quantize(&weights, GgmlDType::Q4K)?);
//! let build = move |vb: VarBuilder<'_>| {
//!     let a = vb.get_with_hints((2, 256), "a", Init::Randn { mean: 0.0, stdev: 0.05 })?;
//!     let b = vb.get_with_hints((8, 2), "b", Init::Const(0.0))?;
//!     Ok((QMatMul::from_arc(frozen.clone())?, a, b)) // W x + B A x
//! };
//! let x = Tensor::arange(0f32, 1024.0, &Device::Cpu)?.sin()?.reshape((4, 256))?;
//! let loss = move |(w, a, b): &mut (QMatMul, Tensor, Tensor), _| {
//!     let adapted = (w.forward(&x)? + x.matmul(&a.t()?)?.matmul(&b.t()?)?)?;
//!     (adapted - 1.0)?.sqr()?.mean_all()
//! };
//! let model = FlatModel::new(build, loss)?;
//! assert_eq!(model.space().dim(), 2 * 256 + 8 * 2);
//! # Ok::<(), moths_core::Error>(())
//! ```
//!
//! | file | what it answers |
//! |---|---|
//! | `block` | where the numbers of a block lie, in ten types |
//! | `tensors` | which tensors are trained, and the space of their coordinates |
//! | `finite` | whether all its numbers are finite |
//! | `rounding` | numbers into f16s and integers, by chance |
//! | `change`, `reader` | what becomes of blocks in a candidate, on the way into a model |
//! | `step`, `motion`, `replay` | what becomes of blocks in a step, or in all of them |
//! | `copy`, `changes`, `log` | the working copy, and what stands beside it |
//! | `apply` | a log and a base: the tuned file |
//! | `options`, `model` | the objective |
//! | `opened` | bytes of a file that is held open |

mod apply;
mod block;
mod change;
mod changes;
mod copy;
mod finite;
mod log;
mod model;
mod motion;
mod opened;
mod options;
mod reader;
mod replay;
mod rounding;
mod step;
mod tensors;
#[cfg(test)]
mod tests;

pub use apply::apply;
pub use model::GgufModel;
pub use options::GgufOptions;
pub use reader::GgufReader;

use block::Block;

/// What of a quantised block is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trained {
    /// Its f16 factors, as one coordinate: one unit of the search doubles its weights.
    Scales,
    /// Its integer codes, one coordinate each: one unit of the search is one step of a code.
    Codes,
}

impl Trained {
    fn name(self) -> &'static str {
        match self {
            Self::Scales => "scales",
            Self::Codes => "codes",
        }
    }

    /// How many coordinates a block has.
    fn coordinates(self, block: &Block) -> usize {
        match self {
            Self::Scales => 1,
            Self::Codes => block.weights,
        }
    }
}
