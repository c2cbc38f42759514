//! Every setting does what its schema says, or says why not.

use candle_core::DType;
use serde_json::{Map, Value, json};

use super::{
    Law, Subject,
    broken::{Breach, Verdict},
    draws,
    path::{self, KEY},
    problem::Problem,
};
use moths_core::{Error, Optimizer, Result, Spec, optimizer::settings::named, registry};

pub(super) const LAW: Law = Law {
    name: "settings",
    statement: "every configuration its schema allows builds and steps, or is refused with a typed error; every other is refused by name, \
                also where a program has filled the settings itself",
    holds,
};

const DRAWS: u32 = 40;
const STEPS: usize = 2;

fn holds(subject: &Subject) -> Verdict {
    let problem = Problem::free(6, DType::F32)?;
    draws::each(subject, DRAWS, |drawn| steps_or_refuses(drawn, &problem))?;
    let schema = registry::find(&subject.spec().name)?.schema();
    let properties = schema["properties"].as_object().cloned().unwrap_or_default();
    for (name, property) in &properties {
        for value in beyond(property) {
            refused(subject, &problem, name, value)?;
        }
    }
    refuses_strangers(subject, &problem, &properties)
}

fn steps_or_refuses(subject: &Subject, problem: &Problem) -> Verdict {
    let Some(mut optimizer) = subject.build_if_taken(problem.space(), KEY)? else { return Ok(()) };
    subject.capabilities()?;
    path::run(&mut *optimizer, &mut problem.clone(), STEPS)?;
    Ok(())
}

/// Values that a schema does not allow.
fn beyond(schema: &Value) -> Vec<Value> {
    let mut values = vec![json!([[]])];
    let number = |key: &str| schema[key].as_f64();
    let integer = schema["type"].to_string().contains("integer");
    let as_given = |x: f64| if integer { json!(x as i64) } else { json!(x) };
    values.extend(number("minimum").map(|x| as_given(x - 1.0)));
    values.extend(number("maximum").map(|x| as_given(x + 1.0)));
    values.extend(number("exclusiveMinimum").map(as_given));
    values.extend(number("exclusiveMaximum").map(as_given));
    if integer {
        values.extend([json!(2.5), json!("many")]);
    }
    if schema["type"] == "boolean" {
        values.extend([json!(1), json!("true")]);
    }
    if schema["enum"].is_array() || schema["oneOf"].is_array() {
        values.push(json!("no-such-thing"));
    }
    if named(schema).is_some() {
        values.extend([json!(17), json!("no-such-thing"), json!({ "nameless": 1 })]);
    }
    values
}

/// The refusal must name the setting, or the name that nothing is registered under.
fn refused(subject: &Subject, problem: &Problem, name: &str, value: Value) -> Verdict {
    let mut spec = subject.spec().clone();
    spec.settings.insert(name.into(), value.clone());
    let about = |text: &str| text.contains(name) || value.as_str().is_some_and(|value| text.contains(value));
    let judge = |built: Result<Box<dyn Optimizer>>| match built {
        Ok(_) => Err(Breach::new(format!("{spec} was built, though `{name}` must not be {value}"))),
        Err(error @ (Error::Invalid { .. } | Error::Unknown { .. })) if about(&error.to_string()) => Ok(()),
        Err(error) => Err(Breach::new(format!("{spec} was refused with {error:?}, which does not name `{name}` as invalid"))),
    };
    judge(registry::build(&spec, problem.space(), KEY))?;
    judge(registry::build_unchecked(&spec, problem.space(), KEY)).map_err(|b| b.under("given to `new` by a program"))
}

fn refuses_strangers(subject: &Subject, problem: &Problem, known: &Map<String, Value>) -> Verdict {
    let near = known.keys().next().map_or("nothing".into(), |name| format!("{name}x"));
    for stranger in [near.as_str(), ""] {
        let Spec { name, mut settings } = subject.spec().clone();
        settings.insert(stranger.into(), json!(1));
        match registry::build(&Spec { name, settings }, problem.space(), KEY) {
            Err(Error::Unknown { name, .. }) if name == stranger => {}
            Err(error) => return Err(Breach::new(format!("the unknown setting `{stranger}` was refused with {error:?}"))),
            Ok(_) => return Err(Breach::new(format!("the unknown setting `{stranger}` was accepted"))),
        }
    }
    Ok(())
}
