//! Peak memory of `open-es` on a model of ten million parameters, measured in a process of its own.

use std::{fs, process::Command};

use candle_core::Tensor;
use candle_nn::VarBuilder;
use moths::{FlatModel, Key, Objective, Spec, Stop, minimize, registry};

const D: usize = 10_000_000;
const MARK: &str = "MOTHS_MEASURE_MEMORY";

pub(crate) fn is_the_measured_process() -> bool {
    std::env::var_os(MARK).is_some()
}

pub(crate) fn report() {
    let this = std::env::current_exe().expect("the path of this benchmark");
    let output = Command::new(this).env(MARK, "1").output().expect("this benchmark runs");
    print!("{}", String::from_utf8_lossy(&output.stdout));
}

/// Two steps of 64 candidates; everything but the model's own parameters counts, the space's start included.
pub(crate) fn measure() {
    let before = resident("VmRSS");
    let build = |vb: VarBuilder<'_>| vb.get(D, "w");
    let loss = |w: &Tensor, _| w.narrow(0, 0, 1000)?.sqr()?.sum_all();
    let mut model = FlatModel::new(build, loss).expect("a model");
    // What building needed for a moment is not what optimizing needs.
    fs::write("/proc/self/clear_refs", "5").expect("Linux");
    let spec = Spec::new("open-es").with("pairs", 32).expect("a plain setting");
    let mut optimizer = registry::build(&spec, &model.space().clone(), Key::new(1)).expect("an optimizer");
    minimize(&mut *optimizer, &mut model, &Stop::steps(2)).expect("two steps");
    let peak = (resident("VmHWM") - before) as f64 / (4 * D) as f64;
    println!("open-es, d = {D}, n = 64: peak {:.2} d floats beyond the model (limit 6)", peak - 1.0);
}

/// Bytes of a line of /proc/self/status.
fn resident(line: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let kilobytes =
        status.lines().find_map(|l| l.strip_prefix(line)?.trim_start_matches(':').split_whitespace().next()?.parse().ok());
    kilobytes.map_or(0, |kb: usize| kb * 1024)
}
