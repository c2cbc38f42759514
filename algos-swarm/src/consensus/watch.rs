//! When nothing better was found for so long that the swarm is to be scattered.

use moths_core::{
    CowTensor, Result,
    objective::Losses,
    persist::{Fields, Persist},
};

/// The best point ever, where somebody must know that there is no better one.
#[derive(Clone)]
pub(super) struct Watch {
    pub(super) point: Option<CowTensor>,
    pub(super) loss: f64,
    /// Steps since it was found.
    pub(super) stagnant: u64,
}

impl Watch {
    /// A step had these candidates \[m, d\], and the best point ever this loss on the same data. Is the swarm to be scattered?
    pub(super) fn look(&mut self, loss: f64, candidates: &CowTensor, losses: &Losses, patience: u64) -> Result<bool> {
        let Some(point) = &mut self.point else { return Ok(false) };
        (self.loss, self.stagnant) = (loss, self.stagnant + 1);
        if let Some((i, lowest)) = losses.best()
            && lowest < loss
        {
            (*point, self.loss, self.stagnant) = (candidates.get(i)?.copy()?.into(), lowest, 0);
        }
        let scattered = self.stagnant >= patience;
        if scattered {
            self.stagnant = 0;
        }
        Ok(scattered)
    }
}

impl Persist for Watch {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        if let Some(point) = &mut self.point {
            fields.field("point", point)?;
            fields.field("loss", &mut self.loss)?;
            fields.field("stagnant", &mut self.stagnant)?;
        }
        Ok(())
    }
}
