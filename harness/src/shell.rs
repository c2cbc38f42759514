//! Command lines as a shell would take them again.

/// A word, quoted where a shell would read it otherwise.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,:=+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// Words on one line.
pub fn line<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_read_them_otherwise() {
        let words = ["moths", "race", "sphere", "--optimizers", r#"[{"name":"pso"}]"#, "--out", "it's", ""];
        assert_eq!(line(words), r#"moths race sphere --optimizers '[{"name":"pso"}]' --out 'it'\''s' ''"#);
    }
}
