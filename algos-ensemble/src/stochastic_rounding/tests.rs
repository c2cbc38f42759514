use candle_core::DType;
use moths_core::{Function, Leaf};

use super::*;

fn mixed() -> Space {
    let leaves = vec![Leaf::integer("n", [400], -3, 4), Leaf::bool("b", [400]), Leaf::real("r", [3])];
    Space::with_dtype(leaves, DType::F64).unwrap()
}

fn rounded(space: &Space, value: f64, key: Key) -> Vec<f64> {
    let at = candle_core::Tensor::full(value, space.dim(), space.device()).unwrap();
    let mut point = space.encode(&at).unwrap();
    Levels::of(space).unwrap().unwrap().round(&mut point, key, space).unwrap();
    space.decode(&point).unwrap().to_vec1().unwrap()
}

/// The thresholds are uniform, so that the mean over many is the point; ends stay ends.
#[test]
fn the_mean_is_the_point_and_reals_are_left_alone() {
    let space = mixed();
    let levels = Levels::of(&space).unwrap().unwrap();
    let means = |t: f64| {
        let mut point = space.zeros().unwrap();
        decide_at(&levels, &mut point, t);
        levels.round(&mut point, Key::new(3), &space).unwrap();
        let values: Vec<f64> = space.decode(&point).unwrap().to_vec1().unwrap();
        (values[..400].iter().sum::<f64>() / 400.0, values[400..800].iter().sum::<f64>() / 400.0, values[800])
    };
    for t in [0.0, 0.25, 0.5, 0.9] {
        let (n, b, r) = means(t);
        // 4 deviations of a mean of 400 flags.
        assert!((n - (t - 3.0)).abs() < 0.1 && (b - t).abs() < 0.1, "{t}: {n} {b}");
        assert_eq!(r, 0.0);
    }
    assert_eq!(rounded(&space, 4.0, Key::new(1))[..400], [4.0; 400]);
    assert_eq!(rounded(&space, 0.0, Key::new(1))[..], [0.0; 803]);
}

/// `t` levels above the first.
fn decide_at(levels: &Levels, point: &mut CowTensor, t: f64) {
    let at = (&levels.first + (&levels.width * t).unwrap()).unwrap();
    *point = CowTensor::new(at);
}

/// Asks for two points a quarter of a level apart, and keeps what the objective saw.
#[test]
fn candidates_of_a_draw_share_their_thresholds() {
    let space = Space::new(vec![Leaf::bool("b", [100])]).unwrap();
    let levels = Levels::of(&space).unwrap().unwrap();
    let (mut low, mut high) = (space.zeros().unwrap(), space.zeros().unwrap());
    decide_at(&levels, &mut low, 0.5);
    decide_at(&levels, &mut high, 0.75);
    let mut counts = vec![];
    let mut objective = Function::new(space.clone(), |x| x.iter().sum());
    for step in 0..20 {
        let mut seen = Rounded { inner: &mut objective, levels: &levels, key: Key::new(step) };
        let batch = Batch::points([(&low, 0), (&high, 0), (&low, 0), (&low, 1)]);
        let losses = seen.evaluate(&batch).unwrap();
        assert!(losses[0] < losses[1], "whatever is on at the lower point is on at the higher");
        assert_eq!(losses[0], losses[2]);
        assert!(seen.stochastic());
        counts.push(losses[0] == losses[3]);
    }
    assert!(counts.iter().filter(|same| **same).count() < 8, "another draw meets other thresholds");
}

/// Plain SPSA sees nothing where its perturbations cross no threshold; with rounding it sees how likely that is.
#[test]
fn steps_shorter_than_a_level_are_seen() {
    let space = Space::with_dtype(vec![Leaf::integer("n", [20], 0, 100)], DType::F64).unwrap();
    let loss = |n: &[f64]| n.iter().map(|n| (n - 20.0).abs()).sum::<f64>();
    let plain: Spec = r#"{"name": "spsa", "c": 0.004, "clip": 0.0, "descent": {"name": "adamw", "rate": 0.02}}"#.parse().unwrap();
    let around = Spec::new("stochastic-rounding").with("inner", serde_json::to_value(&plain).unwrap()).unwrap();
    let end = |spec: &Spec| {
        let mut optimizer = registry::build(spec, &space, Key::new(5)).unwrap();
        let mut objective = Function::new(space.clone(), loss);
        (0..600).for_each(|_| drop(optimizer.step(&mut objective).unwrap()));
        loss(&space.decode(&optimizer.answer().unwrap()).unwrap().to_vec1::<f64>().unwrap())
    };
    let (with, without) = (end(&around), end(&plain));
    assert!(with < 0.3 * without, "{with} with, {without} without");
}
