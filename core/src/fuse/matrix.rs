//! What ensembles are made of: products of all rows with all rows, and rows that are sums of rows.
//!
//! Both read memory column chunk by column chunk, so that a chunk of all rows stays in cache while everything is done with it, and both sum in
//! a fixed order, whatever the number of threads.

use candle_core::Tensor;

use super::{
    ByType, Call, Given, OnCard, Piece,
    cpu::{self, Slot},
    cuda::REDUCTIONS,
    lanes,
    reduce::{check_scalar, near},
    threads,
};
use crate::{
    Error, Result,
    rng::Element,
    tensor::{CowTensor, place},
    with_scalar,
};

/// Columns of a chunk: of 500 rows in f32 some two megabytes.
const CHUNK: usize = 1024;

/// The products ⟨a_i, b_j⟩ of the rows of `a` `[n, k]` with those of `b` `[m, k]`: n × m numbers by rows, summed in f64.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use moths_core::fuse;
///
/// let a = Tensor::new(&[[1f32, 2.0], [3.0, 4.0]], &Device::Cpu)?;
/// let b = Tensor::new(&[[1f32, 0.0], [0.0, 1.0], [1.0, 1.0]], &Device::Cpu)?;
/// assert_eq!(fuse::products(&a, &b)?, [1.0, 2.0, 3.0, 3.0, 4.0, 7.0]);
/// # Ok::<(), moths_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] for what is no two matrices of equal rows, [`Error::Invalid`] for two dtypes, [`Error::Unsupported`] for a dtype other than
/// f32 and f64.
pub fn products(a: &Tensor, b: &Tensor) -> Result<Vec<f64>> {
    let (&[n, k], &[m, columns]) = (a.dims(), b.dims()) else {
        return Err(Error::shape("products", "[n, k] and [m, k]", format!("{:?} and {:?}", a.dims(), b.dims())));
    };
    if k != columns {
        return Err(Error::shape("products.b", format!("[m, {k}]"), format!("{:?}", b.dims())));
    }
    if a.dtype() != b.dtype() {
        return Err(Error::invalid("products.b", format!("{:?}", b.dtype()), format!("{:?}, as `a`", a.dtype())));
    }
    let mut out = vec![0.0; n * m];
    if n * m * k == 0 {
        return Ok(out);
    }
    check_scalar("products.a", a)?;
    if let Some(there) = lanes::products(a, b)? {
        return Ok(there);
    }
    let (a, b) = (near(a)?, near(b)?);
    with_scalar!(a.dtype(), T => products_of::<T>(&a, &b, k, &mut out))?;
    Ok(out)
}

fn products_of<T: Element>(a: &Tensor, b: &Tensor, k: usize, out: &mut [f64]) -> Result<()> {
    let mut operands = cpu::Operands::default();
    for (slot, tensor) in [a, b].into_iter().enumerate() {
        operands.push(Slot::Read(slot), tensor, cpu::storage_address(tensor))?;
    }
    let m = b.dims()[0];
    threads::enter(out.len().saturating_mul(k), |pieces| {
        cpu::with_slices::<T>(&operands, &mut |_, [a, b, ..]| {
            pieces.split([&mut *out], 0, m, &|[out], at| {
                for from in (0..k).step_by(CHUNK) {
                    let columns = from..k.min(from + CHUNK);
                    for (out, a) in out.chunks_mut(m).zip(a.chunks(k).skip(at / m)) {
                        let a = &a[columns.clone()];
                        out.iter_mut().zip(b.chunks(k)).for_each(|(out, b)| *out += T::dot(a, &b[columns.clone()]));
                    }
                }
            });
        })
    })?;
    Ok(())
}

/// `out_j = sum_i w_ji rows_i`, several weighted sums of the same rows: `rows` is `[n, d]`, `out` `[m, d]`, and `weights` m lists of n numbers. Each is
/// what [`weighted_sum`](super::weighted_sum) gives for its list alone. Rows of weight zero are not read.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use moths_core::{CowTensor, fuse};
///
/// let rows = Tensor::new(&[[1f32, 2.0], [3.0, 4.0]], &Device::Cpu)?;
/// let mut out = CowTensor::new(Tensor::zeros((3, 2), rows.dtype(), &Device::Cpu)?);
/// fuse::weighted_sums(&rows, &[vec![1.0, 0.0], vec![0.5, 0.5], vec![0.0, 2.0]], &mut out)?;
/// assert_eq!(out.to_vec2::<f32>()?, [[1.0, 2.0], [2.0, 3.0], [6.0, 8.0]]);
/// # Ok::<(), moths_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`], [`Error::Invalid`] or [`Error::Unsupported`], naming the tensor that does not fit; `out` is then as it was.
pub fn weighted_sums(rows: &Tensor, weights: &[Vec<f64>], out: &mut CowTensor) -> Result<()> {
    let (&[n, d], &[m, columns]) = (rows.dims(), out.dims()) else {
        let found = format!("{:?} and {:?}", rows.dims(), out.dims());
        return Err(Error::shape("weighted_sums", "[n, d] and [m, d]", found));
    };
    if d != columns || weights.len() != m {
        return Err(Error::shape("weighted_sums.out", format!("[{}, {d}]", weights.len()), format!("{:?}", out.dims())));
    }
    if let Some(other) = weights.iter().find(|weights| weights.len() != n) {
        return Err(Error::shape("weighted_sums.weights", format!("{n} in each list"), other.len()));
    }
    // What is computed here needs no list of its own.
    let all = if place::is_near(rows) { vec![] } else { weights.concat() };
    let extent = [n, m, d].map(Given::Word);
    let given = [extent[0], extent[1], extent[2], Given::Read(0), Given::Numbers(&all), Given::Written(0)];
    let mut call = Call::new("weighted_sums");
    call.on_card(OnCard::Named { text: REDUCTIONS, function: "weighted_sums", threads: m * d, given: &given });
    call.free("rows", rows);
    call.out("out", out);
    call.run_heavy(n.max(1), &ByType::new(|piece| sums(piece, weights), |piece| sums(piece, weights)))
}

fn sums<T: Element>(piece: Piece<'_, T>, weights: &[Vec<f64>]) {
    let ([out, ..], [rows, ..], d, start) = (piece.written, piece.read, piece.span.columns, piece.span.at);
    let end = start + out.len();
    for from in (0..d).step_by(CHUNK) {
        let to = d.min(from + CHUNK);
        for (j, weights) in weights.iter().enumerate().take(end.div_ceil(d)).skip(start / d) {
            // The part of row j's chunk that is this piece's.
            let (first, last) = ((j * d + from).max(start), (j * d + to).min(end));
            if first >= last {
                continue;
            }
            let (out, columns) = (&mut out[first - start..last - start], first - j * d..last - j * d);
            out.fill(T::ZERO);
            let weighted = rows.chunks_exact(d).zip(weights).filter(|(_, w)| **w != 0.0);
            weighted.for_each(|(row, w)| T::add_scaled(T::of(*w), &row[columns.clone()], out));
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    /// Whole numbers, so that every order of summation gives the same.
    fn matrix(n: usize, d: usize, dtype: DType) -> Tensor {
        let values: Vec<f64> = (0..n * d).map(|k| ((7 * k + k / d) % 11) as f64 - 5.0).collect();
        Tensor::from_vec(values, (n, d), &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
    }

    fn f64s(t: &Tensor) -> Vec<Vec<f64>> {
        t.to_dtype(DType::F64).unwrap().to_vec2().unwrap()
    }

    #[test]
    fn products_and_mixtures_are_those_of_the_definition() {
        for dtype in [DType::F32, DType::F64] {
            for (n, m, d) in [(1, 1, 1), (3, 5, 7), (4, 3, 1025), (9, 8, 5000)] {
                let (a, b) = (matrix(n, d, dtype), matrix(m, d, dtype));
                let expected: Vec<f64> = f64s(&a.matmul(&b.t().unwrap()).unwrap()).concat();
                assert_eq!(products(&a, &b).unwrap(), expected, "{n} {m} {d}");
                let weights: Vec<Vec<f64>> = (0..m).map(|j| (0..n).map(|i| ((j * n + i) % 5) as f64 - 2.0).collect()).collect();
                let mut out = CowTensor::new(Tensor::ones((m, d), dtype, &Device::Cpu).unwrap());
                weighted_sums(&a, &weights, &mut out).unwrap();
                let weights = Tensor::from_vec(weights.concat(), (m, n), &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
                assert_eq!(f64s(&out), f64s(&weights.matmul(&a).unwrap()), "{n} {m} {d}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_and_nothing_is_written() {
        let (a, b) = (matrix(3, 4, DType::F32), matrix(2, 5, DType::F32));
        assert!(matches!(products(&a, &b), Err(Error::Shape { .. })));
        assert!(matches!(products(&a, &matrix(2, 4, DType::F64)), Err(Error::Invalid { .. })));
        let mut out = CowTensor::new(b.copy().unwrap());
        assert!(matches!(weighted_sums(&a, &[vec![1.0; 3], vec![1.0; 3]], &mut out), Err(Error::Shape { .. })));
        assert_eq!(f64s(&out), f64s(&b));
    }
}
