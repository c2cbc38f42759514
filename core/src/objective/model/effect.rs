//! Which leaves a loss never reads.
//!
//! The loss at the start is compared, as bits, with losses where the coordinates of a leaf are others: two draws (of an integer
//! its least and its most), and NaN, which no rounding hides. Leaves are tried in halves: k leaves of n that have an effect cost some 3 k log₂ n losses.

use crate::{
    Error, Result,
    rng::Key,
    space::{Domain, Leaf, Space},
    tensor::{CowTensor, host},
    with_scalar,
};

/// Points to look at beside the start; coordinates of one leaf after another are taken from them.
struct Fillings<'a> {
    space: &'a Space,
    start: Vec<f64>,
    others: [Vec<f64>; 3],
}

impl<'a> Fillings<'a> {
    fn new(space: &'a Space) -> Result<Self> {
        let start = space.start();
        let drawn = |seed| host::to_f64s(&space.scatter(&start, Key::new(seed), 1)?.flatten_all()?);
        let (mut first, mut second) = (drawn(1)?, drawn(2)?);
        let mut nans = first.clone();
        let ends: Vec<(f64, f64)> = space.intervals().collect();
        for (leaf, place) in space.places() {
            if leaf.domain() == Domain::Real {
                nans[place].fill(f64::NAN);
                continue;
            }
            // Cast to an integer, NaN would be 0, whatever the domain. Of a flag that is drawn the value may be the one it has: ends differ.
            for i in place {
                (first[i], second[i]) = ends[i];
            }
        }
        Ok(Self { start: host::to_f64s(&start)?, others: [first, second, nans], space })
    }

    /// The start with the coordinates of these leaves from another point.
    fn point(&self, leaves: &[Place<'_>], other: &[f64]) -> Result<CowTensor> {
        let mut point = self.start.clone();
        leaves.iter().for_each(|(_, place)| point[place.clone()].copy_from_slice(&other[place.clone()]));
        let mut tensor = self.space.zeros()?;
        with_scalar!(self.space.dtype(), T => host::edit::<T, _>(&mut tensor, |x| {
            x.iter_mut().zip(&point).for_each(|(x, value)| *x = *value as T);
        }))?;
        Ok(tensor)
    }
}

type Place<'a> = (&'a Leaf, std::ops::Range<usize>);

/// The names of the free leaves that can be anything without `loss` being another, fixed ones apart.
///
/// # Errors
/// [`Error::Unsupported`] for a loss that is another for the same point, or no finite number at the start: nothing can be said then.
pub(super) fn without_effect(space: &Space, mut loss: impl FnMut(&CowTensor) -> Result<f64>) -> Result<Vec<String>> {
    let start = space.start();
    let base = loss(&start)?;
    if !base.is_finite() || loss(&start)?.to_bits() != base.to_bits() {
        let why = format!(
            "must be finite, and the same for the same parameters, to tell what it depends on; it is {base} at the start"
        );
        return Err(Error::unsupported("the loss", why));
    }
    let (fillings, fixed) = (Fillings::new(space)?, space.fixed().collect::<Vec<_>>());
    let leaves: Vec<Place<'_>> = space.places().filter(|(_, place)| fixed[place.clone()].contains(&false)).collect();
    let (mut found, mut groups) = (vec![], vec![&leaves[..]]);
    while let Some(group) = groups.pop().filter(|group| !group.is_empty()) {
        // Flags that are the same in every filling may only matter when they differ: they are tried one by one.
        if group.len() > 1 && group.iter().any(|(leaf, _)| leaf.domain() != Domain::Real) {
            groups.extend(group.chunks(1));
            continue;
        }
        let mut silent = true;
        for other in fillings.others.iter() {
            silent = silent && loss(&fillings.point(group, other)?)?.to_bits() == base.to_bits();
        }
        match (silent, group.len()) {
            (true, _) => found.extend(group.iter().map(|(leaf, _)| leaf.name().to_owned())),
            (false, 1) => {}
            (false, n) => groups.extend([&group[n / 2..], &group[..n / 2]]),
        }
    }
    Ok(found)
}
