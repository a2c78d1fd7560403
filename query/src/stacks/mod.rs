//! `stacks`: the profile of a span of time.

mod flamegraph;
mod folded;
mod gather;
mod json;
mod looks;
mod measure;
mod page;
mod pprof;
mod profile;
mod source;
mod top;
mod tree;

pub(crate) use gather::gather;
pub(crate) use measure::{percent, seconds};
pub(crate) use page::{Page, fit};
pub(crate) use profile::{Call, Detail, Order, Origin, Profile, ROOT, Tree};
pub(crate) use source::Source;
pub(crate) use top::functions;

use crate::absence;
use crate::cli::{SpanArgs, StacksArgs, StacksFormat};
use crate::context::{Context, Warner};
use crate::error::{Outcome, QueryError};
use crate::interrupt::Interrupt;
use crate::listing::show_many;
use crate::output::Output;
use crate::span::Span;
use crate::time::show_instant;
use gather::Gathered;
use std::io::IsTerminal;
use std::path::Path;

/// Runs `stacks`.
///
/// # Errors
/// When the recording cannot be read, the question makes no sense, there is no data, or the output
/// cannot be written.
pub fn run(context: &Context, args: &StacksArgs) -> Result<Outcome, QueryError> {
    let mut outcome = context.warn_of_problems();
    let format = format(args)?;
    let source = Source::from_args(context, args)?;
    let span = context.span(&args.span)?;
    let base = base_span(context, args, &span)?;
    context.note_anchor(&span);
    let (mut output, interrupt) = match &args.output {
        Some(path) => {
            let failed = |error| QueryError::Write { to: path.clone(), source: error };
            (Output::file(path)?, Some(Interrupt::on_signals().map_err(failed)?))
        }
        None => (Output::stdout(), None),
    };
    let detail = match format {
        StacksFormat::Top => Detail::Function,
        StacksFormat::Json | StacksFormat::Pprof => Detail::Address,
        StacksFormat::Tree | StacksFormat::Folded | StacksFormat::Flamegraph => Detail::Name,
    };
    let mut warner = context.warner();
    let mut of_span = |span, warner: &mut Warner<'_>| {
        let mut warn = |problem: &_| warner.note(problem);
        let wanted = (&source, detail);
        let gathered = gather(context, args, wanted, span, interrupt.as_ref(), &mut warn)?;
        outcome = outcome.and(gathered.answer.outcome);
        Ok::<_, QueryError>(gathered)
    };
    let gathered = of_span(span, &mut warner)?;
    let base = base.map(|base| of_span(base, &mut warner)).transpose()?;
    if let Some(told) = without_data(context, &gathered, base.as_ref()) {
        let (schemas, answers) = ([source.schema.clone()], std::slice::from_ref(&told.answer));
        return Err(absence::explain(context, &args.filters, &told.span, &schemas, answers)?);
    }
    for told in [Some(&gathered), base.as_ref()].into_iter().flatten() {
        note(context, &source, told, format);
    }
    let page = Page::new(context, args.output.is_some());
    let about = About { context, source: &source, gathered: &gathered, limit: args.limit };
    match (format, &base) {
        (StacksFormat::Top, None) => top::write(&about, &page, &mut output)?,
        (StacksFormat::Top, Some(base)) => top::compare(&about, base, &page, &mut output)?,
        (StacksFormat::Tree, _) => tree::write(&about, &page, &mut output)?,
        (StacksFormat::Folded, _) => folded::write(&about, &mut output)?,
        (StacksFormat::Json, _) => json::write(&about, &mut output)?,
        (StacksFormat::Pprof, _) => pprof::write(&about, &mut output)?,
        (StacksFormat::Flamegraph, _) => flamegraph::write(&about, &mut output)?,
    }
    output.commit()?;
    Ok(outcome)
}

/// The span for which there is no answer. Of two, one may have no stacks of what is new, or gone, but
/// must be within the recording.
fn without_data<'a>(
    context: &Context,
    gathered: &'a Gathered,
    base: Option<&'a Gathered>,
) -> Option<&'a Gathered> {
    let all = || [Some(gathered), base].into_iter().flatten();
    let recorded = context.recording.span();
    let is_outside = |told: &Gathered| {
        recorded.is_none_or(|(first, last)| told.span.to <= first || told.span.from > last)
    };
    let has_none = |told: &&Gathered| told.answer.rows == 0;
    match all().all(|told| has_none(&told)) {
        true => all().next(),
        false => all().filter(has_none).find(|told| is_outside(told)),
    }
}

/// What a profile is told with.
struct About<'a> {
    context: &'a Context,
    source: &'a Source,
    gathered: &'a Gathered,
    /// The most functions that are told.
    limit: usize,
}

impl About<'_> {
    fn tree(&self, order: Order) -> Tree<'_> {
        Tree::new(&self.gathered.profile, order)
    }
}

/// The format that was asked for.
fn format(args: &StacksArgs) -> Result<StacksFormat, QueryError> {
    let by_name = || args.output.as_deref().and_then(of_path);
    let format = args.format.or_else(by_name).unwrap_or(StacksFormat::Top);
    let refused = |why: &str| Err(QueryError::Usage(why.to_owned()));
    if args.base_from.is_some() && format != StacksFormat::Top {
        return refused(
            "two spans are compared by -f top only: ask for each of them in this format",
        );
    }
    let is_page = matches!(format, StacksFormat::Pprof | StacksFormat::Flamegraph);
    if is_page && args.output.is_none() && std::io::stdout().is_terminal() {
        return refused(
            "this format is not for terminals: write it to a file with -o, or into a pipe",
        );
    }
    Ok(format)
}

/// The format that the name of a file suggests.
fn of_path(path: &Path) -> Option<StacksFormat> {
    const ENDS: [(&str, StacksFormat); 8] = [
        (".html", StacksFormat::Flamegraph),
        (".htm", StacksFormat::Flamegraph),
        (".pb.gz", StacksFormat::Pprof),
        (".pprof", StacksFormat::Pprof),
        (".folded", StacksFormat::Folded),
        (".collapsed", StacksFormat::Folded),
        (".json", StacksFormat::Json),
        (".jsonl", StacksFormat::Json),
    ];
    let name = path.file_name()?.to_str()?.to_lowercase();
    ENDS.iter().find(|(end, _)| name.ends_with(end)).map(|(_, format)| *format)
}

/// The span that `span` is compared with, if one was asked for. Unless its end is given it is as
/// long.
fn base_span(
    context: &Context,
    args: &StacksArgs,
    span: &Span,
) -> Result<Option<Span>, QueryError> {
    if args.base_from.is_none() {
        return Ok(None);
    }
    let (from, to) = (args.base_from.clone(), args.base_to.clone());
    let asked = SpanArgs { from, to, trigger: None, pin: None };
    let mut base = context.span(&asked)?;
    if args.base_to.is_none() {
        base.to = base.from.saturating_add(span.to.saturating_sub(span.from));
    }
    Ok(Some(base))
}

/// Tells what should be known of a profile, where it does not tell that itself.
fn note(context: &Context, source: &Source, told: &Gathered, format: StacksFormat) {
    let table = &source.schema.name;
    if let Some(until) = told.answer.coarse_until {
        context.note(&format!(
            "before {} only downsampled data of {table} is left, of which each row counts once",
            show_instant(until, &context.anchors.zone)
        ));
    }
    if told.answer.gaps > 0 && !matches!(format, StacksFormat::Top | StacksFormat::Tree) {
        context.note(&gaps(told, table));
    }
    let folded = told.profile.folded_away();
    if folded.samples > 0 {
        let sum = told.profile.sum();
        context.note(&format!(
            "{} in {:.1} % of {table} were deeper than what is kept apart: there they are [more]; \
             a shorter span or -w has fewer",
            show_many(folded.samples, "stack"),
            percent(folded.weight, sum.weight)
        ));
    }
}

/// The gaps in a span: `2 gaps in the span, 12 samples lost`.
fn gaps(told: &Gathered, table: &str) -> String {
    let gaps = show_many(told.answer.gaps, "gap");
    let lost = match told.lost {
        0 => String::new(),
        lost => format!(", {} lost", show_many(lost, "sample")),
    };
    format!("{gaps} in the span{lost}: `range -t {table}` shows them")
}
