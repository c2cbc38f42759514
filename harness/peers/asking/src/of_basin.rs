//! The optimizers of basin.

use std::convert::Infallible;

use basin::{
    Bobyqa, BoundedCmaEs, BoundedFiniteDiff, BoxBounds, ConstraintDescription, ConstraintSet, Constraints, CostFunction,
    DenseMatrix, Executor, Gbnm, Lbfgsb, MaLsChCma, Method, PopulationProgress, SamplingDomain, Slsqp,
};

use crate::{Asked, LOSS_TOLERANCE, POINT_TOLERANCE, STEP};

/// CMA-ES without a better loss for so many generations has converged.
const PATIENCE: u64 = 100;

impl CostFunction for Asked {
    type Param = Vec<f64>;
    type Output = f64;
    type Error = Infallible;

    fn cost(&self, x: &Vec<f64>) -> Result<f64, Infallible> {
        Ok(self.loss(x))
    }
}

impl Constraints for Asked {
    type Set = ConstraintSet<BoxBounds<Vec<f64>>>;

    fn constraints(&self) -> <Self::Set as ConstraintDescription>::Borrowed<'_> {
        ConstraintSet::new().with_bounds(BoxBounds::new(Some(&self.lower), Some(&self.upper)))
    }
}

/// The library has no restarts of its own: each has twice the population, as they have in the Python packages.
pub(crate) fn cma_es(asked: &Asked, restart: usize) {
    let population = BoundedCmaEs::<Vec<f64>, DenseMatrix>::default_lambda(asked.lower.len()) << restart.min(20);
    let search = BoundedCmaEs::<_, DenseMatrix>::new(asked.seed(), STEP)
        .with_lambda(population)
        .with_absolute_distribution_size_tolerance(LOSS_TOLERANCE);
    let run = Executor::from_start(asked.clone(), search, asked.start()).no_objective_improvement(PATIENCE, LOSS_TOLERANCE).run();
    run.expect("a run");
}

/// It samples the box itself, and goes on for ever.
pub(crate) fn ma_ls_cma(asked: &Asked, _: usize) {
    let search = MaLsChCma::<Vec<f64>, DenseMatrix>::new(asked.seed());
    Executor::new(SamplingDomain::new(asked.clone()), search, PopulationProgress::empty())
        .max_iter(u64::MAX)
        .run()
        .expect("a run");
}

pub(crate) fn bobyqa(asked: &Asked, _: usize) {
    let search = Bobyqa::new().with_initial_radius(STEP).with_final_radius(POINT_TOLERANCE);
    Executor::from_start(asked.clone(), search, asked.start()).max_iter(u64::MAX).run().expect("a run");
}

/// It has restarts of its own.
pub(crate) fn gbnm(asked: &Asked, _: usize) {
    Executor::from_start(asked.clone(), Gbnm::new(asked.seed()), asked.start()).max_iter(u64::MAX).run().expect("a run");
}

pub(crate) fn lbfgsb(asked: &Asked, _: usize) {
    let search = Lbfgsb::new()
        .with_absolute_projected_gradient_tolerance(POINT_TOLERANCE)
        .with_relative_cost_reduction_tolerance(LOSS_TOLERANCE);
    Executor::from_start(differences(asked), search, asked.start()).max_iter(u64::MAX).run().expect("a run");
}

pub(crate) fn slsqp(asked: &Asked, _: usize) {
    let search = Slsqp::new().with_absolute_accuracy_tolerance(LOSS_TOLERANCE);
    Executor::from_start(differences(asked), search, asked.start()).max_iter(u64::MAX).run().expect("a run");
}

/// Forward differences, half the price of the library's default and the default elsewhere.
fn differences(asked: &Asked) -> BoundedFiniteDiff<Asked> {
    BoundedFiniteDiff::new(asked.clone(), asked.lower.clone(), asked.upper.clone()).gradient_method(Method::Forward)
}
