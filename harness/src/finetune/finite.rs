//! Where in a model the first number appears that is none.

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use moths::{InPlaceModel, Key, ModelOptions};

use super::{
    base::Base,
    classifier::{Classifier, Form, Shape},
    examples::Examples,
    hidden::HiddenStates,
};
use crate::{Error, Result};

/// What is to be said of a base that makes something else than finite numbers of the first sentence: the lowest part that does.
pub(super) fn complaint(base: Option<&Base>, file: &Path, examples: &Examples) -> Error {
    let wheres = match base.map(|base| first(base, examples)) {
        Some(Ok(Some(part))) => format!("; the first come out of {part}"),
        _ => String::new(),
    };
    let why = format!("makes numbers of sentences that are not finite: its weights hold NaN, or are too large{wheres}");
    Error::File { path: file.into(), why }
}

fn first(base: &Base, examples: &Examples) -> Result<Option<String>> {
    let batch = examples.batch(&[0])?;
    for layers in 0..=base.config.num_hidden_layers {
        let shape = Shape {
            config: candle_transformers::models::bert::Config { num_hidden_layers: layers, ..base.config.clone() },
            prefix: base.prefix(),
            classes: 2,
            form: Form::Plain,
            frozen: None,
            hidden: HiddenStates::within(0),
        };
        let options = ModelOptions::default().weights(&base.weights).fresh("head").train("head").key(Key::new(0));
        let unasked = |_: &mut Classifier, _: Key| Tensor::new(0f32, &Device::Cpu);
        let model = InPlaceModel::new(options, |vb| Classifier::load(vb, &shape), unasked)?;
        if !is_finite(&model.model().pooled(&batch)?)? {
            let prefix = base.prefix().map(|prefix| format!("{prefix}.")).unwrap_or_default();
            let part = layers.checked_sub(1).map_or("embeddings".into(), |layer| format!("encoder.layer.{layer}"));
            return Ok(Some(format!("`{prefix}{part}`")));
        }
    }
    Ok(None)
}

/// Are all of them finite?
pub(super) fn is_finite(x: &Tensor) -> Result<bool> {
    // Zero times what is not finite is NaN, and so is any sum with it.
    Ok((x.to_dtype(DType::F32)? * 0.0)?.sum_all()?.to_scalar::<f32>()? == 0.0)
}
