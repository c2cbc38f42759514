//! Which optimizers each set of features registers: a plug-in crate that is not referenced would register nothing.

use moths::{optimizer::descent, registry};

#[test]
fn every_feature_registers_its_optimizers_and_no_others() {
    let mut expected: Vec<&str> = vec![];
    if cfg!(feature = "random") {
        expected.extend(["backprop", "random-search", "spsa", "spsa2"]);
        expected.extend(["fzoo", "hizoo", "lozo", "mezo", "subzero", "random-grad", "random-best-grad"]);
        expected.extend([
            "adam-spsa",
            "fdsa",
            "forward-differences",
            "gaussian-smoothing",
            "parabola",
            "qzo",
            "rdsa",
            "residual-feedback",
        ]);
        expected.extend(["random-walk", "inf-order-walk", "convex-inf-order-walk"]);
        expected.extend(["accelerated-random-search", "gradientless-descent", "one-plus-one-es", "random-optimizer"]);
        expected.extend(["stochastic-three-points", "two-step-random-search"]);
        expected.extend(["simulated-annealing", "threshold-accepting", "dual-annealing"]);
    }
    if cfg!(feature = "swarm") {
        expected.extend([
            "bare-bones-pso",
            "clpso",
            "consensus",
            "cso",
            "empso",
            "ensemble-kalman",
            "gravity",
            "gravity-descent",
        ]);
        expected.extend(["particle-gradient", "pso", "spso-2011"]);
    }
    if cfg!(feature = "evolution") {
        expected.extend(["cem", "de", "es", "genetic", "jade", "jso", "l-shade", "shade"]);
        expected.extend(["compact-genetic", "pbil", "umda"]);
        expected.extend(["ars", "asebo", "disarm", "guided-es", "low-rank-es", "pgpe", "qes"]);
        expected.extend(["cma-es", "es-at-scale", "open-es", "sep-cma-es", "cr-fm-nes", "lm-ma-es", "snes", "vd-cma-es", "xnes"]);
        expected.extend(["cat-cma-es", "tpe"]);
    }
    if cfg!(feature = "local") {
        expected.extend(["brent-step", "hooke-jeeves", "nelder-mead", "quasi-newton", "subplex"]);
    }
    if cfg!(feature = "ensemble") {
        expected.extend(["auto", "lq-cma-es", "race", "surrogate"]);
        expected.extend(["after-step", "average-iterate", "lookahead", "many-rates", "momentum-to-best", "opposite"]);
        expected.extend(["parabola-step", "polish", "restart", "stochastic-rounding", "undo", "chain", "update-to-gradient"]);
        expected.extend(["alternate", "average", "best-of", "random-choice", "sequence"]);
        expected.extend(["optimizer-swarm", "population-based-training"]);
    }
    expected.sort_unstable();
    let registered: Vec<&str> = registry::entries().iter().map(|e| e.meta.id).collect();
    assert_eq!(registered, expected);
}

#[test]
fn the_descents_of_core_are_always_there() {
    let registered: Vec<&str> = descent::entries().iter().map(|e| e.id).collect();
    assert_eq!(
        registered,
        [
            "accumulate",
            "adam",
            "adamw",
            "bit-gd",
            "clip-up",
            "heavy-ball",
            "lion",
            "momentum-to-best",
            "nesterov",
            "rmsprop",
            "sgd",
            "sign"
        ]
    );
}
