//! Layers in a row.

use moths_core::Result;

use super::Module;
use crate::Activations;

type Function = dyn Fn(Activations) -> Result<Activations> + Send + Sync;

/// Layers one after another.
#[derive(Default)]
pub struct Sequential(Vec<Box<dyn Module + Send + Sync>>);

/// No layers yet.
pub fn seq() -> Sequential {
    Sequential::default()
}

impl Sequential {
    /// The same with another layer behind.
    #[expect(clippy::should_implement_trait, reason = "candle-nn's name")]
    pub fn add(mut self, layer: impl Module + Send + Sync + 'static) -> Self {
        self.0.push(Box::new(layer));
        self
    }

    /// The same with a function behind.
    pub fn add_fn(self, function: impl Fn(Activations) -> Result<Activations> + Send + Sync + 'static) -> Self {
        self.add(func(function))
    }

    /// How many layers.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Module for Sequential {
    fn forward(&self, x: &Activations) -> Result<Activations> {
        let Some((first, rest)) = self.0.split_first() else { return Ok(x.clone()) };
        rest.iter().try_fold(first.forward(x)?, |x, layer| layer.consume(x))
    }
}

/// A function as a layer.
pub struct Func(Box<Function>);

/// This function as a layer.
pub fn func(function: impl Fn(Activations) -> Result<Activations> + Send + Sync + 'static) -> Func {
    Func(Box::new(function))
}

impl Module for Func {
    fn forward(&self, x: &Activations) -> Result<Activations> {
        (self.0)(x.clone())
    }

    fn consume(&self, x: Activations) -> Result<Activations> {
        (self.0)(x)
    }
}
