//! Checkpoints as somebody makes them who knows the format: another content, and a digest that fits.

use std::{borrow::Cow, collections::HashMap, error::Error};

use moths::rng::Stream;
use rand::RngExt;
use safetensors::{Dtype, SafeTensors, View};
use serde_json::Value;
use twox_hash::XxHash3_128;

use crate::alter;

#[derive(Clone)]
struct Part {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl View for &Part {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        self.bytes.as_slice().into()
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// What a checkpoint holds.
#[derive(Clone)]
pub(crate) struct Sealed {
    /// The entry `moths` of the metadata.
    header: Value,
    /// In the order of their names.
    parts: Vec<(String, Part)>,
}

impl Sealed {
    pub(crate) fn open(bytes: &[u8]) -> Result<Self, Box<dyn Error>> {
        let (_, metadata) = SafeTensors::read_metadata(bytes)?;
        let entry = metadata.metadata().as_ref().and_then(|entries| entries.get("moths")).ok_or("no entry")?;
        let part = |(name, view): (&str, safetensors::tensor::TensorView<'_>)| {
            (name.to_owned(), Part { dtype: view.dtype(), shape: view.shape().to_vec(), bytes: view.data().to_vec() })
        };
        let mut parts: Vec<(String, Part)> = SafeTensors::deserialize(bytes)?.iter().map(part).collect();
        parts.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(Self { header: serde_json::from_str(entry)?, parts })
    }

    /// The file, with a digest as documented.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, Box<dyn Error>> {
        let entry = self.header.to_string();
        let mut hasher = XxHash3_128::new();
        let mut add = |part: &[u8]| {
            hasher.write(&(part.len() as u64).to_le_bytes());
            hasher.write(part);
        };
        add(entry.as_bytes());
        for (name, part) in &self.parts {
            add(name.as_bytes());
            add(format!("{:?} {:?}", part.dtype, part.shape).as_bytes());
            add(&part.bytes);
        }
        let digest = format!("{:032x}", hasher.finish_128());
        let metadata = HashMap::from([("moths".to_owned(), entry), ("digest".to_owned(), digest)]);
        Ok(safetensors::serialize(self.parts.iter().map(|(name, part)| (name, part)), Some(metadata))?)
    }

    /// One to three values of the header or the state are others.
    pub(crate) fn altered(&self, stream: &mut Stream) -> Self {
        let mut other = self.clone();
        for _ in 0..stream.random_range(1..=3) {
            match stream.random() {
                true => alter(&mut other.header, stream),
                false => other.alter_part(stream),
            }
        }
        other
    }

    fn alter_part(&mut self, stream: &mut Stream) {
        let at = stream.random_range(0..self.parts.len());
        let size = if self.parts[at].1.dtype == Dtype::F32 { 4 } else { 8 };
        match stream.random_range(0..5) {
            0 => drop(self.parts.remove(at)),
            1 => self.parts[at].0.push('x'),
            2 => {
                let part = &mut self.parts[at].1;
                part.bytes.extend(vec![stream.random::<u8>(); size]);
                part.shape = vec![part.bytes.len() / size];
            }
            _ => {
                let part = &mut self.parts[at].1;
                let word =
                    [0, 1, 7, 1000, 1 << 40, 1 << 62, u64::MAX, f64::NAN.to_bits(), (-1.0f64).to_bits(), 1e300f64.to_bits()];
                let word = word[stream.random_range(0..10)].to_le_bytes();
                let words = part.bytes.len() / size;
                if words > 0 {
                    part.bytes[stream.random_range(0..words) * size..][..size].copy_from_slice(&word[..size]);
                }
            }
        }
        self.parts.sort_by(|a, b| a.0.cmp(&b.0));
        if self.parts.is_empty() {
            self.parts.push(("none".into(), Part { dtype: Dtype::U64, shape: vec![0], bytes: vec![] }));
        }
    }
}
