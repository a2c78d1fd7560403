//! `info`: what was recorded.

pub mod gaps;
mod pins;

use crate::cli::InfoArgs;
use crate::context::Context;
use crate::error::{Outcome, QueryError};
use crate::gaps::reported;
use crate::listing::{Facts, Listing, show_count, show_many};
use crate::output::Output;
use crate::tables::{Measured, measure};
use crate::time::{Stamp, show_age};
use nodemon_formats::reader::{Lasting, RingSummary, SegmentState, SegmentSummary, lasting_phrase};
use nodemon_formats::text::printable;
use nodemon_formats::units::{show_duration, show_size};

/// Intervals below this are worth a line.
const FAST_NS: u64 = 100_000_000;

/// Runs `info`.
///
/// # Errors
/// When the recording cannot be read or standard output cannot be written.
pub fn run(context: &Context, args: &InfoArgs) -> Result<Outcome, QueryError> {
    let segments = context.recording.segments()?;
    let gaps = crate::gaps::all(&context.recording)?;
    let lost = gaps::lost(&gaps);
    let gaps = reported(gaps);
    let mut text = summary(context, &segments, args.all)?;
    text.push_str(&format!("gaps        {}\n", gaps::in_short(&gaps)));
    text.push_str(&format!("lost        {}\n", printable(&lost.text())));
    text.push_str(&problems(context));
    if args.all {
        text.push('\n');
        text.push_str(&listing(context, &segments));
        if !gaps.is_empty() {
            text.push('\n');
            text.push_str(&gaps::listing(context, &gaps));
        }
    }
    Output::stdout().put(text.as_bytes())?;
    Ok(context.outcome())
}

fn summary(
    context: &Context,
    segments: &[SegmentSummary],
    is_all: bool,
) -> Result<String, QueryError> {
    let recording = &context.recording;
    let tables = measure::tables(context)?;
    let rings = recording.rings()?;
    let mut facts = Facts::new(11);
    let mut line = |name: &str, value: String| facts.line(name, &value);
    line("recording", recording.dir().display().to_string());
    line("host", recording.host().to_owned());
    line("state", state(context));
    if let Some((first, last)) = recording.span() {
        line("span", span(context, first, last));
    }
    let raw: Vec<&SegmentSummary> = segments.iter().filter(|s| s.tier_ns == 0).collect();
    let versions = distinct(segments.iter().map(|segment| segment.recorder_version.as_str()));
    line("recorder", format!("nodemon-recorder {}", versions.join(", ")));
    let boots = distinct(segments.iter().map(|segment| segment.boot_id.as_str()));
    line("boots", show_count(boots.len() as u64));
    line("segments", states(&raw));
    for tier in distinct(segments.iter().map(|segment| segment.tier_ns)) {
        if tier > 0 {
            let of_tier: Vec<_> = segments.iter().filter(|s| s.tier_ns == tier).collect();
            let size: u64 = of_tier.iter().map(|segment| segment.size_bytes).sum();
            let spans = || of_tier.iter().filter_map(|segment| segment.span);
            let covers = match (spans().next(), spans().next_back()) {
                (Some((first, _)), Some((_, last))) => format!(", {}", span(context, first, last)),
                _ => String::new(),
            };
            let name = show_duration(tier.cast_signed());
            line("tier", format!("{name}: {}{covers}", show_size(size)));
        }
    }
    let on_disk: u64 = segments.iter().map(|segment| segment.size_bytes).sum();
    line("size", format!("{} on disk{}", show_size(on_disk), density(&tables)));
    if let Some(lasts) = lasts(&rings) {
        line("lasts", lasts);
    }
    let pins = recording.pins()?;
    pins::lines(context, &pins, is_all).into_iter().for_each(|pin| line("pin", pin));
    line("tables", show_count(tables.len() as u64));
    let how = |table: &Measured| (table.schema.interval_ns, table.schema.source.clone());
    let fast = || tables.iter().filter(|table| is_fast(table));
    for (interval_ns, source) in distinct(fast().map(how)) {
        let names = fast().filter(|table| how(table) == (interval_ns, source.clone()));
        let names: Vec<&str> = names.map(|table| table.schema.name.as_str()).collect();
        let every = show_duration(interval_ns.cast_signed());
        line("sampled", format!("{} every {every}, from {source}", names.join(", ")));
    }
    Ok(facts.text())
}

/// For how long there is room, at the rate of what is there.
fn lasts(rings: &[RingSummary]) -> Option<String> {
    let bound = rings.iter().filter_map(|ring| ring.limits).map(|limits| limits.bound_bytes).max();
    let lasting = |ring: &RingSummary| Lasting {
        step_ns: ring.kind.step_ns(),
        seconds: ring.lasting_seconds(rings),
    };
    let in_use = rings.iter().filter(|ring| ring.is_in_use);
    let phrase = lasting_phrase(&in_use.map(lasting).collect::<Vec<_>>())?;
    Some(format!("{phrase} in {}, at this rate", show_size(bound?)))
}

/// Whether it is sampled so often that it matters by whom.
fn is_fast(table: &Measured) -> bool {
    (1..FAST_NS).contains(&table.schema.interval_ns)
}

fn density(tables: &[Measured]) -> String {
    let sealed = || tables.iter().filter(|table| table.blocks > 0);
    let values = sealed().map(Measured::values).fold(0, u64::saturating_add);
    let bytes = sealed().map(|table| table.size_bytes).fold(0, u64::saturating_add);
    if values == 0 {
        return String::new();
    }
    let density = bytes as f64 / values as f64;
    format!(", about {} values, {density:.3} B a value in blocks", show_count(values))
}

fn state(context: &Context) -> String {
    match context.recording.span() {
        _ if context.anchors.live => "live: a recorder is writing to it".into(),
        Some((_, last)) => {
            format!("not live; the last row is {}", show_age(last, context.anchors.now))
        }
        None => "not live, and it has no row".into(),
    }
}

fn span(context: &Context, first: i64, last: i64) -> String {
    let zone = &context.anchors.zone;
    let length = show_duration(last.saturating_sub(first));
    let (begin, end) = (Stamp::from_ns(first, zone), Stamp::from_ns(last, zone));
    let end = if begin.date == end.date { end.clock(0) } else { end.text(0) };
    format!("{} .. {end} ({length})", begin.text(0))
}

fn states(segments: &[&SegmentSummary]) -> String {
    let mut parts = Vec::new();
    for state in
        [SegmentState::Active, SegmentState::Sealed, SegmentState::Crashed, SegmentState::Salvaged]
    {
        let count = segments.iter().filter(|segment| segment.state == state).count();
        if count > 0 {
            parts.push(format!("{count} {}", name_of(state)));
        }
    }
    parts.join(", ")
}

fn name_of(state: SegmentState) -> &'static str {
    match state {
        SegmentState::Active => "active",
        SegmentState::Sealed => "sealed",
        SegmentState::Crashed => "crashed",
        SegmentState::Salvaged => "damaged",
    }
}

fn distinct<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut distinct = Vec::new();
    for value in values {
        if !distinct.contains(&value) {
            distinct.push(value);
        }
    }
    distinct
}

fn problems(context: &Context) -> String {
    let problems = &context.problems;
    if problems.parts() == 0 {
        return "problems    none; `nodemon-query verify` reads every checksum\n".into();
    }
    let mut text = format!("problems    {}\n", show_many(problems.parts(), "problem"));
    for problem in problems.sentences() {
        text.push_str(&format!("            {}\n", printable(&problem)));
    }
    text
}

fn ring_of(segment: &SegmentSummary) -> String {
    let ring = match segment.tier_ns {
        0 if segment.is_fine => "fine".into(),
        0 => String::new(),
        step_ns => show_duration(step_ns.cast_signed()),
    };
    match segment.is_pinned {
        true if ring.is_empty() => "pinned".into(),
        true => format!("{ring}, pinned"),
        false => ring,
    }
}

fn listing(context: &Context, segments: &[SegmentSummary]) -> String {
    let mut listing =
        Listing::new(&["segment", "ring", "state", ">size", ">blocks", "boot", "span"]);
    for segment in segments {
        let name = segment.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        listing.row([
            name,
            ring_of(segment),
            name_of(segment.state).into(),
            show_size(segment.size_bytes),
            show_count(segment.blocks),
            segment.boot_id.chars().take(8).collect(),
            segment.span.map_or(String::new(), |(first, last)| span(context, first, last)),
        ]);
    }
    listing.text(context.color)
}
