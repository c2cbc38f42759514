//! One value of several.

use moths_core::fuse::words::select;
use multiversion::multiversion;

use super::{LANES, Lanes, affine};

/// out \[outer, inner\] = Σ_k x \[outer, count, inner\].
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
pub(crate) fn sum(x: &[Lanes], count: usize, inner: usize, out: &mut [Lanes]) {
    out.fill(Lanes::ZERO);
    for (x, out) in x.chunks_exact((count * inner).max(1)).zip(out.chunks_exact_mut(inner.max(1))) {
        for x in x.chunks_exact(inner.max(1)) {
            for (Lanes(x), Lanes(out)) in x.iter().zip(&mut *out) {
                for lane in 0..LANES {
                    out[lane] += x[lane];
                }
            }
        }
    }
}

/// Windows of images \[.., height, width\]; pairs are of rows and columns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pool {
    /// Rows and columns of an image.
    pub(crate) image: [usize; 2],
    /// Of a window.
    pub(crate) kernel: [usize; 2],
    /// From one window to the next.
    pub(crate) stride: [usize; 2],
}

impl Pool {
    /// How many windows there are, down and across.
    pub(crate) const fn places(self) -> [usize; 2] {
        let Self { image, kernel, stride } = self;
        [(image[0] - kernel[0]) / stride[0] + 1, (image[1] - kernel[1]) / stride[1] + 1]
    }
}

macro_rules! pools {
    ($($(#[$doc:meta])* $name:ident: $first:expr, |$kept:ident, $x:ident| $next:expr;)*) => {$(
        $(#[$doc])*
        #[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
        pub(crate) fn $name(pool: Pool, images: &[Lanes], out: &mut [Lanes]) {
            let Pool { image: [high, wide], kernel: [rows, columns], stride: [down, right] } = pool;
            let [places, across] = pool.places();
            for (image, out) in images.chunks_exact((high * wide).max(1)).zip(out.chunks_exact_mut((places * across).max(1))) {
                for (i, Lanes(out)) in out.iter_mut().enumerate() {
                    let start = i / across * down * wide + i % across * right;
                    *out = [$first; LANES];
                    for line in image[start..].chunks(wide).take(rows) {
                        for Lanes(line) in &line[..columns] {
                            for lane in 0..LANES {
                                let ($kept, $x) = (out[lane], line[lane]);
                                out[lane] = $next;
                            }
                        }
                    }
                }
            }
        }
    )*};
}

pools! {
    /// The largest value of every window; NaN where one of them is.
    max_pool: f32::NEG_INFINITY, |kept, x| select(x > kept || x.is_nan(), x, kept);
    /// The sum of every window.
    sum_pool: 0.0, |kept, x| kept + x;
}

/// The mean of every window.
pub(crate) fn avg_pool(pool: Pool, images: &[Lanes], out: &mut [Lanes]) {
    sum_pool(pool, images, out);
    affine(out, 1.0 / (pool.kernel[0] * pool.kernel[1]) as f32, 0.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_windows_are_those_of_the_definition() {
        let values: Vec<Lanes> = (1..=12u8).map(|i| Lanes::all(f32::from(i))).collect();
        let first = |values: &[Lanes]| values.iter().map(|value| value.0[0]).collect::<Vec<_>>();
        let mut out = [Lanes::ZERO; 4];
        sum(&values, 3, 2, &mut out);
        assert_eq!(first(&out), [9.0, 12.0, 27.0, 30.0]);
        let pool = Pool { image: [3, 4], kernel: [2, 2], stride: [1, 2] };
        max_pool(pool, &values, &mut out);
        assert_eq!(first(&out), [6.0, 8.0, 10.0, 12.0]);
        avg_pool(pool, &values, &mut out);
        assert_eq!(first(&out), [3.5, 5.5, 7.5, 9.5]);
    }
}
