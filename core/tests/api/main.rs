//! What the crate promises, tested from outside. One program: each more is linked against candle once more.

mod ask_tell;
mod batch;
mod checkpoint;
mod convergence;
mod descent;
mod fixed;
mod floors;
mod horizon;
mod in_place;
mod journal;
mod kinds;
mod layers;
mod model;
mod numbers;
mod persist;
mod population;
mod run;
mod settings;
mod space;
mod toy;
