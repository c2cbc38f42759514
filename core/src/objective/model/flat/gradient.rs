//! The gradient of a flat model: of the same model over variables.

use candle_core::{Tensor, Var};
use candle_nn::VarBuilder;

use super::FlatModel;
use crate::{
    Error, Result,
    objective::model::{layout::Named, var_map},
    tensor::CowTensor,
};

/// The same model over variables, built when a gradient is asked for the first time.
pub(super) struct Differentiable<M> {
    vars: Vec<Var>,
    model: M,
}

impl<M> FlatModel<M> {
    pub(super) fn gradient_at(&mut self, at: &CowTensor) -> Result<Option<(f64, Tensor)>> {
        if self.space.is_discrete() {
            return Ok(None);
        }
        let values = self.space.tensors(&*self.space.decode(&at.to_device(self.space.device())?)?)?;
        let key = self.clock.key(0);
        self.differentiable()?;
        let Some(Differentiable { vars, model }) = &mut self.differentiable else { return Ok(None) };
        vars.iter().zip(&values).try_for_each(|(var, (_, value))| var.set(&value.to_device(var.device())?))?;
        var_map::gradient_of(&self.loss.of(model, key)?, vars, &self.space, at)
    }

    fn differentiable(&mut self) -> Result<&mut Differentiable<M>> {
        if self.differentiable.is_none() {
            let named = self.space.tensors(&*self.space.decoded(self.space.start())?)?;
            let device = self.flat.device().clone();
            let var = |(name, tensor): (String, Tensor)| Ok((name, Var::from_tensor(&tensor.to_device(&device)?)?));
            let vars: Vec<(String, Var)> = named.into_iter().map(var).collect::<Result<_>>()?;
            let mut tensors = self.frozen.clone();
            tensors.extend(self.buffers.shared());
            tensors.extend(vars.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone())));
            let builder =
                VarBuilder::from_backend(Box::new(Named { tensors, options: self.options.clone() }), self.flat.dtype(), device);
            let model = (self.build)(builder)?;
            self.differentiable = Some(Differentiable { vars: vars.into_iter().map(|(_, var)| var).collect(), model });
        }
        self.differentiable.as_mut().ok_or_else(|| Error::unsupported("the model", "cannot be differentiated"))
    }
}
