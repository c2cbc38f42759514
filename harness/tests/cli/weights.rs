//! `moths train --save`: the weights of the answer.

use std::{error::Error, fs, path::Path};

use candle_core::{Device, Tensor, safetensors};
use moths_harness::problem::{self, Options};
use tempfile::tempdir;

use crate::support::{Tested, events, last, leftovers, refusal, said};

/// The loss of the weights in a file: the same model with these tensors, judged anew.
fn loss(file: &Path, name: &str, seed: u64) -> Result<f64, Box<dyn Error>> {
    let mut tensors = safetensors::load(file, &Device::Cpu)?;
    let (entry, options) = problem::resolve(name, &Options::default())?;
    let problem = entry.build(&options)?;
    let objective = problem.objective(seed)?;
    let space = objective.space();
    let mut values = vec![];
    for leaf in space.leaves() {
        let tensor = tensors.remove(leaf.name()).ok_or_else(|| format!("no {}", leaf.name()))?;
        assert_eq!(tensor.dims(), leaf.shape(), "{}", leaf.name());
        values.push(tensor.flatten_all()?.to_dtype(space.dtype())?);
    }
    assert!(tensors.is_empty(), "{tensors:?}");
    let point = space.encode(&Tensor::cat(&values, 0)?)?;
    Ok(problem.examiner(seed)?.examine(&point)?[0])
}

#[test]
fn weights_load_into_the_same_model_and_have_its_loss() -> Tested {
    let place = tempdir()?;
    for (name, evaluations) in [("digits", 600), ("spirals", 600), ("cart-pole", 200), ("binary", 200)] {
        let end = last(events(&place, &format!("train {name} --seed 2 --evaluations {evaluations} --save {name}.safetensors"))?);
        assert_eq!(end["weights"], format!("{name}.safetensors"));
        let reloaded = loss(&place.path().join(format!("{name}.safetensors")), name, 2)?;
        assert_eq!(Some(reloaded.to_bits()), end["loss"].as_f64().map(f64::to_bits), "{name}: {reloaded} {end}");
    }
    assert!(leftovers(place.path())?.is_empty());
    Ok(())
}

#[test]
fn equal_runs_save_equal_files() -> Tested {
    let place = tempdir()?;
    let read = |file: &str| fs::read(place.path().join(file));
    let words = said(&place, "train spirals --evaluations 600 --checkpoint run.ckpt --save one.safetensors")?;
    assert!(words.contains("weights        one.safetensors"), "{words}");
    said(&place, "train --resume run.ckpt --save two.safetensors")?;
    assert_eq!(read("one.safetensors")?, read("two.safetensors")?);
    // What this program wrote it replaces.
    said(&place, "train spirals --seed 2 --evaluations 600 --save one.safetensors")?;
    assert_ne!(read("one.safetensors")?, read("two.safetensors")?);
    Ok(())
}

#[test]
fn other_files_are_not_lost() -> Tested {
    let place = tempdir()?;
    let foreign = [("w".to_owned(), Tensor::new(&[1f32, 2.0], &Device::Cpu)?)].into();
    safetensors::save(&foreign, place.path().join("foreign.safetensors"))?;
    for (name, text) in [("notes.txt", "precious"), ("empty", "")] {
        fs::write(place.path().join(name), text)?;
    }
    let short = "train spirals --evaluations 300";
    for name in ["notes.txt", "empty", "foreign.safetensors"] {
        let before = fs::read(place.path().join(name))?;
        let refused = refusal(&place, &format!("{short} --save {name}"))?;
        assert!(refused.contains(&format!("{name}: holds no weights that this program wrote")), "{refused}");
        assert!(refused.contains("--overwrite"), "{refused}");
        assert_eq!(fs::read(place.path().join(name))?, before);
    }
    said(&place, &format!("{short} --save notes.txt --overwrite"))?;
    assert!(safetensors::load(place.path().join("notes.txt"), &Device::Cpu)?.len() > 1);
    for (line, why) in [
        (format!("{short} --save missing/model.safetensors"), "missing"),
        (format!("{short} --save ."), "no regular file"),
        ("minimize sphere --save model.safetensors".into(), "--save"),
    ] {
        let refused = refusal(&place, &line)?;
        assert!(refused.contains(why), "{line}: {refused}");
    }
    Ok(())
}
