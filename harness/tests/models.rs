//! Model files of candle-transformers, as they are: each is trained in place through the same lines, whatever its `forward` looks like.
//!
//! Tiny random configurations; what is held is that the loss falls, that the weights are the file's between steps, and that stock candle sees the same
//! loss in the file that is saved.

use std::path::Path;

use candle_core::{DType, Device, IndexOp, ModuleT, Result as Candle, Tensor};
use candle_nn::{VarBuilder, loss::cross_entropy};
use candle_transformers::models::{bert, distilbert, gemma, llama, mamba, phi, qwen2, qwen3, resnet, t5, vit, whisper};
use moths::{Batch, CowTensor, InPlaceModel, Key, ModelOptions, Objective, Optimizer, Result, Sampler, Spec, Weights, registry};
use serde::de::DeserializeOwned;
use serde_json::json;

const WORDS: usize = 40;

/// The lines that are the same for all of them: from a file to a file.
fn train<M: 'static>(
    name: &str,
    build: impl Fn(VarBuilder<'static>) -> Candle<M> + Clone,
    loss: impl Fn(&mut M) -> Candle<Tensor> + Clone + Send + 'static,
) -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let (base, tuned) = (folder.path().join("base.safetensors"), folder.path().join("tuned.safetensors"));
    publish(&base, build.clone(), loss.clone())?;
    let options = ModelOptions::default().weights(&Weights::open(&base)?);
    let of = loss.clone();
    let mut model = InPlaceModel::new(options, build.clone(), move |model, _| of(model))?;
    assert_eq!(model.initialised().count(), 0, "{name}");
    let here = Batch::one(&model.space().start())?;
    let before = model.evaluate(&here)?[0];
    let spec = Spec::new("mezo").with("pairs", 4)?;
    let mut optimizer = registry::build(&spec, model.space(), Key::new(1))?;
    for _ in 0..40 {
        optimizer.step(&mut model)?;
    }
    let after = model.evaluate(&here)?[0];
    assert!(after < before - 0.02 * before.abs(), "{name}: {before} became {after}");
    model.save(&tuned)?;
    let stock = candle_core::safetensors::load(&tuned, &Device::Cpu)?;
    let mut stock = build(VarBuilder::from_tensors(stock, DType::F32, &Device::Cpu))?;
    assert_eq!(loss(&mut stock)?.to_scalar::<f32>()?, after as f32, "{name}");
    Ok(())
}

/// A file of the model's own tensors, none of which is zero.
fn publish<M: 'static>(
    path: &Path,
    build: impl Fn(VarBuilder<'static>) -> Candle<M>,
    loss: impl Fn(&mut M) -> Candle<Tensor> + Send + 'static,
) -> Result<()> {
    let drawn = InPlaceModel::new(ModelOptions::default().key(Key::new(9)), build, move |model, _| loss(model))?;
    let mut tensors: Vec<(String, Tensor)> = drawn.tensors()?.into_iter().collect();
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    for (k, (name, tensor)) in tensors.iter_mut().enumerate() {
        if tensor.dtype() == DType::F32 && !name.contains("running") {
            let mut values = CowTensor::new(tensor.flatten_all()?.copy()?);
            Sampler::Normal.add(Key::new(k as u64), 0.05, &mut values)?;
            *tensor = values.reshape(tensor.shape())?;
        }
    }
    candle_core::safetensors::save(&tensors.into_iter().collect(), path)?;
    Ok(())
}

fn config<T: DeserializeOwned>(json: serde_json::Value) -> T {
    serde_json::from_value(json).expect("a configuration")
}

fn ids() -> Candle<Tensor> {
    Tensor::new(&[[1u32, 5, 9, 3, 22], [30, 7, 7, 2, 11]], &Device::Cpu)
}

/// Of the last dimension as classes.
fn classes(logits: &Tensor) -> Candle<Tensor> {
    let logits = logits.flatten_to(logits.rank() - 2)?;
    let n = logits.dim(0)?;
    let targets: Vec<u32> = (0..n as u32).map(|i| i % 2).collect();
    cross_entropy(&logits.to_dtype(DType::F32)?, &Tensor::new(targets, &Device::Cpu)?)
}

fn picture() -> Candle<Tensor> {
    let pixels: Vec<f32> = (0..2 * 3 * 32 * 32).map(|i| (i as f32 * 0.37).sin()).collect();
    Tensor::from_vec(pixels, (2, 3, 32, 32), &Device::Cpu)
}

#[test]
fn bert() -> Result<()> {
    let config: bert::Config = config(json!({
        "vocab_size": WORDS, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "hidden_act": "gelu",
        "hidden_dropout_prob": 0.0, "max_position_embeddings": 16, "type_vocab_size": 2, "initializer_range": 0.02, "layer_norm_eps": 1e-12,
        "pad_token_id": 0, "use_cache": false
    }));
    train(
        "bert",
        move |vb| bert::BertModel::load(vb, &config),
        |model| classes(&model.forward(&ids()?, &ids()?.zeros_like()?, None)?),
    )
}

#[test]
fn distilbert() -> Result<()> {
    let config: distilbert::Config = config(json!({
        "vocab_size": WORDS, "dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32, "activation": "gelu", "max_position_embeddings": 16,
        "initializer_range": 0.02, "pad_token_id": 0, "model_type": "distilbert"
    }));
    let loss = |model: &mut distilbert::DistilBertModel| {
        classes(&model.forward(&ids()?, &Tensor::zeros((5, 5), DType::U8, &Device::Cpu)?)?)
    };
    train("distilbert", move |vb| distilbert::DistilBertModel::load(vb, &config), loss)
}

#[test]
fn llama() -> Result<()> {
    let config = llama::Config {
        hidden_size: 16,
        intermediate_size: 32,
        vocab_size: WORDS,
        num_hidden_layers: 2,
        num_attention_heads: 2,
        num_key_value_heads: 1,
        use_flash_attn: false,
        rms_norm_eps: 1e-6,
        rope_theta: 1e4,
        bos_token_id: None,
        eos_token_id: None,
        rope_scaling: None,
        max_position_embeddings: 16,
        tie_word_embeddings: false,
    };
    let of = config.clone();
    let loss = move |model: &mut llama::Llama| {
        let mut cache = llama::Cache::new(false, DType::F32, &of, &Device::Cpu)?;
        classes(&model.forward(&ids()?, 0, &mut cache)?)
    };
    train("llama", move |vb| llama::Llama::load(vb, &config), loss)
}

/// Its head is its embedding: the file has none.
#[test]
fn qwen2() -> Result<()> {
    let config: qwen2::Config = config(json!({
        "vocab_size": WORDS, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
        "max_position_embeddings": 16, "sliding_window": 16, "max_window_layers": 2, "tie_word_embeddings": true, "rope_theta": 1e4,
        "rms_norm_eps": 1e-6, "use_sliding_window": false, "hidden_act": "silu"
    }));
    let loss = |model: &mut qwen2::ModelForCausalLM| {
        model.clear_kv_cache();
        classes(&model.forward(&ids()?, 0)?)
    };
    train("qwen2", move |vb| qwen2::ModelForCausalLM::new(&config, vb), loss)
}

#[test]
fn qwen3() -> Result<()> {
    let config: qwen3::Config = config(json!({
        "vocab_size": WORDS, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "head_dim": 8,
        "attention_bias": false, "num_key_value_heads": 1, "max_position_embeddings": 16, "sliding_window": null, "max_window_layers": 2,
        "tie_word_embeddings": true, "rope_theta": 1e4, "rms_norm_eps": 1e-6, "use_sliding_window": false, "hidden_act": "silu"
    }));
    let loss = |model: &mut qwen3::ModelForCausalLM| {
        model.clear_kv_cache();
        classes(&model.forward(&ids()?, 0)?)
    };
    train("qwen3", move |vb| qwen3::ModelForCausalLM::new(&config, vb), loss)
}

#[test]
fn phi() -> Result<()> {
    let config: phi::Config = config(json!({
        "vocab_size": WORDS, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": null,
        "hidden_act": "gelu", "max_position_embeddings": 16, "layer_norm_eps": 1e-5, "tie_word_embeddings": false, "rope_theta": 1e4,
        "partial_rotary_factor": 0.5, "qk_layernorm": false
    }));
    let loss = |model: &mut phi::Model| {
        model.clear_kv_cache();
        classes(&model.forward(&ids()?)?)
    };
    train("phi", move |vb| phi::Model::new(&config, vb), loss)
}

#[test]
fn gemma() -> Result<()> {
    let config: gemma::Config = config(json!({
        "attention_bias": false, "head_dim": 8, "hidden_act": "gelu", "hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2,
        "num_hidden_layers": 2, "num_key_value_heads": 1, "rms_norm_eps": 1e-6, "rope_theta": 1e4, "vocab_size": WORDS, "max_position_embeddings": 16
    }));
    let loss = |model: &mut gemma::Model| {
        model.clear_kv_cache();
        classes(&model.forward(&ids()?, 0)?)
    };
    train("gemma", move |vb| gemma::Model::new(false, &config, vb), loss)
}

#[test]
fn vit() -> Result<()> {
    let config: vit::Config = config(json!({
        "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "hidden_act": "gelu", "layer_norm_eps": 1e-6,
        "image_size": 32, "patch_size": 8, "num_channels": 3, "qkv_bias": true
    }));
    train("vit", move |vb| vit::Model::new(&config, 3, vb), |model| classes(&model.forward(&picture()?)?))
}

/// Its running statistics are no parameters.
#[test]
fn resnet() -> Result<()> {
    train("resnet", |vb| resnet::resnet18(3, vb), |model| classes(&model.forward_t(&picture()?, false)?))
}

#[test]
fn whisper() -> Result<()> {
    let config: whisper::Config = config(json!({
        "num_mel_bins": 8, "max_source_positions": 8, "d_model": 16, "encoder_attention_heads": 2, "encoder_layers": 2, "vocab_size": WORDS,
        "max_target_positions": 16, "decoder_attention_heads": 2, "decoder_layers": 2
    }));
    let loss = |model: &mut whisper::model::Whisper| {
        let sound = Tensor::arange(0f32, 2.0 * 8.0 * 16.0, &Device::Cpu)?.sin()?.reshape((2, 8, 16))?;
        let heard = model.encoder.forward(&sound, true)?;
        let said = model.decoder.forward(&ids()?, &heard, true)?;
        classes(&model.decoder.final_linear(&said)?)
    };
    train("whisper", move |vb| whisper::model::Whisper::load(&vb, config.clone()), loss)
}

#[test]
fn t5() -> Result<()> {
    let config: t5::Config = config(json!({
        "vocab_size": WORDS, "d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_decoder_layers": 2, "num_heads": 2,
        "relative_attention_num_buckets": 8, "dropout_rate": 0.0, "layer_norm_epsilon": 1e-6, "initializer_factor": 1.0,
        "feed_forward_proj": "relu", "pad_token_id": 0, "eos_token_id": 1, "is_encoder_decoder": true
    }));
    let loss = |model: &mut t5::T5ForConditionalGeneration| {
        model.clear_kv_cache();
        classes(&model.forward(&ids()?, &ids()?)?)
    };
    train("t5", move |vb| t5::T5ForConditionalGeneration::load(vb, &config), loss)
}

#[test]
fn mamba() -> Result<()> {
    let config: mamba::Config = config(json!({ "d_model": 16, "n_layer": 2, "vocab_size": WORDS, "pad_vocab_size_multiple": 8 }));
    let of = config.clone();
    let loss = move |model: &mut mamba::Model| {
        let mut state = mamba::State::new(1, &of, DType::F32, &Device::Cpu)?;
        let words = ids()?.narrow(0, 0, 1)?; // it takes one sentence at a time
        let mut said = model.forward(&words.i((.., 0))?, &mut state)?;
        for k in 1..5 {
            said = model.forward(&words.i((.., k))?, &mut state)?;
        }
        classes(&said)
    };
    train("mamba", move |vb| mamba::Model::new(&config, vb), loss)
}
