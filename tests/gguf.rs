//! Quantised models in GGUF files, tuned by the optimizers that are made for them: file in, file out.
#![cfg(all(feature = "random", feature = "evolution"))]

use std::{
    collections::HashMap,
    env,
    fs::{self, File},
    io::{Read, Seek},
    path::{Path, PathBuf},
};

use candle_core::{
    DType, Device, Module, Tensor,
    quantized::{
        GgmlDType, QMatMul, QTensor,
        gguf_file::{self, Content, Value},
    },
    safetensors,
};
use candle_nn::{Init, VarBuilder};
use moths::{
    Batch, CowTensor, FlatModel, Key, Objective, Optimizer, Result, Sampler, Space, Spec,
    objective::model::gguf::{GgufModel, GgufOptions, GgufReader},
    persist::{Keep, State},
    registry,
};

/// A matrix of numbers that look random.
fn matrix(rows: usize, columns: usize, seed: u64, deviation: f64) -> Result<Tensor> {
    let mut values: CowTensor = Tensor::zeros((rows, columns), DType::F32, &Device::Cpu)?.into();
    Sampler::Normal.fill(Key::new(seed), &mut values)?;
    Ok((&*values * deviation)?)
}

/// A file with two matrices of a type, beside an embedding and a norm.
fn base(path: &Path, dtype: GgmlDType) -> Result<()> {
    let quantised = |seed, rows, columns| Ok::<_, moths::Error>(QTensor::quantize(&matrix(rows, columns, seed, 0.1)?, dtype)?);
    let tensors = [
        ("token_embd.weight", quantised(1, 16, 256)?),
        ("norm.weight", QTensor::quantize(&Tensor::ones(256, DType::F32, &Device::Cpu)?, GgmlDType::F32)?),
        ("blk.0.up.weight", quantised(2, 8, 256)?),
        ("blk.0.down.weight", quantised(3, 8, 256)?),
    ];
    let name = Value::String("tiny".into());
    let mut out = File::create(path).expect("a file");
    gguf_file::write(&mut out, &[("general.name", &name)], &tensors.each_ref().map(|(name, tensor)| (*name, tensor)))?;
    Ok(())
}

/// up(x) + down(tanh(x)), 256 → 8: the narrowest that all types have blocks for.
struct Mlp {
    up: QMatMul,
    down: QMatMul,
}

impl Mlp {
    fn load<R: Read + Seek>(reader: &mut R) -> candle_core::Result<Self> {
        let content = Content::read(reader)?;
        let mut matrix = |name: &str| QMatMul::from_qtensor(content.tensor(reader, name, &Device::Cpu)?);
        Ok(Self { up: matrix("blk.0.up.weight")?, down: matrix("blk.0.down.weight")? })
    }

    fn outputs(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        self.up.forward(x)? + self.down.forward(&x.tanh()?)?
    }
}

fn loss() -> Result<impl FnMut(&mut Mlp, Key) -> candle_core::Result<Tensor> + Send + 'static> {
    let (x, y) = (matrix(6, 256, 8, 1.0)?, matrix(6, 8, 9, 1.0)?);
    Ok(move |mlp: &mut Mlp, _| (mlp.outputs(&x)? - &y)?.sqr()?.mean_all())
}

/// How a type is tuned: by which optimizer, and what of it.
struct Tuning {
    options: GgufOptions,
    spec: Spec,
}

impl Tuning {
    fn by_scales() -> Result<Self> {
        Ok(Self { options: GgufOptions::scales(), spec: Spec::new("qzo").with("pairs", 4)? })
    }

    /// `sigma` is in steps of a code, which are finer where it has more bits.
    fn by_codes(sigma: f64) -> Result<Self> {
        let spec = Spec::new("qes").with("pairs", 10)?.with("sigma", sigma)?;
        let spec = spec.with("descent.name", "sgd")?.with("descent.rate", 0.5 * sigma * sigma)?;
        Ok(Self { options: GgufOptions::codes().train("blk.0.down").replay(8)?, spec })
    }

    fn model(&self, base: &Path, work: &Path) -> Result<GgufModel<Mlp>> {
        GgufModel::open(base, work, self.options.clone(), |reader: &mut GgufReader<'_>| Mlp::load(reader), loss()?)
    }

    fn optimizer(&self, space: &Space) -> Result<Box<dyn Optimizer>> {
        registry::build(&self.spec, space, Key::new(5))
    }
}

fn here(model: &mut GgufModel<Mlp>) -> Result<f64> {
    let start = model.space().start();
    Ok(model.evaluate(&Batch::one(&start)?)?[0])
}

/// Where files are left for `harness/peers/gguf_check.py`, or a folder that goes.
fn folder() -> (PathBuf, Option<tempfile::TempDir>) {
    match env::var_os("MOTHS_GGUF_OUT") {
        Some(out) => {
            fs::create_dir_all(&out).expect("a folder");
            (out.into(), None)
        }
        None => {
            let folder = tempfile::tempdir().expect("a folder");
            (folder.path().into(), Some(folder))
        }
    }
}

/// Losses fall, and what is saved has, for stock candle, the loss of the model to the bit.
#[test]
fn files_are_tuned() -> Result<()> {
    let (folder, _kept) = folder();
    let types = [
        (GgmlDType::Q4_0, 1.0),
        (GgmlDType::Q4_1, 1.0),
        (GgmlDType::Q5_0, 2.0),
        (GgmlDType::Q5_1, 2.0),
        (GgmlDType::Q8_0, 10.0),
        (GgmlDType::Q2K, 1.0),
        (GgmlDType::Q3K, 1.0),
        (GgmlDType::Q4K, 1.0),
        (GgmlDType::Q5K, 2.0),
        (GgmlDType::Q6K, 3.0),
    ];
    for (dtype, sigma) in types {
        for (kind, tuning, steps) in [("scales", Tuning::by_scales()?, 40), ("codes", Tuning::by_codes(sigma)?, 20)] {
            let file = |what: &str| folder.join(format!("{dtype:?}.{kind}.{what}"));
            let (work, tuned) = (tempfile::tempdir().expect("a folder"), file("tuned.gguf"));
            base(&file("base.gguf"), dtype)?;
            let before = tuning.options.space(file("base.gguf"))?;
            let mut model = tuning.model(&file("base.gguf"), &work.path().join("work.gguf"))?;
            assert_eq!(before.leaves(), model.space().leaves(), "{dtype:?} by {kind}");
            let (mut optimizer, first) = (tuning.optimizer(model.space())?, here(&mut model)?);
            for _ in 0..steps {
                optimizer.step(&mut model)?;
            }
            let last = here(&mut model)?;
            assert!(last < 0.9 * first, "{dtype:?} by {kind}: {first} to {last}");
            model.save(&tuned)?;
            let mut stock = Mlp::load(&mut File::open(&tuned).expect("a file"))?;
            assert_eq!(f64::from(loss()?(&mut stock, Key::new(0))?.to_scalar::<f32>()?), last);
            dump(&tuned, &file("tuned.safetensors"))?;
        }
    }
    Ok(())
}

/// All weights, as candle has them.
fn dump(path: &Path, to: &Path) -> Result<()> {
    let mut file = File::open(path).expect("a file");
    let content = Content::read(&mut file)?;
    let weights = content.tensor_infos.keys().map(|name| {
        let tensor = content.tensor(&mut file, name, &Device::Cpu)?.dequantize(&Device::Cpu)?;
        Ok((name.clone(), tensor))
    });
    let weights: HashMap<String, Tensor> = weights.collect::<candle_core::Result<_>>()?;
    Ok(safetensors::save(&weights, to)?)
}

/// A run that is killed goes on from its last checkpoint, however many steps ago that was, to the same bytes.
#[test]
fn a_run_that_is_killed_goes_on_to_the_same_bytes() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    base(&path("base"), GgmlDType::Q4_0)?;
    for (kind, tuning) in [("scales", Tuning::by_scales()?), ("codes", Tuning::by_codes(1.0)?)] {
        let (whole, parts) = (path(&format!("{kind}.whole")), path(&format!("{kind}.parts")));
        let mut model = tuning.model(&path("base"), &whole)?;
        let mut optimizer = tuning.optimizer(model.space())?;
        (0..6).try_for_each(|_| optimizer.step(&mut model).map(drop))?;

        let mut model = tuning.model(&path("base"), &parts)?;
        let mut optimizer = tuning.optimizer(model.space())?;
        (0..2).try_for_each(|_| optimizer.step(&mut model).map(drop))?;
        let checkpoint = (State::of(&mut *optimizer)?, State::of(&mut model)?);
        (0..2).try_for_each(|_| optimizer.step(&mut model).map(drop))?;
        drop((model, optimizer));

        let mut model = tuning.model(&path("base"), &parts)?;
        assert_eq!(model.steps(), 4);
        let mut optimizer = tuning.optimizer(model.space())?;
        checkpoint.0.restore(&mut *optimizer, Keep::Nothing)?;
        assert!(optimizer.step(&mut model).is_err(), "of another version than the optimizer");
        checkpoint.1.restore(&mut model, Keep::Nothing)?;
        assert_eq!(model.steps(), 2);
        (0..4).try_for_each(|_| optimizer.step(&mut model).map(drop))?;
        assert!(fs::read(&parts).expect("a file") == fs::read(&whole).expect("a file"), "{kind}");
    }
    Ok(())
}

/// What adapts a quantised matrix: W x + B A x, with W as it is.
struct Adapted {
    frozen: QMatMul,
    a: Tensor,
    b: Tensor,
}

impl Adapted {
    fn new(path: &Path, vb: &VarBuilder<'_>) -> candle_core::Result<Self> {
        let mut file = File::open(path)?;
        let tensor = Content::read(&mut file)?.tensor(&mut file, "blk.0.down.weight", &Device::Cpu)?;
        let a = vb.get_with_hints((2, 256), "a", Init::Randn { mean: 0.0, stdev: 0.05 })?;
        let b = vb.get_with_hints((8, 2), "b", Init::Const(0.0))?;
        Ok(Self { frozen: QMatMul::from_qtensor(tensor)?, a, b })
    }

    fn outputs(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        self.frozen.forward(x)? + x.matmul(&self.a.t()?)?.matmul(&self.b.t()?)?
    }
}

/// A frozen quantised base under adapters in f32 is a model like any other: only what comes from the builder is searched.
#[test]
fn adapters_on_a_frozen_base_are_an_ordinary_model() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("base.gguf");
    base(&path, GgmlDType::Q4K)?;
    let (before, x) = (fs::read(&path).expect("a file"), matrix(6, 256, 8, 1.0)?);
    let (build_from, y) = (path.clone(), matrix(6, 8, 9, 1.0)?);
    let mut model = FlatModel::new(
        move |vb| Adapted::new(&build_from, &vb),
        move |adapted: &mut Adapted, _| (adapted.outputs(&x)? - &y)?.sqr()?.mean_all(),
    )?;
    assert_eq!(model.space().leaves().iter().map(|leaf| leaf.name()).collect::<Vec<_>>(), ["a", "b"]);
    let mut optimizer = registry::build(&Spec::new("mezo").with("pairs", 4)?, model.space(), Key::new(1))?;
    let first = model.evaluate(&Batch::one(&optimizer.answer()?)?)?[0];
    (0..100).try_for_each(|_| optimizer.step(&mut model).map(drop))?;
    let last = model.evaluate(&Batch::one(&optimizer.answer()?)?)?[0];
    assert!(last < 0.8 * first, "{first} to {last}");
    assert_eq!(fs::read(&path).expect("a file"), before);
    Ok(())
}
