use moths::{
    Spec,
    persist::{Keep, State},
};

use super::*;

fn birth(life: u64, place: u64, parents: &[u64]) -> Birth {
    let spec = Spec::new("spsa").with("descent.rate", 0.1 + life as f64).expect("settings");
    Birth { life, place, parents: parents.into(), spec }
}

fn tally(steps: u64, evaluations: u64) -> Tally {
    Tally { steps, evaluations, ..Tally::default() }
}

/// Three founders; 3 of 0 in the place of 1; 4 of 3 and 2 in the place of 0; 5 afresh in the place of 2.
fn family() -> Lives {
    let mut lives = Lives::default();
    let founders = [0, 1, 2].map(|i| birth(i, i, &[]));
    assert!(lives.add(&founders, &tally(1, 12)).iter().all(|life| life.evaluations == 0));
    assert!(lives.add(&[], &tally(2, 24)).is_empty());
    assert_eq!(lives.add(&[birth(3, 1, &[0])], &tally(3, 36))[0].evaluations, 36);
    assert_eq!(lives.add(&[birth(4, 0, &[3, 2]), birth(5, 2, &[])], &tally(9, 108)).len(), 2);
    lives
}

#[test]
fn who_is_dead_and_whose_follows_from_births() {
    let kin = family().kin();
    let each = |f: &dyn Fn(usize) -> u64| (0..6).map(f).collect::<Vec<_>>();
    assert_eq!((0..6).map(|i| kin.end(i)).collect::<Vec<_>>(), [Some(108), Some(36), Some(108), None, None, None]);
    assert_eq!((0..6).map(|i| kin.parents(i)).collect::<Vec<_>>(), [&[][..], &[], &[], &[0], &[3, 2], &[]]);
    assert_eq!(each(&|i| kin.generation(i)), [0, 0, 0, 1, 2, 0]);
    assert_eq!(each(&|i| kin.founder(i) as u64), [0, 1, 2, 0, 0, 5]);
    // Of 0 both 3 and 4 live, and 4 counts once though it comes from 0 on no other way.
    assert_eq!(each(&|i| kin.heirs(i)), [2, 0, 1, 2, 1, 1]);
    assert_eq!(each(&|i| kin.descendants(i)), [2, 0, 1, 1, 0, 0]);
    assert_eq!((0..6).filter(|i| kin.lives(*i)).collect::<Vec<_>>(), [3, 4, 5]);
}

#[test]
fn nonsense_makes_no_relations() {
    let mut lives = Lives::default();
    let births = [birth(7, 0, &[7, 8]), birth(7, u64::MAX, &[7, 7]), birth(8, 0, &[9, 7])];
    lives.add(&births, &tally(5, 10));
    let kin = lives.kin();
    assert_eq!((0..3).map(|i| kin.parents(i)).collect::<Vec<_>>(), [&[][..], &[0], &[1]]);
    assert_eq!((kin.end(0), kin.descendants(0), kin.heirs(0)), (Some(10), 2, 2));
    assert_eq!(Lives::default().kin(), Kin::of(&[]));
}

/// In the first step the places are taken once by those that were there, then by who is born.
#[test]
fn what_is_born_in_the_first_step_is_not_what_was_there() {
    let mut lives = Lives::default();
    lives.add(&[birth(0, 0, &[]), birth(1, 1, &[]), birth(2, 1, &[0]), birth(3, 0, &[])], &tally(1, 8));
    assert_eq!(lives.all().iter().map(|life| life.evaluations).collect::<Vec<_>>(), [0, 0, 8, 8]);
}

#[test]
fn births_survive_being_saved() -> Result<()> {
    for mut lives in [Lives::default(), family()] {
        let state = State::of(&mut lives)?;
        for mut other in [Lives::default(), family(), Lives(family().0[..2].to_vec())] {
            state.restore(&mut other, Keep::Nothing)?;
            assert_eq!(other, lives);
        }
    }
    Ok(())
}

#[test]
fn what_are_no_births_is_refused() -> Result<()> {
    let mut wrong = family();
    wrong.0.reverse();
    let mut kept = Lives::default();
    let refused = State::of(&mut wrong)?.restore(&mut kept, Keep::Nothing);
    assert!(refused.is_err_and(|e| e.to_string().contains("births are not in order")) && kept.is_empty());
    let lines = family().lines()?;
    assert!(Lives::of_lines(lines.clone().into_bytes()).is_ok_and(|lives| lives == family()));
    assert!(Lives::of_lines(lines.replace("place", "plaice").into_bytes()).is_err() && Lives::of_lines(vec![0xff]).is_err());
    Ok(())
}

#[test]
fn a_line_is_a_birth() -> Result<()> {
    let first = r#"{"evaluations":0,"life":0,"place":0,"parents":[],"spec":{"descent":{"rate":0.1},"name":"spsa"}}"#;
    let lines = family().lines()?;
    assert_eq!((lines.lines().count(), lines.lines().next()), (6, Some(first)));
    Ok(())
}
