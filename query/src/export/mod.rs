//! `export`: whole tables as files, one each, and the gaps as one more.

mod gaps;
mod progress;
mod tables;
mod watched;

use crate::answer::answer;
use crate::cli::ExportArgs;
use crate::context::{Context, Warner};
use crate::error::{Outcome, QueryError};
use crate::interrupt::Interrupt;
use crate::listing::{show_count, show_many};
use crate::output::Output;
use crate::question::Question;
use crate::rows::{Format, Header, Sink};
use crate::span::Span;
use crate::time::show_instant;
use nodemon_formats::units::{show_duration, show_size};
use progress::Progress;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use tables::Source;
use watched::Watched;

/// Runs `export`.
///
/// # Errors
/// When the recording cannot be read, there is no data, files are there already, or one cannot be
/// written.
pub fn run(context: &Context, args: &ExportArgs) -> Result<Outcome, QueryError> {
    let begin = Instant::now();
    let outcome = context.warn_of_problems();
    let span = context.span(&args.span)?;
    context.note_anchor(&span);
    let sources = tables::choose(context, args, &span)?;
    make_directory(&args.output)?;
    let paths = paths(args, &sources);
    if !args.force {
        refuse_to_replace(&paths)?;
    }
    let mut job = Job {
        context,
        format: args.format,
        interrupt: Interrupt::on_signals()
            .map_err(|source| QueryError::Write { to: args.output.clone(), source })?,
        progress: Progress::new(&sources, &span),
        total: Total::default(),
        outcome,
        warner: context.warner(),
    };
    for (source, path) in sources.iter().zip(&paths) {
        job.table(source, &span, path)?;
    }
    if let Some(path) = paths.last() {
        job.gaps(&sources, &span, path)?;
    }
    job.progress.finish();
    let total = job.total;
    context.note(&format!(
        "wrote {} to {}: {}, {} in {}",
        show_many(total.files, "file"),
        args.output.display(),
        show_many(total.rows, "row"),
        show_size(total.bytes),
        show_duration(i64::try_from(begin.elapsed().as_nanos()).unwrap_or(i64::MAX)),
    ));
    Ok(job.outcome)
}

/// What has been written.
#[derive(Default)]
struct Total {
    files: u64,
    rows: u64,
    bytes: u64,
}

/// An export under way.
struct Job<'a> {
    context: &'a Context,
    format: &'static Format,
    interrupt: Interrupt,
    progress: Progress,
    total: Total,
    outcome: Outcome,
    warner: Warner<'a>,
}

impl Job<'_> {
    /// Writes the file of one table.
    fn table(&mut self, source: &Source, span: &Span, path: &Path) -> Result<(), QueryError> {
        let question = Question { from: span.from, to: span.to, ..Question::default() };
        let plan = question.plan(&source.schema, self.context.recording.host())?;
        self.progress.begin(source);
        let mut sink = Watched {
            sink: self.sink(&plan.header, path)?,
            progress: &self.progress,
            interrupt: &self.interrupt,
        };
        let warner = &mut self.warner;
        let mut warn = |problem: &_| warner.note(problem);
        let answer = answer(&self.context.recording, &plan, &mut sink, &mut warn)
            .and_then(|answer| sink.finish().map(|()| answer))
            .map_err(|error| explain(error, &self.total))?;
        self.outcome = self.outcome.and(answer.outcome);
        if let Some(until) = answer.coarse_until {
            self.progress.above(|| {
                self.context.note(&format!(
                    "before {} only downsampled data of {} is left; that is written",
                    show_instant(until, &self.context.anchors.zone),
                    source.schema.name
                ));
            });
        }
        self.progress.end(source);
        self.count(path, answer.rows);
        Ok(())
    }

    /// Writes the file of the gaps.
    fn gaps(&mut self, sources: &[Source], span: &Span, path: &Path) -> Result<(), QueryError> {
        let recording = &self.context.recording;
        let (header, batch) = gaps::table(recording, sources, span)?;
        let mut sink = self.sink(&Arc::new(header), path)?;
        sink.rows(&batch).and_then(|()| sink.finish()).map_err(|e| explain(e, &self.total))?;
        self.count(path, batch.len() as u64);
        Ok(())
    }

    fn sink(&self, header: &Arc<Header>, path: &Path) -> Result<Box<dyn Sink>, QueryError> {
        let not_here = || QueryError::Usage(format!("export does not write {}", self.format.name));
        let make = self.format.export.ok_or_else(not_here)?;
        make(Output::file(path)?, header)
    }

    fn count(&mut self, path: &Path, rows: u64) {
        self.total.files += 1;
        self.total.rows += rows;
        self.total.bytes += path.metadata().map_or(0, |file| file.len());
    }
}

/// Adds to an error of the disk what was written before it.
fn explain(error: QueryError, total: &Total) -> QueryError {
    match error {
        QueryError::Write { to, source } => {
            let text = format!(
                "{source} ({} with {} were written before)",
                show_many(total.files, "file"),
                show_size(total.bytes)
            );
            QueryError::Write { to, source: std::io::Error::new(source.kind(), text) }
        }
        error => error,
    }
}

/// So many characters of the name of a table are in that of its file. That may have 255, and has
/// more before and behind while it is written.
const LONGEST_NAME: usize = 120;

/// A file for each table and one for the gaps. Names come out of a recording that may be anybody's:
/// they must not lead elsewhere, and no two to the same file.
fn paths(args: &ExportArgs, sources: &[Source]) -> Vec<PathBuf> {
    let extension = args.format.extensions.first().unwrap_or(&args.format.name);
    let is_harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let harmless = |c| if is_harmless(c) { c } else { '_' };
    let mut paths: Vec<PathBuf> = Vec::new();
    let mut taken = HashSet::new();
    for name in sources.iter().map(|source| source.schema.name.as_str()).chain([gaps::NAME]) {
        let short: String = name.chars().map(harmless).take(LONGEST_NAME).collect();
        let mut name = if short.is_empty() { "_".to_owned() } else { short.clone() };
        for number in 2.. {
            if taken.insert(name.clone()) {
                break;
            }
            name = format!("{short}_{number}");
        }
        paths.push(args.output.join(format!("{name}.{extension}")));
    }
    paths
}

fn make_directory(path: &Path) -> Result<(), QueryError> {
    std::fs::create_dir_all(path)
        .map_err(|source| QueryError::Write { to: path.to_owned(), source })
}

fn refuse_to_replace(paths: &[PathBuf]) -> Result<(), QueryError> {
    let there: Vec<String> =
        paths.iter().filter(|path| path.exists()).map(|path| path.display().to_string()).collect();
    match &there[..] {
        [] => Ok(()),
        [one] => Err(QueryError::Usage(format!("{one} is there already; --force replaces it"))),
        [first, ..] => Err(QueryError::Usage(format!(
            "{first} and {} are there already; --force replaces them",
            show_count(there.len() as u64 - 1) + " more"
        ))),
    }
}
