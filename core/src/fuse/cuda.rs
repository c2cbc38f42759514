//! A formula as CUDA C: the same tokens, around which stands another loop.
//!
//! A warp works on a block of 128 elements, each thread on four of them, 32 apart: neighbouring threads touch neighbouring
//! elements, and one call of the generator gives a thread all that its four take. Nothing is contracted (`--fmad=false` for
//! NVRTC), and elementary functions and noise are those of the CPU, so that the bits are too.
//!
//! Names of the loop's own begin with `grid_`; a parameter ends in `_` where it stands for the whole, and not for one element.

use std::fmt::Write;

use candle_core::DType;

use super::{
    check,
    formula::{Formula, Kind},
};
use crate::{Error, Result};

/// What stands before all kernels: the words of the formula language, and the laws of noise.
pub const PRELUDE: &str = include_str!("words.cuh");

/// The reductions of [`fuse`](super), to be compiled after [`PRELUDE`].
pub const REDUCTIONS: &str = include_str!("reduce.cu");

/// Threads that work on a block of 128 elements together.
pub(crate) const WARP: usize = 32;

/// The options that NVRTC is to be given, so that the bits are those of the CPU.
pub const OPTIONS: [&str; 4] = ["--fmad=false", "--prec-div=true", "--prec-sqrt=true", "--ftz=false"];

/// The kernel `symbol` of a formula in this precision, to be compiled after [`PRELUDE`]:
///
/// ```text
/// extern "C" __global__ void symbol(u64 n, u64 columns, ..)
/// ```
///
/// n: elements of the grid that the formula runs over; columns: those of a row. Then, in the order of the formula: `T*` for what
/// is written, `const T*` for what is read, `double` for a number, `u64` for the bits of a key. To be launched over any number of
/// blocks in one dimension, each of a multiple of 32 threads.
///
/// # Errors
/// [`Error::Unsupported`] for another dtype than f32 and f64.
pub fn kernel(formula: &Formula, symbol: &str, dtype: DType) -> Result<String> {
    let float = match dtype {
        DType::F32 => "float",
        DType::F64 => "double",
        other => return Err(Error::unsupported("a kernel", format!("runs in f32 and f64, and not in {}", other.as_str()))),
    };
    let mut text = format!("extern \"C\" __global__ void {symbol}(u64 grid_n, u64 grid_columns");
    let parameters = formula.parameters;
    for (name, kind) in parameters {
        let _ = write!(text, ", {}", argument(*kind, name, float)); // to a string: cannot fail
    }
    text += ") {\n";
    let part = |text: &mut String, indent: usize, of: fn(Kind, &str) -> String| {
        for (name, kind) in parameters {
            let line = of(*kind, name);
            if !line.is_empty() {
                *text += &format!("{:indent$}{line}\n", "");
            }
        }
    };
    text += &format!("    typedef {float} T;\n    (void)grid_columns;\n");
    part(&mut text, 4, once);
    text += "    const u64 grid_warps = (u64)gridDim.x * (blockDim.x / 32), grid_lane = threadIdx.x % 32;\n";
    text += "    for (u64 grid_block = ((u64)blockIdx.x * blockDim.x + threadIdx.x) / 32; grid_block * 128 < grid_n; grid_block += grid_warps) {\n";
    part(&mut text, 8, drawn);
    text += "        for (int grid_k = 0; grid_k < 4; ++grid_k) {\n";
    text +=
        "            const u64 grid_i = grid_block * 128 + grid_lane + 32 * grid_k;\n            if (grid_i >= grid_n) break;\n";
    part(&mut text, 12, load);
    text += &format!("            {}\n", body(formula.body, dtype == DType::F32));
    part(&mut text, 12, store);
    text += "        }\n    }\n}\n";
    Ok(text)
}

fn argument(kind: Kind, name: &str, float: &str) -> String {
    match kind {
        Kind::InOut | Kind::Out => format!("{float}* __restrict__ {name}_"),
        Kind::Mat | Kind::Sum | Kind::Row | Kind::Col => format!("const {float}* __restrict__ {name}_"),
        Kind::Num => format!("double {name}_"),
        Kind::Uniform | Kind::Normal | Kind::Sign => format!("u64 {name}_"),
    }
}

fn once(kind: Kind, name: &str) -> String {
    if kind == Kind::Num { format!("const T {name} = (T){name}_;") } else { String::new() }
}

fn drawn(kind: Kind, name: &str) -> String {
    let law = match kind {
        Kind::Uniform => "uniform",
        Kind::Normal => "normal",
        Kind::Sign => "sign",
        _ => return String::new(),
    };
    format!("T {name}_drawn[4]; draw_{law}({name}_, grid_block, grid_lane, {name}_drawn);")
}

fn load(kind: Kind, name: &str) -> String {
    match kind {
        Kind::InOut => format!("T {name} = {name}_[grid_i];"),
        Kind::Out => format!("T {name};"),
        Kind::Mat | Kind::Sum => format!("const T {name} = {name}_[grid_i];"),
        Kind::Row => format!("const T {name} = {name}_[grid_i % grid_columns];"),
        Kind::Col => format!("const T {name} = {name}_[grid_i / grid_columns];"),
        Kind::Num => String::new(),
        Kind::Uniform | Kind::Normal | Kind::Sign => format!("const T {name} = {name}_drawn[grid_k];"),
    }
}

fn store(kind: Kind, name: &str) -> String {
    if matches!(kind, Kind::InOut | Kind::Out) { format!("{name}_[grid_i] = {name};") } else { String::new() }
}

/// The formula in C: `let` is `auto`, a word that is called `word_..`, and a number in single precision has its suffix.
fn body(text: &str, is_single: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let len = match first {
            'a'..='z' | 'A'..='Z' | '_' => rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len()),
            '0'..='9' => check::number(rest.as_bytes(), 0),
            _ => first.len_utf8(),
        };
        let (token, after) = rest.split_at(len);
        rest = after;
        match token {
            "let" => out += "auto",
            "mut" => {}
            "\n" => out += " ",
            word if first.is_ascii_alphabetic() && after.trim_start().starts_with('(') => {
                out += "word_";
                out += word;
            }
            number if first.is_ascii_digit() => {
                out += number;
                if is_single {
                    out.push('f');
                }
            }
            other => out += other,
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_c() {
        let text = "let a = select(x > 0.25, 1e-3 * sqrt (x), 2.); x = - a + x1;";
        assert_eq!(body(text, true), "auto a = word_select(x > 0.25f, 1e-3f * word_sqrt (x), 2.f); x = - a + x1;");
        assert_eq!(body("x = x * 0.5;", false), "x = x * 0.5;");
    }
}
