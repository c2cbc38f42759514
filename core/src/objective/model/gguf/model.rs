//! A quantised model in a file as an objective.

use std::path::Path;

use candle_core::{DType, Tensor};

use super::{
    Trained,
    change::Candidate,
    copy::WorkingCopy,
    options::GgufOptions,
    reader::GgufReader,
    step::{Step, check_noise},
};
use crate::{
    Error, Result,
    objective::{
        Advance, Batch, Home, Objective,
        model::{DataClock, Model, scalar},
    },
    persist::{Fields, Persist},
    rng::Key,
    space::{Space, is_here},
    tensor::CowTensor,
};

type Load<M> = dyn Fn(&mut GgufReader<'_>) -> candle_core::Result<M> + Send;
type Loss<M> = dyn FnMut(&mut M, Key) -> candle_core::Result<Tensor> + Send;

/// An objective from a quantised model in a GGUF file. See the [module documentation](super).
pub struct GgufModel<M> {
    copy: WorkingCopy,
    load: Box<Load<M>>,
    loss: Box<Loss<M>>,
    model: Option<M>,
    clock: DataClock,
    stochastic: bool,
}

impl<M> GgufModel<M> {
    /// Trains the file `base` in the working copy `work`, which is made if it is not there, and gone on from if it is.
    ///
    /// `load` makes the model from a reader, once a candidate; `loss` gives its loss: one number of any dtype, or a tensor of
    /// which the mean is taken. It may change the model (a cache of keys and values has to be cleared): the next candidate is
    /// loaded anew.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a name that means no tensor; [`Error::Unsupported`] for a tensor whose type has no blocks that can
    /// be trained; [`Error::Invalid`] for a tensor, trained or not, with a number that is not finite: candle would take it for 0 in a product;
    /// [`Error::Tensor`] for a file that candle does not read; [`Error::Shape`] for one that contradicts itself; [`Error::File`]
    /// for a working copy of another base or of other training, for one that another program writes, and for a file that is none;
    /// [`Error::Io`].
    pub fn open(
        base: impl AsRef<Path>,
        work: impl AsRef<Path>,
        options: GgufOptions,
        load: impl Fn(&mut GgufReader<'_>) -> candle_core::Result<M> + Send + 'static,
        loss: impl FnMut(&mut M, Key) -> candle_core::Result<Tensor> + Send + 'static,
    ) -> Result<Self> {
        let copy = WorkingCopy::open(base.as_ref(), work.as_ref(), &options)?;
        let (clock, stochastic) = (DataClock::new(options.key), options.stochastic);
        Ok(Self { copy, load: Box::new(load), loss: Box::new(loss), model: None, clock, stochastic })
    }

    /// The model as it is now, without a candidate.
    ///
    /// # Errors
    /// What loading it fails with.
    pub fn model(&mut self) -> Result<&mut M> {
        self.copy.mend()?;
        self.loaded(None)
    }

    /// The working copy, which is a GGUF file like any other whenever no step is being made.
    pub fn path(&self) -> &Path {
        self.copy.path()
    }

    /// How many steps the model has been moved by since the base.
    pub fn steps(&self) -> u64 {
        self.copy.steps()
    }

    /// Writes the model as it is now to a file: that of the base, with other numbers in its trained blocks.
    ///
    /// # Errors
    /// [`Error::File`] for the working copy itself and for the base; as [`replace_file`](crate::durable::replace_file).
    pub fn save(&mut self, path: impl AsRef<Path>) -> Result<()> {
        self.copy.save(path.as_ref())
    }

    /// The model of a candidate; the one that was there before is gone by then, so that there are never two.
    fn loaded(&mut self, candidate: Option<Candidate<'_>>) -> Result<&mut M> {
        self.model = None;
        let (file, len) = self.copy.file();
        let mut reader = GgufReader::new(file, len, &self.copy.training.tensors, candidate);
        Ok(self.model.insert((self.load)(&mut reader)?))
    }

    fn loss_of(&mut self, candidate: Option<Candidate<'_>>, key: Key) -> Result<f64> {
        self.loaded(candidate)?;
        // Out of its place meanwhile: after a loss that panics nobody finds a model that is neither here nor there.
        let Some(mut model) = self.model.take() else { return Err(Error::Objective("no model was loaded".into())) };
        let loss = scalar(&(self.loss)(&mut model, key)?)?;
        self.model = Some(model);
        Ok(loss)
    }

    fn evaluate_one(&mut self, batch: &Batch, i: usize) -> Result<f64> {
        let (centre, noise, probe) = batch.seed(i).ok_or_else(not_near)?;
        let key = self.clock.key(probe.draw);
        let (what, dim) = (self.copy.training.what, self.space().dim());
        if !is_where_it_is(centre)? {
            return Err(not_near());
        }
        if centre.dims() != [dim] {
            return Err(Error::shape("centre of candidates", format!("[{dim}]"), format!("{:?}", centre.dims())));
        }
        if probe.scale == 0.0 {
            return self.loss_of(None, key);
        }
        check_noise(noise)?;
        noise.with_noise(&[probe.seed], dim, |draw| {
            self.loss_of(Some(Candidate { what, draw, seed: probe.seed, scale: probe.scale }), key)
        })?
    }
}

impl<M> Objective for GgufModel<M> {
    fn space(&self) -> &Space {
        &self.copy.training.space
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        self.copy.mend()?;
        (0..batch.len()).map(|i| self.evaluate_one(batch, i)).collect()
    }

    fn stochastic(&self) -> bool {
        self.stochastic
    }

    fn refresh(&mut self) -> Result<()> {
        self.skip(1)
    }

    fn skip(&mut self, steps: u64) -> Result<()> {
        self.clock.refreshes = self.clock.refreshes.saturating_add(steps);
        Ok(())
    }

    fn home(&mut self) -> Option<&mut dyn Home> {
        Some(self)
    }
}

impl<M> Home for GgufModel<M> {
    fn advance(&mut self, step: &Advance<'_>) -> Result<()> {
        if self.copy.training.what == Trained::Codes && step.shrink > 0.0 {
            return Err(Error::unsupported("a GGUF model of codes", "does not decay: set the weight decay to 0"));
        }
        step.noise.with_noise::<f32, _>(&[], self.copy.training.space.dim(), |_| ())?;
        let step = Step::new(step.noise, step.terms, [step.rate, step.shrink, step.anchor])?;
        self.copy.advance(step)?;
        // It is of the version before.
        self.model = None;
        Ok(())
    }

    fn version(&self) -> u64 {
        self.copy.version()
    }
}

impl<M> Model for GgufModel<M> {
    /// The one point that there is in place is where the model is already.
    fn load(&mut self, at: &CowTensor) -> Result<()> {
        let at = self.space().point(at)?;
        if is_where_it_is(&at)? { Ok(()) } else { Err(not_near()) }
    }
}

/// Is this point where the model is? A single coordinate has no strides to tell by.
fn is_where_it_is(point: &Tensor) -> Result<bool> {
    Ok(is_here(point) || point.dims() == [1] && point.to_dtype(DType::F64)?.to_vec1::<f64>()? == [0.0])
}

fn not_near() -> Error {
    Error::unsupported("a GGUF model", "evaluates seeds around where it is, and no points that are written down")
}

/// What is saved is where its data are, and which version it is; a model that is restored goes to that version, if its log has it.
/// Versions after that one stay in the log until the next step.
impl<M> Persist for GgufModel<M> {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        fields.field("data", &mut self.clock)?;
        fields.enter("version");
        let visited = self.visit_version(fields);
        fields.leave();
        visited
    }
}

impl<M> GgufModel<M> {
    fn visit_version(&mut self, fields: &mut dyn Fields) -> Result<()> {
        let mut version = vec![self.version()];
        fields.words(&mut version, 1..=1)?;
        if version[0] == self.version() {
            return Ok(());
        }
        self.model = None;
        let found = self.copy.rewind(version[0]).map_err(|e| fields.refusal(e.to_string()))?;
        if found {
            Ok(())
        } else {
            Err(fields.refusal(format!("{:016x} is none that the log of the working copy has", version[0])))
        }
    }
}
