//! Convolutions of thirty-two images side by side.

use moths_core::Result;

use super::windows::Windows;
use crate::{
    activations::{Columns, Matrix, Side, product},
    lanes::{Buffer, Lanes, dense, pick, start, swap},
};

/// Images to \[outputs, area\].
pub(super) fn convolved(images: &Side, windows: &Windows, matrix: Matrix<'_>) -> Result<Side> {
    let (outputs, area) = (windows.outputs(matrix), windows.area());
    if windows.groups > 1 {
        return in_groups(images, windows, matrix);
    }
    let (values, each) = product(images.group(), &Framed::new(images, windows), matrix)?;
    if outputs == 1 || area == 1 {
        return Ok(images.with(values, each, vec![outputs, area]));
    }
    let mut swapped = Buffer::new(values.len());
    let all = (outputs * area).max(1);
    values.chunks_exact(all).zip(swapped.chunks_exact_mut(all)).for_each(|(pixels, out)| swap(pixels, outputs, out));
    Ok(images.with(swapped, each, vec![outputs, area]))
}

/// Each group of outputs sees its part of a window.
fn in_groups(images: &Side, windows: &Windows, matrix: Matrix<'_>) -> Result<Side> {
    let (outputs, area, inputs) = (windows.outputs(matrix), windows.area(), windows.inputs() / windows.groups);
    let group = outputs / windows.groups;
    let places = Places::new(windows);
    let parameters: Vec<_> = std::iter::once(matrix.weight).chain(matrix.bias).collect();
    images.layer(&parameters, &[outputs, area], &|parameters, image, out| {
        let (mut framed, mut window) = (Buffer::new(places.framed_len()), Buffer::new(windows.inputs()));
        let mut pixel = Buffer::new(outputs);
        places.frame(image, &mut framed);
        for i in 0..area {
            places.look(&framed, i, &mut window);
            start(parameters.get(1).copied(), &mut pixel);
            let weights = parameters[0].chunks_exact((group * inputs).max(1));
            for ((seen, weight), pixel) in
                window.chunks_exact(inputs.max(1)).zip(weights).zip(pixel.chunks_exact_mut(group.max(1)))
            {
                dense(seen, weight, pixel);
            }
            pixel.iter().enumerate().for_each(|(o, value)| out[o * area + i] = *value);
        }
    })
}

/// Images in their frames, as columns of windows.
struct Framed<'a> {
    images: &'a Side,
    /// Where there is a frame \[members, blocks, channels, rows, columns\].
    framed: Option<Buffer>,
    places: Places<'a>,
}

impl<'a> Framed<'a> {
    fn new(images: &'a Side, windows: &'a Windows) -> Self {
        let places = Places::new(windows);
        let framed = (windows.padding != [0, 0]).then(|| {
            let (one, len) = (images.elements().max(1), places.framed_len().max(1));
            let mut framed = Buffer::new(images.members() * images.blocks() * len);
            let all = images.values().chunks_exact(one).zip(framed.chunks_exact_mut(len));
            all.for_each(|(image, framed)| places.frame(image, framed));
            framed
        });
        Self { images, framed, places }
    }
}

impl Columns for Framed<'_> {
    fn inputs(&self) -> usize {
        self.places.windows.inputs()
    }

    fn count(&self) -> usize {
        self.images.blocks() * self.places.area
    }

    fn of_each(&self) -> bool {
        self.images.is_of_each()
    }

    fn column<'a>(&'a self, member: usize, i: usize, scratch: &'a mut [Lanes]) -> &'a [Lanes] {
        let (block, place) = (i / self.places.area, i % self.places.area);
        let (values, len) = match &self.framed {
            Some(framed) => (&**framed, self.places.framed_len()),
            None => (self.images.values(), self.images.elements()),
        };
        let member = if self.images.is_of_each() { member } else { 0 };
        self.places.look(&values[(member * self.images.blocks() + block) * len..][..len], place, scratch);
        scratch
    }
}

/// What is known of windows once for all images.
struct Places<'a> {
    windows: &'a Windows,
    area: usize,
    /// Where the values of a window are, from where it begins.
    offsets: Vec<usize>,
}

impl<'a> Places<'a> {
    fn new(windows: &'a Windows) -> Self {
        Self { windows, area: windows.area(), offsets: windows.offsets().collect() }
    }

    fn framed_len(&self) -> usize {
        self.windows.image[0] * self.windows.framed().iter().product::<usize>()
    }

    /// An image in its frame.
    fn frame(&self, image: &[Lanes], framed: &mut [Lanes]) {
        let ([_, rows, columns], [down, across], [high, wide]) =
            (self.windows.image, self.windows.padding, self.windows.framed());
        framed.fill(Lanes::ZERO);
        for (image, framed) in image.chunks_exact((rows * columns).max(1)).zip(framed.chunks_exact_mut((high * wide).max(1))) {
            let lines = framed.chunks_exact_mut(wide.max(1)).skip(down);
            for (row, line) in image.chunks_exact(columns.max(1)).zip(lines) {
                line[across..][..columns].copy_from_slice(row);
            }
        }
    }

    /// What the kernel sees at a place, in the order of the weights: channel, row, column.
    fn look(&self, framed: &[Lanes], place: usize, window: &mut [Lanes]) {
        pick(&framed[self.windows.start(place)..], &self.offsets, window);
    }
}
