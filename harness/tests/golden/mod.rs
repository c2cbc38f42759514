//! The first losses of every optimizer, as bits, on file.

use std::{fs, path::PathBuf};

use candle_core::DType;
use libtest_mimic::Failed;
use moths_core::Spec;
use moths_laws::{Subject, golden};

/// Compares the first losses with the file; writes the file instead where `MOTHS_BLESS=1` is set.
pub(crate) fn check(id: &str) -> Result<(), Failed> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden").join(format!("{id}.txt"));
    let now = text(id)?;
    if std::env::var_os("MOTHS_BLESS").is_some_and(|bless| bless == "1") {
        return Ok(fs::write(&path, now)?);
    }
    let bless = format!("run `MOTHS_BLESS=1 cargo test -p moths-cli --test laws golden::{id}`");
    let Ok(before) = fs::read_to_string(&path) else {
        return Err(format!("{} is missing; to write it, {bless}", path.display()).into());
    };
    match before.lines().zip(now.lines()).find(|(before, now)| before != now) {
        None if before.lines().count() == now.lines().count() => Ok(()),
        None => Err(format!("{} has another number of lines than it should; {bless}", path.display()).into()),
        Some((before, now)) => Err(format!(
            "{id} takes another path than before:\n  before {before}\n  now    {now}\nIf that is meant, {bless} and note the change as value-breaking \
             in CHANGELOG.md"
        )
        .into()),
    }
}

/// One line a loss: dtype, step, bits, and the number they stand for.
fn text(id: &str) -> Result<String, Failed> {
    let subject = Subject::new(Spec::new(id))?;
    let mut text = format!("# The lowest losses of the first steps of {id}, default settings. A change is value-breaking.\n");
    for dtype in [DType::F32, DType::F64] {
        for (step, loss) in golden::losses(&subject, dtype)?.into_iter().enumerate() {
            text.push_str(&format!("{} {step} {:016x} {loss:e}\n", dtype.as_str(), loss.to_bits()));
        }
    }
    Ok(text)
}
