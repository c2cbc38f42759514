//! Saved and restored: the model is part of the state, as it is the point.

use super::*;
use moths_core::{
    Error, Optimizer,
    persist::{Keep, State},
};

#[test]
fn a_run_that_is_restored_goes_on_to_the_same_bits() -> Result<()> {
    for dtype in [DType::F32, DType::BF16, DType::F16] {
        let start = || -> Result<(InPlaceModel<Net>, Search)> {
            let model = in_place(options(dtype)?.train("fc*"))?;
            let search = search(&model.space().clone(), PLAIN)?;
            Ok((model, search))
        };
        let (mut model, mut whole) = start()?;
        (0..5).try_for_each(|_| whole.step(&mut model).map(drop))?;
        let (of_model, of_search) = (State::of(&mut model)?, State::of(&mut whole)?);
        (0..5).try_for_each(|_| whole.step(&mut model).map(drop))?;
        let (mut other, mut again) = start()?;
        of_search.restore(&mut again, Keep::Nothing)?;
        // The search alone is elsewhere than the model.
        let refused = again.step(&mut other);
        assert!(matches!(refused, Err(Error::State { .. })) || other.steps() == 0, "{refused:?}");
        of_model.restore(&mut other, Keep::Nothing)?;
        assert_eq!(other.steps(), 5);
        (0..5).try_for_each(|_| again.step(&mut other).map(drop))?;
        assert!(bits(other.tensors()?)? == bits(model.tensors()?)?, "{dtype:?}");
    }
    Ok(())
}

#[test]
fn a_search_whose_model_was_moved_by_somebody_else_says_so() -> Result<()> {
    let mut model = in_place(options(DType::F32)?)?;
    let space = model.space().clone();
    let (mut one, mut other) = (search(&space, PLAIN)?, search(&space, PLAIN)?);
    one.step(&mut model)?;
    other.step(&mut model)?;
    let (before, state) = (bits(model.tensors()?)?, State::of(&mut one)?.digest()?);
    assert!(matches!(one.step(&mut model), Err(Error::State { .. })));
    assert!(bits(model.tensors()?)? == before && State::of(&mut one)?.digest()? == state);
    Ok(())
}
