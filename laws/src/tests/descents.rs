//! The laws of update rules hold for every registered one, and catch what only looks like one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::{
    Held,
    descents::{LAWS, Rule, drawn, rules},
};
use moths_core::{
    CowTensor, Error, Result, Space, Spec,
    noise::Gradient,
    optimizer::{Descent, descent::NamedDescent},
    persist::{Fields, Persist},
    register_descent,
};

#[test]
fn every_descent_keeps_the_laws() {
    let check = |rule: &Rule| LAWS.iter().filter_map(|law| law.check(rule).err()).map(|e| e.to_string()).collect::<Vec<_>>();
    let broken: Vec<String> = rules().iter().flat_map(check).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// With settings like that nothing need go downhill, but all else holds.
#[test]
fn every_descent_keeps_the_laws_of_bits_with_any_settings() {
    let rules: Vec<Rule> = drawn(6).into_iter().filter(|rule| !rule.name().contains("slide")).collect();
    assert!(rules.len() >= 20, "{}", rules.len());
    let laws = || LAWS.iter().filter(|law| law.name != "downhill");
    let check = |rule: &Rule| laws().filter_map(|law| law.check(rule).err()).map(|e| e.to_string()).collect::<Vec<_>>();
    let broken: Vec<String> = rules.iter().flat_map(check).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// What can be wrong with one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Flaw {
    #[default]
    None,
    /// Does not save how many steps it has taken.
    ForgetsStep,
    /// Adds to its momentum before it looks at the shapes.
    CommitsEarly,
    /// Says nothing of what does not fit.
    Swallows,
    /// Takes what is drawn for twice as long.
    LooksAtKind,
    /// Climbs.
    Climbs,
    /// Keeps another point, and does not say so.
    Hoards,
}

const CAUGHT: &[(&str, &[Flaw])] = &[
    ("resume", &[Flaw::ForgetsStep]),
    ("atomic", &[Flaw::CommitsEarly, Flaw::Swallows]),
    ("drawn", &[Flaw::LooksAtKind]),
    ("downhill", &[Flaw::Climbs]),
    ("state", &[Flaw::Hoards]),
];

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct SlideConfig {
    flaw: Flaw,
}

/// Gradient descent with momentum, at a rate that falls.
struct Slide {
    flaw: Flaw,
    step: u64,
    velocity: CowTensor,
    hoard: CowTensor,
}

impl NamedDescent for Slide {
    const ID: &'static str = "slide";
    const SUMMARY: &'static str = "What the laws of descents are tried on.";
    type Config = SlideConfig;

    fn new(config: SlideConfig, space: &Space) -> Result<Self> {
        Ok(Self { flaw: config.flaw, step: 0, velocity: space.zeros()?, hoard: space.zeros()? })
    }

    fn state_per_parameter(_: &SlideConfig) -> Result<f64> {
        Ok(1.0)
    }
}

impl Descent for Slide {
    fn descend(&mut self, at: &mut CowTensor, gradient: &Gradient) -> Result<()> {
        if self.flaw == Flaw::CommitsEarly {
            self.step += 1;
        }
        let is_drawn = format!("{gradient:?}").contains("Drawn");
        let gradient = gradient.dense()?;
        if gradient.dims() != at.dims() || gradient.dtype() != at.dtype() {
            return match self.flaw {
                Flaw::Swallows => Ok(()),
                _ => Err(Error::shape("gradient", format!("{:?}", at.dims()), format!("{:?}", gradient.dims()))),
            };
        }
        let rate = 0.1 / libm::sqrt(1.0 + self.step as f64);
        let factor = match self.flaw {
            Flaw::Climbs => -rate,
            Flaw::LooksAtKind if is_drawn => 2.0 * rate,
            _ => rate,
        };
        let velocity = ((&*self.velocity * 0.5)? + (&*gradient * factor)?)?;
        *at = CowTensor::new((&**at - &velocity)?);
        self.velocity = CowTensor::new(velocity);
        if self.flaw != Flaw::CommitsEarly {
            self.step += 1;
        }
        Ok(())
    }
}

impl Persist for Slide {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        fields.field("velocity", &mut self.velocity)?;
        if self.flaw == Flaw::Hoards {
            fields.field("hoard", &mut self.hoard)?;
        }
        if self.flaw == Flaw::ForgetsStep { Ok(()) } else { fields.field("step", &mut self.step) }
    }
}

register_descent!(Slide);

#[test]
fn laws_pass_what_is_sound_and_catch_what_is_not() {
    let slide = |flaw: Flaw| Rule::new(Spec::new("slide").with("flaw", json!(flaw)).unwrap()).unwrap();
    for law in LAWS {
        law.check(&slide(Flaw::None)).unwrap();
        let flaws = CAUGHT.iter().filter(|(name, _)| *name == law.name).flat_map(|(_, flaws)| *flaws);
        let missed: Vec<&Flaw> = flaws.clone().filter(|flaw| law.check(&slide(**flaw)).is_ok()).collect();
        assert!(flaws.count() > 0 && missed.is_empty(), "`{}` misses {missed:?}", law.name);
    }
}
