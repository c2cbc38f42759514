//! Steps, and ways back, that fail: the copy is what it was.

use std::fs::OpenOptions;

use super::{
    copy::{Case, beside, read},
    *,
};
use crate::Error;

fn case(folder: &Path) -> Result<Case> {
    Ok(Case::all(folder)?.swap_remove(2))
}

fn is_io(result: Result<()>) -> bool {
    matches!(result, Err(Error::Io { .. }))
}

/// Later steps stay until another is made; a copy that is opened before that is what the log ends with.
#[test]
fn going_back_takes_no_step_away() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let (case, copy) = (case(folder.path())?, folder.path().join("copy"));
    let bytes = case.path(&copy, 4)?;
    let mut working = case.open(&copy)?;
    let versions = versions(&copy);
    let log = read(&beside(&copy, "log"));
    for to in [1, 3, 0, 4, 2] {
        assert!(working.rewind(versions[to])? && read(&copy) == bytes[to] && working.steps() == to as u64, "to {to}");
        assert_eq!((beside(&copy, "stale").exists(), working.version()), (to != 4, versions[to]));
    }
    assert!(read(&beside(&copy, "log")) == log);
    drop(working);
    let mut working = case.open(&copy)?;
    assert!(working.version() == versions[4] && read(&copy) == bytes[4] && !beside(&copy, "stale").exists());
    assert!(working.rewind(versions[2])?);
    working.advance(case.step(9))?;
    let (other, now) = (working.version(), read(&copy));
    assert!(working.steps() == 3 && !beside(&copy, "stale").exists() && !working.rewind(versions[3])?);
    assert!(working.rewind(versions[1])? && working.rewind(other)? && read(&copy) == now);
    drop(working);
    let working = case.open(&copy)?;
    assert!(working.version() == other && read(&copy) == now);
    Ok(())
}

/// The versions of a log: before the first step, and after each.
fn versions(copy: &Path) -> Vec<u64> {
    let log = fs::read_to_string(beside(copy, "log")).expect("a log");
    log.lines().map(|line| u64::from_str_radix(&line[..16], 16).expect("a version")).collect()
}

/// Killed between a step that takes the place of later ones and what comes after it: the step has been made.
#[test]
fn a_copy_that_may_not_be_what_the_log_ends_with_is_made_again() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let (case, copy) = (case(folder.path())?, folder.path().join("copy"));
    let bytes = case.path(&copy, 3)?;
    for kept in [&bytes[0], &bytes[1]] {
        fs::write(beside(&copy, "stale"), "").expect("written");
        fs::write(&copy, kept).expect("written");
        assert_eq!(case.open(&copy)?.steps(), 3);
        assert!(read(&copy) == bytes[3] && !beside(&copy, "stale").exists());
    }
    Ok(())
}

/// A base that cannot be read: no way back, and the copy goes on as it was.
#[test]
fn a_way_back_that_fails_changes_nothing() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let (case, copy) = (case(folder.path())?, folder.path().join("copy"));
    let bytes = case.path(&copy, 3)?;
    let (versions, base) = (versions(&copy), read(&case.base));
    fs::write(&copy, &bytes[2]).expect("written");
    fs::write(beside(&copy, "stale"), "").expect("written");
    let mut working = case.open(&copy)?;
    OpenOptions::new().write(true).open(&case.base).expect("a file").set_len(base.len() as u64 / 2).expect("cut");
    assert!(is_io(working.rewind(versions[1]).map(drop)));
    assert!(working.version() == versions[3] && read(&copy) == bytes[3]);
    for left in ["new", "stale", "changes"] {
        assert!(!beside(&copy, left).exists(), "{left}");
    }
    let saved = folder.path().join("saved");
    working.save(&saved)?;
    assert!(read(&saved) == bytes[3]);
    fs::write(&case.base, &base).expect("written");
    working.advance(case.step(3))?;
    assert!(read(&copy) == case.path(&folder.path().join("whole"), 4)?[4]);
    assert!(working.rewind(versions[1])? && read(&copy) == bytes[1]);
    Ok(())
}

/// A log whose last line is another than was written is damaged, unless that step was being made.
#[test]
fn a_last_line_is_cut_short_or_damaged() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let (case, copy) = (case(folder.path())?, folder.path().join("copy"));
    let bytes = case.path(&copy, 3)?;
    let path = beside(&copy, "log");
    let log = read(&path);
    let mut damaged = log.clone();
    damaged[log.len() - 5] ^= 1;
    fs::write(&path, &damaged).expect("written");
    assert!(matches!(case.open(&copy), Err(Error::File { why, .. }) if why.contains("damaged")));
    assert!(read(&path) == damaged && read(&copy) == bytes[3]);
    // Cut short, and no list to undo its step by.
    fs::write(&path, &log[..log.len() - 1]).expect("written");
    let working = case.open(&copy)?;
    assert!(working.steps() == 2 && read(&copy) == bytes[2]);
    // The list of the third step.
    working.write_down(&case.step(2))?;
    drop(working);
    fs::write(&path, &damaged).expect("written");
    fs::write(&copy, &bytes[3]).expect("written");
    assert_eq!(case.open(&copy)?.steps(), 2);
    assert!(read(&copy) == bytes[2]);
    Ok(())
}

/// No byte can be written into the copy, or into its log: the step is not made, and the next one leads where it should.
#[test]
fn a_step_that_fails_changes_nothing() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let case = case(folder.path())?;
    let whole = case.path(&folder.path().join("whole"), 4)?;
    for of_log in [false, true] {
        let copy = folder.path().join(format!("copy.{of_log}"));
        case.path(&copy, 2)?;
        let mut working = case.open(&copy)?;
        let (version, log) = (working.version(), read(&beside(&copy, "log")));
        let swapped = |working: &mut super::super::copy::WorkingCopy, writable| {
            let path = if of_log { beside(&copy, "log") } else { copy.clone() };
            let file = OpenOptions::new().read(true).write(writable).open(path).expect("a file");
            if of_log { working.log.opened.file = file } else { working.copy.file = file }
        };
        swapped(&mut working, false);
        assert!(is_io(working.advance(case.step(2))) && working.version() == version && working.steps() == 2);
        // It may be another than its version says.
        assert!(is_io(working.mend()) && is_io(working.advance(case.step(2))));
        assert!(is_io(working.save(&folder.path().join("saved"))));
        swapped(&mut working, true);
        working.mend()?;
        assert!(read(&copy) == whole[2] && read(&beside(&copy, "log")) == log && !beside(&copy, "changes").exists());
        (2..4).try_for_each(|k| working.advance(case.step(k)))?;
        assert!(read(&copy) == whole[4]);
    }
    Ok(())
}

/// What was written into the copy and into the log is taken back, also where it was written to its end.
#[test]
fn a_step_that_could_not_be_undone_is_undone_later() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let (case, copy) = (case(folder.path())?, folder.path().join("copy"));
    let whole = case.path(&folder.path().join("whole"), 3)?;
    case.path(&copy, 2)?;
    let mut working = case.open(&copy)?;
    let log = read(&beside(&copy, "log"));
    working.log.opened.file = OpenOptions::new().read(true).open(beside(&copy, "log")).expect("a file");
    assert!(is_io(working.advance(case.step(2))));
    fs::write(&copy, &whole[3]).expect("written");
    fs::write(beside(&copy, "log"), read(&beside(&folder.path().join("whole"), "log"))).expect("written");
    working.log.opened.file = OpenOptions::new().read(true).write(true).open(beside(&copy, "log")).expect("a file");
    working.save(&folder.path().join("saved"))?;
    assert!(read(&folder.path().join("saved")) == whole[2] && read(&copy) == whole[2]);
    assert!(read(&beside(&copy, "log")) == log && working.steps() == 2);
    Ok(())
}

/// A disk that is full when the changes are written down.
#[cfg(target_os = "linux")]
#[test]
fn a_step_on_a_full_disk_changes_nothing() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let (case, copy) = (case(folder.path())?, folder.path().join("copy"));
    let bytes = case.path(&copy, 2)?;
    let mut working = case.open(&copy)?;
    let version = working.version();
    std::os::unix::fs::symlink("/dev/full", beside(&copy, "changes")).expect("a link");
    assert!(is_io(working.write_down(&case.step(2))));
    working.mend()?;
    assert!(working.version() == version && read(&copy) == bytes[2] && !beside(&copy, "changes").exists());
    working.advance(case.step(2))?;
    assert_eq!(working.steps(), 3);
    Ok(())
}
