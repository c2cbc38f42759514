//! With small files of their own.

use std::{fs, io::Write, path::PathBuf};

use flate2::{Compression, write::GzEncoder};
use moths::{Batch, Key, Objective};

use super::*;
use crate::problem::Problem;

/// An IDX file as it is written down.
fn idx(dims: &[u32], values: &[u8]) -> Vec<u8> {
    let dims_written = dims.iter().flat_map(|dim| dim.to_be_bytes());
    [0, 0, 8, dims.len() as u8].into_iter().chain(dims_written).chain(values.iter().copied()).collect()
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(vec![], Compression::fast());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("in memory")
}

/// Images with a bright bar, at a height that is the label; each a little different.
fn bars(count: usize) -> (Vec<u8>, Vec<u8>) {
    let label = |i: usize| (i * 7 % 10) as u8;
    let image = |i: usize| {
        (0..SIDE * SIDE).map(move |p| {
            let on = (p / SIDE).abs_diff(4 + 2 * usize::from(label(i))) <= 1;
            if on { 200 + (i % 50) as u8 } else { (i * p % 30) as u8 }
        })
    };
    ((0..count).flat_map(image).collect(), (0..count).map(label).collect())
}

/// A folder of four files: 120 training images as they are, 40 test images gzipped.
pub(in crate::problem::net) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (names, count, zip) in [(&FILES[..2], 120, false), (&FILES[2..], 40, true)] {
        let (pixels, labels) = bars(count);
        let files = [idx(&[count as u32, 28, 28], &pixels), idx(&[count as u32], &labels)];
        for (name, bytes) in names.iter().zip(files) {
            match zip {
                true => fs::write(folder.path().join(format!("{name}.gz")), gzipped(&bytes)),
                false => fs::write(folder.path().join(name), bytes),
            }
            .expect("written");
        }
    }
    folder
}

fn with_data(data: PathBuf) -> Options {
    Options { data: Some(data), ..Options::default() }
}

fn refusal(options: &Options) -> String {
    cnn(options).err().map(|e| e.to_string()).expect("refused")
}

#[test]
fn files_are_read_as_they_are_or_gzipped() -> Result<()> {
    let folder = folder();
    let task = cnn(&with_data(folder.path().into()))?;
    assert_eq!((task.data.train.len(), task.data.judged.len()), (120, 40));
    let (pixels, labels) = bars(120);
    let (inputs, read) = task.data.train.tensors(&[119])?;
    let expected: Vec<f32> = pixels[119 * 784..].iter().map(|p| f32::from(*p) / 255.0).collect();
    assert_eq!(inputs.to_vec2::<f32>()?, [expected]);
    assert_eq!(read.to_vec1::<u32>()?, [u32::from(labels[119])]);
    Ok(())
}

#[test]
fn validation_holds_out_the_last_training_images() -> Result<()> {
    let folder = folder();
    // The test images are not even looked at.
    fs::remove_file(folder.path().join(format!("{}.gz", FILES[2]))).expect("there");
    let task = mlp(&Options { validate: true, ..with_data(folder.path().into()) })?;
    assert_eq!((task.data.train.len(), task.data.judged.len()), (100, 20));
    assert_eq!(task.measures[2].name, "validation_accuracy");
    let (pixels, _) = bars(120);
    let held: Vec<f32> = pixels[100 * 784..101 * 784].iter().map(|p| f32::from(*p) / 255.0).collect();
    assert_eq!(task.data.judged.tensors(&[0])?.0.to_vec2::<f32>()?, [held]);
    Ok(())
}

#[test]
fn minibatches_are_as_large_as_asked_for() -> Result<()> {
    let folder = folder();
    let task = cnn(&Options { minibatch: Some(8), ..with_data(folder.path().into()) })?;
    assert_eq!(task.data.share.rows(120, Key::new(1)).len(), 8);
    Ok(())
}

/// Logits of zero: the cross-entropy of ten classes is ln 10.
#[test]
fn a_head_of_zeros_says_nothing_at_first() -> Result<()> {
    let folder = folder();
    let mut model = mlp(&Options { zero_head: true, ..with_data(folder.path().into()) })?.model(1)?;
    let start = model.space().start();
    let loss = model.evaluate(&Batch::one(&start)?)?[0];
    assert!((loss - 10f64.ln()).abs() < 1e-6, "{loss}");
    Ok(())
}

#[test]
fn what_is_not_there_is_named() {
    let none = refusal(&Options::default());
    assert!(none.contains("--data = (not given)") && FILES.iter().all(|file| none.contains(file)), "{none}");
    let nowhere = refusal(&with_data("/nowhere/at/all".into()));
    assert!(nowhere.contains("/nowhere/at/all/train-images-idx3-ubyte.gz"), "{nowhere}");
    let dim = Options { dim: Some(3), ..Options::default() };
    assert!(refusal(&dim).contains("--dim = 3"));
}

#[test]
fn files_that_are_something_else_are_named() {
    let pixels = vec![0; 6 * 784];
    let images = idx(&[6, 28, 28], &pixels);
    let spoilt: &[(usize, Vec<u8>, &str)] = &[
        (0, idx(&[6], &[0; 6]), "begins with 00000801; an IDX file of unsigned bytes in 3 dimensions begins with 00000803"),
        (0, gzipped(&images), "begins with 1f8b"),
        (0, images[..3].to_vec(), "is cut off"),
        (0, images[..9].to_vec(), "is cut off"),
        (0, images[..1000].to_vec(), "is cut off: 984 of the 4704 values"),
        (0, [&*images, &[0]].concat(), "goes on after the 4704 values"),
        (0, idx(&[u32::MAX, u32::MAX, u32::MAX], &[]), "at most 1073741824 values"),
        (0, idx(&[6, 27, 28], &[0; 6 * 27 * 28]), "images are 27 x 28; 28 x 28 are needed"),
        (0, idx(&[0, 28, 28], &[]), "0 images; at least 6"),
        (1, idx(&[7], &[0; 7]), "7 labels for the 120 images of"),
        (1, idx(&[120], &[10; 120]), "label 0 is 10; labels are from 0 to 9"),
    ];
    for (file, bytes, why) in spoilt {
        let folder = folder();
        let path = folder.path().join(FILES[*file]);
        fs::write(&path, bytes).expect("written");
        let refusal = refusal(&with_data(folder.path().into()));
        assert!(refusal.starts_with(&path.display().to_string()) && refusal.contains(why), "{refusal}\n{why}");
    }
}

#[test]
fn gzip_files_that_are_none_are_named() {
    let images = gzipped(&idx(&[40, 28, 28], &bars(40).0));
    let damaged = {
        let mut bytes = images.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0xff;
        bytes
    };
    for (bytes, why) in
        [(b"no gzip at all".to_vec(), "is no gzip file"), (images[..200].to_vec(), "is cut off"), (damaged, "damaged")]
    {
        let folder = folder();
        let path = folder.path().join(format!("{}.gz", FILES[2]));
        fs::write(&path, bytes).expect("written");
        let refusal = refusal(&with_data(folder.path().into()));
        assert!(refusal.starts_with(&path.display().to_string()) && refusal.contains(why), "{refusal}\n{why}");
    }
}

#[test]
fn the_networks_abide_by_the_laws() -> Result<()> {
    let folder = folder();
    let options = with_data(folder.path().into());
    super::super::tests::laws_of(&cnn(&options)?, 14_856, 10)?;
    super::super::tests::laws_of(&mlp(&options)?, 79_510, 10)?;
    super::super::tests::laws_of(&lookup(&options)?, 38_400, 10)
}

#[test]
fn a_short_run_learns() -> Result<()> {
    let folder = folder();
    let problem = cnn(&with_data(folder.path().into()))?;
    let [before, after] = super::super::tests::before_and_after(&problem, &"backprop".parse()?, 60)?;
    assert!(before < 0.3 && after > 0.9, "{before} {after}");
    assert_eq!(problem.measures()[2].name, "test_accuracy");
    Ok(())
}
