//! `moths problem`: the values of a problem at given points, so that anyone can check it from outside.

use std::{
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use candle_core::{Device, Tensor};
use moths::{Batch, Objective, tensor::host};
use serde_json::json;

use super::Ending;
use crate::{
    Error, Result,
    output::Console,
    problem::{self, Options},
    whole::whole,
};

/// How far a value may be moved by rounding, relative to its size, without being told.
const ROUNDING: f64 = 1e-6;

/// No number takes more bytes: the longest exact one has 1,077 digits.
const WIDEST: usize = 1600;

#[derive(clap::Args)]
pub(super) struct Args {
    /// A problem; `moths list problems` names them
    name: String,
    #[command(flatten)]
    options: Options,
    /// A CSV file without a head: a point a line, a parameter value a column; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    at: PathBuf,
    /// Where the data of a stochastic problem come from
    #[arg(long, value_name = "S", default_value_t = 1, value_parser = whole::<u64, 0, { u64::MAX }>)]
    seed: u64,
}

pub(super) fn run(args: &Args, console: Console) -> Result<Ending> {
    let (entry, options) = problem::resolve(&args.name, &args.options)?;
    let problem = entry.build(&options)?;
    let mut objective = problem.objective(args.seed)?;
    let points = read(&args.at, objective.space().dim())?;
    // All points are checked before the first value is printed.
    let batches: Vec<Batch> = points.iter().map(|point| point.batch(&*objective)).collect::<Result<_>>()?;
    for (point, batch) in points.iter().zip(&batches) {
        let loss = objective.evaluate(batch)?[0];
        let gap = problem.minimum().map(|minimum| loss - minimum);
        console.object(&json!({ "problem": entry.address(&options), "line": point.line, "loss": loss, "gap": gap }))?;
        console.line(loss)?;
    }
    Ok(Ending::Done)
}

/// A point, and the line it stood on.
struct Point {
    line: u64,
    values: Vec<f64>,
}

impl Point {
    fn batch(&self, objective: &dyn Objective) -> Result<Batch> {
        let space = objective.space();
        let encoded = space.encode(&Tensor::new(&*self.values, &Device::Cpu)?.to_dtype(space.dtype())?)?;
        let seen = host::to_f64s(&*space.decode(&encoded)?)?;
        for (column, (given, seen)) in self.values.iter().zip(seen).enumerate() {
            if (given - seen).abs() > ROUNDING * given.abs().max(1.0) {
                let field = format!("line {}, column {}", self.line, column + 1);
                return Err(Error::invalid(field, given, format!("a value in the domain of the problem; the nearest is {seen}")));
            }
        }
        Batch::one(&encoded)
    }
}

fn read(path: &Path, dim: usize) -> Result<Vec<Point>> {
    let io = |source| Error::Io { path: path.into(), source };
    let source: Box<dyn Read> =
        if path == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(path).map_err(io)?) };
    let (mut source, mut points) = (BufReader::new(source), vec![]);
    for line in 1.. {
        let Some(text) = bounded_line(&mut source, longest(dim)).map_err(io)? else { break };
        let place = Place { path, line };
        if text.len() > longest(dim) {
            let expected = format!("{dim} numbers, which take {} bytes at most", longest(dim));
            return Err(Error::shape(place.to_string(), expected, "a longer line"));
        }
        points.extend(place.values(&text, dim)?.map(|values| Point { line, values }));
    }
    Ok(points)
}

/// So many bytes can so many numbers take, with signs, exponents, quotes and blanks.
fn longest(dim: usize) -> usize {
    dim.saturating_mul(WIDEST).saturating_add(WIDEST)
}

/// The next line with its end, read no further than one byte beyond the longest that is valid; `None` at the end.
fn bounded_line(source: &mut impl BufRead, longest: usize) -> io::Result<Option<Vec<u8>>> {
    let mut line = vec![];
    source.take(longest as u64 + 1).read_until(b'\n', &mut line)?;
    Ok((!line.is_empty()).then_some(line))
}

/// A line of a file.
struct Place<'a> {
    path: &'a Path,
    line: u64,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.path.display(), self.line)
    }
}

impl Place<'_> {
    /// The numbers of a line; none of an empty one.
    fn values(&self, text: &[u8], dim: usize) -> Result<Option<Vec<f64>>> {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(text);
        let Some(record) = reader.records().next() else { return Ok(None) };
        let no_csv = |e: csv::Error| Error::File { path: self.path.into(), why: format!("line {} is no CSV ({e})", self.line) };
        let record = record.map_err(no_csv)?;
        if record.len() != dim {
            return Err(Error::shape(self.to_string(), format!("{dim} numbers"), record.len()));
        }
        let number = |(column, text): (usize, &str)| {
            text.parse().map_err(|_| Error::invalid(format!("{self}, column {}", column + 1), text, "a number"))
        };
        record.iter().enumerate().map(number).collect::<Result<_>>().map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_an_end_is_not_read_to_its_end() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("points.csv");
        std::fs::write(&path, "1,2\n\n 3 ,\"4\"\r\n5,6").expect("written");
        let values = |dim| read(&path, dim).map(|points| points.into_iter().map(|p| (p.line, p.values)).collect::<Vec<_>>());
        assert_eq!(values(2).expect("numbers"), [(1, vec![1.0, 2.0]), (3, vec![3.0, 4.0]), (4, vec![5.0, 6.0])]);
        assert!(values(3).is_err_and(|e| e.to_string().contains("line 1: expected 3 numbers, got 2")));

        let mut endless = BufReader::new(io::repeat(b'1'));
        assert_eq!(bounded_line(&mut endless, longest(2)).expect("read").map(|line| line.len()), Some(longest(2) + 1));
        std::fs::write(&path, format!("1,2\n{}", "1".repeat(1_000_000))).expect("written");
        let refused = values(2).expect_err("too long").to_string();
        assert!(refused.ends_with("line 2: expected 2 numbers, which take 4800 bytes at most, got a longer line"), "{refused}");
    }
}
