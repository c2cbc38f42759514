//! Trying out where an update rule would lead, before it is let.
//!
//! A direction that lowers the loss at the end of a perturbation may still raise it where momentum and learning rates take it. An estimator
//! that wants to know gives the direction to the descent from a snapshot of its state, looks at the point it leads to, and puts the
//! state back. Snapshots share their tensors, so that what a rehearsal costs is one step of the descent on a copy.

use moths_core::{
    CowTensor, Result, Space,
    optimizer::{Descent, Estimate},
    persist::{Keep, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which loss says whether a direction was good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Judge {
    /// That of the point perturbed along it.
    #[default]
    Perturbation,
    /// That of the point where the descent leads when it is given the direction.
    Step,
}

/// The point \[d\] that a step from `at` by this estimate would lead to. The descent is left as it was.
///
/// # Errors
/// When the descent cannot be snapshot, or refuses the gradient.
pub fn rehearse(estimate: &Estimate, at: &CowTensor, descent: &mut dyn Descent, space: &Space) -> Result<CowTensor> {
    let before = State::of(&mut *descent)?;
    let mut point = at.clone();
    let taken = estimate.follow(&mut point, descent, space);
    before.restore(descent, Keep::Nothing)?;
    taken.map(|()| point)
}

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Spec, optimizer::descent};

    #[test]
    fn a_rehearsed_step_is_the_step_and_leaves_the_descent_as_it_was() {
        let space = Space::real(3).unwrap();
        for rule in descent::entries() {
            let mut descent = descent::build(&Spec::new(rule.id), &space).unwrap();
            let gradient = CowTensor::new(candle_core::Tensor::new(&[1.0, -2.0, 0.5], space.device()).unwrap());
            let estimate = Estimate::new(1.0, Some(gradient.into()), 1);
            let mut at = space.start();
            for _ in 0..3 {
                let before = State::of(&mut descent).unwrap().digest().unwrap();
                let foreseen = rehearse(&estimate, &at, &mut descent, &space).unwrap();
                assert_eq!(State::of(&mut descent).unwrap().digest().unwrap(), before, "{}", rule.id);
                estimate.follow(&mut at, &mut descent, &space).unwrap();
                assert_eq!(foreseen.to_vec1::<f64>().unwrap(), at.to_vec1::<f64>().unwrap(), "{}", rule.id);
            }
        }
    }
}
