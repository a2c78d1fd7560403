//! A recording against a model of it in memory, over arbitrary histories: records of several tables
//! are pushed and committed, the recorder is killed, closed and started again, the ring turns and
//! changes its size. After each step the recording is what the model says.

use super::model::{Sample, samples, sorted};
use super::noise::{LANES, noise, word};
use super::support::{
    Row, SUMMARY_BETWEEN_ROWS, bits, config, copy_of, du, every_type, everything_of, put_event,
    put_sample, rows_in,
};
use nodemon_formats::clock::boottime_ns;
use nodemon_formats::reader::{Recording, ScanItem, Verdict};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::{Schema, TableKind};
use nodemon_formats::writer::{
    FINE_BELOW_NS, LEAST_RING_BYTES, RecordingWriter, TierOptions, WriterOptions,
};
use proptest::prelude::*;
use rkyv::util::AlignedVec;
use tempfile::TempDir;

/// One step of a history.
#[derive(Clone, Debug)]
enum Step {
    /// Push a record of a table.
    Push(usize, Vec<Sample>),
    /// Push and commit this many times what fills a good part of a segment.
    Flood(usize),
    Commit,
    /// The recorder is killed and starts again.
    Kill,
    /// The recorder ends and starts again.
    Restart,
    /// The ring takes this many MiB from now on.
    RingSize(u64),
    /// The recorder ends and starts again, with fine rows kept apart where they were not, or not any
    /// more.
    OtherRings,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0usize..3, samples(12, 20_000)).prop_map(|(table, samples)| Step::Push(table, samples)),
        2 => (1usize..8).prop_map(Step::Flood),
        6 => Just(Step::Commit),
        2 => Just(Step::Kill),
        1 => Just(Step::Restart),
        1 => (8u64..20).prop_map(Step::RingSize),
        1 => Just(Step::OtherRings),
    ];
    proptest::collection::vec(step, 1..70)
}

/// A fast table, a slow one whose records go through the journal, one of events, and one that
/// fills the ring.
fn schemas() -> [Schema; 4] {
    let every = |name: &str, kind, interval_ns| Schema {
        name: name.into(),
        kind,
        ..every_type(interval_ns)
    };
    [
        every("fast", TableKind::Sample, 1_000_000),
        every("slow", TableKind::Sample, 1_000_000_000),
        every("events", TableKind::Event, 0),
        noise(),
    ]
}

const NOISE: usize = 3;
const FLOOD_ROWS: usize = 1500;
const MIB: u64 = 1 << 20;

/// What should be there of one table.
#[derive(Default)]
struct Table {
    committed: Vec<Row>,
    pending: Vec<Row>,
    /// Of `committed`, what the last commit brought.
    newest: usize,
}

/// The recorder and the model.
struct World {
    dir: TempDir,
    writer: Option<RecordingWriter>,
    ring_bytes: u64,
    /// Whether fine rows have a ring of their own.
    has_fine: bool,
    /// Whether the ring was ever short of room.
    evicted: bool,
    time_ns: u64,
    tables: [Table; 3],
    /// Times of the rows of noise, and how many of them are committed.
    noise_ns: Vec<u64>,
    noise_committed: usize,
    /// Samples pushed to this writer.
    samples_in: u64,
    samples_pending: u64,
    /// Table and times of rows that a kill cost, until a commit must have told of them.
    lost: Vec<(usize, u64, u64)>,
}

fn options(ring_bytes: u64, has_fine: bool) -> WriterOptions {
    let tier = |step_ns| TierOptions { step_ns, size_bytes: LEAST_RING_BYTES };
    let mut options = WriterOptions::new(ring_bytes);
    options.tiers = vec![tier(1_000_000_000)];
    let is_split = has_fine && ring_bytes >= 3 * LEAST_RING_BYTES;
    options.fine_size_bytes = if is_split { (ring_bytes - LEAST_RING_BYTES) / 2 } else { 0 };
    options
}

fn open(dir: &TempDir, ring_bytes: u64, has_fine: bool) -> RecordingWriter {
    let mut writer = RecordingWriter::open(dir.path(), options(ring_bytes, has_fine)).unwrap();
    for (number, schema) in schemas().into_iter().enumerate() {
        assert_eq!(writer.add_table(schema) as usize, number);
    }
    writer
}

/// Rows in order with their times, so that what is not a number is equal to itself.
fn timed(rows: &[Row]) -> Vec<(u64, String)> {
    let rows = sorted(rows.to_vec());
    rows.iter().map(|row| row.0).zip(bits(&rows)).collect()
}

impl World {
    fn new(has_fine: bool) -> World {
        let dir = tempfile::tempdir().unwrap();
        let ring_bytes = 12 * MIB;
        World {
            writer: Some(open(&dir, ring_bytes, has_fine)),
            dir,
            ring_bytes,
            has_fine,
            evicted: false,
            time_ns: 0,
            tables: Default::default(),
            noise_ns: Vec::new(),
            noise_committed: 0,
            samples_in: 0,
            samples_pending: 0,
            lost: Vec::new(),
        }
    }

    fn writer(&mut self) -> &mut RecordingWriter {
        self.writer.as_mut().unwrap()
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Push(table, samples) => self.push(*table, samples),
            Step::Flood(times) => {
                for _ in 0..*times {
                    self.flood();
                    self.commit();
                }
            }
            Step::Commit => self.commit(),
            Step::Kill => self.kill(),
            Step::Restart => self.restart(),
            Step::OtherRings => {
                self.has_fine = !self.has_fine;
                self.restart();
            }
            Step::RingSize(mib) => {
                let bytes = mib * MIB;
                let is_smaller = bytes < self.ring_bytes;
                self.evicted |= is_smaller;
                self.ring_bytes = bytes;
                self.writer().set_ring_size(bytes).unwrap();
                if is_smaller {
                    self.committed();
                }
            }
        }
    }

    /// A time that no row has yet and that is past when rows at it are pushed.
    fn next_time(&mut self, step_ns: u64) -> u64 {
        self.time_ns += step_ns;
        while boottime_ns() < self.time_ns {}
        self.time_ns
    }

    fn begin(&mut self) {
        self.time_ns = boottime_ns().max(self.time_ns + 1);
    }

    fn push(&mut self, number: usize, samples: &[Sample]) {
        let schema = &schemas()[number];
        let mut record = RecordBuilder::new(schema);
        self.begin();
        for (step_ns, rows) in samples {
            let time_ns = self.next_time(*step_ns);
            let is_event = schema.kind == TableKind::Event;
            if !is_event {
                put_sample(&mut record, time_ns, rows);
            }
            for (keys, values) in rows {
                let all: Vec<_> = keys.iter().chain(values).cloned().collect();
                let row = if is_event {
                    put_event(&mut record, time_ns, &all);
                    (time_ns, Vec::new(), all)
                } else {
                    (time_ns, keys.clone(), values.clone())
                };
                self.tables[number].pending.push(row);
            }
        }
        self.send(&mut record, number);
    }

    fn flood(&mut self) {
        let mut record = RecordBuilder::new(&schemas()[NOISE]);
        self.begin();
        for _ in 0..FLOOD_ROWS {
            let time_ns = self.next_time(100);
            record.begin_sample(time_ns);
            for lane in 0..LANES {
                record.instance(|key| key.u64(lane));
                record.u64(word(self.noise_ns.len() as u64, lane));
            }
            record.end_sample();
            self.noise_ns.push(time_ns);
        }
        self.send(&mut record, NOISE);
    }

    fn send(&mut self, record: &mut RecordBuilder, number: usize) {
        self.samples_pending += record.samples() as u64;
        self.samples_in += record.samples() as u64;
        let mut archive = AlignedVec::new();
        record.finish(number as u32, &mut archive).unwrap();
        self.writer().push(&archive).unwrap();
    }

    fn commit(&mut self) {
        let commit = self.writer().commit().unwrap();
        assert_eq!(commit.rows, self.samples_pending, "samples made durable");
        self.evicted |= commit.evicted > 0;
        self.committed();
        self.assert_lost_is_told();
    }

    fn committed(&mut self) {
        for table in &mut self.tables {
            table.newest = table.pending.len();
            table.committed.append(&mut table.pending);
        }
        self.noise_committed = self.noise_ns.len();
        self.samples_pending = 0;
        let taken = du(self.dir.path());
        assert!(taken <= self.ring_bytes, "du says {taken} of a ring of {}", self.ring_bytes);
    }

    /// What a kill cost is in a gap that the first commit after it brings.
    fn assert_lost_is_told(&mut self) {
        if self.lost.is_empty() {
            return;
        }
        let recording = Recording::open(self.dir.path()).unwrap();
        for (number, first_ns, last_ns) in self.lost.drain(..) {
            let name = schemas()[number].name.clone();
            let gaps = recording.gaps(Some(&name), i64::MIN, i64::MAX).unwrap();
            let told =
                gaps.iter().any(|gap| gap.gap.from_ns <= first_ns && gap.gap.to_ns >= last_ns);
            assert!(
                told,
                "rows of {name} in {first_ns}..={last_ns} are lost and no gap tells: {gaps:?}"
            );
        }
    }

    fn kill(&mut self) {
        let copy = copy_of(self.dir.path());
        // No destructor may run: a process that is killed runs none.
        std::mem::forget(self.writer.take());
        self.dir = copy;
        // Where there was no segment yet, nothing can tell of the run that was killed.
        for (number, table) in self.tables.iter_mut().enumerate() {
            if let (Some(first), Some(last)) = (table.pending.first(), table.pending.last())
                && Recording::open(self.dir.path()).is_ok()
            {
                self.lost.push((number, first.0, last.0));
            }
            table.pending.clear();
        }
        self.noise_ns.truncate(self.noise_committed);
        self.start();
    }

    fn restart(&mut self) {
        let commit = self.writer.take().unwrap().close().unwrap();
        assert_eq!(commit.rows, self.samples_pending, "samples made durable by closing");
        self.evicted |= commit.evicted > 0;
        self.committed();
        self.start();
    }

    fn start(&mut self) {
        if du(self.dir.path()) > 0 && self.tables.iter().any(|table| !table.committed.is_empty()) {
            self.assert_same("before the next run");
        }
        self.samples_in = 0;
        self.samples_pending = 0;
        self.writer = Some(open(&self.dir, self.ring_bytes, self.has_fine));
    }

    fn assert_same(&self, when: &str) {
        let recording = match Recording::open(self.dir.path()) {
            Ok(recording) => recording,
            Err(error) => {
                let rows: usize = self.tables.iter().map(|table| table.committed.len()).sum();
                assert_eq!(rows + self.noise_committed, 0, "{when}: {error}");
                return;
            }
        };
        assert!(recording.problems().is_empty(), "{when}: {:?}", recording.problems());
        for (schema, table) in schemas().iter().zip(&self.tables) {
            let (read, mut problems) = rows_in(&recording, &schema.name, 1);
            let is_fast = schema.interval_ns < FINE_BELOW_NS && schema.kind == TableKind::Sample;
            // Of the two rings that have these rows one may have forgotten what lies between them.
            problems.retain(|told| !(is_fast && self.evicted && told == SUMMARY_BETWEEN_ROWS));
            assert!(problems.is_empty(), "{when}: {problems:?}");
            let (read, expected) = (timed(&read), timed(&table.committed));
            let how = (table.newest, is_fast);
            self.assert_is_left(&read, &expected, how, &schema.name, when);
        }
    }

    /// What is left of a table once a ring was short of room: the newest rows, and no row that was
    /// not pushed. Those of fast tables are in two rings, each of which forgets its oldest first.
    fn assert_is_left<R: PartialEq>(
        &self,
        read: &[R],
        expected: &[R],
        (newest, is_fast): (usize, bool),
        table: &str,
        when: &str,
    ) {
        let (left, all) = (read.len(), expected.len());
        assert!(self.evicted || left == all, "{when}: {left} of {all} rows of {table}");
        let newest = &expected[all - newest..];
        assert!(read.ends_with(newest), "{when}: rows of {table} that were committed last");
        let mut expected_left = expected.iter();
        let in_order = read.iter().all(|row| expected_left.any(|expected| expected == row));
        assert!(in_order, "{when}: a row of {table} that was never committed, or twice");
        assert!(is_fast || expected.ends_with(read), "{when}: a hole in {table}");
    }

    /// The rows of noise, and that every checksum is right: what takes longer.
    fn assert_all_same(&self, when: &str) {
        self.assert_same(when);
        let Ok(recording) = Recording::open(self.dir.path()) else { return };
        let mut times = Vec::new();
        let expected = &self.noise_ns[..self.noise_committed];
        if let Ok(scan) = recording.scan(everything_of("noise", 2)) {
            for item in scan {
                let chunk = match item.unwrap() {
                    ScanItem::Chunk(chunk) => chunk,
                    // Of what a ring has forgotten.
                    ScanItem::Summary(_) if self.evicted => continue,
                    other => panic!("{when}: {other:?}"),
                };
                for (row, time_ns) in chunk.boot_times.iter().enumerate() {
                    let number = expected.binary_search(time_ns).expect("a row never committed");
                    for lane in 0..LANES {
                        let read = chunk.cells(0, lane as usize).words.at(row);
                        assert_eq!(read, word(number as u64, lane), "{when}: noise");
                    }
                }
                times.extend(chunk.boot_times);
            }
        }
        self.assert_is_left(&times, expected, (0, true), "noise", when);
        for verdict in recording.verify() {
            let Verdict::Segment(segment) = verdict else { panic!("{when}: {verdict:?}") };
            assert!(segment.problems.is_empty(), "{when}: {:?}", segment.problems);
        }
    }

    fn assert_stats(&mut self) {
        let (samples_in, pending) = (self.samples_in, self.samples_pending);
        let stats = self.writer().stats();
        assert_eq!(stats.samples_in, samples_in);
        assert_eq!(stats.samples_stored + stats.samples_lost + pending, samples_in);
    }
}

proptest! {
    #![proptest_config(config(16))]

    #[test]
    fn a_recording_is_what_its_history_says(steps in steps(), has_fine: bool) {
        let mut world = World::new(has_fine);
        for (number, step) in steps.iter().enumerate() {
            world.take(step);
            world.assert_stats();
            world.assert_same(&format!("after step {number}"));
        }
        world.assert_all_same("while it is written");
        world.restart();
        world.assert_all_same("after closing");
    }
}
