//! Handwritten digits, for the examples that read them.

use std::{collections::HashSet, error::Error, io::Read};

use candle_core::{Device, Tensor};
use flate2::read::GzDecoder;

/// Images \[n, 64\] from 0 to 1, and what they show, \[n\].
pub(crate) struct Images {
    pub(crate) pixels: Tensor,
    pub(crate) labels: Tensor,
}

impl Images {
    fn new<'a>(rows: impl Iterator<Item = &'a Vec<f32>>) -> candle_core::Result<Self> {
        let (pixels, labels): (Vec<Vec<f32>>, Vec<u32>) =
            rows.map(|row| (row[..64].iter().map(|p| p / 16.0).collect(), row[64] as u32)).unzip();
        Ok(Self { pixels: Tensor::new(pixels, &Device::Cpu)?, labels: Tensor::new(labels, &Device::Cpu)? })
    }
}

/// The 1,437 training and the 360 test images of Alpaydin & Kaynak 1998 (doi:10.24432/C50P49, CC BY 4.0).
pub(crate) fn load() -> Result<(Images, Images), Box<dyn Error>> {
    let mut text = String::new();
    GzDecoder::new(&include_bytes!("digits.csv.gz")[..]).read_to_string(&mut text)?;
    let rows = text.lines().map(|line| line.split(',').map(str::parse).collect()).collect::<Result<Vec<Vec<f32>>, _>>()?;
    let chosen = include_str!("test_indices.txt").lines().map(str::parse);
    let chosen = chosen.collect::<Result<HashSet<usize>, _>>()?;
    let part = |test: bool| rows.iter().enumerate().filter(move |(i, _)| chosen.contains(i) == test).map(|(_, row)| row);
    Ok((Images::new(part.clone()(false))?, Images::new(part(true))?))
}
