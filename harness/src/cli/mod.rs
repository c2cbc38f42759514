//! The commands of `moths`.

mod apply;
mod bench;
mod compare;
mod contestants;
mod finetune;
mod layers;
mod list;
mod minimize;
mod mishaps;
mod numbers;
mod places;
mod race;
mod report;
mod run_flags;
mod settings;
mod show;
mod single;
mod study;
mod table;
mod train;
mod tune;
mod values;
mod watch;
mod weights;
mod words;

use std::{ffi::OsString, process::ExitCode};

use clap::{Parser, Subcommand, error::ErrorKind};
use serde_json::json;

use crate::{
    Error, Result, interrupt,
    output::{Console, warn},
    problem::{self, Entry, Kind, Options},
    shell, threads,
};

/// What the shell is told when something is wrong with the command, a name, a setting or a file.
const REFUSED: u8 = 2;

/// Derivative-free optimizers for candle: they find good parameters from losses alone.
#[derive(Parser)]
#[command(name = "moths", version, arg_required_else_help = true)]
struct Cli {
    /// Write JSON to standard output, one object a line, and nothing else there
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List optimizers, update rules or problems
    List(list::Args),
    /// Show what an optimizer, update rule or problem is, and all its settings
    Show(show::Args),
    /// Print the values of a problem at given points, to check it from outside
    Problem(values::Args),
    /// Train a model by any optimizer
    #[command(after_help = single::POINTS)]
    Train(train::Args),
    /// Fine-tune a pre-trained model on labelled text, from losses alone
    #[command(after_help = finetune::FILES)]
    Finetune(finetune::Args),
    /// Make a tuned model of its base and the log of a fine-tune
    Apply(apply::Args),
    /// Tune the settings of any program from the number it prints
    #[command(after_help = tune::PLACES)]
    Tune(tune::Args),
    /// Minimise a classic function by any optimizer
    #[command(after_help = single::POINTS)]
    Minimize(minimize::Args),
    /// Compare optimizers on one problem at equal evaluations
    Race(race::Args),
    /// Answer the questions of a study, and draw its page; resumes what is not done yet
    Study(study::Args),
    /// Run optimizers on a suite of problems; resumes what is not done yet
    Bench(bench::Args),
    /// Find out whether two optimizers are different, and by how much
    #[command(mut_arg("seeds", |arg| arg.help(compare::SEEDS)))]
    Compare(compare::Args),
    /// Show what benches found, in one HTML file
    Report(report::Args),
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Done,
    Interrupted,
    /// The result is known and printed, but something that belongs to it could not be written. It has been said what.
    Unwritten,
}

impl Ending {
    /// What is said where runs are missing, because many were to be run and it ended so.
    fn missing(self) -> Option<&'static str> {
        match self {
            Self::Done => None,
            Self::Interrupted => Some("interrupted; the same command goes on where this one ended"),
            Self::Unwritten => Some("not all runs could be kept; the same command goes on where this one ended"),
        }
    }

    /// The end of a command of many runs that left none.
    fn without_runs(self, console: Console) -> Result<()> {
        let interrupted = self == Self::Interrupted;
        console.object(&json!({ "event": "end", "interrupted": interrupted, "complete": false }))?;
        let why = if interrupted { "interrupted before the first run had ended" } else { "no run could be kept" };
        console.line(format!("{why}; the same command begins again"))
    }
}

/// Runs the command that these arguments are, and says what to tell the shell: 0, 2 for a refusal, 130 after Ctrl-C.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let cli = match Cli::try_parse_from(parsed(&arguments)) {
        Ok(cli) => cli,
        Err(error) => return misread(&error, Console::new(wants_json(&arguments))),
    };
    let line = command_line(&arguments);
    match threads::start_pool().and_then(|()| cli.command.run(&line, Console::new(cli.json))) {
        Ok(Ending::Done) => ExitCode::SUCCESS,
        Ok(Ending::Interrupted) => ExitCode::from(interrupt::EXIT_CODE),
        Ok(Ending::Unwritten) => ExitCode::from(REFUSED),
        Err(error) => {
            warn(one_line(&error));
            ExitCode::from(REFUSED)
        }
    }
}

impl Command {
    /// `line`: how it was given.
    fn run(self, line: &str, console: Console) -> Result<Ending> {
        match self {
            Self::List(args) => list::run(&args, console),
            Self::Show(args) => show::run(&args, console),
            Self::Problem(args) => values::run(&args, console),
            Self::Train(args) => train::run(args, console),
            Self::Finetune(args) => finetune::run(args, console),
            Self::Apply(args) => apply::run(&args, console),
            Self::Tune(args) => tune::run(args, console),
            Self::Minimize(args) => minimize::run(args, console),
            Self::Race(args) => race::run(args, line, console),
            Self::Study(args) => study::run(args, console),
            Self::Bench(args) => bench::run(args, console),
            Self::Compare(args) => compare::run(args, console),
            Self::Report(args) => report::run(args, console),
        }
    }
}

/// What clap would say if it could read the rest.
fn wants_json(arguments: &[OsString]) -> bool {
    arguments.iter().skip(1).take_while(|argument| *argument != "--").any(|argument| argument == "--json")
}

/// The command as a shell would take it again.
fn command_line(arguments: &[OsString]) -> String {
    let words: Vec<_> = arguments.iter().skip(1).map(|argument| argument.to_string_lossy()).collect();
    shell::line(std::iter::once("moths").chain(words.iter().map(|word| &**word)))
}

/// What clap parses: its `help` takes names of commands only, and `--json`, which every other command takes, would be one.
fn parsed(arguments: &[OsString]) -> Vec<OsString> {
    let is_json = |argument: &&OsString| *argument == "--json";
    let command = arguments.iter().skip(1).find(|argument| !is_json(argument));
    let helps = command.is_some_and(|command| command == "help");
    arguments.iter().filter(|argument| !(helps && is_json(argument))).cloned().collect()
}

/// Errors of candle may carry a backtrace behind their first line.
fn one_line(error: &Error) -> String {
    error.to_string().lines().next().unwrap_or("failed").to_owned()
}

/// Help is help; everything else that clap says becomes one line.
fn misread(error: &clap::Error, console: Console) -> ExitCode {
    let text = error.render().to_string();
    let asked_for = match error.kind() {
        ErrorKind::DisplayHelp => "help",
        ErrorKind::DisplayVersion => "version",
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print(); // on standard error; nobody is left to tell when this fails
            return ExitCode::from(REFUSED);
        }
        _ => {
            let said =
                text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"));
            let said: Vec<&str> = said.filter(|line| !line.is_empty()).collect();
            warn(said.join("; ").trim_start_matches("error: ").replace(":; ", ": "));
            return ExitCode::from(REFUSED);
        }
    };
    match tell(asked_for, &text, error, console) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            warn(one_line(&error));
            ExitCode::from(REFUSED)
        }
    }
}

/// Help or version, for people as clap formats it.
fn tell(what: &str, text: &str, styled: &clap::Error, console: Console) -> Result<()> {
    if console.is_json() {
        return console.object(&json!({ "event": what, "text": text.trim_end() }));
    }
    match styled.print() {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::Io { path: "standard output".into(), source: e }),
        _ => Ok(()),
    }
}

/// A name must be one of a kind of problem.
fn problem_of(kind: Kind, name: &str, options: &Options) -> Result<(Entry, Options)> {
    let (entry, options) = problem::resolve(name, options)?;
    let command = match entry.kind {
        Kind::Model => "train",
        Kind::Function => "minimize",
    };
    if entry.kind == kind {
        return Ok((entry, options));
    }
    Err(Error::invalid("problem", name, format!("it belongs to another command: `moths {command} {name}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_that_of_moths_wherever_it_lies() {
        let line = ["/bin/moths", "race", "sphere", "--out", "it's"].map(OsString::from);
        assert_eq!(command_line(&line), r"moths race sphere --out 'it'\''s'");
    }

    #[test]
    fn the_commands_are_well_formed() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
