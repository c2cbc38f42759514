//! A system that gives no threads: the results are the same.

use std::{
    error::Error,
    fs,
    os::unix::fs::PermissionsExt,
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::support::{Tested, moths, said};

/// A user without any other process.
const NOBODY: &str = "61234";

/// `moths` that may have no thread but its first; `None` where that cannot be arranged.
fn alone(place: &TempDir, line: &str) -> Result<Option<Output>, Box<dyn Error>> {
    let limited = |program: &str, arguments: &str| {
        let mut command = match fs::metadata("/proc/self").map(|me| std::os::unix::fs::MetadataExt::uid(&me)) {
            // The limit is none to the administrator.
            Ok(0) => {
                let mut command = Command::new("setpriv");
                command.args([
                    "--reuid",
                    NOBODY,
                    "--clear-groups",
                    "--bounding-set=-all",
                    "--inh-caps=-all",
                    "prlimit",
                    "--nproc=1",
                ]);
                command
            }
            _ => {
                let mut command = Command::new("prlimit");
                command.arg("--nproc=1");
                command
            }
        };
        command.arg(program).args(arguments.split_whitespace()).current_dir(place).output()
    };
    let moths = env!("CARGO_BIN_EXE_moths");
    let possible = limited(moths, "--version").is_ok_and(|output| output.status.success());
    Ok(if possible { Some(limited(moths, line)?) } else { None })
}

#[test]
fn without_threads_the_results_are_the_same() -> Tested {
    let place = tempdir()?;
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o777))?;
    let timeless =
        |text: &str| -> Vec<String> { text.lines().filter(|row| !row.starts_with("seconds")).map(str::to_owned).collect() };
    for line in [
        "train cart-pole --evaluations 400 --out train --threads 4",
        "train digits --evaluations 400 --out digits --threads 4",
        "bench sphere,digits --optimizers pso --evaluations 200 --seeds 2 --threads 4 --out bench",
        "minimize rastrigin --evaluations 400 --out minimize",
        "race sphere --optimizers pso,sep-cma-es --evaluations 400 --seeds 2 --threads 1 --out race",
        "problem sphere/d2 --at points.csv",
    ] {
        fs::write(place.path().join("points.csv"), "1,2\n")?;
        let Some(output) = alone(&place, line)? else {
            println!("threads cannot be forbidden here");
            return Ok(());
        };
        let (out, err) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
        assert!(output.status.success(), "{line}: {err}");
        assert!(err.lines().all(|line| line.contains("Ctrl-C")), "{line}: {err}");
        for folder in ["train", "digits", "bench", "minimize", "race"] {
            let _ = fs::remove_dir_all(place.path().join(folder));
        }
        assert_eq!(timeless(&out), timeless(&said(&place, line)?), "{line}");
    }
    Ok(())
}

/// rayon, candle and the kernels each read the variable, and each would take so many.
#[test]
fn more_threads_than_a_system_has_are_refused() -> Tested {
    let place = tempdir()?;
    let line = "train digits --evaluations 200 --out out --json";
    let lowest = |output: Output| -> Result<Value, Box<dyn Error>> {
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        let text = String::from_utf8(output.stdout)?;
        Ok(serde_json::from_str::<Value>(text.lines().next_back().ok_or("silence")?)?["loss_bits"].clone())
    };
    let usual = lowest(moths(&place, line).output()?)?;
    for number in ["1025", "100000", "18446744073709551615"] {
        for line in [line, "list problems"] {
            let refused = moths(&place, line).env("RAYON_NUM_THREADS", number).output()?;
            let said = String::from_utf8(refused.stderr)?;
            assert_eq!(refused.status.code(), Some(2), "{said}");
            assert_eq!(
                said,
                format!("moths: RAYON_NUM_THREADS = {number}: a number from 1 to 1024, or 0 for as many as there are cores\n")
            );
        }
    }
    for number in ["1", "64", "0", "-1", "many"] {
        assert_eq!(lowest(moths(&place, line).env("RAYON_NUM_THREADS", number).output()?)?, usual, "{number}");
    }
    Ok(())
}
