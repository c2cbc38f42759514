//! Optimizers inside an optimizer: whoever is in the list is saved, and comes back as it was, however many there are.

use moths_core::{
    Function, Key, Result, Space, Spec,
    optimizer::Members,
    persist::{Keep, State, Value},
};
use moths_evolution as _;

fn bowl(x: &[f64]) -> f64 {
    x.iter().map(|x| (x - 1.0).powi(2)).sum()
}

fn members(space: &Space, ids: &[&str]) -> Result<Members> {
    let mut members = Members::new("inner", space, 1..=4);
    for (i, id) in ids.iter().enumerate() {
        members.push(Spec::new(*id), Key::new(i as u64))?;
    }
    Ok(members)
}

/// Steps everybody, and gives all answers.
fn stepped(members: &mut Members, space: &Space) -> Result<Vec<Vec<f64>>> {
    let mut objective = Function::new(space.clone(), bowl);
    let mut answers = vec![];
    for member in members.iter_mut() {
        member.optimizer.step(&mut objective)?;
        answers.push(member.optimizer.answer()?.to_vec1()?);
    }
    Ok(answers)
}

#[test]
fn a_list_of_another_length_comes_back() -> Result<()> {
    let space = Space::real(3)?;
    let mut old = members(&space, &["sep-cma-es", "de", "cma-es"])?;
    (0..5).try_for_each(|_| stepped(&mut old, &space).map(drop))?;
    old.remove(0);
    old.replace(1, Spec::new("snes").with("population", 6)?, Key::new(9))?;
    let state = State::of(&mut old)?;
    for ids in [&["de"][..], &["sep-cma-es", "de", "cma-es", "de"], &["snes", "snes"]] {
        let mut new = members(&space, ids)?;
        state.restore(&mut new, Keep::Nothing)?;
        assert_eq!(new.iter().map(|member| member.spec().name.clone()).collect::<Vec<_>>(), ["de", "snes"]);
        let mut same = members(&space, &["de"])?;
        state.restore(&mut same, Keep::Nothing)?;
        assert_eq!(stepped(&mut new, &space)?, stepped(&mut same, &space)?);
    }
    Ok(())
}

#[test]
fn a_damaged_roll_is_refused_and_nobody_leaves() -> Result<()> {
    let space = Space::real(3)?;
    let mut two = members(&space, &["de", "snes"])?;
    let mut five = Members::new("inner", &space, 1..=5);
    (0..5).try_for_each(|i| five.push(Spec::new("snes"), Key::new(i)))?;
    let before = State::of(&mut two)?.digest()?;
    let mut damaged = State::of(&mut two)?.values().clone();
    damaged.insert("roll".into(), Value::Words(vec![3, 0x7d7d7d]));
    let too_many = State::of(&mut five)?;
    for state in [State::from_values(damaged), too_many] {
        let refused = state.restore(&mut two, Keep::Nothing).map_err(|e| e.to_string());
        assert!(refused.is_err_and(|why| why.contains("roll")), "nothing said");
        assert_eq!(State::of(&mut two)?.digest()?, before);
    }
    Ok(())
}
