//! What runs on a card, without one: the CUDA text of kernels, reductions and noise gives the CPU's bits on the host's C++
//! compiler, and NVRTC compiles it.
//!
//! | file | what it answers |
//! |---|---|
//! | `host`, `host.h` | a card that is a program of the host |
//! | `kernels` | every `kernel!` |
//! | `named` | reductions and laws of noise |
//! | `optimizers` | every optimizer, with all that it runs there |
//! | `in_place` | models that are the point |
//! | `refused` | a kernel that does not compile |
//! | `nvrtc`, `nvrtc.py` | does the compiler for cards take it? |

mod host;
mod in_place;
mod kernels;
mod named;
mod nvrtc;
mod optimizers;
mod refused;

use std::error::Error;

type Tested = Result<(), Box<dyn Error>>;
