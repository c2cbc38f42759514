//! What every update rule is held to: [`LAWS`] over [registered](descent::entries) descents.
//!
//! | law | |
//! |---|---|
//! | `resume` | after any step, saving the state and loading it elsewhere goes on bit for bit |
//! | `atomic` | what does not fit is refused, and changes nothing |
//! | `drawn` | noise that is summed where it is read is as good as its sum |
//! | `downhill` | in a bowl it goes down, in one dimension and in many |
//! | `state` | the state is as big as was said |

mod atomic;
mod downhill;
mod drawn;
mod resume;
mod state;

use candle_core::{DType, Tensor};

use super::{Held, Law, draws, path::Digest};
use moths_core::{
    CowTensor, Key, Leaf, Result, Sampler, Space, Spec,
    noise::Gradient,
    optimizer::{Descent, descent},
    persist::State,
    tensor::host,
};

/// All laws of descents.
pub const LAWS: &[Law<Rule>] = &[resume::LAW, atomic::LAW, drawn::LAW, downhill::LAW, state::LAW];

/// An update rule with some settings, looked up like anyone would.
#[derive(Clone, Debug)]
pub struct Rule {
    spec: Spec,
}

impl Rule {
    /// The update rule that a spec names.
    ///
    /// # Errors
    /// As [`descent::state_per_parameter`].
    pub fn new(spec: impl Into<Spec>) -> Result<Self> {
        let spec = spec.into();
        descent::state_per_parameter(&spec)?;
        Ok(Self { spec })
    }

    fn build(&self, space: &Space) -> Result<Box<dyn Descent>> {
        descent::build(&self.spec, space)
    }
}

impl Held for Rule {
    fn name(&self) -> String {
        self.spec.to_string()
    }
}

/// Every registered update rule, with its defaults.
pub fn rules() -> Vec<Rule> {
    descent::entries().into_iter().map(|entry| Rule { spec: Spec::new(entry.id) }).collect()
}

/// Some of every registered update rule with settings drawn from its schema, always the same ones: they may be anything but of use.
pub fn drawn(each: u32) -> Vec<Rule> {
    let drawn = |id: &'static str, schema: &serde_json::Value| {
        let settings = draws::values(schema, each).into_iter().filter_map(|settings| settings.as_object().cloned());
        settings.map(move |settings| Rule { spec: Spec { name: id.to_owned(), settings } }).collect::<Vec<_>>()
    };
    let rules = descent::entries().into_iter().flat_map(|entry| drawn(entry.id, &entry.schema()));
    let builds = |rule: &Rule| space(DType::F64, 1).and_then(|space| rule.build(&space)).is_ok();
    rules.filter(builds).collect()
}

/// Leaves of two shapes.
fn space(dtype: DType, rows: usize) -> Result<Space> {
    Space::with_dtype(vec![Leaf::real("a", [rows, 7]), Leaf::real("b", [3])], dtype)
}

/// The gradient of a step, of which the laws need no more than that it is another in every step.
fn gradient(space: &Space, step: u64) -> Result<Gradient> {
    let terms = (0..3).map(|k| (Key::new(step).member(k), 0.3 * k as f64 - 0.4)).collect();
    Gradient::drawn(Sampler::Normal.over(space), terms, space)
}

/// Takes a step, as gradient descent does: who remembers a loss is told it, and of what it has seen.
fn step(rule: &mut dyn Descent, at: &mut CowTensor, gradient: &Gradient, loss: f64) -> Result<()> {
    rule.witness(at, loss);
    rule.descend(at, gradient)
}

/// What can be seen after a step, as bits: the point and the state.
fn seen(rule: &mut Box<dyn Descent>, at: &Tensor) -> Result<(Vec<f64>, Digest)> {
    Ok((host::to_f64s(at)?, State::of(rule)?.digest()?))
}
