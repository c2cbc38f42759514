//! How particles move to their consensus: the drift, and how far they diffuse.

use candle_core::Tensor;
use moths_core::{CowTensor, Error, Result, fuse, kernel, optimizer::Population};

use super::{Consensus, ConsensusConfig, Diffusion, Update, swarm::Swarm};

/// The update of the header, in all that it can be made of. `on` is 0 for who stays; `r` is what does not depend on the coordinate, squared.
macro_rules! moves {
    ($($name:ident($($moment:ident)*; $c:ident; $($y:ident)?);)*) => {$(
        moves! { @kernel $name [$($moment)*] $c [$($y)?] }
    )*};
    (@kernel $name:ident [] $c:ident []) => {
        kernel! { fn $name(x: inout, c: $c, on: col, r: col, l: num, s: num, z: normal) {
            let d = x - c;
            x = x + on * (sqrt(square(s * d) + r) * z - l * d);
        } }
    };
    (@kernel $name:ident [] $c:ident [y]) => {
        kernel! { fn $name(x: inout, c: $c, y: mat, on: col, r: col, l: num, s: num, lm: num, sm: num, z: normal) {
            let d = x - c;
            let e = x - y;
            x = x + on * (sqrt(square(s * d) + square(sm * e) + r) * z - l * d - lm * e);
        } }
    };
    (@kernel $name:ident [m v] $c:ident []) => {
        kernel! { fn $name(
            x: inout, m: inout, v: inout, c: $c, on: col, r: col, l: num, s: num, b1: num, b2: num, z: normal
        ) {
            let d = x - c;
            let nm = select(on > 0.0, 0.9 * m + 0.1 * d, m);
            let nv = select(on > 0.0, 0.99 * v + 0.01 * square(d), v);
            m = nm;
            v = nv;
            x = x + on * (sqrt(square(s * d) + r) * z - l * (nm / b1) / (sqrt(nv / b2) + 0.00000001));
        } }
    };
    (@kernel $name:ident [m v] $c:ident [y]) => {
        kernel! { fn $name(
            x: inout, m: inout, v: inout, c: $c, y: mat, on: col, r: col, l: num, s: num, lm: num, sm: num, b1: num, b2: num, z: normal
        ) {
            let d = x - c;
            let e = x - y;
            let nm = select(on > 0.0, 0.9 * m + 0.1 * d, m);
            let nv = select(on > 0.0, 0.99 * v + 0.01 * square(d), v);
            m = nm;
            v = nv;
            x = x + on * (sqrt(square(s * d) + square(sm * e) + r) * z - l * (nm / b1) / (sqrt(nv / b2) + 0.00000001) - lm * e);
        } }
    };
}
moves! {
    drift(; row; );
    drift_remembered(; row; y);
    drift_polarised(; mat; );
    drift_polarised_remembered(; mat; y);
    adam(m v; row; );
    adam_remembered(m v; row; y);
    adam_polarised(m v; mat; );
    adam_polarised_remembered(m v; mat; y);
}

impl Consensus {
    /// σ √Δt, where the consensus has these weights.
    pub(super) fn diffusion(&self, weights: &[f64]) -> f64 {
        let ConsensusConfig { dt, lambda, sigma, .. } = &self.config;
        if let Some(sigma) = sigma {
            return sigma.at(self.clock.step) * dt.sqrt();
        }
        // By how much Σ ‖x_i − c‖² grows when c becomes the weighted mean of x_i that are independent of the losses. Of a normal vector the
        // mean length is 1 − 1/(4 d) times the root of its mean square.
        let squares = weights.iter().map(|w| w * w).sum::<f64>();
        // Without weights the consensus stays where it is, and so does the extent.
        let growth = if squares > 0.0 { 1.0 - 2.0 / self.config.drawn(weights.len()) as f64 + squares } else { 1.0 };
        (1.0 + 0.25 / self.space.dim() as f64) * (1.0 / growth - (1.0 - lambda * dt).powi(2)).max(0.0).sqrt()
    }

    /// What of the diffusion is the same in all coordinates, squared: of each particle. `s` is σ √Δt.
    fn radii(&self, centres: &CowTensor, s: f64, scattered: bool) -> Result<Vec<f64>> {
        let swarm = &self.swarm;
        let ConsensusConfig { dt, noise, memory, scatter, .. } = &self.config;
        let n = swarm.x.len();
        let mut radii = vec![0.0; n];
        if *noise == Diffusion::Isotropic {
            let variance = s * s / self.space.dim() as f64;
            let mut add = |to: &CowTensor, share: f64| {
                let apart = fuse::distances(swarm.x.points(), to)?;
                radii.iter_mut().zip(apart).for_each(|(r, apart)| *r += share * variance * apart * apart);
                Ok::<_, Error>(())
            };
            add(centres, 1.0)?;
            if let (Some(y), Some(memory)) = (&swarm.y, memory) {
                add(y.points(), memory * memory)?;
            }
        }
        let jitter = self.config.jitter.as_ref().map_or(0.0, |jitter| jitter.at(self.clock.step));
        let anew = if scattered { *scatter } else { 0.0 };
        Ok(radii.into_iter().map(|r| r + dt * (jitter * jitter + anew * anew)).collect())
    }

    /// The particles after a step to their consensus.
    pub(super) fn drift(&mut self, centres: &CowTensor, drawn: &[usize], s: f64, scattered: bool) -> Result<()> {
        let ConsensusConfig { dt, lambda, noise, memory, update, .. } = &self.config;
        let r = self.radii(centres, s, scattered)?;
        let mut on = vec![if *update == Update::Full { 1.0 } else { 0.0 }; r.len()];
        drawn.iter().for_each(|&j| on[j] = 1.0);
        let column = |values: Vec<f64>| -> Result<Tensor> {
            let n = values.len();
            self.space.numbers(values, n)
        };
        let (on, r) = (&column(on)?, &column(r)?);
        let s = if *noise == Diffusion::ComponentWise { s } else { 0.0 };
        let (l, lm, sm) = (lambda * dt, memory.unwrap_or(0.0) * dt, memory.unwrap_or(0.0) * s);
        let steps = (self.clock.step + 1).min(100_000) as f64;
        let (b1, b2) = (1.0 - libm::pow(0.9, steps), 1.0 - libm::pow(0.99, steps));
        let (c, z, polarised) = (centres, self.clock.key().fold(2), centres.rank() == 2);
        let Swarm { x, y, moments } = &mut self.swarm;
        let y = y.as_ref().map(Population::points);
        x.moving(|x| {
            match (moments, polarised, y) {
                (None, false, None) => drift(x, c, on, r, l, s, z),
                (None, true, None) => drift_polarised(x, c, on, r, l, s, z),
                (None, false, Some(y)) => drift_remembered(x, c, y, on, r, l, s, lm, sm, z),
                (None, true, Some(y)) => drift_polarised_remembered(x, c, y, on, r, l, s, lm, sm, z),
                (Some((m, v)), false, None) => adam(x, m, v, c, on, r, l, s, b1, b2, z),
                (Some((m, v)), true, None) => adam_polarised(x, m, v, c, on, r, l, s, b1, b2, z),
                (Some((m, v)), false, Some(y)) => adam_remembered(x, m, v, c, y, on, r, l, s, lm, sm, b1, b2, z),
                (Some((m, v)), true, Some(y)) => adam_polarised_remembered(x, m, v, c, y, on, r, l, s, lm, sm, b1, b2, z),
            }?;
            self.space.confine(x)
        })
    }
}
