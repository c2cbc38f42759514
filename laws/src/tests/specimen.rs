//! A small, sound evolution strategy, and what it becomes with a flaw.

mod asks;
mod gradients;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::flaw::Flaw;
use moths_core::{
    Batch, CowTensor, Error, Key, Objective, Optimizer, Report, Result, Space,
    optimizer::{Algorithm, Capabilities, Family, Meta, settings},
    persist::{Clock, Fields, Persist},
    register,
    tensor::host,
    with_scalar,
};

/// How the specimen asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Asks {
    /// Seeded candidates.
    #[default]
    Seeds,
    /// Rows that stand in its state.
    Rows,
    /// Gradients.
    Gradients,
}

/// Settings of a [`Specimen`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SpecimenConfig {
    flaw: Flaw,
    asks: Asks,
    /// Candidates a step.
    #[schemars(range(min = 1, max = 1000))]
    lambda: usize,
    /// The first step size.
    #[schemars(range(max = 10.0), extend("exclusiveMinimum" = 0.0))]
    sigma: f64,
    /// Evaluations of the run, by the end of which steps are a millionth; null: nobody knows.
    #[schemars(range(min = 1, max = 1_000_000_000_000_u64))]
    length: Option<u64>,
}

impl Default for SpecimenConfig {
    fn default() -> Self {
        Self { flaw: Flaw::None, asks: Asks::Seeds, lambda: 8, sigma: 0.5, length: None }
    }
}

/// A (1 + λ) evolution strategy of two rounds: the point itself where its loss is not known, then λ candidates around it. Its step
/// size grows with success and shrinks without.
pub(super) struct Specimen {
    config: SpecimenConfig,
    space: Space,
    clock: Clock,
    at: CowTensor,
    loss: f64,
    sigma: f64,
    /// The candidates of the next step, of a kind that holds them.
    rows: Option<CowTensor>,
    /// Nothing, in a sound specimen.
    built_with: Key,
    hidden: u64,
    failures: u64,
    stumbled: bool,
    pretended: Option<CowTensor>,
    hoard: Option<CowTensor>,
}

/// What it promises where it asks seeds.
const PROMISED: Capabilities = Capabilities::NONE
    .seeds_only(true)
    .rank_based(true)
    .translation(true)
    .rotation(true)
    .monotone(true)
    .beats_random(true)
    .converges(true)
    .discrete(true);

impl Algorithm for Specimen {
    const META: Meta = Meta::new("specimen", Family::Evolution, "What the laws themselves are tried on.", "none")
        .capabilities(PROMISED)
        .horizon("length")
        .size("lambda");
    type Config = SpecimenConfig;

    fn new(config: SpecimenConfig, space: &Space, key: Key) -> Result<Self> {
        let flaw = config.flaw;
        if flaw != Flaw::TrustsRegistry {
            settings::check(&config)?;
        }
        let flaw = if config.sigma == SpecimenConfig::default().sigma { flaw.by_default() } else { flaw.otherwise() };
        let config = SpecimenConfig { flaw, ..config };
        if space.is_discrete() && flaw == Flaw::RefusesRudely {
            return Err(Error::Objective("only real numbers".into()));
        }
        if space.is_discrete() && config.asks == Asks::Gradients {
            return Err(Error::unsupported("specimen", "needs gradients"));
        }
        if config.lambda % 7 == 6 && flaw == Flaw::RejectsRudely {
            return Err(Error::Objective("not six".into()));
        }
        let first = if flaw == Flaw::IgnoresKey { Key::new(0) } else { key };
        let mut specimen = Self {
            space: space.clone(),
            clock: Clock::new(first),
            at: space.start(),
            loss: f64::INFINITY,
            sigma: config.sigma,
            rows: None,
            built_with: key,
            hidden: 0,
            failures: 0,
            stumbled: false,
            pretended: None,
            hoard: if flaw == Flaw::Hoards { Some(space.zeros_for(config.lambda)?) } else { None },
            config,
        };
        specimen.propose()?;
        Ok(specimen)
    }

    fn capabilities(config: &SpecimenConfig) -> Result<Capabilities> {
        let all = PROMISED.at_walls(config.flaw == Flaw::StopsAtWalls).deterministic(config.flaw == Flaw::DeniesChance);
        Ok(match config.asks {
            Asks::Seeds => all,
            Asks::Rows if config.flaw == Flaw::AsksRows => all,
            Asks::Rows => all.seeds_only(false).state_per_candidate(1.0),
            Asks::Gradients => {
                all.needs_gradient(true).rank_based(false).monotone(false).beats_random(false).converges(false).discrete(false)
            }
        })
    }

    fn evaluations_per_step(config: &SpecimenConfig, _space: &Space, stochastic: bool) -> Result<Option<u64>> {
        let sound = if config.asks == Asks::Gradients { 1 } else { config.lambda as u64 + u64::from(stochastic) };
        Ok(Some(sound + u64::from(config.flaw == Flaw::Overcharges)))
    }
}

impl Specimen {
    fn has(&self, flaw: Flaw) -> bool {
        self.config.flaw == flaw
    }

    /// Has it converged?
    fn converged(&self) -> Option<&'static str> {
        let least = match self.config.flaw {
            Flaw::NeverStops => 0.0,
            Flaw::StopsEarly => 0.1,
            _ => 1e-12,
        };
        (self.sigma < least * self.config.sigma).then_some("its steps vanished")
    }

    fn losses(&self, objective: &mut dyn Objective, batch: &Batch) -> Result<Vec<f64>> {
        match self.config.flaw {
            Flaw::TrustsLengths => objective.evaluate(batch),
            Flaw::BelievesInfinity => {
                let losses = objective.evaluate(batch)?;
                Ok(losses.into_iter().map(|l| if l.is_nan() { f64::INFINITY } else { l }).collect())
            }
            Flaw::PrefersNan if batch.len() > 1 => {
                let losses = objective.evaluate(batch)?;
                Ok(losses.into_iter().map(|l| if l.is_nan() { -f64::MAX } else { l }).collect())
            }
            Flaw::SwallowsErrors => Ok(objective.evaluate(batch).unwrap_or_else(|_| vec![f64::INFINITY; batch.len()])),
            _ => Ok(objective.losses(batch)?.to_vec()),
        }
    }

    /// The loss at the point, and how many evaluations that took.
    fn own_loss(&mut self, objective: &mut dyn Objective) -> Result<(f64, u64)> {
        if self.loss.is_finite() && (!objective.stochastic() || self.has(Flaw::ComparesSteps)) {
            return Ok((self.loss, 0));
        }
        let losses = self.losses(objective, &Batch::one(&self.at)?)?;
        let loss = losses.first().copied().unwrap_or(f64::INFINITY);
        if self.has(Flaw::CommitsEarly) {
            self.loss = loss;
        }
        Ok((loss, 1))
    }

    fn attempt(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        if self.config.asks == Asks::Gradients {
            return self.descend(objective);
        }
        if self.has(Flaw::RefusesLate) && self.space.is_discrete() {
            return Err(Error::unsupported("specimen", "needs real numbers"));
        }
        if self.has(Flaw::PeeksAtGradients) && objective.gradient(&self.at)?.is_some() {
            self.sigma *= 0.5;
        }
        let (old, extra) = self.own_loss(objective)?;
        let batch = self.batch()?;
        let losses = self.losses(objective, &batch)?;
        if self.has(Flaw::PanicsWhenLarge) && self.config.lambda > 30 {
            panic!("there are only thirty places");
        }
        let failed = losses.iter().filter(|loss| loss.is_infinite()).count();
        let evaluated = (batch.len() - if self.has(Flaw::CountsNoFailures) { failed } else { 0 }) as u64;
        self.commit(old, batch, &losses)?;
        let seen = losses.iter().copied().fold(if extra > 0 { old } else { f64::INFINITY }, f64::min);
        let loss = if self.has(Flaw::ReportsMean) { losses.iter().sum::<f64>() / losses.len() as f64 } else { seen };
        let extra = if self.has(Flaw::CountsOneRound) { 0 } else { extra };
        Ok(Report::new(loss, evaluated + extra).converged(self.converged()))
    }

    fn commit(&mut self, old: f64, batch: Batch, losses: &[f64]) -> Result<()> {
        let best = losses.iter().copied().enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
        let (best, loss) = best.ok_or_else(|| Error::Objective("no losses".into()))?;
        let accepts = loss < old || (self.has(Flaw::AcceptsWorse) && loss.is_finite());
        self.loss = if accepts { loss } else { old };
        self.sigma *= match self.config.flaw {
            Flaw::StandsStill => 0.1,
            Flaw::NeverShrinks => 1.0,
            Flaw::AddsLosses => 1.0 + losses.iter().sum::<f64>() / 1000.0,
            Flaw::WeighsLosses if accepts => 1.0 + (old - loss).min(1.0) / 2.0,
            _ if accepts => 1.4,
            _ => 0.9,
        };
        if accepts {
            let mut row = batch.row(best, &self.space)?;
            if !self.has(Flaw::Drifts) {
                self.space.confine(&mut row)?;
            }
            drop(batch);
            self.place(row)?;
        }
        self.failures += u64::from(!accepts);
        if self.has(Flaw::ForgetsFailures) && self.failures > 20 {
            (self.sigma, self.failures) = (3.0 * self.sigma, 0);
        }
        if self.has(Flaw::PullsToOrigin) {
            self.at = CowTensor::new((&*self.at * 0.9)?);
        }
        match self.config.flaw {
            Flaw::TrustsIndices => self.sigma *= [1.0; 8][self.hidden as usize],
            _ => self.hidden += 1,
        }
        self.pretended = None;
        if !self.has(Flaw::TicksFirst) && !self.has(Flaw::ForgetsPanics) {
            self.clock.tick();
        }
        self.propose()
    }

    /// Moves the point, by a new tensor if sound.
    fn place(&mut self, row: CowTensor) -> Result<()> {
        match self.config.flaw {
            Flaw::OverwritesPoint => overwrite(&mut CowTensor::new((*self.at).clone()), &row),
            Flaw::LendsAnswer | Flaw::KeepsGivenPoint => overwrite(&mut self.at, &row),
            _ => {
                self.at = row;
                Ok(())
            }
        }
    }
}

fn overwrite(tensor: &mut CowTensor, by: &CowTensor) -> Result<()> {
    with_scalar!(by.dtype(), T => {
        let by = by.to_vec1::<T>()?;
        host::edit::<T, _>(tensor, |values| values.copy_from_slice(&by))
    })
}

impl Optimizer for Specimen {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        if !self.has(Flaw::TicksFirst) && !self.has(Flaw::ForgetsPanics) {
            let report = self.attempt(objective);
            self.stumbled = report.is_err();
            return report;
        }
        self.clock.tick();
        let report = self.attempt(objective);
        if report.is_err() && self.has(Flaw::ForgetsPanics) {
            self.clock.step -= 1;
        }
        report
    }

    fn answer(&self) -> Result<CowTensor> {
        let at = self.pretended.as_ref().unwrap_or(&self.at);
        if self.has(Flaw::AnswersDecoded) {
            return self.space.decode(at);
        }
        if self.has(Flaw::StaysBehind) {
            return Ok(self.space.start());
        }
        if self.has(Flaw::LendsAnswer) { Ok((**at).clone().into()) } else { Ok(at.clone()) }
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        let fits = at.dims() == [self.space.dim()] && at.dtype() == self.space.dtype();
        if !fits && !self.has(Flaw::MovesAnywhere) {
            return Err(Error::shape("point", self.space.dim(), format!("{:?}", at.dims())));
        }
        if fits && !self.has(Flaw::MovesToNan) {
            self.space.point(at)?;
        }
        let mut to = if self.has(Flaw::KeepsGivenPoint) { CowTensor::new((**at).clone()) } else { at.clone() };
        if fits && !self.has(Flaw::MovesOutside) {
            self.space.confine(&mut to)?;
        }
        match self.config.flaw {
            Flaw::IgnoresMoves => return Ok(()),
            Flaw::PretendsToMove => self.pretended = Some(to),
            _ => self.at = to,
        }
        if !self.has(Flaw::RemembersLoss) {
            self.loss = f64::INFINITY;
        }
        if fits { self.propose() } else { Ok(()) }
    }
}

impl Persist for Specimen {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        fields.field("clock", &mut self.clock)?;
        fields.field("at", &mut self.at)?;
        fields.field("loss", &mut self.loss)?;
        match self.config.flaw {
            Flaw::TrustsIndices => fields.field("hidden", &mut self.hidden)?,
            Flaw::RestoresRudely if self.loss.is_nan() || self.loss <= 0.0 => {
                return Err(Error::Objective("no loss is so low".into()));
            }
            _ => {}
        }
        if self.has(Flaw::SavesRounded) {
            let mine = f64::from(self.sigma as f32);
            let mut saved = mine;
            fields.field("sigma", &mut saved)?;
            self.sigma = if saved == mine { self.sigma } else { saved };
        } else if !self.has(Flaw::UnlistedField) {
            fields.field("sigma", &mut self.sigma)?;
        }
        self.hoard.as_mut().map_or(Ok(()), |hoard| fields.field("hoard", hoard))?;
        self.rows.as_mut().map_or(Ok(()), |rows| fields.field("rows", rows))
    }
}

register!(Specimen);
