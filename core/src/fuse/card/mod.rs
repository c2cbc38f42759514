//! Kernels on a card: what is launched, and who launches it.
//!
//! | file | what it answers |
//! |---|---|
//! | `mod` | a launch, in words that do not depend on the maker of the card |
//! | `nvidia`, with the feature `cuda` | launching it by CUDA |

#[cfg(feature = "cuda")]
mod nvidia;

use std::{
    cell::RefCell,
    fmt,
    hash::{Hash, Hasher},
    ptr,
    sync::Arc,
};

use candle_core::{DType, Device, Tensor};

use super::{cuda, formula::Formula};
use crate::{Result, tensor::place};

/// A kernel of some text: what is compiled, and what of it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Program {
    source: Source,
    function: &'static str,
    dtype: DType,
}

#[derive(Clone, Copy, Debug)]
enum Source {
    Formula(&'static Formula),
    /// Kernels with names of their own, in CUDA C.
    Text(&'static str),
}

impl Source {
    /// What is the same text is at the same place: texts are not compared at every call.
    fn place(self) -> (usize, usize) {
        match self {
            Self::Formula(formula) => (ptr::from_ref(formula).addr(), 0),
            Self::Text(text) => (text.as_ptr().addr(), text.len()),
        }
    }
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for Source {}

impl Hash for Source {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.place().hash(state);
    }
}

impl Program {
    pub(super) fn of(formula: &'static Formula, dtype: DType) -> Self {
        Self { source: Source::Formula(formula), function: formula.name, dtype }
    }

    /// The kernel `function_f32`, or `function_f64`, of a text that stands behind [`cuda::PRELUDE`].
    pub(crate) fn named(text: &'static str, function: &'static str, dtype: DType) -> Self {
        Self { source: Source::Text(text), function, dtype }
    }

    /// What it is called in its text.
    pub fn symbol(&self) -> String {
        format!("{}_{}", self.function, self.dtype.as_str())
    }

    /// Its own text, to be compiled after [`cuda::PRELUDE`].
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) for another dtype than f32 and f64.
    pub fn text(&self) -> Result<String> {
        match self.source {
            Source::Formula(formula) => cuda::kernel(formula, &self.symbol(), self.dtype),
            Source::Text(text) => Ok(text.to_owned()),
        }
    }
}

/// One argument of a kernel.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Value<'a> {
    /// `u64`.
    Word(u64),
    /// `double`.
    Number(f64),
    /// `const u64*`: numbers of the host, brought to the card.
    Words(&'a [u64]),
    /// `const double*`: numbers of the host, brought to the card.
    Numbers(&'a [f64]),
    /// `const T*`: the first element of a contiguous tensor.
    Read(&'a Tensor),
    /// `T*`: the same, and it is written. No other argument shares its storage.
    Written(&'a Tensor),
    /// A null pointer.
    Nothing,
}

/// A kernel that is to run.
#[derive(Clone, Copy, Debug)]
pub struct Launch<'a> {
    /// Which.
    pub program: Program,
    /// How many threads have something to do, at most; any number does it all.
    pub threads: u64,
    /// Its arguments, in order.
    pub values: &'a [Value<'a>],
}

/// Who runs kernels.
pub trait Card: Send + Sync + fmt::Debug {
    /// Makes the kernel ready, where it has it: what it has not is computed on copies, on the CPU.
    ///
    /// # Errors
    /// [`Error::Kernel`](crate::Error::Kernel) where the text does not compile.
    fn takes(&self, launch: &Launch<'_>) -> Result<bool>;

    /// Runs it, after all that was launched before on the same tensors. What comes back need not have run yet.
    ///
    /// # Errors
    /// As [`takes`](Self::takes), and where it cannot be started; nothing is then written.
    fn launch(&self, launch: &Launch<'_>) -> Result<()>;
}

/// The card that a tensor is on.
pub(crate) fn of(tensor: &Tensor) -> Option<Arc<dyn Card>> {
    match tensor.device() {
        Device::Cpu => PRETENDED.with_borrow(Clone::clone),
        #[cfg(feature = "cuda")]
        Device::Cuda(device) => Some(Arc::new(nvidia::Nvidia::new(device.clone()))),
        _ => None,
    }
}

/// Runs a kernel on fresh tensors of a card; `false` where it has none.
pub(crate) fn launch(card: &dyn Card, program: Program, threads: usize, values: &[Value<'_>]) -> Result<bool> {
    let launch = Launch { program, threads: threads as u64, values };
    let takes = card.takes(&launch)?;
    if takes {
        card.launch(&launch)?;
    }
    Ok(takes)
}

/// How many numbers of tensors on cards this thread has brought to the CPU so far, for want of a kernel: what an optimizer that is to run on a
/// card keeps as low as its population.
pub fn brought() -> u64 {
    place::brought_so_far()
}

thread_local! {
    static PRETENDED: RefCell<Option<Arc<dyn Card>>> = const { RefCell::new(None) };
}

/// What this thread does in `work` it does as if all tensors on the CPU were on this card: so that the whole way of a launch can be
/// walked without one.
#[doc(hidden)]
pub fn pretended<R>(card: Arc<dyn Card>, work: impl FnOnce() -> R) -> R {
    struct End(Option<Arc<dyn Card>>);
    impl Drop for End {
        fn drop(&mut self) {
            place::pretend(self.0.is_some());
            PRETENDED.set(self.0.take());
        }
    }
    let _end = End(PRETENDED.replace(Some(card)));
    place::pretend(true);
    work()
}
