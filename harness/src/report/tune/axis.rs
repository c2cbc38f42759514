//! Where values stand on an axis, and what is written beside it.

use serde_json::Value;

use crate::tune::{Kind, Setting};

/// The axis of a setting: places from 0 to 1.
pub(super) struct Axis<'a> {
    pub(super) setting: &'a Setting,
}

impl Axis<'_> {
    /// Where a value stands; a value that is none stands at 0.
    pub(super) fn place(&self, value: Option<&Value>) -> f64 {
        let number = value.and_then(Value::as_f64).unwrap_or(f64::NAN);
        let place = match &self.setting.kind {
            Kind::Real { lo, hi, log } => between(number, *lo, *hi, *log),
            Kind::Integer { lo, hi, log } => between(number, *lo as f64, *hi as f64, *log),
            Kind::Choice(words) => {
                let at = words.iter().position(|word| value.and_then(Value::as_str) == Some(word)).unwrap_or(0);
                at as f64 / (words.len() - 1).max(1) as f64
            }
            Kind::Bool => f64::from(u8::from(value.and_then(Value::as_bool).unwrap_or(false))),
        };
        if place.is_finite() { place.clamp(0.0, 1.0) } else { 0.0 }
    }

    /// What is written beside it, and where.
    pub(super) fn marks(&self) -> Vec<(f64, String)> {
        match &self.setting.kind {
            Kind::Real { lo, hi, .. } => vec![(0.0, short(*lo)), (1.0, short(*hi))],
            Kind::Integer { lo, hi, .. } => vec![(0.0, lo.to_string()), (1.0, hi.to_string())],
            Kind::Choice(words) => {
                let last = (words.len() - 1).max(1) as f64;
                words.iter().enumerate().map(|(i, word)| (i as f64 / last, word.clone())).collect()
            }
            Kind::Bool => vec![(0.0, "false".into()), (1.0, "true".into())],
        }
    }
}

fn between(x: f64, lo: f64, hi: f64, log: bool) -> f64 {
    if log { (x / lo).ln() / (hi / lo).ln() } else { (x - lo) / (hi - lo) }
}

/// A number with few digits.
pub(super) fn short(x: f64) -> String {
    let size = x.abs();
    if x == 0.0 || (1e-3..1e5).contains(&size) {
        let digits = (3 - size.max(1e-3).log10().floor() as i32).clamp(0, 6) as usize;
        let text = format!("{x:.digits$}");
        return if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text };
    }
    let text = format!("{x:.2e}");
    match text.split_once('e') {
        Some((digits, power)) => format!("{}e{power}", digits.trim_end_matches('0').trim_end_matches('.')),
        None => text,
    }
}

/// Losses on a scale: logarithmic where they are all positive and far apart.
pub(super) struct Scale {
    lo: f64,
    hi: f64,
    log: bool,
}

impl Scale {
    /// Of these losses. Of twenty or more the highest twentieth lies beyond its end, so that the others can be told apart.
    pub(super) fn of(losses: impl Iterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = losses.collect();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        let (lo, hi) = (sorted[0], sorted[if last >= 19 { last - last.div_ceil(20) } else { last }]);
        let log = lo > 0.0 && hi > 100.0 * lo;
        let (lo, hi) = if hi > lo { (lo, hi) } else { (lo - 0.5 * lo.abs().max(1e-9), hi + 0.5 * hi.abs().max(1e-9)) };
        Some(Self { lo, hi, log })
    }

    /// From 0, the lowest loss, to 1; what is beyond is at 1.
    pub(super) fn place(&self, loss: f64) -> f64 {
        let place = between(loss, self.lo, self.hi, self.log);
        if place.is_finite() { place.clamp(0.0, 1.0) } else { 1.0 }
    }

    /// Losses to be written beside it, and where.
    pub(super) fn marks(&self) -> Vec<(f64, f64)> {
        let at = |loss: f64| (self.place(loss), loss);
        let marks: Vec<_> = if self.log { self.powers() } else { self.steps() }.into_iter().map(at).collect();
        if marks.len() < 2 { vec![at(self.lo), at(self.hi)] } else { marks }
    }

    fn powers(&self) -> Vec<f64> {
        let (from, to) = (self.lo.log10().ceil() as i32, self.hi.log10().floor() as i32);
        let stride = ((to - from) / 6).max(0) as usize + 1;
        (from..=to).step_by(stride).map(|k| 10f64.powi(k)).collect()
    }

    /// Multiples of 1, 2 or 5 times a power of ten.
    fn steps(&self) -> Vec<f64> {
        let rough = (self.hi - self.lo) / 5.0;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|k| k * power).find(|step| *step >= rough).unwrap_or(rough);
        let from = (self.lo / step).ceil();
        let count = ((self.hi / step).floor() - from).clamp(0.0, 20.0) as usize;
        (0..=count).map(|k| (from + k as f64) * step).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [0.0, 0.001, 0.25, 3.0, 1024.0, 1e-5, -2.5e7].map(short),
            ["0", "0.001", "0.25", "3", "1024", "1e-5", "-2.5e7"]
        );
    }

    #[test]
    fn scales_hold_what_they_are_of() {
        let scale = Scale::of([1.0, 2.0, 3.0].into_iter()).expect("losses");
        assert_eq!([1.0, 2.0, 3.0, 9.0].map(|loss| scale.place(loss)), [0.0, 0.5, 1.0, 1.0]);
        assert_eq!(scale.marks().iter().map(|mark| mark.1).collect::<Vec<_>>(), [1.0, 1.5, 2.0, 2.5, 3.0]);
        let wide = Scale::of([0.01, 1.0, 100.0].into_iter()).expect("losses");
        assert!((wide.place(1.0) - 0.5).abs() < 1e-12 && wide.marks().len() == 5);
        let many = Scale::of((0..40).map(f64::from).chain([1e9])).expect("losses");
        assert!(many.place(20.0) > 0.4, "one enormous loss hides no other");
        assert!(Scale::of(std::iter::empty()).is_none());
        assert!(Scale::of([2.0].into_iter()).is_some_and(|one| one.marks().len() >= 2));
    }
}
