//! Cart-pole: a pole stands on a cart and would fall.
//!
//! ```text
//! f = (F + m l ω² sin θ) / (M + m)                                  x ← x + τ v      v ← v + τ a
//! α = (g sin θ − f cos θ) / (l (4/3 − m cos² θ / (M + m)))          θ ← θ + τ ω      ω ← ω + τ α
//! a = f − m l α cos θ / (M + m)
//! ```
//!
//! | | | |
//! |---|---|---|
//! | x, v | place of the cart, its speed | m, m/s |
//! | θ, ω | angle of the pole from upright, its speed | rad, rad/s |
//! | F | force: −10 or +10, as the first or the second output is higher | N |
//! | M, m | mass of the cart 1.0, of the pole 0.1 | kg |
//! | l | half the length of the pole: 0.5 | m |
//! | g, τ | gravity 9.8, a step of time 0.02 | m/s², s |
//!
//! The state begins uniform in [−0.05, 0.05]⁴. An episode ends where |x| > 2.4 or |θ| > 12°, or after 500 steps; every step's reward
//! is 1. Source: Barto, Sutton, Anderson 1983, "Neuronlike adaptive elements that can solve difficult learning control problems",
//! doi:10.1109/TSMC.1983.6313077; without friction, and with the constants that have become usual since.

use moths::rng::Stream;
use rand::RngExt;

use super::task::{Ending, Step, Task, choice};

const GRAVITY: f64 = 9.8;
const CART: f64 = 1.0;
const POLE: f64 = 0.1;
const HALF_LENGTH: f64 = 0.5;
const FORCE: f64 = 10.0;
const TIME: f64 = 0.02;
/// The cart must stay this near.
const REACH: f64 = 2.4;
/// The pole must stay this upright: 12 degrees.
const TILT: f64 = 12.0 * std::f64::consts::PI / 180.0;

/// Its state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct CartPole {
    pub(super) x: f64,
    pub(super) v: f64,
    pub(super) theta: f64,
    pub(super) omega: f64,
}

impl CartPole {
    fn push(&mut self, force: f64) {
        let Self { x, v, theta, omega } = *self;
        let (sin, cos) = theta.sin_cos();
        let (mass, moment) = (CART + POLE, POLE * HALF_LENGTH);
        let f = (force + moment * omega * omega * sin) / mass;
        let alpha = (GRAVITY * sin - cos * f) / (HALF_LENGTH * (4.0 / 3.0 - POLE * cos * cos / mass));
        let a = f - moment * alpha * cos / mass;
        *self = Self { x: x + TIME * v, v: v + TIME * a, theta: theta + TIME * omega, omega: omega + TIME * alpha };
    }
}

impl Task for CartPole {
    const NAME: &'static str = "cart-pole";
    const SUMMARY: &'static str = "Keep a pole upright on a cart by pushing it left and right (114 parameters).";
    const CITATION: &'static str = "Barto, Sutton & Anderson 1983, doi:10.1109/TSMC.1983.6313077";
    const INPUTS: usize = 4;
    const OUTPUTS: usize = 2;
    const STEPS: usize = 500;
    const ENDING: Option<Ending> = Some(Ending::Failure);
    const HIGHEST: Option<f64> = Some(500.0);
    const EPISODES: usize = 4;
    const EVALUATIONS: u64 = 1_000;

    fn start(draws: &mut Stream) -> Self {
        let mut near = || draws.random_range(-0.05..0.05);
        Self { x: near(), v: near(), theta: near(), omega: near() }
    }

    fn observe(&self) -> impl AsRef<[f64]> {
        [self.x / REACH, self.v / REACH, self.theta / TILT, self.omega / TILT]
    }

    fn step(&mut self, outputs: &[f64]) -> Step {
        self.push([-FORCE, FORCE][choice(outputs)]);
        Step { reward: 1.0, ends: self.x.abs() > REACH || self.theta.abs() > TILT }
    }
}

#[cfg(test)]
mod tests {
    use moths::Key;

    use super::*;

    const START: CartPole = CartPole { x: 0.01, v: -0.02, theta: 0.03, omega: -0.04 };

    fn is_near(state: CartPole, [x, v, theta, omega]: [f64; 4]) -> bool {
        let near = [(state.x, x), (state.v, v), (state.theta, theta), (state.omega, omega)];
        near.into_iter().all(|(a, b)| (a - b).abs() < 1e-12)
    }

    fn act(state: &mut CartPole, right: bool) -> Step {
        state.step(if right { &[0.0, 1.0] } else { &[1.0, 0.0] })
    }

    /// States of Gymnasium 1.4.0's CartPole-v1 in double precision.
    #[test]
    fn states_are_those_of_the_usual_simulator() {
        let mut state = START;
        for right in [1, 0, 0, 1, 1, 1, 0, 1, 0, 0, 0, 1, 1, 0, 1, 0, 1, 0, 0, 1] {
            assert_eq!(act(&mut state, right == 1), Step { reward: 1.0, ends: false });
        }
        let there = [0.032_477_003_623_552_58, -0.020_874_535_648_296_416, -0.016_452_614_240_735_83, -0.020_694_954_357_369_62];
        assert!(is_near(state, there), "{state:?}");

        let mut state = START;
        assert_eq!((1..).find(|_| act(&mut state, true).ends), Some(10), "pushed to one side it falls");
        let there = [0.181_525_666_774_179_2, 1.933_450_125_212_804, -0.240_743_637_268_461_37, -3.084_539_482_855_368];
        assert!(is_near(state, there), "{state:?}");
    }

    /// The equations of motion as they come from the Lagrangian, before anything is solved for.
    #[test]
    fn cart_and_pole_obey_newton() {
        for i in 0..100 {
            let mut draws = Key::new(i).stream();
            let before: [f64; 4] = std::array::from_fn(|_| draws.random_range(-2.0..2.0));
            let [x, v, theta, omega] = before;
            let mut state = CartPole { x, v, theta, omega };
            state.push(FORCE);
            let (a, alpha) = ((state.v - v) / TIME, (state.omega - omega) / TIME);
            let (sin, cos) = theta.sin_cos();
            let cart = 1.1 * a + 0.05 * (alpha * cos - omega * omega * sin) - 10.0;
            let pole = 4.0 / 3.0 * 0.5 * alpha + a * cos - 9.8 * sin;
            assert!(cart.abs() < 1e-11 && pole.abs() < 1e-11, "{before:?}: {cart} {pole}");
        }
    }

    #[test]
    fn leaving_the_track_ends_an_episode() {
        for (x, ends) in [(2.39, false), (2.41, true), (-2.41, true)] {
            assert_eq!(CartPole { x, v: 0.0, theta: 0.0, omega: 0.0 }.step(&[0.0, 1.0]).ends, ends, "{x}");
        }
        for (degrees, ends) in [(11.9f64, false), (12.1, true), (-12.1, true)] {
            let mut state = CartPole { x: 0.0, v: 0.0, theta: degrees.to_radians(), omega: 0.0 };
            assert_eq!(state.step(&[0.0, 1.0]).ends, ends, "{degrees}");
        }
    }
}
