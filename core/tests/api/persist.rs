//! States: taken without copying, given back whole or not at all.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::toy::{Test, Walk, bowl};
use candle_core::{DType, Device, Tensor};
use moths_core::{
    CowTensor, Error, Function, Key, Optimizer, Space, persist,
    persist::{Clock, Keep, Persist, State, atomically},
    tensor::host::to_f64s,
};

struct Everything {
    clock: Clock,
    tensor: CowTensor,
    list: Vec<f64>,
    number: f64,
    count: u64,
    flag: bool,
}
persist!(Everything { clock, tensor, list in |_| ..=3, number, count in |all| all.list.len() as u64.., flag });

impl Everything {
    fn new(tensor: &[f32]) -> moths_core::Result<Self> {
        let tensor = CowTensor::new(Tensor::new(tensor, &Device::Cpu)?);
        let list = vec![f64::NAN, -0.0, f64::INFINITY];
        Ok(Self { clock: Clock::new(Key::new(1)), tensor, list, number: 0.1, count: 3, flag: true })
    }
}

fn digest(owner: &mut dyn Persist) -> moths_core::Result<Vec<(String, Vec<u64>)>> {
    State::of(owner)?.digest()
}

#[test]
fn a_snapshot_shares_tensors_until_they_are_written() -> Test {
    let mut owner = Everything::new(&[1.0, 2.0])?;
    assert!(!owner.tensor.is_shared());
    let before = State::of(&mut owner)?;
    assert!(owner.tensor.is_shared(), "the snapshot holds the tensor itself");

    owner.tensor.make_mut()?.slice_set(&Tensor::new(&[9f32], &Device::Cpu)?, 0, 0)?;
    assert!(!owner.tensor.is_shared(), "writing has made a copy");
    assert_eq!(owner.tensor.to_vec1::<f32>()?, [9.0, 2.0]);
    before.restore(&mut owner, Keep::Nothing)?;
    assert_eq!(owner.tensor.to_vec1::<f32>()?, [1.0, 2.0]);
    assert_eq!(before.bytes(), 8 + 16 + 24 + 3 * 8);
    Ok(())
}

#[test]
fn every_bit_comes_back() -> Test {
    let mut owner = Everything::new(&[f32::NAN, -0.0, f32::MIN_POSITIVE / 2.0])?;
    let (before, bits) = (State::of(&mut owner)?, digest(&mut owner)?);
    owner = Everything { number: f64::MIN, count: u64::MAX, flag: false, list: vec![], ..Everything::new(&[0.0; 3])? };
    assert_ne!(digest(&mut owner)?, bits);
    before.restore(&mut owner, Keep::Nothing)?;
    assert_eq!(digest(&mut owner)?, bits);
    let fields: Vec<String> = bits.into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields, ["clock", "count", "flag", "list", "number", "tensor"]);
    Ok(())
}

#[test]
fn the_clock_can_be_kept() -> Test {
    let mut owner = Everything::new(&[1.0])?;
    let before = State::of(&mut owner)?;
    owner.clock.tick();
    owner.number = 7.0;
    let ticked = owner.clock;
    before.restore(&mut owner, Keep::Clocks)?;
    assert_eq!((owner.clock, owner.number), (ticked, 0.1));
    before.restore(&mut owner, Keep::Nothing)?;
    assert_eq!(owner.clock, Clock::new(Key::new(1)));
    Ok(())
}

/// The fields of [`Everything`], with one that does not fit.
struct Misfit {
    clock: Clock,
    count: f64,
    flag: bool,
    list: Vec<f64>,
    number: Vec<u64>,
    tensor: CowTensor,
}
persist!(Misfit { clock, count, flag, list, number, tensor });

struct Less {
    clock: Clock,
    count: u64,
}
persist!(Less { clock, count });

#[test]
fn a_field_that_does_not_fit_changes_nothing() -> Test {
    let owner = || Everything::new(&[1.0, 2.0]);
    let state_of_misfit = |number: Vec<u64>, tensor: Tensor| {
        let misfit =
            Misfit { clock: Clock::new(Key::new(99)), count: 5.0, flag: false, list: vec![], number, tensor: tensor.into() };
        State::of(&mut { misfit })
    };
    let fits = Tensor::zeros(2, DType::F32, &Device::Cpu)?;
    let cases = [
        ("number", state_of_misfit(vec![1, 2], fits.clone())?),
        ("tensor", state_of_misfit(vec![1], Tensor::zeros(3, DType::F32, &Device::Cpu)?)?),
        ("tensor", state_of_misfit(vec![1], fits.to_dtype(DType::F64)?)?),
        ("tensor", State::of(&mut Less { clock: Clock::new(Key::new(99)), count: 8 })?),
        ("everything", State::default()),
    ];
    for (field, state) in cases {
        let mut owner = owner()?;
        let before = digest(&mut owner)?;
        let refused = state.restore(&mut owner, Keep::Nothing);
        assert!(matches!(refused, Err(Error::State { .. })), "{field}: {refused:?}");
        assert_eq!(digest(&mut owner)?, before, "{field}");
    }
    Ok(())
}

#[test]
fn a_field_the_owner_does_not_know_is_refused_by_name() -> Test {
    let state = State::of(&mut Everything::new(&[1.0])?)?;
    let refused = state.restore(&mut Less { clock: Clock::new(Key::new(1)), count: 0 }, Keep::Nothing);
    assert!(matches!(refused, Err(Error::State { field, .. }) if field == "flag"));
    Ok(())
}

struct Swarm {
    x: CowTensor,
    losses: Vec<f64>,
}
persist!(Swarm { x in |_| 1..=40, losses in |swarm| swarm.losses() });

impl Swarm {
    fn of(n: usize, d: usize) -> moths_core::Result<Self> {
        Ok(Self { x: Tensor::zeros((n, d), DType::F32, &Device::Cpu)?.into(), losses: vec![0.5; n] })
    }

    fn losses(&self) -> std::ops::RangeInclusive<usize> {
        let n = self.x.dims()[0];
        n..=n
    }
}

#[test]
fn populations_may_grow_and_shrink_where_they_say_so_but_not_the_space() -> Test {
    let state = State::of(&mut Swarm::of(40, 3)?)?;
    let mut small = Swarm::of(10, 3)?;
    state.restore(&mut small, Keep::Nothing)?;
    assert_eq!((small.x.dims(), small.losses.len()), ([40, 3].as_slice(), 40));
    assert!(state.restore(&mut Swarm::of(40, 4)?, Keep::Nothing).is_err());

    let refused = |mut owner: Swarm| match State::of(&mut owner) {
        Ok(state) => state.restore(&mut Swarm::of(10, 3)?, Keep::Nothing),
        Err(error) => Err(error),
    };
    let uneven = Swarm { losses: vec![0.5; 9], ..Swarm::of(10, 3)? };
    for (owner, field) in [(Swarm::of(41, 3)?, "x"), (uneven, "losses")] {
        let refused = refused(owner);
        assert!(matches!(&refused, Err(Error::State { field: named, .. }) if named == field), "{field}: {refused:?}");
    }
    Ok(())
}

/// A list, a matrix and a flag without ranges.
struct Plain {
    list: Vec<u64>,
    matrix: CowTensor,
    flag: bool,
}
persist!(Plain { list, matrix, flag });

/// The same fields with anything in them.
struct Any {
    list: Vec<u64>,
    matrix: CowTensor,
    flag: u64,
}
persist!(Any { list in |_| .., matrix in |_| .., flag });

#[test]
fn what_says_no_range_keeps_its_size() -> Test {
    let matrix = |n: usize| Ok::<_, Error>(CowTensor::new(Tensor::zeros((n, 2), DType::F64, &Device::Cpu)?));
    let mut owner = Plain { list: vec![1, 2], matrix: matrix(3)?, flag: false };
    let before = digest(&mut owner)?;
    let others =
        [("list", vec![1], 3, 1), ("list", vec![1, 2, 3], 3, 1), ("matrix", vec![5, 6], 2, 1), ("flag", vec![5, 6], 3, 2)];
    for (field, list, rows, flag) in others {
        let state = State::of(&mut Any { list, matrix: matrix(rows)?, flag })?;
        let refused = state.restore(&mut owner, Keep::Nothing);
        assert!(matches!(&refused, Err(Error::State { field: named, .. }) if named == field), "{field}: {refused:?}");
        assert_eq!(digest(&mut owner)?, before, "{field}");
    }
    State::of(&mut Any { list: vec![5, 6], matrix: matrix(3)?, flag: 1 })?.restore(&mut owner, Keep::Nothing)?;
    assert!(owner.flag && owner.list == [5, 6]);
    Ok(())
}

#[test]
fn an_error_inside_atomically_changes_nothing() -> Test {
    let space = Space::real(4)?;
    let mut walk = Walk::new(&space, Key::new(1), 3)?;
    let mut bowl = Function::new(space, bowl);
    walk.step(&mut bowl)?;
    let before = digest(&mut walk)?;
    let outcome: moths_core::Result<()> = atomically(&mut walk, |walk| {
        walk.step(&mut bowl)?;
        Err(Error::Objective("lost".into()))
    });
    assert!(matches!(outcome, Err(Error::Objective(why)) if why == "lost"));
    assert_eq!(digest(&mut walk)?, before);
    assert_eq!(atomically(&mut walk, |walk| walk.step(&mut bowl))?.evaluations, 4);
    assert_ne!(digest(&mut walk)?, before);
    Ok(())
}

#[test]
fn a_panic_inside_atomically_changes_nothing_and_goes_on() -> Test {
    let space = Space::real(4)?;
    let mut walk = Walk::new(&space, Key::new(1), 3)?;
    let mut bowl = Function::new(space, bowl);
    walk.step(&mut bowl)?;
    let before = digest(&mut walk)?;
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        atomically(&mut walk, |walk| {
            walk.step(&mut bowl)?;
            panic!("the model gave up");
            #[allow(unreachable_code)]
            Ok(())
        })
    }));
    let message = panicked.err().and_then(|p| p.downcast_ref::<&str>().map(|s| (*s).to_owned()));
    assert_eq!(message.as_deref(), Some("the model gave up"));
    assert_eq!(digest(&mut walk)?, before);
    Ok(())
}

#[test]
fn a_restored_walk_takes_the_same_steps() -> Test {
    let space = Space::real(4)?;
    let mut bowl = Function::new(space.clone(), bowl);
    let mut walk = Walk::new(&space, Key::new(1), 3)?;
    walk.step(&mut bowl)?;
    let middle = State::of(&mut walk)?;
    let once = (walk.step(&mut bowl)?, to_f64s(&*walk.answer()?)?);
    middle.restore(&mut walk, Keep::Nothing)?;
    assert_eq!((walk.step(&mut bowl)?, to_f64s(&*walk.answer()?)?), once);
    let mut other = Walk::new(&space, Key::new(2), 3)?;
    middle.restore(&mut other, Keep::Nothing)?;
    assert_eq!((other.step(&mut bowl)?, to_f64s(&*other.answer()?)?), once);
    Ok(())
}
