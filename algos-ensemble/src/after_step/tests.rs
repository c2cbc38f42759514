use moths_core::Function;
use moths_random as _;

use super::*;
use crate::committee::script::{at, built, following, is_exact, path};

fn around(inner: Spec, keep: &str) -> Spec {
    Spec::new("after-step").with("keep", keep).unwrap().with("inner", serde_json::json!(inner)).unwrap()
}

/// z of every step, over one coordinate.
fn directions(steps: u64) -> Vec<f64> {
    let draw = |step| {
        let mut z = [0.0f64];
        Sampler::Normal.fill_slice(Key::new(3).fold(0).fold(step), &mut z);
        z[0]
    };
    (0..steps).map(draw).collect()
}

/// A step of −z/2 and 0.2 beside: the first that does not raise the loss, or the opposite, whatever it does.
#[test]
fn the_other_direction_is_taken_when_the_first_raises_the_loss() {
    let inner = following(0.5).with("moves", serde_json::json!([0.2])).unwrap();
    let (f, mut x, mut evaluations, mut seen) = (|x: f64| (x - 3.0).abs(), 0.0, vec![], [false; 3]);
    let mut expected = vec![];
    for (step, z) in directions(60).into_iter().enumerate() {
        let [plus, minus] = [x + (0.2 - 0.5 * z), x + (0.2 + 0.5 * z)];
        let good = f(plus) <= f(x);
        seen = [seen[0] || good, seen[1] || (!good && f(minus) <= f(x)), seen[2] || (!good && f(minus) > f(x))];
        x = if good { plus } else { minus };
        // The first point is not known, all others are the answers of steps.
        evaluations.push(if good { 1 } else { 2 } + u64::from(step == 0));
        expected.push(x);
    }
    let taken = path(&mut *built(&around(inner, "opposite")), f, 60);
    assert!(taken.iter().zip(&expected).all(|(taken, x)| (taken.0 - x).abs() < 1e-9), "{taken:?} {expected:?}");
    assert_eq!(taken.iter().map(|taken| taken.1).collect::<Vec<_>>(), evaluations);
    assert_eq!(seen, [true; 3], "the test is to see all cases");
}

#[test]
fn the_lowest_of_two_or_three_is_taken() {
    let f = |x: f64| (x - 3.0).abs();
    for keep in ["lower", "best"] {
        let inner = following(0.5).with("moves", serde_json::json!([0.2])).unwrap();
        let (mut x, mut stayed) = (0.0, 0);
        let taken = path(&mut *built(&around(inner, keep)), f, 60);
        for (step, z) in directions(60).into_iter().enumerate() {
            let [plus, minus] = [x + (0.2 - 0.5 * z), x + (0.2 + 0.5 * z)];
            let lower = if f(plus) <= f(minus) { plus } else { minus };
            let stays = keep == "best" && f(x) < f(lower);
            stayed += usize::from(stays);
            x = if stays { x } else { lower };
            assert!((taken[step].0 - x).abs() < 1e-9, "{keep}, step {step}: {} {x}", taken[step].0);
            assert_eq!(taken[step].1, 2 + u64::from(keep == "best" && step == 0));
        }
        assert_eq!(keep == "best", stayed > 10);
    }
}

/// The moves of the script go on from the state of the side that is taken: one line a step, though two were tried.
#[test]
fn the_state_is_that_of_the_side_that_is_taken() {
    for keep in ["opposite", "lower"] {
        let inner = following(1e-300).with("moves", serde_json::json!([1.0, 10.0, 100.0])).unwrap();
        let taken = path(&mut *built(&around(inner, keep)), |x| x, 3);
        assert_eq!(taken.iter().map(|taken| taken.0).collect::<Vec<_>>(), [1.0, 11.0, 111.0], "{keep}");
    }
    // Nothing is lower than where it is: it stays at the first line.
    let taken =
        path(&mut *built(&around(following(1e-300).with("moves", serde_json::json!([1.0, -10.0])).unwrap(), "best")), |x| x, 3);
    assert_eq!(taken.iter().map(|taken| taken.0).collect::<Vec<_>>(), [0.0; 3]);
}

#[test]
fn what_failed_is_never_the_answer() {
    for keep in ["opposite", "lower", "best"] {
        let mut optimizer = built(&around(following(1.0), keep));
        for _ in 0..10 {
            optimizer
                .step(&mut Function::new(Space::real(1).unwrap(), |x: &[f64]| if x[0] == 0.0 { 1.0 } else { f64::NAN }))
                .unwrap();
            assert_eq!(at(&*optimizer), 0.0, "{keep}");
        }
        let half = |x: f64| if x < 0.0 { f64::NAN } else { x };
        let path = path(&mut *optimizer, half, 20);
        assert!(path.iter().all(|(x, _)| *x >= 0.0), "{keep}: {path:?}");
    }
}

#[test]
fn it_is_exact_around_what_has_a_memory() {
    for keep in ["opposite", "lower", "best"] {
        for inner in [Spec::new("backprop"), Spec::new("undo").with("inner", "backprop").unwrap()] {
            is_exact(&around(inner, keep));
        }
    }
}
