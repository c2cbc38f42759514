//! Names of leaves by pattern.

/// Does a pattern mean this leaf? With `*`, which stands for anything, dots too, it must fit the whole name; without, it is the name or the first
/// parts of it: `fc1` is `fc1.weight` and `fc1.bias`.
pub(super) fn means(pattern: &str, name: &str) -> bool {
    if pattern.contains('*') {
        return fits(pattern, name);
    }
    name.strip_prefix(pattern).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// What stands between the stars must be found in order: the first at the start, the last at the end.
fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let (first, last) = (parts.next().unwrap_or_default(), parts.next_back().unwrap_or_default());
    let Some(mut rest) = name.strip_prefix(first).and_then(|rest| rest.strip_suffix(last)) else { return false };
    parts.all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::means;

    #[test]
    fn stars_stand_for_anything_and_names_for_what_is_below_them() {
        let name = "encoder.layer.11.attention.self.query.weight";
        for pattern in
            [name, "encoder", "encoder.layer.11", "*", "encoder.layer.11.*", "*.query.*", "*.weight", "enc*.1*.*query.weight"]
        {
            assert!(means(pattern, name), "{pattern}");
        }
        for pattern in [
            "encoder.layer.1",
            "layer",
            "*.bias",
            "encoder.layer.1.*",
            "layer.*",
            "encoder.layer.11.attention.self.query.weight.*",
        ] {
            assert!(!means(pattern, name), "{pattern}");
        }
        assert!(!means("ab*ba", "aba") && means("ab*ba", "abba"));
    }
}
