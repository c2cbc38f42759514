//! Rows of tables.

use multiversion::multiversion;

use super::{LANES, Lanes};

/// Lane l of outputs is row `numbers` l of `table` \[.., outputs\]; a number beyond the last row means the last, one that is none the first.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
pub(crate) fn gather(table: &[f32], numbers: &Lanes, outputs: &mut [Lanes]) {
    let width = outputs.len();
    let last = (table.len() / width.max(1)).saturating_sub(1);
    let rows: [&[f32]; LANES] = std::array::from_fn(|lane| &table[(numbers.0[lane] as usize).min(last) * width..][..width]);
    for (i, Lanes(output)) in outputs.iter_mut().enumerate() {
        for lane in 0..LANES {
            output[lane] = rows[lane][i];
        }
    }
}

/// outputs_i = values_{from_i}.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
pub(crate) fn pick(values: &[Lanes], from: &[usize], outputs: &mut [Lanes]) {
    for (output, from) in outputs.iter_mut().zip(from) {
        *output = values[*from];
    }
}

/// outputs \[columns, rows\] = values \[rows, columns\] of an example.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
pub(crate) fn swap(values: &[Lanes], columns: usize, outputs: &mut [Lanes]) {
    let rows = values.len() / columns.max(1);
    for (c, outputs) in outputs.chunks_exact_mut(rows.max(1)).enumerate() {
        for (r, output) in outputs.iter_mut().enumerate() {
            *output = values[r * columns + c];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lane_gets_its_row() {
        let numbers = Lanes(std::array::from_fn(|lane| [0.0, 2.0, f32::NAN, 9.0][lane % 4]));
        let mut outputs = [Lanes::ZERO; 2];
        gather(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &numbers, &mut outputs);
        assert_eq!(outputs[0].0[..4], [1.0, 5.0, 1.0, 5.0]);
        assert_eq!(outputs[1].0[28..], [2.0, 6.0, 2.0, 6.0]);
    }

    #[test]
    fn rows_become_columns() {
        let values: Vec<Lanes> = (0..6u8).map(|i| Lanes::all(f32::from(i))).collect();
        let mut outputs = [Lanes::ZERO; 6];
        swap(&values, 3, &mut outputs);
        assert_eq!(outputs.map(|value| value.0[31]), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        let mut picked = [Lanes::ZERO; 2];
        pick(&values, &[5, 0], &mut picked);
        assert_eq!(picked.map(|value| value.0[0]), [5.0, 0.0]);
    }
}
