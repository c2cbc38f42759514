//! The functions as problems: integers and reals in a box, from a random start.

use candle_core::{DType, Device, Tensor};
use moths::{Function as Objected, Key, Leaf, Objective, Space, Spec};
use rand::RngExt;

use super::{MixInt, SIZES};
use crate::{
    Result,
    problem::{
        Answer, Entry, Examiner, Figure, Has, Kind, Measure, Options, Problem,
        bbob::{FUNCTIONS, Function},
        boxed::Gap,
    },
};

/// The options of a function where nobody says.
const DEFAULTS: (usize, u32) = (10, 1);

impl MixInt {
    /// The groups of variables, with a start that follows from the seed: any integers, and as in `bbob` reals of \[-4, 4\].
    fn space(&self, seed: u64) -> Result<Space> {
        let each = self.dim() / 5;
        let integers = SIZES.iter().map(|size| Leaf::integer(format!("of {size}"), [each], 0, i64::from(size - 1)));
        let real = Leaf::real("real", [each]).dtype(DType::F64).bounds(-5.0, 5.0);
        let mut stream = Key::new(seed).stream();
        let any = self.places.iter().map(|places| stream.random_range(0..places.len()) as f64).collect::<Vec<_>>();
        let start: Vec<f64> = any.into_iter().chain((0..each).map(|_| stream.random_range(-4.0..4.0))).collect();
        let start = Tensor::from_vec(start, self.dim(), &Device::Cpu)?;
        Space::with_dtype(integers.chain([real]).collect(), DType::F64)?.starting_at(&start)
    }
}

impl Problem for MixInt {
    fn objective(&self, seed: u64) -> Result<Box<dyn Objective + Send>> {
        let mut function = self.clone();
        Ok(Box::new(Objected::new(self.space(seed)?, move |x| function.value(x))))
    }

    fn examiner(&self, seed: u64) -> Result<Box<dyn Examiner>> {
        Ok(Box::new(Gap { objective: self.objective(seed)?, minimum: self.minimum() }))
    }

    fn measures(&self) -> &[Measure] {
        &[Measure::LOSS, Measure { name: "gap", kind: Figure::Loss }]
    }

    fn answer(&self) -> Answer {
        Answer::Best
    }

    fn minimum(&self) -> Option<f64> {
        Some(MixInt::minimum(self))
    }

    fn default_optimizer(&self) -> Spec {
        Spec::new("auto")
    }

    fn default_evaluations(&self) -> u64 {
        1000 * self.dim() as u64
    }
}

/// The function with the dimension and the instance the options say.
///
/// # Errors
/// [`moths::Error::Invalid`] for those there are not, and for options it does not have.
fn problem(function: &Function, options: &Options) -> Result<MixInt> {
    options.only(&name(function), &[Has::Dim, Has::Instance])?;
    MixInt::new(function.number, options.dim.unwrap_or(DEFAULTS.0), options.instance.unwrap_or(DEFAULTS.1))
}

/// The entries of all functions. Names without the suite are to be unique, so that these begin with m.
pub(in crate::problem) fn entries() -> impl Iterator<Item = Entry> {
    FUNCTIONS.iter().map(|function| Entry {
        name: format!("bbob-mixint/{}", name(function)),
        kind: Kind::Function,
        summary: format!("{}, of integers and reals.", function.title),
        group: function.group.to_string(),
        citation: "Tušar, Brockhoff & Hansen 2019, doi:10.1145/3321707.3321868".into(),
        hidden: false,
        reads_files: false,
        defaults: Options { dim: Some(DEFAULTS.0), instance: Some(DEFAULTS.1), ..Options::default() },
        build: Box::new(move |options| Ok(Box::new(problem(function, options)?))),
    })
}

/// `m08`: COCO's f8.
fn name(function: &Function) -> String {
    format!("m{:02}", function.number)
}

/// The name of the entry that is meant by a name with or without leading zeros: `m8`, `bbob-mixint/m8`, `bbob-mixint/f8`.
pub(in crate::problem) fn canonical(name: &str) -> Option<String> {
    let number = match name.strip_prefix("bbob-mixint/") {
        Some(short) => short.strip_prefix(['m', 'f'])?,
        None => name.strip_prefix('m')?,
    };
    Function::find(number.parse().ok()?).ok().map(|function| format!("bbob-mixint/{}", self::name(function)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(dim: usize) -> Result<MixInt> {
        problem(Function::find(15)?, &Options { dim: Some(dim), instance: Some(4), ..Options::default() })
    }

    #[test]
    fn starts_follow_from_the_seed_and_losses_are_values() -> Result<()> {
        let mut mixed = build(20)?;
        let start = |seed| {
            let space = mixed.space(seed)?;
            moths::tensor::host::to_f64s(&*space.decode(&space.start())?)
        };
        assert_eq!(start(1)?, start(1)?);
        assert_ne!(start(1)?, start(2)?);
        let x = start(3)?;
        assert!(x[..16].iter().all(|x| x.fract() == 0.0) && x[12..16].iter().any(|x| *x > 3.0));
        assert!(x[16..].iter().all(|x| x.abs() < 4.0 && x.fract() != 0.0));
        let seen = mixed.examiner(3)?.examine(&mixed.space(3)?.start())?;
        let value = mixed.value(&x);
        assert_eq!(seen, [value, value - MixInt::minimum(&mixed)]);
        Ok(())
    }

    #[test]
    fn options_are_checked() {
        let refusal = |dim| build(dim).err().map(|e| e.to_string()).unwrap_or_default();
        for dim in [0, 4, 7, 50, 80] {
            assert_eq!(refusal(dim), format!("--dim = {dim}: a multiple of 5 from 5 to 45"));
        }
        assert!(build(45).is_ok());
        let other = Options { validate: true, ..Options::default() };
        assert!(Function::find(1).and_then(|f| problem(f, &other)).is_err());
    }

    #[test]
    fn names_have_two_digits() {
        assert!(entries().map(|e| e.name).eq((1..=24).map(|n| format!("bbob-mixint/m{n:02}"))));
        for name in ["m8", "m08", "bbob-mixint/m8", "bbob-mixint/m08", "bbob-mixint/f8", "bbob-mixint/f08"] {
            assert_eq!(canonical(name).as_deref(), Some("bbob-mixint/m08"));
        }
        assert!(["f8", "m25", "m", "8", "mx", "net/m8", "bbob-mixint/"].iter().all(|name| canonical(name).is_none()));
    }
}
