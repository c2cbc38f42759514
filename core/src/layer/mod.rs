//! Objective in, objective out: what can be laid around any objective.

mod best;
mod budget;
mod journal;
mod noise;
mod pool;

pub use best::Best;
pub use budget::Budget;
pub use journal::{Journal, Origin, Replay};
pub use noise::{Noise, NoiseModel, Noisy};
pub use pool::Pool;

/// The methods of [`Objective`](crate::Objective) that a layer passes on unchanged.
macro_rules! passes_on {
    ($inner:ident: $($method:ident),*) => { $(passes_on!(@ $inner $method);)* };
    (@ $inner:ident space) => {
        fn space(&self) -> &$crate::Space {
            self.$inner.space()
        }
    };
    (@ $inner:ident stochastic) => {
        fn stochastic(&self) -> bool {
            self.$inner.stochastic()
        }
    };
    (@ $inner:ident refresh) => {
        fn refresh(&mut self) -> $crate::Result<()> {
            self.$inner.refresh()
        }

        fn skip(&mut self, steps: u64) -> $crate::Result<()> {
            self.$inner.skip(steps)
        }
    };
    (@ $inner:ident gradient) => {
        fn gradient(&mut self, at: &$crate::CowTensor) -> $crate::Result<Option<(f64, candle_core::Tensor)>> {
            self.$inner.gradient(at)
        }
    };
}
use passes_on;
