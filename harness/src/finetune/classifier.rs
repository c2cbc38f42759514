//! A pre-trained model with a new head that says which class a sentence is of.

use candle_core::{D, DType, Result, Tensor};
use candle_nn::{Linear, Module, VarBuilder, linear, loss::cross_entropy};
use candle_transformers::models::bert::{BertEncoder, BertModel, Config};

use super::{
    examples::Batch,
    hidden::HiddenStates,
    plain::{Layers, Plain},
};

/// hidden = above(below(tokens)), pooled = mean over the tokens of hidden, logits = head(pooled).
pub(crate) struct Classifier {
    below: Body,
    above: Option<Above>,
    head: Linear,
    dtype: DType,
    hidden: HiddenStates,
}

/// Which program computes the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// That of candle-transformers, unchanged: in f32, and without gradients, as its norms have none.
    Stock,
    /// One of plain operations: slower; with gradients, and in halves.
    Plain,
}

/// The model up to a layer, or all of it.
enum Body {
    Stock(BertModel),
    Plain(Plain),
}

/// The layers from the first that is trained on.
enum Above {
    Stock(BertEncoder),
    Plain(Layers),
}

/// What a classifier is built from.
#[derive(Clone)]
pub(super) struct Shape {
    pub(super) config: Config,
    /// What stands before the names of the model's tensors.
    pub(super) prefix: Option<&'static str>,
    pub(super) classes: usize,
    pub(super) form: Form,
    /// So many layers stay as they are, with all that is below them; `None`: even the embeddings are trained.
    pub(super) frozen: Option<usize>,
    /// What those layers make of sentences.
    pub(super) hidden: HiddenStates,
}

impl Shape {
    fn within<'a>(&self, vb: VarBuilder<'a>) -> VarBuilder<'a> {
        self.prefix.map_or_else(|| vb.clone(), |prefix| vb.pp(prefix))
    }
}

impl Classifier {
    /// A model over these variables.
    pub(super) fn load(vb: VarBuilder<'_>, shape: &Shape) -> Result<Self> {
        let layers = shape.config.num_hidden_layers;
        let below = shape.frozen.unwrap_or(layers);
        Ok(Self {
            below: Body::load(shape.within(vb.clone()), &with_layers(&shape.config, below), shape.form)?,
            above: match shape.frozen {
                None => None,
                Some(from) => {
                    // From the top: a builder that renames says what it has of a path once more.
                    let higher = vb.clone().rename_f(move |name| shifted(name, from).unwrap_or_else(|| name.into()));
                    Some(Above::load(shape.within(higher), &with_layers(&shape.config, layers - from), shape.form)?)
                }
            },
            head: linear(shape.config.hidden_size, shape.classes, vb.pp("head"))?,
            dtype: vb.dtype(),
            hidden: shape.hidden.clone(),
        })
    }

    /// The mean over the tokens of each sentence, \[n, h\].
    pub(super) fn pooled(&self, batch: &Batch) -> Result<Tensor> {
        let hidden = match &self.above {
            None => self.below.forward(&batch.ids, &batch.mask)?,
            Some(above) => above.forward(&self.hidden.of(batch, |ids, mask| self.below.forward(ids, mask))?, &batch.mask)?,
        };
        let mask = batch.mask.unsqueeze(D::Minus1)?;
        hidden.to_dtype(DType::F32)?.broadcast_mul(&mask)?.sum(1)?.broadcast_div(&mask.sum(1)?)
    }

    /// \[n, classes\], in f32.
    pub(super) fn logits(&self, batch: &Batch) -> Result<Tensor> {
        self.head.forward(&self.pooled(batch)?.to_dtype(self.dtype)?)?.to_dtype(DType::F32)
    }

    /// The mean cross entropy.
    pub(super) fn loss(&self, batch: &Batch) -> Result<Tensor> {
        cross_entropy(&self.logits(batch)?, &batch.labels)
    }
}

impl Body {
    fn load(vb: VarBuilder<'_>, config: &Config, form: Form) -> Result<Self> {
        Ok(match form {
            Form::Stock => Self::Stock(BertModel::load(vb, config)?),
            Form::Plain => Self::Plain(Plain::load(vb, config)?),
        })
    }

    fn forward(&self, ids: &Tensor, mask: &Tensor) -> Result<Tensor> {
        match self {
            Self::Stock(bert) => bert.forward(ids, &ids.zeros_like()?, Some(mask)),
            Self::Plain(plain) => plain.forward(ids, mask),
        }
    }
}

impl Above {
    fn load(vb: VarBuilder<'_>, config: &Config, form: Form) -> Result<Self> {
        Ok(match form {
            Form::Stock => Self::Stock(BertEncoder::load(vb.pp("encoder"), config)?),
            Form::Plain => Self::Plain(Layers::load(vb.pp("encoder"), config)?),
        })
    }

    fn forward(&self, x: &Tensor, mask: &Tensor) -> Result<Tensor> {
        match self {
            Self::Stock(encoder) => {
                // As candle's own whole does it.
                let mask = mask.affine(-f64::from(f32::MIN), f64::from(f32::MIN))?.unsqueeze(1)?.unsqueeze(1)?;
                encoder.forward(x, &mask)
            }
            Self::Plain(layers) => layers.forward(x, mask),
        }
    }
}

/// `encoder.layer.0.output.bias` is `encoder.layer.5.output.bias` in a whole with five layers below.
fn shifted(name: &str, from: usize) -> Option<String> {
    let (before, rest) = name.split_once("encoder.layer.")?;
    let (layer, rest) = rest.split_once('.')?;
    Some(format!("{before}encoder.layer.{}.{rest}", layer.parse::<usize>().ok()? + from))
}

fn with_layers(config: &Config, layers: usize) -> Config {
    Config { num_hidden_layers: layers, ..config.clone() }
}
