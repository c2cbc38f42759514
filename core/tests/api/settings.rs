//! Settings: unknown ones, ill-typed ones and ones out of range are refused by name, wherever they stand.

use crate::toy::{Test, bowl};
use moths_core::{
    CowTensor, Error, Key, Objective, Optimizer, Report, Result, Schedule, Space, Spec,
    optimizer::{Algorithm, Capabilities, Family, Meta, descent, settings},
    persist, register, registry,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Mood {
    #[default]
    Calm,
    Wild,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct LanternConfig {
    #[schemars(range(min = 2, max = 10))]
    count: usize,
    #[schemars(range(min = 0.0), extend("exclusiveMaximum" = 1.0))]
    share: f64,
    rate: Schedule,
    mood: Mood,
    bright: bool,
    #[schemars(range(min = 4))]
    limit: Option<usize>,
    inner: Option<Spec>,
}

impl Default for LanternConfig {
    fn default() -> Self {
        Self { count: 3, share: 0.5, rate: 0.1.into(), mood: Mood::Calm, bright: true, limit: None, inner: None }
    }
}

/// Does nothing but hold settings, and what stands inside them.
struct Lantern(LanternConfig, Option<Box<dyn Optimizer>>);
persist!(Lantern {});

impl Algorithm for Lantern {
    const META: Meta = Meta::new("lantern", Family::Ensemble, "A light.", "nobody").capabilities(Capabilities::NONE);
    type Config = LanternConfig;

    fn new(config: LanternConfig, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        let inner = config.inner.as_ref().map(|inner| registry::build_part("inner", inner, space, key)).transpose()?;
        Ok(Self(config, inner))
    }
}

impl Optimizer for Lantern {
    fn step(&mut self, _: &mut dyn Objective) -> Result<Report> {
        let inner = self.1.as_ref().map_or(0.0, |_| 1.0);
        Ok(Report::new(self.0.count as f64 + inner, 0))
    }

    fn answer(&self) -> Result<CowTensor> {
        Err(Error::unsupported("lantern", "has no answer"))
    }

    fn move_to(&mut self, _: &CowTensor) -> Result<()> {
        Ok(())
    }
}

register!(Lantern);

fn resolve(settings: Value) -> Result<LanternConfig> {
    settings::resolve("lantern", settings.as_object().unwrap_or(&serde_json::Map::new()))
}

#[test]
fn what_is_not_given_has_its_default() -> Test {
    assert_eq!(resolve(json!({}))?, LanternConfig::default());
    let some = resolve(json!({ "count": 10, "mood": "wild", "limit": null }))?;
    assert_eq!(some, LanternConfig { count: 10, mood: Mood::Wild, ..LanternConfig::default() });
    Ok(())
}

#[test]
fn unknown_settings_are_refused_with_the_nearest() {
    for (wrong, near) in [("cuont", Some("count")), ("moods", Some("mood")), ("lnner", Some("inner")), ("zzzz", None)] {
        let refused = resolve(json!({ wrong: 3 }));
        let Err(Error::Unknown { kind, name, nearest, valid }) = refused else { panic!("{wrong}: {refused:?}") };
        assert_eq!((kind.as_str(), name.as_str(), nearest.as_deref()), ("setting of lantern", wrong, near));
        assert_eq!(valid, ["bright", "count", "inner", "limit", "mood", "rate", "share"]);
    }
}

#[test]
fn values_of_another_type_or_out_of_range_are_refused_by_name() {
    let cases = [
        ("count", json!(1), "an integer >= 2 and <= 10"),
        ("count", json!(11), "an integer >= 2 and <= 10"),
        ("count", json!(-3), "an integer >= 2 and <= 10"),
        ("count", json!(3.5), "an integer >= 2 and <= 10"),
        ("count", json!("3"), "an integer >= 2 and <= 10"),
        ("count", json!(null), "an integer >= 2 and <= 10"),
        ("share", json!(-0.1), "a number >= 0 and < 1"),
        ("share", json!(1.0), "a number >= 0 and < 1"),
        ("share", json!([0.5]), "a number >= 0 and < 1"),
        ("mood", json!("sad"), "one of `calm`, `wild`"),
        ("mood", json!(1), "one of `calm`, `wild`"),
        ("bright", json!("yes"), "`true` or `false`"),
        ("limit", json!(3), "an integer >= 4 or null"),
        ("inner", json!(3), "a name or an object with a `name` and settings or null"),
    ];
    for (field, value, expected) in cases {
        let refused = resolve(json!({ field: value.clone() }));
        let Err(Error::Invalid { field: named, value: shown, valid }) = refused else { panic!("{field} = {value}: {refused:?}") };
        assert_eq!((named.as_str(), shown, valid.as_str()), (field, value.to_string(), expected));
    }
}

#[test]
fn schedules_are_numbers_or_one_curve() -> Test {
    let good = [
        json!(0.5),
        json!({ "linear": { "from": 1.0, "to": 0.0, "steps": 10 } }),
        json!({ "cosine": { "from": 0.1, "to": 0.01, "steps": 1 } }),
        json!({ "linear": { "from": 1.0, "to": 0.0 } }),
        json!({ "cosine": { "from": 0.1, "to": 0.01, "steps": null } }),
        json!({ "exponential": { "from": 0.1, "to": 0.01, "steps": 5 } }),
        json!({ "power": { "from": 0.02, "offset": 100.0, "exponent": 0.602 } }),
        json!({ "power": { "from": 0.02, "exponent": 0.602 } }),
        json!({ "steps": { "from": 0.1, "factor": 0.5, "every": 30 } }),
    ];
    for rate in good {
        let config = resolve(json!({ "rate": rate.clone() })).map_err(|e| format!("{rate}: {e}"))?;
        assert!(config.rate.at(0) > 0.0 && config.rate.at(1000).is_finite());
        settings::check(&config)?;
    }
    let bad = [
        json!(0.0),
        json!(-1),
        json!("fast"),
        json!({}),
        json!({ "linear": 3 }),
        json!({ "linear": { "from": 1.0 } }),
        json!({ "linear": { "from": 0.0, "to": 0.0, "steps": 10 } }),
        json!({ "linear": { "from": 1.0, "to": -1.0, "steps": 10 } }),
        json!({ "linear": { "from": 1.0, "to": 0.0, "steps": 0 } }),
        json!({ "linear": { "from": 1.0, "to": 0.0, "steps": 10, "more": 1 } }),
        json!({ "linaer": { "from": 1.0, "to": 0.0, "steps": 10 } }),
        json!({ "linear": { "from": 1.0, "to": 0.0, "steps": 10 }, "steps": { "from": 1.0, "factor": 0.5, "every": 2 } }),
        json!({ "steps": { "from": 0.1, "factor": 0.0, "every": 30 } }),
    ];
    for rate in bad {
        let refused = resolve(json!({ "rate": rate.clone() }));
        assert!(matches!(&refused, Err(Error::Invalid { field, .. }) if field == "rate"), "{rate}: {refused:?}");
    }
    Ok(())
}

#[test]
fn schedules_go_where_they_say() {
    let at = |rate: Value, t: u64| serde_json::from_value::<Schedule>(rate).map(|s| s.at(t)).unwrap_or(f64::NAN);
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} and {b}");
    near(at(json!({ "linear": { "from": 1.0, "to": 0.5, "steps": 10 } }), 4), 0.8);
    near(at(json!({ "cosine": { "from": 1.0, "to": 0.0, "steps": 10 } }), 5), 0.5);
    near(at(json!({ "exponential": { "from": 1.0, "to": 0.01, "steps": 10 } }), 5), 0.1);
    near(at(json!({ "power": { "from": 2.0, "offset": 9.0, "exponent": 0.5 } }), 30), 1.0);
    near(at(json!({ "steps": { "from": 1.0, "factor": 0.5, "every": 3 } }), 8), 0.25);
    for t in [10, 11, u64::MAX] {
        near(at(json!({ "linear": { "from": 1.0, "to": 0.5, "steps": 10 } }), t), 0.5);
    }
}

#[test]
fn configurations_made_in_rust_are_checked_too() {
    let config = |change: fn(&mut LanternConfig)| {
        let mut config = LanternConfig::default();
        change(&mut config);
        settings::check(&config)
    };
    let field = |checked: Result<()>| match checked {
        Err(Error::Invalid { field, .. }) => Some(field),
        _ => None,
    };
    assert!(config(|_| ()).is_ok());
    assert_eq!(field(config(|c| c.count = 0)).as_deref(), Some("count"));
    assert_eq!(field(config(|c| c.share = f64::NAN)).as_deref(), Some("share"));
    assert_eq!(field(config(|c| c.share = f64::INFINITY)).as_deref(), Some("share"));
    assert_eq!(field(config(|c| c.rate = f64::NAN.into())).as_deref(), Some("rate"));
    assert_eq!(field(config(|c| c.rate = Schedule::cosine(0.1, 0.0, 0_u64))).as_deref(), Some("rate"));
    assert_eq!(field(config(|c| c.limit = Some(1))).as_deref(), Some("limit"));
}

#[test]
fn specs_are_names_or_objects_with_one() -> Test {
    assert_eq!("pso".parse::<Spec>()?, Spec::new("pso"));
    assert_eq!(r#" {"name": "pso"} "#.parse::<Spec>()?, Spec::new("pso"));
    let nested: Spec = r#"{"name": "undo", "inner": {"name": "spsa", "c": 0.1}}"#.parse()?;
    assert_eq!(nested, Spec::new("undo").with("inner.name", "spsa")?.with("inner.c", 0.1)?);
    assert_eq!(nested.to_string().parse::<Spec>()?, nested);
    assert_eq!(serde_json::from_value::<Spec>(serde_json::to_value(&nested)?)?, nested);
    assert_eq!(Spec::new("pso").to_string(), "pso");
    for wrong in ["{}", "{", r#"{"name": 3}"#, r#"{"particles": 3}"#] {
        assert!(matches!(wrong.parse::<Spec>(), Err(Error::Invalid { .. })), "{wrong}");
    }
    Ok(())
}

#[test]
fn specs_take_settings_as_they_stand_on_a_command_line() -> Test {
    let spec = Spec::new("lantern").with_text("count=4")?.with_text("mood=wild")?.with_text("bright=false")?;
    assert_eq!(Value::Object(spec.settings), json!({ "count": 4, "mood": "wild", "bright": false }));

    let spec = Spec::new("lantern")
        .with_text("inner=spsa")?
        .with_text("inner.descent.name=adamw")?
        .with_text("inner.descent.rate=1e-3")?;
    let expected = json!({ "inner": { "name": "spsa", "descent": { "name": "adamw", "rate": 1e-3 } } });
    assert_eq!(Value::Object(spec.settings), expected);

    let spec = Spec::new("lantern")
        .with_text(r#"rate={"cosine": {"from": 0.1, "to": 0.0, "steps": 9}}"#)?
        .with_text("rate.cosine.steps=5")?;
    assert_eq!(spec.settings["rate"]["cosine"]["steps"], json!(5));
    assert_eq!(Spec::new("x").with_text("text=a=b")?.settings["text"], json!("a=b"));

    assert!(matches!(Spec::new("x").with_text("count"), Err(Error::Invalid { .. })));
    let through_a_number = Spec::new("x").with_text("count=3")?.with_text("count.deep=1");
    assert!(matches!(through_a_number, Err(Error::Invalid { field, .. }) if field == "count.deep"));
    Ok(())
}

#[test]
fn optimizers_are_found_by_name() -> Test {
    let space = Space::real(2)?;
    let mut objective = moths_core::Function::new(space.clone(), bowl);
    let spec = Spec::new("lantern").with("count", 5)?.with("inner", "lantern")?;
    assert_eq!(registry::build(&spec, &space, Key::new(1))?.step(&mut objective)?.loss, 6.0);
    assert_eq!(registry::capabilities(&spec)?, Capabilities::NONE);
    assert_eq!(registry::find("lantern")?.schema()["properties"]["count"]["maximum"], json!(10));
    let unknown = registry::build(&Spec::new("lanter"), &space, Key::new(1)).err();
    assert!(matches!(unknown, Some(Error::Unknown { nearest: Some(near), .. }) if near == "lantern"));
    Ok(())
}

#[test]
fn errors_in_nested_specs_name_the_way_there() -> Test {
    let space = Space::real(2)?;
    let build = |path: &str, value: Value| -> Result<Option<Error>> {
        Ok(registry::build(&Spec::new("lantern").with("inner.name", "lantern")?.with(path, value)?, &space, Key::new(1)).err())
    };
    assert!(matches!(build("inner.count", json!(99))?, Some(Error::Invalid { field, .. }) if field == "inner.count"));
    let deep = build("inner.inner", json!({ "name": "lantern", "share": 2.0 }))?;
    assert!(matches!(deep, Some(Error::Invalid { field, .. }) if field == "inner.inner.share"));
    let unknown = build("inner.cuont", json!(3))?;
    assert!(matches!(unknown, Some(Error::Unknown { name, nearest: Some(near), .. }) if name == "cuont" && near == "count"));
    assert!(
        matches!(build("inner.name", json!("latnern"))?, Some(Error::Unknown { nearest: Some(near), .. }) if near == "lantern")
    );
    Ok(())
}

#[test]
fn descents_refuse_what_they_do_not_know() -> Test {
    let space = Space::real(2)?;
    let build = |spec: &str| -> Result<Option<Error>> { Ok(descent::build(&spec.parse()?, &space).err()) };
    assert!(matches!(build("admw")?, Some(Error::Unknown { nearest: Some(near), .. }) if near == "adamw"));
    let rate = build(r#"{"name": "adamw", "rate": -1}"#)?;
    assert!(matches!(rate, Some(Error::Invalid { field, .. }) if field == "descent.rate"));
    let momentum = build(r#"{"name": "sgd", "momentum": 1.0}"#)?;
    assert!(
        matches!(momentum, Some(Error::Invalid { field, valid, .. }) if field == "descent.momentum" && valid.contains("< 1"))
    );
    assert!(
        matches!(build(r#"{"name": "sgd", "momentun": 0.9}"#)?, Some(Error::Unknown { nearest: Some(near), .. }) if near == "momentum")
    );
    assert_eq!(descent::state_per_parameter(&r#"{"name": "sgd", "momentum": 0.9}"#.parse()?)?, 1.0);
    Ok(())
}
