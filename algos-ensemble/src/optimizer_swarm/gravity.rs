//! Gravity: what draws members together, on parameters or on the gradients they follow.

use moths_core::{Batch, CowTensor, Key, Result, Space, candle_core::Tensor, fuse, kernel};

use crate::together::View;

kernel! { fn fall(x: inout, c: mat, strength: num, q: num) {
    let d = x - c;
    x = x - select(d == 0.0, 0.0, signum(d) * min(strength * exp(q * ln(abs(d))), abs(d)));
} }
kernel! { fn climb(gradient: inout, x: mat, c: mat, strength: num, q: num) {
    let d = x - c;
    gradient = gradient + strength * select(d == 0.0, 0.0, signum(d) * exp(q * ln(abs(d))));
} }
// Its square is |d|^(2 half).
kernel! { fn depth(out: out, x: mat, c: mat, half: num) {
    let d = abs(x - c);
    out = select(d == 0.0, 0.0, exp(half * ln(d)));
} }
kernel! { fn drift(x: inout, mean: mat, before: mat, share: num) {
    x = x + share * (mean - before);
} }
kernel! { fn shake(x: inout, scale: num, z: normal) {
    x = x + scale * z;
} }

/// x ← x − sign(d) min(γ |d|^q, |d|),  d = x − c: never beyond the centre.
pub(super) fn pull(x: &mut CowTensor, centre: &CowTensor, strength: f64, power: f64) -> Result<()> {
    fall(x, centre, strength, power)
}

/// x ← x + β (m − m of the step before).
pub(super) fn carry(x: &mut CowTensor, mean: &CowTensor, before: &CowTensor, share: f64) -> Result<()> {
    drift(x, mean, before, share)
}

/// x ← x + s z,  z ~ N(0, I).
pub(super) fn jitter(x: &mut CowTensor, scale: f64, key: Key) -> Result<()> {
    shake(x, scale, key)
}

/// A well around a point, Φ(x) = γ / (q + 1) Σ |x − c|^(q + 1), that is added to the losses that members see: its gradient is γ sign(d) |d|^q, so
/// that whatever follows the losses feels it, and remembers it in its momentum.
pub(super) struct Well {
    pub(super) centre: CowTensor,
    pub(super) strength: f64,
    pub(super) power: f64,
    pub(super) space: Space,
}

impl Well {
    fn depth(&self, at: &CowTensor, scratch: &mut CowTensor) -> Result<f64> {
        depth(scratch, at, &self.centre, 0.5 * (self.power + 1.0))?;
        Ok(self.strength / (self.power + 1.0) * fuse::dot(scratch, scratch)?)
    }
}

impl View for Well {
    fn losses(&self, batch: &Batch, losses: &mut [f64]) -> Result<()> {
        let [mut point, mut scratch] = [self.space.zeros()?, self.space.zeros()?];
        for (i, loss) in losses.iter_mut().enumerate() {
            batch.write(i, &mut point)?;
            *loss += self.depth(&point, &mut scratch)?;
        }
        Ok(())
    }

    fn gradient(&self, at: &CowTensor, (loss, gradient): (f64, Tensor)) -> Result<(f64, Tensor)> {
        let mut gradient = CowTensor::new(gradient);
        climb(&mut gradient, at, &self.centre, self.strength, self.power)?;
        Ok((loss + self.depth(at, &mut self.space.zeros()?)?, (*gradient).clone()))
    }
}
