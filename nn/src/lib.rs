//! Networks that evaluate many candidates in one forward.
//!
//! The layers are candle-nn's, by name, by what they ask a `VarBuilder` for, and by what they compute; what goes from layer to layer are
//! [`Activations`]. A network that is written on them is an ordinary candle module for one set of weights ([`Plain`]), and a
//! [`PopulationModel`] evaluates all candidates of a batch with it: no candidate is loaded, and of this crate's own layers no tensor is made; memory of
//! values is used again.
//!
//! ```
//! use candle_core::{Device, Tensor};
//! use moths_core::{Batch, Key, Objective, Sampler, candle_nn::VarBuilder, objective::{OutputLoss, Probe}};
//! use moths_nn::{PopulationModel, Sequential, linear, seq};
//!
//! fn network(vb: VarBuilder<'_>) -> candle_core::Result<Sequential> {
//!     Ok(seq().add(linear(2, 8, vb.pp("hidden"))?).add_fn(|x| x.tanh()).add(linear(8, 2, vb.pp("output"))?))
//! }
//!
//! let x = Tensor::new(&[[0f32, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], &Device::Cpu)?;
//! let classes = Tensor::new(&[0u32, 1, 1, 0], &Device::Cpu)?;
//! let data = move |_: Key| Ok((x.clone(), classes.clone()));
//! let mut objective = PopulationModel::new(network, data, OutputLoss::CrossEntropy)?;
//!
//! let probes: Vec<Probe> = (0..64).map(|i| Probe::new(Key::new(i), 0.1)).collect();
//! let batch = Batch::seeded(&objective.space().start(), Sampler::LowRank { rank: 1 }.over(objective.space()), probes);
//! assert_eq!(objective.evaluate(&batch)?.len(), 64);
//! # Ok::<(), moths_core::Error>(())
//! ```
//!
//! # What there is
//!
//! | | |
//! |---|---|
//! | layers | [`linear`], [`embedding`], [`conv1d`], [`conv2d`], [`layer_norm`], [`rms_norm`], [`group_norm`], and [`seq`] of them |
//! | between places | [`attention`], [`self_attention`] |
//! | functions of values | [`relu`](Activations::relu), [`tanh`](Activations::tanh), [`softmax`](Activations::softmax), ..; candle-nn's `Activation` is a layer |
//! | of pairs | [`add`](Activations::add), [`mul`](Activations::mul), [`add_parameter`](Activations::add_parameter), .. |
//! | shapes and parts | [`reshape`](Activations::reshape), [`transpose`](Activations::transpose), [`narrow`](Activations::narrow), [`get`](Activations::get), [`cat`](Activations::cat) |
//! | one value of several | [`mean`](Activations::mean), [`sum`](Activations::sum), [`max_pool2d`](Activations::max_pool2d), [`avg_pool2d`](Activations::avg_pool2d) |
//! | all else | [`through`](Activations::through) candle, or [`layer`](Activations::layer), over thirty-two examples side by side |
//!
//! # How candidates are computed
//!
//! Thirty-two examples stand side by side in every value, so that a weight is loaded once and multiplies whole vectors; candidates are shared among
//! threads. Small candidates are written out, one a thread at a time. Candidates of a large model that are seeds are drawn layer by
//! layer, and never stand anywhere as a whole; the two of an antithetic pair share what is drawn. Noise of low rank is applied to activations and
//! never to weights (Sarkar et al. 2025, arXiv:2511.16652):
//!
//! ```text
//! y = W x + s A (B x)
//! ```
//!
//! with W x computed once for all candidates whose x is the same (the data, in the first layer), and W read once for several otherwise.
//!
//! | file | what it answers |
//! |---|---|
//! | `activations` | what goes from layer to layer, and what may be done to it |
//! | `layers` | layers, and rows of them |
//! | `population` | an objective of a network |
//! | `candidates` | where the parameters of candidates come from |
//! | [`lanes`] | loops over thirty-two examples: for layers of your own |

#![forbid(unsafe_code)]

mod activations;
mod candidates;
pub mod lanes;
mod layers;
mod population;

pub use activations::Activations;
pub use layers::{
    Conv1d, Conv2d, Embedding, Func, GroupNorm, LayerNorm, Linear, Module, Plain, RmsNorm, Sequential, attention, conv1d,
    conv1d_no_bias, conv2d, conv2d_no_bias, embedding, func, group_norm, layer_norm, layer_norm_no_bias, linear, linear_no_bias,
    rms_norm, self_attention, seq,
};
pub use population::PopulationModel;
