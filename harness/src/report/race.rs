//! A race as one HTML file that needs nothing else: no network, no script.

use std::fmt::{self, Write};

use super::escape;
use crate::{
    Result, output,
    plot::{self, Line, Page, Panel, Point},
    race::{Racer, Standing},
};

const STYLE: &str = include_str!("race.css");
/// Points of a curve.
const POINTS: u64 = 200;

/// The report of a race.
///
/// # Errors
/// When a picture cannot be drawn.
pub fn html(standing: &Standing) -> Result<String> {
    let race = &standing.race;
    let title = format!("{} race", race.address());
    let facts = format!(
        "{} optimizers, {} seeds each, {} loss evaluations a run. Lines are medians, bands reach from the lower to the upper quartile.",
        race.racers.len(),
        race.seeds,
        output::grouped(race.evaluations),
    );
    let mut body = String::new();
    write_body(&mut body, standing, &pictures(standing)?).map_err(|e| crate::Error::unsupported("the report", e.to_string()))?;
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n\
         </head>\n<body>\n<main>\n<h1>{title}</h1>\n<p>{facts}</p>\n{body}</main>\n</body>\n</html>\n",
        title = escape(&title),
        facts = escape(&facts),
    ))
}

fn write_body(out: &mut String, standing: &Standing, pictures: &[(String, String)]) -> fmt::Result {
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
    writeln!(out, "<h2>Settings</h2>\n<dl>")?;
    for racer in &standing.racers {
        writeln!(out, "<dt>{}</dt><dd><code>{}</code></dd>", escape(&racer.label), escape(&racer.spec.to_string()))?;
    }
    writeln!(out, "</dl>\n<p>What is not named has its default.</p>")
}

fn write_table(out: &mut String, standing: &Standing) -> fmt::Result {
    writeln!(out, "<div class=\"wide\"><table>\n<thead><tr><th>#</th><th>optimizer</th>")?;
    for measure in standing.measures.iter().rev() {
        writeln!(out, "<th>{}<br><small>median (quartiles)</small></th>", escape(&measure.label()))?;
    }
    writeln!(out, "<th>seconds</th></tr></thead>\n<tbody>")?;
    for (i, racer) in standing.racers.iter().enumerate() {
        write!(out, "<tr><td>{}</td><th scope=\"row\">{}{}</th>", i + 1, chip(i), escape(&racer.label))?;
        for (m, measure) in standing.measures.iter().enumerate().rev() {
            let cell = racer.quartiles(m).map(|q| {
                let [lower, median, upper] = q.map(|figure| measure.text(figure));
                format!("{median}<br><small>{lower} to {upper}</small>")
            });
            write!(out, "<td>{}</td>", cell.unwrap_or_else(|| escape(&racer.failures.join("; "))))?;
        }
        writeln!(out, "<td>{}</td></tr>", seconds(racer).map_or("-".into(), |s| format!("{s:.1}")))?;
    }
    writeln!(out, "</tbody></table></div>")
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

fn chip(i: usize) -> String {
    format!("<i style=\"background:{}\"></i>", plot::css(plot::colour(i)))
}

/// The measure that ranks, and the loss if that is another, as a picture of its own.
///
/// # Errors
/// When it cannot be drawn.
pub fn svg(standing: &Standing) -> Result<String> {
    let last = standing.measures.len().saturating_sub(1);
    let mut panels: Vec<Panel> =
        panels(standing).enumerate().filter(|(m, _)| [0, last].contains(m)).map(|(_, panel)| panel).collect();
    panels.reverse();
    for panel in &mut panels {
        panel.lines.iter_mut().zip(&standing.racers).for_each(|(line, racer)| line.label.clone_from(&racer.label));
    }
    plot::svg(&format!("{}: medians and quartiles of {} seeds", standing.race.address(), standing.race.seeds), &panels, Page::Own)
}

/// A label and a picture for every measure, the one that ranks first.
fn pictures(standing: &Standing) -> Result<Vec<(String, String)>> {
    let mut pictures = panels(standing)
        .map(|panel| {
            let picture = plot::svg("", std::slice::from_ref(&panel), Page::Inside)?;
            // Inside HTML an SVG needs no namespace, and the page then holds no address at all.
            Ok((panel.measure.label(), picture.replace(" xmlns=\"http://www.w3.org/2000/svg\"", "")))
        })
        .collect::<Result<Vec<_>>>()?;
    pictures.reverse();
    Ok(pictures)
}

/// One panel a measure, one line a racer.
fn panels(standing: &Standing) -> impl Iterator<Item = Panel> {
    standing.measures.iter().enumerate().map(|(m, measure)| {
        let lines = standing.racers.iter().enumerate().map(|(i, racer)| line(standing, racer, i, m)).collect();
        Panel { measure: *measure, lines }
    })
}

fn line(standing: &Standing, racer: &Racer, i: usize, measure: usize) -> Line {
    let budget = standing.race.evaluations;
    let places = (0..=POINTS).map(|k| budget * k / POINTS);
    let point = |x: u64| racer.quartiles_at(measure, x).map(|y| Point { x: x as f64, y });
    Line { label: String::new(), colour: plot::colour(i), points: places.filter_map(point).collect() }
}
