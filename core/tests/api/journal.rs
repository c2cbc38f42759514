//! Journals: what was written is replayed and gone on with, what is damaged is found, what failed leaves nothing behind.

use std::{fs, path::Path};

use crate::toy::{Test, Walk, bowl};
use moths_core::{
    Batch, Error, Function, Horizon, Journal, Key, Objective, Optimizer, Result, Sampler, Space, Spec,
    objective::Probe,
    persist::State,
    run::{Origin, Replay},
};

fn space() -> Result<Space> {
    Space::real(3)
}

fn origin() -> Origin {
    Origin::new(Spec::new("walk"), Key::new(1))
}

fn journal<O: Objective>(inner: O, path: &Path) -> Result<Journal<O>> {
    Journal::open(inner, &origin(), path)
}

type Bowl = Function<fn(&[f64]) -> f64>;

fn bowls() -> Result<Bowl> {
    Ok(Function::new(space()?, bowl as fn(&[f64]) -> f64))
}

/// Takes `steps` steps of a walk over this objective, and gives what is left of it.
fn walked(objective: &mut dyn Objective, steps: usize) -> Result<Vec<(String, Vec<u64>)>> {
    let mut walk = Walk::new(objective.space(), Key::new(1), 3)?;
    for _ in 0..steps {
        walk.step(objective)?;
    }
    State::of(&mut walk)?.digest()
}

/// `n` candidates that no other step has.
fn batch(step: u64, n: u64) -> Result<Batch> {
    let probe = |k| Probe::new(Key::new(step).member(k), 0.1);
    Ok(Batch::seeded(&space()?.start(), Sampler::Normal, (0..n).map(probe).collect::<Vec<_>>()))
}

/// Fails whenever it is told to, and counts what it evaluates.
struct Frail {
    space: Space,
    evaluated: usize,
    fails_at: Option<usize>,
    stochastic: bool,
    data: f64,
}

impl Frail {
    fn new(stochastic: bool) -> Result<Self> {
        Ok(Self { space: space()?, evaluated: 0, fails_at: None, stochastic, data: 0.0 })
    }
}

impl Objective for Frail {
    fn space(&self) -> &Space {
        &self.space
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        self.evaluated += 1;
        if self.fails_at == Some(self.evaluated) {
            return Err(Error::Objective("the power failed".into()));
        }
        let data = self.data;
        (0..batch.len()).map(|i| Ok(data + bowl(&batch.row(i, &self.space)?.to_vec1::<f64>()?))).collect()
    }

    fn stochastic(&self) -> bool {
        self.stochastic
    }

    fn refresh(&mut self) -> Result<()> {
        self.data += 1.0;
        Ok(())
    }
}

#[test]
fn a_journal_replays_the_run() -> Test {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("run.journal");
    let run = walked(&mut journal(bowls()?, &path)?, 5)?;
    let mut replay = Replay::open(&space()?, &path)?;
    assert_eq!(replay.origin(), Some(&origin()));
    assert_eq!(walked(&mut replay, 5)?, run);
    assert!(replay.is_finished());
    assert!(matches!(replay.evaluate(&batch(0, 1)?), Err(Error::Suspended)));
    Ok(())
}

#[test]
fn a_run_that_was_cut_off_goes_on_by_being_started_again() -> Test {
    let folder = tempfile::tempdir()?;
    let (whole, path) = (folder.path().join("whole"), folder.path().join("cut"));
    let run = walked(&mut journal(bowls()?, &whole)?, 6)?;
    let bytes = fs::read(&whole)?;
    for len in 0..=bytes.len() {
        fs::write(&path, &bytes[..len])?;
        let mut again = journal(bowls()?, &path)?;
        assert_eq!(walked(&mut again, 6)?, run, "{len} bytes");
        drop(again);
        assert_eq!(fs::read(&path)?, bytes, "{len} bytes");
    }
    // A file that has grown before its content came.
    fs::write(&path, [bytes.as_slice(), &[0; 100]].concat())?;
    assert_eq!(journal(bowls()?, &path)?.left(), 12);
    assert_eq!(fs::read(&path)?, bytes);
    Ok(())
}

#[test]
fn a_byte_that_changed_is_found() -> Test {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("run.journal");
    let run = walked(&mut journal(bowls()?, &path)?, 3)?;
    let whole = fs::read(&path)?;
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(&path, &damaged)?;
        // Of the last record nobody knows whether it was written whole.
        match journal(bowls()?, &path) {
            Err(Error::File { .. }) => assert_eq!(fs::read(&path)?, damaged, "byte {at}: a journal that is refused was changed"),
            Ok(mut again) => {
                assert!(at >= whole.len() - 32, "byte {at} of {}", whole.len());
                assert_eq!(walked(&mut again, 3)?, run);
            }
            Err(other) => return Err(format!("byte {at}: {other:?}").into()),
        }
    }
    Ok(())
}

#[test]
fn failed_candidates_are_journalled_bit_for_bit() -> Test {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("run.journal");
    let odd =
        vec![f64::NAN, f64::from_bits(0x7ff8_0000_0000_0001), f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MIN_POSITIVE / 2.0];
    let batch = batch(0, odd.len() as u64)?;
    journal(Replay::new(space()?, vec![odd.clone()]), &path)?.evaluate(&batch)?;
    let bits = |losses: &[f64]| losses.iter().map(|loss| loss.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&Replay::open(&space()?, &path)?.evaluate(&batch)?), bits(&odd));
    Ok(())
}

#[test]
fn what_belongs_to_another_run_is_refused_and_left_alone() -> Test {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("run.journal");
    walked(&mut journal(bowls()?, &path)?, 2)?;
    let whole = fs::read(&path)?;
    let others = [
        (Origin::new(Spec::new("walk").with("width", 4)?, Key::new(1)), "width"),
        (Origin::new(Spec::new("hike"), Key::new(1)), "name"),
        (Origin::new(Spec::new("walk"), Key::new(2)), "key"),
        (origin().over(Horizon::evaluations(9)), "horizon"),
        (origin().over(Horizon::NONE.on(&Frail::new(true)?)), "stochastic"),
    ];
    for (other, word) in others {
        let refused = Journal::open(bowls()?, &other, &path).err().ok_or(word)?;
        assert!(matches!(&refused, Error::File { why, .. } if why.contains(word)), "{refused}");
    }
    assert!(matches!(Journal::open(Frail::new(true)?, &origin(), &path), Err(Error::File { .. })), "another kind of objective");
    let wider = Function::new(Space::real(4)?, bowl);
    assert!(matches!(Journal::open(wider, &origin(), &path), Err(Error::File { .. })), "another space");
    assert_eq!(fs::read(&path)?, whole);
    fs::write(&path, "not a journal at all")?;
    assert!(matches!(journal(bowls()?, &path), Err(Error::File { .. })));
    assert!(matches!(Replay::open(&space()?, &path), Err(Error::File { .. })));
    assert_eq!(fs::read(&path)?, b"not a journal at all");
    assert!(matches!(Replay::open(&space()?, folder.path().join("nowhere")), Err(Error::Io { .. })));
    assert!(journal(bowls()?, folder.path()).is_err());
    Ok(())
}

#[test]
fn two_runs_do_not_write_one_journal() -> Test {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("run.journal");
    let first = journal(bowls()?, &path)?;
    assert!(matches!(journal(bowls()?, &path), Err(Error::File { .. })));
    drop(first);
    journal(bowls()?, &path)?;
    Ok(())
}

#[test]
fn another_key_is_noticed_at_the_first_candidate() -> Test {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("run.journal");
    walked(&mut journal(bowls()?, &path)?, 2)?;
    let mut other = Walk::new(&space()?, Key::new(2), 3)?;
    let refused = other.step(&mut Replay::open(&space()?, &path)?);
    assert!(matches!(refused, Err(Error::Unsupported { .. })), "{refused:?}");
    Ok(())
}

/// A walk asks twice a step. Whichever evaluation fails, the step is repeated; the journal then replays the run in which nothing failed, and is gone
/// on with wherever it was cut off.
#[test]
fn a_step_that_is_repeated_is_replayed_once() -> Test {
    let folder = tempfile::tempdir()?;
    for stochastic in [false, true] {
        let end = run(&mut Frail::new(stochastic)?, 4)?;
        for fails_at in 1..=9 {
            let path = folder.path().join(format!("{stochastic}-{fails_at}"));
            let frail = Frail { fails_at: Some(fails_at), ..Frail::new(stochastic)? };
            assert_eq!(run(&mut journal(frail, &path)?, 4)?, end);
            assert_eq!(run(&mut Replay::open(&space()?, &path)?, 4)?, end, "failure {fails_at}, stochastic: {stochastic}");
            let whole = fs::read(&path)?;
            for len in (0..whole.len()).step_by(5) {
                fs::write(&path, &whole[..len])?;
                let again = run(&mut journal(Frail::new(stochastic)?, &path)?, 4)?;
                assert_eq!(again, end, "failure {fails_at}, stochastic: {stochastic}, {len} bytes");
            }
        }
    }
    Ok(())
}

/// Who asks for one batch twice is answered twice, and nothing is taken back.
#[test]
fn a_batch_may_be_asked_twice() -> Test {
    let folder = tempfile::tempdir()?;
    for stochastic in [false, true] {
        let path = folder.path().join(stochastic.to_string());
        let mut twice = journal(Frail::new(stochastic)?, &path)?;
        let asked = [0, 0, 1, 0].map(|step| batch(step, 2));
        for asked in &asked {
            twice.evaluate(asked.as_ref().map_err(|e| e.to_string())?)?;
        }
        drop(twice);
        let mut replay = Replay::open(&space()?, &path)?;
        for asked in asked {
            replay.evaluate(&asked?)?;
        }
        assert!(replay.is_finished());
    }
    Ok(())
}

/// Steps that are repeated when they fail.
fn run(objective: &mut dyn Objective, steps: usize) -> Result<Vec<(String, Vec<u64>)>> {
    let mut walk = Walk::new(objective.space(), Key::new(1), 3)?;
    for _ in 0..steps {
        if walk.step(objective).is_err() {
            walk.step(objective)?;
        }
        if objective.stochastic() {
            objective.refresh()?;
        }
    }
    State::of(&mut walk)?.digest()
}

/// A budget that lies around the journal ends a step without telling it.
#[test]
fn what_a_step_without_means_has_left_is_gone_on_with() -> Test {
    let folder = tempfile::tempdir()?;
    let (path, whole) = (folder.path().join("poor"), folder.path().join("rich"));
    let run = walked(&mut journal(bowls()?, &whole)?, 3)?;
    let mut poor = journal(bowls()?, &path)?;
    let mut walk = Walk::new(&space()?, Key::new(1), 3)?;
    {
        let mut budget = moths_core::objective::layer::Budget::new(&mut poor, 4 + 3);
        walk.step(&mut budget)?;
        assert!(matches!(walk.step(&mut budget), Err(Error::Budget { .. })));
    }
    walk.step(&mut poor)?;
    walk.step(&mut poor)?;
    drop(poor);
    assert_eq!(walked(&mut Replay::open(&space()?, &path)?, 3)?, run);
    assert_eq!(walked(&mut journal(bowls()?, &path)?, 3)?, run);
    Ok(())
}
