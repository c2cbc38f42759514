//! Candidates leave the process: they are written to a file, evaluated elsewhere, and their losses told later. In between there is
//! nothing but files, so that the search survives whatever happens to the machine it runs on.
//!
//! `cargo run --example ask_tell`

use std::{error::Error, fs, path::Path};

use moths::{AskTell, Checkpoint, Key, Leaf, Space, Spec, registry, run::Ask};

/// What this search needs to know when it is started, each time.
fn begin() -> moths::Result<(Spec, Space, AskTell)> {
    let spec = Spec::new("pso").with("particles", 10)?;
    let space = Space::new(vec![Leaf::real("celsius", [1]).bounds(20.0, 90.0), Leaf::integer("spoons", [1], 1, 5)])?;
    let search = AskTell::new(registry::build(&spec, &space, Key::new(7))?, &space);
    Ok((spec, space, search))
}

/// One visit of the program that searches: tells the losses that have come, asks for the next, and ends.
fn visit(folder: &Path) -> Result<(), Box<dyn Error>> {
    let (spec, space, mut search) = begin()?;
    let (state, asked, told) = (folder.join("search"), folder.join("asked.json"), folder.join("told.json"));
    if state.exists() {
        Checkpoint::open(&state)?.restore(&spec, &space, &mut [("search", &mut search)])?;
        search.tell(serde_json::from_slice(&fs::read(&told)?)?)?;
    }
    let batch = loop {
        match search.ask()? {
            Ask::Evaluate(batch) => break batch,
            Ask::Done(report) => println!("lowest loss of this step: {:.1e}", report.loss),
        }
    };
    let candidates = space.decode(&*batch.dense(&space)?)?.to_vec2::<f32>()?;
    fs::write(asked, serde_json::to_vec(&candidates)?)?;
    Checkpoint::take(&spec, &space, &mut [("search", &mut search)])?.save(state)?;
    Ok(())
}

/// The other side, which could be a laboratory: it reads candidates and writes losses, and knows nothing of optimizers.
fn laboratory(folder: &Path) -> Result<(), Box<dyn Error>> {
    let candidates: Vec<[f64; 2]> = serde_json::from_slice(&fs::read(folder.join("asked.json"))?)?;
    let brew = |[celsius, spoons]: &[f64; 2]| ((celsius - 71.0) / 10.0).powi(2) + (spoons - 3.0).powi(2);
    let losses: Vec<f64> = candidates.iter().map(brew).collect();
    fs::write(folder.join("told.json"), serde_json::to_vec(&losses)?)?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    for _ in 0..30 {
        visit(folder.path())?;
        laboratory(folder.path())?;
    }
    let (spec, space, mut search) = begin()?;
    Checkpoint::open(folder.path().join("search"))?.restore(&spec, &space, &mut [("search", &mut search)])?;
    let values = space.decode(&*search.answer()?)?.to_vec1::<f32>()?;
    println!("{:.2} degrees and {} spoons", values[0], values[1]);
    Ok(())
}
