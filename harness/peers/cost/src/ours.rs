//! The optimizers of moths.

use moths::{Batch, CowTensor, Key, Leaf, Objective, Result, Space, Spec, registry};

use crate::{Losses, Step};

/// Writes every candidate out, and does not look at it.
struct Reader {
    space: Space,
    row: CowTensor,
    losses: Losses,
}

impl Objective for Reader {
    fn space(&self) -> &Space {
        &self.space
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        (0..batch.len()).try_for_each(|i| batch.write(i, &mut self.row))?;
        Ok(self.losses.next(batch.len()))
    }
}

fn step(name: &str, setting: &str, value: usize, d: usize) -> Step {
    let space = Space::new(vec![Leaf::real("x", [d])]).expect("a valid space");
    let spec = Spec::new(name).with(setting, value).expect("a plain setting");
    let mut optimizer = registry::build(&spec, &space, Key::new(1)).expect("a valid spec");
    let mut objective = Reader { row: space.zeros().expect("memory"), space, losses: Losses(0) };
    Box::new(move || {
        optimizer.step(&mut objective).expect("a step");
    })
}

pub(crate) fn cma_es(d: usize, n: usize) -> Step {
    step("cma-es", "population", n, d)
}

pub(crate) fn cr_fm_nes(d: usize, n: usize) -> Step {
    step("cr-fm-nes", "population", n, d)
}

pub(crate) fn pgpe(d: usize, n: usize) -> Step {
    step("pgpe", "pairs", n / 2, d)
}

pub(crate) fn de(d: usize, n: usize) -> Step {
    step("de", "population", n, d)
}
