//! A GGUF file with its quantised matrices in another type: `cargo run -p moths-cli --example requantise -- FROM.gguf TO.gguf q4_0`.
//!
//! A candle that multiplies slowly by `Q4_1` does so fast by `Q4_0` and `Q8_0`. What is rounded is what was rounded before, so the model is a little worse.

use std::{env, error::Error, fs::File, io::BufWriter};

use candle_core::{
    Device,
    quantized::{
        GgmlDType, QTensor,
        gguf_file::{self, Content, Value},
    },
};

/// The types, with what `general.file_type` calls a file that is mostly of them.
const TYPES: [(&str, GgmlDType, u32); 3] =
    [("q4_0", GgmlDType::Q4_0, 2), ("q4_1", GgmlDType::Q4_1, 3), ("q8_0", GgmlDType::Q8_0, 7)];

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let [from, to, name] = &args[..] else { return Err("usage: requantise FROM.gguf TO.gguf q4_0|q4_1|q8_0".into()) };
    let (_, dtype, file_type) = TYPES.into_iter().find(|(known, ..)| known == name).ok_or("a type: q4_0, q4_1 or q8_0")?;
    let mut file = File::open(from)?;
    let mut content = Content::read(&mut file)?;
    content.metadata.insert("general.file_type".into(), Value::U32(file_type));
    let mut tensors = vec![];
    for name in content.tensor_infos.keys() {
        let tensor = content.tensor(&mut file, name, &Device::Cpu)?;
        let stays = matches!(tensor.dtype(), GgmlDType::F32 | GgmlDType::F16);
        let made = if stays { tensor } else { QTensor::quantize(&tensor.dequantize(&Device::Cpu)?, dtype)? };
        tensors.push((name.as_str(), made));
    }
    tensors.sort_by_key(|(name, _)| *name);
    let mut metadata: Vec<(&str, &Value)> = content.metadata.iter().map(|(name, value)| (name.as_str(), value)).collect();
    metadata.sort_by_key(|(name, _)| *name);
    let tensors: Vec<(&str, &QTensor)> = tensors.iter().map(|(name, tensor)| (*name, tensor)).collect();
    gguf_file::write(&mut BufWriter::new(File::create(to)?), &metadata, &tensors)?;
    Ok(())
}
