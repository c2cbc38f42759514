//! A model that is already built on a [`VarMap`].

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::VarMap;

use super::{
    DataClock,
    buffers::{Buffers, is_buffer},
    effect,
    layout::whole_leaf,
    loss::{Answers, Loss, Shown},
    mean, scalar,
};
use crate::{
    Error, Result,
    objective::{Batch, Objective, OutputLoss, Outputs},
    persist::{Fields, Persist},
    rng::Key,
    space::{Leaf, Space},
    tensor::CowTensor,
};

/// An objective from a model that lives on a [`VarMap`]: candidates are copied into its variables.
///
/// Variables are taken in the order of their names; any dtypes go together, and integer variables become integer leaves. The
/// search starts at the values they have. Running statistics (`running_mean`, `running_var`, `num_batches_tracked`) are no parameters: they
/// are frozen leaves, which the model's layers alone change.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_nn::{Module, VarBuilder, VarMap, linear, loss::mse};
/// use moths_core::VarMapModel;
///
/// let vars = VarMap::new();
/// let model = linear(2, 1, VarBuilder::from_varmap(&vars, DType::F32, &Device::Cpu))?;
/// let x = Tensor::new(&[[1f32, 2.0], [3.0, 4.0]], &Device::Cpu)?;
/// let y = Tensor::new(&[[1f32], [0.0]], &Device::Cpu)?;
/// let objective = VarMapModel::new(&vars, move |_| mse(&model.forward(&x)?, &y))?;
/// # Ok::<(), moths_core::Error>(())
/// ```
pub struct VarMapModel {
    space: Space,
    vars: Vec<Var>,
    buffers: Buffers,
    loss: Loss<()>,
    clock: DataClock,
    stochastic: bool,
}

impl VarMapModel {
    /// `loss` gives the loss of the model as its variables are: one number of any dtype, or a tensor of which the mean is taken. The key
    /// it is given is for stochastic losses.
    ///
    /// # Errors
    /// As [`VarMapModel::with_leaves`].
    pub fn new(vars: &VarMap, loss: impl FnMut(Key) -> candle_core::Result<Tensor> + Send + 'static) -> Result<Self> {
        Self::with_leaves(vars, |leaf| leaf, loss)
    }

    /// The same with a say about every leaf: its scale, bounds, or whether it is frozen.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a leaf that contradicts itself, for values that are not finite, or when all leaves are frozen;
    /// [`Error::Objective`] for variables whose lock is poisoned.
    pub fn with_leaves(
        vars: &VarMap,
        adjust: impl Fn(Leaf) -> Leaf,
        mut loss: impl FnMut(Key) -> candle_core::Result<Tensor> + Send + 'static,
    ) -> Result<Self> {
        Self::of(vars, adjust, Loss::Whole(Box::new(move |_, key| loss(key))))
    }

    /// A model that shows its [outputs](Objective::outputs): `forward` gives them \[m, k\] on the data of a key, and the targets that `loss`
    /// compares them with.
    ///
    /// # Errors
    /// As [`VarMapModel::with_leaves`].
    pub fn with_outputs(
        vars: &VarMap,
        adjust: impl Fn(Leaf) -> Leaf,
        mut forward: impl FnMut(Key) -> candle_core::Result<(Tensor, Tensor)> + Send + 'static,
        loss: OutputLoss,
    ) -> Result<Self> {
        Self::of(vars, adjust, Loss::OfOutputs(Shown { forward: Box::new(move |_, key| forward(key)), loss }))
    }

    fn of(vars: &VarMap, adjust: impl Fn(Leaf) -> Leaf, loss: Loss<()>) -> Result<Self> {
        let data = vars.data().lock().map_err(|e| Error::Objective(e.to_string()))?;
        let mut named: Vec<(String, Var)> = data.iter().map(|(name, var)| (name.clone(), var.clone())).collect();
        named.sort_by(|a, b| a.0.cmp(&b.0));
        let buffers = named.iter().filter(|(name, _)| is_buffer(name)).cloned().collect();
        let adjusted = |(name, var): &(String, Var)| {
            let leaf = adjust(leaf(name, var));
            if is_buffer(name) { leaf.frozen(true) } else { leaf }
        };
        let leaves: Vec<Leaf> = named.iter().map(adjusted).collect();
        named = named.into_iter().zip(&leaves).filter(|(_, leaf)| !leaf.is_frozen()).map(|(var, _)| var).collect();
        let dtype = if named.iter().any(|(_, var)| var.dtype() == DType::F64)
            || leaves.iter().any(|leaf| !leaf.is_frozen() && leaf.needs_f64())
        {
            DType::F64
        } else {
            DType::F32
        };
        let space = Space::with_dtype(leaves, dtype)?;
        let vars: Vec<Var> = named.into_iter().map(|(_, var)| var).collect();
        let flat: candle_core::Result<Vec<Tensor>> =
            vars.iter().map(|var| var.flatten_all()?.to_device(&Device::Cpu)?.to_dtype(dtype)).collect();
        let space = space.starting_at(&Tensor::cat(&flat?, 0)?)?;
        Ok(Self { space, vars, buffers, loss, clock: DataClock::new(Key::new(0)), stochastic: false })
    }

    /// The loss uses the key it is given, which follows from this one.
    pub fn stochastic(self, key: Key) -> Self {
        Self { stochastic: true, clock: DataClock::new(key), ..self }
    }

    /// Gives the variables the values of a point \[d\] in search coordinates.
    ///
    /// # Errors
    /// [`Error::Shape`] for a point that is not of the space; the variables are then as they were.
    pub fn load(&mut self, at: &CowTensor) -> Result<()> {
        let values = self.space.tensors(&*self.space.decode(at)?)?;
        Ok(self.vars.iter().zip(values).try_for_each(|(var, (_, value))| var.set(&value.to_device(var.device())?))?)
    }

    /// The names of leaves that the loss does not depend on, as [`FlatModel::without_effect`](super::FlatModel::without_effect) finds them.
    /// Afterwards the variables are what they were.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a loss that is another for the same parameters, or not finite at the start; what the loss fails with.
    pub fn without_effect(&mut self) -> Result<Vec<String>> {
        let before: candle_core::Result<Vec<Tensor>> = self.vars.iter().map(|var| var.as_detached_tensor().copy()).collect();
        let (before, statistics) = (before?, self.buffers.copies()?);
        let key = self.clock.key(0);
        let found = effect::without_effect(&self.space.clone(), |point| {
            self.load(point)?;
            self.buffers.restore(&statistics)?;
            scalar(&self.loss.of(&mut (), key)?)
        });
        self.vars.iter().zip(&before).try_for_each(|(var, value)| var.set(value))?;
        self.buffers.restore(&statistics)?;
        found
    }
}

fn leaf(name: &str, var: &Var) -> Leaf {
    if matches!(var.dtype(), DType::U8 | DType::U32 | DType::I16 | DType::I32 | DType::I64) {
        return whole_leaf(name, var.dims(), var.dtype());
    }
    let fan_in: usize = var.dims().iter().skip(1).product();
    let scale = if var.rank() >= 2 { 1.0 / (fan_in as f64).sqrt() } else { 0.1 };
    let leaf = Leaf::real(name, var.dims()).dtype(var.dtype());
    if var.dtype().is_float() { leaf.scale(scale) } else { leaf.scale(1.0) }
}

impl Objective for VarMapModel {
    fn space(&self) -> &Space {
        &self.space
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        (0..batch.len())
            .map(|i| {
                self.load(&batch.row(i, &self.space)?)?;
                scalar(&self.loss.of(&mut (), self.clock.key(batch.draw(i)))?)
            })
            .collect()
    }

    fn shows_outputs(&self) -> bool {
        self.loss.shows_outputs()
    }

    fn outputs(&mut self, batch: &Batch) -> Result<Option<Outputs>> {
        let mut answers = Answers::default();
        for i in 0..batch.len() {
            self.load(&batch.row(i, &self.space)?)?;
            let Some(answer) = self.loss.with_outputs(&mut (), self.clock.key(batch.draw(i)))? else { return Ok(None) };
            answers.push(answer, &self.space)?;
        }
        answers.outputs()
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

    fn gradient(&mut self, at: &CowTensor) -> Result<Option<(f64, Tensor)>> {
        if self.space.is_discrete() {
            return Ok(None);
        }
        self.load(at)?;
        let loss = self.loss.of(&mut (), self.clock.key(0))?;
        gradient_of(&loss, &self.vars, &self.space, at)
    }
}

impl Persist for VarMapModel {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        fields.field("data", &mut self.clock)?;
        fields.field("buffers", &mut self.buffers)
    }
}

/// A loss, and its gradient by search coordinates \[d\], zero for variables it does not depend on; `None` for a loss that counts, as
/// integers have no slope.
pub(super) fn gradient_of(loss: &Tensor, vars: &[Var], space: &Space, at: &Tensor) -> Result<Option<(f64, Tensor)>> {
    if !loss.dtype().is_float() {
        return Ok(None);
    }
    let loss = mean(loss)?;
    Ok(Some((loss.to_scalar()?, flat_gradient(&loss, vars, space, at)?)))
}

fn flat_gradient(loss: &Tensor, vars: &[Var], space: &Space, at: &Tensor) -> Result<Tensor> {
    let gradients = loss.backward()?;
    let flat: candle_core::Result<Vec<Tensor>> = vars
        .iter()
        .map(|var| match gradients.get(var) {
            Some(gradient) => gradient.flatten_all()?.to_device(space.device())?.to_dtype(space.dtype()),
            None => Tensor::zeros(var.elem_count(), space.dtype(), space.device()),
        })
        .collect();
    let mut gradient = CowTensor::new(Tensor::cat(&flat?, 0)?.copy()?);
    space.pull_back(&at.to_device(space.device())?, &mut gradient)?;
    Ok((*gradient).clone())
}
