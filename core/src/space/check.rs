//! What contradicts itself is no leaf.

use candle_core::DType;

use super::{
    domain::{Bounds, Domain},
    format::Format,
    leaf::Leaf,
};
use crate::{Error, Result};

/// A value, and what would be valid in its place.
type Refusal = (String, String);

impl Leaf {
    /// Every interval must hold a number of the leaf's dtype that a search in `search` can tell, and every level must be one of its own.
    pub(crate) fn check_numbers(&self, search: DType) -> Result<()> {
        let dtype = Format::narrower(search, self.dtype).dtype().as_str();
        if self.levels_in(search).is_none() {
            let valid = format!("finite numbers of {dtype}, the narrower of leaf and search, each of them another");
            return Err(Error::invalid(format!("leaf {}.levels", self.name), format!("{:?}", self.levels), valid));
        }
        let Some((lo, hi)) = self.intervals().find(|interval| self.representable(search, *interval).is_none()) else {
            return Ok(());
        };
        let (what, of) = if self.domain == Domain::Real { ("bounds", "number") } else { ("domain", "integer") };
        let valid = format!("an interval that holds a finite {of} of {dtype}, the narrower of leaf and search");
        Err(Error::invalid(format!("leaf {}.{what}", self.name), format!("[{lo}, {hi}]"), valid))
    }

    pub(crate) fn check(&self) -> Result<()> {
        let refused = |what: &str, (value, valid)| Error::invalid(format!("leaf {}.{what}", self.name), value, valid);
        if self.is_empty() {
            return Err(refused("shape", (format!("{:?}", self.shape), "at least one element".into())));
        }
        // Within what f32 can multiply and divide by.
        if let Some(scale) = self.scale.filter(|s| !(1e-30..=1e30).contains(s)) {
            return Err(refused("scale", (scale.to_string(), "a number from 1e-30 to 1e30".into())));
        }
        self.check_domain().map_err(|why| refused("domain", why))?;
        self.check_levels().map_err(|why| refused("levels", why))?;
        self.check_dtype().map_err(|valid| refused("dtype", (self.dtype.as_str().into(), valid)))?;
        self.check_bounds().map_err(|why| refused("bounds", why))?;
        self.check_logarithm().map_err(|(what, value, valid)| refused(what, (value, valid.into())))
    }

    /// Are there integers among its values that an f32 does not hold?
    pub(crate) fn needs_f64(&self) -> bool {
        match self.domain {
            Domain::Integer { lo, hi } => lo.unsigned_abs().max(hi.unsigned_abs()) > 1 << 24,
            Domain::Category { choices } | Domain::Levels { count: choices } if choices > 1 << 24 => true,
            _ => !self.dtype.is_float() && self.levels.iter().any(|level| level.abs() > f64::from(1 << 24)),
        }
    }

    fn check_domain(&self) -> std::result::Result<(), Refusal> {
        match self.domain {
            Domain::Integer { lo, hi } if lo > hi || lo.unsigned_abs().max(hi.unsigned_abs()) > 1 << 52 => {
                Err((format!("{lo}..={hi}"), "lo <= hi, both within 2^52 of zero".into()))
            }
            Domain::Category { choices: 0 } => Err(("no choice".into(), "at least one choice".into())),
            Domain::Levels { count } if count as usize != self.levels.len() => {
                Err((format!("{count} levels"), format!("as many levels as the leaf is given, {}", self.levels.len())))
            }
            _ => Ok(()),
        }
    }

    fn check_levels(&self) -> std::result::Result<(), Refusal> {
        let levels = &self.levels;
        let ascending = levels.windows(2).all(|pair| pair[0] < pair[1]) && levels.iter().all(|level| level.is_finite());
        match matches!(self.domain, Domain::Levels { .. }) {
            true if levels.is_empty() || !ascending => {
                Err((format!("{levels:?}"), "at least one finite number, each above the one before it".into()))
            }
            false if !levels.is_empty() => Err((format!("{levels:?}"), "no levels, where the domain is another".into())),
            _ => Ok(()),
        }
    }

    /// The decoded values must survive the cast to the leaf's dtype.
    fn check_dtype(&self) -> std::result::Result<(), String> {
        let (least, most) = match self.dtype {
            DType::U8 => (0, 255),
            DType::U32 => (0, i64::from(u32::MAX)),
            DType::I16 => (i64::from(i16::MIN), i64::from(i16::MAX)),
            DType::I32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
            DType::I64 | DType::F64 => (-(1 << 52), 1 << 52),
            DType::F32 => (-(1 << 24), 1 << 24),
            DType::F16 => (-(1 << 11), 1 << 11),
            DType::BF16 => (-(1 << 8), 1 << 8),
            _ => return Err("f32, f64, bf16, f16, u8, u32, i16, i32 or i64".into()),
        };
        let fits = |level: &f64| level.fract() == 0.0 && (least as f64..=most as f64).contains(level);
        match (self.domain, self.domain.whole()) {
            (Domain::Real, _) if !self.dtype.is_float() => Err("f32, f64, bf16 or f16 for a real leaf".into()),
            (Domain::Levels { .. }, _) => match self.levels.iter().find(|level| !self.dtype.is_float() && !fits(level)) {
                Some(level) => Err(format!("a dtype that holds all levels; this one has no {level}")),
                None => Ok(()),
            },
            (_, Some((lo, hi))) if lo < least || hi > most => {
                Err(format!("a dtype that holds all integers {lo}..={hi}; this one holds {least}..={most}"))
            }
            _ => Ok(()),
        }
    }

    fn check_bounds(&self) -> std::result::Result<(), Refusal> {
        let intervals: &[(f64, f64)] = match &self.bounds {
            Bounds::Free => &[],
            Bounds::Same(lo, hi) => &[(*lo, *hi)],
            Bounds::Each(each) if each.len() != self.len() => {
                return Err((format!("{} intervals", each.len()), "as many intervals as the leaf has elements".into()));
            }
            Bounds::Each(each) => each,
        };
        if !intervals.is_empty() && self.domain != Domain::Real {
            return Err((format!("{intervals:?}"), "only real leaves have bounds; integers have theirs in the domain".into()));
        }
        // The width is what natural scales follow from; an end that is infinite is none.
        let is_valid = |(lo, hi): &(f64, f64)| {
            let (open, width) = (*lo == f64::NEG_INFINITY || *hi == f64::INFINITY, hi - lo);
            lo <= hi && *lo < f64::INFINITY && *hi > f64::NEG_INFINITY && (open || width <= 1e30)
        };
        match intervals.iter().find(|interval| !is_valid(interval)) {
            Some((lo, hi)) => {
                Err((format!("[{lo}, {hi}]"), "numbers lo <= hi, at most 1e30 apart or one of them infinite".into()))
            }
            None => Ok(()),
        }
    }

    /// The field, its value, and what is valid.
    fn check_logarithm(&self) -> std::result::Result<(), (&'static str, String, &'static str)> {
        if !self.logarithmic {
            return Ok(());
        }
        match self.domain {
            Domain::Real | Domain::Integer { .. } => {}
            other => return Err(("logarithmic", format!("{other:?}"), "a real or an integer leaf")),
        }
        let what = if self.domain == Domain::Real { "bounds" } else { "domain" };
        match self.intervals().find(|(lo, _)| *lo <= 0.0) {
            Some((lo, hi)) => Err((what, format!("[{lo}, {hi}]"), "lo > 0, as the leaf is logarithmic")),
            None => Ok(()),
        }
    }
}
