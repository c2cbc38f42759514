//! How fast the pieces are, each beside a reference measured in the same run. `cargo bench`.

mod candidates;
mod kernels;
mod lines;
mod memory;
mod model;
mod runs;
mod steps;
mod summary;
mod wrappers;

use std::{path::PathBuf, time::Duration};

use criterion::Criterion;

fn main() {
    if memory::is_the_measured_process() {
        return memory::measure();
    }
    // One thread: the figures are per core.
    let serial = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    if std::env::args().any(|argument| argument == "wrappers") {
        return serial.install(wrappers::report);
    }
    serial.install(|| {
        let output = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/criterion");
        let mut criterion = Criterion::default()
            .sample_size(15)
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_millis(1500))
            .output_directory(&output)
            .configure_from_args();
        kernels::bench(&mut criterion);
        candidates::bench(&mut criterion);
        lines::bench(&mut criterion);
        steps::bench(&mut criterion);
        model::bench(&mut criterion);
        runs::bench(&mut criterion);
        criterion.final_summary();
        println!("{}\n{}", summary::table(&output), summary::steps(&output));
    });
    if std::env::args().skip(1).all(|argument| argument.starts_with("--") || argument == "memory") {
        memory::report();
    }
}
