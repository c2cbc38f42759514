mod copy;
mod failures;
mod format;
mod model;
mod rounding;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use candle_core::{
    DType, Device, Tensor,
    quantized::{
        GgmlDType, QTensor,
        gguf_file::{self, Content, Value},
    },
};

use super::{
    Trained,
    change::{Candidate, drawn},
    reader::GgufReader,
    tensors,
};
use crate::{Key, Result, Sampler, noise::Perturbation};

/// All types that have a layout.
const TYPES: [GgmlDType; 10] = [
    GgmlDType::Q4_0,
    GgmlDType::Q4_1,
    GgmlDType::Q5_0,
    GgmlDType::Q5_1,
    GgmlDType::Q8_0,
    GgmlDType::Q2K,
    GgmlDType::Q3K,
    GgmlDType::Q4K,
    GgmlDType::Q5K,
    GgmlDType::Q6K,
];

/// A matrix of numbers that look random.
fn matrix(rows: usize, columns: usize, seed: u64) -> Result<Tensor> {
    let mut values = Tensor::zeros((rows, columns), DType::F32, &Device::Cpu)?.into();
    Sampler::Normal.fill(Key::new(seed), &mut values)?;
    Ok((&*values * 0.1)?)
}

/// A file with matrices of a type, `up` [512, 256] and `down` [8, 512], beside an embedding and a norm in f32.
fn file(folder: &Path, dtype: GgmlDType) -> Result<PathBuf> {
    let quantised = |rows, columns, seed| -> Result<QTensor> { Ok(QTensor::quantize(&matrix(rows, columns, seed)?, dtype)?) };
    let norm = QTensor::quantize(&Tensor::ones(256, DType::F32, &Device::Cpu)?, GgmlDType::F32)?;
    let tensors = [
        ("token_embd.weight", quantised(16, 256, 1)?),
        ("norm.weight", norm),
        ("blk.0.up.weight", quantised(512, 256, 2)?),
        ("blk.0.down.weight", quantised(8, 512, 3)?),
    ];
    let words = Value::Array((0..500).map(|i| Value::String(format!("word {i}"))).collect());
    let path = folder.join(format!("{dtype:?}.gguf"));
    let mut out = File::create(&path).expect("a file");
    gguf_file::write(&mut out, &[("words", &words)], &tensors.each_ref().map(|(name, tensor)| (*name, tensor)))?;
    Ok(path)
}

/// All weights of a tensor as a reader shows it, by candle.
fn weights(reader: &mut GgufReader<'_>, name: &str) -> Result<Vec<f32>> {
    let content = Content::read(reader)?;
    Ok(content.tensor(reader, name, &Device::Cpu)?.dequantize(&Device::Cpu)?.flatten_all()?.to_vec1()?)
}

/// An open file and what is trained of it.
struct Opened {
    file: File,
    bytes: Vec<u8>,
    tensors: Vec<tensors::Tensor>,
}

impl Opened {
    fn new(path: &Path, patterns: &[&str], what: Trained) -> Result<Self> {
        let file = File::open(path).expect("a file");
        let bytes = fs::read(path).expect("a file");
        let content = Content::read(&mut &file)?;
        let patterns: Vec<String> = patterns.iter().map(|p| (*p).to_owned()).collect();
        let tensors = tensors::chosen(&content, bytes.len() as u64, &patterns, what)?;
        Ok(Self { file, bytes, tensors })
    }

    fn reader<'a>(&'a self, candidate: Option<Candidate<'a>>) -> GgufReader<'a> {
        GgufReader::new(&self.file, self.bytes.len() as u64, &self.tensors, candidate)
    }
}

/// The candidate of a scale, and its noise.
fn with_candidate<R>(opened: &Opened, what: Trained, scale: f64, work: impl FnOnce(Candidate<'_>) -> R) -> Result<R> {
    let (seed, noise) = (Key::new(7).into(), Perturbation::from(Sampler::Normal));
    let dim = opened.tensors.last().map_or(0, |tensor| tensor.first + tensor.blocks * what.coordinates(tensor.block));
    noise.with_noise(&[seed], dim, |draw| work(Candidate { what, draw, seed, scale }))
}

/// Its noise in a tensor.
fn noise_of(candidate: Candidate<'_>, tensor: &tensors::Tensor) -> Vec<f32> {
    drawn(candidate.draw, 0, tensor.first, tensor.blocks * candidate.what.coordinates(tensor.block))
}
