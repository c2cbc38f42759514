//! An element is a function of the seed and its place.

use candle_core::DType;
use rayon::ThreadPoolBuilder;

use super::{
    super::{
        Law,
        broken::{Breach, Verdict},
        path,
    },
    Draws, noise, seeds,
};
use moths_core::{Leaf, Result, Space, rng::Seed};

pub(super) const LAW: Law<dyn Draws> = Law {
    name: "pieces",
    statement: "no bit depends on the number of threads, nor, unless the law knows shapes, on how the elements are split into leaves or on what \
                comes behind",
    holds,
};

/// More elements than kernels work on in one thread.
const BIG: usize = 33_001;

fn holds(source: &dyn Draws) -> Verdict {
    let of = |leaves: &[usize]| {
        let leaves = leaves.iter().enumerate().map(|(i, n)| Leaf::real(format!("leaf{i}"), [*n])).collect::<Vec<_>>();
        Space::with_dtype(leaves, DType::F32)
    };
    for seed in seeds(2) {
        let big = of(&[BIG])?;
        let whole = on_threads(1, source, &big, seed)?;
        for threads in [2, 3] {
            path::same_point(&format!("on {threads} threads, the noise"), &whole, &on_threads(threads, source, &big, seed)?)?;
        }
        if source.knows_shapes() {
            continue;
        }
        for shorter in [1, 127, 1000] {
            let short = noise(source, &of(&[shorter])?, seed)?;
            path::same_point(&format!("of {shorter} elements alone, the noise"), &whole[..shorter], &short)?;
        }
        let split = noise(source, &of(&[100, 28, 5000])?, seed)?;
        path::same_point("in three leaves, the noise", &whole[..5128], &split)?;
    }
    Ok(())
}

fn on_threads(threads: usize, source: &dyn Draws, space: &Space, seed: Seed) -> std::result::Result<Vec<f64>, Breach> {
    let pool = ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|e| Breach::new(format!("the law itself could not get {threads} threads: {e}")))?;
    let drawn: Result<Vec<f64>> = pool.install(|| noise(source, space, seed));
    Ok(drawn?)
}
