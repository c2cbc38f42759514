//! A GGUF file with its matrices in another type, as candle quantises: for one that candle multiplies faster, or that is smaller.
//!
//! `cargo run -p moths-cli --example requantise -- FROM.gguf TYPE TO.gguf`, where TYPE is `q4_0`, `q8_0`, `q4k`, .. as candle names them.
//!
//! Every quantised matrix is brought to f32 and from there to the other type; what is not quantised stays as it is, and so do matrices of which a row has no whole number of
//! blocks (256 weights of the types with K, 32 of the others). What was rounded away stays away: a file of 4 bits in 8 bits is one of 4 bits.

use std::{
    collections::HashMap,
    env,
    error::Error,
    fs::File,
    io::{BufReader, Cursor},
    path::Path,
};

use candle_core::{
    Device,
    quantized::{
        GgmlDType, QTensor,
        gguf_file::{self, Content, Value},
    },
};
use moths::durable::replace_file;

const TYPES: [(&str, GgmlDType); 10] = [
    ("q4_0", GgmlDType::Q4_0),
    ("q4_1", GgmlDType::Q4_1),
    ("q5_0", GgmlDType::Q5_0),
    ("q5_1", GgmlDType::Q5_1),
    ("q8_0", GgmlDType::Q8_0),
    ("q2k", GgmlDType::Q2K),
    ("q3k", GgmlDType::Q3K),
    ("q4k", GgmlDType::Q4K),
    ("q5k", GgmlDType::Q5K),
    ("q6k", GgmlDType::Q6K),
];

/// It would say of which type most of the file is, and need not be there.
const FILE_TYPE: &str = "general.file_type";

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let [from, name, to] = &args[..] else { return Err("usage: requantise FROM.gguf TYPE TO.gguf".into()) };
    let known = TYPES.map(|(name, _)| name).join(", ");
    let Some((_, dtype)) = TYPES.into_iter().find(|(known, _)| known == name) else {
        return Err(format!("unknown type {name}: {known} are there").into());
    };
    if Path::new(to).exists() {
        return Err(format!("{to} is there already").into());
    }
    let mut file = BufReader::new(File::open(from)?);
    let content = Content::read(&mut file)?;
    let (mut tensors, mut kept) = (HashMap::new(), 0);
    for (name, info) in &content.tensor_infos {
        let tensor = content.tensor(&mut file, name, &Device::Cpu)?;
        let quantised = !matches!(info.ggml_dtype, GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16);
        let whole = info.shape.dims().last().is_some_and(|columns| columns.is_multiple_of(dtype.block_size()));
        let tensor = if quantised && whole { QTensor::quantize(&tensor.dequantize(&Device::Cpu)?, dtype)? } else { tensor };
        kept += usize::from(quantised && !whole);
        tensors.insert(name.as_str(), tensor);
    }
    let mut metadata: Vec<(&str, &Value)> =
        content.metadata.iter().filter(|(name, _)| *name != FILE_TYPE).map(|(name, value)| (name.as_str(), value)).collect();
    // The same bytes every time; tensors as they lay.
    metadata.sort_by_key(|(name, _)| *name);
    let mut order: Vec<(&str, &QTensor)> = tensors.iter().map(|(name, tensor)| (*name, tensor)).collect();
    order.sort_by_key(|(name, _)| content.tensor_infos.get(*name).map(|info| info.offset));
    let mut bytes = Cursor::new(vec![]);
    gguf_file::write(&mut bytes, &metadata, &order)?;
    let io = |source| moths::Error::Io { path: to.into(), source };
    replace_file(Path::new(to), |out| out.write_all(bytes.get_ref()).map_err(io))?;
    println!("{to}: {} tensors, {kept} of them as they were", order.len());
    Ok(())
}
