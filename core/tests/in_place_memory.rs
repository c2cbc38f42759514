//! Training in place takes the memory of running the model: nothing as large as the model is made within a step. A process of its own, as peaks are of a process.
#![cfg(target_os = "linux")]

use std::fs;

use candle_core::{DType, Tensor};
use candle_nn::VarBuilder;
use moths_core::{
    Batch, InPlaceModel, Key, ModelOptions, Objective, Result, Sampler,
    objective::{Advance, Probe},
};

const WEIGHTS: usize = 24 << 20;

/// Bytes of a field of this process.
fn status(field: &str) -> f64 {
    let text = fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = text.lines().find_map(|line| line.strip_prefix(field)).expect("a field");
    line.trim().trim_end_matches("kB").trim().parse::<f64>().expect("a number") * 1024.0
}

#[test]
fn a_step_makes_nothing_as_large_as_the_model() -> Result<()> {
    if fs::write("/proc/self/clear_refs", "5").is_err() {
        println!("this system does not let peaks be measured");
        return Ok(());
    }
    for (dtype, most) in [(DType::F32, 0.08), (DType::BF16, 0.12)] {
        let options = ModelOptions::default().dtype(dtype);
        let build = |vb: VarBuilder<'_>| {
            vb.get_with_hints((WEIGHTS / 1024, 1024), "x", candle_nn::Init::Randn { mean: 0.0, stdev: 0.05 })
        };
        let loss = |x: &mut Tensor, _| x.narrow(0, 7, 9)?.to_dtype(DType::F32)?.sqr()?.mean_all();
        let mut model = InPlaceModel::new(options, build, loss)?;
        let size = (WEIGHTS * dtype.size_in_bytes()) as f64;
        // The first displacements of `mezo`, `fzoo` and `lozo`.
        for (sampler, c) in [(Sampler::Normal, 0.05), (Sampler::Rademacher, 0.02), (Sampler::LowRank { rank: 2 }, 0.05)] {
            let (here, noise) = (model.space().start(), sampler.over(model.space()));
            let _ = fs::write("/proc/self/clear_refs", "5");
            let before = status("VmRSS:") - model.kept() as f64;
            for step in 0..3 {
                let key = Key::new(step);
                let probes = [c, -c].map(|scale| Probe::new(key.member(0), scale));
                let losses = model.evaluate(&Batch::seeded(&here, noise.clone(), probes))?;
                let terms = [(key.member(0), (losses[0] - losses[1]) / 0.1)];
                model.home().expect("it is one").advance(&Advance::new(&noise, &terms, 1e-3))?;
            }
            let more = (status("VmHWM:") - before) / size;
            assert!(more < most, "{dtype:?} {sampler:?}: {more:.3} models more, of which {:.3} kept", model.kept() as f64 / size);
        }
    }
    Ok(())
}
