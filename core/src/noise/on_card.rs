//! Noise on a card: the kernels of `noise.cu`, for laws whose elements are independent of each other.

use candle_core::Tensor;

use super::{CUDA, Perturbation, Sampler};
use crate::{
    fuse::{Call, Given, OnCard, cuda::WARP},
    rng::{BLOCK, Seed},
    tensor::place,
};

/// The keys and weights of terms as a card is given them.
#[derive(Default)]
pub(super) struct Lists {
    /// The law's kernels, and its parameter; `None`: computed here, and the lists are empty.
    law: Option<(Functions, f64)>,
    keys: Vec<u64>,
    weights: Vec<f64>,
    others: Vec<f64>,
}

/// What the kernels of a law are called.
#[derive(Clone, Copy)]
struct Functions {
    perturb: &'static str,
    add_weighted: &'static str,
    add_moments: &'static str,
}

/// One of them with its arguments.
pub(super) struct Kernel<'t>(Option<(&'static str, usize, Vec<Given<'t>>)>);

macro_rules! functions {
    ($law:literal) => {
        Functions {
            perturb: concat!("perturb_", $law),
            add_weighted: concat!("add_weighted_", $law),
            add_moments: concat!("add_moments_", $law),
        }
    };
}

impl Sampler {
    fn functions(self) -> Option<(Functions, f64)> {
        Some(match self {
            Self::Normal => (functions!("normal"), 0.0),
            Self::Uniform => (functions!("uniform"), 0.0),
            Self::Rademacher => (functions!("rademacher"), 0.0),
            Self::Laplace => (functions!("laplace"), 0.0),
            Self::StudentT { dof } => (functions!("student"), dof),
            Self::Cauchy => (functions!("student"), 1.0),
            Self::AsymmetricBernoulli { epsilon } => (functions!("asymmetric_bernoulli"), epsilon),
            _ => return None,
        })
    }
}

impl Lists {
    /// Of terms (seed, weight, weight of the square) of noise that is written to `target`.
    pub(super) fn of(noise: &Perturbation, target: &Tensor, terms: impl IntoIterator<Item = (Seed, f64, f64)>) -> Self {
        if place::is_near(target) || noise.subspace.is_some() {
            return Self::default();
        }
        let mut lists = Self { law: noise.sampler().functions(), ..Self::default() };
        for (seed, weight, other) in terms {
            lists.keys.push(seed.key().to_bits());
            lists.weights.push(weight);
            lists.others.push(other);
        }
        lists
    }

    /// Rows of `d` elements; of what the call reads, these are the centre and the deviation, where there are any.
    pub(super) fn perturb(&self, d: usize, centre: Option<usize>, deviation: Option<usize>) -> Kernel<'_> {
        Kernel(self.law.map(|(functions, parameter)| {
            let given = vec![
                Given::Word(self.keys.len()),
                Given::Word(d),
                read(centre),
                read(deviation),
                Given::Words(&self.keys),
                Given::Numbers(&self.weights),
                Given::Number(parameter),
                Given::Written(0),
            ];
            (functions.perturb, self.keys.len() * d.div_ceil(BLOCK) * WARP, given)
        }))
    }

    /// `d` elements of noise, from `first` on, onto what the call writes.
    pub(super) fn add_weighted(&self, first: usize, d: usize, deviation: Option<usize>) -> Kernel<'_> {
        Kernel(self.law.map(|(functions, parameter)| {
            let given = vec![
                Given::Word(self.keys.len()),
                Given::Word(first),
                Given::Word(d),
                read(deviation),
                Given::Words(&self.keys),
                Given::Numbers(&self.weights),
                Given::Number(parameter),
                Given::Written(0),
            ];
            (functions.add_weighted, (d.div_ceil(BLOCK) + 1) * WARP, given)
        }))
    }

    /// The same, and squares onto the second that it writes.
    pub(super) fn add_moments(&self, d: usize, deviation: Option<usize>) -> Kernel<'_> {
        Kernel(self.law.map(|(functions, parameter)| {
            let given = vec![
                Given::Word(self.keys.len()),
                Given::Word(d),
                read(deviation),
                Given::Words(&self.keys),
                Given::Numbers(&self.weights),
                Given::Numbers(&self.others),
                Given::Number(parameter),
                Given::Written(0),
                Given::Written(1),
            ];
            (functions.add_moments, d.div_ceil(BLOCK) * WARP, given)
        }))
    }
}

fn read(slot: Option<usize>) -> Given<'static> {
    slot.map_or(Given::Nothing, Given::Read)
}

impl Kernel<'_> {
    pub(super) fn enter<'t>(&'t self, call: &mut Call<'t>) {
        if let Some((function, threads, given)) = &self.0 {
            call.on_card(OnCard::Named { text: CUDA, function, threads: *threads, given });
        }
    }
}
