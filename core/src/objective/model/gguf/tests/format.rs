use std::io::{Read, Seek, SeekFrom};

use half::f16;

use super::*;
use crate::{
    Error,
    objective::model::gguf::{GgufModel, GgufOptions},
};

/// One code higher: the weight it belongs to moves by one step of its block, and no other moves. In all types.
#[test]
fn a_code_is_that_of_one_weight() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    for dtype in TYPES {
        let path = file(folder.path(), dtype)?;
        let opened = Opened::new(&path, &["blk.0.down"], Trained::Codes)?;
        let (tensor, before) = (&opened.tensors[0], weights(&mut opened.reader(None), "blk.0.down.weight")?);
        for k in 0..tensor.block.weights {
            let at = tensor.start as usize + tensor.block.bytes;
            let mut bytes = opened.bytes.clone();
            let block = &mut bytes[at..at + tensor.block.bytes];
            let code = tensor.block.code(block, k);
            assert!(tensor.block.codes().contains(&code), "{dtype:?}");
            let moved = if code == *tensor.block.codes().end() { code - 1 } else { code + 1 };
            tensor.block.set_code(block, k, moved);
            assert_eq!(tensor.block.code(block, k), moved);
            let content = Content::read(&mut std::io::Cursor::new(&bytes))?;
            let after = content.tensor(&mut std::io::Cursor::new(&bytes), "blk.0.down.weight", &Device::Cpu)?;
            let after: Vec<f32> = after.dequantize(&Device::Cpu)?.flatten_all()?.to_vec1()?;
            let changed: Vec<usize> = (0..after.len()).filter(|i| after[*i] != before[*i]).collect();
            // A sub-block whose own scale is 0 does not show its codes.
            let silent = changed.is_empty() && tensor.block.weights == 256;
            assert!(changed == [tensor.block.weights + k] || silent, "{dtype:?} {k}: {changed:?}");
        }
    }
    Ok(())
}

/// Both factors times 1 + scale z are the weights times 1 + scale z, but for the rounding of f16.
#[test]
fn a_candidate_of_scales_is_its_blocks_times_a_number() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    for dtype in TYPES {
        let opened = Opened::new(&file(folder.path(), dtype)?, &[], Trained::Scales)?;
        let name = "blk.0.up.weight";
        let before = weights(&mut opened.reader(None), name)?;
        let tensor = opened.tensors.iter().find(|tensor| tensor.name == name).expect("the tensor");
        let (after, z) = with_candidate(&opened, Trained::Scales, 0.05, |candidate| {
            (weights(&mut opened.reader(Some(candidate)), name), noise_of(candidate, tensor))
        })?;
        let after = after?;
        for (i, z) in z.iter().enumerate() {
            let weights = i * tensor.block.weights..(i + 1) * tensor.block.weights;
            let largest = before[weights.clone()].iter().fold(0f32, |m, w| m.max(w.abs()));
            for k in weights {
                assert!((after[k] - before[k] * (1.0 + 0.05 * z)).abs() < 3e-3 * largest, "{dtype:?} {k}");
            }
        }
    }
    Ok(())
}

/// Codes move by whole steps within their range, and the mirrored candidate the other way.
#[test]
fn a_candidate_of_codes_moves_them_by_steps() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    for dtype in TYPES {
        let opened = Opened::new(&file(folder.path(), dtype)?, &["blk.0"], Trained::Codes)?;
        let bytes = |scale| {
            with_candidate(&opened, Trained::Codes, scale, |candidate| {
                let mut bytes = vec![];
                opened.reader(Some(candidate)).read_to_end(&mut bytes).map(|_| bytes).expect("readable")
            })
        };
        let (up, down, mut moves) = (bytes(0.6)?, bytes(-0.6)?, vec![]);
        assert_eq!(opened.tensors.len(), 2);
        for tensor in &opened.tensors {
            let (block, place) = (tensor.block, tensor.place().start as usize..tensor.place().end as usize);
            let code =
                |bytes: &[u8], i: usize| block.code(&bytes[place.clone()][i / block.weights * block.bytes..], i % block.weights);
            let z = with_candidate(&opened, Trained::Codes, 0.6, |candidate| noise_of(candidate, tensor))?;
            for (i, z) in z.iter().enumerate() {
                let [base, plus, minus] = [&opened.bytes, &up, &down].map(|bytes| code(bytes, i));
                assert!(block.codes().contains(&plus) && block.codes().contains(&minus), "{dtype:?}");
                assert!(plus == base || minus == base || plus - base == base - minus, "{dtype:?} {i}");
                assert!(plus == base || ((plus - base) as f32 - 0.6 * z).abs() < 1.0, "{dtype:?} {i}");
                moves.push(plus - base);
            }
        }
        assert!(moves.iter().filter(|m| **m != 0).count() > moves.len() / 5, "{dtype:?}");
    }
    Ok(())
}

/// Whatever pieces it is read in, and from where: the bytes are the same, and only trained blocks are others than in the file.
#[test]
fn pieces_of_any_length_are_those_of_the_whole() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    for (dtype, what) in [(GgmlDType::Q4K, Trained::Scales), (GgmlDType::Q6K, Trained::Codes), (GgmlDType::Q4_0, Trained::Codes)]
    {
        let path = file(folder.path(), dtype)?;
        let opened = Opened::new(&path, &["blk.0.down", "token_embd"], what)?;
        with_candidate(&opened, what, 0.5, |candidate| read_in_pieces(&opened, candidate))?;
        assert_eq!(fs::read(&path).expect("a file"), opened.bytes);
    }
    Ok(())
}

fn read_in_pieces(opened: &Opened, candidate: Candidate<'_>) {
    let mut whole = vec![];
    opened.reader(Some(candidate)).read_to_end(&mut whole).expect("readable");
    for length in [1, 7, 64, 100, 1000, 12_345] {
        let (mut reader, mut pieces, mut piece) = (opened.reader(Some(candidate)), vec![], vec![0; length]);
        while let n @ 1.. = reader.read(&mut piece).expect("readable") {
            pieces.extend_from_slice(&piece[..n]);
        }
        assert!(pieces == whole, "in pieces of {length}");
    }
    let (mut reader, mut some) = (opened.reader(Some(candidate)), vec![0; 777]);
    let place = reader.seek(SeekFrom::End(-1234)).expect("a place") as usize;
    reader.read_exact(&mut some).expect("readable");
    assert_eq!(some, whole[place..place + 777]);
    let trained = |i: usize| opened.tensors.iter().any(|tensor| tensor.place().contains(&(i as u64)));
    assert!((0..whole.len()).all(|i| whole[i] == opened.bytes[i] || trained(i)) && whole != opened.bytes);
}

#[test]
fn what_is_trained_by_default_and_by_name() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(folder.path(), GgmlDType::Q4K)?;
    let names = |patterns: &[&str]| -> Result<Vec<String>> {
        Ok(Opened::new(&path, patterns, Trained::Scales)?.tensors.into_iter().map(|tensor| tensor.name).collect())
    };
    assert_eq!(names(&[])?, ["blk.0.up.weight", "blk.0.down.weight"]);
    assert_eq!(names(&["token_embd"])?, ["token_embd.weight"]);
    assert_eq!(names(&["*.weight"])?, ["token_embd.weight", "blk.0.up.weight", "blk.0.down.weight"]);
    let refused = names(&["blk.0.upp"]).expect_err("no such tensor").to_string();
    assert!(refused.contains("blk.0.upp") && refused.contains("did you mean `blk.0.up.weight`?"), "{refused}");
    let refused = names(&["blk", "norm"]).expect_err("floats").to_string();
    assert!(refused.contains("norm.weight") && refused.contains("F32"), "{refused}");
    Ok(())
}

#[test]
fn a_type_without_a_layout_is_refused_by_name() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(folder.path(), GgmlDType::Q8_1)?;
    let refused = Opened::new(&path, &[], Trained::Codes).err().expect("no layout");
    assert!(matches!(&refused, Error::Unsupported { .. }) && refused.to_string().contains("blk.0.up.weight"), "{refused}");
    assert!(refused.to_string().contains("Q8_1"));
    Ok(())
}

/// One coordinate a block, or one a weight, in the shapes of the matrices.
#[test]
fn the_space_is_of_blocks_or_of_codes() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(folder.path(), GgmlDType::Q4K)?;
    for (what, shapes) in [(Trained::Scales, [[512, 1], [8, 2]]), (Trained::Codes, [[512, 256], [8, 512]])] {
        let opened = Opened::new(&path, &[], what)?;
        let space = tensors::space(&opened.tensors, what)?;
        assert_eq!(space.leaves().iter().map(|leaf| leaf.shape().to_vec()).collect::<Vec<_>>(), shapes);
        assert_eq!(opened.tensors[1].first, shapes[0].iter().product::<usize>());
    }
    Ok(())
}

/// candle would take it for 0 in a product. In all types, factors and floats, trained or not; a tensor without one is none.
#[test]
fn a_number_that_is_not_finite_is_refused_by_name() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let spoilt = folder.path().join("spoilt.gguf");
    for dtype in TYPES {
        let path = file(folder.path(), dtype)?;
        let whole = fs::read(&path).expect("a file");
        GgufOptions::scales().space(&path)?;
        for name in ["token_embd.weight", "blk.0.up.weight", "blk.0.down.weight"] {
            let opened = Opened::new(&path, &[name], Trained::Scales)?;
            let tensor = &opened.tensors[0];
            let block = tensor.place().end as usize - tensor.block.bytes;
            for (j, value) in (0..tensor.block.factors()).flat_map(|j| [(j, f16::NAN), (j, f16::NEG_INFINITY)]) {
                let mut bytes = whole.clone();
                tensor.block.set_factor(&mut bytes[block..block + tensor.block.bytes], j, value);
                fs::write(&spoilt, bytes).expect("written");
                refuses(&spoilt, name);
            }
        }
    }
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        for (bias, refused) in [([0f32, 1.0], false), ([0.0, f32::INFINITY], true)] {
            let bias = Tensor::new(&bias, &Device::Cpu)?.to_dtype(dtype)?;
            let (up, bias) = (QTensor::quantize(&matrix(8, 32, 1)?, GgmlDType::Q4_0)?, float(&bias)?);
            let mut out = File::create(&spoilt).expect("a file");
            gguf_file::write(&mut out, &[], &[("bias", &bias), ("up.weight", &up)])?;
            if refused { refuses(&spoilt, "bias") } else { drop(GgufOptions::codes().space(&spoilt)?) }
        }
    }
    Ok(())
}

fn refuses(path: &Path, name: &str) {
    let refused = GgufOptions::codes().space(path).expect_err("a number that is none");
    assert_eq!(refused.to_string(), format!("weights: {name} = NaN or infinite: weights that are finite numbers"));
    let copy = path.with_extension("copy");
    let load = |_: &mut GgufReader<'_>| -> candle_core::Result<()> { Ok(()) };
    let opened = GgufModel::open(path, &copy, GgufOptions::scales(), load, |(), _| Tensor::new(0f32, &Device::Cpu));
    assert!(matches!(opened.err(), Some(Error::Invalid { .. })) && !copy.exists(), "{name}");
}

/// A vector of floats as it is.
fn float(values: &Tensor) -> Result<QTensor> {
    let dtype = match values.dtype() {
        DType::F16 => GgmlDType::F16,
        DType::BF16 => GgmlDType::BF16,
        _ => GgmlDType::F32,
    };
    Ok(QTensor::quantize(values, dtype)?)
}
