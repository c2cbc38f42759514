//! A network of lookup tables: every neuron is a Boolean function of a few bits, and its parameters are the table of that function.

use std::sync::Arc;

use candle_core::{DType, Tensor};
use candle_nn::{Init, VarBuilder};
use moths::{Key, ModelOptions, space::Domain};

use super::{
    classification::{Architecture, Forward},
    examples::below,
    lanes::{LANES, Lanes},
    task::Tensors,
};

/// From here on a pixel is on.
const THRESHOLD: f32 = 0.5;
/// Which bits a neuron sees is drawn once for all.
const WIRING: u64 = 1;

/// A layer is y_o = T_o\[Σ_i 2^i x_{w(o, i)}\], with tables T \[neurons, 2^arity\] of bits and a wiring w that never changes; logits are the sums
/// of the last layer's neurons, one group a class, each ±1, over √group. Inputs are on or off. Sources: Bledsoe & Browning 1959,
/// doi:10.1145/1460299.1460326 (tables over tuples of pixels); Petersen et al. 2022, arXiv:2210.08277 (layers of them, sums of groups).
#[derive(Clone, Debug)]
pub(super) struct LookupNetwork {
    layers: Arc<[Layer]>,
    classes: usize,
}

/// What of a layer is no parameter.
#[derive(Debug)]
struct Layer {
    neurons: usize,
    arity: usize,
    /// w, [neurons, arity].
    wiring: Vec<u32>,
}

impl LookupNetwork {
    /// Over so many inputs, with layers of (neurons, arity), of which the last has a multiple of `classes` neurons.
    pub(super) fn new(inputs: usize, layers: &[(usize, usize)], classes: usize) -> Self {
        let widths = std::iter::once(inputs).chain(layers.iter().map(|layer| layer.0));
        let layers = layers.iter().zip(widths).enumerate().map(|(l, (&(neurons, arity), before))| {
            let key = Key::new(WIRING).fold(l as u64);
            let wiring = (0..neurons).flat_map(|o| distinct(before, arity, key.fold(o as u64)));
            Layer { neurons, arity, wiring: wiring.collect() }
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

/// The tables of every layer: `layer0.table`, `layer1.table`, ...
pub(super) struct Network(Vec<Tensor>);

impl Tensors for Network {
    fn tensors(&self) -> Vec<&Tensor> {
        self.0.iter().collect()
    }
}

impl Architecture for LookupNetwork {
    type Network = Network;
    type Forward = FusedLookup;

    fn differentiable(&self) -> bool {
        false
    }

    fn build(&self, vb: VarBuilder<'_>) -> candle_core::Result<Network> {
        // Rounded, that is a fair coin.
        let coin = Init::Uniform { lo: -0.5, up: 1.5 };
        let table = |(l, layer): (usize, &Layer)| {
            vb.pp(format!("layer{l}")).get_with_hints((layer.neurons, 1 << layer.arity), "table", coin)
        };
        Ok(Network(self.layers.iter().enumerate().map(table).collect::<candle_core::Result<_>>()?))
    }

    fn options(&self, options: ModelOptions) -> ModelOptions {
        (0..self.layers.len()).fold(options, |options, l| options.domain(&format!("layer{l}.table"), Domain::Bool))
    }

    fn logits(&self, network: &Network, inputs: &Tensor) -> candle_core::Result<Tensor> {
        let (examples, device) = (inputs.dim(0)?, inputs.device());
        let mut x = inputs.gt(f64::from(THRESHOLD))?.to_dtype(DType::F32)?;
        for (layer, table) in self.layers.iter().zip(&network.0) {
            let wiring = Tensor::new(&*layer.wiring, device)?;
            let powers: Vec<f32> = (0..layer.arity).map(|i| (1u32 << i) as f32).collect();
            let seen = x.index_select(&wiring, 1)?.reshape((examples, layer.neurons, layer.arity))?;
            let entry = seen.broadcast_mul(&Tensor::new(powers, device)?)?.sum(2)?;
            let first: Vec<f32> = (0..layer.neurons).map(|o| (o << layer.arity) as f32).collect();
            let entry = entry.broadcast_add(&Tensor::new(first, device)?)?.to_dtype(DType::U32)?;
            x = table.flatten_all()?.index_select(&entry.flatten_all()?, 0)?.reshape((examples, layer.neurons))?;
        }
        let group = x.dim(1)? / self.classes;
        x.affine(2.0, -1.0)?.reshape((examples, self.classes, group))?.sum(2)?.affine(1.0 / (group as f64).sqrt(), 0.0)
    }

    fn forward(&self) -> FusedLookup {
        FusedLookup {
            network: self.clone(),
            inputs: vec![],
            outputs: self.layers.iter().map(|layer| Lanes::zeros(layer.neurons)).collect(),
            logits: Lanes::zeros(self.classes),
        }
    }
}

/// All layers in one pass. Parameters: the table of every layer.
pub(super) struct FusedLookup {
    network: LookupNetwork,
    /// On or off.
    inputs: Vec<Lanes>,
    outputs: Vec<Vec<Lanes>>,
    logits: Vec<Lanes>,
}

impl Forward for FusedLookup {
    fn logits(&mut self, tables: &[&[f32]], inputs: &[Lanes]) -> &[Lanes] {
        self.inputs.resize(inputs.len(), Lanes::ZERO);
        for (Lanes(on), Lanes(pixel)) in self.inputs.iter_mut().zip(inputs) {
            on.iter_mut().zip(pixel).for_each(|(on, pixel)| *on = f32::from(u8::from(*pixel > THRESHOLD)));
        }
        for (l, (layer, table)) in self.network.layers.iter().zip(tables).enumerate() {
            let (before, after) = self.outputs.split_at_mut(l);
            layer.apply(before.last().unwrap_or(&self.inputs), table, &mut after[0]);
        }
        let last = self.outputs.last().map_or(&[][..], |outputs| outputs);
        let group = last.len() / self.network.classes;
        for (Lanes(logit), group) in self.logits.iter_mut().zip(last.chunks_exact(group)) {
            let share = 1.0 / (group.len() as f32).sqrt();
            *logit = std::array::from_fn(|lane| share * group.iter().map(|Lanes(bit)| 2.0 * bit[lane] - 1.0).sum::<f32>());
        }
        &self.logits
    }
}

impl Layer {
    fn apply(&self, inputs: &[Lanes], table: &[f32], outputs: &mut [Lanes]) {
        let neurons = self.wiring.chunks_exact(self.arity).zip(table.chunks_exact(1 << self.arity)).zip(outputs);
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
