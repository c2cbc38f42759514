//! What is printed, and where.

use std::process::Stdio;

use serde_json::Value;
use tempfile::tempdir;

use crate::support::{Tested, moths, refusal, said, shell};

#[test]
fn a_reader_that_goes_away_is_no_panic() -> Tested {
    let place = tempdir()?;
    for line in ["list", "list --json", "show pso", "minimize sphere --evaluations 2000"] {
        let mut child = moths(&place, line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        drop(child.stdout.take());
        let output = child.wait_with_output()?;
        assert!(output.status.success() && output.stderr.is_empty(), "moths {line}: {output:?}");
    }
    Ok(())
}

#[test]
fn help_and_version_are_there() -> Tested {
    let place = tempdir()?;
    assert!(said(&place, "--version")?.starts_with("moths "));
    for command in ["", "list", "show", "train", "minimize", "race"] {
        assert!(said(&place, &format!("{command} --help"))?.contains("Usage:"));
    }
    Ok(())
}

#[test]
fn with_json_help_and_version_are_json() -> Tested {
    let place = tempdir()?;
    let help =
        ["--json --help", "train --help --json", "bench --json -h", "help --json", "help train --json", "--json help race"];
    for (line, event) in help.map(|line| (line, "help")).into_iter().chain([("--json --version", "version")]) {
        let out = said(&place, line)?;
        let told: Value = serde_json::from_str(&out)?;
        assert!(told["event"] == event && told["text"].as_str().is_some_and(|text| text.contains("moths")), "{line}: {out}");
    }
    assert_eq!(said(&place, "help train --json")?, said(&place, "--json help train")?);
    assert!(said(&place, "help train")?.contains("Usage: moths train"));
    assert!(refusal(&place, "help trian --json")?.contains("'trian'"));
    let bare = moths(&place, "--json").output()?;
    assert!(bare.status.code() == Some(2) && bare.stdout.is_empty(), "{bare:?}");
    Ok(())
}

/// Nobody reads what is wrong: that is no reason to panic, and changes nothing of the run.
#[cfg(unix)]
#[test]
fn standard_error_that_cannot_be_written_ends_nothing() -> Tested {
    let place = tempdir()?;
    let failing = r#"bench net/spirals --optimizers '{"name":"random-search","candidates":500}' --evaluations 20 --seeds 1"#;
    let cases = [
        ("", "lst", 2),
        ("", "show psoo", 2),
        ("", "--json", 2),
        ("", "minimize sphere --evaluations 500", 0),
        ("", failing, 0),
        // Neither the checkpoint nor the curve fits.
        ("trap '' XFSZ; ulimit -f 0", "minimize sphere --evaluations 500 --checkpoint run.ckpt", 2),
    ];
    for (before, line, code) in cases {
        for redirection in ["2>/dev/full", "2>&-"] {
            let output = shell(&place, before, line, redirection)?;
            assert_eq!(output.status.code(), Some(code), "{line} {redirection}: {output:?}");
        }
    }
    for line in ["list", "--help", "--version", "minimize sphere --evaluations 500"] {
        let output = shell(&place, "", line, ">/dev/full")?;
        let err = String::from_utf8(output.stderr)?;
        assert!(output.status.code() == Some(2) && err.starts_with("moths: standard output: "), "{line}: {err}");
    }
    Ok(())
}
