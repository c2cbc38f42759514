//! What the crate promises, tested from outside. One program: each more is linked against candle once more.

mod kinds;
mod laws;
mod layers;
mod model;
mod nan;
mod parameters;
mod population;
mod refused;
mod toy;
