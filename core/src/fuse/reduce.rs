//! What does not fit one loop over elements: weighted sums over rows, moments, dot products, distances.
//!
//! Sums over rows are taken in the order of the rows, in the tensors' precision, one column chunk at a time, so that the
//! result stays in cache and every row is read once. Dot products and distances are summed in f64 over fixed chunks. Neither depends on
//! the number of threads.

use candle_core::{DType, Tensor};

use super::{
    ByType, Call, Given, OnCard, Piece,
    cpu::{self, Slot},
    cuda::REDUCTIONS,
    lanes, threads,
};
use crate::{
    Error, Result,
    rng::Element,
    tensor::{CowTensor, place},
    with_scalar,
};

/// Columns that are summed over all rows before the next: small enough for the first-level cache.
const CHUNK: usize = 1024;
/// Elements of a dot product that are summed as one; fixed, for its rounding is part of the result.
pub(super) const DOT_CHUNK: usize = 4096;

/// `out = sum_i weights_i rows_i`: `rows` is `[n, d]`, `out` `[d]`. Rows of weight zero are not read.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use moths_core::{CowTensor, fuse};
///
/// let rows = Tensor::new(&[[1f32, 2.0], [3.0, 4.0], [5.0, 6.0]], &Device::Cpu)?;
/// let mut mean = CowTensor::new(Tensor::zeros(2, rows.dtype(), &Device::Cpu)?);
/// fuse::weighted_sum(&rows, &[0.5, 0.0, 0.5], &mut mean)?;
/// assert_eq!(mean.to_vec1::<f32>()?, [3.0, 4.0]);
/// # Ok::<(), moths_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`], [`Error::Invalid`] or [`Error::Unsupported`], naming the tensor that does not fit; `out` is then as it was.
pub fn weighted_sum(rows: &Tensor, weights: &[f64], out: &mut CowTensor) -> Result<()> {
    let columns = check_rows("weighted_sum.rows", rows, weights.len())?;
    check_vector("weighted_sum.out", out, columns)?;
    let given = [Given::Word(weights.len()), Given::Word(columns), Given::Read(0), Given::Numbers(weights), Given::Written(0)];
    let mut call = Call::new("weighted_sum");
    call.free("rows", rows);
    call.out("out", out);
    call.on_card(OnCard::Named { text: REDUCTIONS, function: "weighted_sum", threads: columns, given: &given });
    call.run_heavy(weights.len().max(1), &ByType::new(|piece| sum(piece, weights), |piece| sum(piece, weights)))
}

fn sum<T: Element>(piece: Piece<'_, T>, weights: &[f64]) {
    let ([out, ..], [rows, ..], span) = (piece.written, piece.read, piece.span);
    for (k, out) in out.chunks_mut(CHUNK).enumerate() {
        let at = span.at + k * CHUNK;
        out.fill(T::ZERO);
        for (row, weight) in rows.chunks_exact(span.columns).zip(weights).filter(|(_, w)| **w != 0.0) {
            T::add_scaled(T::of(*weight), &row[at..at + out.len()], out);
        }
    }
}

/// Moments of the rows x_i of a tensor `[n, d]`, each of which has a weight w_i: `sum_i w_i x_i` and `sum_i w_i x_i^2`, the square element
/// by element. Rows of weight zero are not read.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use moths_core::{CowTensor, fuse};
///
/// let rows = Tensor::new(&[[1f32, 2.0], [3.0, 4.0], [5.0, 6.0]], &Device::Cpu)?;
/// let zeros = || Ok::<_, moths_core::Error>(CowTensor::new(Tensor::zeros(2, rows.dtype(), &Device::Cpu)?));
/// let (mut mean, mut variance) = (zeros()?, zeros()?);
/// fuse::weighted_moments(&rows, &[0.5, 0.0, 0.5]).first(&mut mean)?;
/// fuse::weighted_moments(&rows, &[0.5, 0.0, 0.5]).about(&mean).second(&mut variance)?;
/// assert_eq!((mean.to_vec1::<f32>()?, variance.to_vec1::<f32>()?), (vec![3.0, 4.0], vec![4.0, 4.0]));
/// # Ok::<(), moths_core::Error>(())
/// ```
pub fn weighted_moments<'t>(rows: &'t Tensor, weights: &'t [f64]) -> WeightedMoments<'t> {
    WeightedMoments { rows, weights, centre: None }
}

/// What [`weighted_moments`] gives: they are computed when it is said which of them are wanted.
#[must_use]
#[derive(Debug)]
pub struct WeightedMoments<'t> {
    rows: &'t Tensor,
    weights: &'t [f64],
    centre: Option<&'t Tensor>,
}

impl<'t> WeightedMoments<'t> {
    /// Of x_i - c, with the centre c `[d]`, in place of x_i.
    pub fn about(self, centre: &'t Tensor) -> Self {
        Self { centre: Some(centre), ..self }
    }

    /// `first = sum_i w_i x_i`, `[d]`.
    ///
    /// # Errors
    /// As [`both`](Self::both).
    pub fn first(self, first: &mut CowTensor) -> Result<()> {
        self.write(Some(first), None)
    }

    /// `second = sum_i w_i x_i^2`, `[d]`.
    ///
    /// # Errors
    /// As [`both`](Self::both).
    pub fn second(self, second: &mut CowTensor) -> Result<()> {
        self.write(None, Some(second))
    }

    /// The two in one pass.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Invalid`] or [`Error::Unsupported`], naming the tensor that does not fit; `first` and `second` are then
    /// as they were.
    pub fn both(self, first: &mut CowTensor, second: &mut CowTensor) -> Result<()> {
        self.write(Some(first), Some(second))
    }

    fn write(self, first: Option<&mut CowTensor>, second: Option<&mut CowTensor>) -> Result<()> {
        let Self { rows, weights, centre } = self;
        let columns = check_rows("weighted_moments.rows", rows, weights.len())?;
        let (has_first, has_second) = (first.is_some(), second.is_some());
        let there = |has: bool, given| if has { given } else { Given::Nothing };
        let given = [
            Given::Word(weights.len()),
            Given::Word(columns),
            Given::Read(0),
            Given::Numbers(weights),
            there(centre.is_some(), Given::Read(1)),
            there(has_first, Given::Written(0)),
            there(has_second, Given::Written(usize::from(has_first))),
        ];
        let mut call = Call::new("weighted_moments");
        if let Some(first) = first {
            check_vector("weighted_moments.first", first, columns)?;
            call.out("first", first);
        }
        if let Some(second) = second {
            check_vector("weighted_moments.second", second, columns)?;
            call.out("second", second);
        }
        call.free("rows", rows);
        if let Some(centre) = centre {
            call.row("centre", centre);
        }
        call.on_card(OnCard::Named { text: REDUCTIONS, function: "weighted_moments", threads: columns, given: &given });
        let body = ByType::new(|piece| moments(piece, weights, has_first), |piece| moments(piece, weights, has_first));
        call.run_heavy(weights.len().max(1), &body)
    }
}

fn moments<T: Element>(piece: Piece<'_, T>, weights: &[f64], has_first: bool) {
    let ([one, other, ..], [rows, centre, ..], span) = (piece.written, piece.read, piece.span);
    // Of what there is not, the slice is empty, and a chunk stands in for it.
    let (first, second) = if has_first { (one, other) } else { (other, one) };
    let stand_in = |needed: bool| vec![T::ZERO; if needed { CHUNK.min(span.len) } else { 0 }];
    let (origin, mut unused) = (stand_in(centre.is_empty()), stand_in(first.len() != second.len()));
    for at in (0..span.len).step_by(CHUNK) {
        let len = CHUNK.min(span.len - at);
        let (here, columns) = (at..at + len, span.at + at..span.at + at + len);
        let (first, second) = match (first.get_mut(here.clone()), second.get_mut(here)) {
            (Some(first), Some(second)) => (first, second),
            (Some(first), None) => (first, &mut unused[..len]),
            (None, Some(second)) => (&mut unused[..len], second),
            (None, None) => return,
        };
        let centre = centre.get(columns.clone()).unwrap_or_else(|| &origin[..len]);
        first.fill(T::ZERO);
        second.fill(T::ZERO);
        for (row, weight) in rows.chunks_exact(span.columns).zip(weights).filter(|(_, w)| **w != 0.0) {
            T::add_moments(T::of(*weight), &row[columns.clone()], centre, first, second);
        }
    }
}

/// Row `r` of `from` onto row `r` of `onto`, for each `r` of `rows`; both are `[n, d]`, and the other rows stay.
///
/// # Errors
/// [`Error::Invalid`] when there is no such row; [`Error::Shape`], [`Error::Invalid`] or [`Error::Unsupported`] for tensors that do not
/// fit; `onto` is then as it was.
pub fn copy_rows(from: &Tensor, rows: &[usize], onto: &mut CowTensor) -> Result<()> {
    let [n, columns] = *from.dims() else {
        return Err(Error::shape("copy_rows.from", "[n, d]", format!("{:?}", from.dims())));
    };
    if let Some(row) = rows.iter().find(|row| **row >= n) {
        return Err(Error::invalid("copy_rows.rows", row, format!("rows are 0 to {}", n.saturating_sub(1))));
    }
    // What is only tested, or computed here, needs no list.
    let list: Vec<u64> = if place::is_near(from) { vec![] } else { rows.iter().map(|row| *row as u64).collect() };
    let given = [Given::Word(rows.len()), Given::Word(columns), Given::Words(&list), Given::Read(0), Given::Written(0)];
    let mut call = Call::new("copy_rows");
    call.on_card(OnCard::Named { text: REDUCTIONS, function: "copy_rows", threads: rows.len() * columns, given: &given });
    call.mat("from", from);
    call.inout("onto", onto);
    if rows.is_empty() {
        return call.check_only();
    }
    let copy_f32 = |piece: Piece<'_, f32>| copy(piece, rows, columns);
    let copy_f64 = |piece: Piece<'_, f64>| copy(piece, rows, columns);
    call.run(&ByType::new(copy_f32, copy_f64))
}

fn copy<T: Element>(piece: Piece<'_, T>, rows: &[usize], columns: usize) {
    let ([onto, ..], [from, ..], at) = (piece.written, piece.read, piece.span.at);
    for row in rows {
        let start = (row * columns).max(at);
        let end = ((row + 1) * columns).min(at + onto.len());
        if start < end {
            onto[start - at..end - at].copy_from_slice(&from[start..end]);
        }
    }
}

/// `sum_i a_i b_i` over all elements of two tensors of one shape, summed in f64.
///
/// # Errors
/// [`Error::Shape`] for two shapes, [`Error::Invalid`] for two dtypes, [`Error::Unsupported`] for a dtype other than f32 and f64.
pub fn dot(a: &Tensor, b: &Tensor) -> Result<f64> {
    if a.dims() != b.dims() {
        return Err(Error::shape("dot.b", format!("{:?}", a.dims()), format!("{:?}", b.dims())));
    }
    for (name, tensor) in [("dot.a", a), ("dot.b", b)] {
        if tensor.dtype() != a.dtype() {
            return Err(Error::invalid(name, format!("{:?}", tensor.dtype()), format!("{:?}, as `a`", a.dtype())));
        }
    }
    check_scalar("dot.a", a)?;
    if let Some(sums) = lanes::dot(a, b)? {
        return Ok(sums.iter().sum());
    }
    with_scalar!(a.dtype(), T => dot_of::<T>(&near(a)?, &near(b)?))
}

/// The Euclidean length of all elements, summed in f64.
///
/// # Errors
/// [`Error::Unsupported`] for a dtype other than f32 and f64.
pub fn norm(a: &Tensor) -> Result<f64> {
    Ok(dot(a, a)?.sqrt())
}

fn dot_of<T: Element>(a: &Tensor, b: &Tensor) -> Result<f64> {
    let mut operands = cpu::Operands::default();
    for (k, tensor) in [a, b].into_iter().enumerate() {
        operands.push(Slot::Read(k), tensor, cpu::storage_address(tensor))?;
    }
    let mut sums = vec![0.0; a.elem_count().div_ceil(DOT_CHUNK)];
    threads::enter(a.elem_count(), |pieces| {
        cpu::with_slices::<T>(&operands, &mut |_, [a, b, ..]| {
            pieces.split([&mut sums[..]], 0, 1, &|[sums], at| {
                let chunks = a.chunks(DOT_CHUNK).zip(b.chunks(DOT_CHUNK)).skip(at);
                for (sum, (a, b)) in sums.iter_mut().zip(chunks) {
                    *sum = T::dot(a, b);
                }
            });
        })
    })?;
    Ok(sums.iter().sum())
}

/// The Euclidean distance of every row of `rows` `[n, d]` from `to`, a point `[d]` or a row for each `[n, d]`: n numbers, summed in f64 and
/// for one pass over the rows.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use moths_core::fuse;
///
/// let rows = Tensor::new(&[[3f32, 4.0], [0.0, 1.0]], &Device::Cpu)?;
/// assert_eq!(fuse::distances(&rows, &Tensor::zeros(2, rows.dtype(), &Device::Cpu)?)?, [5.0, 1.0]);
/// # Ok::<(), moths_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`], [`Error::Invalid`] or [`Error::Unsupported`], naming the tensor that does not fit.
pub fn distances(rows: &Tensor, to: &Tensor) -> Result<Vec<f64>> {
    let &[n, d] = rows.dims() else {
        return Err(Error::shape("distances.rows", "[n, d]", format!("{:?}", rows.dims())));
    };
    if to.dims() != [d] && to.dims() != [n, d] {
        return Err(Error::shape("distances.to", format!("[{d}] or [{n}, {d}]"), format!("{:?}", to.dims())));
    }
    check_operand("distances.rows", rows, rows.dtype())?;
    check_operand("distances.to", to, rows.dtype())?;
    check_scalar("distances.rows", rows)?;
    let chunks = d.div_ceil(DOT_CHUNK).max(1);
    let sums = match lanes::distances(rows, to)? {
        Some(sums) => sums,
        None => with_scalar!(rows.dtype(), T => distances_of::<T>(&near(rows)?, &near(to)?, chunks))?,
    };
    Ok(sums.chunks(chunks).map(|sums| sums.iter().sum::<f64>().sqrt()).collect())
}

/// The squares of the chunks of all rows.
fn distances_of<T: Element>(rows: &Tensor, to: &Tensor, chunks: usize) -> Result<Vec<f64>> {
    let (n, d) = (rows.dims()[0], rows.dims()[1]);
    let mut operands = cpu::Operands::default();
    for (k, tensor) in [rows, to].into_iter().enumerate() {
        operands.push(Slot::Read(k), tensor, cpu::storage_address(tensor))?;
    }
    // One sum for every chunk of every row, so that neither the number of rows nor of threads is part of the rounding.
    let mut sums = vec![0.0; n * chunks];
    let one = to.rank() == 1;
    threads::enter(n * d, |pieces| {
        cpu::with_slices::<T>(&operands, &mut |_, [rows, to, ..]| {
            pieces.split([&mut sums[..]], 0, 1, &|[sums], at| {
                for (k, sum) in sums.iter_mut().enumerate().map(|(k, sum)| (at + k, sum)) {
                    let (row, first) = (k / chunks, k % chunks * DOT_CHUNK);
                    let (from, last) = (row * d, (first + DOT_CHUNK).min(d));
                    let to = if one { &to[first..last] } else { &to[from + first..from + last] };
                    *sum = T::square_apart(&rows[from + first..from + last], to);
                }
            });
        })
    })?;
    Ok(sums)
}

pub(super) fn check_scalar(name: &str, tensor: &Tensor) -> Result<()> {
    match tensor.dtype() {
        DType::F32 | DType::F64 => Ok(()),
        other => Err(Error::unsupported(name, format!("is {other:?}; kernels run on F32 and F64"))),
    }
}

fn check_operand(name: &str, tensor: &Tensor, dtype: DType) -> Result<()> {
    if tensor.dtype() != dtype {
        return Err(Error::invalid(name, format!("{:?}", tensor.dtype()), format!("{dtype:?}, as the rows")));
    }
    Ok(())
}

/// A tensor as slices can be had of it.
pub(super) fn near(tensor: &Tensor) -> Result<Tensor> {
    if place::is_near(tensor) { Ok(tensor.contiguous()?) } else { place::brought(tensor) }
}

/// The columns of `rows`, which must be `[n, d]`.
fn check_rows(what: &str, rows: &Tensor, n: usize) -> Result<usize> {
    match *rows.dims() {
        [rows, columns] if rows == n => Ok(columns),
        ref other => Err(Error::shape(what, format!("[{n}, d], a row for each weight"), format!("{other:?}"))),
    }
}

fn check_vector(what: &str, vector: &Tensor, columns: usize) -> Result<()> {
    match *vector.dims() {
        [d] if d == columns => Ok(()),
        ref other => Err(Error::shape(what, format!("[{columns}]"), format!("{other:?}"))),
    }
}
