//! The network, in candle.

use candle_core::{D, DType, Tensor};
use candle_nn::{Embedding, Init, Linear, Module, VarBuilder, linear, ops};

use super::super::{
    lanes::{Attention, EPSILON},
    mlp::of_linear,
    task::Tensors,
};

/// Characters of a window.
pub(super) const CONTEXT: usize = 32;
/// Values of a character.
pub(super) const WIDTH: usize = 32;
/// Values between the two layers of a block.
pub(super) const WIDE: usize = 4 * WIDTH;
/// Blocks.
pub(super) const BLOCKS: usize = 2;
/// How the heads of a block share its width.
pub(super) const ATTENTION: Attention = Attention { places: CONTEXT, heads: 4, width: WIDTH };

/// Embeddings of characters and places, two blocks of causal attention (four heads) and two layers with ReLU, each after a normalisation
/// and around a shortcut; a last normalisation and layer. With 39 characters 2,272 + 2 · 12,704 + 64 + 1,287 = 29,031 parameters.
///
/// Source: Vaswani et al. 2017, arXiv:1706.03762, with the normalisations where Radford et al. 2019 have them ("Language models are
/// unsupervised multitask learners").
pub(in crate::problem::net) struct Transformer {
    characters: Embedding,
    places: Tensor,
    blocks: Vec<Block>,
    norm: Norm,
    output: Linear,
}

struct Block {
    before_attention: Norm,
    query_key_value: Linear,
    projection: Linear,
    before_layers: Norm,
    first: Linear,
    second: Linear,
}

/// Layer normalisation. candle's own layer has no gradient where it is fast.
struct Norm {
    gain: Tensor,
    shift: Tensor,
}

impl Norm {
    fn build(vb: VarBuilder<'_>) -> candle_core::Result<Self> {
        let vector = |name, value| vb.get_with_hints(WIDTH, name, Init::Const(value));
        Ok(Self { gain: vector("gain", 1.0)?, shift: vector("shift", 0.0)? })
    }

    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        ops::layer_norm_slow(x, &self.gain, &self.shift, EPSILON)
    }

    fn tensors(&self) -> [&Tensor; 2] {
        [&self.gain, &self.shift]
    }
}

impl Block {
    fn build(vb: VarBuilder<'_>) -> candle_core::Result<Self> {
        Ok(Self {
            before_attention: Norm::build(vb.pp("before_attention"))?,
            query_key_value: linear(WIDTH, 3 * WIDTH, vb.pp("query_key_value"))?,
            projection: linear(WIDTH, WIDTH, vb.pp("projection"))?,
            before_layers: Norm::build(vb.pp("before_layers"))?,
            first: linear(WIDTH, WIDE, vb.pp("first"))?,
            second: linear(WIDE, WIDTH, vb.pp("second"))?,
        })
    }

    /// \[n, context, width\] to the same shape.
    fn forward(&self, x: &Tensor, mask: &Tensor) -> candle_core::Result<Tensor> {
        let x = (x + self.projection.forward(&self.attend(&self.before_attention.forward(x)?, mask)?)?)?;
        let wide = self.first.forward(&self.before_layers.forward(&x)?)?.relu()?;
        &x + self.second.forward(&wide)?
    }

    fn attend(&self, x: &Tensor, mask: &Tensor) -> candle_core::Result<Tensor> {
        let (n, places, _) = x.dims3()?;
        let size = WIDTH / ATTENTION.heads;
        // [3, n, heads, places, size]
        let parts = self.query_key_value.forward(x)?.reshape((n, places, 3, ATTENTION.heads, size))?.permute((2, 0, 3, 1, 4))?;
        let part = |which: usize| parts.get(which)?.contiguous();
        let scores = (part(0)?.matmul(&part(1)?.t()?)? / (size as f64).sqrt())?.broadcast_add(mask)?;
        let attended = ops::softmax(&scores, D::Minus1)?.matmul(&part(2)?)?;
        attended.transpose(1, 2)?.reshape((n, places, WIDTH))
    }

    fn tensors(&self) -> impl Iterator<Item = &Tensor> {
        let attention = self.before_attention.tensors().into_iter().chain(of_linear(&self.query_key_value));
        let attention = attention.chain(of_linear(&self.projection));
        attention.chain(self.before_layers.tensors()).chain(of_linear(&self.first)).chain(of_linear(&self.second))
    }
}

impl Transformer {
    /// The network over these variables.
    pub(super) fn build(alphabet: usize, vb: VarBuilder<'_>) -> candle_core::Result<Self> {
        let table =
            |name, rows, columns| vb.pp(name).get_with_hints((rows, columns), "weight", Init::Randn { mean: 0.0, stdev: 0.1 });
        let blocks = (0..BLOCKS).map(|i| Block::build(vb.pp(format!("block{i}"))));
        Ok(Self {
            characters: Embedding::new(table("characters", alphabet, WIDTH)?, WIDTH),
            places: table("places", CONTEXT, WIDTH)?,
            blocks: blocks.collect::<candle_core::Result<_>>()?,
            norm: Norm::build(vb.pp("norm"))?,
            // Small, so that at first no character seems likelier than another.
            output: Linear::new(
                table("output", alphabet, WIDTH)?,
                Some(vb.pp("output").get_with_hints(alphabet, "bias", Init::Const(0.0))?),
            ),
        })
    }

    /// Characters \[n, context\] to logits \[n, context, alphabet\].
    pub(super) fn logits(&self, characters: &Tensor) -> candle_core::Result<Tensor> {
        let mask = causal()?.to_device(characters.device())?;
        let x = self.characters.forward(characters)?.broadcast_add(&self.places)?;
        let x = self.blocks.iter().try_fold(x, |x, block| block.forward(&x, &mask))?;
        self.output.forward(&self.norm.forward(&x)?)
    }
}

/// \[context, context\]: 0 where a place sees another, −∞ where it does not.
fn causal() -> candle_core::Result<Tensor> {
    let unseen = (0..CONTEXT * CONTEXT).map(|i| if i % CONTEXT > i / CONTEXT { f32::NEG_INFINITY } else { 0.0 });
    Tensor::from_iter(unseen, &candle_core::Device::Cpu)?.reshape((CONTEXT, CONTEXT))?.to_dtype(DType::F32)
}

impl Tensors for Transformer {
    fn tensors(&self) -> Vec<&Tensor> {
        let begin = [self.characters.embeddings(), &self.places];
        let end = self.norm.tensors().into_iter().chain(of_linear(&self.output));
        begin.into_iter().chain(self.blocks.iter().flat_map(Block::tensors)).chain(end).collect()
    }
}
