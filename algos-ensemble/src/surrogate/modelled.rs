//! An objective that answers a part of every batch from a model.

use candle_core::Tensor;
use moths_core::{
    Batch, CowTensor, Objective, Result, fuse,
    objective::{Losses, Outputs},
    passes_on,
    tensor::host,
};

use super::{
    archive::Archive,
    model::{Model, Terms, rank_correlation},
};

/// Smaller batches are no generations: who asks for a few points wants to know their losses.
const FEWEST: usize = 4;
/// Fewer points than this in the archive are made up for at once.
const FIRST: usize = 4;
/// How many of the newest points the model is judged by, at least.
const JUDGES: usize = 15;

/// What is asked in a step, and what has come of it.
pub(super) struct Modelled<'a> {
    objective: &'a mut dyn Objective,
    pub(super) archive: Archive,
    richest: Terms,
    trust: f64,
    /// Of the archive as it is; `None`: not known yet.
    pub(super) model: Option<Option<Model>>,
    /// Points that are evaluated if they are asked for, whatever the model says.
    pub(super) wanted: Vec<Vec<f64>>,
    pub(super) evaluations: u64,
    pub(super) lowest: f64,
}

impl<'a> Modelled<'a> {
    /// `model`: that of the archive, where it is known.
    pub(super) fn new(
        objective: &'a mut dyn Objective,
        archive: Archive,
        model: Option<Option<Model>>,
        richest: Terms,
        trust: f64,
    ) -> Self {
        Self { objective, archive, richest, trust, model, wanted: vec![], evaluations: 0, lowest: f64::INFINITY }
    }

    /// Where the model of what is known now is lowest.
    pub(super) fn minimiser(&mut self) -> Result<Option<Vec<f64>>> {
        self.model()?.map_or(Ok(None), Model::minimiser)
    }

    fn model(&mut self) -> Result<Option<&Model>> {
        if self.model.is_none() {
            self.model = Some(Model::fit(&self.archive, self.objective.space().dim(), self.richest)?);
        }
        Ok(self.model.as_ref().and_then(Option::as_ref))
    }

    fn count(&mut self, losses: &Losses) {
        self.evaluations += losses.len() as u64;
        self.lowest = self.lowest.min(losses.lowest());
    }

    /// The true losses of some points of a batch.
    fn ask(&mut self, batch: &Batch, points: &[f64]) -> Result<Losses> {
        let losses = self.objective.losses(batch)?;
        self.count(&losses);
        if !self.objective.stochastic() {
            let d = self.objective.space().dim();
            points.chunks_exact(d).zip(losses.iter()).for_each(|(point, loss)| self.archive.add(point, *loss));
            self.model = None;
        }
        Ok(losses)
    }

    /// What the model says of points; `None` where there is none.
    fn predicted(&mut self, points: &[f64]) -> Result<Option<Vec<f64>>> {
        let d = self.objective.space().dim();
        let Some(model) = self.model()? else { return Ok(None) };
        let values: Vec<f64> = points.chunks_exact(d).map(|point| model.value(point)).collect();
        Ok(values.iter().all(|value| value.is_finite()).then_some(values))
    }

    /// Does the model put the newest points into their true order, after so many evaluations of a generation of `n`?
    fn is_trusted(&mut self, evaluated: usize, n: usize) -> Result<bool> {
        let judges = JUDGES.max((1.2 * evaluated as f64).min(0.75 * n as f64) as usize).min(self.archive.len());
        let from = self.archive.len() - judges;
        let newest: Vec<f64> = (from..self.archive.len()).flat_map(|i| self.archive.point(i).to_vec()).collect();
        let trust = self.trust;
        let Some(values) = self.predicted(&newest)? else { return Ok(false) };
        Ok(rank_correlation(&values, &self.archive.losses()[from..]) >= trust)
    }

    /// True losses of the candidates that the model holds for the best, until it is trusted; then what it says of all.
    fn generation(&mut self, rows: &CowTensor, points: &[f64]) -> Result<Vec<f64>> {
        let (n, d) = (rows.dims()[0], self.objective.space().dim());
        self.archive.make_room(n);
        let mut known: Vec<Option<f64>> = vec![None; n];
        let mut wanted = 1 + (n / 50).max(FIRST.saturating_sub(self.archive.len()));
        loop {
            let values = self.predicted(points)?;
            let mut unknown: Vec<usize> = (0..n).filter(|&i| known[i].is_none()).collect();
            if let Some(values) = &values {
                unknown.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
            }
            let is_wanted = |i: &usize| self.wanted.iter().any(|point| points[i * d..(i + 1) * d] == point[..]);
            unknown.sort_by_key(|i| !is_wanted(i));
            unknown.truncate(wanted.max(unknown.iter().filter(|i| is_wanted(i)).count()));
            let chosen: Vec<f64> = unknown.iter().flat_map(|&i| points[i * d..(i + 1) * d].to_vec()).collect();
            let losses = self.ask(&Batch::Dense(fuse::gather(rows, &unknown)?), &chosen)?;
            unknown.iter().zip(losses.iter()).for_each(|(&i, loss)| known[i] = Some(*loss));
            let evaluated = known.iter().flatten().count();
            let lowest = known.iter().flatten().copied().fold(f64::INFINITY, f64::min);
            if evaluated == n {
                return Ok(known.into_iter().flatten().collect());
            }
            if lowest.is_finite()
                && self.is_trusted(evaluated, n)?
                && let Some(values) = self.predicted(points)?
            {
                return Ok(shifted(&values, &known, lowest));
            }
            wanted = evaluated.div_ceil(2);
        }
    }
}

/// Predicted values whose lowest is the lowest true loss; who failed has failed.
fn shifted(values: &[f64], known: &[Option<f64>], lowest: f64) -> Vec<f64> {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let failed = |i: usize| known[i].is_some_and(f64::is_infinite);
    values.iter().enumerate().map(|(i, value)| if failed(i) { f64::INFINITY } else { value - least + lowest }).collect()
}

impl Objective for Modelled<'_> {
    passes_on!(objective: space, stochastic, refresh);

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        let rows = batch.dense(self.objective.space())?;
        let points = host::to_f64s(&rows.flatten_all()?)?;
        match batch.len() < FEWEST || self.objective.stochastic() {
            true => Ok(self.ask(batch, &points)?.to_vec()),
            false => self.generation(&rows, &points),
        }
    }

    fn shows_outputs(&self) -> bool {
        self.objective.shows_outputs()
    }

    fn gradient(&mut self, at: &CowTensor) -> Result<Option<(f64, Tensor)>> {
        let answer = self.objective.gradient(at)?;
        if let Some((loss, _)) = &answer {
            self.count(&vec![*loss].into());
        }
        Ok(answer)
    }

    fn outputs(&mut self, batch: &Batch) -> Result<Option<Outputs>> {
        let outputs = self.objective.outputs(batch)?;
        outputs.iter().for_each(|outputs| self.count(&outputs.losses));
        Ok(outputs)
    }
}
