//! Whole numbers as people write them: `50000`, `10_000`, `50,000`, `1e6`.

/// A whole number from `LOW` to `HIGH`, for clap.
///
/// # Errors
/// What is valid, in words.
pub fn whole<T: TryFrom<u64>, const LOW: u64, const HIGH: u64>(text: &str) -> Result<T, String> {
    let number = read(text).filter(|number| (LOW..=HIGH).contains(number)).and_then(|number| T::try_from(number).ok());
    let range = if HIGH == u64::MAX { format!("at least {LOW}") } else { format!("from {LOW} to {HIGH}") };
    number.ok_or_else(|| format!("write a whole number, {range}, as 50000, 50_000, 50,000 or 5e4"))
}

/// The whole number that a text says; `None` if it says none, or one beyond 64 bits.
pub fn read(text: &str) -> Option<u64> {
    let text = text.trim();
    match text.split_once(['e', 'E']) {
        Some((digits, exponent)) => powered(digits, exponent.strip_prefix('+').unwrap_or(exponent)),
        None => grouped(text),
    }
}

/// Digits, with `_` between any two of them, or with `,` between groups of three.
fn grouped(text: &str) -> Option<u64> {
    let mut groups = text.split(',');
    let first = groups.next()?;
    let alone = !text.contains(',');
    let thousands = (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3);
    let between = text.split(['_', ',']).all(|group| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit()));
    let digits = || text.replace(['_', ','], "").parse().ok();
    if between && (alone || thousands) { digits() } else { None }
}

/// `1.5` and `6` are 1,500,000, exactly; a fraction that remains is no whole number.
fn powered(digits: &str, exponent: &str) -> Option<u64> {
    let (before, after) = digits.split_once('.').unwrap_or((digits, ""));
    let after = after.trim_end_matches('0');
    if [before, exponent].contains(&"") || ![before, after, exponent].concat().bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let zeros = exponent.parse::<usize>().ok()?.checked_sub(after.len()).filter(|zeros| *zeros < 20)?;
    format!("{before}{after}{}", "0".repeat(zeros)).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_read_in_every_dress() {
        for text in ["50000", "50_000", "50,000", "5e4", "5E4", "5.0e4", "0.5e5", "5e+4", " 50000 ", "5_0_000"] {
            assert_eq!(read(text), Some(50_000), "{text}");
        }
        assert_eq!([read("0"), read("1e0"), read("1.25e2"), read("12,345,678")], [0, 1, 125, 12_345_678].map(Some));
        assert_eq!([read("18446744073709551615"), read("18446744073709551616")], [Some(u64::MAX), None]);
        let wrong =
            ["", "-1", "1.5", "1.0", "5e", "e4", "1e-3", "1.55e1", "1e20", "1e99999999999", "5,00", "50,00,000", "1234,567"];
        for text in wrong.into_iter().chain(["_1", "1_", "1__0", ",000", "1,", "0x10", "ten", "+1", "1 000", ".5e1", "1,_00"]) {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_wrong_one_is_told_what_is_valid() {
        assert_eq!(whole::<u16, 1, 1024>("1e3"), Ok(1000));
        let refused = |text| whole::<u16, 1, 1024>(text).err().unwrap_or_default();
        assert!(refused("0").contains("a whole number, from 1 to 1024, as") && refused("2_000").contains("from 1 to 1024"));
        assert!(whole::<u64, 1, { u64::MAX }>("0").is_err_and(|said| said.contains("at least 1,")));
    }
}
