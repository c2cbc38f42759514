//! What a child has of its parents: state, settings, point.

use candle_core::DType;
use moths_core::{CowTensor, Key, Leaf, Result, Space, Spec, optimizer::settings, persist::State, registry};

use super::{
    super::{
        crossover::{Crossover, Unit},
        heredity::{self, Mutation},
    },
    run, space,
};

#[test]
fn what_is_bred_is_of_either_parent_or_between_them() -> Result<()> {
    let state = |key: u64, steps: usize| -> Result<State> {
        let mut parent = registry::build(&"spsa".parse::<Spec>()?.with("descent", "adamw")?, &space(), Key::new(key))?;
        run(&mut *parent, steps)?;
        State::of(&mut parent)
    };
    let (first, second) = (state(1, 3)?, state(2, 9)?);
    let mut seen = [0; 3];
    for key in 0..20 {
        let child = heredity::state(heredity::Inheritance::Breed, vec![first.clone(), second.clone()], Key::new(key))?;
        let child = child.expect("a state").digest()?;
        for ((field, a), ((_, b), (_, child))) in first.digest()?.into_iter().zip(second.digest()?.into_iter().zip(child)) {
            let middle = || {
                let mean = |(a, b): (&u64, &u64)| (0.5 * (f64::from_bits(*a) + f64::from_bits(*b))).to_bits();
                a.iter().zip(&b).map(mean).collect::<Vec<_>>()
            };
            let from = [child == a, child == b, child == middle()];
            assert!(from.contains(&true), "{field} is of nobody");
            from.iter().zip(&mut seen).for_each(|(is, seen)| *seen += usize::from(*is && a != b));
        }
        let mut heir = registry::build(&"spsa".parse::<Spec>()?.with("descent", "adamw")?, &space(), Key::new(3))?;
        let bred = heredity::state(heredity::Inheritance::Breed, vec![first.clone(), second.clone()], Key::new(key))?;
        heredity::inherit(&mut *heir, &bred.expect("a state"))?;
        run(&mut *heir, 3)?;
    }
    assert!(seen.iter().all(|seen| *seen > 5), "{seen:?}");
    Ok(())
}

#[test]
fn settings_are_of_either_parent_and_stay_in_their_ranges() -> Result<()> {
    let parse = |text: &str| text.parse::<Spec>();
    let first = parse(r#"{"name": "spsa", "c": 0.1, "descent": {"name": "adamw", "rate": 0.1, "beta1": 0.5}}"#)?;
    let second = parse(r#"{"name": "spsa", "c": 0.2, "descent": {"name": "adamw", "rate": 0.2}}"#)?;
    for key in 0..30 {
        let child = heredity::crossed(&first, &second, Key::new(key));
        registry::build(&child, &space(), Key::new(0))?;
        for number in settings::numbers(&child)? {
            let of = |spec: &Spec| -> Result<bool> {
                Ok(settings::numbers(spec)?.iter().any(|one| one.path == number.path && one.value == number.value))
            };
            assert!(of(&first)? || of(&second)?, "{number:?}");
        }
    }
    let near = Mutation { chance: 1.0, factors: &[1.25], resample: 0.0, of: None };
    let mut child = first.clone();
    for key in 0..3 {
        child = near.of(&child, Key::new(key))?;
    }
    let beta = child.settings["descent"]["beta2"].as_f64().expect("a number");
    assert!(beta < 0.9999, "a memory of {} steps", 1.0 / (1.0 - beta));
    let wild = Mutation { chance: 1.0, factors: &[0.001, 1000.0], resample: 0.3, of: None };
    for id in registry::entries().iter().map(|entry| entry.meta.id) {
        let mut spec = Spec::new(id);
        for key in 0..10 {
            spec = wild.of(&spec, Key::new(key))?;
            let numbers = settings::numbers(&spec)?;
            assert!(numbers.iter().all(|n| (n.range.0..=n.range.1).contains(&n.value)), "{spec}");
        }
    }
    let rates = ["descent.rate".to_owned()];
    let one = Mutation { chance: 1.0, factors: &[2.0], resample: 0.0, of: Some(&rates) };
    let child = one.of(&first, Key::new(1))?;
    assert_eq!(child, parse(r#"{"name": "spsa", "c": 0.1, "descent": {"name": "adamw", "rate": 0.2, "beta1": 0.5}}"#)?);
    Ok(())
}

#[test]
fn children_have_each_unit_of_either_parent() -> Result<()> {
    let leaves = vec![
        Leaf::real("a", [2, 3]).dtype(DType::F64),
        Leaf::real("b", [3]).dtype(DType::F64),
        Leaf::real("c", [4, 1, 2]).dtype(DType::F64),
    ];
    let space = Space::with_dtype(leaves, DType::F64)?;
    let (zero, mut one) = (space.zeros()?, space.zeros()?);
    one = CowTensor::new((&*one + 1.0)?);
    let lengths = [(Unit::Tensor, vec![6, 3, 8]), (Unit::Row, vec![3, 3, 3, 2, 2, 2, 2]), (Unit::Element, vec![1; 17])];
    for (unit, lengths) in lengths {
        for (kind, changes) in [(Crossover::Swap, 2), (Crossover::OnePoint, 1), (Crossover::Uniform, usize::MAX)] {
            let mut seen = std::collections::HashSet::new();
            for key in 0..40 {
                let child = kind.child(unit, &zero, &one, &space, Key::new(key))?.to_vec1::<f64>()?;
                let mut rest = child.as_slice();
                let units: Vec<f64> = lengths
                    .iter()
                    .map(|len| {
                        let (unit, others) = rest.split_at(*len);
                        rest = others;
                        assert!(unit.iter().all(|x| *x == unit[0] && (*x == 0.0 || *x == 1.0)), "{unit:?}");
                        unit[0]
                    })
                    .collect();
                assert!(units.windows(2).filter(|pair| pair[0] != pair[1]).count() <= changes);
                if kind == Crossover::Swap {
                    assert_eq!(units.iter().sum::<f64>(), 1.0);
                }
                if kind == Crossover::OnePoint {
                    assert!(units[0] == 0.0);
                }
                seen.insert(units.iter().map(|x| *x as u8).collect::<Vec<_>>());
            }
            assert!(seen.len() >= 3, "{kind:?} by {unit:?}: {seen:?}");
        }
    }
    let mean = Crossover::Mean.child(Unit::Row, &zero, &one, &space, Key::new(1))?.to_vec1::<f64>()?;
    assert!(mean.iter().all(|x| *x == 0.5));
    Ok(())
}
