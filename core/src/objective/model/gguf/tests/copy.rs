//! Steps on the disk: made, broken off, gone back on.

use super::super::{
    changes::{self, Side},
    copy::WorkingCopy,
    options::GgufOptions,
    step::Step,
};
use super::*;
use crate::Error;

/// A base, what is trained of it, how long a step is, and how far back every other one is pulled.
pub(super) struct Case {
    pub(super) base: PathBuf,
    options: GgufOptions,
    rate: f64,
    anchor: f64,
}

impl Case {
    pub(super) fn all(folder: &Path) -> Result<Vec<Self>> {
        let codes = GgufOptions::codes().replay(2)?;
        [
            (GgmlDType::Q4K, GgufOptions::scales(), 0.01),
            (GgmlDType::Q8_0, GgufOptions::scales(), 1e-4),
            (GgmlDType::Q6K, codes.clone(), 0.4),
            (GgmlDType::Q4_0, codes, 0.4),
        ]
        .into_iter()
        .map(|(dtype, options, rate)| Ok(Self { base: file(folder, dtype)?, options, rate, anchor: 0.05 }))
        .collect()
    }

    /// Some step, another for every number.
    pub(super) fn step(&self, n: u64) -> Step {
        let terms = [(Key::new(n).member(0), 0.7), (Key::new(n).member(1), -1.1), (Key::new(n + 100).into(), 0.4)];
        let anchor = if n.is_multiple_of(2) { 0.0 } else { self.anchor };
        Step::new(&Sampler::Normal.into(), &terms, [self.rate, 0.0, anchor]).expect("a step")
    }

    pub(super) fn open(&self, copy: &Path) -> Result<WorkingCopy> {
        WorkingCopy::open(&self.base, copy, &self.options)
    }

    /// The bytes after every step of `n`, the first those of the base.
    pub(super) fn path(&self, copy: &Path, n: u64) -> Result<Vec<Vec<u8>>> {
        let mut working = self.open(copy)?;
        let mut bytes = vec![read(copy)];
        for k in 0..n {
            working.advance(self.step(k))?;
            bytes.push(read(copy));
        }
        assert_eq!(working.steps(), n);
        Ok(bytes)
    }
}

pub(super) fn read(path: &Path) -> Vec<u8> {
    fs::read(path).expect("a file")
}

pub(super) fn beside(copy: &Path, what: &str) -> PathBuf {
    PathBuf::from(format!("{}.{what}", copy.display()))
}

#[test]
fn equal_steps_give_equal_bytes_and_the_base_stays() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    for (i, case) in Case::all(folder.path())?.iter().enumerate() {
        let base = read(&case.base);
        let [one, other] = ["one", "other"].map(|name| folder.path().join(format!("{name}.{i}")));
        let path = case.path(&one, 4)?;
        assert_eq!(path, case.path(&other, 4)?);
        assert!(path[0] == base && read(&case.base) == base && path.windows(2).all(|two| two[0] != two[1]));
        let (one, other) = (case.open(&one)?, case.open(&other)?);
        assert_eq!((one.version(), one.steps()), (other.version(), 4));
        let trained = |i: usize| one.training.tensors.iter().any(|tensor| tensor.place().contains(&(i as u64)));
        assert!((0..base.len()).all(|i| path[4][i] == base[i] || trained(i)), "what is not trained has changed");
    }
    Ok(())
}

/// Killed at any point of a step: opened again the copy is as it was before it, or after it where it had been made, and goes on to the same
/// bytes.
#[test]
fn a_step_that_was_broken_off_is_undone_or_has_been_made() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    for (i, case) in Case::all(folder.path())?.iter().enumerate() {
        let whole = case.path(&folder.path().join(format!("whole.{i}")), 4)?;
        for at in 0..7 {
            let copy = folder.path().join(format!("{i}.{at}"));
            case.path(&copy, 2)?;
            let made = broken_off(case, &copy, at)?;
            let mut again = case.open(&copy)?;
            assert!(!beside(&copy, "changes").exists());
            assert_eq!(again.steps(), if made { 3 } else { 2 }, "case {i}, broken off at {at}");
            assert!(read(&copy) == whole[again.steps() as usize], "case {i}, broken off at {at}");
            for k in again.steps()..4 {
                again.advance(case.step(k))?;
            }
            assert!(read(&copy) == whole[4], "case {i}, broken off at {at}");
        }
    }
    Ok(())
}

/// What a program leaves that is killed within its third step; whether the step had been made.
fn broken_off(case: &Case, copy: &Path, at: usize) -> Result<bool> {
    let (log, list) = (beside(copy, "log"), beside(copy, "changes"));
    let (log_before, before) = (read(&log), read(copy));
    let mut working = case.open(copy)?;
    working.write_down(&case.step(2))?;
    let written_down = read(&list);
    working.advance(case.step(2))?;
    drop(working);
    let (log_after, after) = (read(&log), read(copy));
    let half = before.len() / 2;
    let torn = [&after[..half], &before[half..]].concat();
    let cut = &log_after[..log_after.len() - 1];
    let (kept, list_left, log_left) = match at {
        0 => (&before, &written_down[..5], &log_before[..]),
        1 => (&before, &written_down[..written_down.len() - 3], &log_before[..]),
        2 => (&before, &written_down[..], &log_before[..]),
        3 => (&torn, &written_down[..], &log_before[..]),
        4 => (&after, &written_down[..], &log_before[..]),
        5 => (&after, &written_down[..], cut),
        _ => (&after, &written_down[..], &log_after[..]),
    };
    for (path, bytes) in [(copy, &kept[..]), (&list, list_left), (&log, log_left)] {
        fs::write(path, bytes).expect("written");
    }
    Ok(at > 5)
}

/// The list holds both sides of every change, and one that is damaged counts for nothing.
#[test]
fn what_is_written_down_leads_there_and_back() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let case = &Case::all(folder.path())?[2];
    let copy = folder.path().join("copy");
    let path = case.path(&copy, 1)?;
    let working = case.open(&copy)?;
    working.write_down(&case.step(1))?;
    let list = beside(&copy, "changes");
    let file = File::options().read(true).write(true).open(&copy).expect("a file");
    changes::write(&list, Side::After, &file, &copy)?;
    assert!(read(&copy) != path[1]);
    changes::write(&list, Side::Before, &file, &copy)?;
    assert!(read(&copy) == path[1]);
    assert_eq!(changes::sealed(&list)?, Some(working.version()));
    let mut damaged = read(&list);
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    fs::write(&list, damaged).expect("written");
    assert_eq!(changes::sealed(&list)?, None);
    Ok(())
}

/// An earlier version is made again from the base and the steps, and goes on as it did; also where the copy is lost.
#[test]
fn it_goes_back_to_any_version_it_had() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    for (i, case) in Case::all(folder.path())?.iter().enumerate() {
        let copy = folder.path().join(format!("back.{i}"));
        let (mut versions, mut bytes) = (vec![], vec![]);
        let mut working = case.open(&copy)?;
        for k in 0..6 {
            versions.push(working.version());
            bytes.push(read(&copy));
            working.advance(case.step(k))?;
        }
        let last = (working.version(), read(&copy));
        assert!(!working.rewind(last.0 ^ 1)? && read(&copy) == last.1);
        for back in [4, 1, 0] {
            assert!(working.rewind(versions[back])?);
            assert!(read(&copy) == bytes[back] && working.steps() == back as u64, "case {i}, back to {back}");
        }
        for k in 0..6 {
            working.advance(case.step(k))?;
        }
        assert_eq!(working.version(), last.0);
        drop(working);
        fs::remove_file(&copy).expect("removed");
        drop(case.open(&copy)?);
        assert!(read(&copy) == last.1, "case {i}");
    }
    Ok(())
}

/// u = 0.9 r − s − anchor (q − q₀), D = round(u), r ← u − D, by hand on the same noise, for codes away from the ends of their range.
#[test]
fn codes_move_as_the_equations_say() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    // The pull of a step that is drawn again is by the code that there is now: with an anchor, two steps are exact.
    for (anchor, steps) in [(0.0, 4), (0.05, 2)] {
        let (base, copy) = (file(folder.path(), GgmlDType::Q8_0)?, folder.path().join(format!("copy.{steps}")));
        let case = Case { base, options: GgufOptions::codes().train("blk.0.down"), rate: 0.37, anchor };
        let path = case.path(&copy, steps)?;
        let working = case.open(&copy)?;
        let sums = (0..steps).map(|k| sum(&working.training.space, k, case.rate)).collect::<Result<Vec<_>>>()?;
        let tensor = &working.training.tensors[0];
        let code = |k: usize, i: usize| {
            let at = tensor.start as usize + i / tensor.block.weights * tensor.block.bytes;
            tensor.block.code(&path[k][at..], i % tensor.block.weights)
        };
        let mut moved = vec![0; sums.len()];
        for i in (0..sums[0].len()).filter(|i| code(0, *i).abs() < 118) {
            let (mut q, mut r) = (code(0, i), 0f64);
            for (k, s) in sums.iter().enumerate() {
                let pull = if k % 2 == 1 { anchor * f64::from(q - code(0, i)) } else { 0.0 };
                let u = 0.9 * r - s[i] - pull;
                if (u.abs().fract() - 0.5).abs() < 1e-4 {
                    break;
                }
                (q, r) = (q + u.round() as i32, u - u.round());
                assert_eq!(code(k + 1, i), q, "code {i} after step {k}");
                moved[k] += usize::from(u.round() != 0.0);
            }
        }
        assert!(moved.iter().all(|n| *n > 100), "{moved:?}");
    }
    Ok(())
}

/// rate Σ_k weight_k z_k of a step.
fn sum(space: &crate::Space, step: u64, rate: f64) -> Result<Vec<f64>> {
    let seeds = [(Key::new(step).member(0), 0.7), (Key::new(step).member(1), -1.1), (Key::new(step + 100).into(), 0.4)];
    let mut sum = space.zeros()?;
    Sampler::Normal.over(space).add_weighted(&seeds, &mut sum)?;
    Ok(sum.to_vec1::<f32>()?.into_iter().map(|s| rate * f64::from(s)).collect())
}

/// d ← (1 − s) d between two neighbouring f16s, right in the mean over the blocks of a file.
#[test]
fn scales_move_as_the_equations_say() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    for dtype in TYPES {
        let (base, copy) = (file(folder.path(), dtype)?, folder.path().join(format!("copy.{dtype:?}")));
        let case = Case { base, options: GgufOptions::scales(), rate: 2e-3, anchor: 0.0 };
        let path = case.path(&copy, 1)?;
        let working = case.open(&copy)?;
        let (mut excess, mut n) = (0.0, 0.0);
        for tensor in &working.training.tensors {
            let [a, b, c] = [Key::new(0).member(0), Key::new(0).member(1), Key::new(100).into()].map(|seed| {
                let mut z = vec![0f32; tensor.blocks];
                Perturbation::from(Sampler::Normal).fill_slice(seed, tensor.first, &mut z);
                z
            });
            for i in 0..tensor.blocks {
                let at = tensor.start as usize + i * tensor.block.bytes;
                let s = 2e-3 * (0.7 * a[i] - 1.1 * b[i] + 0.4 * c[i]);
                for j in 0..tensor.block.factors() {
                    let [before, after] = [&path[0], &path[1]].map(|bytes| tensor.block.factor(&bytes[at..], j).to_f32());
                    let wanted = (1.0 - s) * before;
                    let step = (before.abs() / 1024.0).max(6e-8);
                    assert!((after - wanted).abs() <= step, "{dtype:?} block {i}: {before} to {after} instead of {wanted}");
                    excess += f64::from((after - wanted) / step);
                    n += 1.0;
                }
            }
        }
        assert!(excess.abs() < 3.0 * f64::sqrt(n), "{dtype:?}: {excess} of {n}");
    }
    Ok(())
}

#[test]
fn other_bases_other_training_and_other_writers_are_refused() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("copy");
    let (one, other) = (file(folder.path(), GgmlDType::Q4_0)?, file(folder.path(), GgmlDType::Q8_0)?);
    let working = WorkingCopy::open(&one, &copy, &GgufOptions::scales())?;
    let refused = |base: &Path, copy: &Path, options: &GgufOptions| match WorkingCopy::open(base, copy, options) {
        Err(Error::File { why, .. }) => why,
        other => panic!("not refused: {:?}", other.err()),
    };
    assert!(refused(&one, &copy, &GgufOptions::scales()).contains("another program"));
    drop(working);
    for (base, options) in
        [(&other, GgufOptions::scales()), (&one, GgufOptions::codes()), (&one, GgufOptions::scales().train("blk.0.up"))]
    {
        assert!(refused(base, &copy, &options).contains("another base, or of other training"));
    }
    assert!(refused(&one, &other, &GgufOptions::scales()).contains("is no working copy"));
    fs::write(beside(&copy, "log"), "something else").expect("written");
    assert!(refused(&one, &copy, &GgufOptions::scales()).contains("no log"));
    Ok(())
}
