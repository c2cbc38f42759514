//! What the log of a fine-tune begins with: which base it belongs to, and which of its tensors are trained.

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::trained::{Placed, Trained};
use crate::{
    Error, Result,
    durable::checksum,
    objective::model::{
        number::is_number,
        weights::{Base, Initial, Weights},
    },
    rng::Key,
    space::{Leaf, Space},
};

/// The base and the leaves of a fine-tune.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    pub(super) written_by: String,
    /// The digest of what the trained tensors were at the start.
    pub(super) origin: String,
    /// The digest of all weights; 0 without any.
    pub(super) weights: String,
    /// What the roundings follow from.
    pub(super) key: Key,
    /// The trained tensors in the order of the coordinates, and others that the weights do not have.
    pub(super) tensors: Vec<HeadTensor>,
}

/// One tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HeadTensor {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    /// The one the model has it in.
    pub(super) dtype: String,
    /// One unit of the search in parameter units, where it is trained.
    pub(super) unit: Option<f64>,
    /// How it began, where the weights do not have it.
    pub(super) initial: Option<Initial>,
    /// What it began with, where that was given beside the weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) values: Option<Vec<f32>>,
}

impl Head {
    /// As bytes: magic, length, JSON, check.
    pub(super) fn bytes(&self, magic: &[u8; 8]) -> Vec<u8> {
        let text = serde_json::to_string(self).unwrap_or_default(); // of names and finite numbers: cannot fail
        let (len, check) = ((text.len() as u32).to_le_bytes(), checksum(text.as_bytes()).to_le_bytes());
        [magic.as_slice(), &len, text.as_bytes(), &check].concat()
    }

    /// What these bytes begin with, and where it ends.
    pub(super) fn read(bytes: &[u8], magic: &[u8; 8]) -> std::result::Result<(Self, usize), String> {
        let rest = bytes.strip_prefix(magic).ok_or("is no log of a fine-tune")?;
        let cut = "ends within its head";
        let (len, rest) = rest.split_first_chunk().ok_or(cut)?;
        let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize).ok_or(cut)?;
        let (check, rest) = rest.split_first_chunk().ok_or(cut)?;
        if u64::from_le_bytes(*check) != checksum(text) {
            return Err("is damaged in its head".into());
        }
        let head = serde_json::from_slice(text).map_err(|e| format!("has a head that is not known: {e}"))?;
        Ok((head, bytes.len() - rest.len()))
    }

    /// In what a log differs that is to go on here.
    pub(super) fn difference(&self, there: &Self) -> Option<String> {
        let differs = |(ours, theirs): (&HeadTensor, &HeadTensor)| (ours != theirs).then(|| ours.name.clone());
        if let Some(name) = self.tensors.iter().zip(&there.tensors).find_map(differs) {
            return Some(format!("is of other tensors: `{name}` is another, or is trained otherwise"));
        }
        if self.tensors.len() != there.tensors.len() {
            return Some(format!("is of {} tensors, and here are {}", there.tensors.len(), self.tensors.len()));
        }
        if self.weights != there.weights {
            return Some("is of a base with other values".into());
        }
        (self.origin != there.origin || self.key != there.key).then(|| "is of a model that began with another key".into())
    }

    /// The point that it tells of, where it began.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Unknown`] for weights that are not of this base; [`Error::Invalid`].
    pub(super) fn place(&self, weights: &Weights) -> Result<Trained> {
        if self.weights != digits(weights)? {
            return Err(Error::State { field: "weights".into(), why: "have other values".into() });
        }
        let trained = || self.tensors.iter().filter_map(|tensor| Some((tensor, tensor.unit?)));
        let leaves = trained().map(|(tensor, unit)| Leaf::real(&tensor.name, tensor.shape.clone()).scale(unit)).collect();
        let space = Space::of_model(leaves)?;
        let mut from = 0;
        let placed = trained().map(|(tensor, unit)| {
            let base = tensor.base(weights)?;
            let placed = Placed::new(&tensor.name, base.tensor(&tensor.shape, tensor.dtype()?)?, base, from, unit);
            from += placed.tensor.elem_count();
            Ok(placed)
        });
        Trained::new(space, placed.collect::<Result<_>>()?, self.key)
    }
}

/// All values of a tensor that is given beside the weights, as a log holds them.
fn written_out(name: &str, tensor: &Tensor, base: &Base) -> Result<Vec<f32>> {
    if !is_number(tensor.dtype()) {
        let what = format!("holds values beside the weights in f32, bf16 and f16, and `{name}` is {}", tensor.dtype().as_str());
        return Err(Error::unsupported("the log of a fine-tune", what));
    }
    let mut values = vec![0.0; tensor.elem_count()];
    base.read(0, &mut values)?;
    match values.iter().position(|x| !x.is_finite()) {
        None => Ok(values),
        Some(i) => Err(Error::invalid(format!("values beside the weights: {name}[{i}]"), values[i], "finite numbers")),
    }
}

/// The digest of weights, as it is written down.
pub(super) fn digits(weights: &Weights) -> Result<String> {
    Ok(format!("{:016x}", weights.digest()?))
}

impl HeadTensor {
    pub(super) fn new(name: &str, tensor: &Tensor, base: &Base, unit: Option<f64>) -> Result<Self> {
        let initial = if let Base::Drawn(initial) = base { Some(*initial) } else { None };
        let values = if let Base::Beside(_) = base { Some(written_out(name, tensor, base)?) } else { None };
        let (shape, dtype) = (tensor.dims().to_vec(), tensor.dtype().as_str().into());
        Ok(Self { name: name.into(), shape, dtype, unit, initial, values })
    }

    pub(super) fn base(&self, weights: &Weights) -> Result<Base> {
        match (weights.base(&self.name, &self.shape)?, self.initial, &self.values) {
            (_, Some(initial), _) => Ok(Base::Drawn(initial)),
            (_, None, Some(values)) => self.given(values),
            (Some(base), None, None) => Ok(base.clone()),
            (None, None, None) => Err(Error::unknown("tensor of the base", &self.name, weights.names())),
        }
    }

    fn given(&self, values: &[f32]) -> Result<Base> {
        let len = self.shape.iter().fold(1usize, |len, size| len.saturating_mul(*size));
        match len == values.len() {
            true => Ok(Base::Held(Tensor::new(values, &Device::Cpu)?.reshape(self.shape.as_slice())?).beside()),
            false => Err(Error::shape(format!("values of `{}`", self.name), format!("{:?}", self.shape), values.len())),
        }
    }

    pub(super) fn dtype(&self) -> Result<candle_core::DType> {
        self.dtype.parse().map_err(|_| Error::invalid("dtype of a tensor", &self.dtype, "f32, bf16 or f16"))
    }
}
