//! The images, which are part of this program. See `data/digits/README.md` for where they come from.

use std::{io::Read, num::ParseIntError};

use candle_core::{Device, Tensor};
use flate2::read::GzDecoder;

use super::super::examples::Examples;
use crate::{Error, Result};

/// Pixels of an image.
pub(in crate::problem::net) const PIXELS: usize = 64;
/// The largest value of a pixel.
const WHITE: f32 = 16.0;

static IMAGES: &[u8] = include_bytes!("../../../../data/digits/digits.csv.gz");
static TEST_ROWS: &str = include_str!("../../../../data/digits/test_indices.txt");

/// Images and what they show.
#[derive(Clone)]
pub(in crate::problem::net) struct Images {
    /// \[n, 64\], f32 from 0 to 1.
    pub(in crate::problem::net) pixels: Tensor,
    /// \[n\], u32 from 0 to 9.
    pub(in crate::problem::net) labels: Tensor,
}

impl Images {
    fn new(rows: &[&Vec<u8>]) -> Result<Self> {
        let pixels = rows.iter().flat_map(|row| row[..PIXELS].iter().map(|p| f32::from(*p) / WHITE)).collect();
        let labels = rows.iter().map(|row| u32::from(row[PIXELS])).collect();
        Ok(Self {
            pixels: Tensor::from_vec::<_, f32>(pixels, (rows.len(), PIXELS), &Device::Cpu)?,
            labels: Tensor::from_vec::<_, u32>(labels, rows.len(), &Device::Cpu)?,
        })
    }

    /// The mean of every pixel, rounded to a value that a pixel may have.
    pub(in crate::problem::net) fn centre(&self) -> Result<Vec<f32>> {
        let mean = self.pixels.mean(0)?.affine(f64::from(WHITE), 0.0)?.round()?;
        Ok(mean.affine(1.0 / f64::from(WHITE), 0.0)?.to_vec1()?)
    }

    /// The same as examples.
    pub(in crate::problem::net) fn examples(&self) -> Result<Examples> {
        let labels = self.labels.to_vec1::<u32>()?.into_iter().map(|label| label as u8).collect();
        Ok(Examples::reals(PIXELS, self.pixels.flatten_all()?.to_vec1()?, labels))
    }

    /// How many images.
    pub(super) fn len(&self) -> usize {
        self.labels.elem_count()
    }

    /// Every `nth` image, and the others.
    pub(super) fn split(&self, nth: usize) -> Result<(Self, Self)> {
        let (every, others): (Vec<u32>, Vec<u32>) = (0..self.len() as u32).partition(|i| i % nth as u32 == 0);
        Ok((self.pick(every)?, self.pick(others)?))
    }

    fn pick(&self, rows: Vec<u32>) -> Result<Self> {
        let rows = Tensor::new(rows, &Device::Cpu)?;
        Ok(Self { pixels: self.pixels.index_select(&rows, 0)?, labels: self.labels.index_select(&rows, 0)? })
    }
}

/// The training images and the test images.
pub(super) fn load() -> Result<(Images, Images)> {
    let damaged = |e: String| Error::unsupported("the digits in this program", format!("are damaged: {e}"));
    let mut text = String::new();
    GzDecoder::new(IMAGES).read_to_string(&mut text).map_err(|e| damaged(e.to_string()))?;
    let numbers = |line: &str| line.split(',').map(|n| n.trim().parse()).collect::<std::result::Result<Vec<u8>, ParseIntError>>();
    let rows: Vec<Vec<u8>> =
        text.lines().map(numbers).collect::<std::result::Result<_, _>>().map_err(|e| damaged(e.to_string()))?;
    if let Some(short) = rows.iter().position(|row| row.len() != PIXELS + 1) {
        return Err(damaged(format!("row {short} has {} numbers", rows[short].len())));
    }
    let is_test: Vec<usize> = TEST_ROWS
        .lines()
        .map(str::parse)
        .collect::<std::result::Result<_, ParseIntError>>()
        .map_err(|e| damaged(e.to_string()))?;
    let (test, train): (Vec<_>, Vec<_>) = rows.iter().enumerate().partition(|(i, _)| is_test.contains(i));
    let images = |rows: Vec<(usize, &Vec<u8>)>| Images::new(&rows.into_iter().map(|(_, row)| row).collect::<Vec<_>>());
    Ok((images(train)?, images(test)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digit_is_in_both_parts() -> Result<()> {
        let (train, test) = load()?;
        assert_eq!((train.len(), test.len()), (1437, 360));
        for images in [train, test] {
            let labels = images.labels.to_vec1::<u32>()?;
            assert!((0..10).all(|digit| labels.contains(&digit)) && labels.iter().all(|l| *l < 10));
            let pixels = images.pixels.flatten_all()?.to_vec1::<f32>()?;
            assert!(pixels.iter().all(|p| (0.0..=1.0).contains(p)));
        }
        Ok(())
    }
}
