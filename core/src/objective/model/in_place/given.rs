//! A backend of candle's `VarBuilder` that keeps hold of every tensor it gives out.

use std::sync::{Arc, Mutex};

use candle_core::{DType, Device, Shape, Tensor, Var};
use candle_nn::{Init, var_builder::SimpleBackend};

use crate::{
    Error, Result,
    objective::model::{
        layout::Request,
        options::ModelOptions,
        refusals::{Refusals, another, shapeless},
        weights::Base,
    },
};

/// One tensor that a model has.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) request: Request,
    pub(super) tensor: Tensor,
    pub(super) base: Base,
    /// The model changes it itself.
    pub(super) is_buffer: bool,
}

/// Gives out tensors with the values that the options say, each once.
pub(super) struct Giver {
    pub(super) options: ModelOptions,
    pub(super) given: Arc<Mutex<Vec<Given>>>,
    pub(in crate::objective::model) refusals: Refusals,
}

impl Given {
    pub(super) fn is_frozen(&self, options: &ModelOptions) -> bool {
        self.is_buffer || self.request.is_frozen(options)
    }
}

impl SimpleBackend for Giver {
    fn get(&self, shape: Shape, name: &str, init: Init, dtype: DType, device: &Device) -> candle_core::Result<Tensor> {
        let mut given = self.given.lock().map_err(|e| candle_core::Error::msg(e.to_string()))?;
        if !device.same_device(&self.options.device) {
            let valid = format!("{:?}, as the options say", self.options.device);
            return Err(self.refusals.refuse(Error::invalid(format!("device of `{name}`"), format!("{device:?}"), valid)));
        }
        if let Some(known) = given.iter().find(|known| known.request.name == name) {
            if known.tensor.shape() != &shape || known.tensor.dtype() != dtype {
                let had = (known.tensor.dims(), known.tensor.dtype());
                return Err(self.refusals.refuse(another(name, had, (shape.dims(), dtype))));
            }
            return Ok(known.tensor.clone());
        }
        if let Some(why) = self.options.missing(name) {
            return Err(self.refusals.refuse(why));
        }
        let request = Request { name: name.into(), shape: shape.dims().to_vec(), init, dtype };
        let made = self.make(request, given.len(), dtype).map_err(|why| self.refusals.refuse(why))?;
        let tensor = made.tensor.clone();
        given.push(made);
        Ok(tensor)
    }

    fn get_unchecked(&self, name: &str, dtype: DType, device: &Device) -> candle_core::Result<Tensor> {
        match self.options.shape(name) {
            Some(shape) => self.get(shape.into(), name, Init::Const(0.0), dtype, device),
            None => Err(self.refusals.refuse(shapeless(name))),
        }
    }

    fn contains_tensor(&self, name: &str) -> bool {
        let given = || self.given.lock().is_ok_and(|given| given.iter().any(|known| known.request.name == name));
        if self.options.weights.is_some() { self.options.contains(name) } else { given() }
    }
}

impl Giver {
    fn make(&self, request: Request, at: usize, dtype: DType) -> Result<Given> {
        let (base, is_buffer) = (request.base(&self.options, at)?, request.is_buffer(&self.options));
        let frozen = is_buffer || request.is_frozen(&self.options);
        // What nobody writes to need not be copied.
        let tensor = match base.held().filter(|tensor| frozen && !is_buffer && tensor.dtype() == dtype) {
            Some(tensor) => tensor.clone(),
            None => base.tensor(&request.shape, dtype)?,
        };
        let tensor = tensor.to_device(&self.options.device)?;
        // As a variable a layer takes it as it is, and not a copy.
        let tensor = if is_buffer { Var::from_tensor(&tensor)?.as_tensor().clone() } else { tensor };
        Ok(Given { request, tensor, base, is_buffer })
    }
}
