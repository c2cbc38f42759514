//! What a kernel's text may say: the subset of Rust that is also C, checked while the crate that writes it compiles.
//!
//! The formula is compiled as Rust here and can be pasted into CUDA C unchanged; a body that only one of the two
//! understands is refused at once, not on the day a GPU is plugged in.

/// At most so many tensors may be written by one kernel.
pub const MOST_WRITTEN: usize = 4;
/// At most so many tensors may be read by one kernel.
pub const MOST_READ: usize = 8;
/// At most so many numbers and keys may be given to one kernel.
pub const MOST_SCALARS: usize = 24;

const WORDS: [&str; 13] =
    ["sqrt", "abs", "exp", "ln", "tanh", "square", "min", "max", "clamp", "select", "signum", "round", "floor"];

const KEYWORDS: [&str; 24] = [
    "if", "else", "match", "for", "while", "loop", "return", "break", "continue", "as", "fn", "move", "ref", "struct", "enum",
    "impl", "unsafe", "use", "where", "const", "static", "in", "self", "dyn",
];

/// Names in Rust that are none in C++.
const TAKEN: [&str; 32] = [
    "and",
    "asm",
    "auto",
    "bool",
    "case",
    "catch",
    "char",
    "class",
    "default",
    "delete",
    "do",
    "double",
    "float",
    "friend",
    "goto",
    "inline",
    "int",
    "long",
    "namespace",
    "new",
    "not",
    "operator",
    "or",
    "register",
    "short",
    "signed",
    "sizeof",
    "switch",
    "template",
    "this",
    "unsigned",
    "void",
];

/// Refuses, at compile time, a parameter list with too many tensors or none to write.
pub const fn parameters(kinds: &[&str]) {
    let (mut written, mut read, mut sums, mut at) = (0, 0, 0, 0);
    while at < kinds.len() {
        let kind = kinds[at].as_bytes();
        written += (equal(kind, b"inout") || equal(kind, b"out")) as usize;
        read += (equal(kind, b"mat") || equal(kind, b"row") || equal(kind, b"col") || equal(kind, b"sum")) as usize;
        sums += equal(kind, b"sum") as usize;
        at += 1;
    }
    assert!(written > 0, "kernel!: nothing is written; give it an `inout` or `out` parameter");
    assert!(written <= MOST_WRITTEN, "kernel!: at most 4 tensors can be written (`inout`, `out`)");
    assert!(read <= MOST_READ, "kernel!: at most 8 tensors can be read (`mat`, `sum`, `row`, `col`)");
    assert!(
        kinds.len() - written - read <= MOST_SCALARS,
        "kernel!: at most 24 numbers and keys can be given (`num`, `uniform`, `normal`, `sign`)"
    );
    assert!(sums <= 1, "kernel!: at most one parameter can be a `sum`");
}

/// Refuses, at compile time, a body that is not both Rust and C.
pub const fn body(text: &str) {
    let text = text.as_bytes();
    let mut at = 0;
    while at < text.len() {
        at = match text[at] {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => word(text, at),
            b'0'..=b'9' => number(text, at),
            _ => mark(text, at),
        };
    }
}

/// Checks the word at `at`; returns where it ends.
const fn word(text: &[u8], at: usize) -> usize {
    let mut end = at;
    while end < text.len() && is_word(text[end]) {
        end += 1;
    }
    if contains(&KEYWORDS, text, at, end) {
        panic!(
            "kernel!: only `let`, assignments, arithmetic and the words of the formula language; for `if` use `select(condition, a, b)`"
        );
    }
    if contains(&TAKEN, text, at, end) {
        panic!("kernel!: a name that is a word of C++, of which the formula is too; take another");
    }
    let mut next = end;
    while next < text.len() && text[next].is_ascii_whitespace() {
        next += 1;
    }
    if next < text.len() && text[next] == b'(' && !contains(&WORDS, text, at, end) {
        panic!("kernel!: unknown function; the words are sqrt abs exp ln tanh square min max clamp select signum round floor");
    }
    end
}

/// Checks the number at `at`; returns where it ends.
pub(super) const fn number(text: &[u8], at: usize) -> usize {
    let mut end = at;
    while end < text.len() && (text[end].is_ascii_digit() || text[end] == b'.') {
        end += 1;
    }
    if end < text.len() && (text[end] == b'e' || text[end] == b'E') {
        end += 1;
        if end < text.len() && (text[end] == b'-' || text[end] == b'+') {
            end += 1;
        }
        while end < text.len() && text[end].is_ascii_digit() {
            end += 1;
        }
    }
    if end < text.len() && is_word(text[end]) {
        panic!("kernel!: numbers are plain decimals (`0.5`, `1e-3`), without suffix, `_` or `0x`");
    }
    end
}

/// Checks the punctuation at `at`; returns where it ends.
const fn mark(text: &[u8], at: usize) -> usize {
    let next = if at + 1 < text.len() { text[at + 1] } else { b' ' };
    match (text[at], next) {
        (b'.', _) => panic!("kernel!: no methods or fields; write `sqrt(x)`, not `x.sqrt()`"),
        (b':', _) => panic!("kernel!: no types or paths; every value has the type of the tensors"),
        (b'-' | b'=', b'>') => panic!("kernel!: `->` and `=>` are not part of a formula"),
        (b'!', b'=') => at + 2,
        (b'+' | b'-' | b'*' | b'/' | b'=' | b'<' | b'>' | b'(' | b')' | b',' | b';', _) => at + 1,
        (byte, _) if byte.is_ascii_whitespace() => at + 1,
        _ => panic!(
            "kernel!: a formula has only `+ - * / = < > ( ) , ;`, comparisons and words; no blocks, references, indices, `%` or logic"
        ),
    }
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

const fn contains(words: &[&str], text: &[u8], from: usize, to: usize) -> bool {
    let (_, rest) = text.split_at(from);
    let (word, _) = rest.split_at(to - from);
    let mut k = 0;
    while k < words.len() {
        if equal(words[k].as_bytes(), word) {
            return true;
        }
        k += 1;
    }
    false
}

const fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut k = 0;
    while k < a.len() {
        if a[k] != b[k] {
            return false;
        }
        k += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_formulas() {
        body("let nv = w * v + c1 * r1 * (best - x); v = nv; x = x + nv;");
        body(
            "let mut a = 1e-3 * sqrt (x) + .5e2; a += select(a != 0.25, min(a, 1.), -a); x = a;".replace(" .5", " 0.5").as_str(),
        );
    }

    #[test]
    fn refuses_what_is_not_both_rust_and_c() {
        let refused = [
            "x = x.sqrt();",
            "x = f32::sqrt(x);",
            "if x > 0.0 { x = 0.0; }",
            "x = w as f32;",
            "x = &w;",
            "x = w[0];",
            "x = 1.0f32;",
            "x = 1_000.0;",
            "x = 0x10;",
            "let y: f32 = x;",
            "x = { x };",
            "x = foo(x);",
            "x = sin(x);",
            "x = dbg!(x);",
            "x = x % 2.0;",
            "x = |a| a;",
            "for i in 0..3 { }",
            "return;",
            "x = select(a && b, x, x);",
            "let (a, b) = x;",
            "x = new + 1.0;",
            "let double = x;",
            "x = 'a';",
            "x = \"\";",
        ];
        for text in refused {
            assert!(std::panic::catch_unwind(|| body(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn counts_parameters() {
        parameters(&["inout", "out", "inout", "inout", "num", "mat", "row", "col", "mat", "mat", "mat", "mat", "mat"]);
        for kinds in [&["mat"][..], &["out"; 5], &["inout", "mat", "mat", "mat", "mat", "mat", "mat", "mat", "mat", "row"]] {
            assert!(std::panic::catch_unwind(|| parameters(kinds)).is_err());
        }
    }
}
