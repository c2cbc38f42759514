//! Lists of whole numbers: `2,5,10` and `1-15`.

use std::{fmt, ops::RangeInclusive, str::FromStr};

use crate::whole;

/// Numbers in the order in which they were given, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Numbers(Vec<u32>);

/// More than anybody wants to wait for.
const MOST: usize = 10_000;

impl Numbers {
    /// The numbers, each as another type.
    pub(super) fn of<T: From<u32>>(&self) -> Vec<T> {
        self.0.iter().map(|n| T::from(*n)).collect()
    }
}

impl FromStr for Numbers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut numbers = vec![];
        for part in text.split(',') {
            let range = range(part.trim()).ok_or_else(|| format!("`{part}` is neither a number nor a range such as 1-15"))?;
            if range.clone().count() + numbers.len() > MOST {
                return Err(format!("`{part}` makes more than {MOST} numbers"));
            }
            range.for_each(|n| {
                if numbers.contains(&n) {
                } else {
                    numbers.push(n)
                }
            });
        }
        Ok(Self(numbers))
    }
}

/// `7` or `1-15`, from low to high, from 1.
fn range(text: &str) -> Option<RangeInclusive<u32>> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let [low, high] = [low, high].map(|number| whole::read(number).and_then(|number| u32::try_from(number).ok()));
    let (low, high) = (low?, high?);
    (1 <= low && low <= high).then_some(low..=high)
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.0.iter().map(u32::to_string).collect();
        f.write_str(&words.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_ranges() {
        let read = |text: &str| text.parse::<Numbers>().map(|n| n.to_string());
        assert_eq!([read("2,5,10"), read("1e1,1_000")], [Ok("2,5,10".into()), Ok("10,1000".into())]);
        assert_eq!(read("1-3, 7,2-4"), Ok("1,2,3,7,4".into()));
        for wrong in ["", "0", "3-1", "a", "1-", "-1", "1,,2", "50,000", "1-4000000000"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
