use std::f64::consts::PI;

use moths_core::{Function, Key, Optimizer, Space, Stop, minimize};

use super::*;
