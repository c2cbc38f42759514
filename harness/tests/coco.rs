//! Results in COCO's data format: held to the format, and read by COCO's own `cocopp` where there is one.
//!
//! `MOTHS_PYTHON` names a Python with `cocopp`; where it is not set, `python3` is asked, and where that has none, the test says so.

use std::{
    collections::HashMap,
    env,
    error::Error,
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::atomic::AtomicBool,
};

use moths_harness::{
    bench::{Bench, Budget, Manifest, Record, Results, coco, manifest::FORMAT, plan, run::FINAL_GAP, targets, trace},
    problem::Options,
};
use serde_json::Value;
use tempfile::tempdir;

type Tested = Result<(), Box<dyn Error>>;

const OPTIMIZERS: [&str; 2] = [r#"{"name":"pso","particles":12}"#, "sep-cma-es"];
const DIMS: [usize; 2] = [2, 5];
const INSTANCES: [u32; 3] = [1, 2, 3];
const SEEDS: u64 = 2;

/// Real runs of these functions and of problems that are not in COCO's suite.
fn results(functions: &[u32], folder: &Path) -> Result<Results, Box<dyn Error>> {
    let specs = OPTIMIZERS.iter().map(|spec| Ok(plan::contestant(&spec.parse()?)?)).collect::<Result<_, Box<dyn Error>>>()?;
    let manifest = Manifest {
        format: FORMAT,
        program: Manifest::this_program(),
        suite: "bbob".into(),
        optimizers: specs,
        problems: vec![],
        budget: Budget::PerDimension(100),
        seeds: SEEDS,
        options: Options::default(),
    };
    let mut addresses = vec!["classic/sphere/d2".to_owned(), "bbob/f01/d4/i1".to_owned()];
    for (function, dim) in functions.iter().flat_map(|f| DIMS.map(|d| (f, d))) {
        // Backwards, as the export has to sort them.
        addresses.extend(INSTANCES.iter().rev().map(|i| format!("bbob/f{function:02}/d{dim}/i{i}")));
    }
    Bench::new(manifest, &addresses)?.run(folder, 2, &(), &AtomicBool::new(false))?;
    Ok(Results::open(&[folder.to_owned()])?)
}

fn all_functions() -> Vec<u32> {
    (1..=24).collect()
}

/// The runs of an optimizer on a function, in the order in which COCO tells them.
fn runs<'a>(results: &'a Results, optimizer: &str, function: u32, dim: usize) -> Vec<&'a Record> {
    INSTANCES.iter().flat_map(|i| results.runs(optimizer, &format!("bbob/f{function:02}/d{dim}/i{i}"))).collect()
}

/// Minima by function, dimension and instance.
type Minima = HashMap<(u32, usize, u32), f64>;
/// What the header of a trial says of the minimum, and its rows: evaluations, gap, loss.
type Trial = (f64, Vec<(u64, f64, f64)>);

/// COCO's own minima.
fn minima() -> Result<Minima, Box<dyn Error>> {
    let mut text = String::new();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("reference/bbob.csv.gz");
    flate2::read::GzDecoder::new(fs::File::open(path)?).read_to_string(&mut text)?;
    let row = |row: &str| -> Result<_, Box<dyn Error>> {
        let mut cells = row.split(',');
        let mut cell = || cells.next().ok_or("a short row");
        Ok(((cell()?.parse()?, cell()?.parse()?, cell()?.parse()?), cell()?.parse()?))
    };
    text.lines().skip(1).map(row).collect()
}

/// All trials of a data file.
fn trials(path: &Path) -> Result<Vec<Trial>, Box<dyn Error>> {
    let mut trials: Vec<Trial> = vec![];
    for line in fs::read_to_string(path)?.lines() {
        if let Some(header) = line.strip_prefix("% f evaluations | g evaluations | best noise-free fitness - Fopt (") {
            let (minimum, rest) = header.split_once(')').ok_or("no minimum")?;
            assert_eq!(
                rest, " + sum g_i+ | measured fitness | best measured fitness or single-digit g-values | x1 | x2...",
                "{path:?}"
            );
            trials.push((minimum.parse()?, vec![]));
            continue;
        }
        let cells: Vec<&str> = line.split(' ').collect();
        let [evaluations, "0", gap, loss, best] = cells[..] else { return Err(format!("{path:?}: {line}").into()) };
        assert!([gap, loss, best].iter().all(|cell| cell.starts_with(['+', '-']) && cell.len() >= 16), "{path:?}: {line}");
        assert_eq!(loss, best, "{path:?}");
        trials.last_mut().ok_or("no header")?.1.push((evaluations.parse()?, gap.parse()?, loss.parse()?));
    }
    Ok(trials)
}

/// Equal but for what ten digits leave out.
fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * b.abs()
}

/// Rows that are in order, lie at this minimum and end where the run ended.
fn check_rows(rows: &[(u64, f64, f64)], minimum: f64, run: &Record) {
    assert!(rows.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 >= pair[1].1), "{run:?}");
    assert!(
        rows.iter().all(|(_, gap, loss)| (loss - gap - minimum).abs() <= 1e-9 * (loss.abs() + gap + minimum.abs())),
        "{run:?}"
    );
    let last = rows.last().expect("a row");
    assert!((rows[0].0, last.0) == (1, run.evaluations) && near(last.1, run.lowest()), "{run:?}");
}

fn check_targets(rows: &[(u64, f64, f64)], run: &Record) {
    for (target, reached) in targets::targets().iter().zip(targets::runtimes(run)) {
        assert_eq!(rows.iter().find(|(_, gap, _)| gap <= target).map(|row| row.0), reached, "{target}: {run:?}");
    }
}

fn check_marks(rows: &[(u64, f64, f64)], run: &Record) {
    let marks: Vec<u64> = trace::marks().take_while(|mark| *mark <= run.evaluations).collect();
    assert_eq!(rows.iter().map(|row| row.0).filter(|at| *at < run.evaluations || marks.contains(at)).collect::<Vec<_>>(), marks);
    assert!(rows.iter().all(|(at, gap, _)| near(*gap, run.trace.at(*at))), "{run:?}");
}

#[test]
fn exports_are_as_cocos_own_observer_writes_them() -> Tested {
    let (place, minima) = (tempdir()?, minima()?);
    let results = results(&all_functions(), &place.path().join("results"))?;
    let folders = coco::export(&results, &place.path().join("coco"))?;
    assert_eq!(folders, ["pso-particles-12", "sep-cma-es"].map(|name| place.path().join("coco").join(name)));
    for (folder, optimizer) in folders.iter().zip(&results.optimizers) {
        // An index file and a folder a function, and nothing else.
        assert_eq!(fs::read_dir(folder)?.count(), 48);
        for function in all_functions() {
            let index = fs::read_to_string(folder.join(format!("bbobexp_f{function}.info")))?;
            let lines: Vec<&str> = index.split('\n').collect();
            assert_eq!(lines.len(), 3 * DIMS.len(), "{index}");
            for (lines, dim) in lines.chunks(3).zip(DIMS) {
                let head = format!(
                    "suite = 'bbob', funcId = {function}, DIM = {dim}, Precision = 1.000e-08, algId = '{}', coco_version = \
                     '2.8.2', logger = 'bbob', data_format = 'bbob-new2', settings = ''",
                    optimizer.label
                );
                assert_eq!(lines[..2], [head, format!("% {}", optimizer.about)]);
                let runs = runs(&results, &optimizer.label, function, dim);
                let data = format!("data_f{function}/bbobexp_f{function}_DIM{dim}");
                check_endings(lines[2].strip_prefix(&format!("{data}.dat, ")).ok_or("no data file")?, &runs)?;
                let dat = trials(&folder.join(format!("{data}.dat")))?;
                let tdat = trials(&folder.join(format!("{data}.tdat")))?;
                assert_eq!([dat.len(), tdat.len(), runs.len()], [6, 6, 6]);
                for (i, run) in runs.iter().enumerate() {
                    let minimum = minima[&(function, dim, INSTANCES[i / 2])];
                    assert!(near(dat[i].0, minimum) && near(tdat[i].0, minimum), "{minimum}");
                    check_rows(&dat[i].1, dat[i].0, run);
                    check_rows(&tdat[i].1, tdat[i].0, run);
                    check_targets(&dat[i].1, run);
                    check_marks(&tdat[i].1, run);
                }
            }
        }
    }
    Ok(())
}

/// `1:200|2.7e+00` for each run: the seeds of an instance behind each other.
fn check_endings(endings: &str, runs: &[&Record]) -> Tested {
    let endings: Vec<&str> = endings.split(", ").collect();
    assert_eq!(endings.len(), runs.len());
    for (i, (ending, run)) in endings.iter().zip(runs).enumerate() {
        let (start, gap) = ending.split_once('|').ok_or("no gap")?;
        assert_eq!(start, format!("{}:{}", INSTANCES[i / 2], run.evaluations));
        assert!((gap.parse::<f64>()? - run.lowest()).abs() <= 0.05 * run.lowest().abs(), "{ending}: {run:?}");
    }
    Ok(())
}

#[test]
fn an_export_replaces_the_one_before() -> Tested {
    let place = tempdir()?;
    let coco = place.path().join("coco");
    coco::export(&results(&[1, 8], &place.path().join("two"))?, &coco)?;
    let folders = coco::export(&results(&[8], &place.path().join("one"))?, &coco)?;
    assert!(!folders[0].join("bbobexp_f1.info").exists() && folders[0].join("bbobexp_f8.info").exists());
    assert_eq!(fs::read_dir(&coco)?.count(), OPTIMIZERS.len());
    assert_eq!(coco::export(&results(&[], &place.path().join("none"))?, &place.path().join("empty"))?, Vec::<PathBuf>::new());
    fs::write(place.path().join("file"), "")?;
    assert!(coco::export(&results(&[8], &place.path().join("one"))?, &place.path().join("file")).is_err());
    Ok(())
}

#[test]
fn files_of_others_are_not_lost() -> Tested {
    let place = tempdir()?;
    let coco = place.path().join("coco");
    let results = results(&[8], &place.path().join("one"))?;
    let folders = coco::export(&results, &coco)?;
    // Not even those where an export begins: what is beside its folders is nobody's business.
    fs::create_dir_all(coco.join("sep-cma-es.new"))?;
    let beside = [coco.join("sep-cma-es.new/notes"), coco.join("notes")];
    for path in &beside {
        fs::write(path, "mine")?;
    }
    for name in ["notes", "bbobexp_f8.info~", "data_f8/notes", "data_f8/bbobexp_f8_DIM2.rdat", "data_f9", "data_f8/data_f8/x"] {
        // In the last of the folders: those before it stay as they are, too.
        let (mine, old) = (folders[1].join(name), folders[0].join("bbobexp_f8.info"));
        mine.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(&mine, "mine")?;
        fs::write(&old, "old")?;
        let refused = coco::export(&results, &coco).expect_err("a file of somebody else").to_string();
        assert!(refused.contains("is nothing that an export wrote, and would be lost"), "{refused}");
        assert!(mine.starts_with(refused.split(": ").next().unwrap_or_default()), "{refused}");
        assert_eq!([fs::read_to_string(&mine)?, fs::read_to_string(&old)?], ["mine", "old"]);
        fs::remove_file(&mine)?;
    }
    fs::remove_dir(folders[1].join("data_f8/data_f8"))?;
    fs::create_dir_all(coco.join(".moths-new-gone/data_f8"))?;
    assert_eq!(coco::export(&results, &coco)?, folders);
    assert!(beside.iter().all(|path| path.exists()) && !coco.join(".moths-new-gone").exists());
    fs::remove_dir_all(&folders[0])?;
    fs::write(&folders[0], "mine")?;
    assert!(coco::export(&results, &coco).expect_err("a file").to_string().contains("is no folder"));
    assert_eq!(fs::read_to_string(&folders[0])?, "mine");
    Ok(())
}

/// A Python with cocopp; `None` where nobody promised one and there is none.
fn python() -> Option<String> {
    let promised = env::var("MOTHS_PYTHON").ok();
    let python = promised.clone().unwrap_or("python3".into());
    let imported = Command::new(&python).args(["-W", "ignore", "-c", "import cocopp"]).output();
    match imported {
        Ok(output) if output.status.success() => Some(python),
        outcome if promised.is_some() => panic!("MOTHS_PYTHON = {python} cannot import cocopp: {outcome:?}"),
        _ => None,
    }
}

fn said(command: &mut Command) -> Result<String, Box<dyn Error>> {
    let output @ Output { status, .. } = &command.env("MPLBACKEND", "Agg").output()?;
    let text = [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat();
    assert!(status.success(), "{command:?}: {text}");
    Ok(text)
}

/// What cocopp says of data it has to mend or leave out.
const COMPLAINTS: [&str; 8] = [
    "disagree",
    "ill-finalized",
    "issing",
    "not a valid number",
    "First evaluation was not",
    "is skipped",
    "Incomplete line",
    "double instances",
];

#[test]
fn cocopp_reads_exports_and_draws_its_pages() -> Tested {
    let Some(python) = python() else {
        eprintln!("not tested: python3 has no cocopp here (pip install cocopp, or name a Python that has one in MOTHS_PYTHON)");
        return Ok(());
    };
    let place = tempdir()?;
    let results = results(&all_functions(), &place.path().join("results"))?;
    let (found, targets) = (place.path().join("found.json"), targets::targets());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/coco/read.py");
    let folders = coco::export(&results, &place.path().join("all"))?;
    let mut read = Command::new(&python);
    read.arg(script).arg(&found).arg(serde_json::to_string(&targets[..])?);
    said(read.args(&folders))?;
    check_found(&serde_json::from_str::<Vec<Value>>(&fs::read_to_string(&found)?)?, &folders, &results, &targets);

    // Pages take a second each: two functions are enough to see that they are drawn.
    let few = coco::export(&self::results(&[1, 8], &place.path().join("few results"))?, &place.path().join("few"))?;
    let pages = place.path().join("pages");
    let draw = "import sys, cocopp; cocopp.main(sys.argv[1:])";
    let mut cocopp = Command::new(&python);
    cocopp.current_dir(place.path()).args(["-c", draw, "--in-a-hurry", "1000", "--no-svg", "-o"]).arg(&pages).args(few);
    let text = said(&mut cocopp)?;
    assert!(COMPLAINTS.iter().all(|complaint| !text.contains(complaint)), "{text}");
    assert!(text.contains("ALL done") && pages.join("index.html").exists(), "{text}");
    Ok(())
}

/// All functions, dimensions, instances and evaluations, and expected running times that equal ours.
fn check_found(found: &[Value], folders: &[PathBuf], results: &Results, targets: &[f64]) {
    assert_eq!(found.len(), OPTIMIZERS.len() * 24 * DIMS.len());
    for data in found {
        // For cocopp, optimizers are called as their folders are.
        let whose = folders.iter().position(|folder| data["folder"] == folder.to_string_lossy().as_ref()).expect("a folder");
        let (optimizer, function) = (&*results.optimizers[whose].label, data["function"].as_u64().expect("a number"));
        let dim = data["dim"].as_u64().expect("a number") as usize;
        let runs = runs(results, optimizer, function as u32, dim);
        assert_eq!(data["instances"], serde_json::json!([1, 1, 2, 2, 3, 3]));
        let evaluations: Vec<u64> = runs.iter().map(|run| run.evaluations).collect();
        assert_eq!(data["evaluations"], serde_json::json!(evaluations));
        // What a run does behind the final target is cut off in cocopp.
        let until: Vec<u64> = runs.iter().map(|run| run.trace.reached(FINAL_GAP).unwrap_or(run.evaluations)).collect();
        assert_eq!(data["until_final_target"], serde_json::json!(until));
        for (i, target) in targets.iter().enumerate() {
            let ours = targets::expected_running_time(runs.iter().copied(), *target);
            let theirs = data["running_times"][i].as_f64().unwrap_or(f64::INFINITY);
            assert!(
                ours == theirs || near(ours, theirs),
                "{optimizer} f{function} {dim}-D {target:e}: {ours} here, {theirs} there"
            );
        }
    }
}
