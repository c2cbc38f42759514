//! Who the parents of a child are, what it has from them, and who becomes a parent.

use candle_core::Tensor;
use moths_core::{
    CowTensor, Result, Space,
    rng::{Element, Stream},
    tensor::host,
    with_scalar,
};
use rand::RngExt;

/// A point n times.
pub(super) fn crowd(space: &Space, at: &CowTensor, n: usize) -> Result<CowTensor> {
    Ok(at.broadcast_as((n, space.dim()))?.copy()?.contiguous()?.copy()?.into())
}

/// ρ different parents for each child; all of them where ρ = μ.
pub(super) fn families(lambda: usize, mu: usize, mixed: usize, stream: &mut Stream) -> Vec<Vec<usize>> {
    let mut all: Vec<usize> = (0..mu).collect();
    let family = |_| {
        if mixed < mu {
            (0..mixed).for_each(|k| all.swap(k, stream.random_range(k..mu)));
        }
        all[..mixed].to_vec()
    };
    (0..lambda).map(family).collect()
}

/// Row k of `onto`: the mean over family k of the rows of `of`.
pub(super) fn mix(of: &Tensor, families: &[Vec<usize>], onto: &mut CowTensor) -> Result<()> {
    onto.make_out()?;
    let columns = of.dims()[1];
    with_scalar!(of.dtype(), T => host::read::<T, _>(of, |of| host::edit::<T, _>(onto, |onto| {
        for (k, family) in families.iter().enumerate() {
            let (done, rest) = onto.split_at_mut(k * columns);
            let row = &mut rest[..columns];
            // Whoever has the same parents as the one before has the same mean.
            match k.checked_sub(1) {
                Some(before) if families[before] == *family => row.copy_from_slice(&done[before * columns..]),
                _ => mean(of, family, row),
            }
        }
    }))?)
}

fn mean<T: Element>(of: &[T], family: &[usize], row: &mut [T]) {
    let columns = row.len();
    row.fill(T::ZERO);
    for parent in family {
        row.iter_mut().zip(&of[parent * columns..]).for_each(|(row, x)| *row += *x);
    }
    let share = T::of(family.len() as f64);
    row.iter_mut().for_each(|x| *x /= share);
}

/// Rows of the children, and after them those of the parents.
pub(super) fn choose(children: &Tensor, parents: &Tensor, chosen: &[usize]) -> Result<CowTensor> {
    let (lambda, columns, device) = (children.dims()[0], children.dims()[1], children.device());
    let rows = with_scalar!(children.dtype(), T => {
        host::read::<T, _>(children, |children| host::read::<T, _>(parents, |parents| {
            let row = |&i: &usize| if i < lambda { &children[i * columns..][..columns] } else { &parents[(i - lambda) * columns..][..columns] };
            Tensor::from_vec(chosen.iter().flat_map(row).copied().collect::<Vec<T>>(), (chosen.len(), columns), device)
        }))?
    })?;
    Ok(rows?.into())
}
