use std::{
    collections::HashMap,
    fs::{self, OpenOptions},
    path::Path,
    thread,
};

use safetensors::{Dtype, tensor::TensorView};

use super::{Claim, check_file, names, replace_file, write_tensors};
use crate::{Error, Result};

fn write(path: &Path, text: &str) -> Result<()> {
    replace_file(path, |out| out.write_all(text.as_bytes()).map_err(|source| Error::Io { path: path.into(), source }))
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_write_that_fails_leaves_the_old_file_and_nothing_else() -> Result<()> {
    let place = tempfile::tempdir().expect("a folder");
    let path = place.path().join("file");
    write(&path, "old")?;
    let failed = replace_file(&path, |out| {
        let _ = out.write_all(&[0; 1_000_000]);
        Err(Error::unsupported("the test", "stops"))
    });
    assert!(failed.is_err());
    assert_eq!((fs::read_to_string(&path).expect("text"), names_in(place.path())), ("old".into(), vec!["file".into()]));
    Ok(())
}

#[test]
fn errors_name_the_file_and_nothing_hidden() {
    let place = tempfile::tempdir().expect("a folder");
    let path = place.path().join("none/file");
    for refused in [write(&path, "new"), check_file(&path)] {
        let said = refused.expect_err("no folder").to_string();
        let folder = place.path().join("none");
        assert_eq!(said, format!("{}: the folder `{}` does not exist", path.display(), folder.display()));
    }
    fs::write(place.path().join("text"), "").expect("written");
    let said = check_file(place.path().join("text/file")).expect_err("no folder").to_string();
    assert!(!said.contains(".moths-"), "{said}");
}

#[test]
fn what_nobody_holds_is_removed_and_what_somebody_holds_is_not() -> Result<()> {
    let place = tempfile::tempdir().expect("a folder");
    let path = place.path().join("file");
    let temporary = |chance: &str| format!("{}{chance}{}", names::prefix(&path), names::TEMPORARY);
    let others = [
        temporary("toolong"),
        temporary("ab.cde"),
        format!("{}abcdef", names::prefix(&path)),
        format!("{}abcdef.tmp", names::prefix(&place.path().join("file2"))),
        ".moths-abcdef".into(),
    ];
    for name in others.iter().chain([&temporary("orphan"), &temporary("living")]) {
        fs::write(place.path().join(name), "large").expect("written");
    }
    fs::create_dir(place.path().join(temporary("folder"))).expect("a folder");
    let living = OpenOptions::new().write(true).open(place.path().join(temporary("living"))).expect("open");
    living.lock().expect("locked");

    write(&path, "new")?;
    let mut left: Vec<String> = others.into_iter().chain([temporary("living"), temporary("folder"), "file".into()]).collect();
    left.sort();
    assert_eq!(names_in(place.path()), left);
    drop(living);
    check_file(&path)?;
    left.retain(|name| *name != temporary("living"));
    assert_eq!(names_in(place.path()), left);
    Ok(())
}

#[test]
fn writers_of_one_file_do_not_disturb_each_other() {
    let place = tempfile::tempdir().expect("a folder");
    let path = &place.path().join("file");
    let texts = ["a".repeat(300_000), "b".repeat(300_000)];
    thread::scope(|scope| {
        for text in &texts {
            scope.spawn(move || (0..50).try_for_each(|_| write(path, text)).expect("written"));
        }
    });
    assert!(texts.contains(&fs::read_to_string(path).expect("text")));
    assert_eq!(names_in(place.path()), ["file"]);
}

#[test]
fn a_claim_is_held_by_one_at_a_time_and_survives_its_holder() -> Result<()> {
    let place = tempfile::tempdir().expect("a folder");
    let path = place.path().join("file");
    let held = Claim::take(&path)?;
    write(&path, "replaced meanwhile")?;
    let refused = Claim::take(&path).expect_err("held").to_string();
    assert!(refused.contains("another program is writing it"), "{refused}");
    Claim::take(place.path().join("other"))?;
    drop(held);
    assert_eq!(names_in(place.path()), ["file"]);
    // A kill leaves the lock file behind.
    fs::write(names::lock(&path), "").expect("written");
    Claim::take(&path)?;
    assert_eq!(names_in(place.path()), ["file"]);
    Ok(())
}

#[test]
fn many_who_want_it_have_it_in_turn() {
    let place = tempfile::tempdir().expect("a folder");
    let path = &place.path().join("file");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(move || {
                for _ in 0..100 {
                    let Ok(_held) = Claim::take(path) else { continue };
                    fs::create_dir(path).expect("nobody else is here");
                    fs::remove_dir(path).expect("nobody else is here");
                }
            });
        }
    });
    assert_eq!(names_in(place.path()), [""; 0]);
}

#[cfg(unix)]
#[test]
fn modes_are_those_of_any_file_or_stay() -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    let place = tempfile::tempdir().expect("a folder");
    let [plain, path] = ["plain", "file"].map(|name| place.path().join(name));
    fs::write(&plain, "").expect("written");
    write(&path, "new")?;
    assert_eq!(mode(&path), mode(&plain));
    for kept in [0o600, 0o640, 0o444] {
        fs::set_permissions(&path, fs::Permissions::from_mode(kept)).expect("set");
        write(&path, "again")?;
        assert_eq!(mode(&path), kept);
    }
    Ok(())
}

#[cfg(unix)]
#[test]
fn links_are_refused_and_names_may_be_anything() -> Result<()> {
    use std::os::unix::ffi::OsStrExt;
    let place = tempfile::tempdir().expect("a folder");
    let [target, link] = ["target", "link"].map(|name| place.path().join(name));
    fs::write(&target, "kept").expect("written");
    std::os::unix::fs::symlink(&target, &link).expect("linked");
    for refused in [write(&link, "new"), check_file(&link), write(place.path(), "new")] {
        assert!(matches!(refused, Err(Error::File { .. })), "{refused:?}");
    }
    assert_eq!(fs::read_to_string(&target).expect("text"), "kept");
    for name in [std::ffi::OsStr::from_bytes(b"\xff\x80").to_owned(), "x".repeat(255).into()] {
        let path = place.path().join(name);
        write(&path, "new")?;
        Claim::take(&path)?;
        assert_eq!(fs::read_to_string(&path).expect("text"), "new");
    }
    Ok(())
}

#[test]
fn tensors_are_written_as_safetensors_writes_them() -> Result<()> {
    let data: Vec<u8> = (0..48).collect();
    let view = |dtype, shape: &[usize], bytes: usize| TensorView::new(dtype, shape.to_vec(), &data[..bytes]).expect("a view");
    let tensors = vec![
        ("b".to_owned(), view(Dtype::F32, &[3, 4], 48)),
        ("a".to_owned(), view(Dtype::F32, &[0], 0)),
        ("c".to_owned(), view(Dtype::U64, &[2], 16)),
    ];
    let entries = HashMap::from([("moths".to_owned(), "{\"ü\":1}".to_owned())]);
    let mut written = vec![];
    write_tensors(&mut written, tensors.clone(), Some(entries.clone()), Path::new("x"))?;
    let theirs = safetensors::serialize(tensors, Some(entries)).expect("serialized");
    let read = |bytes: &[u8]| -> Vec<(String, Dtype, Vec<usize>, Vec<u8>)> {
        let file = safetensors::SafeTensors::deserialize(bytes).expect("safetensors");
        let part = |(name, view): (&str, safetensors::tensor::TensorView<'_>)| {
            (name.to_owned(), view.dtype(), view.shape().to_vec(), view.data().to_vec())
        };
        let mut parts: Vec<_> = file.iter().map(part).collect();
        parts.sort_by(|a, b| a.0.cmp(&b.0));
        parts
    };
    assert_eq!((read(&written), written.len()), (read(&theirs), theirs.len()));
    let entries = |bytes: &[u8]| safetensors::SafeTensors::read_metadata(bytes).expect("metadata").1.metadata().clone();
    assert_eq!(entries(&written), entries(&theirs));
    Ok(())
}
