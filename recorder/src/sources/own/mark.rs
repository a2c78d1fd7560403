//! What people marked, as rows.

use crate::mark::{self, DIRECTORY, Mark};
use crate::source::{Context, Descriptor, Feeding, Sink, Source, SourceError, SourceKind};
use nodemon_formats::schema::unit;
use nodemon_formats::{ColumnType, Schema};
use rustix::fs::stat;
use rustix::time::{ClockId, clock_gettime};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The source of the table `mark`.
pub const SOURCE: Descriptor = Descriptor {
    name: "mark",
    reads: "nodemon-recorder mark",
    default_interval: EVERY,
    default_on: true,
    kind: SourceKind::Polled,
    tables: &|| vec![schema()],
    described: None,
    open: &|context| Ok(Box::new(Marks::new(context))),
};

const EVERY: Duration = Duration::from_secs(1);
/// A row is durable within a second of its sample; its file stays until then.
const KEPT_NS: u64 = 3_000_000_000;
/// What is older was marked while nobody recorded.
const LATE_NS: u64 = 10_000_000_000;

fn schema() -> Schema {
    Schema::event(
        "mark",
        "nodemon-recorder mark",
        "What somebody marked, to find it again: a job that begins, a deployment, a note. What was \
         marked while nobody recorded has its row when the recorder starts. Killed within three \
         seconds of a mark, the recorder may write it twice.",
    )
    .key("name", ColumnType::String, "what kind of thing it is")
    .state("text", ColumnType::String, "whatever else was said")
    .state("user", ColumnType::U64, "number of the user who marked it")
    .gauge(
        "late_ns",
        ColumnType::U64,
        unit::NS,
        "how much earlier it was marked, while nobody recorded; absent where that was before a boot",
    )
}

struct Marks {
    recording: PathBuf,
    /// Those that have a row, and since when.
    told: BTreeMap<PathBuf, u64>,
    /// The directory when it was read last: when it was changed, and its number.
    read: Option<(i64, u64, u64)>,
    every: Duration,
}

impl Marks {
    fn new(context: &Context) -> Marks {
        Marks {
            recording: context.recording.clone(),
            told: BTreeMap::new(),
            read: None,
            every: context.asked.interval,
        }
    }

    /// Whether there may be marks that have no row.
    fn has_changed(&mut self) -> bool {
        let Ok(now) = stat(self.recording.join(DIRECTORY)) else { return false };
        let wall_s = clock_gettime(ClockId::Realtime).tv_sec;
        // Two changes may have one time: the kernel's clock for files ticks every few ms.
        let is_fresh = wall_s.abs_diff(now.st_mtime) <= 2;
        let now = Some((now.st_mtime, now.st_mtime_nsec, now.st_ino));
        std::mem::replace(&mut self.read, now) != now || is_fresh
    }
}

impl Source for Marks {
    fn sample(&mut self, sink: &mut Sink) -> Result<(), SourceError> {
        let now_ns = sink.time_ns();
        let done = self.told.iter().filter(|(_, told_ns)| now_ns - **told_ns > KEPT_NS);
        let done: Vec<PathBuf> = done.map(|(path, _)| path.clone()).collect();
        for path in done {
            mark::remove(&path);
            self.told.remove(&path);
        }
        if !self.has_changed() {
            return Ok(());
        }
        for (path, mark) in mark::waiting(&self.recording) {
            if self.told.contains_key(&path) {
                continue;
            }
            match mark {
                Some(mark) => put(&mark, now_ns, sink),
                None => tracing::warn!("{} is no mark, and is removed", path.display()),
            }
            self.told.insert(path, now_ns);
        }
        Ok(())
    }

    fn feeding(&self) -> Option<Feeding> {
        Some(Feeding { tables: vec![schema()], every: self.every, drains: true })
    }
}

fn put(mark: &Mark, now_ns: u64, sink: &mut Sink) {
    let age_ns = mark.age_ns();
    let is_late = age_ns.is_none_or(|age_ns| age_ns > LATE_NS);
    let table = sink.table(0);
    table.begin_event(if is_late { now_ns } else { mark.boottime_ns });
    table.str(&mark.name);
    table.str(&mark.text);
    table.u64(mark.user.into());
    table.opt_u64(if is_late { age_ns } else { Some(0) });
    table.end_event();
}
