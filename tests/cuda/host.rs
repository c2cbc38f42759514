//! A card that is a program of this computer: the CUDA text compiled as C++, and one thread that is all of a grid's in turn.
//!
//! Calls go the whole way that they go to a real card, up to the launch. What is launched is found out by a first run, in which the card has no
//! kernel and all is computed on copies; then it is compiled, and everything is run again, until nothing is lacking.

use std::{
    cell::Cell,
    collections::BTreeSet,
    env,
    error::Error,
    fmt::Write as _,
    fs,
    io::{BufReader, BufWriter, Read, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex},
};

use candle_core::{CpuStorage, DType, Device, InplaceOp1, Layout, Tensor, WithDType};
use moths::{
    CowTensor, Key,
    fuse::{
        card::{Card, Launch, Value, pretended},
        cuda,
    },
    noise::Sampler,
    tensor::host,
};
use tempfile::TempDir;

const FLAGS: [&str; 7] =
    ["-std=c++17", "-O1", "-ffp-contract=off", "-fno-fast-math", "-Wall", "-Wno-unused-function", "-Wno-unknown-pragmas"];

/// What a run leaves behind: what each is called, and its numbers.
pub(crate) type Found = Vec<(String, CowTensor)>;

/// Runs `work` here and on the host's card, and on a real one where there is one (`--features cuda`); all must find the same bits. How many
/// kernels the host ran; `None` where there is no C++ compiler.
pub(crate) fn same_on_both(work: impl Fn(&Device) -> Result<Found, Box<dyn Error>>) -> Result<Option<usize>, Box<dyn Error>> {
    let expected = work(&Device::Cpu)?;
    if candle_core::utils::cuda_is_available() {
        compare(&expected, &work(&Device::new_cuda_with_stream(0)?)?)?;
    }
    same_on_host(&expected, || work(&Device::Cpu))
}

/// The same without a real card: for what candle computes a part of, whose order of summation there is its own.
pub(crate) fn same_on_host(
    expected: &Found,
    work: impl Fn() -> Result<Found, Box<dyn Error>>,
) -> Result<Option<usize>, Box<dyn Error>> {
    let mut shapes = BTreeSet::new();
    // Some kernels are only asked for behind others.
    loop {
        let Some(host) = Host::compiled(shapes.into_iter().collect())? else { return Ok(None) };
        let host = Arc::new(host);
        compare(expected, &pretended(host.clone(), &work)?)?;
        let lacking = std::mem::take(&mut *host.lacking.lock().map_err(|_| "the list is lost")?);
        if lacking.is_empty() {
            return Ok(Some(host.ran()));
        }
        shapes = host.shapes.iter().cloned().chain(lacking).collect();
    }
}

/// A kernel that was asked for: its name in its text, the text, and what its arguments are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Shape {
    symbol: String,
    text: String,
    arguments: Vec<Argument>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Argument {
    Word,
    Number,
    Words,
    Numbers,
    Read { single: bool },
    Written { single: bool },
    Nothing,
}

impl Shape {
    fn of(launch: &Launch<'_>) -> moths::Result<Self> {
        let single = |tensor: &Tensor| tensor.dtype() == DType::F32;
        let argument = |value: &Value<'_>| match value {
            Value::Word(_) => Argument::Word,
            Value::Number(_) => Argument::Number,
            Value::Words(_) => Argument::Words,
            Value::Numbers(_) => Argument::Numbers,
            Value::Read(tensor) => Argument::Read { single: single(tensor) },
            Value::Written(tensor) => Argument::Written { single: single(tensor) },
            _ => Argument::Nothing,
        };
        let arguments = launch.values.iter().map(argument).collect();
        Ok(Self { symbol: launch.program.symbol(), text: launch.program.text()?, arguments })
    }
}

/// A program that has all of `shapes`.
#[derive(Debug)]
struct Host {
    shapes: Vec<Shape>,
    /// What it was asked for and has not.
    lacking: Mutex<BTreeSet<Shape>>,
    pipes: Mutex<Pipes>,
    _folder: TempDir,
}

#[derive(Debug)]
struct Pipes {
    child: Child,
    to: BufWriter<ChildStdin>,
    from: BufReader<ChildStdout>,
    ran: usize,
}

impl Drop for Pipes {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Host {
    fn compiled(shapes: Vec<Shape>) -> Result<Option<Self>, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let (source, out) = (folder.path().join("kernels.cpp"), folder.path().join("kernels"));
        fs::write(&source, program(&shapes)?)?;
        fs::write(folder.path().join("host.h"), include_str!("host.h"))?;
        let compiler = env::var("CXX").unwrap_or("c++".into());
        match Command::new(&compiler).args(FLAGS).arg(&source).arg("-o").arg(&out).output() {
            Err(why) => {
                eprintln!("no C++ compiler ({compiler}: {why}): the CUDA text is not run on the host");
                return Ok(None);
            }
            Ok(said) if said.status.success() => {}
            Ok(said) => {
                let errors = String::from_utf8_lossy(&said.stderr);
                let first: String = errors.lines().filter(|line| line.contains("error")).take(5).collect();
                return Err(format!("the CUDA text is no C++: {first}").into());
            }
        }
        let mut child = Command::new(out).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let to = BufWriter::new(child.stdin.take().ok_or("no input")?);
        let from = BufReader::new(child.stdout.take().ok_or("no output")?);
        Ok(Some(Self {
            shapes,
            lacking: Mutex::default(),
            pipes: Mutex::new(Pipes { child, to, from, ran: 0 }),
            _folder: folder,
        }))
    }

    fn ran(&self) -> usize {
        self.pipes.lock().map_or(0, |pipes| pipes.ran)
    }
}

/// Every text once, and what reads calls and writes what they wrote.
fn program(shapes: &[Shape]) -> Result<String, Box<dyn Error>> {
    let texts: BTreeSet<&str> = shapes.iter().map(|shape| shape.text.as_str()).collect();
    let mut out = format!("#include \"host.h\"\n{}", cuda::PRELUDE);
    let mut spaces = std::collections::BTreeMap::new();
    // Two crates may have formulas of one name.
    for (k, text) in texts.into_iter().enumerate() {
        writeln!(out, "namespace text{k} {{\n{}\n}}", text.replace("extern \"C\"", ""))?;
        spaces.insert(text, k);
    }
    out += "int main() {\n    for (u64 which; take(&which, 1);) {\n        switch (which) {\n";
    for (i, Shape { symbol, text, arguments }) in shapes.iter().enumerate() {
        writeln!(out, "        case {i}: {{")?;
        let float = |single| if single { "float" } else { "double" };
        let (mut given, mut back) = (vec![], String::new());
        for (k, argument) in arguments.iter().enumerate() {
            let vector = |of: &str| format!("            std::vector<{of}> a{k} = numbers<{of}>();\n");
            match *argument {
                Argument::Word => writeln!(out, "            u64 a{k} = word();")?,
                Argument::Number => writeln!(out, "            double a{k} = number();")?,
                Argument::Words => out += &vector("u64"),
                Argument::Numbers => out += &vector("double"),
                Argument::Read { single } => out += &vector(float(single)),
                Argument::Written { single } => {
                    out += &vector(float(single));
                    writeln!(back, "            give(a{k});")?;
                }
                Argument::Nothing => {}
            }
            given.push(match argument {
                Argument::Word | Argument::Number => format!("a{k}"),
                Argument::Nothing => "nullptr".to_owned(),
                _ => format!("a{k}.data()"),
            });
        }
        let space = spaces[text.as_str()];
        writeln!(
            out,
            "            launch(3, 64, [&] {{ text{space}::{symbol}({}); }});\n{back}            break;\n        }}",
            given.join(", ")
        )?;
    }
    out += "        }\n        std::fflush(stdout);\n    }\n}\n";
    Ok(out)
}

impl Card for Host {
    fn takes(&self, launch: &Launch<'_>) -> moths::Result<bool> {
        let shape = Shape::of(launch)?;
        let takes = self.shapes.contains(&shape);
        if !takes {
            self.lacking.lock().map_err(|_| lost("the list"))?.insert(shape);
        }
        Ok(takes)
    }

    fn launch(&self, launch: &Launch<'_>) -> moths::Result<()> {
        let shape = Shape::of(launch)?;
        let which = self.shapes.iter().position(|known| *known == shape).ok_or_else(|| lost("a kernel"))?;
        let mut pipes = self.pipes.lock().map_err(|_| lost("the program"))?;
        pipes.exchange(which, launch.values).map_err(|why| lost(&why.to_string()))
    }
}

impl Pipes {
    fn exchange(&mut self, which: usize, values: &[Value<'_>]) -> Result<(), Box<dyn Error>> {
        self.ran += 1;
        self.to.write_all(&(which as u64).to_le_bytes())?;
        let list = |to: &mut BufWriter<ChildStdin>, count: usize, bytes: Vec<u8>| {
            to.write_all(&(count as u64).to_le_bytes()).and_then(|()| to.write_all(&bytes))
        };
        for value in values {
            match *value {
                Value::Word(word) => self.to.write_all(&word.to_le_bytes())?,
                Value::Number(number) => self.to.write_all(&number.to_le_bytes())?,
                Value::Words(words) => list(&mut self.to, words.len(), words.iter().flat_map(|x| x.to_le_bytes()).collect())?,
                Value::Numbers(all) => list(&mut self.to, all.len(), all.iter().flat_map(|x| x.to_le_bytes()).collect())?,
                Value::Read(tensor) | Value::Written(tensor) => list(&mut self.to, tensor.elem_count(), bytes(tensor)?)?,
                _ => {}
            }
        }
        self.to.flush()?;
        for value in values {
            let Value::Written(tensor) = value else { continue };
            let mut bytes = vec![0; tensor.elem_count() * tensor.dtype().size_in_bytes()];
            self.from.read_exact(&mut bytes)?;
            tensor.inplace_op1(&Put(Cell::new(bytes)))?;
        }
        Ok(())
    }
}

/// Overwrites a contiguous tensor by these bytes.
struct Put(Cell<Vec<u8>>);

impl InplaceOp1 for Put {
    fn name(&self) -> &'static str {
        "put"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let Some((from, to)) = layout.contiguous_offsets() else { candle_core::bail!("not contiguous") };
        let bytes = self.0.take();
        match storage {
            CpuStorage::F32(all) => {
                all[from..to].iter_mut().zip(bytes.as_chunks().0).for_each(|(x, bytes)| *x = f32::from_le_bytes(*bytes));
            }
            CpuStorage::F64(all) => {
                all[from..to].iter_mut().zip(bytes.as_chunks().0).for_each(|(x, bytes)| *x = f64::from_le_bytes(*bytes));
            }
            _ => candle_core::bail!("neither f32 nor f64"),
        }
        Ok(())
    }
}

fn lost(what: &str) -> moths::Error {
    moths::Error::Objective(format!("the host's card: {what}"))
}

fn compare(expected: &Found, found: &Found) -> Result<(), Box<dyn Error>> {
    assert_eq!(expected.len(), found.len());
    for ((what, ours), (_, theirs)) in expected.iter().zip(found) {
        let (ours, theirs) = (bits(ours)?, bits(theirs)?);
        assert_eq!(ours.len(), theirs.len(), "{what}");
        let apart = ours.iter().zip(&theirs).position(|(ours, theirs)| ours != theirs);
        assert!(apart.is_none(), "{what}: element {apart:?}: {:x?} {:x?}", apart.map(|i| ours[i]), apart.map(|i| theirs[i]));
    }
    Ok(())
}

/// Numbers as a search has them, and some that are none.
pub(crate) fn values(shape: &[usize], dtype: DType, key: Key, device: &Device) -> Result<CowTensor, Box<dyn Error>> {
    let len: usize = shape.iter().product();
    let mut wide = CowTensor::new(Tensor::zeros(len, DType::F64, &Device::Cpu)?);
    Sampler::Normal.fill(key, &mut wide)?;
    let mut values = host::to_f64s(&wide)?;
    let odd = [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1e-40, -1e30, 0.5, -2.5, 1.0];
    for (i, value) in values.iter_mut().enumerate() {
        let bits = key.fold(i as u64).to_bits();
        if bits.is_multiple_of(16) {
            *value = odd[(bits / 16) as usize % odd.len()];
        }
    }
    Ok(CowTensor::new(Tensor::new(values, &Device::Cpu)?.reshape(shape)?.to_dtype(dtype)?.to_device(device)?))
}

/// Without what is no number: sums of those say nothing.
pub(crate) fn finite(shape: &[usize], dtype: DType, key: Key, device: &Device) -> Result<CowTensor, Box<dyn Error>> {
    let clamped = values(shape, DType::F64, key, &Device::Cpu)?.clamp(-3.0, 3.0)?;
    let there = clamped.ne(&clamped)?.where_cond(&clamped.zeros_like()?, &clamped)?;
    Ok(CowTensor::new(there.to_dtype(dtype)?.to_device(device)?))
}

fn bytes(tensor: &Tensor) -> candle_core::Result<Vec<u8>> {
    fn of<T: WithDType>(tensor: &Tensor, bytes: impl Fn(&T) -> Vec<u8>) -> candle_core::Result<Vec<u8>> {
        Ok(tensor.flatten_all()?.to_vec1::<T>()?.iter().flat_map(bytes).collect())
    }
    match tensor.dtype() {
        DType::F32 => of::<f32>(tensor, |x| x.to_le_bytes().to_vec()),
        _ => of::<f64>(tensor, |x| x.to_le_bytes().to_vec()),
    }
}

/// All NaN are one: which of two operands hands its payload on is no part of IEEE 754.
fn bits(tensor: &Tensor) -> candle_core::Result<Vec<u64>> {
    let tensor = tensor.flatten_all()?;
    Ok(match tensor.dtype() {
        DType::F32 => {
            tensor.to_vec1::<f32>()?.into_iter().map(|x| if x.is_nan() { f32::NAN } else { x }.to_bits().into()).collect()
        }
        _ => tensor.to_vec1::<f64>()?.into_iter().map(|x| if x.is_nan() { f64::NAN } else { x }.to_bits()).collect(),
    })
}

/// A tensor of these numbers.
pub(crate) fn numbers(all: Vec<f64>) -> Result<CowTensor, Box<dyn Error>> {
    Ok(CowTensor::new(Tensor::new(all, &Device::Cpu)?))
}
