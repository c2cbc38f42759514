//! The length of a run fills what settings leave open, and nothing else.

use crate::toy::Test;
use moths_core::{
    CowTensor, Error, Horizon, Key, Objective, Optimizer, Report, Result, Schedule, Space, Spec,
    optimizer::{
        Algorithm, Capabilities, Family, Meta,
        schedule::{NOMINAL_OFFSET, NOMINAL_STEPS},
        settings,
    },
    persist, register, registry,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct TideConfig {
    /// Evaluations a step; 0: who knows.
    candidates: u64,
    #[schemars(range(min = 1))]
    budget: Option<u64>,
    rate: Schedule,
    #[schemars(extend("x-horizon" = Schedule::exponential(1.0, 0.5, None)))]
    heat: Option<Schedule>,
    #[schemars(extend("x-names" = "descent"))]
    descent: Spec,
    inner: Option<Spec>,
    others: Vec<Spec>,
}

impl Default for TideConfig {
    fn default() -> Self {
        let descent = Spec { name: "sgd".into(), settings: [("rate".into(), json!(0.5))].into_iter().collect() };
        let (rate, others) = (Schedule::power(0.1, None, 0.6), vec![]);
        Self { candidates: 4, budget: None, rate, heat: None, descent, inner: None, others }
    }
}

/// Comes to nothing.
struct Tide;
persist!(Tide {});

impl Algorithm for Tide {
    const META: Meta =
        Meta::new("tide", Family::Random, "Goes out in time.", "nobody").capabilities(Capabilities::NONE).horizon("budget");
    type Config = TideConfig;

    fn new(config: TideConfig, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        config.inner.map_or(Ok(()), |inner| registry::build_part("inner", &inner, space, key).map(drop))?;
        Ok(Self)
    }

    fn evaluations_per_step(config: &TideConfig, _: &Space, stochastic: bool) -> Result<Option<u64>> {
        Ok((config.candidates > 0).then_some(config.candidates + u64::from(stochastic)))
    }
}

impl Optimizer for Tide {
    fn step(&mut self, _: &mut dyn Objective) -> Result<Report> {
        Err(Error::unsupported("tide", "waits for no man"))
    }

    fn answer(&self) -> Result<CowTensor> {
        Err(Error::unsupported("tide", "has no answer"))
    }

    fn move_to(&mut self, _: &CowTensor) -> Result<()> {
        Ok(())
    }
}

register!(Tide);

/// The settings of a tide that is planned for 1000 evaluations.
fn planned(spec: Value) -> Result<Value> {
    let spec: Spec = serde_json::from_value(spec).map_err(|e| Error::Objective(e.to_string()))?;
    let spec = registry::planned(&spec, &Space::real(2)?, Horizon::evaluations(1000))?;
    registry::build(&spec, &Space::real(2)?, Key::new(1))?;
    Ok(Value::Object(spec.settings))
}

#[test]
fn what_is_open_is_filled_and_what_is_said_stays() -> Test {
    let heat = json!({ "exponential": { "from": 1.0, "to": 0.5, "steps": 250 } });
    let rate = json!({ "power": { "from": 0.1, "offset": 25.0, "exponent": 0.6 } });
    assert_eq!(planned(json!("tide"))?, json!({ "budget": 1000, "rate": rate, "heat": heat }));
    let said = json!({ "name": "tide", "budget": 7, "rate": 0.1, "heat": { "linear": { "from": 1.0, "to": 0.5, "steps": 9 } } });
    assert_eq!(planned(said.clone())?, json!({ "budget": 7, "rate": said["rate"], "heat": said["heat"] }));
    let null = json!({ "name": "tide", "candidates": 100, "budget": null, "rate": { "cosine": { "from": 1.0, "to": 0.0 } }, "heat": 0.5 });
    let rate = json!({ "cosine": { "from": 1.0, "to": 0.0, "steps": 10 } });
    assert_eq!(planned(null)?, json!({ "candidates": 100, "budget": 1000, "rate": rate, "heat": 0.5 }));
    Ok(())
}

#[test]
fn a_run_shorter_than_a_step_has_one() -> Test {
    let settings = planned(json!({ "name": "tide", "candidates": 5000 }))?;
    assert_eq!((&settings["heat"]["exponential"]["steps"], &settings["rate"]["power"]["offset"]), (&json!(1), &json!(1.0)));
    Ok(())
}

#[test]
fn parts_are_filled_too() -> Test {
    let open = json!({ "linear": { "from": 1.0, "to": 0.0 } });
    let filled = |steps: u64| json!({ "linear": { "from": 1.0, "to": 0.0, "steps": steps } });
    let descent = json!({ "name": "accumulate", "inner": { "name": "heavy-ball", "rate": open } });
    let settings = planned(json!({ "name": "tide", "descent": descent }))?;
    assert_eq!(settings["descent"], json!({ "name": "accumulate", "inner": { "name": "heavy-ball", "rate": filled(250) } }));
    // Three of four evaluations are the inner one's.
    let inner = json!({ "name": "tide", "candidates": 3, "rate": open, "heat": 1.0 });
    let settings = planned(json!({ "name": "tide", "inner": inner, "others": ["tide", inner] }))?;
    let inner = json!({ "name": "tide", "candidates": 3, "budget": 750, "rate": filled(250), "heat": 1.0 });
    assert_eq!((&settings["inner"], &settings["others"][1]), (&inner, &inner));
    assert_eq!(settings["others"][0]["budget"], 1000);
    Ok(())
}

#[test]
fn stochastic_objectives_take_more_a_step() -> Test {
    let objective = toy_noise()?;
    let spec = Spec::new("tide").with("rate", json!({ "cosine": { "from": 1.0, "to": 0.0 } }))?;
    let planned = registry::planned(&spec, objective.space(), Horizon::evaluations(1000).on(&objective))?;
    assert_eq!(planned.settings["rate"]["cosine"]["steps"], 200);
    Ok(())
}

fn toy_noise() -> Result<impl Objective> {
    struct Noisy(Space);
    impl Objective for Noisy {
        fn space(&self) -> &Space {
            &self.0
        }

        fn evaluate(&mut self, batch: &moths_core::Batch) -> Result<Vec<f64>> {
            Ok(vec![0.0; batch.len()])
        }

        fn stochastic(&self) -> bool {
            true
        }
    }
    Ok(Noisy(Space::real(2)?))
}

#[test]
fn what_cannot_be_filled_is_refused_by_name() -> Test {
    let refusal = |spec: Value| planned(spec).err().map(|e| e.to_string()).unwrap_or_default();
    let unknown =
        refusal(json!({ "name": "tide", "candidates": 0, "rate": { "cosine": { "from": 1.0, "to": 0.0 } }, "heat": 1.0 }));
    assert_eq!(unknown, "rate.cosine.steps = null: a number: a step of tide takes no fixed number of evaluations");
    let inner = json!({ "name": "tide", "inner": { "name": "tide", "inner": { "name": "tide", "budget": 0 } } });
    assert!(refusal(inner).starts_with("inner.inner.budget = 0: an integer >= 1"));
    assert!(refusal(json!({ "name": "tide", "inner": "tied" })).contains("did you mean `tide`?"));
    let none = registry::planned(&Spec::new("tide"), &Space::real(2)?, Horizon::evaluations(0));
    assert!(matches!(none, Err(Error::Invalid { field, .. }) if field == "horizon"));
    Ok(())
}

#[test]
fn what_would_be_filled_is_told() -> Test {
    let open = json!({ "linear": { "from": 1.0, "to": 0.0 } });
    let spec = Spec::new("tide").with("descent", json!({ "name": "adamw", "rate": open }))?.with("inner", "tide")?;
    let open = ["budget", "heat", "rate.power.offset", "descent.rate.linear.steps"];
    let inner = ["inner.budget", "inner.heat", "inner.rate.power.offset"];
    assert_eq!(registry::left_to_the_horizon(&spec)?, open.into_iter().chain(inner).collect::<Vec<_>>());
    Ok(())
}

#[test]
fn where_nobody_knows_the_length_it_is_a_nominal_one() {
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} and {b}");
    near(Schedule::cosine(1.0, 0.0, None).at(NOMINAL_STEPS / 2), 0.5);
    near(Schedule::power(2.0, None, 0.5).at(300), Schedule::power(2.0, NOMINAL_OFFSET, 0.5).at(300));
    let decade = Schedule::exponential(1.0, 0.1, 50_u64);
    near(decade.at(50), 0.1);
    near(decade.at(25), 0.1_f64.sqrt());
    near(decade.at(u64::MAX), 0.1);
}
