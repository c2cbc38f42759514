//! Noise that is smooth along the dimensions of its tensor.

use super::low_rank::normals;
use crate::rng::{BLOCK, Element, Key};

/// What replaces an element by its neighbours along one dimension.
#[derive(Clone, Copy)]
pub(super) enum Smoothing {
    Gaussian(f64),
    RandomKernel(usize),
    Median(usize),
}

/// Normal noise over all leaves, smoothed leaf by leaf.
pub(super) fn noise<T: Element>(smoothing: Smoothing, shapes: &[Box<[usize]>], key: Key) -> Vec<T> {
    let len: usize = shapes.iter().map(|shape| shape.iter().product::<usize>()).sum();
    let mut all = vec![T::ZERO; len.next_multiple_of(BLOCK)];
    T::normal(key, 0, all.as_chunks_mut().0);
    all.truncate(len);
    let mut rest = &mut all[..];
    for (k, shape) in shapes.iter().enumerate() {
        let (leaf, behind) = rest.split_at_mut(shape.iter().product());
        smooth(smoothing, shape, key.fold(k as u64), leaf);
        rest = behind;
    }
    all
}

/// Along each dimension of one leaf in turn.
fn smooth<T: Element>(smoothing: Smoothing, shape: &[usize], key: Key, leaf: &mut [T]) {
    let mut stride = leaf.len();
    for (dimension, &n) in shape.iter().enumerate() {
        stride /= n.max(1);
        if n < 2 {
            continue;
        }
        match smoothing {
            Smoothing::Gaussian(sigma) => filter(&gaussian(sigma, n), n, stride, leaf),
            Smoothing::RandomKernel(size) => filter(&random(size, n, key.fold(dimension as u64)), n, stride, leaf),
            Smoothing::Median(size) => median(size, n, stride, leaf),
        }
    }
    if matches!(smoothing, Smoothing::Median(_)) && leaf.len() > 1 {
        let square = T::dot(leaf, leaf) / leaf.len() as f64;
        let factor = T::of(1.0 / square.max(f64::MIN_POSITIVE).sqrt());
        leaf.iter_mut().for_each(|z| *z *= factor);
    }
}

/// Every line along the dimension of length n whose neighbours are `stride` apart, replaced by `work` of it.
fn each_line<T: Element>(n: usize, stride: usize, leaf: &mut [T], mut work: impl FnMut(&[T], &mut dyn FnMut(usize, T))) {
    let mut line = vec![T::ZERO; n];
    for slab in leaf.chunks_mut(n * stride) {
        for start in 0..stride {
            line.iter_mut().zip(slab[start..].iter().step_by(stride)).for_each(|(l, z)| *l = *z);
            work(&line, &mut |i, z| slab[start + i * stride] = z);
        }
    }
}

/// Circular correlation with a kernel of unit length: independent elements of variance 1 keep it.
fn filter<T: Element>(kernel: &[f64], n: usize, stride: usize, leaf: &mut [T]) {
    let kernel: Vec<T> = kernel.iter().map(|w| T::of(*w)).collect();
    each_line(n, stride, leaf, |line, put| {
        for i in 0..n {
            let sum = kernel.iter().enumerate().fold(T::ZERO, |sum, (k, w)| sum + *w * line[(i + k) % n]);
            put(i, sum);
        }
    });
}

fn median<T: Element>(size: usize, n: usize, stride: usize, leaf: &mut [T]) {
    let size = (size | 1).min((n - 1) | 1);
    let mut window = vec![T::ZERO; size];
    each_line(n, stride, leaf, |line, put| {
        for i in 0..n {
            window.iter_mut().enumerate().for_each(|(k, w)| *w = line[(i + n + k - size / 2) % n]);
            window.sort_unstable_by(|a, b| a.to_f64().total_cmp(&b.to_f64()));
            put(i, window[size / 2]);
        }
    });
}

/// exp(−k² / 2σ²) for |k| ≤ 4σ.
fn gaussian(sigma: f64, n: usize) -> Vec<f64> {
    let reach = (4.0 * sigma).ceil() as i64;
    let weight = |k: i64| if k == 0 { 1.0 } else { libm::exp(-0.5 * (k as f64 / sigma).powi(2)) };
    wound((-reach..=reach).map(weight), n)
}

fn random(size: usize, n: usize, key: Key) -> Vec<f64> {
    wound(normals::<f64>(size.max(1), key), n)
}

/// A kernel wound around a dimension of n elements, as a vector of length 1.
fn wound(kernel: impl IntoIterator<Item = f64>, n: usize) -> Vec<f64> {
    let mut around = vec![];
    for (k, weight) in kernel.into_iter().enumerate() {
        if k < n {
            around.push(weight);
        } else {
            around[k % n] += weight;
        }
    }
    let length = around.iter().map(|w| w * w).sum::<f64>().sqrt();
    around.iter_mut().for_each(|w| *w /= length.max(f64::MIN_POSITIVE));
    around
}
