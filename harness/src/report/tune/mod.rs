//! A tuning as one HTML file that needs nothing else: how it went, which settings matter, and all trials.

mod axis;
mod importance;
mod picture;

use std::fmt::{self, Write};

use serde_json::Value;

use super::{POLICY, escape};
use crate::{
    Error, Result,
    label::words,
    output::{grouped, number},
    shell,
    tune::{Plan, Template, Trial, best},
};
use axis::Axis;

const STYLE: &str = concat!(include_str!("../page/style.css"), include_str!("../page/tables.css"), include_str!("tune.css"));
const SCRIPT: &str = concat!(include_str!("../page/elements.js"), include_str!("../page/theme.js"), include_str!("tune.js"));

/// What there is to show.
pub struct Tuned<'a> {
    /// What the run is of.
    pub plan: &'a Plan,
    /// The command with its settings.
    pub template: &'a Template,
    /// The trials that have ended.
    pub trials: &'a [Trial],
    /// Why it ended; `None` while it goes on.
    pub ended: Option<&'a str>,
}

impl Tuned<'_> {
    /// The page.
    ///
    /// # Errors
    /// [`Error::Unsupported`], where memory is at its end.
    pub fn html(&self) -> Result<String> {
        let mut body = String::new();
        self.write_body(&mut body).map_err(|e| Error::unsupported("the page", e.to_string()))?;
        let title = escape(&format!("moths tune: {}", self.plan.command.first().map_or("", String::as_str)));
        Ok(format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n\
             </head>\n<body>\n<header class=\"top\"><div class=\"strip\"><span class=\"brand\">moths <b>tune</b></span>\
             <nav aria-label=\"Sections\"><a href=\"#progress\">Progress</a><a href=\"#importance\">Importance</a>\
             <a href=\"#settings\">Settings</a><a href=\"#trials\">Trials</a></nav>\
             <button id=\"theme\" type=\"button\"></button></div></header>\n<main>\n<h1>{title}</h1>\n{body}</main>\n\
             <footer><p>This file needs nothing else and asks for nothing else.</p></footer>\n\
             <script>\n(() => {{\n\"use strict\";\n{SCRIPT}}})();\n</script>\n</body>\n</html>\n"
        ))
    }

    fn write_body(&self, out: &mut String) -> fmt::Result {
        self.write_facts(out)?;
        let above = match self.plan.maximize {
            true => "below the axis stands at its lower end",
            false => "above the axis stands at its upper end",
        };
        writeln!(
            out,
            "<h2 id=\"progress\">Progress</h2>\n<p class=\"caption\">A dot is a trial, a ring one that was stopped, a cross one that failed; the line is \
             the {} so far, of trials that were not stopped. What lies {above}.</p>",
            self.superlative(),
        )?;
        picture::progress(out, self)?;
        self.write_importance(out)?;
        writeln!(
            out,
            "<h2 id=\"settings\">Settings</h2>\n<p class=\"caption\">A line is a trial that did not fail: the stronger its colour the better. Axes are \
             those of the search, logarithmic where it is. Pointing at a line tells its settings.</p>"
        )?;
        picture::side_by_side(out, self)?;
        self.write_trials(out)
    }

    fn write_facts(&self, out: &mut String) -> fmt::Result {
        let count = |holds: &dyn Fn(&Trial) -> bool| grouped(self.trials.iter().filter(|trial| holds(trial)).count() as u64);
        let best = best(self.trials);
        let shown = |trial: &Trial| trial.loss.map(|loss| format!("{}, in trial {}", number(self.printed(loss)), trial.trial));
        let line = |trial: &Trial| shell::line(self.template.words(&trial.settings).iter().map(String::as_str));
        let facts = [
            (self.superlative(), best.and_then(shown)),
            ("its settings", best.map(|trial| self.template.in_words(&trial.settings))),
            ("its command", best.map(line)),
            ("trials", Some(grouped(self.trials.len() as u64))),
            ("failed", Some(count(&|trial| trial.loss.is_none()))),
            ("stopped", self.plan.stop.map(|_| count(&|trial| trial.stopped))),
            ("optimizer", Some(words(&self.plan.optimizer))),
            ("seed", Some(self.plan.seed.to_string())),
            ("state", Some(self.ended.unwrap_or("under way").to_owned())),
        ];
        writeln!(out, "<dl>")?;
        for (name, fact) in facts {
            if let Some(fact) = fact {
                writeln!(out, "<div><dt>{name}</dt><dd>{}</dd></div>", escape(&fact))?;
            }
        }
        writeln!(out, "</dl>")
    }

    fn write_importance(&self, out: &mut String) -> fmt::Result {
        writeln!(
            out,
            "<h2 id=\"importance\">Importance</h2>\n<p class=\"caption\">The share of the variance of the losses' ranks that a setting explains by \
             itself: between the means of its values, or of up to eight quantiles of them, less what chance explains (ε², Kelley 1935). \
             Trials that were stopped are left out: theirs are losses of a part of the way. What settings do only together is in none of \
             the shares. A search looks more closely where it is good: they tell of these trials, not of the whole \
             space.</p>\n<div class=\"wide\"><table><thead><tr><th>setting</th><th>explains</th></tr></thead><tbody>"
        )?;
        let mut shares: Vec<(&str, Option<f64>)> =
            self.template.settings().iter().map(|setting| self.share(&Axis { setting })).collect();
        shares.sort_by(|a, b| b.1.unwrap_or(-1.0).total_cmp(&a.1.unwrap_or(-1.0)));
        for (name, share) in shares {
            let cell = match share {
                Some(share) => format!("<td class=\"bar\" style=\"--v:{share:.3}\">{:.0} %</td>", 100.0 * share),
                None => "<td class=\"soft\">too few trials</td>".into(),
            };
            writeln!(out, "<tr><th scope=\"row\">{}</th>{cell}</tr>", escape(name))?;
        }
        writeln!(out, "</tbody></table></div>")
    }

    fn share<'a>(&self, axis: &Axis<'a>) -> (&'a str, Option<f64>) {
        // The loss of a part of the way ranks with no other.
        let trials: Vec<&Trial> = self.trials.iter().filter(|trial| !trial.stopped).collect();
        let places: Vec<f64> = trials.iter().map(|trial| axis.place(trial.settings.get(&axis.setting.name))).collect();
        (&axis.setting.name, importance::explained(&places, &trials))
    }

    fn write_trials(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "<h2 id=\"trials\">Trials</h2>\n<p class=\"caption\">The best first.</p>")?;
        writeln!(out, "<div class=\"wide\"><table><thead><tr><th>trial</th><th>{}</th><th>seconds</th>", self.what())?;
        for setting in self.template.settings() {
            writeln!(out, "<th>{}</th>", escape(&setting.name))?;
        }
        writeln!(out, "<th class=\"words\">remark</th></tr></thead><tbody>")?;
        let mut trials: Vec<&Trial> = self.trials.iter().collect();
        let key = |trial: &Trial| (trial.loss.is_none(), trial.stopped, trial.loss.unwrap_or(0.0));
        trials.sort_by(|a, b| {
            let (a, b) = (key(a), key(b));
            (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2))
        });
        let best = best(self.trials).map(|trial| trial.trial);
        trials.into_iter().try_for_each(|trial| self.write_trial(out, trial, Some(trial.trial) == best))?;
        writeln!(out, "</tbody></table></div>")
    }

    fn write_trial(&self, out: &mut String, trial: &Trial, best: bool) -> fmt::Result {
        let class = if best { " class=\"best\"" } else { "" };
        let loss = trial.loss.map_or_else(|| "–".into(), |loss| number(self.printed(loss)));
        write!(out, "<tr{class}><th scope=\"row\">{}</th><td>{loss}</td><td>{:.1}</td>", trial.trial, trial.seconds)?;
        for setting in self.template.settings() {
            let value = trial.settings.get(&setting.name).map_or_else(String::new, said);
            write!(out, "<td>{}</td>", escape(&value))?;
        }
        let remark = match (&trial.failed, trial.stopped) {
            (Some(why), _) => why.clone(),
            (None, true) => format!("stopped after {} losses", trial.losses.len()),
            (None, false) => String::new(),
        };
        writeln!(out, "<td class=\"words\">{}</td></tr>", escape(&remark))
    }

    /// A trial in a line.
    fn in_words(&self, trial: &Trial) -> String {
        let loss = trial.loss.map_or_else(|| "failed".into(), |loss| number(self.printed(loss)));
        let stopped = if trial.stopped { ", stopped" } else { "" };
        format!("trial {}: {loss}{stopped}; {}", trial.trial, self.template.in_words(&trial.settings))
    }

    /// What is minimised, as the program printed it.
    fn printed(&self, loss: f64) -> f64 {
        if self.plan.maximize { -loss } else { loss }
    }

    fn superlative(&self) -> &'static str {
        if self.plan.maximize { "highest" } else { "lowest" }
    }

    fn what(&self) -> &'static str {
        if self.plan.maximize { "number" } else { "loss" }
    }
}

/// A value for people.
fn said(value: &Value) -> String {
    match value {
        Value::String(word) => word.clone(),
        Value::Number(number) if number.is_f64() => number.as_f64().map(axis::short).unwrap_or_default(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn page(trials: &[Trial], maximize: bool) -> String {
        let command: Vec<String> =
            ["<script>", "{lr:log:1e-5..1}", "{c:a|<b>\"}", "{n:1..8}", "{f:bool}"].map(str::to_owned).into();
        let template = Template::new(&command).expect("a template");
        let plan = Plan {
            command,
            optimizer: "tpe".parse().expect("a spec"),
            seed: 7,
            r#try: vec![],
            loss_from: None,
            maximize,
            stop: None,
            horizon: 9,
        };
        Tuned { plan: &plan, template: &template, trials, ended: None }.html().expect("a page")
    }

    fn trial(number: u64) -> Trial {
        let settings =
            json!({ "lr": 10f64.powi(-((number % 5) as i32)), "c": "<b>\"", "n": number % 8 + 1, "f": number.is_multiple_of(2) });
        let failed = (number == 3).then(|| "<i>no".to_owned());
        let loss = failed.is_none().then_some(number as f64);
        let settings = settings.as_object().cloned().unwrap_or_default();
        Trial { trial: number, settings, loss, failed, seconds: 1.0, asked: None, stopped: number == 4, losses: vec![] }
    }

    #[test]
    fn the_page_has_everything_and_nothing_of_the_users_is_markup() {
        for (trials, maximize) in [((1..=12).map(trial).collect::<Vec<_>>(), false), (vec![], false), (vec![trial(2)], true)] {
            let page = page(&trials, maximize);
            assert!(!page.contains("<b>\"") && !page.contains("<i>no") && !page.contains("<h1>moths tune: <script>"));
            assert!(page.matches("<script>").count() == 1 && !page.contains("http://") && !page.contains("https://"));
            assert_eq!(page.matches("<circle").count(), trials.iter().filter(|trial| trial.loss.is_some()).count());
            assert_eq!(
                page.matches("<tr><th scope=\"row\">").count() + page.matches("<tr class=\"best\">").count(),
                trials.len() + 4
            );
            assert!(!page.contains("NaN") && !page.contains("inf\""), "{page}");
        }
    }

    #[test]
    fn what_was_stopped_tells_of_no_importance() {
        let all: Vec<Trial> = (1..=24).map(trial).collect();
        let whole: Vec<Trial> = all.iter().filter(|trial| !trial.stopped).cloned().collect();
        let importance = |trials: &[Trial]| {
            let page = page(trials, false);
            page.split("<h2 id=").find(|part| part.starts_with("\"importance\"")).map(str::to_owned)
        };
        assert!(all.len() > whole.len() && importance(&all).is_some_and(|part| part.contains("class=\"bar\"")));
        assert_eq!(importance(&all), importance(&whole));
    }

    #[test]
    fn the_best_is_marked() {
        let trials: Vec<Trial> = (1..=12).map(trial).collect();
        let low = page(&trials, false);
        assert!(low.contains("<tr class=\"best\"><th scope=\"row\">1</th>") && low.contains("1.00000, in trial 1"));
        let first = low.find("class=\"way best\"").and_then(|at| low[at..].find("<title>").map(|more| &low[at + more..]));
        assert!(first.is_some_and(|rest| rest.starts_with("<title>trial 1: ")));
        let high = page(&trials, true);
        assert!(high.contains("-1.00000, in trial 1"), "the negative of the loss");
    }
}
