//! What goes wrong, in sentences: what, which file, why; and then what to do about it.

use crate::foreign::recording_within;
use crate::off::source_to_switch_on;
use crate::time::show_precise;
use jiff::tz::TimeZone;
use nodemon_formats::reader::ReadError;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

/// How a command ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All that was asked for is there.
    Complete,
    /// Damaged data was left out; standard error named it.
    Damaged,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The command line makes no sense.
    #[error("{0}")]
    Usage(String),
    /// `--from` is not before `--to`.
    #[error(
        "the span ends before it starts: --from is {}, --to is {}",
        show_precise(*.from, zone),
        show_precise(*.to, zone)
    )]
    Backwards {
        /// Start, ns since the epoch.
        from: i64,
        /// End, ns since the epoch.
        to: i64,
        /// The zone to show them in.
        zone: TimeZone,
    },
    /// The recording cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What was named is no recording.
    #[error("{} is {kind}, not a recording", path.display())]
    NotARecording {
        /// What was named.
        path: PathBuf,
        /// What it is.
        kind: String,
    },
    /// There is no such table.
    #[error("the recording has no table {name:?}")]
    UnknownTable {
        /// What was typed.
        name: String,
        /// The table with the most similar name.
        nearest: Option<String>,
        /// Why it has no row, where there was one to come.
        gap: Option<String>,
    },
    /// There is no such column.
    #[error("the table {table} has no column {name:?}")]
    UnknownColumn {
        /// The table.
        table: String,
        /// What was typed.
        name: String,
        /// The column with the most similar name.
        nearest: Option<String>,
    },
    /// The span holds no row.
    #[error("no data: {what}")]
    NoData {
        /// What was looked for, and where.
        what: String,
        /// What there is instead.
        there: String,
    },
    /// The output cannot be written.
    #[error("cannot write {}: {source}", to.display())]
    Write {
        /// The file, or `standard output`.
        to: PathBuf,
        /// What the kernel answered.
        source: io::Error,
    },
    /// A signal asked to stop.
    #[error("interrupted; no half-written file was left behind")]
    Interrupted,
    /// Whoever read standard output has had enough.
    #[error("standard output was closed")]
    ClosedPipe,
}

impl QueryError {
    /// What to do about it, where there is more to say.
    pub fn next_step(&self) -> Option<String> {
        Some(match self {
            QueryError::Backwards { .. } => {
                "exchange them, or give --to as a length after --from: --to +10s".into()
            }
            QueryError::Read(error) => return next_step_of_read(error),
            QueryError::NotARecording { kind, .. } => next_step_of_kind(kind),
            QueryError::UnknownTable { gap: Some(gap), .. } => {
                format!("it was to be recorded, and is a gap: {gap}")
            }
            QueryError::UnknownTable { name, .. } if source_to_switch_on(name).is_some() => {
                let source = source_to_switch_on(name).unwrap_or_default();
                format!(
                    "it is not recorded by default: nodemon-recorder run --source {source} \
                     switches it on"
                )
            }
            QueryError::UnknownTable { nearest, .. } => {
                suggestion(nearest.as_deref(), "`nodemon-query tables` lists the tables")
            }
            QueryError::UnknownColumn { table, nearest, .. } => suggestion(
                nearest.as_deref(),
                &format!("`nodemon-query tables {table}` lists the columns"),
            ),
            QueryError::NoData { there, .. } => there.clone(),
            QueryError::Write { source, .. } => return next_step_of_write(source),
            QueryError::Usage(_) | QueryError::Interrupted | QueryError::ClosedPipe => return None,
        })
    }

    /// The exit code of the process; [`crate::cli::EXIT_CODES`] is its documentation.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            QueryError::ClosedPipe => ExitCode::SUCCESS,
            QueryError::Usage(_) | QueryError::Backwards { .. } => ExitCode::from(2),
            QueryError::NoData { .. } => ExitCode::from(3),
            // As a shell tells of a process that SIGINT ended.
            QueryError::Interrupted => ExitCode::from(130),
            QueryError::Read(ReadError::Damaged { .. }) => ExitCode::from(4),
            _ => ExitCode::from(1),
        }
    }
}

impl Outcome {
    /// The exit code of the process.
    pub fn exit_code(self) -> ExitCode {
        match self {
            Outcome::Complete => ExitCode::SUCCESS,
            Outcome::Damaged => ExitCode::from(4),
        }
    }

    /// Both together: damage anywhere is damage.
    #[must_use]
    pub fn and(self, other: Outcome) -> Outcome {
        if self == Outcome::Complete { other } else { self }
    }
}

fn suggestion(nearest: Option<&str>, otherwise: &str) -> String {
    match nearest {
        Some(nearest) => format!("did you mean {nearest:?}? {otherwise}"),
        None => otherwise.to_owned(),
    }
}

fn next_step_of_kind(kind: &str) -> String {
    let name = "--dir takes the directory that nodemon-recorder wrote, or one segment-*.redb of it";
    match kind {
        "a Parquet file" | "an Arrow file" | "an Arrow stream" => {
            format!("{name}; this one is read by DuckDB, Polars, pandas and their like")
        }
        _ if kind.starts_with("compressed") || kind.contains("archive") => {
            format!("unpack it first; {name}")
        }
        _ => name.to_owned(),
    }
}

fn next_step_of_read(error: &ReadError) -> Option<String> {
    Some(match error {
        ReadError::NoRecording { .. } => {
            "name the recording with --dir or NODEMON_DIR, or make one: nodemon-recorder run".into()
        }
        ReadError::Empty { dir } if recording_within(dir).is_some() => {
            let within = recording_within(dir).unwrap_or_default();
            format!("there is one in {}: name that with --dir", within.display())
        }
        ReadError::Empty { .. } => {
            "a recorder that has just started needs a second for its first segment; otherwise \
             name another directory with --dir"
                .into()
        }
        ReadError::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
            "recordings are private: ask as root, or as a member of the group that owns it".into()
        }
        ReadError::Newer { .. } => {
            "read it with a nodemon-query at least as new as the recorder that wrote it".into()
        }
        ReadError::Damaged { .. } => {
            "`nodemon-query verify` lists everything that is damaged; the rest can be read".into()
        }
        ReadError::UnknownTable(_) => "`nodemon-query tables` lists the tables".into(),
        ReadError::Io { .. } => return None,
    })
}

fn next_step_of_write(error: &io::Error) -> Option<String> {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some(
            "make room, or write to another file system with -o; nothing was left behind".into(),
        ),
        io::ErrorKind::ReadOnlyFilesystem => Some("write somewhere else with -o".into()),
        io::ErrorKind::NotFound => Some("the directory has to be there already".into()),
        _ => None,
    }
}
