//! A network of lookup tables: every neuron is a Boolean function of a few bits, and its parameters are the table of that function.

use std::sync::Arc;

use candle_core::{DType, Tensor};
use candle_nn::VarBuilder;
use moths::{
    Key, ModelOptions,
    nn::{
        Activations, Module,
        lanes::{LANES, Lanes},
        seq,
    },
    space::Domain,
};

use super::{
    binary::COIN,
    examples::below,
    training::{Architecture, Network},
};
use crate::Result;

/// From here on a pixel is on.
const THRESHOLD: f64 = 0.5;
/// Which bits a neuron sees is drawn once for all.
const WIRING: u64 = 1;

/// A layer is y_o = T_o\[Σ_i 2^i x_{w(o, i)}\], with tables T \[neurons, 2^arity\] of bits and a wiring w that never changes; logits are the sums
/// of the last layer's neurons, one group a class, each ±1, over √group. Inputs are on or off. Sources: Bledsoe & Browning 1959,
/// doi:10.1145/1460299.1460326 (tables over tuples of pixels); Petersen et al. 2022, arXiv:2210.08277 (layers of them, sums of groups).
#[derive(Clone, Debug)]
pub(super) struct LookupNetwork {
    layers: Vec<Arc<Wiring>>,
    classes: usize,
}

/// What of a layer is no parameter.
#[derive(Debug)]
struct Wiring {
    neurons: usize,
    arity: usize,
    /// w, [neurons, arity].
    inputs: Vec<u32>,
}

impl LookupNetwork {
    /// Over so many inputs, with layers of (neurons, arity), of which the last has a multiple of `classes` neurons.
    pub(super) fn new(inputs: usize, layers: &[(usize, usize)], classes: usize) -> Self {
        let widths = std::iter::once(inputs).chain(layers.iter().map(|layer| layer.0));
        let layers = layers.iter().zip(widths).enumerate().map(|(l, (&(neurons, arity), before))| {
            let key = Key::new(WIRING).fold(l as u64);
            let wiring = (0..neurons).flat_map(|o| distinct(before, arity, key.fold(o as u64)));
            Arc::new(Wiring { neurons, arity, inputs: wiring.collect() })
        });
        Self { layers: layers.collect(), classes }
    }
}

/// So many different numbers below n.
fn distinct(n: usize, count: usize, key: Key) -> Vec<u32> {
    let mut drawn: Vec<u32> = Vec::with_capacity(count);
    let mut candidates = (0..).map(|i| below(n, key.fold(i)) as u32);
    while drawn.len() < count.min(n) {
        drawn.extend(candidates.next().filter(|candidate| !drawn.contains(candidate)));
    }
    drawn
}

/// Neurons and their tables T: `table`.
struct Layer {
    wiring: Arc<Wiring>,
    table: Tensor,
}

impl Layer {
    fn by_candle(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let (Wiring { neurons, arity, inputs }, examples, device) = (&*self.wiring, x.dim(0)?, x.device());
        let powers: Vec<f32> = (0..*arity).map(|i| (1u32 << i) as f32).collect();
        let seen = x.index_select(&Tensor::new(&**inputs, device)?, 1)?.reshape((examples, *neurons, *arity))?;
        let entry = seen.broadcast_mul(&Tensor::new(powers, device)?)?.sum(2)?;
        let first: Vec<f32> = (0..*neurons).map(|o| (o << arity) as f32).collect();
        let entry = entry.broadcast_add(&Tensor::new(first, device)?)?.to_dtype(DType::U32)?;
        self.table.flatten_all()?.index_select(&entry.flatten_all()?, 0)?.reshape((examples, *neurons))
    }
}

impl Module for Layer {
    fn forward(&self, x: &Activations) -> Result<Activations> {
        let on_lanes = |tables: &[&[f32]], x: &[Lanes], y: &mut [Lanes]| self.wiring.look_up(tables[0], x, y);
        x.layer(&[&self.table], &[self.wiring.neurons], on_lanes, |x| self.by_candle(x))
    }
}

impl Wiring {
    fn look_up(&self, tables: &[f32], inputs: &[Lanes], outputs: &mut [Lanes]) {
        let neurons = self.inputs.chunks_exact(self.arity).zip(tables.chunks_exact(1 << self.arity)).zip(outputs);
        for ((wiring, table), Lanes(output)) in neurons {
            let mut entry = [0.0; LANES];
            for (i, input) in wiring.iter().enumerate() {
                let power = (1u32 << i) as f32;
                entry.iter_mut().zip(&inputs[*input as usize].0).for_each(|(entry, bit)| *entry += power * bit);
            }
            output.iter_mut().zip(entry).for_each(|(output, entry)| *output = table[entry as usize]);
        }
    }
}

/// Σ (2 x − 1) / √group over every group.
fn of_groups(x: &Activations, classes: usize) -> Result<Activations> {
    let group = x.shape().iter().product::<usize>() / classes;
    let share = 1.0 / (group as f64).sqrt();
    let on_lanes = |_: &[&[f32]], x: &[Lanes], y: &mut [Lanes]| {
        for (Lanes(y), group) in y.iter_mut().zip(x.chunks_exact(group)) {
            *y = std::array::from_fn(|lane| share as f32 * group.iter().map(|Lanes(bit)| 2.0 * bit[lane] - 1.0).sum::<f32>());
        }
    };
    let by_candle = |x: &Tensor| x.affine(2.0, -1.0)?.reshape((x.dim(0)?, classes, group))?.sum(2)?.affine(share, 0.0);
    x.layer(&[], &[classes], on_lanes, by_candle)
}

impl Architecture for LookupNetwork {
    /// The tables of every layer: `layer0.table`, `layer1.table`, ...
    fn build(&self, vb: VarBuilder<'_>) -> candle_core::Result<Network> {
        let mut network = seq().add_fn(|x| x.affine(1.0, -THRESHOLD)?.step());
        for (l, wiring) in self.layers.iter().enumerate() {
            let table = vb.pp(format!("layer{l}")).get_with_hints((wiring.neurons, 1 << wiring.arity), "table", COIN)?;
            network = network.add(Layer { wiring: Arc::clone(wiring), table });
        }
        let classes = self.classes;
        Ok(Box::new(network.add_fn(move |x| of_groups(&x, classes))))
    }

    fn options(&self, options: ModelOptions) -> ModelOptions {
        (0..self.layers.len()).fold(options, |options, l| options.domain(&format!("layer{l}.table"), Domain::Bool))
    }

    fn differentiable(&self) -> bool {
        false
    }
}
