//! Acrobot: two links hang from a bar, a motor in the joint between them; the tip must rise one length above the bar.
//!
//! ```text
//! d₁ = m c² + m (l² + c² + 2 l c cos θ₂) + 2 I                 d₂ = m (c² + l c cos θ₂) + I
//! φ₂ = m c g sin(θ₁ + θ₂)
//! φ₁ = −m l c ω₂² sin θ₂ − 2 m l c ω₁ ω₂ sin θ₂ + (m c + m l) g sin θ₁ + φ₂
//! α₂ = (τ + φ₁ d₂/d₁ − m l c ω₁² sin θ₂ − φ₂) / (m c² + I − d₂²/d₁)
//! α₁ = −(d₂ α₂ + φ₁) / d₁
//! ```
//!
//! | | | |
//! |---|---|---|
//! | θ₁, ω₁ | angle of the first link from hanging, its speed | rad, rad/s |
//! | θ₂, ω₂ | angle of the second link from the first, its speed | rad, rad/s |
//! | τ | torque: −1, 0 or +1, as the first, second or third output is the highest | N m |
//! | m, l, c | mass 1, length 1 and centre 0.5 of each link | kg, m, m |
//! | I, g | moment of inertia 1 of each link around its centre, gravity 9.8 | kg m², m/s² |
//!
//! One step is 0.2 s in one step of Runge and Kutta's method of fourth order; angles are then wrapped to [−π, π] and speeds limited
//! to 4π and 9π. The state begins uniform in [−0.1, 0.1]⁴. An episode ends where −cos θ₁ − cos(θ₁ + θ₂) > 1, or after 500 steps; the
//! reward is −1, and 0 for the step that ends it. Source: Sutton 1996, "Generalization in reinforcement learning: successful
//! examples using sparse coarse coding", NIPS 8; the equations are those of Sutton & Barto, "Reinforcement learning: an introduction",
//! where a term stands that the paper left out.

use std::f64::consts::PI;

use moths::rng::Stream;
use rand::RngExt;

use super::task::{Ending, Step, Task, choice, wrapped};

const MASS: f64 = 1.0;
const LENGTH: f64 = 1.0;
const CENTRE: f64 = 0.5;
const INERTIA: f64 = 1.0;
const GRAVITY: f64 = 9.8;
const TORQUE: f64 = 1.0;
const TIME: f64 = 0.2;
const FASTEST: [f64; 2] = [4.0 * PI, 9.0 * PI];

/// Its state: θ₁, θ₂, ω₁, ω₂.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Acrobot([f64; 4]);

/// The time derivative of a state.
fn slope([theta1, theta2, omega1, omega2]: [f64; 4], torque: f64) -> [f64; 4] {
    let (sin2, cos2) = theta2.sin_cos();
    let coupled = MASS * LENGTH * CENTRE;
    let d1 = MASS * CENTRE * CENTRE + MASS * (LENGTH * LENGTH + CENTRE * CENTRE + 2.0 * LENGTH * CENTRE * cos2) + 2.0 * INERTIA;
    let d2 = MASS * (CENTRE * CENTRE + LENGTH * CENTRE * cos2) + INERTIA;
    let phi2 = MASS * CENTRE * GRAVITY * (theta1 + theta2).sin();
    let phi1 = -coupled * omega2 * omega2 * sin2 - 2.0 * coupled * omega1 * omega2 * sin2
        + (MASS * CENTRE + MASS * LENGTH) * GRAVITY * theta1.sin()
        + phi2;
    let alpha2 =
        (torque + d2 / d1 * phi1 - coupled * omega1 * omega1 * sin2 - phi2) / (MASS * CENTRE * CENTRE + INERTIA - d2 * d2 / d1);
    let alpha1 = -(d2 * alpha2 + phi1) / d1;
    [omega1, omega2, alpha1, alpha2]
}

impl Acrobot {
    /// A step of Runge and Kutta's method.
    fn integrate(&mut self, torque: f64, time: f64) {
        let Self(state) = *self;
        let beyond = |slope: [f64; 4], time: f64| -> [f64; 4] { std::array::from_fn(|i| state[i] + time * slope[i]) };
        let k1 = slope(state, torque);
        let k2 = slope(beyond(k1, time / 2.0), torque);
        let k3 = slope(beyond(k2, time / 2.0), torque);
        let k4 = slope(beyond(k3, time), torque);
        *self = Self(std::array::from_fn(|i| state[i] + time / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i])));
    }

    fn turn(&mut self, torque: f64) {
        self.integrate(torque, TIME);
        let Self([theta1, theta2, omega1, omega2]) = *self;
        let limited = |omega: f64, fastest: f64| omega.clamp(-fastest, fastest);
        *self = Self([wrapped(theta1), wrapped(theta2), limited(omega1, FASTEST[0]), limited(omega2, FASTEST[1])]);
    }

    fn is_up(&self) -> bool {
        let Self([theta1, theta2, ..]) = *self;
        -theta1.cos() - (theta1 + theta2).cos() > 1.0
    }
}

impl Task for Acrobot {
    const NAME: &'static str = "acrobot";
    const SUMMARY: &'static str = "Swing up two links by a motor in the joint between them (163 parameters).";
    const CITATION: &'static str = "Sutton 1996, NIPS 8; Sutton & Barto 2018, Reinforcement Learning";
    const INPUTS: usize = 6;
    const OUTPUTS: usize = 3;
    const STEPS: usize = 500;
    const ENDING: Option<Ending> = Some(Ending::Success);
    const HIGHEST: Option<f64> = None;
    const EPISODES: usize = 4;
    const EVALUATIONS: u64 = 3_000;

    fn start(draws: &mut Stream) -> Self {
        Self(std::array::from_fn(|_| draws.random_range(-0.1..0.1)))
    }

    fn observe(&self) -> impl AsRef<[f64]> {
        let Self([theta1, theta2, omega1, omega2]) = *self;
        [theta1.cos(), theta1.sin(), theta2.cos(), theta2.sin(), omega1 / FASTEST[0], omega2 / FASTEST[1]]
    }

    fn step(&mut self, outputs: &[f64]) -> Step {
        self.turn([-TORQUE, 0.0, TORQUE][choice(outputs)]);
        let ends = self.is_up();
        Step { reward: if ends { 0.0 } else { -1.0 }, ends }
    }
}

#[cfg(test)]
mod tests {
    use moths::Key;

    use super::*;

    const START: Acrobot = Acrobot([0.05, -0.03, 0.02, 0.04]);

    fn is_near(Acrobot(state): Acrobot, there: [f64; 4]) -> bool {
        state.into_iter().zip(there).all(|(a, b)| (a - b).abs() < 1e-9)
    }

    fn act(state: &mut Acrobot, choice: usize) -> Step {
        let mut outputs = [0.0; 3];
        outputs[choice] = 1.0;
        state.step(&outputs)
    }

    /// States and returns of Gymnasium 1.4.0's Acrobot-v1 in double precision.
    #[test]
    fn states_are_those_of_the_usual_simulator() {
        let mut state = START;
        for choice in [0, 2, 2, 0, 1, 2, 0, 0, 2, 1, 2, 2, 0, 0, 0] {
            assert_eq!(act(&mut state, choice), Step { reward: -1.0, ends: false });
        }
        let there = [-0.044_020_053_369_298_755, 0.108_895_261_442_792_52, 0.293_703_666_941_570_46, -0.605_855_687_787_582_3];
        assert!(is_near(state, there), "{state:?}");

        // A torque along the second speed pumps energy until the tip is up.
        let (mut state, mut rewards) = (START, vec![]);
        loop {
            let along = if state.0[3] > 0.0 { 2 } else { 0 };
            let step = act(&mut state, along);
            rewards.push(step.reward);
            if step.ends || rewards.len() > 500 {
                break;
            }
        }
        assert_eq!((rewards.len(), rewards.iter().sum::<f64>()), (74, -73.0));
        let there = [-2.017_540_685_216_639, -1.919_371_066_197_513_2, -1.621_722_927_811_407_8, 2.880_596_528_656_552];
        assert!(is_near(state, there), "{state:?}");
    }

    /// Kinetic and potential energy of two rods, from their places and speeds.
    fn energy(Acrobot([theta1, theta2, omega1, omega2]): Acrobot) -> f64 {
        let (both, speed) = (theta1 + theta2, omega1 + omega2);
        let v1 = [0.5 * omega1 * theta1.cos(), 0.5 * omega1 * theta1.sin()];
        let v2 = [omega1 * theta1.cos() + 0.5 * speed * both.cos(), omega1 * theta1.sin() + 0.5 * speed * both.sin()];
        let kinetic = |v: [f64; 2], spin: f64| 0.5 * (v[0] * v[0] + v[1] * v[1]) + 0.5 * spin * spin;
        let heights = -0.5 * theta1.cos() - theta1.cos() - 0.5 * both.cos();
        kinetic(v1, omega1) + kinetic(v2, speed) + 9.8 * heights
    }

    #[test]
    fn without_torque_energy_is_conserved() {
        for i in 0..10 {
            let mut draws = Key::new(i).stream();
            let mut state = Acrobot(std::array::from_fn(|_| draws.random_range(-2.0..2.0)));
            let before = energy(state);
            (0..5000).for_each(|_| state.integrate(0.0, 1e-3));
            assert!((energy(state) - before).abs() < 1e-8, "{before} became {}", energy(state));
            (0..1000).for_each(|_| state.integrate(1.0, 1e-3));
            assert!((energy(state) - before).abs() > 1e-3, "a torque does work");
        }
    }

    #[test]
    fn speeds_are_limited_and_angles_wrapped() {
        let mut state = Acrobot([3.0, -3.0, 30.0, -60.0]);
        state.turn(0.0);
        let Acrobot([theta1, theta2, omega1, omega2]) = state;
        assert!(theta1.abs() <= PI && theta2.abs() <= PI && omega1.abs() <= 4.0 * PI && omega2.abs() <= 9.0 * PI, "{state:?}");
    }
}
