//! A journal on a disk that is full: the step says so, the file stays whole, and where there is room again the run goes on.

#![cfg(unix)]

use std::{env, path::Path, process::Command};

use moths_core::{
    Error, Function, Journal, Key, Optimizer, Result, Space, Spec,
    persist::State,
    run::{Origin, Replay},
};
use toy::{Test, Walk, bowl};

#[path = "api/toy/mod.rs"]
mod toy;

/// Tells the program, started once more, where to write.
const PLACE: &str = "MOTHS_FULL_JOURNAL";
const STEPS: usize = 40;

/// What a run over the journal at this path comes to.
fn run(path: &Path) -> Result<Vec<(String, Vec<u64>)>> {
    let space = Space::real(3)?;
    let mut journal = Journal::open(Function::new(space.clone(), bowl), &Origin::new(Spec::new("walk"), Key::new(1)), path)?;
    let mut walk = Walk::new(&space, Key::new(1), 3)?;
    for _ in 0..STEPS {
        if let Err(error) = walk.step(&mut journal) {
            // Once more, and it is refused once more: what was torn off is gone before anything else is written.
            return Err(walk.step(&mut journal).err().unwrap_or(error));
        }
    }
    State::of(&mut walk)?.digest()
}

/// What the program does that was started once more; alone it does nothing.
#[test]
fn writes_until_it_is_full() {
    if let Some(path) = env::var_os(PLACE) {
        assert!(matches!(run(Path::new(&path)), Err(Error::Io { .. })), "there was room");
    }
}

#[test]
fn a_full_disk_leaves_a_whole_journal() -> Test {
    let folder = tempfile::tempdir()?;
    let (whole, full) = (folder.path().join("whole"), folder.path().join("full"));
    let end = run(&whole)?;
    // In blocks of 512 bytes or 1,024: files may not grow beyond two.
    let limited = format!("trap '' XFSZ; ulimit -f 2; exec '{}' --exact writes_until_it_is_full", env::current_exe()?.display());
    let child = Command::new("sh").args(["-c", &limited]).env(PLACE, &full).output()?;
    assert!(child.status.success(), "{}{}", String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
    let written = std::fs::read(&full)?;
    assert!(written.len() > 500 && std::fs::read(&whole)?.starts_with(&written), "{} bytes", written.len());
    assert!(!Replay::open(&Space::real(3)?, &full)?.is_finished());
    assert_eq!(run(&full)?, end);
    assert_eq!(std::fs::read(&full)?, std::fs::read(&whole)?);
    Ok(())
}
