//! Kernels against plain loops, bit for bit; calls that must fail, and change nothing.

use candle_core::{DType, Device, Tensor};

use super::{bits, cow, on_threads};
use crate::{
    Error, Result,
    fuse::dot,
    kernel,
    noise::Sampler,
    rng::{BLOCK, Element, Key},
    tensor::CowTensor,
};

kernel! {
    /// Every kind of parameter.
    fn everything(
        a: inout, b: out, m: mat, r: row, c: col, w: num, u: uniform, z: normal, s: sign,
    ) {
        let sum = w * m + r - c * 0.5;
        b = a * u + sum;
        a += z * s - sum;
    }
}

kernel! { fn increment(x: inout, y: mat) { x = x + y; } }
kernel! { fn two(x: out, y: out, from: mat) { x = from + 1.0; y = from + 2.0; } }
kernel! { fn swap(x: inout, y: inout) { let old = x; x = y; y = old; } }
kernel! { fn reads_twice(x: out, y: mat, z: mat) { x = y - z; } }
kernel! { fn words(x: inout) {
    let a = select(x > 0.25, sqrt(abs(x)), square(x)) + signum(x);
    x = clamp(min(a, 1.5) * max(x, -0.5), -2.0, 2.0) + round(x * 10.0) - floor(x);
} }

/// The plain loop that `everything` must equal, in either type.
macro_rules! everything_in {
    ($name:ident, $float:ident) => {
        fn $name(rows: usize, columns: usize) -> Result<()> {
            let len = rows * columns;
            let key = Key::new(len as u64);
            let draw = |k: u64, n: usize| {
                let mut out = vec![0.0 as $float; n];
                Sampler::Normal.fill_slice(key.fold(k), &mut out);
                out
            };
            let (mut a, m, r, c) = (draw(0, len), draw(1, len), draw(2, columns), draw(3, rows));
            let (u, z, s) = (noise($float::uniform, key, len), noise($float::normal, key, len), noise($float::sign, key, len));
            let mut b = vec![0.0 as $float; len];

            let tensor = |data: &[$float]| Tensor::from_slice(data, (rows, columns), &Device::Cpu);
            let (mut at, mut bt) = (CowTensor::new(tensor(&a)?), CowTensor::new(tensor(&b)?));
            let (rt, ct) = (Tensor::new(&r[..], &Device::Cpu)?, Tensor::new(&c[..], &Device::Cpu)?);
            everything(&mut at, &mut bt, &tensor(&m)?, &rt, &ct.reshape((rows, 1))?, 0.7, key, key, key)?;

            let w = 0.7 as $float;
            for i in 0..len {
                let sum = w * m[i] + r[i % columns] - c[i / columns] * 0.5;
                b[i] = a[i] * u[i] + sum;
                a[i] += z[i] * s[i] - sum;
            }
            assert_eq!(bits(&at)?, a.iter().map(|x| x.to_bits() as u64).collect::<Vec<_>>(), "a of {rows} x {columns}");
            assert_eq!(bits(&bt)?, b.iter().map(|x| x.to_bits() as u64).collect::<Vec<_>>(), "b of {rows} x {columns}");
            Ok(())
        }
    };
}

everything_in!(everything_f32, f32);
everything_in!(everything_f64, f64);

fn noise<T: Element>(law: fn(Key, u64, &mut [[T; BLOCK]]), key: Key, len: usize) -> Vec<T> {
    let mut out = vec![T::ZERO; len.next_multiple_of(BLOCK)];
    law(key, 0, out.as_chunks_mut().0);
    out.truncate(len);
    out
}

#[test]
fn equal_plain_loops_bit_for_bit() -> Result<()> {
    let sizes = [
        (1, 1),
        (1, 127),
        (127, 1),
        (1, 128),
        (128, 1),
        (1, 129),
        (2, 128),
        (3, 130),
        (10, 10),
        (5, 64),
        (7, 255),
        (3, 256),
        (2, 300),
        (1000, 33),
        (40, 1000),
        (3, 40_001),
    ];
    for (rows, columns) in sizes {
        everything_f32(rows, columns)?;
        everything_f64(rows, columns)?;
    }
    Ok(())
}

#[test]
fn equal_for_any_number_of_threads() -> Result<()> {
    for threads in [1, 2, 5] {
        on_threads(threads, || {
            everything_f32(37, 9_001)?;
            everything_f64(1, 100_000)
        })?;
    }
    Ok(())
}

#[test]
fn words_mean_what_they_say() -> Result<()> {
    let values = [-2.5, -1.0, -0.3, -0.0, 0.0, 0.2, 0.5, 0.75, 1.45, 3.0];
    let mut x = cow(&values)?;
    words(&mut x)?;
    let expected = values.map(|x: f32| {
        let sign = if x == 0.0 { x } else { x.signum() };
        let a = if x > 0.25 { x.abs().sqrt() } else { x * x } + sign;
        (a.min(1.5) * x.max(-0.5)).clamp(-2.0, 2.0) + (x * 10.0).round() - x.floor()
    });
    assert_eq!(x.to_vec1::<f32>()?, expected);
    Ok(())
}

#[test]
fn snapshots_keep_their_bits() -> Result<()> {
    let mut x = cow(&[1.0, 2.0])?;
    let snapshot = x.clone();
    increment(&mut x, &snapshot)?; // the snapshot may even be read: the written tensor is a copy
    assert_eq!((x.to_vec1::<f32>()?, snapshot.to_vec1::<f32>()?), (vec![2.0, 4.0], vec![1.0, 2.0]));

    let (mut y, mut z) = (x.clone(), x.clone());
    two(&mut y, &mut z, &x)?;
    assert_eq!((y.to_vec1::<f32>()?, z.to_vec1::<f32>()?), (vec![3.0, 5.0], vec![4.0, 6.0]));

    let mut other = y.clone(); // the only two holders are both written
    swap(&mut y, &mut other)?;
    increment(&mut y, &z)?;
    assert_eq!((y.to_vec1::<f32>()?, other.to_vec1::<f32>()?), (vec![7.0, 11.0], vec![3.0, 5.0]));
    Ok(())
}

#[test]
fn in_place_when_nobody_else_looks() -> Result<()> {
    let mut x = cow(&[1.0, 2.0])?;
    let view: Tensor = (*x).clone();
    increment(&mut x, &Tensor::ones(2, DType::F32, &Device::Cpu)?)?;
    assert_eq!(view.to_vec1::<f32>()?, [2.0, 3.0]);
    Ok(())
}

#[test]
fn one_tensor_may_be_read_under_many_names() -> Result<()> {
    let mut x = cow(&[0.0; 2])?;
    let y = Tensor::new(&[1f32, 2.0, 5.0], &Device::Cpu)?;
    reads_twice(&mut x, &y.narrow(0, 1, 2)?, &y.narrow(0, 0, 2)?)?;
    assert_eq!(x.to_vec1::<f32>()?, [1.0, 3.0]);
    Ok(())
}

#[test]
fn strided_inputs_are_read_in_order() -> Result<()> {
    let y = Tensor::arange(0f32, 6.0, &Device::Cpu)?.reshape((3, 2))?;
    let mut x = CowTensor::new(Tensor::zeros((2, 3), DType::F32, &Device::Cpu)?);
    increment(&mut x, &y.t()?)?;
    assert_eq!(x.to_vec2::<f32>()?, [[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]]);
    Ok(())
}

#[test]
fn nothing_to_do_is_not_an_error() -> Result<()> {
    let none = Tensor::zeros((0, 3), DType::F32, &Device::Cpu)?;
    increment(&mut CowTensor::new(none.copy()?), &none)
}

#[test]
fn refused_calls_change_nothing() -> Result<()> {
    let fresh = || cow(&[1.0, 2.0, 3.0]);
    let of = |values: &[f32]| Tensor::new(values, &Device::Cpu);

    let mut x = fresh()?;
    let error = increment(&mut x, &of(&[1.0, 2.0])?).expect_err("too short");
    assert_eq!(error.to_string(), "increment.y: expected [1, 3], got [2]");
    assert!(matches!(error, Error::Shape { .. }));

    let error = increment(&mut x, &of(&[1.0; 3])?.to_dtype(DType::F64)?).expect_err("f64 into f32");
    assert!(matches!(error, Error::Invalid { .. }), "{error}");

    let view: Tensor = (*x).clone();
    let error = increment(&mut x, &view).expect_err("read and written");
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");

    let mut alias = CowTensor::new(view.clone());
    let error = swap(&mut x, &mut alias).expect_err("written twice");
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    assert_eq!(x.to_vec1::<f32>()?, [1.0, 2.0, 3.0]);

    let mut whole = CowTensor::new(of(&[1.0; 3])?.to_dtype(DType::U32)?);
    let error = increment(&mut whole, &view).expect_err("not a float");
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");

    let mut grid = CowTensor::new(Tensor::zeros((2, 3), DType::F32, &Device::Cpu)?);
    let error = increment(&mut grid, &of(&[0.0; 3])?).expect_err("a row for a mat");
    assert_eq!(error.to_string(), "increment.y: expected [2, 3], got [3] (which is a `row`)");

    let (mut shared, mut other) = (grid.clone(), CowTensor::new(Tensor::zeros((3, 2), DType::F32, &Device::Cpu)?));
    assert!(swap(&mut shared, &mut other).is_err());
    assert!(shared.is_shared(), "a refused call copies nothing");
    Ok(())
}

/// Kernels on shared tensors from inside rayon jobs: this hangs if a waiting thread can steal under a lock.
#[test]
fn rayon_jobs_may_call_kernels() -> Result<()> {
    use rayon::prelude::*;
    let shared = Tensor::ones(200_000, DType::F32, &Device::Cpu)?;
    on_threads(4, || {
        (0..32).into_par_iter().try_for_each(|_| {
            let mut x = CowTensor::new(shared.zeros_like()?);
            for _ in 0..4 {
                increment(&mut x, &shared)?;
                (0..4).into_par_iter().try_for_each(|_| dot(&shared, &shared).map(|_| ()))?;
            }
            assert_eq!(dot(&x, &shared)?, 800_000.0);
            Ok::<_, Error>(())
        })
    })
}

/// Two calls that read what the other writes take their locks in one order.
#[test]
fn crossed_calls_do_not_wait_for_each_other() -> Result<()> {
    let (a, b) = (cow(&[1.0; 1000])?, cow(&[1.0; 1000])?);
    let (view_a, view_b): (Tensor, Tensor) = ((*a).clone(), (*b).clone());
    let run = |mut x: CowTensor, y: Tensor| move || (0..2000).try_for_each(|_| increment(&mut x, &y));
    let (one, other) = (std::thread::spawn(run(a, view_b)), std::thread::spawn(run(b, view_a)));
    one.join().expect("no panic")?;
    other.join().expect("no panic")
}
