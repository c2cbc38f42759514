//! The model as an objective.

use std::panic::{AssertUnwindSafe, catch_unwind};

use candle_core::{Module, quantized::QMatMul};

use super::super::{GgufModel, GgufOptions};
use super::*;
use crate::{
    Batch, Error, Objective, Space,
    objective::{Advance, Home, Probe, model::Model},
    persist::{Fields, Keep, Persist, State},
    rng::Seed,
};

/// 256 → 512 → 8.
struct Mlp {
    up: QMatMul,
    down: QMatMul,
}

impl Mlp {
    /// As one loads a model with stock candle.
    fn load<R: std::io::Read + std::io::Seek>(reader: &mut R) -> candle_core::Result<Self> {
        let content = Content::read(reader)?;
        let mut matrix = |name: &str| QMatMul::from_qtensor(content.tensor(reader, name, &Device::Cpu)?);
        Ok(Self { up: matrix("blk.0.up.weight")?, down: matrix("blk.0.down.weight")? })
    }

    fn loss(&self) -> candle_core::Result<Tensor> {
        let x = matrix(6, 256, 8).map_err(|e| candle_core::Error::Msg(e.to_string()))?;
        let y = matrix(6, 8, 9).map_err(|e| candle_core::Error::Msg(e.to_string()))?;
        let out = self.down.forward(&self.up.forward(&(x * 10.0)?)?.tanh()?)?;
        (out - (y * 10.0)?)?.sqr()?.mean_all()
    }
}

fn open(folder: &Path, dtype: GgmlDType, name: &str, options: GgufOptions) -> Result<GgufModel<Mlp>> {
    let load = |reader: &mut GgufReader<'_>| Mlp::load(reader);
    GgufModel::open(file(folder, dtype)?, folder.join(name), options, load, |mlp: &mut Mlp, _| mlp.loss())
}

/// The loss that stock candle gives a file.
fn stock(path: &Path) -> Result<f64> {
    Ok(f64::from(Mlp::load(&mut File::open(path).expect("a file"))?.loss()?.to_scalar::<f32>()?))
}

fn here(model: &GgufModel<Mlp>, scales: &[f64]) -> Batch {
    let probes: Vec<Probe> = scales.iter().map(|scale| Probe::new(Key::new(3), *scale)).collect();
    Batch::seeded(&model.space().start(), Sampler::Normal.over(model.space()), probes)
}

/// One step of the two-sided difference along some directions, as `mezo` makes it.
fn descend(model: &mut GgufModel<Mlp>, key: Key, pairs: u64, c: f64, rate: f64) -> Result<()> {
    let noise = Sampler::Normal.over(model.space());
    let seeds: Vec<Seed> = (0..pairs).map(|k| key.member(k)).collect();
    let probes: Vec<Probe> = seeds.iter().flat_map(|seed| [Probe::new(*seed, c), Probe::new(*seed, -c)]).collect();
    let losses = model.evaluate(&Batch::seeded(&model.space().start(), noise.clone(), probes))?;
    let slope = |k: usize| losses[2 * k] - losses[2 * k + 1];
    let largest = (0..seeds.len()).fold(f64::MIN_POSITIVE, |m, k| m.max(slope(k).abs()));
    let terms: Vec<(Seed, f64)> = seeds.iter().enumerate().map(|(k, seed)| (*seed, slope(k) / largest / pairs as f64)).collect();
    model.advance(&Advance::new(&noise, &terms, rate))
}

#[test]
fn losses_fall_by_scales_and_by_codes() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    // A step of a code is finer where codes have more bits.
    for (dtype, wide) in [(GgmlDType::Q4_0, 1.0), (GgmlDType::Q8_0, 10.0), (GgmlDType::Q4K, 1.0), (GgmlDType::Q6K, 3.0)] {
        let codes = GgufOptions::codes().train("blk.0.down").replay(8)?;
        for (options, name, c, rate) in [(GgufOptions::scales(), "scales", 0.05, 0.15), (codes, "codes", 0.5 * wide, 3.0 * wide)]
        {
            let mut model = open(folder.path(), dtype, &format!("{name}.{dtype:?}"), options)?;
            let first = model.evaluate(&here(&model, &[0.0]))?[0];
            (0..20).try_for_each(|k| descend(&mut model, Key::new(k), 8, c, rate))?;
            let last = model.evaluate(&here(&model, &[0.0]))?[0];
            assert!(last < 0.7 * first, "{dtype:?} {name}: {first} to {last}");
        }
    }
    Ok(())
}

/// A candidate has the loss, to the bit, of the file that is written with its bytes; in all types, and again and again.
#[test]
fn a_candidate_is_the_file_that_it_would_be() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    for dtype in TYPES {
        for (options, what, scale) in [(GgufOptions::scales(), Trained::Scales, 0.1), (GgufOptions::codes(), Trained::Codes, 0.5)]
        {
            let mut model = open(folder.path(), dtype, &format!("{what:?}.{dtype:?}"), options)?;
            let losses = model.evaluate(&here(&model, &[scale, 0.0, scale]))?;
            let opened = Opened::new(model.path(), &[], what)?;
            let written = folder.path().join("written.gguf");
            Sampler::Normal
                .over(model.space())
                .with_noise(&[Key::new(3).into()], model.space().dim(), |draw| {
                    let candidate = Candidate { what, draw, seed: Key::new(3).into(), scale };
                    std::io::copy(&mut opened.reader(Some(candidate)), &mut File::create(&written).expect("a file"))
                })?
                .expect("copied");
            let [candidate, base] = [&written, &folder.path().join(format!("{dtype:?}.gguf"))].map(|path| stock(path));
            assert_eq!(losses, [candidate?, base?, losses[0]], "{dtype:?} {what:?}");
            assert_ne!(losses[0], losses[1]);
        }
    }
    Ok(())
}

/// Nothing that is evaluated changes a byte, whatever the loss does; and afterwards it goes on.
#[test]
fn the_file_is_as_it_was_after_losses_that_fail() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let (base, work) = (file(folder.path(), GgmlDType::Q4K)?, folder.path().join("work"));
    let mut calls = 0;
    let loss = move |mlp: &mut Mlp, _| {
        calls += 1;
        match calls {
            2 => candle_core::bail!("a loss that fails"),
            3 => panic!("a loss that panics"),
            _ => mlp.loss(),
        }
    };
    let mut model = GgufModel::open(&base, &work, GgufOptions::scales(), |reader: &mut GgufReader<'_>| Mlp::load(reader), loss)?;
    let (before, batch) = (fs::read(&work).expect("a file"), here(&model, &[0.1, -0.1]));
    assert!(matches!(model.evaluate(&batch), Err(Error::Tensor(_))));
    assert!(catch_unwind(AssertUnwindSafe(|| model.evaluate(&batch))).is_err());
    assert_eq!(fs::read(&work).expect("a file"), before);
    assert_eq!(model.evaluate(&batch)?, model.evaluate(&batch)?);
    assert_eq!(fs::read(&work).expect("a file"), before);
    Ok(())
}

/// What is saved is a file for stock candle, with the loss of the model to the bit, and with all that is not a trained number as it was.
#[test]
fn a_saved_file_is_the_model() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    for (dtype, options, c, rate) in
        [(GgmlDType::Q4K, GgufOptions::scales(), 0.05, 0.02), (GgmlDType::Q6K, GgufOptions::codes(), 0.5, 10.0)]
    {
        let mut model = open(folder.path(), dtype, &format!("work.{dtype:?}"), options)?;
        (0..3).try_for_each(|k| descend(&mut model, Key::new(k), 4, c, rate))?;
        let saved = folder.path().join("saved.gguf");
        model.save(&saved)?;
        let loss = model.evaluate(&here(&model, &[0.0]))?[0];
        assert_eq!((stock(&saved)?, f64::from(model.model()?.loss()?.to_scalar::<f32>()?)), (loss, loss));
        let base = folder.path().join(format!("{dtype:?}.gguf"));
        let [of_base, of_saved] = [&base, &saved].map(|path| Content::read(&mut File::open(path).expect("a file")));
        let (of_base, of_saved) = (of_base?, of_saved?);
        assert_eq!(of_base.tensor_data_offset, of_saved.tensor_data_offset);
        for (name, info) in &of_base.tensor_infos {
            let saved = &of_saved.tensor_infos[name];
            assert_eq!((saved.offset, saved.ggml_dtype, &saved.shape), (info.offset, info.ggml_dtype, &info.shape));
        }
        let [base_bytes, saved_bytes] = [&base, &saved].map(|path| fs::read(path).expect("a file"));
        assert_eq!(base_bytes.len(), saved_bytes.len());
        assert_eq!(base_bytes[..of_base.tensor_data_offset as usize], saved_bytes[..of_base.tensor_data_offset as usize]);
        assert!(matches!(model.save(&base), Err(Error::File { .. })) && fs::read(&base).expect("a file") == base_bytes);
        assert!(model.save(folder.path().join(format!("work.{dtype:?}"))).is_err());
    }
    Ok(())
}

/// A state is a version: restored, the model is what it was then; another model's is refused by name.
#[test]
fn a_state_is_gone_back_to() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut model = open(folder.path(), GgmlDType::Q4_0, "work", GgufOptions::codes().stochastic())?;
    descend(&mut model, Key::new(0), 4, 0.5, 10.0)?;
    model.refresh()?;
    let (state, bytes, version) = (State::of(&mut model)?, fs::read(model.path()).expect("a file"), model.version());
    (1..3).try_for_each(|k| descend(&mut model, Key::new(k), 4, 0.5, 10.0))?;
    assert_ne!(model.version(), version);
    state.restore(&mut model, Keep::Nothing)?;
    assert!(model.version() == version && fs::read(model.path()).expect("a file") == bytes && model.steps() == 1);
    let mut other = open(folder.path(), GgmlDType::Q4K, "other", GgufOptions::codes().stochastic())?;
    assert!(matches!(state.restore(&mut other, Keep::Nothing), Err(Error::State { field, .. }) if field == "version"));
    Ok(())
}

/// A model beside something else that is restored after it.
struct Pair<'a>(&'a mut GgufModel<Mlp>, Vec<u64>, usize);

impl Persist for Pair<'_> {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        fields.field("model", self.0)?;
        fields.enter("words");
        let visited = fields.words(&mut self.1, 0..=self.2);
        fields.leave();
        visited
    }
}

/// A restore that fails behind the model leads it to an earlier version, and to the one it was at again.
#[test]
fn a_state_that_is_refused_leaves_the_model_where_it_was() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut model = open(folder.path(), GgmlDType::Q4_0, "work", GgufOptions::codes().stochastic())?;
    descend(&mut model, Key::new(0), 4, 0.5, 10.0)?;
    let state = State::of(&mut Pair(&mut model, vec![1, 2], 2))?;
    (1..3).try_for_each(|k| descend(&mut model, Key::new(k), 4, 0.5, 10.0))?;
    let (version, bytes) = (model.version(), fs::read(model.path()).expect("a file"));
    let refused = state.restore(&mut Pair(&mut model, vec![1], 1), Keep::Nothing);
    assert!(matches!(refused, Err(Error::State { field, .. }) if field == "words"));
    assert!(model.version() == version && model.steps() == 3 && fs::read(model.path()).expect("a file") == bytes);
    descend(&mut model, Key::new(3), 4, 0.5, 10.0)
}

/// A file with a single block: one coordinate, which has no strides.
#[test]
fn a_file_of_one_coordinate_is_searched() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let (base, work) = (folder.path().join("base"), folder.path().join("work"));
    let block = QTensor::quantize(&matrix(1, 32, 1)?, GgmlDType::Q8_0)?;
    gguf_file::write(&mut File::create(&base).expect("a file"), &[], &[("out", &block)])?;
    let load = |reader: &mut GgufReader<'_>| Content::read(reader)?.tensor(reader, "out", &Device::Cpu);
    let loss = |block: &mut QTensor, _| block.dequantize(&Device::Cpu)?.sqr()?.sum_all();
    let mut model = GgufModel::open(&base, &work, GgufOptions::scales(), load, loss)?;
    let (start, noise) = (model.space().start(), Sampler::Normal.over(model.space()));
    assert_eq!(start.dims(), [1]);
    let losses =
        model.evaluate(&Batch::seeded(&start, noise.clone(), [Probe::new(Key::new(1), 0.1), Probe::new(Key::new(1), 0.0)]))?;
    assert_ne!(losses[0], losses[1]);
    model.advance(&Advance::new(&noise, &[(Key::new(1).into(), losses[0] - losses[1])], 0.1))?;
    assert_eq!(model.evaluate(&Batch::one(&start)?)?.len(), 1);
    assert!(model.load(&start).is_ok());
    let elsewhere = start.ones_like()?.into();
    assert!(model.load(&elsewhere).is_err() && model.evaluate(&Batch::one(&elsewhere)?).is_err());
    Ok(())
}

#[test]
fn what_is_no_seed_around_here_is_refused() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut model = open(folder.path(), GgmlDType::Q4_0, "work", GgufOptions::codes())?;
    let (space, zeros) = (model.space().clone(), model.space().zeros()?);
    assert!(space.is_in_place());
    let probes = [Probe::new(Key::new(1), 0.1)];
    let deviated = Sampler::Normal.over(&space).scaled_by(&zeros);
    for batch in [
        Batch::one(&zeros)?,
        Batch::Dense(zeros.unsqueeze(0)?.into()),
        Batch::seeded(&space.start(), deviated.clone(), probes),
        Batch::seeded(&space.start(), Sampler::Median { size: 3 }.over(&space), probes),
    ] {
        assert!(matches!(model.evaluate(&batch), Err(Error::Unsupported { .. })), "{batch:?}");
    }
    assert!(model.load(&zeros).is_err() && model.load(&space.start()).is_ok());
    let joined = Batch::Joined([Batch::one(&space.start())?, here(&model, &[0.1, -0.1]).part(1..2)].into());
    assert_eq!(model.evaluate(&joined)?, model.evaluate(&here(&model, &[0.0, -0.1]))?);
    let (noise, before) = (Sampler::Normal.over(&space), model.version());
    let terms = [(Key::new(1).into(), 1.0)];
    let other = Sampler::Normal.over(&Space::real(3)?);
    assert!(matches!(model.advance(&Advance::new(&other, &terms, 0.1)), Err(Error::Shape { .. })));
    assert!(matches!(model.advance(&Advance::new(&deviated, &terms, 0.1)), Err(Error::Unsupported { .. })));
    assert!(matches!(model.advance(&Advance::new(&noise, &[(Key::new(1).into(), f64::NAN)], 0.1)), Err(Error::Invalid { .. })));
    assert!(matches!(model.advance(&Advance::new(&noise, &terms, f64::INFINITY)), Err(Error::Invalid { .. })));
    assert!(matches!(model.advance(&Advance::new(&noise, &terms, 0.1).shrinking(0.1)), Err(Error::Unsupported { .. })));
    assert_eq!(model.version(), before);
    Ok(())
}
