//! BERT of plain operations: the same numbers as candle's own up to rounding, with a gradient, and in halves too.
//!
//! ```text
//! x = norm(word[ids] + position[0..t] + kind[0])
//! a = norm(x + W_o softmax(q k' / √(h/heads) + m) v)         q, k, v = W_q x, W_k x, W_v x, head by head; m: −10⁴ where there is no token
//! x ← norm(a + W_2 act(W_1 a))                               layer by layer
//! ```
//!
//! x, a: \[n, t, h\]. Source: Devlin et al. 2018, arXiv:1810.04805.

use candle_core::{D, DType, Result, Tensor};
use candle_nn::{Embedding, LayerNorm, Linear, Module, VarBuilder, embedding, layer_norm, linear, ops::softmax};
use candle_transformers::models::bert::{Config, HiddenAct};

/// The attention to what is no token, before the softmax. Halves hold it.
const NOTHING: f64 = -1e4;

/// The first layers of a BERT, and what is below them.
pub(super) struct Plain {
    words: Embedding,
    positions: Embedding,
    kinds: Embedding,
    norm: LayerNorm,
    layers: Layers,
}

/// Some layers, one above the other.
pub(super) struct Layers(Vec<Layer>);

struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
    norm: LayerNorm,
    up: Linear,
    down: Linear,
    last: LayerNorm,
    heads: usize,
    act: HiddenAct,
}

impl Plain {
    pub(super) fn load(vb: VarBuilder<'_>, config: &Config) -> Result<Self> {
        let (h, of) = (config.hidden_size, vb.pp("embeddings"));
        Ok(Self {
            words: embedding(config.vocab_size, h, of.pp("word_embeddings"))?,
            positions: embedding(config.max_position_embeddings, h, of.pp("position_embeddings"))?,
            kinds: embedding(config.type_vocab_size, h, of.pp("token_type_embeddings"))?,
            norm: layer_norm(h, config.layer_norm_eps, of.pp("LayerNorm"))?,
            layers: Layers::load(vb.pp("encoder"), config)?,
        })
    }

    /// The hidden state of every token, \[n, t, h\].
    pub(super) fn forward(&self, ids: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let places = Tensor::arange(0, ids.dim(1)? as u32, ids.device())?;
        let words = (self.words.forward(ids)? + self.kinds.forward(&ids.zeros_like()?)?)?;
        let x = normed(&words.broadcast_add(&self.positions.forward(&places)?)?, &self.norm)?;
        self.layers.forward(&x, mask)
    }
}

impl Layers {
    pub(super) fn load(vb: VarBuilder<'_>, config: &Config) -> Result<Self> {
        (0..config.num_hidden_layers).map(|i| Layer::load(vb.pp(format!("layer.{i}")), config)).collect::<Result<_>>().map(Self)
    }

    /// The hidden states above those below, \[n, t, h\]; mask: \[n, t\].
    pub(super) fn forward(&self, x: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let mask = mask.affine(-NOTHING, NOTHING)?.to_dtype(x.dtype())?.unsqueeze(1)?.unsqueeze(1)?;
        self.0.iter().try_fold(x.clone(), |x, layer| layer.forward(&x, &mask))
    }
}

impl Layer {
    fn load(vb: VarBuilder<'_>, config: &Config) -> Result<Self> {
        let (h, inner, eps) = (config.hidden_size, config.intermediate_size, config.layer_norm_eps);
        let (attention, after, up, down) =
            (vb.pp("attention.self"), vb.pp("attention.output"), vb.pp("intermediate"), vb.pp("output"));
        // In the order of candle's own: the coordinates of the search are then the same.
        Ok(Self {
            query: linear(h, h, attention.pp("query"))?,
            value: linear(h, h, attention.pp("value"))?,
            key: linear(h, h, attention.pp("key"))?,
            out: linear(h, h, after.pp("dense"))?,
            norm: layer_norm(h, eps, after.pp("LayerNorm"))?,
            up: linear(h, inner, up.pp("dense"))?,
            down: linear(inner, h, down.pp("dense"))?,
            last: layer_norm(h, eps, down.pp("LayerNorm"))?,
            heads: config.num_attention_heads,
            act: config.hidden_act,
        })
    }

    fn forward(&self, x: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let (n, t, h) = x.dims3()?;
        let split = |x: Tensor| x.reshape((n, t, self.heads, h / self.heads))?.transpose(1, 2)?.contiguous();
        let [q, k, v] = [&self.query, &self.key, &self.value].map(|linear| linear.forward(x).and_then(split));
        let scores = (q?.matmul(&k?.t()?)? / ((h / self.heads) as f64).sqrt())?.broadcast_add(mask)?;
        let seen = softmax(&scores, D::Minus1)?.matmul(&v?)?.transpose(1, 2)?.reshape((n, t, h))?;
        let a = normed(&(x + self.out.forward(&seen)?)?, &self.norm)?;
        let inner = self.up.forward(&a)?;
        let inner = match self.act {
            HiddenAct::Gelu => inner.gelu_erf(),
            HiddenAct::GeluApproximate => inner.gelu(),
            HiddenAct::Relu => inner.relu(),
        }?;
        normed(&(&a + self.down.forward(&inner)?)?, &self.last)
    }
}

/// candle's norm has no gradient where it is fused.
fn normed(x: &Tensor, norm: &LayerNorm) -> Result<Tensor> {
    let wide = x.to_dtype(DType::F32)?;
    let wide = wide.broadcast_sub(&wide.mean_keepdim(D::Minus1)?)?;
    let deviation = (wide.sqr()?.mean_keepdim(D::Minus1)? + norm.eps())?.sqrt()?;
    let x = wide.broadcast_div(&deviation)?.to_dtype(x.dtype())?.broadcast_mul(norm.weight())?;
    norm.bias().map_or_else(|| Ok(x.clone()), |bias| x.broadcast_add(bias))
}
