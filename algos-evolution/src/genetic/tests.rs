//! The operators beside their papers, and one step beside a plain loop.

use moths_core::{Function, Key, Leaf, Optimizer, Sampler, Space, Stop, minimize, optimizer::Algorithm};
use rand::RngExt;
use serde_json::json;

use super::{Crossover, Genes, Genetic, GeneticConfig, Integers, Mutation, Selection, crossover, mutation, selection::Pool};
use crate::differential::whole::Whole;

fn bowl(x: &[f64]) -> f64 {
    x.iter().enumerate().map(|(j, x)| (j + 1) as f64 * (x - 1.0).powi(2)).sum()
}

/// Tournaments of two, uniform crossover, Gaussian mutation of every gene.
#[test]
fn steps_are_those_of_the_equations() {
    let (space, key, n, d) = (Space::real(3).unwrap(), Key::new(6), 7, 3);
    let config = GeneticConfig {
        population: Some(n.into()),
        elite: 2,
        crossover: Crossover::Uniform,
        mutation: Mutation::Gaussian,
        mutation_rate: Some(1.0),
        ..GeneticConfig::default()
    };
    let mut ours = Genetic::new(config, &space, key).unwrap();
    let mut objective = Function::new(space, bowl);
    ours.step(&mut objective).unwrap();
    for t in 1..5 {
        let mut x: Vec<Vec<f64>> = ours.population.points().to_vec2().unwrap();
        x.sort_by(|a, b| bowl(a).total_cmp(&bowl(b)));
        let (mut stream, mut next) = (key.fold(t).fold(1).stream(), x[..2].to_vec());
        let noise = key.fold(t).fold(2).fold(1);
        while next.len() < n {
            let mut parent = || stream.random_range(0..n).min(stream.random_range(0..n));
            let (a, b) = (parent(), parent());
            let (mut one, mut other) = (x[a].clone(), x[b].clone());
            if stream.random::<f64>() < 0.9 {
                for j in 0..d {
                    if stream.random::<bool>() {
                        std::mem::swap(&mut one[j], &mut other[j]);
                    }
                }
            }
            for mut child in [one, other] {
                let mut z = [0.0; 3];
                Sampler::Normal.fill_slice(noise.fold(next.len() as u64 - 2).fold(0), &mut z);
                child.iter_mut().zip(z).for_each(|(x, z)| *x += 0.1 * z);
                next.push(child);
            }
        }
        ours.step(&mut objective).unwrap();
        assert_eq!(ours.population.points().to_vec2::<f64>().unwrap(), next[..n], "step {t}");
    }
}

#[test]
fn sbx_and_polynomial_mutation_have_the_densities_of_their_papers() {
    // P(β ≤ 1) = ½, and below it the density is (η + 1)/2 β^η: P(β ≤ b) = b^{η+1}/2; above, 1 − b^{−(η+1)}/2.
    for u in [0.01, 0.2, 0.4999, 0.6, 0.99] {
        let b = crossover::spread(u, 2.0);
        let back = if b <= 1.0 { 0.5 * b.powi(3) } else { 1.0 - 0.5 * b.powi(-3) };
        assert!((back - u).abs() < 1e-12, "{u}");
        // The density of δ is (η + 1)/2 (1 − |δ|)^η on ±1.
        let delta = mutation::offset(u, 3.0);
        let back = if delta < 0.0 { 0.5 * (1.0 + delta).powi(4) } else { 1.0 - 0.5 * (1.0 - delta).powi(4) };
        assert!((back - u).abs() < 1e-12, "{u}");
    }
}

#[test]
fn selection_prefers_as_much_as_it_says() {
    let loss = [3.0, 1.0, f64::INFINITY, 2.0];
    let order = [1, 3, 0, 2];
    let expected = |selection| match selection {
        // (7, 5, 3, 1) of 16; the best two; gains 2, 1, 0 and nothing for who failed; 1.5 to 0.5 children.
        Selection::Tournament => [7.0 / 16.0, 5.0 / 16.0, 3.0 / 16.0, 1.0 / 16.0],
        Selection::Truncation => [0.5, 0.5, 0.0, 0.0],
        Selection::Roulette => [2.0 / 3.0, 1.0 / 3.0, 0.0, 0.0],
        Selection::Rank => [0.375, 7.0 / 24.0, 5.0 / 24.0, 0.125],
    };
    for selection in [Selection::Tournament, Selection::Truncation, Selection::Roulette, Selection::Rank] {
        let config = GeneticConfig { selection, ..GeneticConfig::default() };
        let (pool, mut stream) = (Pool::new(&config, &order, &loss), Key::new(1).stream());
        let mut seen = [0.0f64; 4];
        (0..40_000).for_each(|_| seen[pool.parent(&mut stream)] += 1.0 / 40_000.0);
        for (place, p) in expected(selection).into_iter().enumerate() {
            assert!((seen[order[place]] - p).abs() < 0.012, "{selection:?}: {seen:?}");
        }
    }
}

#[test]
fn a_point_crossover_exchanges_a_tail_and_a_gene_is_inherited_as_one() {
    let space = Space::new(vec![Leaf::real("a", [2, 3]), Leaf::real("b", [2])]).unwrap();
    for (genes, count) in [(Genes::Element, 8), (Genes::Row, 4), (Genes::Leaf, 2)] {
        let layout = super::Layout::new(genes, &space);
        assert_eq!((layout.count(), layout.range(count - 1).end), (count, 8));
        let config = GeneticConfig { crossover: Crossover::OnePoint, genes, ..GeneticConfig::default() };
        for seed in 0..20 {
            let (mut first, mut second) = ([0.0; 8], [0.0; 8]);
            let mut stream = Key::new(seed).stream();
            crossover::cross(Some(&config), &layout, &[], [&[0.0; 8], &[1.0; 8]], [&mut first, &mut second], &mut stream);
            let cut = first.iter().position(|x| *x == 1.0).unwrap();
            assert!((0..count).any(|gene| layout.range(gene).start == cut) && cut > 0);
            assert!((0..8).all(|j| first[j] == f64::from(u8::from(j >= cut)) && second[j] == 1.0 - first[j]));
        }
    }
}

#[test]
fn every_way_of_breeding_finds_the_optimum_of_a_bowl() {
    let space = Space::bounded([(-5.0, 5.0); 5]).unwrap();
    let crossovers =
        [Crossover::Uniform, Crossover::OnePoint, Crossover::TwoPoint, Crossover::Arithmetic, Crossover::Blend, Crossover::Sbx];
    for crossover in crossovers {
        for mutation in [Mutation::Gaussian, Mutation::Polynomial, Mutation::SelfAdaptive] {
            for selection in [Selection::Tournament, Selection::Truncation, Selection::Roulette, Selection::Rank] {
                let config = GeneticConfig { crossover, mutation, selection, ..GeneticConfig::default() };
                let mut ours = Genetic::new(config, &space, Key::new(2)).unwrap();
                let end = minimize(&mut ours, &mut Function::new(space.clone(), bowl), &Stop::evaluations(20_000)).unwrap();
                assert!(end.tally.lowest < 0.1, "{crossover:?} {mutation:?} {selection:?}: {}", end.tally.lowest);
            }
        }
    }
}

#[test]
fn flags_are_flipped_and_integers_step() {
    let space = Space::new(vec![Leaf::integer("i", [6], -50, 50), Leaf::bool("b", [6])]).unwrap();
    let f = |x: &[f64]| x.iter().enumerate().map(|(j, x)| (x - (j % 2) as f64).abs()).sum();
    for crossover in [Crossover::Uniform, Crossover::Sbx, Crossover::Blend] {
        let mut ours = Genetic::new(GeneticConfig { crossover, ..GeneticConfig::default() }, &space, Key::new(3)).unwrap();
        let stop = Stop::evaluations(40_000).or_target(0.0);
        let end = minimize(&mut ours, &mut Function::new(space.clone(), f), &stop).unwrap();
        assert_eq!(end.tally.lowest, 0.0, "{crossover:?}");
    }
}

#[test]
fn redrawn_integers_are_any_other_and_swaps_keep_how_many_are_set() {
    let space = Space::new(vec![Leaf::integer("i", [200], 0, 4), Leaf::bool("b", [40])]).unwrap();
    let (wholes, layout) = (Whole::of(&space), super::Layout::new(Genes::Element, &space));
    let rates = |mutation_rate, swap_rate| GeneticConfig {
        mutation_rate: Some(mutation_rate),
        swap_rate,
        integers: Integers::Redraw,
        ..GeneticConfig::default()
    };
    let mutant = |config: &GeneticConfig, parent: &[f64], seed| {
        let mut child = parent.to_vec();
        mutation::Mutator::new(config, &layout, &wholes, Key::new(seed)).mutate(&mut child, 0.1);
        child
    };
    let values = |point: &[f64]| wholes.iter().map(|whole| whole.value(point[whole.at])).collect::<Vec<_>>();
    let parent: Vec<f64> = wholes.iter().map(|whole| whole.coordinate_of(whole.at % whole.count())).collect();
    let mut seen = [0; 5];
    for seed in 0..50 {
        let child = values(&mutant(&rates(1.0, 0.0), &parent, seed));
        assert!(child.iter().zip(values(&parent)).all(|(child, parent)| *child != parent));
        child[..200].iter().for_each(|value| seen[*value] += 1);
        let swapped = values(&mutant(&rates(0.0, 1.0), &parent, seed));
        let moved = swapped.iter().zip(values(&parent)).filter(|(child, parent)| *child != parent).count();
        let sum = |values: &[usize]| values.iter().sum::<usize>();
        assert!(moved == 0 || moved == 2);
        assert_eq!([sum(&swapped[..200]), sum(&swapped[200..])], [400, 20]);
    }
    assert!(seen.iter().all(|times| (1800..2200).contains(times)), "{seen:?}");
}

#[test]
fn the_elite_is_fewer_than_the_population_at_every_step() {
    let refused = |settings: serde_json::Value| {
        let config: GeneticConfig = serde_json::from_value(settings).unwrap();
        Genetic::new(config, &Space::real(2).unwrap(), Key::new(1)).err().unwrap().to_string()
    };
    let shrinking = json!({ "linear": { "from": 9, "to": 3, "steps": 8 } });
    assert!(
        refused(json!({ "population": shrinking, "elite": 3 })).starts_with("elite = 3: fewer than the population, which is 3")
    );
    assert_eq!(refused(json!({ "population": 1, "elite": 0 })), "population = 1: at least 2 at every step");
}
