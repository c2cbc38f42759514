//! For tests of what is learnt: candidates of three flags and two reals, drawn by plain loops.

use candle_core::{DType, Device, Tensor};
use moths_core::{Function, Key, Leaf, Optimizer, Space, Stop, minimize, optimizer::Algorithm};
use rand::RngExt;

use super::{Univariate, UnivariateSearch};

/// The tables of three flags, by the probability of 1, and the moments of two reals.
#[derive(Clone, Debug)]
pub(crate) struct ByHand {
    pub(crate) p: [f64; 3],
    pub(crate) m: [f64; 2],
    pub(crate) s: [f64; 2],
}

pub(crate) fn loss(x: &[f64]) -> f64 {
    x[0] + 2.0 * x[1] - 3.0 * x[2] + (x[3] - 0.5).powi(2) + 2.0 * (x[4] + 1.0).powi(2)
}

impl ByHand {
    /// λ candidates of step `t`, the lowest first.
    fn candidates(&self, lambda: usize, t: u64, key: Key) -> Vec<[f64; 5]> {
        let mut x: Vec<[f64; 5]> = (0..lambda).map(|k| self.draw(key.fold(t).fold(1).fold(k as u64))).collect();
        if t == 0 {
            x[0] = [0.0, 1.0, 0.0, 0.25, 0.5];
        }
        x.sort_by(|a, b| loss(a).total_cmp(&loss(b)));
        x
    }

    fn draw(&self, key: Key) -> [f64; 5] {
        let mut stream = key.stream();
        let [a, b, c] = self.p.map(|p| f64::from(u8::from(stream.random::<f64>() >= 1.0 - p)));
        let z = stream.normals();
        [a, b, c, self.m[0] + self.s[0] * z.0, self.m[1] + self.s[1] * z.1]
    }
}

/// Five steps beside plain loops that learn by `learn`: of the step, from candidates with the lowest first.
pub(crate) fn agrees<U: Univariate>(config: U::Config, learn: impl Fn(&mut ByHand, &[[f64; 5]], Key)) {
    let leaves = vec![Leaf::bool("b", [3]), Leaf::real("r", [2]).dtype(DType::F64)];
    let start = Tensor::new(&[0.0, 1.0, 0.0, 0.25, 0.5], &Device::Cpu).unwrap();
    let (space, key) = (Space::with_dtype(leaves, DType::F64).unwrap().starting_at(&start).unwrap(), Key::new(7));
    let mut ours = UnivariateSearch::<U>::new(config, &space, key).unwrap();
    let mut theirs = ByHand { p: [0.5; 3], m: [0.25, 0.5], s: [1.0; 2] };
    for t in 0..5 {
        let x = theirs.candidates(ours.rule.candidates(), t, key);
        learn(&mut theirs, &x, key.fold(t).fold(2));
        ours.step(&mut Function::new(space.clone(), loss)).unwrap();
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "step {t}: {a}, by hand {b}");
        ours.marginals.tables().zip(theirs.p).for_each(|((_, table), p)| near(table[1], p));
        let moments = theirs.m.into_iter().zip(theirs.s);
        ours.marginals
            .normals()
            .zip(moments)
            .for_each(|((_, m, s), (by_hand, deviation))| (near(*m, by_hand), near(*s, deviation)).0);
    }
}

/// Evaluations until `n` flags are all 1, where only their number counts.
pub(crate) fn one_max<U: Univariate>(n: usize, seed: u64, most: u64) -> u64 {
    let space = Space::new(vec![Leaf::bool("b", [n])]).unwrap();
    let space = space.starting_at(&Tensor::zeros(n, DType::F64, &Device::Cpu).unwrap()).unwrap();
    let mut search = UnivariateSearch::<U>::new(U::Config::default(), &space, Key::new(seed)).unwrap();
    let mut zeros = Function::new(space, |x| x.iter().map(|x| 1.0 - x).sum());
    minimize(&mut search, &mut zeros, &Stop::evaluations(most).or_target(0.0)).unwrap().tally.evaluations
}
