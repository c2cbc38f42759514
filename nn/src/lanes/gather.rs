//! Rows of tables.

use multiversion::multiversion;

use super::{LANES, Lanes};

/// Lane l of outputs is row `numbers` l of `table` \[.., outputs\]; a number beyond the last row means the last, one that is none the first.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
pub fn gather(table: &[f32], numbers: &Lanes, outputs: &mut [Lanes]) {
    let width = outputs.len();
    let last = (table.len() / width.max(1)).saturating_sub(1);
    let rows: [&[f32]; LANES] = std::array::from_fn(|lane| &table[(numbers.0[lane] as usize).min(last) * width..][..width]);
    for (i, Lanes(output)) in outputs.iter_mut().enumerate() {
        for lane in 0..LANES {
            output[lane] = rows[lane][i];
        }
    }
}

/// outputs \[columns, rows\] = values \[rows, columns\] of an example.
pub fn swap<T: Copy>(values: &[T], columns: usize, outputs: &mut [T]) {
    let rows = values.len() / columns.max(1);
    for (r, row) in values.chunks_exact(columns.max(1)).enumerate() {
        row.iter().enumerate().for_each(|(c, value)| outputs[c * rows + r] = *value);
    }
}
