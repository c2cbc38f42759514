//! Who ends the commands when moths is killed, and cannot do it itself.
//!
//! A shell is told of every group that begins and ends. When its input ends, moths has: it then ends the groups that are left. It is in a group of
//! its own, so that Ctrl-C is not for it. Where there is no shell, commands outlive a moths that is killed.

use std::{
    io::Write,
    os::unix::process::CommandExt,
    process::{Child, ChildStdin, Command, Stdio},
    sync::OnceLock,
};

/// Lines are `+ GROUP` and `- GROUP`.
const SCRIPT: &str = r#"trap '' HUP INT TERM
live=' '
while read -r sign group; do
    case $sign in
        +) live="$live$group " ;;
        -) case $live in *" $group "*) live="${live%% "$group" *} ${live#* "$group" }" ;; esac ;;
    esac
done
for group in $live; do kill -TERM "-$group"; done
for tenth in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    left=' '
    for group in $live; do kill -0 "-$group" && left="$left$group "; done
    live=$left
    [ "$live" = ' ' ] && exit
    sleep 0.1
done
for group in $live; do kill -KILL "-$group"; done
"#;

/// The input of the shell; it is closed by the system when moths is there no more.
static INPUT: OnceLock<Option<ChildStdin>> = OnceLock::new();

/// A group has begun.
pub(super) fn begun(group: u32) {
    tell('+', group);
}

/// A group has ended.
pub(super) fn ended(group: u32) {
    tell('-', group);
}

fn tell(sign: char, group: u32) {
    if let Some(mut input) = INPUT.get_or_init(input).as_ref() {
        // One line is written at once, or not at all where the shell is gone.
        let _ = input.write_all(format!("{sign} {group}\n").as_bytes());
    }
}

fn input() -> Option<ChildStdin> {
    let mut shell = Command::new("sh");
    shell.args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    shell.process_group(0);
    shell.spawn().ok().and_then(|mut shell: Child| shell.stdin.take())
}
