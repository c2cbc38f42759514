//! The product that everything else is made of.

use multiversion::multiversion;

use super::{LANES, Lanes};

/// Inputs whose lanes stay in the first cache while all outputs take them in.
const TILE: usize = 128;

/// outputs = bias \[outputs\], or zeros.
///
/// # Panics
/// For a bias of another length.
pub fn start(bias: Option<&[f32]>, outputs: &mut [Lanes]) {
    assert!(bias.is_none_or(|bias| bias.len() == outputs.len()), "one bias an output");
    match bias {
        Some(bias) => outputs.iter_mut().zip(bias).for_each(|(output, bias)| *output = Lanes::all(*bias)),
        None => outputs.fill(Lanes::ZERO),
    }
}

/// outputs += weight · inputs, with weight \[outputs, inputs\] by rows; input by input, multiplied and added at once.
///
/// Two outputs at a time: eight vectors of sums fill what a processor with AVX2 can keep going, at its peak. Three or four leave the registers.
///
/// # Panics
/// For a weight of another length than inputs · outputs.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
pub fn dense(inputs: &[Lanes], weight: &[f32], outputs: &mut [Lanes]) {
    let n = inputs.len();
    assert_eq!(weight.len(), n * outputs.len(), "a weight [outputs, inputs]");
    for (t, tile) in inputs.chunks(TILE).enumerate() {
        let row = |o: usize| &weight[o * n + t * TILE..][..tile.len()];
        let (pairs, last) = outputs.as_chunks_mut();
        for (p, [first, second]) in pairs.iter_mut().enumerate() {
            accumulate_pair(tile, row(2 * p), row(2 * p + 1), first, second);
        }
        if let [last] = last {
            accumulate(tile, row(2 * pairs.len()), last);
        }
    }
}

#[inline(always)]
fn accumulate_pair(inputs: &[Lanes], u: &[f32], v: &[f32], first: &mut Lanes, second: &mut Lanes) {
    let (mut a, mut b) = (first.0, second.0);
    for ((x, u), v) in inputs.iter().zip(u).zip(v) {
        for lane in 0..LANES {
            a[lane] = u.mul_add(x.0[lane], a[lane]);
            b[lane] = v.mul_add(x.0[lane], b[lane]);
        }
    }
    (first.0, second.0) = (a, b);
}

#[inline(always)]
fn accumulate(inputs: &[Lanes], u: &[f32], output: &mut Lanes) {
    let mut a = output.0;
    for (Lanes(x), u) in inputs.iter().zip(u) {
        for lane in 0..LANES {
            a[lane] = u.mul_add(x[lane], a[lane]);
        }
    }
    output.0 = a;
}

/// outputs_o += Σ_k (scale a_ok) inputs_k, with a \[outputs, inputs\] by rows: the other half of a product of low rank.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
pub(crate) fn add_outer(inputs: &[Lanes], a: &[f32], scale: f32, outputs: &mut [Lanes]) {
    for (row, output) in a.chunks_exact(inputs.len().max(1)).zip(outputs) {
        for (a, Lanes(input)) in row.iter().zip(inputs) {
            let factor = scale * a;
            output.0.iter_mut().zip(input).for_each(|(output, input)| *output = factor.mul_add(*input, *output));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_definition() {
        let value = |i: usize, j: usize| ((7 * i + 3 * j) % 11) as f32 - 5.0;
        for (inputs, outputs) in [(1, 1), (2, 3), (25, 8), (300, 5)] {
            let x: Vec<Lanes> = (0..inputs).map(|i| Lanes(std::array::from_fn(|lane| value(i, lane)))).collect();
            let weight: Vec<f32> = (0..inputs * outputs).map(|k| value(k, 1)).collect();
            let bias: Vec<f32> = (0..outputs).map(|k| value(k, 2)).collect();
            let mut y = vec![Lanes::ZERO; outputs];
            start(Some(&bias), &mut y);
            dense(&x, &weight, &mut y);
            for (o, y) in y.iter().enumerate() {
                for lane in 0..LANES {
                    // Whole numbers: every order of summation gives the same.
                    let sum: f32 = (0..inputs).map(|i| weight[o * inputs + i] * value(i, lane)).sum();
                    assert_eq!(y.0[lane], bias[o] + sum, "{inputs} to {outputs}, output {o}, lane {lane}");
                }
            }
        }
    }

    #[test]
    fn an_outer_product_is_added() {
        let x = [Lanes::all(2.0), Lanes::all(3.0)];
        let mut y = [Lanes::all(1.0); 2];
        add_outer(&x, &[1.0, 0.0, -1.0, 2.0], 0.5, &mut y);
        assert_eq!(y, [Lanes::all(2.0), Lanes::all(3.0)]);
    }
}
