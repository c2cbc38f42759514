//! Which coordinates go together, and how far.

use moths_core::{Function, Key, Space, Stop, minimize, optimizer::Algorithm};

use super::*;

fn method(progress: &[f64]) -> (SubplexMethod, Room) {
    let room = Room::of(&Space::real(progress.len()).unwrap());
    let mut method = SubplexMethod::new(&SubplexConfig::default(), &room, &vec![0.0; progress.len()]).unwrap();
    method.progress.copy_from_slice(progress);
    (method, room)
}

#[test]
fn coordinates_that_moved_alike_go_together() {
    let (method, room) = method(&[0.1, 9.0, 0.2, -8.0, 0.0, 7.0, 0.3]);
    // After three large ones comes the largest gap; of the others .3 and .2 are farther from .1 and 0 than all four are from nothing.
    assert_eq!(method.subspaces(&room), [vec![1, 3, 5], vec![6, 2], vec![0, 4]]);
}

#[test]
fn no_coordinate_is_left_alone() {
    for n in 1..40 {
        let (method, room) = method(&(0..n).map(|i| f64::from(i % 7)).collect::<Vec<_>>());
        let sizes: Vec<usize> = method.subspaces(&room).iter().map(Vec::len).collect();
        assert_eq!(sizes.iter().sum::<usize>(), n as usize);
        assert!(n == 1 || sizes.iter().all(|size| (FEWEST..=MOST).contains(size)), "{n}: {sizes:?}");
    }
}

#[test]
fn sides_follow_what_was_moved() {
    let (mut method, room) = method(&[0.0; 6]);
    method.x.copy_from_slice(&[2.0, -1.0, 0.0, 0.0, 0.0, 0.0]);
    method.flat = false;
    assert!(method.end_cycle(2, &room, false).is_none());
    // |Δ|₁ / |s|₁ = 3/6; who has not moved turns round.
    assert_eq!(method.sides, [0.5, -0.5, -0.5, -0.5, -0.5, -0.5]);
    assert_eq!((method.progress[0], method.from[0]), (2.0, 2.0));
}

#[test]
fn it_does_in_many_coordinates_what_a_simplex_does_in_few() {
    let space = Space::bounded([(-5.0, 5.0); 20]).unwrap();
    let bowl = |x: &[f64]| x.iter().enumerate().map(|(i, x)| (1 + i) as f64 * (x - 1.0).powi(2)).sum();
    let mut search = Subplex::new(SubplexConfig::default(), &space, Key::new(0)).unwrap();
    let end = minimize(&mut search, &mut Function::new(space, bowl), &Stop::evaluations(6000)).unwrap();
    assert!(end.tally.lowest < 1e-12, "{}", end.tally.lowest);
}
