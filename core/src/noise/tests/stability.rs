//! What must never change: names and bits.

use super::*;

#[test]
fn names_are_stable() -> std::result::Result<(), serde_json::Error> {
    let names = [
        "\"normal\"",
        "\"uniform\"",
        "\"rademacher\"",
        "\"laplace\"",
        r#"{"student-t":{"dof":5.0}}"#,
        "\"cauchy\"",
        r#"{"asymmetric-bernoulli":{"epsilon":0.5}}"#,
        "\"sphere\"",
        r#"{"sparse":{"fraction":0.1,"block":3}}"#,
        r#"{"low-rank":{"rank":2}}"#,
        r#"{"subspace":{"rank":2}}"#,
        "\"orthogonal\"",
        "\"sobol\"",
        r#"{"gaussian-filter":{"sigma":1.5}}"#,
        r#"{"random-kernel":{"size":3}}"#,
        r#"{"median":{"size":3}}"#,
    ];
    for (sampler, name) in ALL.into_iter().zip(names) {
        assert_eq!(serde_json::to_string(&sampler)?, name);
        assert_eq!(serde_json::from_str::<Sampler>(name)?, sampler);
    }
    Ok(())
}

/// Value stability: a change here is value-breaking and belongs in the change log.
#[test]
fn golden_bits() {
    let fingerprint = |sampler| {
        let noise = over(sampler, &[&[10, 50], &[5, 5, 4], &[500]]);
        let drawn_at = (Key::new(2024), 100, 1_000);
        let single: Vec<f32> = drawn(&noise, drawn_at.0, drawn_at.1, drawn_at.2);
        let double: Vec<f64> = drawn(&noise, drawn_at.0, drawn_at.1, drawn_at.2);
        let bits = single.iter().map(|x| x.to_bits() as u64).chain(double.iter().map(|x| x.to_bits()));
        bits.fold(0xcbf2_9ce4_8422_2325_u64, |hash, bits| (hash ^ bits).wrapping_mul(0x0000_0100_0000_01b3))
    };
    #[rustfmt::skip]
    let bits = [
        11244517189038599371, 16048878835761149402, 10242371837982728037, 5645764554831230636, 11550701269962918557,
        5432899852500023390, 12958432138282548702, 7560255223433312443, 13674843786632164890, 7642424829115608898, 15165403906174927860, 16604644377598156645,
        4931784404354947358, 9118491101948364770, 11703355255506810834, 9410419951934609800,
    ];
    assert_eq!(ALL.map(fingerprint), bits);
}
