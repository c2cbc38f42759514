//! Files with anything in them: damaged by chance, and made by somebody who knows the format. Each is refused in one line, or gone on from; none
//! brings the program down, to a stand, or to memory that neither the file nor the settings need.
//!
//! `MOTHS_DAMAGES` is how many files there are in all; the default is small enough for every day.

#![cfg(unix)]

mod bench;
mod checkpoints;
mod sealed;
#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "shared by several tests: each takes what it needs")]
mod support;

use std::{
    error::Error,
    process::{Command, ExitStatus, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use moths::{Key, rng::Stream};
use rand::RngExt;
use serde_json::{Value, json};
use tempfile::TempDir;

/// How many files there are in all where nobody says.
const DAMAGES: u64 = 400;
/// What no command on a small file takes.
const LONG: Duration = Duration::from_secs(60);
/// Kilobytes of addresses that a small run may have: threads' stacks, the program and its data, and what it needs.
const ADDRESSES: u64 = 1_500_000;

/// This part of all files.
fn damages(part: f64) -> Result<u64, Box<dyn Error>> {
    let all = std::env::var("MOTHS_DAMAGES").ok().map_or(Ok(DAMAGES), |number| number.parse())?;
    Ok((all as f64 * part) as u64)
}

/// How a command ended.
struct Ended {
    status: ExitStatus,
    out: String,
    err: String,
}

/// Runs `moths` with little memory and not for ever; it must succeed, or refuse in one line.
fn bounded(place: &TempDir, line: &str) -> Result<Ended, Box<dyn Error>> {
    let (out, err) = (place.path().join("stdout"), place.path().join("stderr"));
    let to = |path| Ok::<_, std::io::Error>(Stdio::from(std::fs::File::create(path)?));
    let script = format!("ulimit -v {ADDRESSES}; exec {} {line}", env!("CARGO_BIN_EXE_moths"));
    let mut child = Command::new("sh");
    let mut child = child.args(["-c", &script]).current_dir(place).stdout(to(&out)?).stderr(to(&err)?).spawn()?;
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if began.elapsed() > LONG {
            child.kill()?;
            return Err(format!("moths {line}: has not ended after {LONG:?}").into());
        }
        sleep(Duration::from_millis(2));
    };
    let read = |path| Ok::<_, std::io::Error>(String::from_utf8_lossy(&std::fs::read(path)?).into_owned());
    let ended = Ended { status, out: read(&out)?, err: read(&err)? };
    let refused = ended.status.code() == Some(2) && ended.err.lines().all(|line| line.starts_with("moths: "));
    if !ended.status.success() && !refused {
        return Err(format!("moths {line}: {}\n{}", ended.status, ended.err).into());
    }
    Ok(ended)
}

/// The generator of one case.
fn stream(kind: u64, case: u64) -> Stream {
    Key::new(kind).fold(case).stream()
}

/// Damage as chance does it: bits, a hole, an end that is missing, something behind it.
fn by_chance(bytes: &mut Vec<u8>, stream: &mut Stream) {
    if bytes.is_empty() {
        return;
    }
    let at = stream.random_range(0..bytes.len());
    match stream.random_range(0..5) {
        0 => (0..stream.random_range(1..4)).for_each(|_| {
            let at = stream.random_range(0..bytes.len());
            bytes[at] ^= 1 << stream.random_range(0..8);
        }),
        1 => bytes.truncate(at),
        2 => bytes[at..].iter_mut().take(64).for_each(|byte| *byte = stream.random()),
        3 => bytes.extend((0..stream.random_range(1..64)).map(|_| stream.random::<u8>())),
        _ => bytes[at] = stream.random_range(b'0'..=b'9'),
    }
}

/// Something odd in the place of a value.
fn odd(stream: &mut Stream) -> Value {
    let all = [
        json!(0),
        json!(-1),
        json!(1),
        json!(1_000_000),
        json!(1u64 << 40),
        json!(1u64 << 62),
        json!(u64::MAX),
        json!(0.5),
        json!(1e300),
        json!(-1e-300),
        Value::Null,
        json!(true),
        json!("pso"),
        json!(""),
        json!([]),
        json!({}),
    ];
    all[stream.random_range(0..all.len())].clone()
}

/// Puts something odd into the place of one value inside.
fn alter(value: &mut Value, stream: &mut Stream) {
    let len = match value {
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
        _ => 0,
    };
    if len == 0 || stream.random_range(0..12) == 0 {
        *value = odd(stream);
        return;
    }
    let at = stream.random_range(0..len);
    match value {
        Value::Array(items) => alter(&mut items[at], stream),
        Value::Object(fields) => fields.values_mut().skip(at).take(1).for_each(|value| alter(value, stream)),
        _ => {}
    }
}
