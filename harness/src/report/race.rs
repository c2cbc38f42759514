//! A race as one HTML file that needs nothing else: no network, no script.

use std::fmt::{self, Write};

use moths::{Horizon, Spec, registry};

use super::{escape, tree};
use crate::{
    Result,
    bench::compare::p_text,
    label::{resolved, words},
    output,
    plot::{self, Line, Page, Panel, Point},
    problem::{self, Measure},
    race::{Racer, Standing},
};

const STYLE: &str = include_str!("race.css");
/// Points of a curve.
const POINTS: u64 = 200;

/// The report of a race that this command ran.
///
/// # Errors
/// When a picture cannot be drawn.
pub fn html(standing: &Standing, command: &str) -> Result<String> {
    let race = &standing.race;
    let title = format!("{} race", race.address());
    let facts = format!(
        "{} optimizers, {} seeds each, {} loss evaluations a run. Lines are medians, bands reach from the lower to the upper quartile.",
        race.racers.len(),
        race.seeds,
        output::grouped(race.evaluations),
    );
    let mut body = String::new();
    let written = write_body(&mut body, standing, &pictures(standing)?, &settings(standing), command);
    written.map_err(|e| crate::Error::unsupported("the report", e.to_string()))?;
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n\
         </head>\n<body>\n<main>\n<h1>{title}</h1>\n<p>{facts}</p>\n{body}</main>\n</body>\n</html>\n",
        title = escape(&title),
        facts = escape(&facts),
    ))
}

/// The settings of every racer in words, with what the defaults and the length of the race say.
fn settings(standing: &Standing) -> Vec<String> {
    let race = &standing.race;
    let objective = problem::find(&race.problem).and_then(|entry| entry.build(&race.options)?.objective(1)).ok();
    let planned = |spec: &Spec| {
        let objective = objective.as_deref()?;
        registry::planned(spec, objective.space(), Horizon::from(Some(race.evaluations)).on(objective)).ok()
    };
    let said = |racer: &Racer| words(&resolved(&planned(&racer.spec).unwrap_or_else(|| racer.spec.clone())));
    standing.racers.iter().map(said).collect()
}

fn write_body(
    out: &mut String,
    standing: &Standing,
    pictures: &[(String, String)],
    settings: &[String],
    command: &str,
) -> fmt::Result {
    if standing.interrupted {
        writeln!(out, "<p class=\"warning\">The race was interrupted: some runs are missing.</p>")?;
    }
    write_table(out, standing)?;
    write_legend(out, standing)?;
    writeln!(out, "<div class=\"pictures\">")?;
    for (label, picture) in pictures {
        writeln!(out, "<figure><figcaption>{}</figcaption>{picture}</figure>", escape(label))?;
    }
    writeln!(out, "</div>")?;
    tree::write(out, standing)?;
    writeln!(out, "<h2>Settings</h2>\n<dl>")?;
    for (racer, settings) in standing.racers.iter().zip(settings) {
        writeln!(out, "<dt>{}</dt><dd><code>{}</code></dd>", escape(&racer.label), escape(settings))?;
    }
    writeln!(out, "</dl>\n<p>Defaults, and what the length of the race decides, are written out.</p>")?;
    writeln!(out, "<h2>Command</h2>\n<p><code>{}</code></p>", escape(command))
}

fn write_table(out: &mut String, standing: &Standing) -> fmt::Result {
    writeln!(out, "<div class=\"wide\"><table>\n<thead><tr><th>#</th><th>optimizer</th>")?;
    for measure in standing.measures.iter().rev() {
        writeln!(out, "<th>{}<br><small>median (quartiles)</small></th>", escape(&measure.label()))?;
    }
    writeln!(out, "<th>against the first<br><small>p</small></th><th>seconds</th></tr></thead>\n<tbody>")?;
    for (i, (racer, p)) in standing.racers.iter().zip(standing.chances()).enumerate() {
        write!(out, "<tr><td>{}</td><th scope=\"row\">{}{}</th>", i + 1, chip(i), escape(&racer.label))?;
        for (m, measure) in standing.measures.iter().enumerate().rev() {
            let cell = racer.quartiles(m).map(|q| {
                let [lower, median, upper] = q.map(|figure| measure.text(figure));
                format!("{median}<br><small>{lower} to {upper}</small>")
            });
            write!(out, "<td>{}</td>", cell.unwrap_or_else(|| escape(&racer.failures.join("; "))))?;
        }
        write!(out, "<td>{}</td>", escape(&p.map_or("-".into(), p_text)))?;
        writeln!(out, "<td>{}</td></tr>", seconds(racer).map_or("-".into(), |s| format!("{s:.1}")))?;
    }
    writeln!(out, "</tbody></table></div>")?;
    writeln!(
        out,
        "<p><small>p: how probable it is that two equally good ones differ like this by chance (Mann and Whitney, of {}; corrected for the \
         number of optimizers, Holm).</small></p>",
        escape(&standing.measures.last().map(Measure::label).unwrap_or_default()),
    )
}

fn write_legend(out: &mut String, standing: &Standing) -> fmt::Result {
    write!(out, "<p class=\"legend\">")?;
    for (i, racer) in standing.racers.iter().enumerate() {
        write!(out, "<span>{}{}</span> ", chip(i), escape(&racer.label))?;
    }
    writeln!(out, "</p>")
}

/// The median of the seconds its runs took.
pub fn seconds(racer: &Racer) -> Option<f64> {
    let mut seconds: Vec<f64> = racer.last_rows().map(|row| row.seconds).collect();
    seconds.sort_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).copied()
}

pub(super) fn chip(i: usize) -> String {
    format!("<i style=\"background:{}\"></i>", plot::css(plot::colour(i)))
}

/// The measure that ranks, and the loss if that is another, as a picture of its own.
///
/// # Errors
/// When it cannot be drawn.
pub fn svg(standing: &Standing) -> Result<String> {
    let last = standing.measures.len().saturating_sub(1);
    let mut panels: Vec<Panel> = panels(standing).filter(|(m, _)| [0, last].contains(m)).map(|(_, panel)| panel).collect();
    panels.reverse();
    for panel in &mut panels {
        panel.lines.iter_mut().zip(&standing.racers).for_each(|(line, racer)| line.label.clone_from(&racer.label));
    }
    plot::svg(&format!("{}: medians and quartiles of {} seeds", standing.race.address(), standing.race.seeds), &panels, Page::Own)
}

/// A label and a picture for every measure, the one that ranks first.
fn pictures(standing: &Standing) -> Result<Vec<(String, String)>> {
    let mut pictures = panels(standing)
        .map(|(_, panel)| {
            let picture = plot::svg("", std::slice::from_ref(&panel), Page::Inside)?;
            // Inside HTML an SVG needs no namespace, and the page then holds no address at all.
            Ok((panel.measure.label(), picture.replace(" xmlns=\"http://www.w3.org/2000/svg\"", "")))
        })
        .collect::<Result<Vec<_>>>()?;
    pictures.reverse();
    Ok(pictures)
}

/// One panel a measure, with its number, and one line a racer; none of a measure that another draws already.
fn panels(standing: &Standing) -> impl Iterator<Item = (usize, Panel)> {
    standing.measures.iter().enumerate().filter(|(m, _)| !standing.is_double(*m)).map(|(m, measure)| {
        let lines = standing.racers.iter().enumerate().map(|(i, racer)| line(standing, racer, i, m)).collect();
        (m, Panel { measure: *measure, lines })
    })
}

fn line(standing: &Standing, racer: &Racer, i: usize, measure: usize) -> Line {
    let budget = standing.race.evaluations;
    let places = (0..=POINTS).map(|k| budget * k / POINTS);
    let point = |x: u64| racer.quartiles_at(measure, x).map(|y| Point { x: x as f64, y });
    Line { label: String::new(), colour: plot::colour(i), points: places.filter_map(point).collect() }
}
