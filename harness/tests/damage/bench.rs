//! Folders of benches and races: what is damaged is refused, or run again, and the end is the same.

use std::{fs, path::Path};

use serde_json::Value;
use tempfile::tempdir;

use crate::{
    alter, bounded, by_chance, damages, stream,
    support::{Tested, runs, said},
};

/// Files of a folder, and what reads them.
const FOLDERS: [(&str, &[&str], &[&str]); 2] = [
    (
        "bench ackley,sphere --optimizers pso,cma-es --dims 2 --seeds 2 --budget 50 --out folder",
        &["bench.json", "runs.jsonl"],
        &["report folder"],
    ),
    ("race sphere --optimizers pso,cma-es --seeds 2 --evaluations 200 --out folder", &["race.json", "runs.jsonl"], &[]),
];

#[test]
fn damaged_results_are_refused_or_run_again() -> Tested {
    let whole = tempdir()?;
    let cases = damages(0.1)?;
    for (kind, (line, files, readers)) in FOLDERS.iter().enumerate() {
        let origin = whole.path().join(kind.to_string());
        fs::create_dir(&origin)?;
        said(&whole, &line.replace("--out folder", &format!("--out {kind}")))?;
        let mut taken = 0;
        for case in 0..cases / FOLDERS.len() as u64 {
            let (place, mut stream) = (tempdir()?, stream(3 + kind as u64, case));
            let folder = place.path().join("folder");
            fs::create_dir(&folder)?;
            for entry in fs::read_dir(&origin)?.filter_map(Result::ok).filter(|entry| entry.path().is_file()) {
                fs::copy(entry.path(), folder.join(entry.file_name()))?;
            }
            let file = folder.join(files[case as usize % files.len()]);
            if case % 3 == 0 {
                altered(&file, &mut stream)?
            } else {
                damaged(&file, &mut stream)?
            }
            for command in *readers {
                bounded(&place, command).map_err(|e| format!("case {case} of {line}: {e}"))?;
            }
            let ended = bounded(&place, line).map_err(|e| format!("case {case} of {line}: {e}"))?;
            if ended.status.success() {
                taken += 1;
                assert_eq!(runs(&folder)?, runs(&origin)?, "case {case} of {line}");
            }
        }
        println!("{line}: {taken} damaged folders were gone on with");
    }
    Ok(())
}

fn damaged(file: &Path, stream: &mut moths::rng::Stream) -> Tested {
    let mut bytes = fs::read(file)?;
    by_chance(&mut bytes, stream);
    Ok(fs::write(file, bytes)?)
}

/// One value of one line is another.
fn altered(file: &Path, stream: &mut moths::rng::Stream) -> Tested {
    let text = fs::read_to_string(file)?;
    let whole = serde_json::from_str::<Value>(&text).is_ok();
    let mut lines: Vec<String> = if whole { vec![text] } else { text.lines().map(str::to_owned).collect() };
    let at = rand::RngExt::random_range(stream, 0..lines.len());
    let mut value: Value = serde_json::from_str(&lines[at])?;
    alter(&mut value, stream);
    lines[at] = value.to_string();
    Ok(fs::write(file, lines.join("\n") + "\n")?)
}
