//! Their optimizers, with the settings that ours have, as far as they have them, and their defaults else.

use std::hint::black_box;

use cmaes::{CMAESOptions, DVector};
use fcmaes_core::{Cmaes, CmaesParams, Crfmnes, CrfmnesParams, De, DeParams, Fitness, Pgpe, PgpeParams};

use crate::{Losses, Step};

fn unbounded(d: usize) -> Fitness {
    Fitness::new(d, 1, vec![], vec![])
}

pub(crate) fn fcmaes_cma_es(d: usize, n: usize) -> Step {
    let params = CmaesParams { popsize: n as i32, max_evaluations: u64::MAX, ..Default::default() };
    let (mut es, mut losses) = (Cmaes::new(unbounded(d), &vec![0.0; d], &vec![1.0; d], &params), Losses(0));
    Box::new(move || {
        black_box(es.ask());
        es.tell(&losses.next(n));
    })
}

pub(crate) fn cmaes(d: usize, n: usize) -> Step {
    let (mut losses, mut left) = (Losses(0), vec![]);
    let objective = move |_: &DVector<f64>| {
        if left.is_empty() {
            left = losses.next(n);
        }
        left.pop().unwrap_or_default()
    };
    let mut es = CMAESOptions::new(vec![0.0; d], 1.0).population_size(n).build(objective).expect("valid options");
    Box::new(move || {
        black_box(es.next());
    })
}

pub(crate) fn cr_fm_nes(d: usize, n: usize) -> Step {
    let params = CrfmnesParams { popsize: n as i32, max_evaluations: u64::MAX, ..Default::default() };
    let (mut es, mut losses) = (Crfmnes::new(unbounded(d), &vec![0.0; d], 1.0, &params), Losses(0));
    Box::new(move || {
        black_box(es.ask_pop());
        es.tell_pop(&losses.next(n));
    })
}

pub(crate) fn pgpe(d: usize, n: usize) -> Step {
    let params = PgpeParams { popsize: n as i32, max_evaluations: u64::MAX, ..Default::default() };
    let (mut es, mut losses) = (Pgpe::new(unbounded(d), &vec![0.0; d], &vec![0.5; d], &params), Losses(0));
    Box::new(move || {
        black_box(es.ask_pop());
        es.tell_pop(&losses.next(n));
    })
}

pub(crate) fn de(d: usize, n: usize) -> Step {
    let params = DeParams { popsize: n as i32, max_evaluations: u64::MAX, ..Default::default() };
    let (mut de, mut losses) = (De::new(unbounded(d), &vec![0.0; d], &vec![1.0; d], None, &params), Losses(0));
    Box::new(move || {
        black_box(de.ask());
        de.tell(&losses.next(n));
    })
}
