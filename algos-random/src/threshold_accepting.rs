//! Threshold accepting: simulated annealing without chance in what is accepted; every step up that is small enough is taken.
//!
//! ```text
//! x ← y if f(y) ≤ f(x) or f(y) − f(x) < T_k          the first also where T_k = 0
//! ```
//!
//! Everything else is [`simulated-annealing`](crate::simulated_annealing), of which this is a setting: candidates, schedules, the unit of T.
//! Source: Dueck & Scheuer 1990, doi:10.1016/0021-9991(90)90201-B.
//! Minima on a wall are not promised: steps are of lengths that a schedule says, and end longer than 1e-6 of a box.
//! Cost per step: that of simulated annealing, in state and scratch too.
//!
//! Take it when `simulated-annealing` would be taken, and no rise above a known size may ever be accepted: that one takes any now and then.
//!
//! Tune first: `temperature`, the highest rise that is taken, in units of the first differences of the loss; `length`, as there.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_random as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 2])?;
//! let rastrigin = |x: &[f64]| x.iter().map(|x| x * x + 10.0 - 10.0 * (std::f64::consts::TAU * x).cos()).sum::<f64>();
//! let mut objective = Function::new(space.clone(), |x| rastrigin(&[x[0] - 1.5, x[1] + 2.0]));
//! let mut optimizer = registry::build(&Spec::new("threshold-accepting"), &space, Key::new(1))?;
//! for _ in 0..3000 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(rastrigin(&[answer[0] - 1.5, answer[1] + 2.0]) < 1.5, "{answer:?}");
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/threshold-accepting.md")]

use moths_core::{Key, optimizer::Meta, register};

use crate::{
    DirectSearch,
    simulated_annealing::{Acceptance, Annealing, Metropolis},
};

/// Threshold accepting. See the [module documentation](self).
pub type ThresholdAccepting = DirectSearch<Annealing<Threshold>>;

/// Up to T.
pub struct Threshold;

impl Acceptance for Threshold {
    const META: Meta = Metropolis::META
        .id("threshold-accepting")
        .summary("Random steps; those that lead up by less than a threshold, which falls, are taken too.")
        .citation("Dueck & Scheuer 1990, doi:10.1016/0021-9991(90)90201-B");

    fn accepts(rise: f64, temperature: f64, _: Key) -> bool {
        rise < temperature
    }
}

register!(ThresholdAccepting);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulated_annealing::AnnealingConfig;
    use moths_core::{Function, Optimizer, Schedule, Space, optimizer::Algorithm, persist::State};

    #[test]
    fn a_step_is_taken_up_to_the_threshold_and_no_further() {
        let (space, threshold) = (Space::real(2).unwrap(), 0.3);
        let temperature: Schedule = threshold.into();
        let length = Some(0.5.into());
        let config = AnnealingConfig { temperature: Some(temperature), length, calibration: 0, ..Default::default() };
        let mut search = <ThresholdAccepting as Algorithm>::new(config, &space, Key::new(2)).unwrap();
        let (mut before, mut up) = (0.0, 0);
        for _ in 0..200 {
            let mut seen = 0.0;
            search
                .step(&mut Function::new(space.clone(), |x| {
                    seen = x[0] + x[1];
                    seen
                }))
                .unwrap();
            let state = State::of(&mut search).unwrap().digest().unwrap();
            let now = state.iter().find(|(name, _)| name == "incumbent.loss").map(|(_, bits)| f64::from_bits(bits[0])).unwrap();
            assert_eq!(now, if seen - before < threshold { seen } else { before });
            up += usize::from(now > before);
            before = now;
        }
        assert!(up > 20);
    }
}
