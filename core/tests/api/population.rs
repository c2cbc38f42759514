//! Members of a population: where they begin, who joins and who leaves, and where they go when they are moved.

use crate::toy::Test;
use candle_core::{DType, Tensor};
use moths_core::{
    CowTensor, Error, Key, Leaf, Space,
    optimizer::{
        Init, Population, Size,
        population::Joining,
        schedule::{Curve, Ramp},
    },
    persist::{Keep, State},
};

const ALL: [Init; 6] = [Init::Around, Init::Same, Init::Gaussian, Init::LikeWeights, Init::LatinHypercube, Init::Sobol];

fn columns(x: &Tensor) -> candle_core::Result<Vec<Vec<f64>>> {
    x.to_dtype(DType::F64)?.t()?.contiguous()?.to_vec2()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn deviation(values: &[f64]) -> f64 {
    let m = mean(values);
    (values.iter().map(|x| (x - m).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
}

#[test]
fn the_first_member_is_the_start_and_none_is_outside() -> Test {
    let leaves = || vec![Leaf::real("free", [3, 2]), Leaf::real("box", [4]).bounds(-1.0, 3.0), Leaf::integer("whole", [2], 0, 5)];
    for dtype in [DType::F32, DType::F64] {
        let space = Space::with_dtype(leaves(), dtype)?;
        for init in ALL {
            let points = init.points(&space, &space.start(), Key::new(3), 50)?;
            assert_eq!(points.dims(), [50, space.dim()]);
            assert_eq!(
                points.get(0)?.to_dtype(DType::F64)?.to_vec1::<f64>()?,
                space.start().to_dtype(DType::F64)?.to_vec1::<f64>()?
            );
            let mut confined = CowTensor::new(points.copy()?);
            space.confine(&mut confined)?;
            let changed = (&*points - &*confined)?.abs()?.to_dtype(DType::F64)?.max_all()?.to_scalar::<f64>()?;
            assert!(changed < 1e-6, "{init:?} begins {changed} outside");
            let same = columns(&points)?.iter().all(|column| deviation(column) < 1e-12);
            assert_eq!(same, init == Init::Same, "{init:?}");
        }
    }
    Ok(())
}

/// A network's weights as they are initialised: `around` makes them √2 as wide and alike, `like-weights` as wide and independent.
#[test]
fn members_like_weights_are_as_wide_as_the_start_and_independent_of_it() -> Test {
    let space = Space::with_dtype(vec![Leaf::real("weight", [40, 50]), Leaf::real("bias", [20])], DType::F64)?;
    let drawn = moths_core::Sampler::Normal;
    let mut start = space.zeros()?;
    drawn.fill(Key::new(9), &mut start)?;
    let bias = Tensor::full(0.25, 20, start.device())?;
    start = Tensor::cat(&[(start.narrow(0, 0, 2000)? * 0.5)?, bias], 0)?.into();
    let space = space.starting_at(&start)?;
    let spread = |init: Init| -> Result<(f64, f64, f64), Error> {
        let points = init.points(&space, &space.start(), Key::new(1), 20)?;
        let (weights, biases) = (points.narrow(1, 0, 2000)?, points.narrow(1, 2000, 20)?);
        let rows = weights.narrow(0, 1, 19)?.to_vec2::<f64>()?;
        let own = mean(&rows.iter().map(|row| deviation(row)).collect::<Vec<_>>());
        let first = start.narrow(0, 0, 2000)?.to_vec1::<f64>()?;
        let alike = |row: &Vec<f64>| {
            mean(&row.iter().zip(&first).map(|(a, b)| a * b).collect::<Vec<_>>()) / (deviation(row) * deviation(&first))
        };
        Ok((
            own,
            mean(&rows.iter().map(alike).collect::<Vec<_>>()),
            deviation(&biases.narrow(0, 1, 19)?.flatten_all()?.to_vec1::<f64>()?),
        ))
    };
    let (own, alike, biases) = spread(Init::LikeWeights)?;
    assert!((own - 0.5).abs() < 0.02 && alike.abs() < 0.05 && (biases - 1.0).abs() < 0.1, "{own} {alike} {biases}");
    let (own, alike, _) = spread(Init::Around)?;
    assert!((own - 1.25f64.sqrt()).abs() < 0.05 && (alike - 0.45).abs() < 0.05, "{own} {alike}");
    Ok(())
}

#[test]
fn a_latin_hypercube_has_one_member_in_every_stratum() -> Test {
    let space = Space::bounded([(-2.0, 6.0); 5])?;
    let n = 16;
    let mut points = Init::LatinHypercube.points(&space, &space.start(), Key::new(4), n + 1)?;
    let (lower, upper) = space.box_tensors()?.expect("a box");
    // The start took the place of one.
    points = points.narrow(0, 1, n)?.copy()?.into();
    for ((column, lo), hi) in columns(&points)?.into_iter().zip(lower.to_vec1::<f64>()?).zip(upper.to_vec1::<f64>()?) {
        let mut strata: Vec<usize> = column.iter().map(|x| ((x - lo) / (hi - lo) * (n + 1) as f64) as usize).collect();
        strata.sort_unstable();
        strata.dedup();
        assert_eq!(strata.len(), n);
    }
    Ok(())
}

#[test]
fn a_net_fills_the_box_more_evenly_than_chance() -> Test {
    let space = Space::bounded([(0.0, 1.0); 2])?;
    let quarters = |init: Init| -> Result<Vec<usize>, Error> {
        let points = space.decode(&*init.points(&space, &space.start(), Key::new(5), 65)?)?.narrow(0, 1, 64)?.to_vec2::<f64>()?;
        let mut counts = vec![0; 16];
        points.iter().for_each(|p| counts[(p[0] * 4.0) as usize * 4 + (p[1] * 4.0) as usize] += 1);
        Ok(counts)
    };
    let spread = |counts: &[usize]| counts.iter().max().unwrap_or(&0) - counts.iter().min().unwrap_or(&0);
    let (net, chance) = (quarters(Init::Sobol)?, quarters(Init::Around)?);
    assert!(spread(&net) <= 2 && spread(&chance) > 4, "{net:?} {chance:?}");
    Ok(())
}

fn growing(from: f64, to: f64) -> Size {
    Size::Curve(Curve::Linear(Ramp { from, to, steps: Some(10) }))
}

#[test]
fn members_join_near_and_leave_from_the_worst() -> Test {
    let space = Space::bounded([(0.0, 1.0); 3])?;
    let size = growing(6.0, 12.0);
    let mut population = Population::new(&space, &space.start(), Key::new(1), &size, Init::Around)?;
    let losses = [5.0, 1.0, 4.0, f64::INFINITY, 2.0, 3.0];
    population.judge(&losses)?;
    population.join(12, Joining::Best, &space, Key::new(2))?;
    assert_eq!((population.len(), &population.losses()[..6]), (12, &losses[..]));
    assert!(population.losses()[6..].iter().all(|loss| loss.is_infinite()));
    let mut confined = population.points().clone();
    space.confine(&mut confined)?;
    assert_eq!(confined.to_vec2::<f64>()?, population.points().to_vec2::<f64>()?);

    let refused = population.join(13, Joining::Mean, &space, Key::new(3));
    assert!(matches!(refused, Err(Error::Invalid { .. })), "{refused:?}");

    let mut population = Population::new(&space, &space.start(), Key::new(1), &growing(6.0, 2.0), Init::Around)?;
    population.judge(&losses)?;
    let kept = population.fittest(4);
    assert_eq!(kept, [1, 2, 4, 5]);
    let before = population.points().to_vec2::<f64>()?;
    population.retain(&kept)?;
    assert_eq!(
        (population.points().to_vec2::<f64>()?, population.losses()),
        (kept.iter().map(|i| before[*i].clone()).collect(), &[1.0, 4.0, 2.0, 3.0][..])
    );
    assert!(population.retain(&[0]).is_err() && population.retain(&[0, 9]).is_err());
    assert_eq!(population.len(), 4);
    Ok(())
}

#[test]
fn a_generation_may_be_succeeded_by_one_of_any_size_that_there_may_be() -> Test {
    let space = Space::real(3)?;
    let mut population = Population::new(&space, &space.start(), Key::new(1), &growing(4.0, 8.0), Init::Around)?;
    let old = population.points().to_vec2::<f64>()?;
    let mut next = space.zeros_for(6)?;
    for refused in [vec![1.0; 5], vec![1.0; 9]] {
        assert!(matches!(population.succeed(&mut next, refused), Err(Error::Shape { .. })));
    }
    assert_eq!((population.len(), population.points().to_vec2::<f64>()?), (4, old.clone()));
    population.succeed(&mut next, vec![3.0, 1.0, 2.0, 4.0, 5.0, 6.0])?;
    assert_eq!((population.len(), population.best(), population.is_judged()), (6, 1, true));
    assert_eq!(next.to_vec2::<f64>()?, old, "the old generation is left where the new one was");
    Ok(())
}

#[test]
fn a_state_is_taken_back_whatever_the_size_was() -> Test {
    let space = Space::real(3)?;
    let new = || Population::new(&space, &space.start(), Key::new(1), &growing(4.0, 8.0), Init::Around);
    let mut grown = new()?;
    grown.judge(&[1.0, 2.0, 3.0, 4.0])?;
    grown.join(7, Joining::Mean, &space, Key::new(2))?;
    let state = State::of(&mut grown)?;
    let mut fresh = new()?;
    state.restore(&mut fresh, Keep::Nothing)?;
    assert_eq!((fresh.len(), State::of(&mut fresh)?.digest()?), (7, state.digest()?));
    let mut larger = Population::new(&space, &space.start(), Key::new(1), &growing(9.0, 12.0), Init::Around)?;
    assert!(state.restore(&mut larger, Keep::Nothing).is_err(), "7 members where there are 9 to 12");
    assert_eq!(larger.len(), 9);
    Ok(())
}

#[test]
fn sizes_are_whole_and_stay_in_their_range() {
    for size in [growing(3.0, 9.6), Size::from(7), growing(2.4, 0.0)] {
        let range = size.range();
        assert!((0..20).all(|t| range.contains(&size.at(t))), "{size:?}");
        assert!(*range.start() >= 1);
    }
    assert!(growing(10.0, 3.0).least("population", 4).is_err() && growing(10.0, 4.0).least("population", 4).is_ok());
}

#[test]
fn a_move_into_a_corner_leaves_the_population_its_extent() -> Test {
    let space = Space::bounded([(0.0, 1.0); 2])?;
    let population = Population::new(&space, &space.start(), Key::new(1), &20.into(), Init::Around)?;
    let corner = space.point(&CowTensor::new((&*space.start() + 1e4)?))?;
    let moved = population.moved(&corner, &space, Key::new(2))?;
    assert_eq!(moved.answer()?.to_vec1::<f64>()?, corner.to_vec1::<f64>()?);
    let mut coordinates: Vec<f64> = moved.points().flatten_all()?.to_vec1()?;
    coordinates.sort_by(f64::total_cmp);
    coordinates.dedup();
    assert!(coordinates.len() > 35 && coordinates.iter().all(|x| (0.0..=4.0).contains(x)), "{coordinates:?}");
    Ok(())
}

#[test]
fn one_point_is_one_point_only_within_rounding() -> Test {
    let space = Space::real(3)?;
    let population = Population::new(&space, &space.start(), Key::new(1), &5.into(), Init::Around)?;
    assert!(!population.is_one_point()?);
    let mut population = Population::new(&space, &space.start(), Key::new(1), &5.into(), Init::Same)?;
    let trials: Vec<f64> = (0..5).flat_map(|i| [1e-13 * f64::from(i), 1.0, 2.0]).collect();
    population.replace(&[0, 1, 2, 3, 4], &Tensor::from_vec(trials, (5, 3), space.device())?, &[0.0; 5])?;
    assert!(population.is_one_point()?);
    Ok(())
}
