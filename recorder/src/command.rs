//! Does what the command line asks for, and says how it went.

use crate::check;
use crate::cli::{Check, Cli, Command, How, Mark, Pin, Place, Run, Tables, Unpin};
use crate::config::{Catalogue, ConfigError, Places, document};
use crate::control::{self, Origin, RunError};
use crate::mark::{self, MarkError};
use crate::pin::{self, PinError};
use crate::privilege;
use crate::sources::SOURCES;
use crate::tables;
use crate::time_namespace::{self, OtherClock};
use crate::trust::{self, Distrust};
use jiff::Zoned;
use nodemon_formats::clock::ClockOffset;
use nodemon_formats::reader::ReadError;
use nodemon_formats::text::printable;
use nodemon_formats::writer::{WriteError, release_pins};
use nodemon_recorder_ebpf::FeatureError;
use nodemon_recorder_ebpf::allocator;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use terminal_size::{Width, terminal_size_of};
use tracing::field::Field;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

/// It failed.
const FAILED: u8 = 1;
/// The command line or the configuration is wrong; clap ends with the same.
const WRONG: u8 = 2;
/// Another recorder writes to the directory.
const LOCKED: u8 = 3;

/// Why a command did not succeed.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(
        "cannot run on CPU {cpu}: {why}; `cpu` and --cpu take the number of a CPU that is online{}",
        online()
    )]
    Cpu { cpu: usize, why: rustix::io::Errno },
    #[error(transparent)]
    OtherClock(#[from] OtherClock),
    #[error(transparent)]
    Mark(#[from] MarkError),
    #[error(transparent)]
    Pin(#[from] PinError),
    /// Others could have the pin written elsewhere.
    #[error("{0}")]
    PinDistrust(Distrust),
    /// There is nothing to pin.
    #[error(transparent)]
    NothingToPin(ReadError),
    #[error("cannot write the answer: {0}")]
    Output(#[from] io::Error),
    #[error("cannot measure what eBPF programs cost: {0}")]
    Cost(#[from] FeatureError),
    /// `check` has said it already.
    #[error("nothing can be recorded here")]
    Nothing,
}

/// The CPUs that are online, in parentheses.
fn online() -> String {
    let online = std::fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
    if online.is_empty() { String::new() } else { format!(" ({})", online.trim()) }
}

impl CommandError {
    fn code(&self) -> u8 {
        match self {
            CommandError::Config(_)
            | CommandError::Cpu { .. }
            | CommandError::Pin(PinError::Text(_))
            | CommandError::Mark(MarkError::Text(_)) => WRONG,
            CommandError::Run(RunError::Write(WriteError::Locked { .. })) => LOCKED,
            _ => FAILED,
        }
    }

    /// What to do next, where the error does not say it.
    fn advice(&self) -> &'static str {
        match self {
            CommandError::Run(RunError::Write(WriteError::Locked { .. })) => {
                "; stop it, or record into another directory with --dir"
            }
            CommandError::Run(RunError::Distrust(_)) => {
                "; take that from them, record into another directory with --dir, or, where they \
                 are trusted, with --trust-directory"
            }
            CommandError::Mark(MarkError::Distrust(_)) => {
                "; take that from them, or, where they are trusted, mark with --trust-directory"
            }
            CommandError::PinDistrust(_) => {
                "; take that from them, or, where they are trusted, pin with --trust-directory"
            }
            CommandError::Run(RunError::Write(WriteError::Disk { .. })) => {
                "; --dir records into another directory"
            }
            _ => "",
        }
    }
}

/// Does what `cli` says.
pub fn perform(cli: &Cli) -> ExitCode {
    let done = match &cli.command {
        Command::Run(options) => run(options),
        Command::Check(options) => check(options),
        Command::Mark(options) => mark(options),
        Command::Pin(options) => pin(options),
        Command::Unpin(options) => unpin(options),
        Command::Config => print(&document(&Catalogue::new(&SOURCES))),
        Command::Tables(options) => print_tables(options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read the answer has had enough of it.
        Err(CommandError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            let told = format!("{error}{}", error.advice());
            eprintln!("nodemon-recorder: {}", printable(&told));
            ExitCode::from(error.code())
        }
    }
}

fn run(options: &Run) -> Result<(), CommandError> {
    log_to_stderr(options);
    allocator::keep_large_pieces_apart();
    allocator::share_one_heap();
    privilege::lift_limit_of_locked_memory();
    privilege::keep_files_private();
    let origin = origin(&options.how)?;
    let config = origin.read()?;
    time_namespace::check()?;
    if let Some(cpu) = config.cpu {
        privilege::stay_on(cpu).map_err(|why| CommandError::Cpu { cpu, why })?;
    }
    Ok(control::run(config, origin, options.duration)?)
}

fn check(options: &Check) -> Result<(), CommandError> {
    privilege::lift_limit_of_locked_memory();
    let config = origin(&options.how)?.read()?;
    let report = check::Report::from_config(&config, &Catalogue::new(&SOURCES));
    print(&match terminal_width() {
        Some(width) => format!("{report:width$}"),
        None => report.to_string(),
    })?;
    if let Some(duration) = options.cost {
        print(&check::Costs::measure(&config, duration)?.to_string())?;
    }
    if report.can_record() { Ok(()) } else { Err(CommandError::Nothing) }
}

fn mark(options: &Mark) -> Result<(), CommandError> {
    let how = How { place: options.place.clone(), ..How::default() };
    let config = origin(&how)?.read()?;
    if !config.trust_directory {
        trust::check(&config.directory.join(mark::DIRECTORY)).map_err(MarkError::from)?;
    }
    let mark = mark::Mark::now(&options.name, &options.text.join(" "))?;
    Ok(mark::write(&config.directory, &mark)?)
}

fn pin(options: &Pin) -> Result<(), CommandError> {
    let directory = pinned_in(&options.place)?;
    if options.list {
        let listed = pin::list(&directory).map_err(|source| {
            CommandError::Pin(PinError::Disk { path: directory.join(pin::DIRECTORY), source })
        })?;
        return print(&listing(&listed));
    }
    time_namespace::check()?;
    let name = options.name.clone().unwrap_or_else(pin::Pin::name_of_now);
    let (now, clock) = (Zoned::now(), ClockOffset::now());
    let span_ns = pin::span_ns(options.from, options.to, &now, &clock).map_err(PinError::Text)?;
    let pin = pin::Pin::new(&name, &options.text, span_ns)?;
    let warning = pin::warning(&directory, &pin).map_err(CommandError::NothingToPin)?;
    pin::write(&directory, &pin)?;
    if let Some(warning) = warning {
        eprintln!("nodemon-recorder: {warning}; nothing is kept until that changes");
    }
    print(&format!("pinned {pin}\n"))
}

fn unpin(options: &Unpin) -> Result<(), CommandError> {
    let directory = pinned_in(&options.place)?;
    let count = pin::remove(&directory, &options.name)?;
    // A recorder that runs does it itself.
    release_pins(&directory).map_err(RunError::Write)?;
    print(&match count {
        1 => format!("unpinned {}\n", options.name),
        count => format!("unpinned {}: {count} pins had that name\n", options.name),
    })
}

/// The directory of a recording in which to pin.
fn pinned_in(place: &Place) -> Result<PathBuf, CommandError> {
    let how = How { place: place.clone(), ..How::default() };
    let config = origin(&how)?.read()?;
    if !config.trust_directory {
        trust::check(&config.directory.join(pin::DIRECTORY)).map_err(CommandError::PinDistrust)?;
    }
    Ok(config.directory)
}

fn listing(listed: &[pin::Listed]) -> String {
    let lines = listed.iter().map(|listed| match &listed.pin {
        Some(pin) if listed.is_dropped => format!("{pin}, dropped to make room\n"),
        Some(pin) if pin.text.is_empty() => format!("{pin}\n"),
        Some(pin) => format!("{pin}: {}\n", printable(&pin.text)),
        None => format!("{} is no pin\n", printable(&listed.path.to_string_lossy())),
    });
    lines.collect()
}

fn print_tables(options: &Tables) -> Result<(), CommandError> {
    let room = terminal_width().unwrap_or(usize::MAX);
    print(&match options.markdown {
        true => tables::markdown(&SOURCES),
        false => tables::list(&SOURCES, room),
    })
}

/// Characters in a line of the terminal, if standard output is one.
fn terminal_width() -> Option<usize> {
    terminal_size_of(io::stdout()).map(|(Width(width), _)| usize::from(width))
}

fn origin(how: &How) -> Result<Origin, CommandError> {
    let catalogue = Catalogue::new(&SOURCES);
    let flags = how.settings(&catalogue)?;
    let places = Places::of_this_process();
    Ok(Origin { flags, file: how.config.clone(), catalogue, places })
}

fn print(text: &str) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

fn log_to_stderr(options: &Run) {
    let level = match (options.quiet, options.verbose) {
        (true, _) => LevelFilter::WARN,
        (false, 0) => LevelFilter::INFO,
        (false, 1) => LevelFilter::DEBUG,
        (false, _) => LevelFilter::TRACE,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .fmt_fields(debug_fn(put_field).delimited(" "))
        .init();
}

/// Messages name commands, mounts and devices, whose names anybody may have chosen.
fn put_field(out: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    let value = format!("{value:?}");
    match field.name() {
        "message" => out.write_str(&printable(&value)),
        name => write!(out, "{name}={}", printable(&value)),
    }
}
