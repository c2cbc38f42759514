//! Commands that hang, are killed, are interrupted or stopped: nothing is left behind.

use std::{
    error::Error,
    fs,
    path::Path,
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use tempfile::tempdir;

use super::{PLACES, events, prepared, trials};
use crate::support::{Tested, interrupted, last, moths, refusal, run, said};

/// A program that starts another one, and neither ends when it is asked to.
const STUBBORN: &str = "trap '' TERM\nsleep 1000 &\necho $! > child-$MOTHS_TRIAL\necho $$ > self-$MOTHS_TRIAL\necho 1 $1\nwait\n";
/// Prints its number eight times, and rests after the third; what it starts would stay there, and what it prints when it is asked to end is no loss.
const SLOW: &str = "trap 'echo loss -1000; exit' TERM\nsleep 1000 &\necho $! > child-$MOTHS_TRIAL\n[ \"$2\" ] && x=-$1 || x=$1\nprintf 'loss %s\\nloss %s\\nloss %s\\n' $x $x $x\nsleep 0.6\n\
                    for i in 1 2 3 4 5; do echo loss $x; done\n";

/// Is the process whose number stands in this file gone, or will it be soon? A zombie is.
fn is_there(file: &Path) -> Result<bool, Box<dyn Error>> {
    let number = fs::read_to_string(file)?;
    let number = number.trim();
    let there = Command::new("kill").args(["-0", number]).stderr(Stdio::null()).status()?.success();
    let zombie = fs::read_to_string(format!("/proc/{number}/stat")).is_ok_and(|stat| stat.contains(") Z "));
    Ok(there && !zombie)
}

fn is_gone(file: &Path) -> Result<bool, Box<dyn Error>> {
    let began = Instant::now();
    while is_there(file)? {
        if began.elapsed() > Duration::from_secs(10) {
            return Ok(false);
        }
        sleep(Duration::from_millis(50));
    }
    Ok(true)
}

#[test]
fn programs_that_hang_leave_nothing_behind() -> Tested {
    let place = tempdir()?;
    fs::write(place.path().join("hang.sh"), STUBBORN)?;
    let output = run(&place, "tune --budget 2 --jobs 2 --timeout 0.4 --out out -- sh hang.sh {x:0..1}")?;
    assert_eq!(output.status.code(), Some(2));
    let all = trials(&place, "out")?;
    assert!(
        all.len() == 2 && all.iter().all(|trial| trial["failed"].as_str().is_some_and(|why| why.contains("within its time")))
    );
    for file in ["child-1", "self-1", "child-2", "self-2"] {
        assert!(is_gone(&place.path().join(file))?, "{file}");
    }
    // What a program that ends leaves running is ended too, and is not waited for.
    fs::write(place.path().join("fork.sh"), "sleep 1000 &\necho $! > forked-$MOTHS_TRIAL\necho $1\n")?;
    let end = last(events(&place, "tune --budget 2 --out forked -- sh fork.sh {x:0..1}")?);
    assert_eq!(end["failed"], 0);
    assert!(is_gone(&place.path().join("forked-1"))? && is_gone(&place.path().join("forked-2"))?);
    Ok(())
}

#[test]
fn an_interrupted_run_ends_its_commands_and_goes_on() -> Tested {
    let place = prepared()?;
    let mut hang = STUBBORN.replace("echo 1 $1\nwait", "[ -e go ] || wait");
    hang.push_str("exec sh quadratic.sh \"$@\"\n");
    fs::write(place.path().join("hang.sh"), hang)?;
    let line = "tune --budget 9 --jobs 2 --out out -- sh hang.sh {lr:log:1e-5..1} {n:1..8} {c:a|b|c}";
    let mut child = moths(&place, line).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    while !["self-1", "self-2"].iter().all(|file| place.path().join(file).exists()) {
        sleep(Duration::from_millis(20));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status()?.success());
    assert_eq!(child.wait()?.code(), Some(130));
    for file in ["child-1", "self-1", "child-2", "self-2"] {
        assert!(is_gone(&place.path().join(file))?, "{file}");
    }
    assert!(trials(&place, "out")?.is_empty(), "what was ended is no trial");
    fs::write(place.path().join("go"), "")?;
    let end = last(events(&place, &line.replace("--out", "--resume --out"))?);
    assert_eq!([&end["evaluations"], &end["failed"]], [&9, &0]);
    let rest = interrupted(&place, &format!("tune --budget 1000000 --out more {PLACES}"), "    3 ")?;
    assert!(rest.ends_with("interrupted; the same command with --resume goes on where this one ended"), "{rest}");
    Ok(())
}

/// By `kill -9`, and by a second Ctrl-C, after which nobody waits for the commands.
#[test]
fn commands_end_when_moths_is_killed() -> Tested {
    for (signals, code) in [(&["-KILL"][..], None), (&["-INT", "-INT"], Some(130))] {
        let place = tempdir()?;
        fs::write(place.path().join("hang.sh"), STUBBORN)?;
        let mut command = moths(&place, "tune --budget 2 --out out -- sh hang.sh {x:0..1}");
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        while !place.path().join("self-1").exists() {
            sleep(Duration::from_millis(20));
        }
        for signal in signals {
            assert!(Command::new("kill").args([signal, &*child.id().to_string()]).status()?.success());
            sleep(Duration::from_millis(200));
        }
        assert_eq!(child.wait()?.code(), code);
        if signals.len() > 1 {
            // At once: who waits for the two seconds of those that are asked first finds them here.
            sleep(Duration::from_millis(700));
            assert!(!is_there(&place.path().join("self-1"))? && !is_there(&place.path().join("child-1"))?);
        }
        assert!(is_gone(&place.path().join("child-1"))? && is_gone(&place.path().join("self-1"))?, "{signals:?}");
    }
    Ok(())
}

/// A system that goes down tells all at once: the commands were not at fault, and are run again.
#[test]
fn commands_that_end_with_everything_have_not_failed() -> Tested {
    let place = tempdir()?;
    fs::write(place.path().join("wait.sh"), "echo $$ > self-$MOTHS_TRIAL\nexec sleep 100\n")?;
    let mut command = moths(&place, "tune --budget 2 --out out -- sh wait.sh {x:0..1}");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let file = place.path().join("self-1");
    while !file.exists() || fs::read_to_string(&file)?.is_empty() {
        sleep(Duration::from_millis(20));
    }
    let number = fs::read_to_string(&file)?;
    assert!(Command::new("kill").args(["-TERM", number.trim(), &*child.id().to_string()]).status()?.success());
    child.wait()?;
    assert_eq!(fs::read_to_string(place.path().join("out/trials.jsonl"))?, "");
    Ok(())
}

#[test]
fn what_does_worse_than_others_is_stopped() -> Tested {
    let place = tempdir()?;
    fs::write(place.path().join("slow.sh"), SLOW)?;
    for (rule, more) in [("median", ""), ("asha", ""), ("median", "--maximize")] {
        let out = format!("{rule}{more}");
        let high = if more.is_empty() { "" } else { "high" };
        let line = |budget: u32| format!("tune --budget {budget} --optimizer random-search --stop {rule} {more} --out {out}");
        let command = format!("-- sh slow.sh {{x:0.0..1}} {high}");
        // In two parts: what was printed before is known to the second.
        said(&place, &format!("{} {command}", line(6)))?;
        let end = last(events(&place, &format!("{} --resume {command}", line(11)))?);
        let (mut finished, mut all): (Vec<f64>, Vec<f64>) = (vec![], vec![]);
        for trial in trials(&place, &out)? {
            let x = trial["settings"]["x"].as_f64().ok_or("no x")?;
            all.push(x);
            finished.sort_by(f64::total_cmp);
            let lower = all.iter().filter(|other| **other < x).count();
            let worse = if rule == "median" {
                finished.get(finished.len() / 2).is_some_and(|median| x > *median)
            } else {
                lower >= all.len().div_ceil(3)
            };
            let stops = finished.len() >= 5 && worse;
            assert_eq!(trial["stopped"] == true, stops, "{out}: {trial}");
            let loss = trial["loss"].as_f64().ok_or("no loss")?;
            assert!(
                (loss - x).abs() < 1e-12
                    && trial["losses"].as_array().is_some_and(|losses| losses.len() == if stops { 3 } else { 8 }),
                "{trial}"
            );
            if stops {
                assert!(is_gone(&place.path().join(format!("child-{}", trial["trial"])))?, "{trial}");
            } else {
                finished.push(x);
            }
        }
        assert!(end["stopped"].as_u64().is_some_and(|stopped| (2..6).contains(&stopped)), "{end}");
        assert_eq!(end["lowest"].as_f64(), finished.iter().copied().min_by(f64::total_cmp), "of those that ended by themselves");
    }
    let refused = refusal(&place, "tune --stop best --out new -- true {x:0..1}")?;
    assert!(refused.contains("write median or asha"), "{refused}");
    let other =
        refusal(&place, "tune --budget 20 --optimizer random-search --stop asha --resume --out median -- sh slow.sh {x:0.0..1}")?;
    assert!(other.contains("--stop = \"asha\": the run that is to go on was started with \"median\""), "{other}");
    Ok(())
}
