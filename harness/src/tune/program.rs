//! One command, from its start to its end.

use std::{
    collections::BTreeMap,
    io,
    process::{Command, ExitStatus, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use super::{
    group::Group,
    tail::{Listener, Tail},
};

/// So much of standard output is looked at for a loss.
const OUTPUT: usize = 1 << 20;
/// So much of standard error is kept.
const ERRORS: usize = 1 << 12;
/// Between two looks at a command: it grows from the one to the other.
const PAUSES: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(40)];

/// A signal that comes to all, of a system that goes down, reaches a command a moment before moths.
const MOMENT: Duration = Duration::from_millis(300);

/// How a command ended.
pub(super) enum Ended {
    /// By itself.
    Itself(ExitStatus),
    /// It was ended after the time it had.
    TimedOut,
    /// It was ended because somebody said so.
    Halted,
    /// It was ended because there was nothing to hope for.
    Hopeless,
}

/// What came of a command.
pub(super) struct Ran {
    pub(super) ended: Ended,
    /// The end of its standard output.
    pub(super) output: Vec<u8>,
    /// The end of its standard error.
    pub(super) errors: Vec<u8>,
    pub(super) seconds: f64,
}

/// What is looked at while a command runs.
pub(super) struct Watch<L, H, S> {
    /// Hears its standard output.
    pub(super) listener: L,
    /// Is there nothing to hope for?
    pub(super) hopeless: H,
    /// Is everything to end?
    pub(super) halt: S,
}

/// Runs a command to its end, or to that of its time, or until it is to end. Nothing that it started is left, unless it left the group.
///
/// # Errors
/// Where it cannot be started or looked at.
pub(super) fn run(
    words: &[String],
    variables: BTreeMap<String, String>,
    timeout: Option<Duration>,
    watch: Watch<impl Listener, impl FnMut() -> bool, impl Fn() -> bool>,
) -> io::Result<Ran> {
    let Watch { listener, mut hopeless, halt } = watch;
    let (program, arguments) = words.split_first().ok_or_else(|| io::Error::other("the command is empty"))?;
    let mut command = Command::new(program);
    command.args(arguments).envs(variables).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let began = Instant::now();
    let mut group = Group::start(&mut command)?;
    let none = || io::Error::other("the command has no output");
    let output = Tail::of(group.child.stdout.take().ok_or_else(none)?, OUTPUT, listener)?;
    let errors = Tail::of(group.child.stderr.take().ok_or_else(none)?, ERRORS, ())?;
    let mut pause = PAUSES[0];
    let ended = loop {
        if let Some(status) = group.ended()? {
            break if !status.success() && was_halted(&status, &halt) { Ended::Halted } else { Ended::Itself(status) };
        }
        if halt() {
            break Ended::Halted;
        }
        if hopeless() {
            break Ended::Hopeless;
        }
        if timeout.is_some_and(|timeout| began.elapsed() >= timeout) {
            break Ended::TimedOut;
        }
        sleep(pause);
        pause = pause.mul_f64(1.3).min(PAUSES[1]);
    };
    let seconds = began.elapsed().as_secs_f64();
    if let Ended::Itself(_) = ended {
        // Who writes its output on, `tee` say, may end a moment after it.
        output.wait();
    }
    // What it left behind would hold its output.
    drop(group);
    Ok(Ran { ended, output: output.take(), errors: errors.take(), seconds })
}

/// Did a command that failed do so because everything was told to end?
fn was_halted(status: &ExitStatus, halt: &impl Fn() -> bool) -> bool {
    let began = Instant::now();
    while !halt() {
        // One that ended by itself has a code.
        if status.code().is_some() || began.elapsed() >= MOMENT {
            return false;
        }
        sleep(PAUSES[0]);
    }
    true
}
