//! Points of somebody's own: `lr=1e-3,layers=4`.

use super::template::Template;
use crate::{Error, Result};

/// The values of the leaves that a text says, one for every setting.
///
/// # Errors
/// [`Error::Invalid`] for what is no value of its setting, and for a setting that is said twice or not at all; [`Error::Unknown`] for what is no
/// setting.
pub(super) fn point(text: &str, template: &Template) -> Result<Vec<f64>> {
    let settings = template.settings();
    let mut values: Vec<Option<f64>> = vec![None; settings.len()];
    for assignment in text.split(',') {
        let wrong = |valid: &str| Error::invalid("--try", assignment, valid);
        let (name, value) = assignment.split_once('=').ok_or_else(|| wrong("write name=value, with commas between"))?;
        let name = name.trim();
        let names = settings.iter().map(|setting| setting.name.as_str());
        let known: Vec<&str> = names.collect();
        let at = known.iter().position(|known| *known == name);
        let at = at.ok_or_else(|| Error::unknown_of_few("setting of --try", name, known))?;
        let value = settings[at].kind.parse(value.trim()).map_err(|valid| wrong(&valid))?;
        if values[at].replace(value).is_some() {
            return Err(wrong("every setting once"));
        }
    }
    let missing = settings.iter().zip(&values).find(|(_, value)| value.is_none());
    match missing {
        Some((setting, _)) => {
            Err(Error::invalid("--try", text, format!("a value for every setting; `{}` has none", setting.name)))
        }
        None => Ok(values.into_iter().flatten().collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_read_whole() -> Result<()> {
        let template = Template::new(&["{lr:log:1e-5..1}".into(), "{n:1..8}".into(), "{c:a|b}".into()])?;
        assert_eq!(point("n=3, c=b,lr=1e-3", &template)?, [1e-3, 3.0, 1.0]);
        let cases = [
            ("n=3,c=b", "`lr` has none"),
            ("n=9,c=b,lr=1", "--try = n=9: an integer from 1 to 8"),
            ("n=1,n=2,c=b,lr=1", "every setting once"),
            ("n", "write name=value"),
            ("", "write name=value"),
            ("c=d", "one of a, b"),
            ("lrr=1", "did you mean `lr`?"),
        ];
        for (text, why) in cases {
            let said = point(text, &template).err().map(|e| e.to_string()).unwrap_or_default();
            assert!(said.contains(why), "{text}: {said}");
        }
        Ok(())
    }
}
