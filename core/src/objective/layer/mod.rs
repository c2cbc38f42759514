//! Objective in, objective out: what can be laid around any objective.

mod best;
mod budget;
mod pool;

pub use best::Best;
pub use budget::Budget;
pub use pool::Pool;

/// The methods of [`Objective`](crate::objective::Objective) that a layer passes on unchanged: `passes_on!(inner: space, stochastic, refresh, gradient, outputs, home);`
/// in its implementation, `inner` being the field with the objective inside. `refresh` is `skip` as well.
#[macro_export]
macro_rules! passes_on {
    ($inner:ident: $($method:ident),*) => { $($crate::passes_on!(@ $inner $method);)* };
    (@ $inner:ident space) => {
        fn space(&self) -> &$crate::space::Space {
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
    (@ $inner:ident outputs) => {
        fn shows_outputs(&self) -> bool {
            self.$inner.shows_outputs()
        }

        fn outputs(&mut self, batch: &$crate::objective::Batch) -> $crate::Result<Option<$crate::objective::Outputs>> {
            self.$inner.outputs(batch)
        }
    };
    (@ $inner:ident home) => {
        fn home(&mut self) -> Option<&mut dyn $crate::objective::Home> {
            self.$inner.home()
        }
    };
    (@ $inner:ident gradient) => {
        fn gradient(&mut self, at: &$crate::tensor::CowTensor) -> $crate::Result<Option<(f64, $crate::candle_core::Tensor)>> {
            self.$inner.gradient(at)
        }
    };
}
