//! A recording that is kept going: should writing it panic, what it held in memory becomes a gap
//! and it is reopened, so that a fault in one table's rows does not end the recorder.

use crate::actor::message::{Contents, Feed, QueuedRecord};
use crate::actor::source::supervisor::words;
use nodemon_formats::clock::boottime_ns;
use nodemon_formats::writer::{
    Commit, PinEvent, RecordingWriter, Resumption, WriteError, WriterOptions, WriterStats,
};
use nodemon_formats::{Gap, GapCause, Schema};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Panics within [`SPAN_NS`] that are borne; with one more the recorder ends, and whoever started
/// it starts it anew.
const MOST_PANICS: usize = 3;
const SPAN_NS: u64 = 60_000_000_000;

/// Gaps that are kept while they are not durable; of more than these only the writer knows.
const MOST_GAPS: usize = 1000;

/// A recording that outlives panics of its writer.
pub struct Kept {
    writer: Option<RecordingWriter>,
    /// How to reopen it, where that has failed.
    resumption: Option<Resumption>,
    /// What is not durable, by table, as the gap that it would leave; nothing where none is lost.
    undurable: BTreeMap<String, Gap>,
    /// Gaps that are not durable.
    gaps: Vec<Gap>,
    /// What earlier writers of this run came to.
    before: WriterStats,
    /// When it panicked, `CLOCK_BOOTTIME` ns.
    panics: Vec<u64>,
}

impl Kept {
    /// Keeps `writer` going.
    pub fn new(writer: RecordingWriter) -> Kept {
        Kept {
            writer: Some(writer),
            resumption: None,
            undurable: BTreeMap::new(),
            gaps: Vec::new(),
            before: WriterStats::default(),
            panics: Vec::new(),
        }
    }

    /// Records a gap.
    pub fn gap(&mut self, gap: Gap) {
        self.guarded(|writer| writer.gap(gap.clone()));
        if self.gaps.len() < MOST_GAPS {
            self.gaps.push(gap);
        }
    }

    /// Takes a record in.
    ///
    /// # Errors
    /// As [`RecordingWriter::push`].
    pub fn push(&mut self, sent: &QueuedRecord) -> Result<(), WriteError> {
        let pushed = self.guarded(|writer| writer.push(&sent.buffer));
        if let Some(Err(error)) = pushed {
            return Err(error);
        }
        if pushed.is_some() {
            self.note(&sent.feed, sent.contents);
        } else {
            self.before.samples_in += sent.contents.samples;
            self.before.samples_lost += sent.contents.samples;
            self.gap(gap_of(&sent.feed, sent.contents));
        }
        Ok(())
    }

    /// Makes everything durable, and opens the recording anew where that failed before.
    ///
    /// # Errors
    /// As [`RecordingWriter::commit`], or why the recording cannot be reopened.
    pub fn commit(&mut self) -> Result<Commit, WriteError> {
        self.resume()?;
        let result = self.guarded(RecordingWriter::commit);
        self.committed(result)
    }

    /// Seals everything and closes the recording. Tells the totals as well.
    ///
    /// # Errors
    /// As [`RecordingWriter::close`], or why the recording could not be reopened.
    pub fn close(mut self) -> (Result<Commit, WriteError>, WriterStats) {
        let result = match self.resume() {
            Ok(()) => self.guarded(|writer| writer.seal()),
            Err(error) => Some(Err(error)),
        };
        (self.committed(result), self.stats())
    }

    /// [`RecordingWriter::add_table`]
    pub fn add_table(&mut self, schema: Schema) -> u32 {
        match (self.guarded(|writer| writer.add_table(schema.clone())), &mut self.resumption) {
            (Some(number), _) => number,
            (None, Some(resumption)) => resumption.add_table(schema),
            // It panicked over this table and was reopened without it.
            (None, None) => u32::MAX,
        }
    }

    /// [`RecordingWriter::set_sizes`]
    ///
    /// # Errors
    /// As there.
    pub fn set_sizes(&mut self, sizes: &WriterOptions) -> Result<(), WriteError> {
        self.resume()?;
        self.guarded(|writer| writer.set_sizes(sizes)).unwrap_or(Ok(()))
    }

    /// [`RecordingWriter::take_pin_events`]
    pub fn take_pin_events(&mut self) -> Vec<PinEvent> {
        self.guarded(RecordingWriter::take_pin_events).unwrap_or_default()
    }

    /// Totals since the start.
    pub fn stats(&self) -> WriterStats {
        let mut stats = self.before;
        stats += self.writer.as_ref().map(RecordingWriter::stats).unwrap_or_default();
        stats
    }

    /// Does `what`; `None` where there is no writer or it panicked.
    fn guarded<T>(&mut self, what: impl FnOnce(&mut RecordingWriter) -> T) -> Option<T> {
        let writer = self.writer.as_mut()?;
        match catch_unwind(AssertUnwindSafe(|| what(writer))) {
            Ok(done) => Some(done),
            Err(panic) => {
                let now_ns = boottime_ns();
                self.panics.retain(|then_ns| now_ns.saturating_sub(*then_ns) < SPAN_NS);
                self.panics.push(now_ns);
                if self.panics.len() > MOST_PANICS {
                    std::panic::resume_unwind(panic);
                }
                self.broke_down(&words(&*panic));
                None
            }
        }
    }

    /// Lets go of a writer that panicked: of what it holds only the list of tables and the counts are
    /// looked at, which no panic can have left half done.
    fn broke_down(&mut self, why: &str) {
        let Some(writer) = self.writer.take() else { return };
        let stats = writer.stats();
        let waiting = stats.samples_in.saturating_sub(stats.samples_stored + stats.samples_lost);
        tracing::error!(
            "the writer panicked: {why}; {waiting} samples that were not durable are lost, and the \
             recording is reopened"
        );
        self.before += stats;
        self.before.samples_lost += waiting;
        self.undurable.values_mut().for_each(|gap| gap.detail = format!("it panicked: {why}"));
        self.resumption = Some(writer.resumption());
        let _ = catch_unwind(AssertUnwindSafe(|| drop(writer)));
        if let Err(error) = self.resume() {
            tracing::error!("{error}; tried again with the next commit");
        }
    }

    /// Opens the recording anew, if it has to be.
    fn resume(&mut self) -> Result<(), WriteError> {
        let Some(resumption) = &self.resumption else { return Ok(()) };
        let mut writer = resumption.open()?;
        self.resumption = None;
        // They are durable with the first commit, and kept until then.
        let lost = self.undurable.values_mut().filter(|gap| gap.lost > 0);
        self.gaps.extend(lost.map(|gap| {
            let told = gap.clone();
            gap.lost = 0;
            told
        }));
        self.gaps.iter().for_each(|gap| writer.gap(gap.clone()));
        self.writer = Some(writer);
        Ok(())
    }

    /// Counts a record as undurable. Allocates for the first of a table alone.
    fn note(&mut self, feed: &Feed, contents: Contents) {
        let (from_ns, to_ns) = contents.between_others(feed.interval_ns);
        match self.undurable.get_mut(&feed.table) {
            Some(gap) if gap.lost == 0 => {
                (gap.from_ns, gap.to_ns, gap.lost) = (from_ns, to_ns, contents.samples);
            }
            Some(gap) => {
                gap.from_ns = gap.from_ns.min(from_ns);
                gap.to_ns = gap.to_ns.max(to_ns);
                gap.lost += contents.samples;
            }
            None => {
                self.undurable.insert(feed.table.clone(), gap_of(feed, contents));
            }
        }
    }

    fn committed(
        &mut self,
        result: Option<Result<Commit, WriteError>>,
    ) -> Result<Commit, WriteError> {
        if let Some(Ok(_)) = result {
            self.undurable.values_mut().for_each(|gap| gap.lost = 0);
            self.gaps.clear();
        }
        result.unwrap_or(Ok(Commit::default()))
    }
}

/// The gap that a record leaves.
fn gap_of(feed: &Feed, contents: Contents) -> Gap {
    let (from_ns, to_ns) = contents.between_others(feed.interval_ns);
    Gap {
        table: feed.table.clone(),
        cause: GapCause::WriterFailed,
        from_ns,
        to_ns,
        lost: contents.samples,
        detail: String::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::Kept;
    use crate::actor::message::{Contents, Feed, QueuePermit, QueuedRecord};
    use crate::overhead::Overhead;
    use crate::trigger::Triggers;
    use nodemon_formats::clock::boottime_ns;
    use nodemon_formats::reader::Recording;
    use nodemon_formats::record::{BufferPool, RecordBuilder};
    use nodemon_formats::writer::{RecordingWriter, WriterOptions};
    use nodemon_formats::{GapCause, Schema, schema::unit};
    use std::path::Path;
    use std::sync::Arc;

    struct Trial {
        kept: Kept,
        feed: Arc<Feed>,
        record: RecordBuilder,
        overhead: Arc<Overhead>,
    }

    impl Trial {
        fn new(dir: &Path) -> Trial {
            let recording = RecordingWriter::open(dir, WriterOptions::new(64 << 20)).unwrap();
            let mut kept = Kept::new(recording);
            let other = Schema::sample("other", "test", "A number").counter("n", unit::COUNT, "");
            let schema = Schema::sample("load", "test", "A number").counter("n", unit::COUNT, "");
            kept.add_table(other);
            let number = kept.add_table(schema.clone());
            let overhead = Arc::<Overhead>::default();
            let feed = Arc::new(Feed {
                table: schema.name.clone(),
                number,
                interval_ns: 1,
                pool: BufferPool::new(4),
                overhead: overhead.source("test"),
                triggers: Triggers::default().table(&schema),
            });
            Trial { kept, feed, record: RecordBuilder::new(&schema), overhead }
        }

        fn push(&mut self, samples: u64) {
            let first_ns = boottime_ns();
            for n in 0..samples {
                self.record.begin_sample(first_ns + n);
                self.record.u64(n);
                self.record.end_sample();
            }
            let mut buffer = self.feed.pool.take().unwrap();
            self.record.finish(self.feed.number, &mut buffer).unwrap();
            let contents = Contents { samples, first_ns, last_ns: first_ns + samples - 1 };
            let permit = QueuePermit::within(&self.overhead, 1, u64::MAX).unwrap();
            self.kept
                .push(&QueuedRecord { buffer, feed: self.feed.clone(), contents, permit })
                .unwrap();
        }

        fn panic(&mut self) {
            assert!(self.kept.guarded(|_| -> () { panic!("bad luck") }).is_none());
        }
    }

    /// Rows, and what gaps of each cause lost.
    fn found(dir: &Path) -> (u64, Vec<(GapCause, u64, String)>) {
        let recording = Recording::open(dir).unwrap();
        assert!(recording.problems().is_empty(), "{:?}", recording.problems());
        let gaps = recording.gaps(Some("load"), i64::MIN, i64::MAX).unwrap();
        let gaps = gaps.into_iter().map(|gap| (gap.gap.cause, gap.gap.lost, gap.gap.detail));
        (recording.table("load").unwrap().unwrap().rows, gaps.collect())
    }

    #[test]
    fn a_panic_of_the_writer_costs_what_was_not_durable_which_is_a_counted_gap() {
        let dir = tempfile::tempdir().unwrap();
        let mut trial = Trial::new(dir.path());
        trial.push(7);
        trial.kept.commit().unwrap();
        trial.push(5);
        trial.push(6);
        trial.panic();
        trial.push(3);
        let (result, totals) = trial.kept.close();
        result.unwrap();
        let (rows, gaps) = found(dir.path());
        let told = "it panicked: bad luck".to_owned();
        assert_eq!((rows, gaps), (10, vec![(GapCause::WriterFailed, 11, told)]));
        let counts = (totals.samples_in, totals.samples_stored, totals.samples_lost);
        assert_eq!(counts, (21, 10, 11), "in = stored + lost");
    }

    #[test]
    fn what_a_second_panic_finds_undurable_is_in_the_gap_as_well() {
        let dir = tempfile::tempdir().unwrap();
        let mut trial = Trial::new(dir.path());
        trial.push(5);
        trial.panic();
        trial.push(2);
        trial.panic();
        trial.push(1);
        trial.kept.commit().unwrap();
        let (_, totals) = trial.kept.close();
        let (rows, gaps) = found(dir.path());
        let lost: u64 = gaps.iter().map(|(_, lost, _)| lost).sum();
        assert_eq!((rows, lost), (1, 7), "{gaps:?}");
        assert_eq!((totals.samples_in, totals.samples_stored, totals.samples_lost), (8, 1, 7));
    }

    #[test]
    fn where_the_recording_cannot_be_reopened_samples_are_a_gap_until_it_can() {
        let dir = tempfile::tempdir().unwrap();
        let mut trial = Trial::new(dir.path());
        trial.push(5);
        trial.kept.commit().unwrap();
        // Nobody can make a directory where a file is.
        let away = dir.path().with_extension("away");
        std::fs::rename(dir.path(), &away).unwrap();
        std::fs::write(dir.path(), "").unwrap();
        trial.panic();
        trial.push(4);
        assert!(trial.kept.commit().is_err(), "there is no directory");
        std::fs::remove_file(dir.path()).unwrap();
        std::fs::rename(&away, dir.path()).unwrap();
        trial.push(2);
        trial.kept.commit().unwrap();
        trial.push(3);
        let (_, totals) = trial.kept.close();
        let (rows, gaps) = found(dir.path());
        let lost: u64 = gaps.iter().map(|(_, lost, _)| lost).sum();
        assert_eq!((rows, lost), (8, 6), "{gaps:?}");
        assert_eq!((totals.samples_in, totals.samples_stored, totals.samples_lost), (14, 8, 6));
    }

    #[test]
    #[should_panic(expected = "bad luck")]
    fn a_writer_that_panics_again_and_again_ends_the_recorder() {
        let dir = tempfile::tempdir().unwrap();
        let mut trial = Trial::new(dir.path());
        (0..4).for_each(|_| trial.panic());
    }
}
