//! What people marked, as rows.

use crate::mark::{self, DIRECTORY, Mark};
use crate::source::{Context, Descriptor, Feeding, Sink, Source, SourceError, SourceKind};
use nodemon_formats::clock::boottime_ns;
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
    /// What was marked before that was marked while nobody recorded.
    since_ns: u64,
    /// Time of the newest row: times never go back.
    last_ns: u64,
    /// Those that have a row, and since when.
    told: BTreeMap<PathBuf, u64>,
    /// The directory when it was read last: when it was changed, and its number.
    read: Option<(i64, u64, u64)>,
    every: Duration,
}

impl Marks {
    fn new(context: &Context) -> Marks {
        let since_ns = boottime_ns();
        Marks {
            since_ns,
            last_ns: since_ns,
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

    /// What was marked while nobody recorded has its row at the time when this began.
    fn put(&mut self, mark: &Mark, sink: &mut Sink) {
        let age_ns = mark.age_ns();
        let is_late = age_ns.is_none() || mark.boottime_ns < self.since_ns;
        self.last_ns = self.last_ns.max(if is_late { self.since_ns } else { mark.boottime_ns });
        let table = sink.table(0);
        table.begin_event(self.last_ns);
        table.str(&mark.name);
        table.str(&mark.text);
        table.u64(mark.user.into());
        table.opt_u64(if is_late { age_ns } else { Some(0) });
        table.end_event();
    }
}

impl Source for Marks {
    fn sample(&mut self, sink: &mut Sink) -> Result<(), SourceError> {
        let now_ns = sink.time_ns();
        let done =
            self.told.iter().filter(|(_, told_ns)| now_ns.saturating_sub(**told_ns) > KEPT_NS);
        let done: Vec<PathBuf> = done.map(|(path, _)| path.clone()).collect();
        for path in done {
            // One that stays, for whatever reason, keeps its row and gets no other.
            match mark::remove(&path) {
                true => self.told.remove(&path),
                false => self.told.insert(path, u64::MAX),
            };
        }
        if !self.has_changed() {
            return Ok(());
        }
        for (path, mark) in mark::waiting(&self.recording) {
            if self.told.contains_key(&path) {
                continue;
            }
            match mark {
                Some(mark) => self.put(&mark, sink),
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::{Marks, schema};
    use crate::mark::{DIRECTORY, Mark, waiting, write};
    use crate::source::{Context, Sink, Source};
    use nodemon_formats::clock::boottime_ns;
    use nodemon_formats::record::RecordView;
    use nodemon_skip::skip;
    use rkyv::util::AlignedVec;
    use std::process::Command;

    /// Time and lateness of each row of a sample.
    fn sample(marks: &mut Marks, sink: &mut Sink) -> Vec<(u64, u64)> {
        marks.sample(sink).unwrap();
        let mut bytes = AlignedVec::new();
        sink.table(0).finish(0, &mut bytes).unwrap();
        let schema = schema();
        let record = RecordView::access(&bytes, schema.row_width(), schema.key_width()).unwrap();
        let late = |row: usize| record.cells()[row * schema.row_width() + 3].to_native();
        record.times().iter().enumerate().map(|(row, time)| (time.to_native(), late(row))).collect()
    }

    #[test]
    fn times_of_rows_never_go_back_whenever_it_was_marked() {
        let dir = tempfile::tempdir().unwrap();
        let mark = |age_ns: u64| {
            let now = Mark::now("deploy", "").unwrap();
            let mark = Mark { boottime_ns: now.boottime_ns - age_ns, ..now };
            write(dir.path(), &mark).unwrap();
        };
        for age_ns in [60_000_000_000, 5_000_000_000, 1] {
            mark(age_ns);
        }
        let mut marks =
            Marks::new(&Context { recording: dir.path().to_owned(), ..Context::default() });
        let since = boottime_ns();
        let mut sink = Sink::new(&[schema()]);
        let first = sample(&mut marks, &mut sink);
        mark(0);
        let second = sample(&mut marks, &mut sink);
        let all = [first, second].concat();
        assert_eq!(all.len(), 4, "each once: {all:?}");
        assert!(all.is_sorted_by_key(|(time, _)| *time), "{all:?}");
        for (row, late_ns) in [(0, 60_000_000_000), (1, 5_000_000_000)] {
            assert!(all[row].1 >= late_ns && all[row].0 + 1_000_000_000 > since, "{all:?}");
        }
        assert_eq!(all[3].1, 0, "marked while it was recorded: {all:?}");
    }

    #[test]
    fn a_mark_whose_file_cannot_be_removed_has_one_row() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &Mark::now("deploy", "").unwrap()).unwrap();
        let immutable = |how: &str| {
            let directory = dir.path().join(DIRECTORY);
            Command::new("chattr").arg(how).arg(directory).status().is_ok_and(|said| said.success())
        };
        let mut marks =
            Marks::new(&Context { recording: dir.path().to_owned(), ..Context::default() });
        let mut sink = Sink::new(&[schema()]);
        assert_eq!(sample(&mut marks, &mut sink).len(), 1);
        if !immutable("+i") {
            return skip!("nothing can be made immutable here");
        }
        marks.told.values_mut().for_each(|told_ns| *told_ns = 0);
        let again = sample(&mut marks, &mut sink).len() + sample(&mut marks, &mut sink).len();
        assert!(immutable("-i"));
        assert_eq!(again, 0, "it has its row");
        assert_eq!(waiting(dir.path()).len(), 1);
    }
}
