//! A command and all that it starts: a process group of its own, which is ended as a whole.

use std::{
    io,
    process::{Child, Command, ExitStatus},
    sync::{Mutex, PoisonError},
    thread::sleep,
    time::{Duration, Instant},
};

/// From being asked to end to being ended.
const GRACE: Duration = Duration::from_secs(2);
/// Between two looks at who is ending.
const PAUSE: Duration = Duration::from_millis(10);

/// The groups that are there.
static LIVE: Mutex<Vec<u32>> = Mutex::new(vec![]);

/// A command that runs, and what it has started. Whatever of it is still there when this goes is ended.
pub(super) struct Group {
    pub(super) child: Child,
    /// How the command ended.
    status: Option<ExitStatus>,
}

impl Group {
    /// Starts a command.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn start(command: &mut Command) -> io::Result<Self> {
        system::apart(command);
        // Held over the start: whoever ends all groups misses none.
        let mut live = LIVE.lock().unwrap_or_else(PoisonError::into_inner);
        let child = command.spawn()?;
        live.push(child.id());
        system::begun(child.id());
        Ok(Self { child, status: None })
    }

    /// How the command ended, if it has.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        if self.status.is_none() {
            self.status = self.child.try_wait()?;
        }
        Ok(self.status)
    }

    /// Ends all that is left of it: it is asked first, and has two seconds.
    fn end(&mut self) {
        let (id, began) = (self.child.id(), Instant::now());
        system::ask(id, &mut self.child);
        while self.is_there() && began.elapsed() < GRACE {
            sleep(PAUSE);
        }
        system::end(id);
        if self.status.is_none() {
            let _ = self.child.kill(); // it is gone already, as a rule
            let _ = self.child.wait(); // so that no zombie is left
        }
        LIVE.lock().unwrap_or_else(PoisonError::into_inner).retain(|live| *live != id);
        system::ended(id);
    }

    fn is_there(&mut self) -> bool {
        !matches!(self.ended(), Ok(Some(_))) || system::is_there(self.child.id())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}

/// Ends all groups without asking them, and lets no new one begin: for a program that ends now.
pub fn end_all_at_once() {
    let live = LIVE.lock().unwrap_or_else(PoisonError::into_inner);
    for id in live.iter() {
        system::end(*id);
        system::ended(*id);
    }
    std::mem::forget(live);
}

#[cfg(unix)]
mod system {
    use std::{
        os::unix::process::CommandExt,
        process::{Child, Command},
    };

    use nix::{
        sys::signal::{Signal, killpg},
        unistd::Pid,
    };

    pub(super) use super::super::watchdog::{begun, ended};

    /// The command will be the first of a group.
    pub(super) fn apart(command: &mut Command) {
        command.process_group(0);
    }

    pub(super) fn ask(id: u32, _: &mut Child) {
        send(id, Some(Signal::SIGTERM));
    }

    pub(super) fn end(id: u32) {
        send(id, Some(Signal::SIGKILL));
    }

    /// Is anybody in the group?
    pub(super) fn is_there(id: u32) -> bool {
        send(id, None)
    }

    /// A group keeps its number as long as anybody is in it.
    fn send(id: u32, signal: Option<Signal>) -> bool {
        i32::try_from(id).is_ok_and(|id| id > 1 && killpg(Pid::from_raw(id), signal).is_ok())
    }
}

#[cfg(not(unix))]
mod system {
    use std::process::{Child, Command};

    pub(super) fn apart(_: &mut Command) {}

    pub(super) fn begun(_: u32) {}

    pub(super) fn ended(_: u32) {}

    /// There are no groups here: the command alone is ended.
    pub(super) fn ask(_: u32, child: &mut Child) {
        let _ = child.kill(); // it is gone already
    }

    pub(super) fn end(_: u32) {}

    pub(super) fn is_there(_: u32) -> bool {
        false
    }
}
