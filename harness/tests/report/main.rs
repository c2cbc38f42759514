//! The report of results folders: what is in the file, whether its figures are right, and what a browser makes of it; and lives in that of a race.

mod browser;
mod figures;
mod fixture;
mod lives;

use std::{error::Error, fs, process::Command};

use moths_harness::{bench::Store, report};
use serde_json::Value;

type Tested = Result<(), Box<dyn Error>>;

/// The page about the fixture, and the data in it.
fn page() -> Result<(String, Value), Box<dyn Error>> {
    let html = report::bench::html(&fixture::results()?, None)?;
    let data = data(&html)?;
    Ok((html, data))
}

fn data(html: &str) -> Result<Value, Box<dyn Error>> {
    let (_, rest) = html.split_once("<script type=\"application/json\" id=\"data\">").ok_or("no data")?;
    let (json, _) = rest.split_once("</script>").ok_or("no end of the data")?;
    Ok(serde_json::from_str(json)?)
}

#[test]
fn the_page_asks_for_nothing() -> Tested {
    let (html, _) = page()?;
    for address in
        ["http://", "https://", "=\"//", "'//", "(//", "src=", "@import", "url(", "<link", "fetch(", "XMLHttpRequest", "eval("]
    {
        assert!(!html.contains(address), "{address}");
    }
    let elsewhere = html.match_indices("href=").find(|(i, _)| !html[*i..].starts_with("href=\"#"));
    assert_eq!(elsewhere, None);
    assert!(
        html.contains("default-src 'none'") && html.contains("Permission is hereby granted") && html.contains("Leon Sorokin")
    );
    assert!(html.len() < 200_000, "{} bytes for next to no runs", html.len());
    Ok(())
}

#[test]
fn names_cannot_leave_the_data() -> Tested {
    let (html, data) = page()?;
    // The data, the library and the script, and nothing that a name would have opened or closed.
    assert_eq!((html.matches("<script").count(), html.matches("</script").count()), (3, 3));
    assert_eq!(data["optimizers"][2]["label"], fixture::HOSTILE);
    assert!(!html.contains(fixture::HOSTILE));
    Ok(())
}

#[test]
fn the_baseline_is_named_by_its_label() -> Tested {
    let results = fixture::results()?;
    let html = report::bench::html(&results, Some("steady"))?;
    assert_eq!(data(&html)?["baseline"], 1);
    let refusal = report::bench::html(&results, Some("stedy")).err().map(|e| e.to_string()).unwrap_or_default();
    assert_eq!(refusal, "unknown optimizer `stedy`; did you mean `steady`?");
    Ok(())
}

#[test]
fn the_command_shows_folders_side_by_side() -> Tested {
    let place = tempfile::tempdir()?;
    let [ours, theirs] = ["ours", "theirs"].map(|name| place.path().join(name));
    for (folder, (manifest, records)) in [(&ours, fixture::folder(&[0, 1])), (&theirs, fixture::folder(&[2]))] {
        let mut store = Store::open(folder, &manifest, |_| None)?.store;
        records.iter().try_for_each(|record| store.append(record))?;
    }
    let moths = |line: &[&str]| Command::new(env!("CARGO_BIN_EXE_moths")).arg("report").args(line).current_dir(&place).output();
    let output = moths(&["ours", "theirs"])?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8(output.stdout)?.contains("3 optimizers on 25 problems"));
    let written = fs::read_to_string(ours.join("report.html"))?;
    assert_eq!(data(&written)?, page()?.1);

    assert!(moths(&["ours", "--out", "there.html", "--baseline", "quick"])?.status.success());
    assert_eq!(data(&fs::read_to_string(place.path().join("there.html"))?)?["baseline"], 0);
    for (line, said) in [
        (vec!["."], "bench.json"),
        (vec!["ours", "--baseline", "x"], "unknown optimizer"),
        (vec!["ours", "--out", "."], "regular file"),
    ] {
        let output = moths(&line)?;
        let err = String::from_utf8(output.stderr)?;
        assert!(output.status.code() == Some(2) && err.contains(said) && err.lines().count() == 1, "{line:?}: {err}");
    }
    Ok(())
}
