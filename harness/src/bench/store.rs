//! The results folder of a bench: `bench.json` is its [`Manifest`], `runs.jsonl` its [`Record`]s.

use super::{Manifest, Record, manifest::FORMAT};
use crate::{Result, store::Kept};

/// A folder that runs are added to.
pub type Store = crate::store::Store<Record>;

impl Kept for Record {
    type Manifest = Manifest;
    const MANIFEST: &'static str = "bench.json";
    const FORMAT: u32 = FORMAT;

    fn joined(there: Manifest, wanted: &Manifest) -> Result<Manifest> {
        there.joined(wanted)
    }

    fn misfit(&self, manifest: &Manifest) -> Option<String> {
        let subject = manifest.problems.iter().find(|subject| subject.address == self.problem)?;
        let budget = manifest.budget.fixed(subject.dim)?;
        (budget != self.budget).then(|| self.of_another_budget(budget))
    }
}

impl Record {
    /// Why it is none of a bench with this budget.
    pub(super) fn of_another_budget(&self, budget: u64) -> String {
        format!("a run of {} evaluations, where `{}` says {budget}", self.budget, Self::MANIFEST)
    }
}
