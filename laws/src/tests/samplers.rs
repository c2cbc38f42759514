//! The laws of samplers hold for every [`Sampler`], and catch what only looks like one.

use candle_core::Tensor;

use super::super::samplers::{Draws, LAWS, samplers};
use moths_core::{CowTensor, Result, Sampler, Space, rng::Seed, tensor::host, with_scalar};

#[test]
fn every_sampler_keeps_the_laws() {
    let all = samplers(3);
    assert!(all.len() >= 15, "{all:?}");
    let check =
        |sampler: &Sampler| LAWS.iter().filter_map(|law| law.check(sampler).err()).map(|e| e.to_string()).collect::<Vec<_>>();
    let broken: Vec<String> = all.iter().flat_map(check).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// What can be wrong with one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    /// The second leaf has the noise of the first.
    EqualFactors,
    /// The third leaf is drawn with the seed of its name alone.
    SeedOfItsOwn,
    CountsThreads,
    /// Rescales by what the noise came to, and says that no element knows of another.
    KnowsLength,
    TooWide,
    OffCentre,
    /// Multiplies by the scale twice where it lays noise around a centre.
    ScalesTwice,
    /// Other numbers where it adds.
    AddsOthers,
}

const CAUGHT: &[(&str, &[Flaw])] = &[
    ("leaves", &[Flaw::EqualFactors, Flaw::SeedOfItsOwn]),
    ("pieces", &[Flaw::CountsThreads, Flaw::KnowsLength]),
    ("moments", &[Flaw::TooWide, Flaw::OffCentre]),
    ("alike", &[Flaw::ScalesTwice, Flaw::AddsOthers]),
];

/// Normal noise with a flaw.
struct Specimen(Option<Flaw>);

impl Specimen {
    fn has(&self, flaw: Flaw) -> bool {
        self.0 == Some(flaw)
    }
}

impl Draws for Specimen {
    fn name(&self) -> String {
        format!("{:?}", self.0)
    }

    fn fill(&self, space: &Space, seed: Seed, out: &mut CowTensor) -> Result<()> {
        let key = seed.key().fold(if self.has(Flaw::CountsThreads) { rayon::current_num_threads() as u64 } else { 0 });
        Sampler::Normal.fill(if self.has(Flaw::SeedOfItsOwn) { moths_core::Key::new(3) } else { key }, out)?;
        let first = space.leaves()[0].len();
        let len = host::to_f64s(out)?.iter().map(|z| z * z).sum::<f64>().sqrt() / (space.dim() as f64).sqrt();
        with_scalar!(space.dtype(), T => host::edit::<T, _>(out, |z| match self.0 {
            Some(Flaw::EqualFactors) => z.copy_within(..first, first),
            Some(Flaw::KnowsLength) => z.iter_mut().for_each(|z| *z /= len as T),
            Some(Flaw::TooWide) => z.iter_mut().for_each(|z| *z *= 1.1),
            Some(Flaw::OffCentre) => z.iter_mut().for_each(|z| *z += 0.05),
            _ => {}
        }))
    }

    fn perturb(&self, space: &Space, centre: &Tensor, scale: f64, seed: Seed, out: &mut CowTensor) -> Result<()> {
        self.fill(space, seed, out)?;
        let scale = if self.has(Flaw::ScalesTwice) { scale * scale } else { scale };
        *out = CowTensor::new((((&**out) * scale)? + centre)?);
        Ok(())
    }

    fn add(&self, space: &Space, seed: Seed, scale: f64, onto: &mut CowTensor) -> Result<()> {
        let mut noise = space.zeros()?;
        self.fill(space, if self.has(Flaw::AddsOthers) { seed.family().member(seed.number() + 1) } else { seed }, &mut noise)?;
        *onto = CowTensor::new(((&**onto) + (&*noise * scale)?)?);
        Ok(())
    }

    fn variance(&self) -> Option<f64> {
        Some(1.0)
    }

    fn knows_shapes(&self) -> bool {
        false
    }
}

#[test]
fn laws_pass_what_is_sound_and_catch_what_is_not() {
    for law in LAWS {
        law.check(&Specimen(None)).unwrap();
        let flaws = CAUGHT.iter().filter(|(name, _)| *name == law.name).flat_map(|(_, flaws)| *flaws);
        let missed: Vec<&Flaw> = flaws.clone().filter(|flaw| law.check(&Specimen(Some(**flaw))).is_ok()).collect();
        assert!(flaws.count() > 0 && missed.is_empty(), "`{}` misses {missed:?}", law.name);
    }
}
