//! `moths finetune`.

mod told;

use std::{
    fs,
    path::{Path, PathBuf},
};

use moths::{Checkpoint, Spec, durable::Claim};
use serde_json::Value;

use super::{
    Ending,
    run_flags::{positive, with_settings},
    watch,
};
use crate::{
    Error, Result, files,
    finetune::{Before, Coordinates, Examples, Plan, Precision, Pretrained, Run, Set, Start, Text, WORK},
    interrupt,
    output::{Console, grouped},
    session::{Saving, Surroundings},
    whole::whole,
};
use told::{announce, conclude, tell_before, tell_nothing_begun, tell_unread};

/// What `--help` says of files.
pub(super) const FILES: &str = "\
Data are lines of TEXT, a tab and LABEL. The model is a folder as they are published in: config.json, model.safetensors, and tokenizer.json
or vocab.txt; of a BERT. In --out there are then tuned.safetensors, tune.journal, from which `moths apply` makes it of the base, run.ckpt,
which --resume goes on from, and the curve.
Optimizers that keep no point of their own (mezo, ...) train in the memory of inference, and at most as much again for what frozen layers make
of the training data, which is computed once; all others take the same command.
Or the model is a GGUF file of a quantised LLaMA with a BPE tokenizer in it. It is asked by --prompt, and its answer is the label whose first token is
the likeliest. In --out there are then tuned.gguf, work.gguf, in which it is trained, and work.gguf.log, the steps; optimizers are qzo (scales of
blocks), qes (integer codes) and others that keep no point.";

/// What trains a GGUF file where nobody says.
const OF_BLOCKS: &str = "qzo";
/// What trains a model in a folder where nobody says, and its rate: 0.03 took 1.5 points from a head that was fitted, 0.003 none.
const OF_WEIGHTS: (&str, f64) = ("mezo", 0.003);
/// What a language model is asked where nobody says.
const PROMPT: &str = "{}\nSentiment:";
/// Of so many sentences each a language model is judged where nobody says.
const ASKED: usize = 100;
/// The budget where nobody says.
const EVALUATIONS: u64 = 4000;
/// The curve has so many rows where nobody says.
const ROWS: u64 = 20;

const CHECKPOINT: &str = "run.ckpt";
const LOG: &str = "tune.journal";
/// The log of a working copy, and what else may stand beside it.
const WORK_LOG: &str = "work.gguf.log";
const BESIDE_WORK: [&str; 4] = ["work.gguf.changes", "work.gguf.stale", "work.gguf.new", "work.gguf.log.new"];
const TUNED: &str = "tuned.safetensors";
const TUNED_GGUF: &str = "tuned.gguf";
/// What a run leaves behind that a new one would replace.
const LEFT: [&str; 6] = [CHECKPOINT, LOG, TUNED, WORK, WORK_LOG, TUNED_GGUF];
const CSV: &str = "curve.csv";
const SVG: &str = "curve.svg";

#[derive(clap::Args)]
pub(super) struct Args {
    /// The pre-trained model: its folder, or a GGUF file
    #[arg(long, value_name = "DIR|GGUF")]
    base: PathBuf,
    /// The training data: TEXT<TAB>LABEL
    #[arg(long, value_name = "TSV")]
    data: PathBuf,
    /// Data that the model is judged by, and never trained on; may be given several times
    #[arg(long, value_name = "TSV")]
    held_out: Vec<PathBuf>,
    /// Tensors to train, as a name, its beginning or a pattern; '*' is all; may be given several times [default: the head and the last layer; of a GGUF file its quantised matrices]
    #[arg(long, value_name = "GLOB")]
    train: Vec<String>,
    /// Sentences a minibatch
    #[arg(long, value_name = "N", default_value = "16", value_parser = whole::<u16, 1, 10_000>)]
    batch: u16,
    /// Of longer sentences, so many tokens at the beginning are seen, those of a prompt included
    #[arg(long, value_name = "N", default_value = "128", value_parser = whole::<u16, 3, 32_768>)]
    tokens: u16,
    /// What the model is held in: f32 or bf16 [default: f32; a GGUF file is held as it is]
    #[arg(long, value_name = "DTYPE")]
    dtype: Option<Precision>,
    /// What of a GGUF file is trained: scales or codes [default: codes by qes, scales by all others]
    #[arg(long, value_name = "WHAT")]
    quantised: Option<Coordinates>,
    /// What the model of a GGUF file is asked, with {} for the sentence and \n for a new line [default: {}\nSentiment:]
    #[arg(long, value_name = "TEXT")]
    prompt: Option<String>,
    /// At most so many sentences of each set, evenly taken, the model is judged by [default: all; of a GGUF file 100]
    #[arg(long, value_name = "N", value_parser = whole::<u32, 1, { u32::MAX as u64 }>)]
    judge: Option<u32>,
    /// A name, or JSON with settings: '{"name":"mezo","rate":0.001}' [default: mezo at rate 0.003; of a GGUF file qzo]
    #[arg(long, value_name = "NAME|JSON", value_parser = str::parse::<Spec>)]
    optimizer: Option<Spec>,
    /// A setting of the optimizer, by its dotted path: --set rate=0.001
    #[arg(long = "set", value_name = "NAME=VALUE")]
    settings: Vec<String>,
    /// The budget of loss evaluations, each one forward pass of a minibatch [default: 4000]
    #[arg(long, value_name = "N", value_parser = whole::<u64, 1, { u64::MAX }>)]
    evaluations: Option<u64>,
    /// End after so many minutes in steps
    #[arg(long, value_name = "M", value_parser = positive, allow_negative_numbers = true)]
    minutes: Option<f64>,
    /// Where the new head, the minibatches and all noise come from
    #[arg(long, value_name = "S", default_value = "1", value_parser = whole::<u64, 0, { u64::MAX }>)]
    seed: u64,
    /// Evaluations between rows of the curve, each with a checkpoint [default: a twentieth of the budget]
    #[arg(long, value_name = "N", value_parser = whole::<u64, 1, { u64::MAX }>)]
    every: Option<u64>,
    /// How the new head begins: fitted, by logistic regression on what the frozen model makes of the training data, or drawn
    /// [default: fitted]
    #[arg(long, value_name = "HOW")]
    head: Option<Start>,
    /// The folder for all files [default: moths-out/finetune-BASE-OPTIMIZER-SEED]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on with the run in --out, as if it had never ended; another --evaluations is another budget, schedules held at their ends
    #[arg(long)]
    resume: bool,
    /// Replace the run in --out
    #[arg(long, conflicts_with = "resume")]
    overwrite: bool,
}

pub(super) fn run(args: Args, console: Console) -> Result<Ending> {
    let base = Pretrained::open(&args.base)?;
    suits(&args, &base)?;
    let named = args.optimizer.clone().map_or_else(|| usual_optimizer(&base), Ok)?;
    let spec = with_settings(named, &args.settings)?;
    let out = args.out.clone().unwrap_or_else(|| usual_folder(&args, &spec));
    let texts = Texts::open(&args)?;
    let earlier = if args.resume { Some(Earlier::open(&out)?) } else { None };
    let noted = earlier.as_ref().and_then(|earlier| earlier.checkpoint.as_ref());
    let plan = plan(&args, spec, &base, &texts)?;
    let plan = noted.map_or_else(|| Ok(plan.clone()), |noted| plan.clone().going_on(&Plan::of(noted)?))?;
    let (data, sets) = texts.examples(&base, &plan)?;
    base.check(&plan)?;
    if earlier.is_some() && noted.is_none() && out.join(WORK_LOG).exists() {
        // A working copy would go on from a step that nobody else is at.
        console.line(format!("{} holds no checkpoint: the run begins again", files::words(&out)))?;
        clear(&out, &[WORK, WORK_LOG])?;
    }
    let known = noted.map(Before::of).transpose()?.and_then(|before| before.head);
    if let Pretrained::Bert(bert) = &base
        && plan.head == Some(Start::Fitted)
        && known.is_none()
        && !bert.has_head()
    {
        console.line(format!("fitting a head to what the frozen model makes of {} sentences", grouped(data.len() as u64)))?;
    }
    let make_way = || if earlier.is_none() { make_way(&out, args.overwrite).map(Some) } else { Ok(None) };
    let begin = |plan| Run::new(plan, &base, data, sets, &out, known);
    // Nothing is made, and nothing makes way, before all is well. The working copy of a GGUF file is made when the run is begun.
    let (_claim, mut run) = match base {
        Pretrained::Bert(_) => begin(plan).and_then(|run| Ok((make_way()?, run)))?,
        Pretrained::Gguf(_) => make_way().and_then(|claim| Ok((claim, begin(plan)?)))?,
    };
    drop(base);
    run.log_to(&out.join(LOG))?;
    let before = noted.map(|noted| run.restore(noted)).transpose()?;
    interrupt::listen();
    announce(&mut run, console)?;
    let is_new = before.is_none();
    let before = before.map_or_else(|| run.begin(interrupt::asked()), |before| Ok(Some(before)))?;
    let Some(before) = before else {
        tell_nothing_begun(console)?;
        return Ok(Ending::Interrupted);
    };
    tell_before(&run, &before, console)?;
    if is_new {
        tell_unread(&run.unread()?, console)?;
    }
    let mut audience = watch::audience_of(run.curve(), run.plan().evaluations, run.tally(), console);
    let saving = Saving { path: out.join(CHECKPOINT), every: run.plan().every, caller: Value::Null };
    let seconds = args.minutes.map(|minutes| 60.0 * minutes);
    let around = Surroundings { saving: Some(saving), seconds, audience: &mut *audience, interrupted: interrupt::asked() };
    let summary = run.run(before, around)?;
    drop(audience);
    Ok(conclude(&mut run, &summary, &out, console))
}

/// Are there flags that say nothing of such a model?
fn suits(args: &Args, base: &Pretrained) -> Result<()> {
    let of_folders = [("--dtype", args.dtype.is_some()), ("--head", args.head.is_some())];
    let of_files = [("--prompt", args.prompt.is_some()), ("--quantised", args.quantised.is_some())];
    let (who, why, flags) = match base {
        Pretrained::Bert(_) => {
            ("a BERT in a folder", "is asked nothing and is not quantised: it goes with a GGUF file", of_files)
        }
        Pretrained::Gguf(_) => ("a GGUF file", "is held as it is, and has no head: it goes with a BERT in a folder", of_folders),
    };
    match flags.into_iter().find(|(_, given)| *given) {
        Some((flag, _)) => Err(Error::unsupported(format!("{flag}: {who}"), why)),
        None => Ok(()),
    }
}

fn usual_optimizer(base: &Pretrained) -> Result<Spec> {
    match base {
        Pretrained::Gguf(_) => Ok(Spec::new(OF_BLOCKS)),
        Pretrained::Bert(_) => Ok(Spec::new(OF_WEIGHTS.0).with("rate", OF_WEIGHTS.1)?),
    }
}

/// `moths-out/finetune-BASE-OPTIMIZER-SEED`.
fn usual_folder(args: &Args, spec: &Spec) -> PathBuf {
    let base = args.base.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Path::new("moths-out").join(format!("finetune-{}-{}-{}", files::file_name(&base), spec.name, args.seed))
}

/// Training data, and what the model is judged by: where nothing is held out, the training data.
struct Texts {
    data: Text,
    held_out: Vec<(String, Text)>,
}

impl Texts {
    fn open(args: &Args) -> Result<Self> {
        let data = Text::open(&args.data)?;
        let mut held_out: Vec<(String, Text)> = vec![];
        for path in &args.held_out {
            let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if held_out.iter().any(|(other, _)| *other == name) {
                let why = "another file name: figures are named by it, and one has this name already";
                return Err(Error::invalid("--held-out", files::words(path), why));
            }
            held_out.push((name, Text::open(path)?));
        }
        if held_out.is_empty() {
            held_out.push(("training".into(), data.clone()));
        }
        Ok(Self { data, held_out })
    }

    fn examples(&self, base: &Pretrained, plan: &Plan) -> Result<(Examples, Vec<Set>)> {
        let texts: Vec<&Text> = std::iter::once(&self.data).chain(self.held_out.iter().map(|(_, text)| text)).collect();
        let mut held_out = base.examples(plan, &texts)?;
        let data = held_out.remove(0);
        let some = |examples: Examples| plan.judge.map_or_else(|| examples.clone(), |most| examples.some(most));
        let set = |((name, _), examples): (&(String, Text), Examples)| Set { name: name.clone(), examples: some(examples) };
        Ok((data, self.held_out.iter().zip(held_out).map(set).collect()))
    }
}

fn plan(args: &Args, optimizer: Spec, base: &Pretrained, texts: &Texts) -> Result<Plan> {
    let evaluations = args.evaluations.unwrap_or(EVALUATIONS);
    let (coordinates, prompt) =
        (args.quantised.unwrap_or_else(|| Coordinates::of(&optimizer)), args.prompt.as_deref().unwrap_or(PROMPT));
    let judge = args.judge.map(|most| most as usize);
    Ok(Plan {
        base: format!("{:016x}", base.digest()?),
        data: texts.data.digest(),
        held_out: texts.held_out.iter().map(|(_, text)| text.digest()).collect(),
        classes: texts.data.classes()?,
        train: if args.train.is_empty() { base.usually_trained() } else { args.train.clone() },
        batch: args.batch.into(),
        tokens: usize::from(args.tokens).min(base.context()),
        head: (!base.is_gguf()).then(|| args.head.unwrap_or(Start::Fitted)),
        dtype: args.dtype.unwrap_or(Precision::F32),
        quantised: base.is_gguf().then_some(coordinates),
        prompt: base.is_gguf().then(|| prompt.replace("\\n", "\n")),
        judge: if base.is_gguf() { judge.or(Some(ASKED)) } else { judge },
        optimizer,
        seed: args.seed,
        evaluations,
        horizon: evaluations,
        every: args.every.unwrap_or_else(|| evaluations.div_ceil(ROWS)),
    })
}

/// A run that is gone on with.
struct Earlier {
    /// `None` where it was cut off before the first one.
    checkpoint: Option<Checkpoint>,
    _claim: Claim,
}

impl Earlier {
    fn open(out: &Path) -> Result<Self> {
        let [checkpoint, log, work] = [CHECKPOINT, LOG, WORK_LOG].map(|name| out.join(name));
        if !checkpoint.exists() && !log.exists() && !work.exists() {
            let valid = "a folder with a run in it, as --out names one";
            return Err(Error::invalid("--resume", files::words(out), valid));
        }
        let claim = prepare(out)?;
        Ok(Self { checkpoint: checkpoint.exists().then(|| Checkpoint::open(&checkpoint)).transpose()?, _claim: claim })
    }
}

/// The right to the files of a run.
fn prepare(out: &Path) -> Result<Claim> {
    files::prepare_folder(out, &[CHECKPOINT, LOG, TUNED, TUNED_GGUF, CSV, SVG])?;
    Claim::take(out.join(CHECKPOINT))
}

/// A folder for a new run. One that is there is not lost by accident.
fn make_way(out: &Path, overwrite: bool) -> Result<Claim> {
    let claim = prepare(out)?;
    if let Some(path) = LEFT.map(|name| out.join(name)).into_iter().find(|path| path.exists())
        && !overwrite
    {
        let why = "is of a run: go on with --resume, name another folder by --out, or replace it with --overwrite";
        return Err(Error::File { path, why: why.into() });
    }
    clear(out, &LEFT)?;
    Ok(claim)
}

/// These files go, and what stands beside a working copy.
fn clear(out: &Path, names: &[&str]) -> Result<()> {
    let all = names.iter().chain(&BESIDE_WORK).map(|name| out.join(name));
    all.filter(|path| path.exists()).try_for_each(|path| fs::remove_file(&path).map_err(|source| Error::Io { path, source }))
}
