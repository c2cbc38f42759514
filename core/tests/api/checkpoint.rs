//! Checkpoint files: every bit comes back, every damaged file is refused, and the old file survives.

use std::{fs, os::unix::net::UnixListener, path::Path, process::Command};

use crate::toy::{Test, Walk, bowl};
use candle_core::{DType, Device, Tensor};
use moths_core::{
    Batch, Checkpoint, CowTensor, Error, Function, Key, Leaf, Optimizer, Result, Space, Spec, persist,
    persist::{Clock, Persist, State},
    run::Tally,
};
use tempfile::TempDir;

struct Part {
    clock: Clock,
    single: CowTensor,
    double: CowTensor,
    list: Vec<f64>,
    none: Vec<u64>,
    flag: bool,
}
persist!(Part { clock, single, double, list in |_| .., none, flag });

impl Part {
    fn with(single: &[f32], list: Vec<f64>) -> Result<Self> {
        let double: Vec<f64> = single.iter().map(|x| f64::from(*x) / 3.0).collect();
        Ok(Self {
            clock: Clock::new(Key::new(u64::MAX)),
            single: Tensor::new(single, &Device::Cpu)?.reshape((single.len() / 2, 2))?.into(),
            double: Tensor::new(double, &Device::Cpu)?.into(),
            list,
            none: vec![],
            flag: true,
        })
    }

    /// Every kind of float there is.
    fn special() -> Result<Self> {
        let odd = f32::from_bits(0x7fc1_2345);
        let single = [f32::NAN, odd, -0.0, 0.0, f32::INFINITY, f32::NEG_INFINITY, f32::MIN_POSITIVE / 8.0, f32::MAX];
        Self::with(&single, vec![f64::NAN, f64::from_bits(0xfff8_0000_dead_beef), -0.0, f64::INFINITY, f64::MIN_POSITIVE / 4.0])
    }

    fn plain() -> Result<Self> {
        Self::with(&[0.0; 8], vec![1.0])
    }
}

fn spec() -> Result<Spec> {
    Spec::new("walk").with("width", 3)
}

fn space() -> Result<Space> {
    Space::with_dtype(vec![Leaf::real("x", [3]).bounds(-1.0, 2.0)], DType::F32)
}

fn save(part: &mut dyn Persist, path: &Path) -> Result<()> {
    Checkpoint::take(&spec()?, &space()?, &mut [("part", part)])?.save(path)
}

fn load(part: &mut dyn Persist, path: &Path) -> Result<()> {
    Checkpoint::open(path)?.restore(&spec()?, &space()?, &mut [("part", part)])
}

fn digest(part: &mut dyn Persist) -> Result<Vec<(String, Vec<u64>)>> {
    State::of(part)?.digest()
}

fn names(folder: &TempDir) -> std::io::Result<Vec<String>> {
    let mut names = vec![];
    for entry in fs::read_dir(folder.path())? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}

fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::File { .. } | Error::Io { .. })
}

#[test]
fn every_bit_comes_back() -> Test {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("run.safetensors");
    let (mut part, mut tally) = (Part::special()?, Tally { lowest: -0.0, seconds: 0.1, ..Tally::default() });
    let note = serde_json::json!({ "seed": 7, "rate": 0.1 });
    Checkpoint::take(&spec()?, &space()?, &mut [("part", &mut part), ("tally", &mut tally)])?
        .with_note(note.clone())
        .save(&path)?;

    let (mut again, mut counted) = (Part::plain()?, Tally::default());
    let opened = Checkpoint::open(&path)?;
    opened.restore(&spec()?, &space()?, &mut [("part", &mut again), ("tally", &mut counted)])?;
    assert_eq!(digest(&mut again)?, digest(&mut part)?);
    assert_eq!(again.single.to_vec2::<f32>()?[0][1].to_bits(), 0x7fc1_2345, "a NaN keeps its payload");
    assert_eq!(counted.lowest.to_bits(), tally.lowest.to_bits());
    assert_eq!((opened.spec(), opened.note()), (&spec()?, &note));
    assert_eq!(names(&folder)?, ["run.safetensors"]);
    Ok(())
}

#[test]
fn a_run_goes_on_as_if_nothing_had_happened() -> Test {
    let (folder, space) = (tempfile::tempdir()?, space()?);
    let path = folder.path().join("walk");
    let mut objective = Function::new(space.clone(), bowl);
    let mut walk = Walk::new(&space, Key::new(1), 3)?;
    walk.step(&mut objective)?;
    save(&mut walk, &path)?;
    let mut resumed = Walk::new(&space, Key::new(8), 3)?;
    load(&mut resumed, &path)?;
    for _ in 0..5 {
        assert_eq!(walk.step(&mut objective)?, resumed.step(&mut objective)?);
    }
    assert_eq!(digest(&mut walk)?, digest(&mut resumed)?);
    Ok(())
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_refused() -> Test {
    let folder = tempfile::tempdir()?;
    let (whole, cut) = (folder.path().join("whole"), folder.path().join("cut"));
    save(&mut Part::special()?, &whole)?;
    let bytes = fs::read(&whole)?;
    for len in 0..bytes.len() {
        fs::write(&cut, &bytes[..len])?;
        let refused =
            Checkpoint::open(&cut).err().ok_or(format!("{len} of {} bytes were taken for a checkpoint", bytes.len()))?;
        assert!(matches!(refused, Error::File { .. }), "{len} bytes: {refused}");
    }
    Ok(())
}

#[test]
fn a_file_with_a_wrong_byte_is_refused() -> Test {
    let folder = tempfile::tempdir()?;
    let (whole, broken) = (folder.path().join("whole"), folder.path().join("broken"));
    save(&mut Part::special()?, &whole)?;
    let (bytes, saved) = (fs::read(&whole)?, digest(&mut Part::special()?)?);
    for i in 0..bytes.len() {
        for wrong in [bytes[i] ^ 1, bytes[i] ^ 0x80, b'0', b'9'] {
            let mut bytes = bytes.clone();
            bytes[i] = wrong;
            fs::write(&broken, &bytes)?;
            let mut part = Part::plain()?;
            match load(&mut part, &broken) {
                Err(error) => assert!(is_refusal(&error), "byte {i} = {wrong}: {error:?}"),
                // The same byte, or another kind of white space.
                Ok(()) => assert_eq!(digest(&mut part)?, saved, "byte {i} = {wrong} was not noticed"),
            }
        }
    }
    Ok(())
}

/// A safetensors file of one tensor of this dtype, with these metadata.
fn foreign(path: &Path, dtype: DType, metadata: Option<&str>) -> Test {
    let tensor = Tensor::zeros(2, dtype, &Device::Cpu)?;
    let metadata = metadata.map(|entry| [("moths".to_owned(), entry.to_owned())].into());
    safetensors::serialize_to_file([("part.x", &tensor)], metadata, path)?;
    Ok(())
}

#[test]
fn files_of_others_are_refused() -> Test {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("foreign");
    let header = |version: &str| format!(r#"{{"version": {version}, "written_by": "x", "spec": "walk", "space": {{}}}}"#);
    let cases = [
        (DType::F32, None, "no checkpoint of moths"),
        (DType::F32, Some("{".to_owned()), "damaged header"),
        (DType::F32, Some("{}".to_owned()), "no version"),
        (DType::F32, Some(r#"{"version": 2}"#.to_owned()), "damaged header"),
        (DType::F32, Some(header("-1")), "no version"),
        (DType::F32, Some(header("999")), "format 999"),
        (DType::F32, Some(header("1")), "format 1"),
        (DType::F32, Some(header("2")), "not what was written"),
    ];
    for (dtype, entry, why) in cases {
        foreign(&path, dtype, entry.as_deref())?;
        let refused = Checkpoint::open(&path).err().ok_or(format!("{entry:?} was taken for a checkpoint"))?;
        assert!(matches!(refused, Error::File { .. }) && refused.to_string().contains(why), "{why}: {refused}");
    }
    fs::write(&path, "name: not even safetensors")?;
    assert!(matches!(Checkpoint::open(&path), Err(Error::File { .. })));
    assert!(matches!(Checkpoint::open(folder.path().join("nowhere")), Err(Error::Io { .. })));
    Ok(())
}

#[test]
fn only_regular_files_are_replaced_or_read() -> Test {
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("folder"))?;
    fs::write(at("target"), "precious")?;
    std::os::unix::fs::symlink(at("target"), at("link"))?;
    std::os::unix::fs::symlink(at("nowhere"), at("dangling"))?;
    let _socket = UnixListener::bind(at("socket"))?;
    assert!(Command::new("mkfifo").arg(at("fifo")).status()?.success());

    let before = names(&folder)?;
    for name in ["folder", "link", "dangling", "socket", "fifo"] {
        let refused = save(&mut Part::plain()?, &at(name));
        assert!(matches!(refused, Err(Error::File { .. })), "{name}: {refused:?}");
    }
    assert!(matches!(save(&mut Part::plain()?, Path::new("/dev/null")), Err(Error::File { .. })));
    assert_eq!(names(&folder)?, before, "nothing was replaced, and nothing left over");
    assert_eq!(fs::read_to_string(at("link"))?, "precious");

    for name in ["folder", "dangling", "socket", "fifo"] {
        let refused = Checkpoint::open(at(name)).err().ok_or(name)?;
        assert!(is_refusal(&refused), "{name}: {refused:?}");
    }
    save(&mut Part::special()?, &at("run"))?;
    std::os::unix::fs::symlink(at("run"), at("latest"))?;
    load(&mut Part::plain()?, &at("latest"))?;
    Ok(())
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error() -> Test {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("file"), "")?;
    for path in ["nowhere/run", "file/run"] {
        let refused = save(&mut Part::plain()?, &folder.path().join(path));
        assert!(refused.as_ref().is_err_and(is_refusal), "{path}: {refused:?}");
    }
    let locked = folder.path().join("locked");
    fs::create_dir(&locked)?;
    fs::set_permissions(&locked, std::os::unix::fs::PermissionsExt::from_mode(0o555))?;
    // Root writes wherever it likes.
    let may_write = fs::write(locked.join("probe"), "").is_ok();
    assert!(may_write || matches!(save(&mut Part::plain()?, &locked.join("run")), Err(Error::Io { .. })));
    Ok(())
}

#[test]
fn the_old_file_survives_a_save_that_fails() -> Test {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("run");
    save(&mut Part::special()?, &path)?;
    let before = fs::read(&path)?;
    // Checkpoints hold the dtypes of searches; the failure comes when the temporary file is there already.
    let mut unfit = Part { double: Tensor::zeros(2, DType::BF16, &Device::Cpu)?.into(), ..Part::plain()? };
    assert!(save(&mut unfit, &path).is_err());
    assert_eq!(fs::read(&path)?, before);
    assert_eq!(names(&folder)?, ["run"]);

    save(&mut Part::plain()?, &path)?;
    assert_ne!(fs::read(&path)?, before, "a save that succeeds replaces it");
    assert_eq!(names(&folder)?, ["run"]);
    Ok(())
}

#[test]
fn another_space_or_state_is_refused_and_changes_nothing() -> Test {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("run");
    save(&mut Part::special()?, &path)?;
    let opened = Checkpoint::open(&path)?;
    let others = [
        Leaf::real("y", [3]).bounds(-1.0, 2.0),
        Leaf::real("x", [3]).bounds(-1.0, 3.0),
        Leaf::real("x", [3]),
        Leaf::real("x", [4]).bounds(-1.0, 2.0),
        Leaf::real("x", [3]).bounds(-1.0, 2.0).scale(0.1),
        Leaf::real("x", [3]).bounds(-1.0, 2.0).dtype(DType::BF16),
        Leaf::integer("x", [3], -1, 2),
    ];
    let mut part = Part::plain()?;
    let before = digest(&mut part)?;
    for (other, setting) in [(Spec::new("hike").with("width", 3)?, "`name`"), (Spec::new("walk").with("width", 4)?, "`width`")] {
        let refused = opened.restore(&other, &space()?, &mut [("part", &mut part)]).err().ok_or(setting)?;
        assert!(matches!(&refused, Error::File { why, .. } if why.contains(setting)), "{refused}");
    }
    for leaf in others {
        let other = Space::with_dtype(vec![leaf.clone()], DType::F32)?;
        let refused = opened.restore(&spec()?, &other, &mut [("part", &mut part)]);
        assert!(matches!(refused, Err(Error::File { .. })), "{leaf:?}");
    }
    let double = Space::with_dtype(space()?.leaves().to_vec(), DType::F64)?;
    assert!(opened.restore(&spec()?, &double, &mut [("part", &mut part)]).is_err());
    assert!(opened.restore(&spec()?, &space()?, &mut [("other", &mut part)]).is_err());
    assert!(opened.restore(&spec()?, &space()?, &mut [("part", &mut Tally::default())]).is_err());
    assert_eq!(digest(&mut part)?, before);

    // Where the search began is no part of what coordinates mean.
    let moved = space()?.starting_at(&*space()?.zeros()?)?;
    opened.restore(&spec()?, &moved, &mut [("part", &mut part)])?;
    Ok(())
}

#[test]
fn a_checkpoint_is_the_moment_it_was_taken() -> Test {
    let (folder, space) = (tempfile::tempdir()?, space()?);
    let path = folder.path().join("run");
    let mut walk = Walk::new(&space, Key::new(1), 3)?;
    let mut objective = Function::new(space.clone(), bowl);
    walk.step(&mut objective)?;
    let then = digest(&mut walk)?;
    let taken = Checkpoint::take(&spec()?, &space, &mut [("part", &mut walk)])?;
    walk.step(&mut objective)?;
    taken.save(&path)?;
    load(&mut walk, &path)?;
    assert_eq!(digest(&mut walk)?, then);
    assert_eq!(Batch::one(&walk.answer()?)?.len(), 1);
    Ok(())
}
