//! Pendulum swing-up: a rod on a motor that is too weak to lift it at once.
//!
//! ```text
//! ω ← clamp(ω + (3 g / (2 l) sin θ + 3 u / (m l²)) τ, −8, 8)      θ ← θ + ω τ
//! reward = −(θ² + 0.1 ω² + 0.001 u²)                              of the state before the step, θ in [−π, π]
//! ```
//!
//! | | | |
//! |---|---|---|
//! | θ, ω | angle from upright, its speed | rad, rad/s |
//! | u | torque: 2 tanh of the only output | N m |
//! | m, l | mass 1 and length 1 of the rod | kg, m |
//! | g, τ | gravity 10, a step of time 0.05 | m/s², s |
//!
//! θ begins uniform in [−π, π], ω in [−1, 1]. An episode has 200 steps. Source: the task is Doya's 2000, "Reinforcement learning in
//! continuous time and space", doi:10.1162/089976600300015961; constants, costs and the step of time are those that OpenAI Gym made
//! usual: Brockman et al. 2016, arXiv:1606.01540.

use std::f64::consts::PI;

use moths::rng::Stream;
use rand::RngExt;

use super::task::{Ending, Step, Task, wrapped};

const GRAVITY: f64 = 10.0;
const MASS: f64 = 1.0;
const LENGTH: f64 = 1.0;
const TORQUE: f64 = 2.0;
const TIME: f64 = 0.05;
const FASTEST: f64 = 8.0;

/// Its state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pendulum {
    theta: f64,
    omega: f64,
}

impl Pendulum {
    /// A step of the symplectic Euler method: the new speed moves the angle.
    fn turn(&mut self, torque: f64, time: f64) {
        let alpha = 3.0 * GRAVITY / (2.0 * LENGTH) * self.theta.sin() + 3.0 / (MASS * LENGTH * LENGTH) * torque;
        self.omega = (self.omega + alpha * time).clamp(-FASTEST, FASTEST);
        self.theta += self.omega * time;
    }

    fn cost(&self, torque: f64) -> f64 {
        let theta = wrapped(self.theta);
        theta * theta + 0.1 * self.omega * self.omega + 0.001 * torque * torque
    }
}

impl Task for Pendulum {
    const NAME: &'static str = "pendulum";
    const SUMMARY: &'static str = "Swing a rod up and hold it there with a weak motor (81 parameters).";
    const CITATION: &'static str = "Doya 2000, doi:10.1162/089976600300015961; Brockman et al. 2016, arXiv:1606.01540";
    const INPUTS: usize = 3;
    const OUTPUTS: usize = 1;
    const STEPS: usize = 200;
    const ENDING: Option<Ending> = None;
    const HIGHEST: Option<f64> = None;
    const EPISODES: usize = 8;
    const EVALUATIONS: u64 = 5_000;

    fn start(draws: &mut Stream) -> Self {
        Self { theta: draws.random_range(-PI..PI), omega: draws.random_range(-1.0..1.0) }
    }

    fn observe(&self) -> impl AsRef<[f64]> {
        // In rad/s: what matters when the rod stands is far below the highest speed.
        [self.theta.cos(), self.theta.sin(), self.omega]
    }

    fn step(&mut self, outputs: &[f64]) -> Step {
        let torque = TORQUE * outputs[0].tanh();
        let reward = -self.cost(torque);
        self.turn(torque, TIME);
        Step { reward, ends: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes steps of these torques, and gives the sum of the rewards.
    fn run(state: &mut Pendulum, torques: &[f64]) -> f64 {
        let step = |torque: &f64| {
            let reward = -state.cost(*torque);
            state.turn(*torque, TIME);
            reward
        };
        torques.iter().map(step).sum()
    }

    /// States and returns of Gymnasium 1.4.0's Pendulum-v1 in double precision.
    #[test]
    fn states_are_those_of_the_usual_simulator() {
        let mut state = Pendulum { theta: 3.0, omega: 0.5 };
        let total = run(
            &mut state,
            &[2.0, -1.0, 0.5, -2.0, 1.5, 1.5, -0.3, 2.0, 2.0, -2.0, 0.1, 0.7, -1.2, 2.0, 2.0, 2.0, -0.4, 0.9, -1.9, 1.1],
        );
        assert!((state.theta - 3.364_542_405_427_471).abs() < 1e-12 && (state.omega + 0.945_439_719_019_596_4).abs() < 1e-12);
        assert!((total + 171.526_604_349_504_34).abs() < 1e-10, "{total}");

        let mut state = Pendulum { theta: 3.5, omega: 7.9 };
        let total = run(&mut state, &[2.0; 30]);
        assert!((state.theta - 14.249_419_491_540_845).abs() < 1e-12 && state.omega == 8.0, "{state:?}");
        assert!((total + 234.435_741_378_982_8).abs() < 1e-10, "{total}");
    }

    #[test]
    fn a_step_is_the_reward_of_a_torque_and_its_turn() {
        let (mut stepped, mut turned) = (Pendulum { theta: 1.0, omega: 0.0 }, Pendulum { theta: 1.0, omega: 0.0 });
        let step = stepped.step(&[f64::atanh(0.25)]);
        assert!((step.reward - run(&mut turned, &[0.5])).abs() < 1e-15 && !step.ends);
        assert!((stepped.omega - turned.omega).abs() < 1e-15 && (stepped.theta - turned.theta).abs() < 1e-15);
    }

    /// ½ ω² + 3 g / (2 l) cos θ is conserved; the method is of first order.
    #[test]
    fn without_torque_energy_is_conserved() {
        let energy = |state: &Pendulum| 0.5 * state.omega * state.omega + 15.0 * state.theta.cos();
        let drift = |time: f64| {
            let mut state = Pendulum { theta: 2.0, omega: 0.5 };
            let before = energy(&state);
            let steps = 0..(5.0 / time) as usize;
            let off = steps.map(|_| {
                state.turn(0.0, time);
                (energy(&state) - before).abs()
            });
            off.fold(0.0, f64::max)
        };
        let (coarse, fine) = (drift(1e-3), drift(1e-4));
        assert!(fine < 5e-3 && (8.0..12.0).contains(&(coarse / fine)), "{coarse} {fine}");
    }
}
