//! The network.

use candle_core::Tensor;
use candle_nn::{Init, VarBuilder};
use moths::nn::{Activations, Embedding, LayerNorm, Linear, Module, linear, self_attention};

use super::super::training::{Architecture, Network};
use crate::Result;

/// Characters of a window.
pub(super) const CONTEXT: usize = 32;
/// Values of a character.
const WIDTH: usize = 32;
/// Values between the two layers of a block.
const WIDE: usize = 4 * WIDTH;
/// Blocks.
const BLOCKS: usize = 2;
/// Heads that share the width of a block.
const HEADS: usize = 4;
/// What is added to a variance.
const EPSILON: f64 = 1e-5;

/// Embeddings of characters and places, two blocks of causal attention (four heads) and two layers with ReLU, each after a normalisation
/// and around a shortcut; a last normalisation and layer. With 39 characters 2,272 + 2 · 12,704 + 64 + 1,287 = 29,031 parameters.
///
/// Source: Vaswani et al. 2017, arXiv:1706.03762, with the normalisations where Radford et al. 2019 have them ("Language models are
/// unsupervised multitask learners").
pub(super) struct Transformer {
    /// Different characters.
    pub(super) alphabet: usize,
}

impl Architecture for Transformer {
    /// `characters`, `places`, `block0`, .., `norm`, `output`.
    fn build(&self, vb: VarBuilder<'_>) -> candle_core::Result<Network> {
        let table = |name, rows| vb.pp(name).get_with_hints((rows, WIDTH), "weight", Init::Randn { mean: 0.0, stdev: 0.1 });
        let (characters, places) = (Embedding::new(table("characters", self.alphabet)?, WIDTH), table("places", CONTEXT)?);
        let blocks = (0..BLOCKS).map(|i| Block::build(vb.pp(format!("block{i}"))));
        Ok(Box::new(Layers {
            characters,
            places,
            blocks: blocks.collect::<candle_core::Result<_>>()?,
            norm: norm(vb.pp("norm"))?,
            // Small, so that at first no character seems likelier than another.
            output: Linear::new(
                table("output", self.alphabet)?,
                Some(vb.pp("output").get_with_hints(self.alphabet, "bias", Init::Const(0.0))?),
            ),
        }))
    }
}

/// Characters \[context\] to logits \[context, alphabet\].
struct Layers {
    characters: Embedding,
    places: Tensor,
    blocks: Vec<Block>,
    norm: LayerNorm,
    output: Linear,
}

impl Module for Layers {
    fn forward(&self, characters: &Activations) -> Result<Activations> {
        let x = self.characters.forward(characters)?.add_parameter(&self.places)?;
        let x = self.blocks.iter().try_fold(x, |x, block| block.forward(&x))?;
        self.output.forward(&self.norm.forward(&x)?)
    }
}

struct Block {
    before_attention: LayerNorm,
    query_key_value: Linear,
    projection: Linear,
    before_layers: LayerNorm,
    first: Linear,
    second: Linear,
}

/// With `gain` and `shift`.
fn norm(vb: VarBuilder<'_>) -> candle_core::Result<LayerNorm> {
    let vector = |name, value| vb.get_with_hints(WIDTH, name, Init::Const(value));
    Ok(LayerNorm::new(vector("gain", 1.0)?, vector("shift", 0.0)?, EPSILON))
}

impl Block {
    fn build(vb: VarBuilder<'_>) -> candle_core::Result<Self> {
        Ok(Self {
            before_attention: norm(vb.pp("before_attention"))?,
            query_key_value: linear(WIDTH, 3 * WIDTH, vb.pp("query_key_value"))?,
            projection: linear(WIDTH, WIDTH, vb.pp("projection"))?,
            before_layers: norm(vb.pp("before_layers"))?,
            first: linear(WIDTH, WIDE, vb.pp("first"))?,
            second: linear(WIDE, WIDTH, vb.pp("second"))?,
        })
    }
}

impl Module for Block {
    /// \[context, width\] to the same shape.
    fn forward(&self, x: &Activations) -> Result<Activations> {
        let attended = self_attention(&self.query_key_value.forward(&self.before_attention.forward(x)?)?, HEADS, true)?;
        let x = self.projection.forward(&attended)?.add(x)?;
        let wide = self.first.forward(&self.before_layers.forward(&x)?)?.relu()?;
        self.second.forward(&wide)?.add(&x)
    }
}
