//! A text compiled by NVRTC, once for every kind of card, and loaded, once for every card.
//!
//! What has been compiled is kept in `MOTHS_CACHE`, else `$XDG_CACHE_HOME/moths`, else `~/.cache/moths`, under a digest of the text,
//! the options and the kind of card. What is damaged, or made for a newer driver, is compiled again.

use std::{
    collections::HashMap,
    env, fs,
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, PoisonError, RwLock},
};

use candle_core::cuda_backend::{
    CudaDevice, DeviceId,
    cudarc::{
        driver::{CudaFunction, CudaModule},
        nvrtc::{CompileError, CompileOptions, Ptx, compile_ptx_with_opts},
    },
};

use super::super::Program;
use crate::{
    Error, Result,
    durable::{replace_file, seal::Seal},
    fuse::cuda::{OPTIONS, PRELUDE},
};

/// What stands before the digest in the first line of a file.
const HEAD: &str = "// moths ";

type Loaded = HashMap<(DeviceId, Program), CudaFunction>;
type Modules = HashMap<(DeviceId, String), Arc<CudaModule>>;

/// The function of a program on this card.
pub(super) fn function(device: &CudaDevice, program: &Program) -> Result<CudaFunction> {
    static LOADED: OnceLock<RwLock<Loaded>> = OnceLock::new();
    let loaded = LOADED.get_or_init(RwLock::default);
    let at = (device.id(), *program);
    if let Some(function) = loaded.read().unwrap_or_else(PoisonError::into_inner).get(&at) {
        return Ok(function.clone());
    }
    let (symbol, text) = (program.symbol(), program.text()?);
    let failed = |why: String| Error::Kernel { name: symbol.clone(), why, text: text.clone() };
    let function = module(device, &text).and_then(|module| module.load_function(&symbol).map_err(|why| why.to_string()));
    let function = function.map_err(failed)?;
    loaded.write().unwrap_or_else(PoisonError::into_inner).insert(at, function.clone());
    Ok(function)
}

/// All functions of a text on this card.
fn module(device: &CudaDevice, text: &str) -> std::result::Result<Arc<CudaModule>, String> {
    static MODULES: OnceLock<Mutex<Modules>> = OnceLock::new();
    let mut modules = MODULES.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    let at = (device.id(), digest(text));
    if let Some(module) = modules.get(&at) {
        return Ok(module.clone());
    }
    let context = device.cuda_stream().context().clone();
    let (major, minor) = context.compute_capability().map_err(|why| why.to_string())?;
    let architecture = format!("--gpu-architecture=compute_{major}{minor}");
    let load = |ptx: String| context.load_module(Ptx::from_src(ptx)).map_err(|why| why.to_string());
    let file = file(text, &architecture);
    // What another driver cannot load any more is compiled again.
    let module = match file.as_ref().and_then(kept).and_then(|ptx| load(ptx).ok()) {
        Some(module) => module,
        None => {
            let ptx = compiled(text, &architecture).map_err(|why| told(&why))?;
            // Whoever cannot keep it compiles it again.
            let _ = file.map(|file| keep(&file, &ptx));
            load(ptx)?
        }
    };
    modules.insert(at, module.clone());
    Ok(module)
}

fn options(architecture: &str) -> Vec<String> {
    OPTIONS.iter().copied().chain([architecture]).map(str::to_owned).collect()
}

fn compiled(text: &str, architecture: &str) -> std::result::Result<String, CompileError> {
    let options = CompileOptions { options: options(architecture), ..Default::default() };
    Ok(compile_ptx_with_opts([PRELUDE, text].concat(), options)?.to_src())
}

/// Where it is kept.
fn file(text: &str, architecture: &str) -> Option<PathBuf> {
    let all = [PRELUDE, text, &options(architecture).join(" ")].join("\n");
    folder().map(|folder| folder.join(format!("{}.ptx", digest(&all))))
}

fn folder() -> Option<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = || set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache"))).map(|cache| cache.join("moths"));
    set("MOTHS_CACHE").or_else(cache)
}

/// What stands in a file, if it is whole.
fn kept(file: &PathBuf) -> Option<String> {
    let all = fs::read_to_string(file).ok()?;
    let (head, ptx) = all.split_once('\n')?;
    (head.strip_prefix(HEAD)? == digest(ptx)).then(|| ptx.to_owned())
}

fn keep(file: &PathBuf, ptx: &str) -> Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(|source| Error::Io { path: folder.into(), source })?;
    }
    replace_file(file, |out| {
        write!(out, "{HEAD}{}\n{ptx}", digest(ptx)).map_err(|source| Error::Io { path: file.clone(), source })
    })
}

fn digest(text: &str) -> String {
    let mut seal = Seal::new();
    seal.add(text.as_bytes());
    seal.digits()
}

/// What the compiler says.
fn told(why: &CompileError) -> String {
    match why {
        CompileError::CompileError { log, .. } => log.to_string_lossy().into_owned(),
        other => format!("{other:?}"),
    }
}
