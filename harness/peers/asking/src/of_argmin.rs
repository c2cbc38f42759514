//! The optimizers of argmin. They know no box, but for the swarm.

use argmin::core::{CostFunction, Error, Executor, Gradient};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::neldermead::NelderMead;
use argmin::solver::particleswarm::ParticleSwarm;
use argmin::solver::quasinewton::LBFGS;
use finitediff::vec;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::{Asked, LOSS_TOLERANCE, POINT_TOLERANCE, STEP};

/// As in the examples of the library.
const MEMORY: usize = 7;
const PARTICLES: usize = 40;

impl CostFunction for Asked {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, x: &Vec<f64>) -> Result<f64, Error> {
        Ok(self.loss(x))
    }
}

impl Gradient for Asked {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, x: &Vec<f64>) -> Result<Vec<f64>, Error> {
        vec::forward_diff(&|x: &Vec<f64>| Ok(self.loss(x)))(x)
    }
}

/// The simplex is the start, and a step from it in every coordinate.
pub(crate) fn nelder_mead(asked: &Asked, _: usize) {
    let mut simplex = vec![asked.start(); asked.lower.len() + 1];
    for (i, vertex) in simplex[1..].iter_mut().enumerate() {
        vertex[i] += STEP;
    }
    let search = NelderMead::new(simplex).with_sd_tolerance(LOSS_TOLERANCE).expect("a tolerance");
    Executor::new(asked.clone(), search).run().expect("a run");
}

/// A line search that fails is an error there; here it is an end like others.
pub(crate) fn lbfgs(asked: &Asked, _: usize) {
    let search = LBFGS::new(MoreThuenteLineSearch::new(), MEMORY)
        .with_tolerance_grad(POINT_TOLERANCE)
        .and_then(|search| search.with_tolerance_cost(LOSS_TOLERANCE))
        .expect("tolerances");
    let _ = Executor::new(asked.clone(), search).configure(|state| state.param(asked.start())).run();
}

/// It goes on for ever.
pub(crate) fn particle_swarm(asked: &Asked, _: usize) {
    let bounds = (asked.lower.clone(), asked.upper.clone());
    let search = ParticleSwarm::new(bounds, PARTICLES).with_rng_generator(StdRng::seed_from_u64(asked.seed()));
    Executor::new(asked.clone(), search).run().expect("a run");
}
