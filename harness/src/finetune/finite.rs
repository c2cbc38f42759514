//! Where in a model the first number appears that is none.

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_transformers::models::bert::Config;
use moths::{InPlaceModel, Key, ModelOptions};

use super::{
    base::Base,
    classifier::{Classifier, Form, Shape},
    examples::Examples,
    hidden::HiddenStates,
};
use crate::{Error, Result};

/// What is to be said of a base that makes something else than finite numbers of some sentence: the lowest part that does.
pub(super) fn complaint(base: Option<&Base>, file: &Path, examples: &Examples) -> Error {
    let wheres = match base.map(|base| first(base, examples)) {
        Some(Ok(Some(part))) => format!("; the first come out of {part}"),
        _ => String::new(),
    };
    let why = format!("makes numbers of sentences that are not finite: its weights hold NaN, or are too large{wheres}");
    Error::File { path: file.into(), why }
}

/// The lowest part out of which something comes that is not finite, for the first sentence for which it does.
fn first(base: &Base, examples: &Examples) -> Result<Option<String>> {
    let layers = base.config.num_hidden_layers;
    let fails = |model: &Classifier, row: usize| is_finite(&model.pooled(&examples.batch(&[row])?)?).map(|finite| !finite);
    let whole = cut(base, layers)?;
    let mut row = 0;
    while row < examples.len() && !fails(whole.model(), row)? {
        row += 1;
    }
    if row == examples.len() {
        return Ok(None);
    }
    // What is not finite below makes nothing finite above.
    let (mut low, mut high) = (0, layers);
    while low < high {
        let middle = low.midpoint(high);
        match fails(cut(base, middle)?.model(), row)? {
            true => high = middle,
            false => low = middle + 1,
        }
    }
    let prefix = base.prefix().map(|prefix| format!("{prefix}.")).unwrap_or_default();
    let part = low.checked_sub(1).map_or("embeddings".into(), |layer| format!("encoder.layer.{layer}"));
    Ok(Some(format!("`{prefix}{part}`")))
}

/// The model without the layers above so many.
fn cut(base: &Base, layers: usize) -> Result<InPlaceModel<Classifier>> {
    let shape = Shape {
        config: Config { num_hidden_layers: layers, ..base.config.clone() },
        prefix: base.prefix(),
        classes: 2,
        form: Form::Plain,
        frozen: None,
        hidden: HiddenStates::within(0),
    };
    let options = ModelOptions::default().weights(&base.weights).fresh("head").train("head").key(Key::new(0));
    let unasked = |_: &mut Classifier, _: Key| Tensor::new(0f32, &Device::Cpu);
    InPlaceModel::new(options, |vb| Classifier::load(vb, &shape), unasked)
}

/// Are all of them finite?
pub(super) fn is_finite(x: &Tensor) -> Result<bool> {
    // Zero times what is not finite is NaN, and so is any sum with it.
    Ok((x.to_dtype(DType::F32)? * 0.0)?.sum_all()?.to_scalar::<f32>()? == 0.0)
}
