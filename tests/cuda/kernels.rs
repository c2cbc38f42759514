//! Every `kernel!`.

use std::error::Error;

use candle_core::{DType, Device};
use moths::{
    Key,
    fuse::{Argument, Formula, Kind, cuda, formulas},
    tensor::host,
};

use crate::{
    Tested,
    host::{Found, same_on_both, values},
};

/// One row that is shorter than a block, tails, rows that end within blocks, and more elements than one pass of the grid.
const GRIDS: [[usize; 2]; 8] = [[1, 1], [1, 127], [1, 300], [3, 5], [7, 129], [4, 256], [40, 3], [2, 1025]];
const DTYPES: [DType; 2] = [DType::F32, DType::F64];

/// By name, so that a test that fails says the same every time.
pub(crate) fn all() -> Vec<&'static Formula> {
    let mut all: Vec<_> = formulas().collect();
    all.sort_by_key(|formula| (formula.module, formula.name));
    all
}

pub(crate) fn text() -> Result<String, Box<dyn Error>> {
    let mut text = cuda::PRELUDE.to_owned();
    for (k, formula) in all().into_iter().enumerate() {
        for dtype in DTYPES {
            text += &formula.cuda(&format!("{}_{k}_{}", formula.name, dtype.as_str()), dtype)?;
        }
    }
    Ok(text)
}

fn arguments(
    formula: &Formula,
    [rows, columns]: [usize; 2],
    dtype: DType,
    key: Key,
    device: &Device,
) -> Result<Vec<Argument>, Box<dyn Error>> {
    let values = |shape: &[usize], dtype, key| values(shape, dtype, key, device);
    let one = |(i, (_, kind)): (usize, &(&str, Kind))| {
        let key = key.fold(i as u64);
        Ok(match kind {
            Kind::Num => Argument::Number(host::to_f64s(&*values(&[1], DType::F64, key)?)?[0]),
            Kind::Uniform | Kind::Normal | Kind::Sign => Argument::Key(key),
            Kind::Row => Argument::Tensor(values(&[columns], dtype, key)?),
            Kind::Col => Argument::Tensor(values(&[rows], dtype, key)?),
            _ => Argument::Tensor(values(&[rows, columns], dtype, key)?),
        })
    };
    formula.parameters.iter().enumerate().map(one).collect()
}

fn run(formula: &Formula, grid: [usize; 2], dtype: DType, key: Key, device: &Device) -> Result<Found, Box<dyn Error>> {
    // A vector that is added up has no rows.
    let grid = if formula.parameters.iter().any(|(_, kind)| *kind == Kind::Sum) { [1, grid[0] * grid[1]] } else { grid };
    let mut arguments = arguments(formula, grid, dtype, key, device)?;
    (formula.apply)(&mut arguments)?;
    let written = formula.parameters.iter().zip(arguments).filter_map(|((name, kind), argument)| match (kind, argument) {
        (Kind::InOut | Kind::Out, Argument::Tensor(tensor)) => {
            Some((format!("{formula:?}.{name} of {grid:?} in {dtype:?}"), tensor))
        }
        _ => None,
    });
    Ok(written.collect())
}

#[test]
fn every_kernel_gives_the_bits_of_the_cpu() -> Tested {
    let ran = same_on_both(|device| {
        let mut found = vec![];
        for (k, formula) in all().into_iter().enumerate() {
            for (j, dtype) in DTYPES.into_iter().enumerate() {
                for (g, grid) in GRIDS.into_iter().enumerate() {
                    found.extend(run(formula, grid, dtype, Key::new(7).fold(k as u64).fold((8 * j + g) as u64), device)?);
                }
            }
        }
        Ok(found)
    })?;
    assert!(ran.is_none_or(|ran| ran >= 2 * GRIDS.len() * all().len()), "{ran:?}");
    Ok(())
}
