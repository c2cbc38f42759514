//! The classic functions, with their usual domains.

use std::f64::consts::{E, PI, TAU};

use super::{Entry, Has, Kind, Options, boxed::Boxed};
use crate::{Error, Result};

/// The number of variables where nobody says.
const DIM: usize = 10;

/// A value at a point.
type Value = fn(&[f64]) -> f64;

/// A function of any number of variables on a box, whose minimum is known.
struct Classic {
    /// Its name.
    name: &'static str,
    /// What it is, in one sentence.
    summary: &'static str,
    /// Where it comes from.
    citation: &'static str,
    /// Its value at a point.
    value: Value,
    /// The interval of every variable.
    domain: (f64, f64),
    /// A point of lowest value in so many dimensions.
    minimiser: fn(usize) -> Vec<f64>,
    hidden: bool,
}

macro_rules! classics {
    ($($name:literal, $value:ident, $domain:expr, $minimiser:expr, $summary:literal, $citation:literal;)*) => {
        /// All of them. The last is for tests: it fails on half of its domain.
        static CLASSICS: &[Classic] = &[$(Classic {
            name: $name,
            summary: $summary,
            citation: $citation,
            value: $value,
            domain: $domain,
            minimiser: $minimiser,
            hidden: matches!($name.as_bytes(), b"nan"),
        }),*];
    };
}

classics! {
    "sphere", sphere, (-5.12, 5.12), |d| vec![0.0; d],
        "The sum of squares: the easiest there is.", "De Jong 1975, PhD thesis, University of Michigan";
    "ellipsoid", ellipsoid, (-5.0, 5.0), |d| vec![0.0; d],
        "Separable and convex, axes of lengths 1 to 1000.", "Hansen & Ostermeier 2001, doi:10.1162/106365601750190398";
    "rosenbrock", rosenbrock, (-5.0, 10.0), |d| vec![1.0; d],
        "A narrow bent valley.", "Rosenbrock 1960, doi:10.1093/comjnl/3.3.175";
    "rastrigin", rastrigin, (-5.12, 5.12), |d| vec![0.0; d],
        "A bowl with a regular grid of local minima.", "Muehlenbein et al. 1991, doi:10.1016/S0167-8191(05)80052-3";
    "ackley", ackley, (-32.768, 32.768), |d| vec![0.0; d],
        "A rippled plain with one deep hole.", "Ackley 1987, doi:10.1007/978-1-4613-1997-9";
    "griewank", griewank, (-600.0, 600.0), |d| vec![0.0; d],
        "A wide bowl with many shallow local minima.", "Griewank 1981, doi:10.1007/BF00933356";
    "schwefel", schwefel, (-500.0, 500.0), |d| vec![420.968_746_359_982_1; d],
        "The best minimum lies far from the second best, near a corner.", "Schwefel 1981, Numerical Optimization of Computer Models";
    "levy", levy, (-10.0, 10.0), |d| vec![1.0; d],
        "Wavy, with ridges along the axes.", "Laguna & Marti 2005, doi:10.1007/s10898-004-1936-z";
    "zakharov", zakharov, (-5.0, 10.0), |d| vec![0.0; d],
        "A flat plate-shaped valley without local minima.", "Jamil & Yang 2013, arXiv:1308.4008";
    "styblinski-tang", styblinski_tang, (-5.0, 5.0), |d| vec![-2.903_534_027_771_177; d],
        "Two minima a variable, one a little deeper.", "Styblinski & Tang 1990, doi:10.1016/0893-6080(90)90029-K";
    "michalewicz", michalewicz, (0.0, PI), michalewicz_minimiser,
        "Flat, with steep narrow valleys.", "Michalewicz 1992, doi:10.1007/978-3-662-02830-8";
    "dixon-price", dixon_price, (-10.0, 10.0), dixon_price_minimiser,
        "A curved valley whose variables depend on their neighbours.", "Dixon & Price 1989, doi:10.1007/BF00940353";
    "nan", nan_on_stripes, (-5.0, 5.0), |d| vec![0.0; d],
        "The sphere on stripes across the first variable, and NaN on the stripes between them.", "for tests";
}

/// The numbers 1, 2, 3, ... beside the variables.
fn numbered(x: &[f64]) -> impl Iterator<Item = (f64, f64)> {
    x.iter().enumerate().map(|(i, x)| ((i + 1) as f64, *x))
}

fn sphere(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum()
}

fn ellipsoid(x: &[f64]) -> f64 {
    let steps = (x.len() - 1).max(1) as f64;
    numbered(x).map(|(i, x)| 1e6f64.powf((i - 1.0) / steps) * x * x).sum()
}

fn rosenbrock(x: &[f64]) -> f64 {
    x.windows(2).map(|x| 100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2)).sum()
}

fn rastrigin(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x + 10.0 - 10.0 * (TAU * x).cos()).sum()
}

fn ackley(x: &[f64]) -> f64 {
    let d = x.len() as f64;
    let waves: f64 = x.iter().map(|x| (TAU * x).cos()).sum();
    20.0 - 20.0 * (-0.2 * (sphere(x) / d).sqrt()).exp() + E - (waves / d).exp()
}

fn griewank(x: &[f64]) -> f64 {
    1.0 + sphere(x) / 4000.0 - numbered(x).map(|(i, x)| (x / i.sqrt()).cos()).product::<f64>()
}

fn schwefel(x: &[f64]) -> f64 {
    x.iter().map(|x| 418.982_887_272_433_8 - x * x.abs().sqrt().sin()).sum()
}

fn levy(x: &[f64]) -> f64 {
    let w = |x: f64| 1.0 + (x - 1.0) / 4.0;
    let (first, last) = (w(x[0]), w(x[x.len() - 1]));
    let middle = |x: &f64| (w(*x) - 1.0).powi(2) * (1.0 + 10.0 * (PI * w(*x) + 1.0).sin().powi(2));
    (PI * first).sin().powi(2)
        + x[..x.len() - 1].iter().map(middle).sum::<f64>()
        + (last - 1.0).powi(2) * (1.0 + (TAU * last).sin().powi(2))
}

fn zakharov(x: &[f64]) -> f64 {
    let slope: f64 = numbered(x).map(|(i, x)| 0.5 * i * x).sum();
    sphere(x) + slope.powi(2) + slope.powi(4)
}

fn styblinski_tang(x: &[f64]) -> f64 {
    x.iter().map(|x| 0.5 * (x.powi(4) - 16.0 * x * x + 5.0 * x)).sum()
}

fn michalewicz(x: &[f64]) -> f64 {
    numbered(x).map(|(i, x)| michalewicz_term(i, x)).sum()
}

fn michalewicz_term(i: f64, x: f64) -> f64 {
    -x.sin() * (i * x * x / PI).sin().powi(20)
}

/// The function is separable: the best point of a fine grid in every variable, refined by golden section.
fn michalewicz_minimiser(d: usize) -> Vec<f64> {
    let golden = 0.5 * (5f64.sqrt() - 1.0);
    let refine = |term: &dyn Fn(f64) -> f64, (mut lo, mut hi): (f64, f64)| {
        while hi - lo > 1e-9 {
            let (a, b) = (hi - golden * (hi - lo), lo + golden * (hi - lo));
            (lo, hi) = if term(a) < term(b) { (lo, b) } else { (a, hi) };
        }
        0.5 * (lo + hi)
    };
    let variable = |i: usize| {
        let term = |x: f64| michalewicz_term(i as f64, x);
        let width = PI / (200 * i.max(5)) as f64; // valleys become narrower with i
        let grid = (1..200 * i.max(5)).map(|k| k as f64 * width);
        let best = grid.min_by(|a, b| term(*a).total_cmp(&term(*b))).unwrap_or(0.5 * PI);
        refine(&term, (best - width, best + width))
    };
    (1..=d).map(variable).collect()
}

fn dixon_price(x: &[f64]) -> f64 {
    let tail: f64 = x.windows(2).zip(2..).map(|(x, i)| f64::from(i) * (2.0 * x[1] * x[1] - x[0]).powi(2)).sum();
    (x[0] - 1.0).powi(2) + tail
}

fn dixon_price_minimiser(d: usize) -> Vec<f64> {
    (1..=d).map(|i| 2f64.powf(-(1.0 - 2f64.powi(1 - i as i32)))).collect()
}

fn nan_on_stripes(x: &[f64]) -> f64 {
    if (8.0 * x[0]).sin() < 0.0 { f64::NAN } else { sphere(x) }
}

impl Classic {
    /// The function in the dimensions the options say, ten by default.
    ///
    /// # Errors
    /// [`Error::Invalid`] for less than two dimensions, and for options it does not have.
    fn problem(&'static self, options: &Options) -> Result<Boxed<Value>> {
        options.only(self.name, &[Has::Dim])?;
        let dim = options.dim.unwrap_or(DIM);
        if !(2..=1_000_000).contains(&dim) {
            return Err(Error::invalid("--dim", dim, "an integer from 2 to 1000000"));
        }
        let minimum = (self.value)(&(self.minimiser)(dim));
        Ok(Boxed { f: self.value, dim, bounds: self.domain, start: self.domain, minimum })
    }
}

/// The entries of all functions.
pub(super) fn entries() -> impl Iterator<Item = Entry> {
    CLASSICS.iter().map(|classic| Entry {
        name: format!("classic/{}", classic.name),
        kind: Kind::Function,
        summary: classic.summary.into(),
        group: String::new(),
        citation: classic.citation.into(),
        hidden: classic.hidden,
        reads_files: false,
        defaults: Options { dim: Some(DIM), ..Options::default() },
        build: Box::new(move |options| Ok(Box::new(classic.problem(options)?))),
    })
}

#[cfg(test)]
mod tests {
    use moths::Key;

    use super::*;

    fn classic(name: &str) -> &'static Classic {
        CLASSICS.iter().find(|c| c.name == name).expect("listed")
    }

    /// Published minima: zero but for three functions.
    fn published(name: &str, d: usize) -> f64 {
        match (name, d) {
            ("styblinski-tang", _) => -39.166_165_703_771_42 * d as f64,
            ("michalewicz", 2) => -1.801_303_410_098_554,
            ("michalewicz", 5) => -4.687_658_179_088_148,
            ("michalewicz", 10) => -9.660_151_715_641_35,
            _ => 0.0,
        }
    }

    #[test]
    fn minima_are_as_published() {
        for c in CLASSICS {
            for d in [2, 5, 10] {
                let minimum = (c.value)(&(c.minimiser)(d));
                assert!((minimum - published(c.name, d)).abs() < 1e-9, "{} in {d}-D: {minimum}", c.name);
            }
        }
    }

    #[test]
    fn nothing_near_or_far_is_lower() {
        for c in CLASSICS {
            let best = (c.minimiser)(4);
            let minimum = (c.value)(&best);
            let mut stream = Key::new(1).stream();
            for i in 0..2000 {
                let mut unit = || rand_distr::Distribution::sample(&rand_distr::StandardUniform, &mut stream);
                let (lo, hi) = c.domain;
                let place = |b: &f64, u: f64| if i % 2 == 0 { b + 0.01 * (u - 0.5) } else { lo + u * (hi - lo) };
                let x: Vec<f64> = best.iter().map(|b| place(b, unit()).clamp(lo, hi)).collect();
                let value = (c.value)(&x);
                assert!(value.is_nan() || value >= minimum - 1e-9, "{}: {value} < {minimum} at {x:?}", c.name);
            }
        }
    }

    #[test]
    fn values_worked_out_by_hand() {
        let at = |name: &str, x: &[f64]| (classic(name).value)(x);
        assert_eq!(at("sphere", &[1.0, 2.0]), 5.0);
        assert_eq!(at("ellipsoid", &[1.0, 1.0]), 1_000_001.0);
        assert_eq!(at("rosenbrock", &[0.0, 0.0, 0.0]), 2.0);
        assert_eq!(at("rastrigin", &[1.0, 1.0]), 2.0);
        assert_eq!(at("zakharov", &[1.0, 1.0]), 2.0 + 1.5f64.powi(2) + 1.5f64.powi(4));
        assert_eq!(at("styblinski-tang", &[1.0, 1.0]), -10.0);
        assert_eq!(at("dixon-price", &[1.0, 1.0]), 2.0);
        assert!((at("schwefel", &[0.0, 0.0]) - 837.965_774_544_867_6).abs() < 1e-9);
        assert!((at("ackley", &[1.0, 1.0]) - 3.625_384_938_440_363).abs() < 1e-12);
        assert!((at("griewank", &[PI, 0.0]) - (2.0 + PI * PI / 4000.0)).abs() < 1e-12);
        assert!((at("levy", &[1.0, 5.0]) - 1.0).abs() < 1e-12);
        assert!((at("michalewicz", &[PI / 2.0, PI / 2.0]) + (PI / 4.0).sin().powi(20) + 1.0).abs() < 1e-12);
    }

    #[test]
    fn starts_differ_with_the_seed_and_lie_inside() -> Result<()> {
        let problem = classic("ackley").problem(&Options::default())?;
        let start = |seed| moths::tensor::host::to_f64s(&*problem.space(seed)?.decode(&problem.space(seed)?.start())?);
        assert_eq!(start(1)?, start(1)?);
        assert_ne!(start(1)?, start(2)?);
        assert!(start(3)?.iter().all(|x| x.abs() <= 32.768));
        Ok(())
    }

    #[test]
    fn options_are_checked() {
        let new = |dim, validate| classic("levy").problem(&Options { dim, validate, ..Options::default() });
        assert!(new(Some(1), false).is_err() && new(None, true).is_err() && new(Some(2), false).is_ok());
    }
}
