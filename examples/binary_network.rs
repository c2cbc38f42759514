//! Trains a network all of whose weights are bits, from losses alone; saves it in a kilobyte, and reads it back.
//!
//! `cargo run --example binary_network`

mod digits;

use std::{collections::HashMap, error::Error, fs};

use candle_core::{D, DType, Device, Result, Tensor, safetensors};
use candle_nn::{Init, VarBuilder, loss::cross_entropy};
use digits::Images;
use moths::{FlatModel, Key, ModelOptions, Objective, Spec, Stop, minimize, registry, space::Domain};

/// The hidden neurons; with 64 inputs and 10 classes they have 7,104 bits.
const HIDDEN: usize = 96;

/// y = W₂ sign(W₁ x), with the weights −1 and +1 as the bits 0 and 1 \[outputs, inputs\], u8.
struct Network(HashMap<String, Tensor>);

impl Network {
    fn new(vb: VarBuilder<'_>) -> Result<Self> {
        let coin = Init::Uniform { lo: -0.5, up: 1.5 };
        let bits = |name: &str, shape: (usize, usize)| vb.get_with_hints_dtype(shape, name, coin, DType::U8);
        let (hidden, output) = (bits("hidden", (HIDDEN, 64))?, bits("output", (10, HIDDEN))?);
        Ok(Self(HashMap::from([("hidden".into(), hidden), ("output".into(), output)])))
    }

    fn logits(&self, pixels: &Tensor) -> Result<Tensor> {
        let signs = |bits: &Tensor| bits.to_dtype(DType::F32)?.affine(2.0, -1.0);
        let hidden = signs(&(pixels - 0.3)?.matmul(&signs(&self.0["hidden"])?.t()?)?.ge(0.0)?)?;
        hidden.matmul(&signs(&self.0["output"])?.t()?)?.affine(1.0 / (HIDDEN as f64).sqrt(), 0.0)
    }

    /// The share of images that are read rightly.
    fn accuracy(&self, images: &Images) -> Result<f64> {
        self.logits(&images.pixels)?.argmax(D::Minus1)?.eq(&images.labels)?.to_dtype(DType::F64)?.mean_all()?.to_scalar()
    }
}

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let (train, test) = digits::load()?;
    let n = train.labels.elem_count() as u64;
    let loss = move |network: &mut Network, key: Key| {
        // 128 images that follow from the key: other ones in every step.
        let rows: Vec<u32> = (0..128).map(|i| (key.fold(i).to_bits() % n) as u32).collect();
        let rows = Tensor::new(rows, &Device::Cpu)?;
        let (pixels, labels) = (train.pixels.index_select(&rows, 0)?, train.labels.index_select(&rows, 0)?);
        cross_entropy(&network.logits(&pixels)?, &labels)
    };
    let options = ModelOptions::default().domain("*", Domain::Bool).stochastic();
    let mut objective = FlatModel::with(options, Network::new, loss)?;

    let rate = r#"{"cosine": {"from": 0.1, "to": 0.0, "steps": 3000}}"#;
    let spec: Spec = format!(r#"{{"name": "disarm", "descent": {{"name": "adamw", "rate": {rate}}}}}"#).parse()?;
    let mut optimizer = registry::build(&spec, objective.space(), Key::new(1))?;
    let end = minimize(&mut *optimizer, &mut objective, &Stop::steps(3000))?;
    objective.load(&end.answer)?;
    let trained = objective.model();

    let (folder, packed) = (tempfile::tempdir()?, trained.0.iter().map(|(name, bits)| Ok((name.clone(), pack(bits)?))));
    let file = folder.path().join("network.safetensors");
    safetensors::save(&packed.collect::<Result<HashMap<_, _>>>()?, &file)?;
    let read = safetensors::load(&file, &Device::Cpu)?.into_iter().map(|(name, bytes)| Ok((name, unpack(&bytes)?)));
    let again = Network(read.collect::<Result<_>>()?);
    assert_eq!(again.accuracy(&test)?, trained.accuracy(&test)?);
    let (percent, bytes) = (100.0 * again.accuracy(&test)?, fs::metadata(&file)?.len());
    println!(
        "{percent:.1} % of the test images are read rightly by a network of {bytes} bytes, after {:.1} s",
        end.tally.seconds
    );
    Ok(())
}

/// Bits \[n, m\] to bytes \[n, m / 8\].
fn pack(bits: &Tensor) -> Result<Tensor> {
    let rows: Vec<Vec<u8>> = bits.to_vec2()?;
    let bytes = |row: &Vec<u8>| row.chunks(8).map(|bits| bits.iter().rev().fold(0, |byte, bit| byte << 1 | bit)).collect();
    Tensor::new(rows.iter().map(bytes).collect::<Vec<Vec<u8>>>(), bits.device())
}

/// And back.
fn unpack(bytes: &Tensor) -> Result<Tensor> {
    let rows: Vec<Vec<u8>> = bytes.to_vec2()?;
    let bits = |row: &Vec<u8>| row.iter().flat_map(|byte| (0..8).map(move |i| byte >> i & 1)).collect();
    Tensor::new(rows.iter().map(bits).collect::<Vec<Vec<u8>>>(), bytes.device())
}
