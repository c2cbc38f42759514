//! Two parents at a time to two children at a time.

use moths_core::{Key, rng::Element};
use rand::RngExt;

use super::{GeneticConfig, crossover, genes::Layout, mutation::Mutator, selection::Pool};
use crate::differential::whole::Whole;

/// What children are made from.
pub(super) struct Brood<'a> {
    pub(super) config: &'a GeneticConfig,
    pub(super) layout: &'a Layout,
    pub(super) wholes: &'a [Whole],
    pub(super) pool: Pool<'a>,
    pub(super) sigma: &'a [f64],
    pub(super) key: Key,
}

impl Brood<'_> {
    /// The children, and their σ_i, from the parents' rows of length d.
    pub(super) fn fill<T: Element>(&self, x: &[T], children: &mut [T], child_sigma: &mut [f64], d: usize) {
        let mut stream = self.key.fold(1).stream();
        let mut mutator = Mutator::new(self.config, self.layout, self.wholes, self.key.fold(2));
        let row = |i: usize| &x[i * d..(i + 1) * d];
        for (pair, sigma) in children.chunks_mut(2 * d).zip(child_sigma.chunks_mut(2)) {
            let parents = [self.pool.parent(&mut stream), self.pool.parent(&mut stream)];
            let (first, second) = pair.split_at_mut(d);
            let mixed = stream.random::<f64>() < self.config.crossover_rate;
            let mut cross = |children| {
                let how = if mixed { Some(self.config) } else { None };
                crossover::cross(how, self.layout, self.wholes, parents.map(row), children, &mut stream);
            };
            // The last pair may have one child only.
            let mut spare = vec![T::ZERO; if second.is_empty() { d } else { 0 }];
            cross([&mut *first, if second.is_empty() { &mut spare } else { &mut *second }]);
            for ((child, parent), sigma) in [first, second].into_iter().zip(parents).zip(sigma) {
                *sigma = mutator.mutate(child, self.sigma[parent]);
            }
        }
    }
}
