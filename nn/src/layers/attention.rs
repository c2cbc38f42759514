//! Attention between the places of an example.

use candle_core::{D, Tensor};
use candle_nn::ops;
use moths_core::{Error, Result};

use crate::{
    Activations,
    activations::{Inner, Side, mixed},
    lanes::{Attention, Buffer, Rows, attend},
};

/// out_i = Σ_j softmax_j(q_i · k_j / √(width / heads)) v_j in each of so many `heads`, which share the width: over all places j, or, where it is `causal`,
/// over j ≤ i.
///
/// q is \[places, width\]; k and v are \[other places, width\]; what comes out is as q. Source: Vaswani et al. 2017, "Attention is all you need",
/// arXiv:1706.03762.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use moths_nn::{Activations, attention};
///
/// let x = Activations::from(Tensor::new(&[[[0f32, 1.0], [1.0, 0.0]]], &Device::Cpu)?);
/// let seen = attention(&x, &x, &x, 1, true)?;
/// // The first place sees itself alone.
/// assert_eq!(seen.to_tensor()?.to_vec3::<f32>()?[0][0], [0.0, 1.0]);
/// # Ok::<(), moths_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] for other shapes, and of causal attention for other places; [`Error::Invalid`] for heads that do not divide the width.
pub fn attention(q: &Activations, k: &Activations, v: &Activations, heads: usize, causal: bool) -> Result<Activations> {
    let (&[asking, width], &[answering, _]) = (q.shape(), k.shape()) else {
        return Err(Error::shape("queries and keys", "[places, width]", format!("{:?} and {:?}", q.shape(), k.shape())));
    };
    for (name, shape) in [("keys", k.shape()), ("values", v.shape())] {
        let places = if causal { asking } else { answering };
        if shape != [places, width] {
            return Err(Error::shape(name, format!("{:?}", [places, width]), format!("{shape:?}")));
        }
    }
    let shape = shaped([asking, answering], heads, width, causal)?;
    match (&q.0, &k.0, &v.0) {
        (Inner::Tensor(q), Inner::Tensor(k), Inner::Tensor(v)) => Ok(by_candle(shape, [q, k, v])?.into()),
        (Inner::Side(q), Inner::Side(k), Inner::Side(v)) => Ok(on_lanes(shape, [(q, 0), (k, 0), (v, 0)]).into()),
        _ => Err(mixed()),
    }
}

/// [`attention`] of places to each other, whose queries, keys and values stand one after another: \[places, 3 width\] becomes \[places, width\].
///
/// They are the outputs of one layer, and are read where they stand.
///
/// ```
/// use moths_core::{Result, candle_nn::VarBuilder};
/// use moths_nn::{Activations, Linear, Module, linear, self_attention};
///
/// struct Attending(Linear, Linear);
///
/// impl Attending {
///     fn build(width: usize, vb: VarBuilder<'_>) -> candle_core::Result<Self> {
///         Ok(Self(linear(width, 3 * width, vb.pp("query_key_value"))?, linear(width, width, vb.pp("projection"))?))
///     }
/// }
///
/// impl Module for Attending {
///     fn forward(&self, x: &Activations) -> Result<Activations> {
///         self.1.forward(&self_attention(&self.0.forward(x)?, 4, true)?)
///     }
/// }
/// ```
///
/// # Errors
/// [`Error::Shape`] for another shape; [`Error::Invalid`] for heads that do not divide the width.
pub fn self_attention(qkv: &Activations, heads: usize, causal: bool) -> Result<Activations> {
    let (places, width) = match qkv.shape() {
        &[places, all] if all.is_multiple_of(3) => (places, all / 3),
        other => return Err(Error::shape("queries, keys and values", "[places, 3 width]", format!("{other:?}"))),
    };
    let shape = shaped([places; 2], heads, width, causal)?;
    match &qkv.0 {
        Inner::Tensor(all) => {
            let [q, k, v] = [0, 1, 2].map(|which| all.narrow(2, which * width, width));
            Ok(by_candle(shape, [&q?, &k?, &v?])?.into())
        }
        Inner::Side(all) => Ok(on_lanes(shape, [0, 1, 2].map(|which| (all, which * width))).into()),
    }
}

fn shaped(places: [usize; 2], heads: usize, width: usize, causal: bool) -> Result<Attention> {
    if width == 0 || places.contains(&0) {
        let got = format!("{} and {} places of {width} values", places[0], places[1]);
        return Err(Error::shape("queries and keys", "at least one place, and one value at it", got));
    }
    if heads == 0 || !width.is_multiple_of(heads) {
        return Err(Error::invalid("heads", heads, format!("at least 1, and a divisor of the width {width}")));
    }
    Ok(Attention { places, heads, width, causal })
}

fn by_candle(shape: Attention, all: [&Tensor; 3]) -> candle_core::Result<Tensor> {
    let Attention { places: [asking, answering], heads, width, causal } = shape;
    let size = width / heads;
    // [n, heads, places, size]
    let part = |x: &Tensor| x.reshape((x.dim(0)?, x.dim(1)?, heads, size))?.transpose(1, 2)?.contiguous();
    let [q, k, v] = all.map(part);
    let mut scores = (q?.matmul(&k?.t()?)? / (size as f64).sqrt())?;
    if causal {
        let hidden = |i: usize| if i % answering > i / answering { f32::NEG_INFINITY } else { 0.0 };
        let mask = Tensor::from_vec((0..asking * answering).map(hidden).collect(), (asking, answering), scores.device())?;
        scores = scores.broadcast_add(&mask.to_dtype(scores.dtype())?)?;
    }
    let attended = ops::softmax(&scores, D::Minus1)?.matmul(&v?)?;
    attended.transpose(1, 2)?.reshape((attended.dim(0)?, asking, width))
}

/// Of queries, keys and values, each from some value of a place on.
fn on_lanes(shape: Attention, all: [(&Side, usize); 3]) -> Side {
    let [(q, _), ..] = all;
    let each = all.iter().any(|(x, _)| x.is_of_each());
    let (members, len) = (if each { q.group().len() } else { 1 }, shape.places[0] * shape.width);
    let mut values = Buffer::new(members * q.blocks() * len);
    let mut scores = Buffer::new(shape.places[1]);
    for (i, out) in values.chunks_exact_mut(len).enumerate() {
        let (member, block) = (i / q.blocks(), i % q.blocks());
        let rows = all.map(|(x, from)| Rows {
            values: &x.of_member(member)[block * x.elements() + from..][..x.elements() - from],
            apart: x.shape()[1],
        });
        attend(shape, rows, &mut scores, out);
    }
    q.with(values, each, vec![shape.places[0], shape.width])
}
