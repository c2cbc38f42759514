//! All runs that are wanted, and running those that are not there yet.

use std::{
    collections::{HashMap, HashSet},
    ops::ControlFlow,
    path::Path,
    sync::{Mutex, atomic::AtomicBool},
};

use moths::Spec;
use rayon::ThreadPool;

use super::{
    Contestant, Manifest, Record, Subject,
    run::{Run, known_minimum},
};
use crate::{
    Error, Result,
    heats::{Spectator, share_out},
    label,
    problem::{self, Entry, Options, Problem},
    store::{Opened, Store},
};

/// A benchmark: who, on what, for how long.
pub struct Bench {
    manifest: Manifest,
    courses: Vec<Course>,
}

/// A problem that is ready to be run on.
struct Course {
    address: String,
    problem: Box<dyn Problem>,
    budget: u64,
    /// Labels of those that cannot run here: they need a gradient and there is none, or the parameters are not of their kind.
    barred: HashSet<String>,
}

/// What has to be done, and what is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Runs.
    pub runs: u64,
    /// Evaluations they may take.
    pub evaluations: u64,
}

impl std::iter::FromIterator<u64> for Load {
    fn from_iter<I: IntoIterator<Item = u64>>(budgets: I) -> Self {
        budgets.into_iter().fold(Self::default(), |load, budget| Self {
            runs: load.runs + 1,
            evaluations: load.evaluations.saturating_add(budget),
        })
    }
}

/// An optimizer of the registry as a contestant.
///
/// # Errors
/// [`Error::Unknown`] if there is none of that name.
pub fn contestant(spec: &Spec) -> Result<Contestant> {
    let meta = &moths::registry::find(&spec.name)?.meta;
    Ok(Contestant { label: label::words(spec), spec: Some(spec.clone()), about: format!("{} {}", meta.summary, meta.citation) })
}

impl Bench {
    /// Builds every problem, and makes sure that every optimizer can be built for it.
    ///
    /// The manifest's subjects are made here, from the addresses.
    ///
    /// # Errors
    /// [`Error::Unknown`] and [`Error::Invalid`] for problems, options and settings.
    pub fn new(mut manifest: Manifest, addresses: &[String]) -> Result<Self> {
        let mut courses = vec![];
        // Where data lie changes no result, and is nobody else's business.
        let data = manifest.options.data.take();
        for address in addresses {
            let (course, subject) = Course::new(address, &manifest, data.as_deref())?;
            manifest.problems.push(subject);
            courses.push(course);
        }
        Ok(Self { manifest, courses })
    }

    /// What is run.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Is there a problem that this contestant can run on?
    pub fn can_run(&self, label: &str) -> bool {
        self.courses.iter().any(|course| !course.barred.contains(label))
    }

    /// Opens the folder that the runs go to, or makes it.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open(&self, folder: &Path) -> Result<Opened<Record>> {
        let budgets: HashMap<&str, u64> = self.courses.iter().map(|course| (&*course.address, course.budget)).collect();
        let budget = |run: &Record| budgets.get(&*run.problem).copied().filter(|budget| *budget != run.budget);
        Store::open(folder, &self.manifest, |run: &Record| Some(run.of_another_budget(budget(run)?)))
    }

    /// Runs what the folder does not hold yet, so many at a time, each on one thread. What each run does depends on nothing else.
    ///
    /// # Errors
    /// As [`Bench::open`] and [`Store::append`].
    pub fn run(&self, folder: &Path, threads: usize, spectator: &dyn Spectator<Record>, interrupted: &AtomicBool) -> Result<()> {
        self.go_on(self.open(folder)?, threads, spectator, interrupted)
    }

    /// [`Bench::run`] in a folder that is open.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub fn go_on(
        &self,
        Opened { store, runs, .. }: Opened<Record>,
        threads: usize,
        spectator: &dyn Spectator<Record>,
        interrupted: &AtomicBool,
    ) -> Result<()> {
        let done = runs.iter().map(Record::key).collect();
        let heats: Vec<Heat<'_>> = self.heats(&done).collect();
        let store = Mutex::new((store, Ok(())));
        share_out(&confined(threads), &heats, interrupted, |pool, heat| {
            let run = || heat.run(spectator, interrupted);
            let Some(record) = pool.as_ref().map_or_else(run, |pool| pool.install(run)) else { return ControlFlow::Break(()) };
            let (store, outcome) = &mut *store.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            // Told before anything else can fail.
            spectator.finished(&record);
            match store.append(&record) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    // Of several that cannot be written, the first is the reason.
                    if outcome.is_ok() {
                        *outcome = Err(error);
                    }
                    ControlFlow::Break(())
                }
            }
        });
        let (store, outcome) = store.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        outcome.and(store.sync())
    }

    /// What of it is not among these runs yet, and what is.
    pub fn load(&self, runs: &[Record]) -> (Load, Load) {
        let done = runs.iter().map(Record::key).collect();
        let wanted: Load = self.heats(&HashSet::new()).map(|heat| heat.course.budget).collect();
        let open: Load = self.heats(&done).map(|heat| heat.course.budget).collect();
        (open, Load { runs: wanted.runs - open.runs, evaluations: wanted.evaluations - open.evaluations })
    }

    /// Seed by seed and problem by problem, so that an early end has seen every optimizer equally often.
    fn heats<'a>(&'a self, done: &'a HashSet<(&str, &str, u64)>) -> impl Iterator<Item = Heat<'a>> {
        let seeds = 1..=self.manifest.seeds;
        let all = seeds.flat_map(move |seed| {
            let courses = self.courses.iter();
            courses.flat_map(move |course| {
                self.manifest.optimizers.iter().filter_map(move |who| Some(Heat { who, spec: who.spec.as_ref()?, course, seed }))
            })
        });
        all.filter(|heat| !heat.course.barred.contains(&heat.who.label)).filter(|heat| !done.contains(&heat.key()))
    }
}

/// One thread means one: neither candle nor a kernel takes another. Where the system gives none at all, runs go on the calling thread.
fn confined(threads: usize) -> Vec<Option<ThreadPool>> {
    let pool = || rayon::ThreadPoolBuilder::new().num_threads(1).build().ok();
    let pools: Vec<_> = (0..threads.max(1)).map_while(|_| pool()).map(Some).collect();
    if pools.is_empty() { vec![None] } else { pools }
}

struct Heat<'a> {
    who: &'a Contestant,
    spec: &'a Spec,
    course: &'a Course,
    seed: u64,
}

impl Heat<'_> {
    fn key(&self) -> (&str, &str, u64) {
        (&self.who.label, &self.course.address, self.seed)
    }

    fn run(&self, spectator: &dyn Spectator<Record>, interrupted: &AtomicBool) -> Option<Record> {
        let Course { address, problem, budget, .. } = self.course;
        let run = Run { spec: self.spec, problem: &**problem, address, seed: self.seed, budget: *budget };
        let record = run.go(interrupted, &|evaluations| spectator.used(evaluations))?;
        Some(Record { optimizer: self.who.label.clone(), problem: address.clone(), ..record })
    }
}

impl Course {
    fn new(address: &str, manifest: &Manifest, data: Option<&Path>) -> Result<(Self, Subject)> {
        let (entry, options) = problem::resolve(address, &manifest.options)?;
        let data = data.filter(|_| entry.reads_files).map(Path::to_owned);
        let problem = entry.build(&Options { data, ..options.clone() })?;
        let objective = problem.objective(1)?;
        let dim = objective.space().dim();
        let budget = manifest.budget.evaluations(dim, problem.default_evaluations());
        let horizon = moths::Horizon::evaluations(budget).on(&*objective);
        let mut barred = HashSet::new();
        for contestant in &manifest.optimizers {
            let Some(spec) = &contestant.spec else { continue };
            let can_run = match moths::registry::build_for(spec, objective.space(), moths::Key::new(1), horizon) {
                Ok(_) => {
                    let needs = moths::registry::capabilities(spec)?;
                    (problem.differentiable() || !needs.needs_gradient) && (problem.shows_outputs() || !needs.needs_outputs)
                }
                // Not these parameters: others, perhaps. A wrong setting is wrong everywhere.
                Err(Error::Unsupported { .. }) => false,
                Err(error) => return Err(error),
            };
            if !can_run {
                barred.insert(contestant.label.clone());
            }
        }
        let subject = Subject {
            address: entry.address(&options),
            summary: entry.summary.clone(),
            group: entry.group.clone(),
            dim,
            gaps: known_minimum(&*problem, &*objective).is_some(),
            measures: problem.measures().iter().map(Into::into).collect(),
            name: entry.name,
        };
        Ok((Self { address: subject.address.clone(), problem, budget, barred }, subject))
    }
}

/// The addresses of problems in these dimensions and instances, where they have any and their names say nothing else.
///
/// # Errors
/// [`Error::Invalid`] for dimensions or instances of problems that have none.
pub fn addresses(entries: &[(Entry, Options)], dims: &[usize], instances: &[u32]) -> Result<Vec<String>> {
    if let (Some(dim), false) = (dims.first(), entries.iter().any(|(entry, _)| entry.defaults.dim.is_some())) {
        return Err(Error::invalid("--dims", dim, "left out: these problems have a fixed number of parameters"));
    }
    if let (Some(instance), false) = (instances.first(), entries.iter().any(|(entry, _)| entry.defaults.instance.is_some())) {
        return Err(Error::invalid("--instances", instance, "left out: there is one of each of these problems"));
    }
    let listed: Vec<Vec<usize>> = entries.iter().map(|(e, said)| wanted(said.dim, dims, e.defaults.dim)).collect();
    let widest = listed.iter().map(|dims| dims.len().max(1)).max().unwrap_or(0);
    let mut addresses = vec![];
    // Dimension by dimension: what is done first is small.
    for place in 0..widest {
        for ((entry, said), dims) in entries.iter().zip(&listed) {
            if place >= dims.len().max(1) {
                continue;
            }
            let instances = wanted(said.instance, instances, entry.defaults.instance).into_iter().map(Some);
            let none = entry.defaults.instance.is_none().then_some(None);
            let options =
                instances.chain(none).map(|instance| Options { dim: dims.get(place).copied(), instance, ..said.clone() });
            addresses.extend(options.map(|options| entry.address(&options)));
        }
    }
    Ok(addresses)
}

/// What a name says, else what the flag lists, else the usual one; nothing where there is no usual one.
fn wanted<T: Copy>(said: Option<T>, listed: &[T], usual: Option<T>) -> Vec<T> {
    match (said, usual) {
        (Some(said), _) => vec![said],
        (None, Some(_)) if !listed.is_empty() => listed.to_vec(),
        (None, usual) => usual.into_iter().collect(),
    }
}
