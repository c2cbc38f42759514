//! A system that gives no threads: the results are the same.

use std::{
    error::Error,
    fs,
    os::unix::fs::PermissionsExt,
    process::{Command, Output},
};

use tempfile::{TempDir, tempdir};

use crate::support::{Tested, said};

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
