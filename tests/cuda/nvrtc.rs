//! Does the compiler for cards take it?

use std::{env, fs, path::Path, process::Command};

use moths::{fuse::cuda, noise};

use crate::{
    Tested,
    kernels::{all, text},
};

/// Reductions and laws: in two precisions, but for the one that adds up lanes.
const NAMED: usize = 2 * (7 + 3 * 6) + 1;

#[test]
fn nvrtc_compiles_every_kernel_and_fuses_nothing() -> Tested {
    let folder = tempfile::tempdir()?;
    let source = folder.path().join("kernels.cu");
    fs::write(&source, format!("{}{}{}", text()?, cuda::REDUCTIONS, noise::CUDA))?;
    let python = env::var("MOTHS_PYTHON").unwrap_or("python3".into());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cuda/nvrtc.py");
    let said =
        Command::new(&python).arg(script).arg(&source).args(["compute_80", "compute_90", "--"]).args(cuda::OPTIONS).output();
    match said {
        Ok(said) if said.status.success() => {
            let told = String::from_utf8_lossy(&said.stdout);
            let kernels = format!(" {} kernels 0 fused", 2 * all().len() + NAMED);
            assert!(told.lines().count() == 2 && told.lines().all(|line| line.contains(&kernels)), "{told}");
        }
        Ok(said) if said.status.code() != Some(3) => return Err(String::from_utf8_lossy(&said.stderr).into()),
        _ => eprintln!("no Python with nvidia-cuda-nvrtc-cu12 ({python}): NVRTC is not asked"),
    }
    Ok(())
}
